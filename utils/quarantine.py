"""Check every picture once: bad files are listed with a reason, never deleted.

| file                                        | fate                                |
| ------------------------------------------- | ----------------------------------- |
| truncated, or damaged so that it won't open | quarantined                         |
| zero bytes; HTML or other text named .jpg   | quarantined                         |
| PNG, GIF, ... named .jpg, or the reverse    | quarantined                         |
| smaller than 16 x 16 pixels                 | quarantined                         |
| more than 50 megapixels                     | quarantined (decompression bomb)    |
| 32-bit integer or float pixels              | quarantined (no white level)        |
| grey, palette, CMYK                         | converted to RGB                    |
| RGBA and other transparency                 | converted, laid over white          |
| 16-bit grey                                 | converted, 65535 becomes 255        |
| corrupt EXIF                                | converted, broken tags ignored      |
| animated GIF, TIFF or WebP of several pages | first frame                         |
"""

import csv
import hashlib
import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import imagehash
import numpy as np
from joblib import cpu_count
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm.auto import tqdm

from utils.archives import DATA

FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
DECODERS = sorted(set(FORMATS.values()))
LEAST_SIDE = 16  # pixels
MOST_PIXELS = 50_000_000  # 150 MB as RGB; a 50-megapixel telephone just fits
NEAR = 6  # bits of the 64-bit perceptual hash that may differ
RULES = 1  # raise it when the table above changes: everything is checked again
ROWS = 256  # hashes compared with all others at once
PATIENCE = 2  # seconds before a progress bar appears


class UnreadablePicture(ValueError):
    """The picture cannot be used; the message says why."""


class Record(NamedTuple):
    """What is remembered about one picture; a line of checked.csv."""

    file: str  # relative to the dataset folder, with forward slashes
    reason: str  # why it is quarantined; empty for a sound picture
    size: int  # bytes
    modified: int  # nanoseconds
    sha256: str  # of the file
    phash: str  # perceptual hash, 16 hexadecimal digits; empty when quarantined


class Duplicate(NamedTuple):
    """Two pictures of different splits that look the same."""

    first: Path
    second: Path
    distance: int  # bits of the perceptual hash that differ, 0 to 64
    exact: bool  # the same file, byte for byte


def check(paths: Iterable[Path], root: Path) -> dict[Path, Record]:
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
    folder, names = memory_folder(root), {p: _name(p, root) for p in paths}
    records = _remembered(folder)
    new = [p for p, name in names.items() if not _is_current(records.get(name), p)]
    examined = on_all_cores(lambda p: _examine(p, names[p]), new, "Checking pictures")
    try:
        for record in examined:
            records[record.file] = record
    finally:  # an interrupted check is not lost
        _remember(folder, root, records, changed=bool(new))
    return {path: records[name] for path, name in names.items()}


def memory_folder(root: Path) -> Path:
    """Return the folder below data/quarantine/ that belongs to a dataset folder."""
    resolved = Path(root).resolve()
    digest = hashlib.sha256(f"{RULES} {resolved}".encode(errors="surrogateescape"))
    return DATA / "quarantine" / f"{resolved.name}-{digest.hexdigest()[:12]}"


def read_picture(path: Path, least: int = 0) -> Image.Image:
    """Read a picture as upright 8-bit RGB (see the table at the top of this module).

    Parameters
    ----------
    path : Path
        A picture file.
    least : int
        Pixels on each side that are enough. A JPEG that has more is decoded at half,
        a quarter or an eighth of its size, if that still has so many: fewer
        coefficients of its blocks are turned into pixels. 0 decodes all.

    Returns
    -------
    PIL.Image.Image
        Mode RGB, turned as its EXIF orientation says.

    Raises
    ------
    FileNotFoundError
        The file is not there.
    UnreadablePicture
        The file is one of those that the check puts into quarantine.
    """
    try:
        return _decode(path.read_bytes(), path.suffix.lower(), least)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"The picture {path} is not there: load the dataset again for a new list."
        ) from None
    except UnreadablePicture as error:
        raise UnreadablePicture(
            f"The picture {path} {error}. Leave it out or replace the file."
        ) from error


def report_duplicates(*splits) -> list[Duplicate]:
    """Find pictures that stand in more than one split, print how many, return them.

    Near duplicates are those whose perceptual hashes (DCT, 64 bits; Zauner,
    Implementation and Benchmarking of Perceptual Image Hash Functions, 2010, section
    3.2) differ in at most 6 bits. Measured on all pairs of 5,680 photographs of the two
    datasets: the 17 pairs within 6 bits all show one animal in one scene, so do the 3
    at 8 bits, and 2 of the 11 at 10 bits. Of the drawn pets, no pair is within 6 bits.

    Parameters
    ----------
    *splits : Pictures
        Two or more, as the loaders return them.

    Returns
    -------
    list of Duplicate
        Nearest first.
    """
    hashed = [_fingerprints(split.paths) for split in splits]
    found = [
        pair for one, other in combinations(hashed, 2) for pair in _near(one, other)
    ]
    exact = sum(pair.exact for pair in found)
    print(
        f"Across {len(splits)} splits: {exact} exact and {len(found) - exact} near "
        f"duplicates among {sum(len(split.paths) for split in splits):,} pictures."
    )
    return sorted(found, key=lambda pair: (pair.distance, not pair.exact, pair[:2]))


def on_all_cores(work: Callable, items: Sequence, title: str) -> Iterator:
    """Yield ``work(item)`` in order; Pillow decodes outside Python's lock, so threads.

    A bar shows if it takes long. (joblib's threads cost 25 ms a call, these 4 ms.)
    """
    with quiet_pillow(), ThreadPoolExecutor(cpu_count()) as pool:
        results = pool.map(work, items)
        yield from tqdm(results, title, len(items), delay=PATIENCE, unit="picture")


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Mute Pillow's notes on odd files while the context lasts.

    Yields
    ------
    None
        Set in the main thread, it holds for all threads.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


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
        image = _decode(data, path.suffix.lower())
    except UnreadablePicture as error:
        return Record(name, str(error), *stamp, digest, "")
    return Record(name, "", *stamp, digest, str(imagehash.phash(image)))


def _decode(data: bytes, suffix: str, least: int = 0) -> Image.Image:
    try:
        with Image.open(BytesIO(data), formats=DECODERS) as image:
            _require_format(image, suffix)
            _require_size(image)
            if least:
                image.draft(None, (least, least))
            image.load()
            return _as_rgb(_upright(image))
    except UnreadablePicture:
        raise
    except UnidentifiedImageError:
        raise UnreadablePicture(f"is no picture: it begins {data[:15]!r}") from None
    except Image.DecompressionBombError as error:
        raise UnreadablePicture(f"is a decompression bomb: {error}") from error
    except Exception as error:  # Pillow's decoders raise nearly anything on bad bytes
        raise UnreadablePicture(f"cannot be read to its end: {error}") from error


def _require_format(image: Image.Image, suffix: str) -> None:
    found = image.format.replace("MPO", "JPEG")  # a JPEG with a preview behind it
    if found != FORMATS.get(suffix):
        raise UnreadablePicture(f"is a {found}, named {suffix}")


def _require_size(image: Image.Image) -> None:
    size = f"{image.width} x {image.height} pixels"
    if min(image.size) < LEAST_SIDE:
        raise UnreadablePicture(f"has {size}; {LEAST_SIDE} x {LEAST_SIDE} is the least")
    if image.width * image.height > MOST_PIXELS:
        raise UnreadablePicture(f"is a decompression bomb: it declares {size}")


def _upright(image: Image.Image) -> Image.Image:
    """Turn the picture as its EXIF orientation says, if that can be read."""
    try:
        image.getexif()
        image.info.pop("exif", None)  # else a broken tag that nobody needs stops Pillow
        return ImageOps.exif_transpose(image)
    except Exception:  # a broken orientation must not cost a sound picture
        return image


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((levels + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in {"I", "F"}:
        raise UnreadablePicture("has 32-bit pixels with no known white level")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def _remembered(folder: Path) -> dict[str, Record]:
    """Read checked.csv; one line that is not whole and the file is not trusted."""
    try:
        with _open_csv(folder / "checked.csv", "r") as file:
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


def _remember(
    folder: Path, root: Path, records: dict[str, Record], changed: bool
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if changed:
        opened = [record for record in records.values() if record.sha256]
        _write_csv(folder / "checked.csv", Record._fields, _here(opened, root))
    bad = [record for record in records.values() if record.reason]
    reasons = [(record.file, record.reason) for record in _here(bad, root)]
    _write_csv(folder / "quarantine.csv", ("file", "reason"), reasons)


def _here(records: list[Record], root: Path) -> list[Record]:
    return sorted(record for record in records if (root / record.file).exists())


def _write_csv(path: Path, header: tuple, lines: list[tuple]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with _open_csv(temporary, "w") as file:
        csv.writer(file).writerows([header, *lines])
    try:
        temporary.replace(path)
    except PermissionError:  # Windows, while another process has the same list open
        temporary.unlink()


def _open_csv(path: Path, mode: str):
    return path.open(mode, newline="", encoding="utf-8", errors="surrogateescape")


def _fingerprints(paths: list[Path]) -> tuple[list[Path], np.ndarray, np.ndarray]:
    """Paths of the sound pictures, their file hashes and (N,) uint64 looks."""
    groups = defaultdict(list)
    roots = {folder: _dataset_of(folder) for folder in {path.parent for path in paths}}
    for path in paths:
        groups[roots[path.parent]].append(path)
    records = {}
    for root, group in groups.items():
        records |= check(group, root)
    sound = [path for path in paths if not records[path].reason]
    files = np.array([records[path].sha256 for path in sound], dtype="U64")
    looks = np.array([int(records[path].phash, 16) for path in sound], dtype=np.uint64)
    return sound, files, looks


def _dataset_of(folder: Path) -> Path:
    """Return the nearest folder that has a memory, else the folder itself."""
    above = (folder, *folder.parents)
    return next((place for place in above if memory_folder(place).exists()), folder)


def _near(one: tuple, other: tuple) -> Iterator[Duplicate]:
    """Yield pairs of look-alikes; a block of rows at a time bounds the memory."""
    (paths, files, looks), (other_paths, other_files, other_looks) = one, other
    blocks = range(0, len(looks), ROWS)
    for start in tqdm(blocks, "Comparing pictures", delay=PATIENCE):
        distances = np.bitwise_count(looks[start : start + ROWS, None] ^ other_looks)
        for row, j in zip(*np.nonzero(distances <= NEAR), strict=True):
            i = start + row
            exact = bool(files[i] == other_files[j])
            yield Duplicate(paths[i], other_paths[j], int(distances[row, j]), exact)
