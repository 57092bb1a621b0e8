"""Words are spelt as the dictionaries of Debian spell them, in six languages."""

import subprocess

import pytest

from tools.languages import language_bar
from tools.spelling import (
    DICTIONARIES,
    LISTS,
    is_mixed,
    main,
    misspelt,
    terms,
    texts,
    unknown,
    words_of,
)
from utils.languages import LANGUAGES

WORDS = {  # one right, one wrong
    "en": ("colour", "colur"),
    "da": ("billede", "bilede"),
    "el": ("εκπαίδευση", "εκπέδευση"),
    "lt": ("paveikslėlis", "paveikslelis"),
    "ru": ("обучение", "обученее"),
    "sl": ("mreža", "mrezha"),
}


def is_installed(code: str) -> bool:
    """Return whether hunspell is here, with the dictionary of a language."""
    try:
        return misspelt([], code) == []
    except (FileNotFoundError, subprocess.CalledProcessError):
        return False


@pytest.fixture(params=DICTIONARIES)
def language(request):
    if not is_installed(request.param):
        pytest.skip(f"no hunspell with {DICTIONARIES[request.param]} here")
    return request.param


def test_every_word_is_known(language):
    found = {str(path): unknown(path, language) for path in texts(language)}
    assert {name: words for name, words in found.items() if words} == {}


def test_a_misspelt_word_is_found(language):
    assert misspelt(WORDS[language], language) == [WORDS[language][1]]


@pytest.mark.parametrize("path", sorted(LISTS.glob("*")), ids=lambda path: path.name)
def test_a_list_of_terms_is_sorted(path):
    assert path.stem in DICTIONARIES
    found = terms(path.stem)
    assert found == sorted(found, key=str.casefold)
    assert len({term.casefold() for term in found}) == len(found)


def test_every_language_has_its_dictionary():
    assert set(DICTIONARIES) == {"en", *LANGUAGES}
    assert set(WORDS) == set(DICTIONARIES)


def test_only_words_of_prose_are_spelt():
    text = (
        f"# Cats\n\n{language_bar('README.md')}\n\nIsn’t `code` a well-known word? "
        "![Drawn](x.png) VGG PyTorch Lite0 8th $\\alpha$ pytorch.org x\n\n"
        "<details>\n\nFolded\n\n</details>\n\n- Olah, [A\ntitle](x.md), 2017: seen\n"
    )
    expected = {"Cats", "Isn’t", "well", "known", "word", "Drawn", "Folded", "seen"}
    assert set(words_of(text)) == expected


@pytest.mark.parametrize(
    ("word", "code", "mixed"),
    [
        ("обучение", "ru", False),
        ("head", "ru", False),
        ("обучениe", "ru", True),  # with a Latin e
        ("обучение", "lt", True),
        ("isn’t", "en", False),
    ],
)
def test_letters_of_another_alphabet_are_found(word, code, mixed):
    assert is_mixed(word, code) is mixed


def test_a_term_of_the_list_is_known_in_every_case_and_genitive(
    language, tmp_path, monkeypatch
):
    monkeypatch.setattr("tools.spelling.terms", lambda code: ["Qwzrtp"])
    text = tmp_path / "README.md"
    text.write_text("# qwzrtp\n\nQwzrtp's, Xqwzrtp\n", encoding="utf-8")
    assert unknown(text, language) == ["Xqwzrtp"]


def test_a_word_in_two_alphabets_is_unknown(language, tmp_path):
    text = tmp_path / "README.md"
    text.write_text("# \u0430cat\n", encoding="utf-8")  # with a Cyrillic a
    assert "\u0430cat" in unknown(text, language)


def test_the_command_names_file_and_words(language, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tools.spelling.ROOT", tmp_path)
    monkeypatch.setattr("tools.spelling.FOLDERS", (tmp_path,))
    name = "README.md" if language == "en" else f"README.{language}.md"
    right, wrong = WORDS[language]
    (tmp_path / name).write_text(f"# {right}\n", encoding="utf-8")
    assert main([language]) == 0
    (tmp_path / name).write_text(f"# {wrong}\n", encoding="utf-8")
    assert main([language]) == 1
    assert capsys.readouterr().out == f"Every word is known.\n{name}: {wrong}\n"
