"""Find and read what students handed in, as Moodle, Canvas and nbgrader export it."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lab.grading.names import EXPORTS, Unreadable, is_hidden, printable
from lab.grading.reading import Notebook
from utils.files import ROOT

# What learning platforms put beside the submissions.
BESIDE = {".txt", ".yml", ".yaml", ".csv", ".html", ".htm", ".ini", ".db", ".xml"}
READING = 60  # seconds that reading one submission may last on a busy machine


class Submission(NamedTuple):
    """What one student handed in."""

    student: str  # fit to be shown
    system: str  # "Moodle", "Canvas" or ""
    number: str  # by which that system knows the student
    name: str  # unique, and fit for a file name on every system
    paths: tuple[Path, ...]


def find_submissions(folder: Path) -> list[Submission]:
    """Find the submissions in a folder: a notebook, folder or zip for each student.

    Parameters
    ----------
    folder : Path
        What Moodle or Canvas exported, unpacked, or nbgrader's ``submitted``.

    Returns
    -------
    list of Submission
        By name; several files of one student make one submission.

    Raises
    ------
    Unreadable
        The folder is not there, or there is nothing in it.
    """
    if not folder.is_dir():
        raise Unreadable(f"{folder} is no folder: name the folder of submissions.")
    paths = [path for path in sorted(folder.iterdir()) if not is_hidden(path.name)]
    of_platforms = [path for path in paths if _is_named_by_platform(path.name)]
    handed_in = [p for p in paths if p in of_platforms or not _is_beside(p)]
    if not handed_in:
        raise Unreadable(f"{folder} is empty: unpack the submissions into it.")
    system, owned = _system(handed_in), {}
    for path in handed_in:
        owned.setdefault(_owner(path, system), []).append(path)
    found = [_submission(*owner, paths) for owner, paths in owned.items()]
    return sorted(found, key=lambda submission: (submission.student, submission.name))


def _is_named_by_platform(name: str) -> bool:
    return any(pattern.fullmatch(name) for pattern in EXPORTS.values())


def _is_beside(path: Path) -> bool:
    """Return whether a platform wrote this, and no student."""
    return path.suffix.lower() in BESIDE and not path.is_dir()


def _system(paths: Sequence[Path]) -> str:
    """Return the platform whose pattern fits every name; else names are as they are."""
    for system, pattern in EXPORTS.items():
        matches = [pattern.fullmatch(path.name) for path in paths]
        if all(matches):
            people = {(match[2], match[1]) for match in matches}
            # A number is one person's; a date in its place is everybody's.
            if len({number for number, _ in people}) == len(people):
                return system
    return ""


def _owner(path: Path, system: str) -> tuple[str, str, str]:
    """Read from a name who handed it in: student, system and number."""
    if system:
        match = EXPORTS[system].fullmatch(path.name)
        return match[1], system, match[2]
    return (path.name if path.is_dir() else path.stem), "", ""


def _submission(student, system, number, paths) -> Submission:
    identity = json.dumps([student, system, number]).encode()
    digest = hashlib.sha256(identity).hexdigest()[:16]
    words = re.sub(r"[^a-z0-9]+", "-", student.lower())[:40].strip("-")
    name = f"{words}-{digest}".lstrip("-")
    return Submission(printable(student), system, number, name, tuple(paths))


def read_submission(submission: Submission, expected: Sequence[str]) -> Notebook:
    """Read the notebook of a submission, in a process of its own with limits.

    Parameters
    ----------
    submission : Submission
    expected : sequence of str
        nbgrader's names of the cells that answer the questions, in their order.

    Returns
    -------
    Notebook

    Raises
    ------
    Unreadable
        Why it cannot be graded.
    """
    paths = [str(path) for path in submission.paths]
    request = json.dumps({"paths": paths, "expected": list(expected)})
    try:
        done = subprocess.run(
            [sys.executable, "-s", "-m", "lab.grading.reading"],
            input=request.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            timeout=READING,
        )
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        raise Unreadable(
            "The files took too much time or memory to read: hand in the notebook "
            "alone, without outputs."
        ) from None
    if "problem" in answer:
        raise Unreadable(answer["problem"])
    return Notebook(**answer | {"content": answer["content"].encode()})
