"""What every command does: turn its problems into words."""

import sys
from collections.abc import Callable


class Problem(Exception):
    """What stops a run; its text tells the reader what to do next."""


def attempt(work: Callable[[], int | None], stopped: str = "Stopped.") -> int:
    """Do the work of a command, and turn what goes wrong into words.

    Parameters
    ----------
    work : callable
        Takes nothing; it may return an exit status of its own.
    stopped : str
        What to print after Ctrl-C or Ctrl-D.

    Returns
    -------
    int
        Exit status: of the work, or 0; 1 after a problem, 130 after Ctrl-C or Ctrl-D.
    """
    _escape_what_cannot_be_shown()
    try:
        return work() or 0
    except (Problem, ValueError, OSError) as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, EOFError):
        print(f"\n{stopped}", file=sys.stderr)
        return 130


def _escape_what_cannot_be_shown() -> None:
    """Keep a letter that the terminal lacks from ending a command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
