"""Every page quotes what was measured, and one file says what that is."""

import json
import shutil
from copy import deepcopy

import pytest

from tools import numbers, quizzes, translations
from tools import results as tool
from tools.languages import section_hash
from utils import quiz, results
from utils.languages import LANGUAGES
from utils.results import quote, read_results

FINE_TUNED = "transferlearning-pytorch.breeds-fine-tuned-accuracy"
KNOWN = {"drawn": {"a.score": {"value": 0.8754}, "a.looks": {"value": 6}}}
ENGLISH = "Right: 87<!--drawn.a.score:.0%--> %, or 87.5<!--drawn.a.score:.1%--> %."
DANISH = "Efter <!--drawn.a.looks--> skridt 87,5<!--drawn.a.score:.1%--> %."


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Let the tools take a copy of results.json."""
    path = tmp_path / "results.json"
    shutil.copy(results.RESULTS, path)
    monkeypatch.setattr(results, "RESULTS", path)
    return path


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Make a course of two pages, in two languages."""
    (tmp_path / "README.md").write_text(ENGLISH, "utf-8")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/README.da.md").write_text(DANISH, "utf-8")
    (tmp_path / "notebooks/results.json").write_text(json.dumps(KNOWN))
    monkeypatch.setattr(results, "RESULTS", tmp_path / "notebooks/results.json")
    monkeypatch.setattr(numbers, "ROOT", tmp_path)
    return tmp_path


# The course itself


def test_every_page_says_what_was_measured():
    assert numbers._differences(read_results()) == {}


def test_what_was_drawn_is_what_the_saved_notebooks_show():
    known = read_results()
    assert tool.collected(known) == known["drawn"], (
        "run: python -m tools.numbers --collect"
    )


def test_every_result_says_how_to_measure_it():
    for section in read_results().values():
        assert [name for name in section if not section[name]["command"]] == []


@pytest.mark.parametrize("code", LANGUAGES)
def test_quizzes_quote_the_same_results_in_every_language(code):
    for id in quiz.ids():
        english, translation = (quiz.read(id, each) for each in ("en", code))
        assert quoted(english) == quoted(translation), id


def quoted(content: dict) -> list[str]:
    return sorted(quiz.RESULT.findall(json.dumps(content)))


def test_a_changed_result_is_named_with_every_page_that_quotes_it():
    known = deepcopy(read_results())
    known["photographs"][FINE_TUNED]["value"] = 0.876
    found = numbers._differences(known)
    pages = [
        f"notebooks/{name}.{ending}"
        for name in ("README", "quiz/post")
        for ending in ("md", *(f"{code}.md" for code in LANGUAGES))
    ]
    names = [path.relative_to(numbers.ROOT).as_posix() for path in found]
    assert sorted(names) == sorted(["README.md", "notebooks/Teaching.md", *pages])
    (danish,) = found[numbers.ROOT / "notebooks/README.da.md"]
    assert danish == f"photographs.{FINE_TUNED}:.1% is 87,6, and here it is 91,8"


def test_a_new_run_does_not_make_translations_stale(copied):
    copied.write_text(copied.read_text().replace(": 0.9184782608695652,", ": 0.876,"))
    assert "87.6" in quiz.load("post")["questions"][3]["question"]
    for id in quiz.ids():
        assert [quizzes.stale(id, code) for code in LANGUAGES] == [[]] * 5


# The tool


def test_numbers_are_written_in_the_language_of_the_page(course, capsys):
    assert numbers.main(["--check"]) == 1
    assert capsys.readouterr().err == (
        "\nREADME.md: drawn.a.score:.0% is 88, and here it is 87\n"
        "notebooks/README.da.md: drawn.a.looks is 6, and here it is nothing\n"
        "To write them: python -m tools.numbers\n"
    )
    assert numbers.main([]) == 0
    english, danish = course / "README.md", course / "notebooks/README.da.md"
    assert english.read_text("utf-8") == ENGLISH.replace("87<", "88<")
    assert danish.read_text("utf-8") == DANISH.replace("Efter ", "Efter 6")
    assert numbers.main(["--check"]) == 0


@pytest.mark.parametrize("name", ["drawn.a.points", "a.score", "drawn.a.score:.1q"])
def test_what_is_no_result_is_named_with_its_page(course, capsys, name):
    page = course / "notebooks/README.da.md"
    page.write_text(f"Efter <!--{name}--> skridt", "utf-8")
    before = page.read_bytes()
    for way in ([], ["--check"]):
        assert numbers.main(way) == 1
        said = capsys.readouterr().err
        assert "notebooks/README.da.md: " in said
        assert name.partition(":")[0] in said
    assert page.read_bytes() == before


def test_a_quiz_that_quotes_no_result_is_named(monkeypatch, tmp_path):
    text = (quiz.QUIZZES / "pre.en.json").read_text("utf-8")
    (tmp_path / "pre.en.json").write_text(text.replace("{bench.vgg-", "{bench.vg-"))
    monkeypatch.setattr(quiz, "QUIZZES", tmp_path)
    with pytest.raises(ValueError, match=r"^pre\.en\.json: .*no result bench\.vg-16"):
        quiz.load("pre")


def test_a_result_that_a_notebook_no_longer_shows_is_an_error(copied, capsys):
    text = copied.read_text().replace("becomes (", "turns into (")
    copied.write_text(text)
    assert numbers.main(["--collect"]) == 1
    assert "Challenge.ipynb have no '^digits .* turns into" in capsys.readouterr().err
    assert copied.read_text() == text


def test_collecting_writes_the_file_as_it_is(copied):
    before = copied.read_bytes()
    assert numbers.main(["--collect"]) == 0
    assert copied.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "language", "expected"),
    [
        ("drawn.a.score:.1%", "en", "87.5"),
        ("drawn.a.score:.1%", "sl", "87,5"),
        ("drawn.a.score", "el", "0,8754"),
        ("drawn.a.looks", "lt", "6"),
    ],
)
def test_a_result_is_quoted(name, language, expected):
    assert quote(name, KNOWN, language) == expected


def test_a_section_has_the_same_hash_whatever_was_measured():
    text = "Right: 87.5<!--drawn.a.score:.1%--> % of 736."
    assert section_hash(text) == section_hash(text.replace("87.5", "91"))
    assert section_hash(text) != section_hash(text.replace("736", "737"))
    assert section_hash(text) != section_hash(text.replace("drawn", "bench"))


def test_a_translation_quotes_the_results_of_the_english_text():
    english, danish = "# A\n\n6<!--drawn.a.looks-->", "# A\n\n6<!--drawn.b.looks-->"
    found = translations.compare(english, translations.stamp(danish, english), "da")
    assert [problem.partition(", ")[2] for problem in found] == [
        "\"A\": result: 'drawn.a.looks' of the English text is not here",
        "\"A\": result: 'drawn.b.looks' is not in the English text",
    ]
