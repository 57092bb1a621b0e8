"""The anchors that GitHub gives to headings, for links to them."""

import re
from collections import Counter

from tools.markdown import render


def anchors(text: str) -> list[str]:
    """List the anchors that GitHub gives to the headings of a text.

    Parameters
    ----------
    text : str
        Markdown.

    Returns
    -------
    list of str
        In order: small letters, digits and hyphens; a number where one comes again.
    """
    found, seen = [], Counter()
    for heading in render(text).find_all(re.compile("^h[1-6]$")):
        words = heading.get_text().strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.append(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found
