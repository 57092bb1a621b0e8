"""The languages of the course, and that of a file."""

from pathlib import Path

LANGUAGES = {
    "da": "dansk",
    "el": "ελληνικά",
    "lt": "lietuvių",
    "ru": "русский",
    "sl": "slovenščina",
}


def language(path: Path) -> str | None:
    """Return the language of a file `NAME.<language>.md`; None for English."""
    code = path.name.removesuffix(".md").rpartition(".")[2]
    return code if code in LANGUAGES and path.suffix == ".md" else None
