"""Inspect every picture once: bad files are listed with a reason, never deleted."""

import csv
import hashlib
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import imagehash

from utils.data.decode import UnreadablePicture, decode_picture, on_all_cores
from utils.files import DATA, writable

ESCAPE = "surrogateescape"  # names of files need not be text
CHECKED, BAD = "checked.csv", "quarantine.csv"
RULES = 1  # raise it when the table above changes: everything is checked again


class Record(NamedTuple):
    """What is remembered about one picture; a line of checked.csv."""

    file: str  # relative to the dataset folder, with forward slashes
    reason: str  # why it is quarantined; empty for a sound picture
    size: int  # bytes
    modified: int  # nanoseconds
    sha256: str  # of the file
    phash: str  # perceptual hash, 16 hexadecimal digits; empty when quarantined


def inspect(paths: Iterable[Path], root: Path) -> dict[Path, Record]:
    """Check pictures of a dataset; those checked before and unchanged are remembered.

    The memory lies in ``memory_folder(root)``: `checked.csv` has every picture,
    `quarantine.csv` the bad ones with their reason. A torn or foreign file is ignored
    and made anew.

    Parameters
    ----------
    paths : iterable of Path
        Picture files below `root`.
    root : Path
        Folder of the dataset. It may be read-only.

    Returns
    -------
    dict of Path to Record
        In the order of `paths`; ``record.reason`` is empty for a sound picture.
    """
    names = {path: _name(path, root) for path in paths}
    records = _remembered(memory_folder(root))
    new = [p for p, name in names.items() if not _is_current(records.get(name), p)]
    examined = on_all_cores(lambda p: _examine(p, names[p]), new, "Checking pictures")
    try:
        for record in examined:
            records[record.file] = record
    finally:  # an interrupted check is not lost
        _remember(root, records, changed=bool(new))
    return {path: records[name] for path, name in names.items()}


def memory_folder(root: Path) -> Path:
    """Return the folder that remembers what was found in a dataset folder.

    Parameters
    ----------
    root : Path
        Folder of the dataset.

    Returns
    -------
    Path
        Below data/quarantine/; or, where that cannot be written and does not have it
        already, where `utils.files.writable` says.
    """
    places = _places(root)
    return next((each for each in places if (each / CHECKED).exists()), places[0])


def _places(root: Path) -> list[Path]:
    """List where the memory may lie; the first can be written."""
    resolved = Path(root).resolve()
    digest = hashlib.sha256(f"{RULES} {resolved}".encode(errors=ESCAPE))
    name, best = f"{resolved.name}-{digest.hexdigest()[:12]}", DATA / "quarantine"
    return [writable(best) / name, best / name]


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _is_current(record: Record | None, path: Path) -> bool:
    return record is not None and (record.size, record.modified) == _stamp(path)


def _stamp(path: Path) -> tuple[int, int]:
    """Size in bytes and time in nanoseconds, or (-1, -1) when they cannot be had."""
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _examine(path: Path, name: str) -> Record:
    """Read one picture to its end."""
    stamp = _stamp(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        return Record(name, f"cannot be opened: {error.strerror}", -1, -1, "", "")
    digest = hashlib.sha256(data).hexdigest()
    try:
        image = decode_picture(data, path.suffix.lower())
    except UnreadablePicture as error:
        return Record(name, str(error), *stamp, digest, "")
    return Record(name, "", *stamp, digest, str(imagehash.phash(image)))


def _remembered(folder: Path) -> dict[str, Record]:
    """Read checked.csv; one line that is not whole and the file is not trusted."""
    try:
        with (folder / CHECKED).open(
            newline="", encoding="utf-8", errors=ESCAPE
        ) as file:
            lines = csv.reader(file, strict=True)
            if next(lines) != list(Record._fields):
                return {}
            return {record.file: record for record in map(_parse, lines)}
    except (OSError, StopIteration, csv.Error, TypeError, ValueError):
        return {}


def _parse(line: list[str]) -> Record:
    """Turn a line into a record; TypeError or ValueError when it is not whole."""
    record = Record(*line)
    hashes = len(bytes.fromhex(record.sha256)), len(bytes.fromhex(record.phash))
    if hashes != (32, 0 if record.reason else 8):
        raise ValueError(line)
    return record._replace(size=int(record.size), modified=int(record.modified))


def _remember(root: Path, records: dict[str, Record], changed: bool) -> None:
    """Write what has changed; a disk that takes nothing costs the next check only."""
    opened = [record for record in records.values() if record.sha256]
    bad = [record for record in records.values() if record.reason]
    reasons = [(record.file, record.reason) for record in _here(bad, root)]
    listing = _csv(("file", "reason"), reasons)
    if not changed and _read_bytes(memory_folder(root) / BAD) == listing:
        return
    folder = _places(root)[0]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / CHECKED, _csv(Record._fields, _here(opened, root)))
        _write(folder / BAD, listing)
    except OSError as error:
        print(
            f"What was found in {root.name} cannot be kept, so its pictures will be "
            f"checked again ({error}). Let COURSE_CACHE name a folder for such notes."
        )


def _read_bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _here(records: list[Record], root: Path) -> list[Record]:
    return sorted(record for record in records if (root / record.file).exists())


def _csv(header: tuple, lines: list[tuple]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *lines])
    return text.getvalue().encode(errors=ESCAPE)


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    try:
        temporary.replace(path)
    except PermissionError:  # Windows, while another process has the same list open
        temporary.unlink()
