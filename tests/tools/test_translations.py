"""Translations are up to date, and what is stale or differs in one is named."""

import csv
import shutil
from pathlib import Path

import pytest

from tools import quizzes, translations
from tools.languages import language_bar, numbers, section_hash
from tools.markdown import sections
from tools.translations import FOLDERS, _english_of, _review_all, compare, main, stamp
from utils import quiz
from utils.languages import LANGUAGES

GLOSSARY = FOLDERS[0] / "glossary.csv"
QUIZ = FOLDERS[0] / "quiz/pre.en.json"
BAR = language_bar("README.md")
ENGLISH = f"""# Cats

{BAR}

About 7,390 cats, 91.4 % of them grey. See [the dogs](#dogs) and [the lab](lab.md).

## Dogs

![A dog](dog.png) Call `bark()`:

    bark(3)

### Large dogs

In [a paper](https://a.org/a.md#b) of 2014.
"""
DANISH = f"""# Katte

{BAR}

Omkring 7.390 katte, 91,4\u202f% er grå.
Se [hundene](#hunde) og [opgaven](lab.da.md).

## Hunde

![En hund](dog.png) Kald `bark()`:

    bark(3)

### Store hunde

I [en artikel](https://a.org/a.md#b) fra 2014.
"""


@pytest.fixture
def translated() -> str:
    return stamp(DANISH, ENGLISH)


@pytest.fixture
def course(tmp_path, monkeypatch, translated):
    """Lay a lesson and its translation into a folder, and look there only."""
    (tmp_path / "README.md").write_text(ENGLISH, encoding="utf-8")
    (tmp_path / "README.da.md").write_text(translated, encoding="utf-8")
    monkeypatch.setattr(translations, "ROOT", tmp_path)
    monkeypatch.setattr(translations, "FOLDERS", (tmp_path,))
    monkeypatch.setattr(translations, "REQUIRED", ())
    monkeypatch.setattr(quiz, "QUIZZES", tmp_path / "quiz")
    monkeypatch.setattr(quizzes, "QUIZZES", tmp_path / "quiz")
    return tmp_path


# The course itself


def test_every_translation_is_up_to_date():
    stale = {
        str(path): problems for path, problems in _review_all().items() if problems
    }
    assert stale == {}


@pytest.mark.skipif(not GLOSSARY.exists(), reason="there is no glossary yet")
def test_the_glossary_has_each_term_once_in_every_language():
    with GLOSSARY.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, strict=True)
    assert header == ["en", *LANGUAGES]
    assert [row for row in rows if len(row) != 6 or not all(map(str.strip, row))] == []
    terms = [row[0].strip().casefold() for row in rows]
    assert sorted(terms) == sorted(set(terms))


# How it is found out


def test_a_stamped_translation_with_its_own_numbers_and_files_is_up_to_date(translated):
    assert compare(ENGLISH, translated, "da") == []


def test_a_stamp_stands_below_each_heading_and_is_the_hash_of_the_english_section(
    translated,
):
    lines = translated.split("\n")
    assert lines[lines.index("## Hunde") + 1] == "<!-- of b71d775dddcb -->"
    assert section_hash(sections(ENGLISH)[1].text) == "b71d775dddcb"
    assert stamp(translated, ENGLISH) == translated
    assert [line for line in lines if "<!-- of" not in line] == DANISH.split("\n")


CHANGES = [
    ("## Dogs", "## Hounds", ['line 9, "Hunde": the English section "Hounds" has']),
    ("grey", "black", ['"Katte": the English section "Cats" has changed']),
    ("In [a", "In 3 [a", ['"Large dogs" has', "number: '3' of the English text"]),
]


@pytest.mark.parametrize(("old", "new", "expected"), CHANGES)
def test_a_changed_english_section_makes_its_translation_stale(
    translated, old, new, expected
):
    found = compare(ENGLISH.replace(old, new), translated, "da")
    assert len(found) == len(expected)
    for problem, words in zip(found, expected, strict=True):
        assert words in problem


DIFFERENCES = [
    ("bark(3)", "bark(4)", ["code: 'bark(3)", "code: 'bark(4)"]),
    ("`bark()`", "bark", ["code in a line: 'bark()' of the English text is not here"]),
    ("7.390", "7.309", ["'7390' of the", "'7309' is not in"]),
    ("91,4", "91.4", []),
    ("91,4", "914", ["'91.4' of the", "'914' is not in"]),
    ("lab.da.md", "lab.md", []),
    ("lab.da.md", "lab.el.md", ["link: 'lab.md'", "link: 'lab.el.md' is not in"]),
    ("a.md#b", "a.md#c", ["link: 'https://a.org/a.md#b'", "'https://a.org/a.md#c'"]),
    ("dog.png", "cat.png", ["picture: 'dog.png'", "picture: 'cat.png'"]),
    ("En hund", "A dog", ['the alt text "A dog" is English']),
    ("I [en", "Se 3, i [en", ["number: '3' is not in the English text"]),
]


@pytest.mark.parametrize(("old", "new", "expected"), DIFFERENCES)
def test_what_differs_in_a_translation_is_named(translated, old, new, expected):
    found = compare(ENGLISH, translated.replace(old, new), "da")
    assert len(found) == len(expected)
    for problem, words in zip(found, expected, strict=True):
        assert words in problem


def test_a_missing_heading_is_named_and_the_others_are_still_compared(translated):
    first, _, rest = translated.partition("## Hunde")
    large = rest[rest.index("### Store hunde") :].replace("2014", "2015")
    found = compare(ENGLISH, first + large, "da")
    assert found[0] == 'headings do not match: English has "## Dogs", here is nothing'
    assert "number: '2014' of the English text is not here" in found[1]
    assert len(found) == 3
    found = compare(ENGLISH, translated + "\n## Mere\n", "da")
    assert found == ['headings do not match: English has nothing, here is "## Mere"']


def test_a_draft_is_compared_before_it_is_stamped():
    found = compare(ENGLISH, DANISH.replace("2014", "2015"), "da")
    assert sum("carries no hash" in problem for problem in found) == 3
    assert "'2015' is not in the English text" in found[-1]


@pytest.mark.parametrize(
    ("prose", "language", "expected"),
    [
        (
            "1,234,567.5 and 3.11, 0.995; 1,2",
            "en",
            ["1234567.5", "3.11", "0.995", "1,2"],
        ),
        ("1.234.567,5 og 3.11, 0,995", "da", ["1234567.5", "3.11", "0.995"]),
        ("1\u00a0234\u202f567,5 и 3.11; 224.", "ru", ["1234567.5", "3.11", "224"]),
        ("0.995 1280 VGG-16", "sl", ["0.995", "1280", "16"]),
    ],
)
def test_numbers_are_read_as_the_language_writes_them(prose, language, expected):
    assert numbers(prose, language) == expected


def test_what_is_stale_is_printed_file_by_file(course, capsys):
    assert main([]) == 0
    assert capsys.readouterr().out == "Translations up to date: 1.\n"
    (course / "README.md").write_text(ENGLISH.replace("grey", "black"), "utf-8")
    assert main([]) == 1
    assert capsys.readouterr().out == (
        'README.da.md\n  line 1, "Katte": the English section "Cats" has changed\n'
    )


def test_stale_quizzes_are_printed_too(course, capsys):
    english, danish = (course / f"quiz/pre.{code}.json" for code in ("en", "da"))
    english.parent.mkdir()
    shutil.copy(QUIZ, english)
    shutil.copy(QUIZ, danish)
    assert main([]) == 1
    assert "quiz/pre.da.json\n  " in capsys.readouterr().out
    quizzes._stamp("pre", "da")
    assert main([]) == 0
    danish.write_text("{", encoding="utf-8")
    assert main([]) == 1
    assert "pre.da.json: " in capsys.readouterr().out


def test_a_required_translation_that_is_missing_is_named(course, monkeypatch):
    monkeypatch.setattr(translations, "REQUIRED", ("README.md",))
    found = {path.name: problems for path, problems in _review_all().items()}
    assert found.pop("README.da.md") == []
    assert found == {
        f"README.{code}.md": [f"README.{code}.md is missing"]
        for code in ("el", "lt", "ru", "sl")
    }


def test_a_translation_of_nothing_is_named(course):
    (course / "README.md").unlink()
    assert _review_all() == {course / "README.da.md": ["README.md is missing"]}


@pytest.mark.parametrize("name", ["README.md", "README.da.md"])
def test_both_texts_begin_with_the_language_bar(course, name):
    path = course / name
    text = path.read_text(encoding="utf-8").replace(BAR, "[English](README.md)")
    path.write_text(text, encoding="utf-8")
    found = _review_all()[course / "README.da.md"]
    assert f"{name} does not begin with the language bar: {BAR}" in found


def test_a_finished_translation_is_stamped(course, capsys):
    path = course / "README.da.md"
    path.write_text(DANISH, encoding="utf-8")
    assert main([]) == 1
    assert main(["--stamp", str(path)]) == 0
    assert path.read_bytes().decode() == stamp(DANISH, ENGLISH)
    path.write_text(DANISH.replace("2014", "2015"), encoding="utf-8")
    capsys.readouterr()
    assert main(["--stamp", str(path)]) == 1, "numbers still differ"
    assert "'2015' is not in the English text" in capsys.readouterr().out


def test_a_translation_without_every_heading_is_not_stamped(course, capsys):
    path = course / "README.da.md"
    path.write_text(DANISH.replace("### Store", "## Store"), encoding="utf-8")
    before = path.read_bytes()
    assert main(["--stamp", str(path)]) == 2
    assert path.read_bytes() == before
    message = 'English has "### Large dogs", here is "## Store hunde"'
    assert message in capsys.readouterr().err
    without = stamp(DANISH, ENGLISH).replace("## Hunde\n", "")
    path.write_text(without, encoding="utf-8")
    assert main(["--stamp", str(path)]) == 2
    assert 'English has "## Dogs", here is nothing' in capsys.readouterr().err
    assert main(["--stamp", str(course / "README.md")]) == 2
    assert "is no translation" in capsys.readouterr().err


def test_the_english_file_stands_beside_its_translation():
    assert _english_of(Path("quiz/pre.da.md")) == Path("quiz/pre.md")
    with pytest.raises(ValueError, match="has to end in"):
        _english_of(Path("README.fr.md"))
