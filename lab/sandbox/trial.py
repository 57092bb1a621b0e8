"""Find out which walls work here, by running a worker behind them."""

import shutil
import time
from functools import cache

from lab.sandbox.isolation import ISOLATIONS
from lab.sandbox.messages import Failure
from lab.sandbox.supervisor import Limits, Worker
from utils.command import Problem

LIMITS = Limits(busy=60, wall=120, total=300)
SAID = 500  # bytes of what a worker that does not start says
# A submission may start another Python, as process pools do.
CHILD = """
import multiprocessing, subprocess, sys
subprocess.run([sys.executable, "-c", "import numpy"], check=True, capture_output=True)
with multiprocessing.get_context("spawn").Pool(1) as pool:
    assert pool.map(abs, [-1]) == [1]
"""
APPARMOR = (
    "Ubuntu 24.04 and later: install the package apparmor-profiles, then load the "
    "profile for bubblewrap with: sudo apparmor_parser -r "
    "/usr/share/apparmor/extra-profiles/bwrap-userns-restrict"
)
ADVICE = {
    "No such file": "Install it; on Debian and Ubuntu: apt install bubblewrap.",
    "uid map": APPARMOR,
    "RTM_NEWADDR": APPARMOR,
    "namespace": "The kernel or the container forbids namespaces: grade outside of the "
    "container, or let it have them (docker run --privileged).",
    "Permission denied": "The user that submissions run as cannot read this Python or "
    "the course: let all read them with chmod -R a+rX, or grade as another user than "
    "root.",
}


class WeakWalls(Problem):
    """Why nothing runs: the walls that work here are weaker than asked for."""


@cache
def why_not(kind: str) -> str:
    """Run a worker behind these walls, and a Python that it starts.

    Parameters
    ----------
    kind : str
        One of `ISOLATIONS`.

    Returns
    -------
    str
        What went wrong, in the words of the program that failed; empty if it works.
    """
    program = {"bubblewrap": "bwrap"}.get(kind, kind)
    if kind != "rlimits" and not shutil.which(program):
        return f"{program}: No such file or directory"
    try:
        worker = Worker(kind, {}, (), LIMITS, time.monotonic() + LIMITS.total)
    except OSError as error:
        return str(error)
    try:
        asked = ("hello",), ("cell", CHILD)
        answers = (worker.ask(*words) for words in asked)
        failure = next((a for a in answers if isinstance(a, Failure)), None)
    finally:
        worker.stop("was tried")
    said = worker.log[-SAID:].decode(errors="replace").strip()
    return f"{said} ({failure.reason})".strip() if failure else ""


@cache
def strongest_isolation() -> str:
    """Find the strongest isolation that works here, by trying.

    Returns
    -------
    str
        One of `ISOLATIONS`.

    Raises
    ------
    WeakWalls
        If none works.
    """
    for kind in ISOLATIONS:
        if not why_not(kind):
            return kind
    raise WeakWalls(f"Nothing isolates a worker here. {_explain(ISOLATIONS[-1])}")


def require_walls(weakest: str) -> str:
    """Return the isolation that works here, unless it is weaker than required.

    Parameters
    ----------
    weakest : str
        The weakest of `ISOLATIONS` that will do.

    Returns
    -------
    str
        One of `ISOLATIONS`.

    Raises
    ------
    ValueError
        There are no such walls.
    WeakWalls
        With the error of the program that failed, and what to do.
    """
    if weakest not in ISOLATIONS:
        raise ValueError(f"require is {weakest!r}, expected one of {ISOLATIONS}.")
    there = strongest_isolation()
    if ISOLATIONS.index(there) > ISOLATIONS.index(weakest):
        raise WeakWalls(
            f"{weakest} does not work here, so nothing was run. {_explain(weakest)}\n"
            "To run submissions that you trust behind weaker walls all the same, which "
            "let them read the answers and change grades: --weak-isolation."
        )
    return there


def _explain(kind: str) -> str:
    """Repeat the error of the walls, with what is known to help."""
    said = why_not(kind)
    help = next((text for sign, text in ADVICE.items() if sign in said), "")
    return f"It said: {said}\n{help}".strip()
