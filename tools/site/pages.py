"""The sources of the site: the course's pages, a folder for each language.

A page keeps its place and loses its language's ending, so that links stay as they are:
notebooks/README.da.md becomes da/notebooks/README.md.
"""

import base64
import csv
import json
import re
import shutil
from functools import cache
from html import escape
from pathlib import Path

import nbformat
from jinja2 import Environment, PackageLoader
from nbconvert.preprocessors import ClearOutputPreprocessor

from tools.languages import language_bar
from utils import languages
from utils.files import ROOT, write_text
from utils.quiz import RIGHT, WRONG, ids, load

LANGUAGES = {"en": "English"} | languages.LANGUAGES
IN_ENGLISH = {
    "da": "på engelsk",
    "el": "στα αγγλικά",
    "lt": "anglų kalba",
    "ru": "на английском",
    "sl": "v angleščini",
}
TITLES = {  # of the glossary
    "en": "Glossary",
    "da": "Ordliste",
    "el": "Γλωσσάρι",
    "lt": "Žodynėlis",
    "ru": "Словарик",
    "sl": "Slovarček",
}
LESSON = "notebooks/README"
TRANSLATED = (LESSON, "lab/README")
ENGLISH = (
    "README",
    "data/README",
    "notebooks/TrainingTricks",
    "notebooks/CNN_Architectures",
    "notebooks/Teaching",
    "CONTRIBUTING",
)
SLIDES = "notebooks/Slides"
FILES = (
    *("notebooks/results.json", "notebooks/glossary.csv", "data/breeds.csv"),
    *("LICENSE", "CITATION.cff"),
)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
LINK = re.compile(
    r"(?P<text>!?\[[^\]]*\])\((?P<target>[^)\s:#]+)(?P<anchor>#[^)\s]*)?\)"
)
TRANSLATION = re.compile(rf"\.({'|'.join(languages.LANGUAGES)})\.md$")
TEMPLATES = Environment(loader=PackageLoader("tools.site"), autoescape=True)


def write_sources(folder: Path, wanted: list[str]) -> None:
    """Write what Sphinx reads.

    Parameters
    ----------
    folder : Path
        Gets a folder for each language, and pages.json, which says what is in which.
    wanted : list of str
        Keys of `LANGUAGES`.
    """
    for language in wanted:
        _write_language(folder / language, language)
    _write_slides(folder / "slides")
    there = {code: _documents(folder / code) for code in wanted}
    write_text(folder / "pages.json", json.dumps(there))


@cache
def terms(language: str) -> list[tuple[str, str]]:
    """List the terms of the glossary in a language, each with its English one."""
    glossary = ROOT / "notebooks" / "glossary.csv"
    with glossary.open(encoding="utf-8", newline="") as file:
        pairs = [(row[language], row["en"]) for row in csv.DictReader(file)]
    return sorted(pairs, key=lambda pair: pair[0].lower())


def anchor(term: str) -> str:
    """Name the place of a term on the glossary's page."""
    return f"term-{re.sub(r'[^a-z0-9]+', '-', term.lower()).strip('-')}"


def _documents(folder: Path) -> list[str]:
    pages = [*folder.rglob("*.md"), *folder.rglob("*.ipynb")]
    pages = [page.relative_to(folder).with_suffix("") for page in pages]
    return sorted(page.as_posix() for page in pages if page.parts[0] != "_files")


def _write_language(folder: Path, language: str) -> None:
    ending = "" if language == "en" else f".{language}"
    names = (*TRANSLATED, *ENGLISH) if language == "en" else TRANSLATED
    for name in names:
        text = (ROOT / f"{name}{ending}.md").read_text(encoding="utf-8")
        page = _adapted(text, name, language)
        if name == LESSON:
            page += _contents(language)
        write_text(folder / f"{name}.md", page)
    for id in ids():
        _write_quiz(folder / "notebooks" / "quiz" / f"{id}.md", id, language)
    _write_glossary(folder / "glossary.md", language)
    shutil.copytree(ROOT / "notebooks" / "images", folder / "notebooks" / "images")
    if language == "en":
        for name in FILES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
            _write_notebook(path, folder)
    (folder / "_files").mkdir(exist_ok=True)


def _write_slides(folder: Path) -> None:
    text = (ROOT / f"{SLIDES}.md").read_text(encoding="utf-8")
    write_text(folder / "README.md", COMMENT.sub("", text))
    shutil.copytree(ROOT / "notebooks" / "images", folder / "images")


def _adapted(text: str, name: str, language: str) -> str:
    """Take a page's comments and language bar out, and turn its links."""
    bar = language_bar(f"{Path(name).name}.md")
    text = COMMENT.sub("", text.replace(bar, ""))
    return LINK.sub(lambda link: _turned(link, name, language), text)


def _turned(link: re.Match, name: str, language: str) -> str:
    """Let a link lead to the same language, or to English and say so."""
    text, target = link["text"], link["target"]
    target = TRANSLATION.sub(".md", target)
    anchor = link["anchor"] or ""
    page = (ROOT / name).parent / target
    known = page.resolve().relative_to(ROOT).as_posix()
    stem = known.rpartition(".")[0]
    up = "../" * (name.count("/") + 1)
    if stem == SLIDES:
        return f'<a href="{up}slides/README.html">{text[1:-1]}</a>'
    outside = language != "en" and (stem in ENGLISH or target.endswith(".ipynb"))
    if not outside or text.startswith("!"):
        return f"{text}({target}{anchor})"
    # As HTML, because Sphinx knows the pages of one language only.
    return (
        f'<a href="{up}en/{stem}.html{anchor}" hreflang="en">{text[1:-1]}</a> '
        f"({IN_ENGLISH[language]})"
    )


def _contents(language: str) -> str:
    """List the pages in reading order, for the navigation."""
    notebooks = sorted(
        (nbformat.read(path, as_version=4).metadata.course.lesson, path.stem)
        for path in (ROOT / "notebooks").glob("*.ipynb")
    )
    rest = ["quiz/post", "../lab/README", "../glossary"]
    pages = ["quiz/pre"]
    if language == "en":
        pages += [stem for _, stem in notebooks]
        rest += ["TrainingTricks", "CNN_Architectures", "Teaching"]
        rest += ["../README", "../data/README", "../CONTRIBUTING"]
    inner = [
        f"{RIGHT} {load(id, language)['title']} <quiz/{id}>"
        for id in ids()
        if id not in ("pre", "post")
    ]
    lines = "\n".join([*pages, *inner, *rest])
    return f"\n```{{toctree}}\n:hidden:\n\n{lines}\n```\n"


def _write_quiz(path: Path, id: str, language: str) -> None:
    quiz = load(id, language)
    form = TEMPLATES.get_template("quiz.html").render(
        quiz=quiz, right=RIGHT, wrong=WRONG
    )
    parts = f"# {quiz['title']}", quiz["introduction"], f"```{{raw}} html\n{form}\n```"
    write_text(path, "\n\n".join(parts) + "\n")


def _write_glossary(path: Path, language: str) -> None:
    others = [code for code in LANGUAGES if code != language]
    table = TEMPLATES.get_template("glossary.html").render(
        rows=_glossary_rows(language, others),
        languages=[(code, LANGUAGES[code]) for code in (language, *others)],
    )
    page = f"# {TITLES[language]}\n\n```{{raw}} html\n{table}\n```\n"
    write_text(path, page)


def _glossary_rows(language: str, others: list[str]) -> list[tuple[str, list]]:
    by_language = {code: {en: word for word, en in terms(code)} for code in LANGUAGES}
    return [
        (anchor(en), [(code, by_language[code][en]) for code in (language, *others)])
        for _, en in terms(language)
    ]


def _write_notebook(path: Path, folder: Path) -> None:
    """Write a notebook whose figures are files with words for those who see none."""
    notebook = nbformat.read(path, as_version=4)
    figures = folder / "_files" / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    for number, output in enumerate(
        o for o in outputs if "image/png" in o.get("data", {})
    ):
        name = f"{path.stem}-{number}.png"
        (figures / name).write_bytes(base64.b64decode(output.data["image/png"]))
        alt = output.metadata.get("image/png", output.metadata).get("alt", "")
        image = (
            f'<img src="../_static/figures/{name}" alt="{escape(alt)}" loading="lazy">'
        )
        output.data = nbformat.from_dict({"text/html": image})
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _adapted(cell.source, f"notebooks/{path.stem}", "en")
    link = f"../_static/notebooks/{path.name}"
    text = f'<p><a href="{link}" download>Open as notebook</a></p>'
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell(text))
    write_text(folder / "notebooks" / path.name, nbformat.writes(notebook))
    # Who opens it will run it; what came out is on the page.
    clean, _ = ClearOutputPreprocessor().preprocess(nbformat.read(path, 4), {})
    download = folder / "_files" / "notebooks" / path.name
    write_text(download, nbformat.writes(clean))
