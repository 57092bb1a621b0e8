"""What Sphinx lacks for the site: formulas without scripts, languages, the glossary."""

import json
import re
from functools import cache
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

from tools.site.pages import LANGUAGES, LESSON, anchor, terms

PLAIN = (nodes.reference, nodes.literal, nodes.title, nodes.math, nodes.raw)


def setup(app):
    """Register with Sphinx."""
    formulas = (_formula, None), (_displayed_formula, None)
    app.add_html_math_renderer("mathml", *formulas)
    app.connect("builder-inited", _add_files)
    app.connect("html-page-context", _add_languages)
    app.connect("doctree-resolved", _link_terms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _formula(self, node, as_block=False):
    try:
        self.body.append(tex2mathml(node.astext(), as_block=as_block))
    except MathError as error:
        logging.getLogger(__name__).warning("%s", error, location=node)
    raise nodes.SkipNode


def _displayed_formula(self, node):
    _formula(self, node, as_block=True)


def _add_files(app):
    """Publish the figures of the notebooks, and the notebooks themselves."""
    app.config.html_static_path.append(str(Path(app.srcdir) / "_files"))


def _add_languages(app, page, template, context, doctree):
    """Lead to the same page in the other languages, or to their first page."""
    up = "../" * (page.count("/") + 1)
    context["translations"] = [
        (
            code,
            LANGUAGES[code],
            f"{up}{code}/{page if page in pages else LESSON}.html",
        )
        for code, pages in _pages(Path(app.srcdir).parent).items()
    ]


@cache
def _pages(folder: Path) -> dict[str, list[str]]:
    """Read which pages each language has."""
    return json.loads((folder / "pages.json").read_text(encoding="utf-8"))


def _link_terms(app, doctree, page):
    """Link the first use of each term to the glossary."""
    if "glossary" not in app.env.found_docs:  # the slides
        return
    if page == "glossary" or page.startswith("notebooks/quiz"):
        return
    place = app.builder.get_relative_uri(page, "glossary")
    words, pattern = _words(app.config.language)
    seen = set()
    for text in list(doctree.findall(nodes.Text)):
        if not _is_prose(text):
            continue
        parts = pattern.split(text.astext())
        new = [_term(part, words, place, seen) for part in parts if part]
        if any(isinstance(node, nodes.reference) for node in new):
            text.parent.replace(text, new)


@cache
def _words(language: str) -> tuple[dict[str, str], re.Pattern]:
    """Return the place of each term, and what finds terms in a text."""
    words = {word.lower(): anchor(en) for word, en in terms(language)}
    longest_first = sorted(words, key=len, reverse=True)
    either = "|".join(map(re.escape, longest_first))
    return words, re.compile(rf"(?<!\w)({either})(?!\w)", re.IGNORECASE)


def _is_prose(text) -> bool:
    above, node = [], text.parent
    while node is not None:
        above.append(node)
        node = node.parent
    is_plain = any(isinstance(node, PLAIN) for node in above)
    return not is_plain and any(isinstance(node, nodes.paragraph) for node in above)


def _term(part: str, words: dict[str, str], place: str, seen: set[str]):
    target = words.get(part.lower())
    if target is None or target in seen:
        return nodes.Text(part)
    seen.add(target)
    link = f"{place}#{target}"
    return nodes.reference("", part, refuri=link, internal=True, classes=["term"])
