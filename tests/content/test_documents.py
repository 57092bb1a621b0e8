"""Every text of the course can be read by everybody, and no link in it is broken.

The headings of notebooks/*.ipynb and the pictures that cells make are the matter of
test_notebooks.py.
"""

import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import nbformat
import pytest
import tinycss2
from PIL import ImageColor

from tests.content.anchors import anchors
from tools.markdown import prose, render

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
LAB = [ROOT / "lab" / name / "pets/OxfordPets.ipynb" for name in ("source", "release")]
MARKDOWN = [ROOT / "README.md", ROOT / "data/README.md", *(ROOT / "lab").glob("*.md")]
LESSONS = [*NOTEBOOKS.glob("*.md"), *NOTEBOOKS.glob("quiz/*.md")]  # not JupyterLab's
DOCUMENTS = sorted(MARKDOWN + LAB + LESSONS + [*NOTEBOOKS.glob("*.ipynb")])
SVGS = sorted(NOTEBOOKS.glob("images/*.svg"))
# Where mirrors of archives are listed, the address is what the reader looks for.
SHOWS_ADDRESSES = {ROOT / "data/README.md"}
# Texts of links that say nothing to those who hear them alone, by language.
EMPTY_WORDS = {
    *("here", "click here", "link", "this", "this link", "this page", "more"),
    *("her", "klik her", "link", "linket", "dette", "denne side", "mere", "læs mere"),
    *("εδώ", "σύνδεσμος", "αυτό", "αυτός ο σύνδεσμος", "περισσότερα"),
    *("čia", "nuoroda", "ši nuoroda", "tai", "šis", "daugiau"),
    *("здесь", "тут", "сюда", "ссылка", "эта ссылка", "это", "подробнее"),
    *("tukaj", "tu", "povezava", "ta povezava", "to", "več"),
}
LIGHT, DARK = "#ffffff", "#0d1117"  # the page, on GitHub
CONTRAST = 4.5  # WCAG 2.2, 1.4.3


class Document(NamedTuple):
    """A Markdown file, or the prose of a notebook."""

    path: Path
    text: str


def read(path: Path) -> Document:
    if path.suffix == ".md":
        return Document(path, path.read_text(encoding="utf-8"))
    cells = nbformat.read(path, as_version=4).cells
    prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
    return Document(path, "\n\n".join(prose))


def places(document: Document) -> set[str]:
    """List what a link can lead to inside a document."""
    page = render(document.text)
    named = {tag.get("id") or tag.get("name") for tag in page.find_all("a")}
    if document.path.suffix == ".md":
        return named | set(anchors(document.text))
    titles = page.find_all(re.compile("^h[1-6]$"))
    return named | {title.get_text().replace(" ", "-") for title in titles}  # Jupyter


# Rules of every document: each yields what is wrong


def has_one_title_and_headings_in_order(document):
    if document.path.suffix == ".ipynb" and document.path.parent == NOTEBOOKS:
        return  # test_notebooks.py
    headings = render(document.text).find_all(re.compile("^h[1-6]$"))
    levels = [int(heading.name[1]) for heading in headings]
    if levels[:1] != [1] or levels.count(1) != 1:
        yield "it does not begin with its only heading of level 1"
    for above, below in pairwise(levels):
        if below > above + 1:
            yield f"a heading of level {below} follows one of level {above}"


def describes_every_picture(document):
    for picture in render(document.text).find_all("img"):
        alt, file = picture.get("alt", "").strip(), picture.get("src", "")
        if not alt or alt in {file, Path(file).name, Path(file).stem}:
            yield f"the picture {file} is not described"


def has_words_on_every_link(document):
    page = render(document.text)
    for link in page.find_all("a", href=True):
        words = prose(link).strip() or link.get_text().strip()
        if words.strip(" .:").casefold() in EMPTY_WORDS | {""}:
            yield f"the link to {link['href']} says only {words!r}"


def shows_no_addresses(document):
    if document.path not in SHOWS_ADDRESSES:
        for address in re.findall(
            r"(?:https?://|www\.)\S+", prose(render(document.text))
        ):
            yield f"{address} stands where words should"


def has_no_broken_links(document):
    page = render(document.text)
    links = [link["href"] for link in page.find_all("a", href=True)]
    for address in links + [picture.get("src", "") for picture in page.find_all("img")]:
        if problem := broken(address, document):
            yield f"{address} {problem}"


def broken(address: str, document: Document) -> str | None:
    """Tell what is wrong with a link in a document."""
    scheme, host, path, _, anchor = urlsplit(address)
    if scheme or host:
        return None if scheme in {"https", "http", "mailto"} else "is no address"
    target = document.path
    if path:
        target = Path(os.path.normpath(target.parent / unquote(path)))
    if not target.is_relative_to(ROOT):
        return "leads out of the course"
    if target != document.path and not target.exists():
        return "leads to no file"
    if anchor and target.suffix in {".md", ".ipynb"}:
        there = document if target == document.path else read(target)
        return None if unquote(anchor) in places(there) else "leads to no heading"
    return None


RULES = [
    has_one_title_and_headings_in_order,
    describes_every_picture,
    has_words_on_every_link,
    shows_no_addresses,
    has_no_broken_links,
]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_document(path, rule):
    assert list(rule(read(path))) == []


# A small document that keeps the rules, and planted violations


SOUND = """# Cats

![A grey cat](images/dog.png) [The lab](../lab/README.md#hand-in) and [dogs](#two-dogs),
[lesson 1](TransferLearningTF.ipynb#5-Report). <img src="images/dog.png" alt="A dog">
[![A zebra](images/ideal-zebra.png)](https://a.org) `https://code.org` [code](../utils)

## Two dogs

### Large

## Few
"""
PLANTED = [
    (has_one_title_and_headings_in_order, "# Cats", "## Cats"),
    (has_one_title_and_headings_in_order, "## Few", "# Few"),
    (has_one_title_and_headings_in_order, "### Large", "#### Large"),
    (describes_every_picture, "A grey cat", " "),
    (describes_every_picture, "A grey cat", "dog.png"),
    (describes_every_picture, ' alt="A dog"', ""),
    (has_words_on_every_link, "[dogs]", "[here]"),
    (has_words_on_every_link, "[dogs]", "[Здесь.]"),
    (has_words_on_every_link, "![A zebra]", "![]"),
    (shows_no_addresses, "[The lab]", "[https://a.org]"),
    (shows_no_addresses, "`https://code.org`", "<https://code.org>"),
    (shows_no_addresses, "`https://code.org`", "https://code.org"),
    (has_no_broken_links, "#two-dogs", "#two-cats"),
    (has_no_broken_links, "#hand-in", "#hand-out"),
    (has_no_broken_links, "#5-Report", "#5-report"),
    (has_no_broken_links, "TransferLearningTF", "transferlearningtf"),
    (has_no_broken_links, 'src="images/dog.png"', 'src="images/no-dog.png"'),
    (has_no_broken_links, "../utils", "../../utils"),
    (has_no_broken_links, "../utils", "/utils"),
    (has_no_broken_links, "../utils", "ftp://a.org"),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_sound_document_keeps_every_rule(rule):
    assert list(rule(Document(NOTEBOOKS / "Sound.md", SOUND))) == []


@pytest.mark.parametrize(("rule", "old", "new"), PLANTED)
def test_a_planted_violation_is_found(rule, old, new):
    assert old in SOUND
    text = SOUND.replace(old, new)
    assert len(list(rule(Document(NOTEBOOKS / "Sound.md", text)))) == 1


# Drawings


def fills(svg: str, dark: bool) -> list[tuple[str, str]]:
    """List the texts of a drawing, each with its colour, as a browser finds it."""
    root = ElementTree.fromstring(svg)
    css = "".join(style.text or "" for style in root.iter() if tag(style) == "style")
    # Where several rules match, the more special one wins, then the later one.
    rules = sorted(rules_of(css, dark), key=lambda rule: rule[0].count("."))
    return list(texts(root, rules, fill="#000000"))


def rules_of(css: str, dark: bool) -> Iterator[tuple[str, str]]:
    """Go through the selectors that set a fill, with the fill."""
    for rule in tinycss2.parse_stylesheet(css):
        if rule.type == "at-rule" and "dark" in tinycss2.serialize(rule.prelude):
            yield from rules_of(tinycss2.serialize(rule.content), dark) if dark else ()
        if rule.type == "qualified-rule":
            for item in tinycss2.parse_declaration_list(rule.content):
                if item.type == "declaration" and item.name == "fill":
                    for selector in tinycss2.serialize(rule.prelude).split(","):
                        yield selector.strip(), tinycss2.serialize(item.value).strip()


def texts(element, rules, fill) -> Iterator[tuple[str, str]]:
    """Go through the texts in an element, each with its colour."""
    fill = element.get("fill", fill)
    classes = [f".{word}" for word in element.get("class", "").split()]
    names = {tag(element), *classes}
    fill = next((colour for name, colour in reversed(rules) if name in names), fill)
    if tag(element) in {"text", "tspan"} and (element.text or "").strip():
        # In a picture, the current colour is black on every page.
        yield element.text, fill.replace("currentColor", "#000000")
    for child in element:
        yield from texts(child, rules, fill)


def only_simple_rules(svg: str) -> bool:
    """Tell whether `fills` understands all selectors, and nothing is set elsewhere."""
    css = "".join(re.findall("<style>(.*?)</style>", svg, re.DOTALL))
    selectors = {name for name, _ in rules_of(css, dark=True)}
    return all(
        re.fullmatch(r"\.?[\w-]+", name) for name in selectors
    ) and not re.search(r"<[^>]+ style=", svg)


def tag(element) -> str:
    return element.tag.rpartition("}")[2]


def contrast(one: str, other: str) -> float:
    """Give the contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    values = [value / 255 for value in ImageColor.getrgb(colour)[:3]]
    linear = [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def unreadable(svg: str) -> list[str]:
    """List the texts of a drawing that are too faint on a light or a dark page."""
    return [
        f"{text}: {fill} on {page}"
        for page in (LIGHT, DARK)
        for text, fill in fills(svg, dark=page == DARK)
        if contrast(fill, page) < CONTRAST
    ]


@pytest.mark.parametrize("path", SVGS, ids=name)
def test_drawing(path):
    svg = path.read_text(encoding="utf-8")
    titles = [e.text for e in ElementTree.fromstring(svg) if tag(e) == "title"]
    assert len(titles) == 1
    assert titles[0].strip()
    assert only_simple_rules(svg), "colours are set in a way that is not checked here"
    assert unreadable(svg) == []


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


DRAWING = """<svg xmlns="http://www.w3.org/2000/svg"><style>
  .faint, text { fill: #1f2328 } .faint { fill: #444 }
  @media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .faint { fill: #aaa } }
</style><text>cat</text><g><text class="faint">dog</text></g></svg>"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("#444", "#444", []),
        ("#444", "#999", ["dog: #999 on #ffffff"]),
        ("#aaa", "#555", ["dog: #555 on #0d1117"]),
        (".faint { fill: #aaa }", "", ["dog: #444 on #0d1117"]),
        ("text { fill: #f0f6fc }", "", ["cat: #1f2328 on #0d1117"]),
        ("#f0f6fc", "currentColor", ["cat: #000000 on #0d1117"]),
        ("(prefers-color-scheme: dark)", "(prefers-color-scheme:dark)", []),
    ],
)
def test_a_faint_text_is_found(old, new, expected):
    assert old in DRAWING
    assert unreadable(DRAWING.replace(old, new)) == expected
