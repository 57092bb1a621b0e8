"""Spell the course's texts with hunspell: `python -m tools.spelling da`."""

import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from tools.markdown import prose, render
from utils.files import ROOT
from utils.languages import language

FOLDERS = ROOT, ROOT / "lab", ROOT / "notebooks", ROOT / "notebooks/quiz"
LISTS = Path(__file__).with_name("words")  # words that no dictionary has, by language
NAMES = "en_GB", "da_DK", "el_GR", "lt_LT", "ru_RU", "sl_SI"
DICTIONARIES = {name[:2]: name for name in NAMES}
# Formulas, names of files, modules and sites, and what has a digit: 8th, Lite0, VGG-16.
NO_PROSE = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$|\S*\w[._]\w\S*|\S*\d\S*", re.DOTALL)
SOURCE = re.compile(r"\A.*, (?:19|20)\d\d\b", re.DOTALL)  # authors, title, year
WORD = re.compile(r"\w+(?:['’]\w+)*")
ALPHABETS = {"el": "GREEK", "ru": "CYRILLIC"}


def main(languages: list[str]) -> int:
    """Print the unknown words of each text; exit status 1 if there are any."""
    found = [
        f"{path.relative_to(ROOT).as_posix()}: {', '.join(words)}"
        for code in languages or DICTIONARIES
        for path in texts(code)
        if (words := unknown(path, code))
    ]
    print(*found or ["Every word is known."], sep="\n")
    return int(bool(found))


def texts(code: str) -> list[Path]:
    """List the Markdown files in a language."""
    files = [path for folder in FOLDERS for path in sorted(folder.glob("*.md"))]
    return [path for path in files if (language(path) or "en") == code]


def unknown(path: Path, code: str) -> list[str]:
    """List the words of a text that are in no dictionary and no list of terms."""
    allowed = {term.casefold() for term in terms(code)}
    words = words_of(path.read_text(encoding="utf-8"))
    genitive = re.compile("['’]s$")  # English
    rest = [word for word in words if genitive.sub("", word).casefold() not in allowed]
    return sorted({*misspelt(rest, code), *(w for w in rest if is_mixed(w, code))})


def terms(code: str) -> list[str]:
    """Read the words that are right although the dictionary lacks them."""
    file = LISTS / f"{code}.txt"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def words_of(text: str) -> list[str]:
    """List the words in the prose of Markdown, each once.

    The language bar is left out, and so are authors and titles in a reading list, and
    names and abbreviations: words with a digit, or with a capital letter after the
    first, such as VGG or PyTorch.
    """
    lines = [line for line in text.split("\n") if not line.startswith("[English](")]
    page = render("\n".join(lines))
    for item in page.find_all("li"):
        if SOURCE.search(item.get_text()):
            item.string = SOURCE.sub("", item.get_text())
    words = WORD.findall(NO_PROSE.sub(" ", prose(page)))
    low = {word for word in words if len(word) > 1 and word[1:] == word[1:].lower()}
    return sorted(low)


def misspelt(words: Iterable[str], code: str) -> list[str]:
    """Return the words that hunspell does not know.

    Raises
    ------
    subprocess.CalledProcessError
        The dictionary is not installed.
    """
    command = ["hunspell", "-l", "-i", "UTF-8", "-d", DICTIONARIES[code]]
    found = subprocess.check_output(
        command,
        input="\n".join(words),
        env=os.environ | {"LC_ALL": "C.UTF-8"},
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    return sorted(set(found.split()))


def is_mixed(word: str, code: str) -> bool:
    """Return whether a word has letters of two alphabets, or of another language's.

    They may look the same, and hunspell passes over letters that its dictionary lacks.
    """
    letters = filter(str.isalpha, word)
    alphabets = {unicodedata.name(letter).split()[0] for letter in letters}
    own = {"LATIN", ALPHABETS.get(code, "LATIN")}
    return len(alphabets) > 1 or not alphabets <= own


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
