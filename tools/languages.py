"""What texts in several languages have in common: numbers, hashes, the language bar."""

import re
from hashlib import sha256

from utils.languages import LANGUAGES

SPACES = "\u00a0\u2009\u202f"  # that do not break a number
NUMBER = re.compile(rf"\d+(?:[.,{SPACES}]\d+)*")
# A number that tools.numbers fills, and which result it is: a comment after it, since
# one at the beginning of a line would end the paragraph.
MARKER = re.compile(rf"(?P<number>{NUMBER.pattern})?<!--(?P<name>[^\s>]+?)-->")


def numbers(prose: str, language: str) -> list[str]:
    """List the numbers in a text as Python writes them.

    Parameters
    ----------
    prose : str
        Text; 1,234.5 in English, 1.234,5 or 1 234,5 (no-break space) in the others.
    language : str
        Its language, such as "da".

    Returns
    -------
    list of str
        In order, such as "1234.5".
    """
    return [_plain_number(number, language) for number in NUMBER.findall(prose)]


def section_hash(section: str) -> str:
    """Hash an English section.

    Parameters
    ----------
    section : str
        Its heading and all lines up to the next heading.

    Returns
    -------
    str
        The first 12 hexadecimal digits of the SHA-256 of the stripped text. Of
        results (`MARKER`), the name counts and not the number, which a new run changes.
    """
    text = MARKER.sub(r"<!--\g<name>-->", section.strip())
    return sha256(text.encode()).hexdigest()[:12]


def language_bar(name: str) -> str:
    """Return the line below the title that leads to a text in all its languages.

    Parameters
    ----------
    name : str
        The English file, such as "README.md".

    Returns
    -------
    str
        Markdown, the same in every language.
    """
    stem = name.removesuffix(".md")
    others = [f"[{word}]({stem}.{code}.md)" for code, word in LANGUAGES.items()]
    return " · ".join([f"[English]({name})", *others])


def _plain_number(number: str, language: str) -> str:
    thousands, decimal = (",", ".") if language == "en" else (f".{SPACES}", ",")
    if not number.startswith("0"):
        number = re.sub(rf"[{thousands}](?=\d{{3}}(?!\d))", "", number)
    return number.replace(decimal, ".")
