"""Find what students handed in, as Moodle, Canvas and nbgrader export it, and read it.

Nothing is unpacked and no link is followed; what cannot be read becomes a sentence.
"""

import hashlib
import json
import re
import stat
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import nbformat

from lab.cells import grade_id
from lab.check import RELEASE, misplaced
from utils.command import Problem

NOTEBOOK_BYTES = 32 << 20
ZIP_BYTES = 32 << 20  # a list of empty files of that size still fits the memory
ZIP_MEMBERS = 10_000
NAME_LETTERS = 100
# Who, the number of the student there, and how the file was called.
EXPORTS = {
    "Moodle": re.compile(r"(.+)_(\d+)_assignsubmission_[a-z]+_?(.*)", re.DOTALL),
    "Canvas": re.compile(r"([^_]+)(?:_LATE)?_(\d+)_\d+_(.+)", re.DOTALL),
}
DAMAGE = (BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError)


class Unreadable(Problem):
    """Why a submission cannot be graded, in a sentence for people."""


class Submission(NamedTuple):
    """What one student handed in."""

    student: str  # fit to be shown
    system: str  # "Moodle", "Canvas" or ""
    number: str  # by which that system knows the student
    name: str  # unique, and fit for a file name on every system
    paths: tuple[Path, ...]


class Notebook(NamedTuple):
    """A notebook that was read."""

    content: bytes  # nbformat 4 in UTF-8: sources and names of cells, no outputs
    remarks: list[str]  # what is odd about it, for the student


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
    owned = {}
    for path in sorted(folder.iterdir()):
        if not _is_hidden(path.name):
            owned.setdefault(_owner(path), []).append(path)
    if not owned:
        raise Unreadable(f"{folder} is empty: unpack the submissions into it.")
    found = [_submission(*owner, paths) for owner, paths in owned.items()]
    return sorted(found, key=lambda submission: (submission.student, submission.name))


def _is_hidden(name: str) -> bool:
    """Return whether systems and editors leave this behind."""
    return name.startswith(".") or name == "__MACOSX"


def _owner(path: Path) -> tuple[str, str, str]:
    """Read from a name who handed it in: student, system and number."""
    for system, pattern in EXPORTS.items():
        if match := pattern.fullmatch(path.name):
            return match[1], system, match[2]
    return (path.name if path.is_dir() else path.stem), "", ""


def _submission(student, system, number, paths) -> Submission:
    identity = json.dumps([student, system, number]).encode()
    digest = hashlib.sha256(identity).hexdigest()[:16]
    words = re.sub(r"[^a-z0-9]+", "-", student.lower())[:40].strip("-")
    name = f"{words}-{digest}".lstrip("-")
    return Submission(printable(student), system, number, name, tuple(paths))


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


def read_submission(submission: Submission) -> bytes:
    """Read the notebook of a submission, wherever in its files it is.

    Parameters
    ----------
    submission : Submission

    Returns
    -------
    bytes
        The notebook as it is. Of several, the one named like the assignment.

    Raises
    ------
    Unreadable
        There is no notebook, no single one to choose, or it cannot be read.
    """
    wish = RELEASE.stem.lower()
    try:
        found = [each for path in submission.paths for each in _notebooks(path)]
        best = [each for each in found if each[0].lower().startswith(wish)] or found
        if len(best) == 1:
            return best[0][1]()
    except OSError as error:
        raise Unreadable(f"A file cannot be read: {error.strerror}.") from None
    if not best:
        raise Unreadable("There is no notebook (.ipynb): hand in the notebook itself.")
    names = ", ".join(sorted(printable(name) for name, _ in best)[:5])
    raise Unreadable(f"There are {len(best)} notebooks ({names}): hand in one.")


def _notebooks(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Find notebooks in a file, folder or zip: the name, and what reads it."""
    if path.is_symlink():
        raise Unreadable(f"{printable(path.name)} is a link: hand in the file itself.")
    if path.is_dir():
        for inside in sorted(path.iterdir()):
            if not _is_hidden(inside.name):
                yield from _notebooks(inside)
    elif path.suffix.lower() == ".zip" and path.is_file():
        yield from _zipped_notebooks(path)
    elif path.suffix.lower() == ".ipynb" and path.is_file():
        yield _original(path.name), partial(_read_file, path)


def _original(name: str) -> str:
    """Take away what Moodle or Canvas puts before the name of a file."""
    matches = (pattern.fullmatch(name) for pattern in EXPORTS.values())
    return next((match[3] for match in matches if match), name)


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return _read_some(file)


def _read_some(file: BinaryIO) -> bytes:
    """Read a notebook, but never more than the limit."""
    content = file.read(NOTEBOOK_BYTES + 1)
    if len(content) > NOTEBOOK_BYTES:
        raise Unreadable(
            f"The notebook is larger than {NOTEBOOK_BYTES >> 20} MiB: clear its "
            "outputs, save it and hand it in again."
        )
    return content


def _zipped_notebooks(path: Path) -> list[tuple[str, Callable[[], bytes]]]:
    """Find notebooks in a zip, if all of it is in order."""
    if path.stat().st_size > ZIP_BYTES:
        raise Unreadable(
            f"The zip is larger than {ZIP_BYTES >> 20} MiB: leave the pictures out."
        )
    try:
        with ZipFile(path) as archive:
            members = archive.infolist()
    except (*DAMAGE, ValueError):
        raise Unreadable("The zip is damaged: make it again.") from None
    if len(members) > ZIP_MEMBERS:
        raise Unreadable(f"The zip has more than {ZIP_MEMBERS} files: it is refused.")
    for member in members:
        _check_member(member)
    paths = [(PurePosixPath(member.filename), member) for member in members]
    return [
        (inside.name, partial(_read_member, path, member))
        for inside, member in paths
        if member.filename.lower().endswith(".ipynb")
        and not any(map(_is_hidden, inside.parts))
    ]


def _check_member(member: ZipInfo) -> None:
    """Refuse links, ways out of the folder, and what has no bound when unpacked."""
    path = PurePosixPath(member.filename.replace("\\", "/"))
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Unreadable("The zip holds a link: put the file itself into it.")
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[:1]:
        raise Unreadable("The zip holds a path out of its folder: it is refused.")
    if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise Unreadable("The zip is packed in an unusual way: use the system's own.")


def _read_member(path: Path, member: ZipInfo) -> bytes:
    try:
        with ZipFile(path) as archive, archive.open(member) as file:
            return _read_some(file)
    except DAMAGE:
        raise Unreadable("The zip is damaged or locked: make it again.") from None


def read_notebook(content: bytes, expected: Sequence[str]) -> Notebook:
    """Parse a notebook of any version of the format and leave all but its cells out.

    Parameters
    ----------
    content : bytes
        The file.
    expected : sequence of str
        nbgrader's names of the cells that answer the questions, in their order.

    Returns
    -------
    Notebook

    Raises
    ------
    Unreadable
        It is no notebook.
    """
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
        if notebook["nbformat"] != 4:
            notebook = nbformat.convert(nbformat.from_dict(notebook), 4)
        cells = [_clean_cell(n, cell) for n, cell in enumerate(notebook["cells"])]
    except Exception as error:  # whatever a file of any content makes nbformat raise
        raise Unreadable(
            f"The file is no notebook ({type(error).__name__}): save it in Jupyter "
            "and hand it in again."
        ) from None
    clean = nbformat.writes(nbformat.v4.new_notebook(cells=cells))
    remarks = _remarks(cells, expected) + _twins(notebook["cells"])
    return Notebook(clean.encode("utf-8", "replace"), remarks)


def _clean_cell(number: int, cell) -> nbformat.NotebookNode:
    """Keep the source of a cell and the name that nbgrader gave it."""
    source = "".join(cell["source"])  # a text, or its lines
    make = getattr(nbformat.v4, f"new_{cell['cell_type']}_cell")
    name = grade_id(cell)
    metadata = {"nbgrader": {"grade_id": name}} if _is_text(name) else {}
    return make(source, id=f"cell-{number}", metadata=metadata)


def _is_text(value) -> bool:
    return isinstance(value, str) and 0 < len(value) <= NAME_LETTERS


def _remarks(cells, expected) -> list[str]:
    """List cells that are missing, copied or out of order."""
    names = [name for cell in cells if (name := grade_id(cell)) in expected]
    remarks = misplaced(names, list(expected))
    if not any(cell.cell_type == "code" and cell.source.strip() for cell in cells):
        remarks.append("There is no code in the notebook.")
    return remarks


def _twins(cells) -> list[str]:
    """Complain about identities that more than one cell has."""
    counts = Counter(filter(_is_text, (cell.get("id") for cell in cells)))
    repeated = [(each, count) for each, count in counts.items() if count > 1][:5]
    return [f"{n} cells have the identity {printable(each)}." for each, n in repeated]
