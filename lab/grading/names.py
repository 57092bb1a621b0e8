"""Names that come from outside: whose they are, and how they can be shown."""

import re

from utils.command import Problem

NAME_LETTERS = 100
# Who, the number of the student there, and how the file was called.
EXPORTS = {
    "Moodle": re.compile(r"(.+)_(\d+)_assignsubmission_[a-z]+_?(.*)", re.DOTALL),
    "Canvas": re.compile(r"([^_]+)(?:_LATE)?_(\d+)_\d+_(.+)", re.DOTALL),
}


class Unreadable(Problem):
    """Why a submission cannot be graded, in a sentence for people."""


def is_hidden(name: str) -> bool:
    """Return whether systems and editors leave this behind."""
    return name.startswith(".") or name == "__MACOSX"


def original(name: str) -> str:
    """Take away what Moodle or Canvas puts before the name of a file."""
    matches = (pattern.fullmatch(name) for pattern in EXPORTS.values())
    return next((match[3] for match in matches if match), name)


def printable(text: str, most: int = NAME_LETTERS) -> str:
    """Make a text from outside one line that cannot reorder what stands around it.

    Parameters
    ----------
    text : str
    most : int
        Characters at most.

    Returns
    -------
    str
        Valid Unicode without control characters. It still must be escaped for HTML.
    """
    valid = text[: 4 * most].encode("utf-8", "replace").decode()
    joins = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"  # emoji need it
    kept = (each if each.isprintable() or each in joins else " " for each in valid)
    return " ".join("".join(kept).split())[:most] or "(no name)"
