"""Read Markdown: sections, the page that it makes, and prose."""

from itertools import pairwise
from typing import NamedTuple

from bs4 import BeautifulSoup
from markdown_it import MarkdownIt

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


class Section(NamedTuple):
    """A heading and what follows, up to the next heading."""

    line: int  # of the heading, from 1
    level: int  # of the heading, 1 to 6
    title: str  # the text of the heading, as Markdown
    heading: list[str]  # its lines
    body: list[str]  # the lines below it

    @property
    def text(self) -> str:
        """Join all lines."""
        return "\n".join(self.heading + self.body)


def sections(text: str) -> list[Section]:
    """Cut a Markdown text at its headings; what looks like one in code is none.

    Parameters
    ----------
    text : str
        Markdown.

    Returns
    -------
    list of Section
        In order. What stands before the first heading is left out.
    """
    tokens, lines = MARKDOWN.parse(text), text.split("\n")
    found = [
        (token.map, int(token.tag[1]), inline.content)
        for token, inline in pairwise(tokens)
        if token.type == "heading_open" and token.level == 0
    ]
    starts = [start for (start, _), *_ in found]
    ends = [*starts, len(lines)][1:]
    return [
        Section(start + 1, level, title, lines[start:after], lines[after:end])
        for ((start, after), level, title), end in zip(found, ends, strict=True)
    ]


def render(text: str) -> BeautifulSoup:
    """Turn Markdown into HTML, to look for links, pictures and words in it.

    Parameters
    ----------
    text : str
        Markdown, with HTML in it or not.

    Returns
    -------
    BeautifulSoup
    """
    return BeautifulSoup(MARKDOWN.render(text), "html.parser")


def prose(page: BeautifulSoup) -> str:
    """Return what a reader reads, and what a picture says to those who cannot see it.

    Parameters
    ----------
    page : BeautifulSoup
        What `render` gives; it stays as it is.

    Returns
    -------
    str
        The text without code, links' targets and HTML.
    """
    page = BeautifulSoup(str(page), "html.parser")
    for code in page.find_all(["pre", "code"]):
        code.replace_with(" ")
    for picture in page.find_all("img"):
        picture.replace_with(f" {picture.get('alt', '')} ")
    return page.get_text(" ")
