"""Read what one student handed in; the grader runs this in a limited process.

Nothing is unpacked and no link is followed; what cannot be read becomes a sentence.
"""

import hashlib
import io
import json
import stat
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from lab.cells import RELEASE, NoNotebook, as_notebook, grade_id, misplaced, read_cells
from lab.grading.names import Unreadable, is_hidden, original, printable
from lab.grading.sources import fingerprints, private_names

NOTEBOOK_BYTES = 32 << 20
ZIP_BYTES = 32 << 20  # a list of empty files of that size still fits the memory
ZIP_MEMBERS = 10_000
ZIP_DEPTH = 2  # a zip in a zip is opened, one in that is not
MAX_NOTEBOOKS = 20
MEMORY, SECONDS = 2 << 30, 20  # that reading may take
DAMAGE = (
    *(BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError),
    *(ValueError, OverflowError, MemoryError),
)


class Notebook(NamedTuple):
    """A notebook that was read."""

    content: bytes  # nbformat 4 in UTF-8: sources and names of cells, no outputs
    remarks: list[str]  # what is odd about it, for the student
    flags: list[str]  # for the people who grade
    chosen: str  # the name of the file
    sources: dict[str, str]  # what tells copies of an answer, by the name of its cell


def main() -> None:
    """Read what standard input names, and write what was found."""
    _limit()
    request = json.loads(sys.stdin.buffer.read())
    try:
        paths = [Path(path) for path in request["paths"]]
        found = read_paths(paths, request["expected"])
        answer = found._asdict() | {"content": found.content.decode()}
    except Unreadable as error:
        answer = {"problem": str(error)}
    sys.stdout.write(json.dumps(answer))


def _limit() -> None:
    """Take limits on, where the system has them."""
    try:
        import resource
    except ImportError:  # Windows; the grader watches the time
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def read_paths(paths: Sequence[Path], expected: Sequence[str]) -> Notebook:
    """Read the notebook among the files of a submission that has the answers.

    Parameters
    ----------
    paths : sequence of Path
        Files and folders.
    expected : sequence of str
        nbgrader's names of the cells that answer the questions, in their order.

    Returns
    -------
    Notebook

    Raises
    ------
    Unreadable
        There is no notebook, no single one to choose, or it cannot be read.
    """
    try:
        found = [each for path in paths for each in _notebooks(path)]
        if len(found) > MAX_NOTEBOOKS:
            raise Unreadable(f"There are more than {MAX_NOTEBOOKS} notebooks.")
        read, problem = [], ""
        for name, load in found:
            try:
                read.append((name, *read_cells(load())))
            except NoNotebook as error:
                problem = problem or _told(name, error)
    except OSError as error:
        raise Unreadable(f"A file cannot be read: {error.strerror}.") from None
    if not found:
        raise Unreadable("There is no notebook (.ipynb): hand in the notebook itself.")
    if not read:
        raise Unreadable(problem)
    return _choose(read, expected)


def _told(name: str, error: NoNotebook) -> str:
    return (
        f"{printable(name)} cannot be graded, for {error}: save it in Jupyter and hand "
        "it in again."
    )


def _choose(read: list[tuple], expected: Sequence[str]) -> Notebook:
    """Take the notebook with the most answers; leave ties to people."""
    given, _ = read_cells(RELEASE.read_bytes())
    ranked = [(_rank(name, cells, given, expected), name) for name, cells, _ in read]
    best = max(rank for rank, _ in ranked)
    first = [n for n, (rank, _) in enumerate(ranked) if rank == best]
    if not best[0] and not best[2]:
        raise Unreadable("The notebook is blank: nothing in it is the student's own.")
    if len(first) > 1:
        names = ", ".join(sorted(printable(read[n][0]) for n in first)[:5])
        raise Unreadable(f"There are {len(first)} notebooks ({names}): hand in one.")
    name, cells, odd = read[first[0]]
    others = sum(rank[0] > 0 for rank, _ in ranked) - bool(best[0])
    flags = [f"{printable(name)} was chosen: {others} more have answers"] * bool(others)
    flags += [f"touches {each}" for each in private_names(cells)]
    remarks = _remarks(cells, expected) + odd
    sources = fingerprints(_answered(cells, given, expected))
    return Notebook(as_notebook(cells), remarks, flags, printable(name), sources)


def _rank(name: str, cells, given, expected) -> tuple[int, bool, bool]:
    """Order notebooks: by answers, by name, and by whether anything was written."""
    known = {cell["source"].strip() for cell in given}
    own = any(c["source"].strip() not in known for c in cells if c["source"].strip())
    wish = original(name).lower().startswith(RELEASE.stem.lower())
    return len(_answered(cells, given, expected)), wish, own


def _answered(cells, given, expected) -> dict[str, dict]:
    """Find the cells that answer a question, and differ from what was given."""
    blank = {grade_id(cell): cell["source"].strip() for cell in given}
    named = {grade_id(cell): cell for cell in cells if grade_id(cell) in expected}
    return {
        name: cell
        for name, cell in named.items()
        if cell["source"].strip() not in ("", blank.get(name))
    }


def _remarks(cells, expected) -> list[str]:
    """List cells that are missing, copied or out of order."""
    names = [name for cell in cells if (name := grade_id(cell)) in expected]
    remarks = misplaced(names, list(expected))
    if not any(c["cell_type"] == "code" and c["source"].strip() for c in cells):
        remarks.append("There is no code in the notebook.")
    return remarks


def _notebooks(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Find notebooks in a file, folder or zip: the name, and what reads it."""
    if path.is_symlink():
        raise Unreadable(f"{printable(path.name)} is a link: hand in the file itself.")
    if path.is_dir():
        for inside in sorted(path.iterdir()):
            if not is_hidden(inside.name):
                yield from _notebooks(inside)
    elif path.suffix.lower() == ".zip" and path.is_file():
        if path.stat().st_size > ZIP_BYTES:
            raise Unreadable(
                f"The zip is larger than {ZIP_BYTES >> 20} MiB: leave the pictures out."
            )
        yield from _zipped_notebooks(path.read_bytes(), 1)
    elif path.suffix.lower() == ".ipynb" and path.is_file():
        yield path.name, partial(_read_file, path)


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


def _zipped_notebooks(content: bytes, depth: int) -> Iterator[tuple]:
    """Find notebooks in a zip, if all of it is in order."""
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except DAMAGE:
        raise Unreadable("The zip is damaged: make it again.") from None
    if len(members) > ZIP_MEMBERS:
        raise Unreadable(f"The zip has more than {ZIP_MEMBERS} files: it is refused.")
    for member in members:
        _check_member(member)
    for member in members:
        inside = PurePosixPath(member.filename)
        read = partial(_read_member, content, member)
        if any(map(is_hidden, inside.parts)) or member.is_dir():
            continue
        if inside.suffix.lower() == ".ipynb":
            yield inside.name, read
        elif inside.suffix.lower() == ".zip":
            if depth == ZIP_DEPTH:
                name = printable(inside.name)
                raise Unreadable(f"{name} is a zip in a zip in a zip: unpack it.")
            yield from _zipped_notebooks(read(), depth + 1)


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


def _read_member(content: bytes, member: ZipInfo) -> bytes:
    try:
        with ZipFile(io.BytesIO(content)) as archive, archive.open(member) as file:
            return _read_some(file)
    except DAMAGE:
        raise Unreadable("The zip is damaged or locked: make it again.") from None


def digest(*contents: bytes) -> str:
    """Return one SHA-256 of several contents, in hexadecimal digits."""
    digests = b"".join(hashlib.sha256(content).digest() for content in contents)
    return hashlib.sha256(digests).hexdigest()


if __name__ == "__main__":
    main()
