"""The site: links lead somewhere, nothing comes from outside, quizzes are whole."""

import json
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from tools.site import __main__ as site
from tools.site.pages import LANGUAGES
from utils.quiz import ids, load

LESSON_BYTES, SITE_BYTES = 2_000_000, 50_000_000
BY_TAG = {"a": "href", "link": "href", "script": "src", "img": "src", "iframe": "src"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "SOURCES", folder / "sources")
        patch.setattr(site, "SITE", folder / "site")
        assert site.main([]) == 0  # Sphinx has no warning
    return folder / "site"


@cache
def page(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def links(path: Path) -> list[tuple[str, str]]:
    found = [
        (tag.name, tag.get(BY_TAG[tag.name]))
        for tag in page(path).find_all(list(BY_TAG))
    ]
    return [(tag, target) for tag, target in found if target]


def problem(path: Path, tag: str, target: str) -> str:
    """Tell what is wrong with a link, or nothing."""
    parts = urlsplit(target)
    if parts.scheme in ("http", "https") or parts.netloc:
        return "" if tag == "a" else "is loaded from outside"
    if parts.scheme in ("data", "mailto"):
        return ""
    file = path.parent / unquote(parts.path) if parts.path else path
    if not file.exists():
        return "leads nowhere"
    if parts.fragment and file.suffix == ".html":
        there = page(file.resolve()).find(id=unquote(parts.fragment))
        return "" if there else "has no such place"
    return ""


def test_every_link_leads_somewhere_and_nothing_comes_from_outside(built):
    bad = [
        f"{path.relative_to(built)}: {target} {wrong}"
        for path in built.rglob("*.html")
        for tag, target in links(path)
        if (wrong := problem(path, tag, target))
    ]
    assert bad == []


def test_every_page_names_its_language_and_every_picture_has_words(built):
    for path in built.glob("*/**/*.html"):
        folder = path.relative_to(built).parts[0]
        assert page(path).html["lang"] == folder.replace("slides", "en")
        assert all(image.get("alt") for image in page(path).find_all("img")), path


@pytest.mark.parametrize("language", LANGUAGES)
def test_quizzes_can_be_clicked_in_every_language(built, language):
    for id in ids():
        path = built / language / "notebooks" / "quiz" / f"{id}.html"
        groups = page(path).select("form.quiz fieldset")
        questions = load(id, language)["questions"]
        assert len(groups) == len(questions)
        for group, question in zip(groups, questions, strict=True):
            correct = [b["data-correct"] for b in group.select("input[type=radio]")]
            known = [json.dumps(answer["correct"]) for answer in question["answers"]]
            assert correct == known
        assert page(path).select_one("form.quiz output.score")


def test_first_uses_lead_to_the_glossary(built):
    for language in LANGUAGES:
        lesson = page(built / language / "notebooks" / "README.html")
        targets = [link["href"] for link in lesson.select("a.term")]
        assert len(targets) == len(set(targets)) > 5


def test_notebooks_keep_their_figures_and_can_be_opened(built):
    lesson = built / "en" / "notebooks" / "TransferLearningPyTorch.html"
    assert len(page(lesson).select(".cell_output img")) > 5
    assert "_static/notebooks/TransferLearningPyTorch.ipynb" in lesson.read_text(
        "utf-8"
    )


def test_formulas_need_no_script(built):
    tricks = page(built / "en" / "notebooks" / "TrainingTricks.html")
    assert len(tricks.find_all("math")) > 20


def test_every_slide_has_a_heading_and_is_short(built):
    slides = page(built / "slides" / "README.html").select(".slides section")
    leaves = [slide for slide in slides if not slide.find("section")]
    assert len(leaves) > 10
    for slide in leaves:
        assert slide.find(["h1", "h2"])
        assert len(slide.get_text().split()) < 60


def test_the_site_stays_light(built):
    files = [path for path in built.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < SITE_BYTES
    for language in LANGUAGES:
        lesson = built / language / "notebooks" / "README.html"
        images = {(lesson.parent / i["src"]) for i in page(lesson).find_all("img")}
        weight = sum(path.stat().st_size for path in (lesson, *images))
        assert weight < LESSON_BYTES


def test_a_fault_keeps_the_old_site(tmp_path, monkeypatch, capsys):
    old = tmp_path / "site" / "index.html"
    old.parent.mkdir()
    old.write_text("old")
    monkeypatch.setattr(site, "SOURCES", tmp_path / "sources")
    monkeypatch.setattr(site, "SITE", old.parent)

    def write_sources(folder, languages):
        (folder / "da" / "notebooks").mkdir(parents=True)
        broken = "# Page\n\n[away](nowhere.md) and $\\nothing$\n"
        (folder / "da" / "notebooks" / "README.md").write_text(broken)
        (folder / "pages.json").write_text("{}")

    monkeypatch.setattr(site, "write_sources", write_sources)
    assert site.main(["da"]) == 1
    told = capsys.readouterr().err
    assert "nowhere.md" in told
    assert "README.md" in told
    assert "nothing" in told
    assert old.read_text() == "old"
    assert site.main(["xx"]) == 1
