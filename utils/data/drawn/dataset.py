"""Draw the whole offline dataset once, and put it in place in one step."""

import csv
import hashlib
import os
import re
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import joblib
from joblib.externals.loky import get_reusable_executor
from PIL import Image
from tqdm.auto import tqdm

from utils.data.drawn.breeds import BREEDS_CSV, load_breeds
from utils.data.drawn.drawing import draw_pet, find_head
from utils.files import DATA

DRAWN = DATA / "drawn"
SPLITS = {"train": 24, "val": 6, "test": 10}  # pictures of each breed
SIZE = 256  # pixels
MEGABYTES = 150  # of disk, with some to spare
LISTING, VERSION = "drawn.csv", "version.txt"
OURS = re.compile(
    r"drawn\.csv|version\.txt|images|images/\w+_\d+\.png|(.*/)?\..*|replaced.*"
)
ABANDONED = 24 * 3600  # seconds after which an unfinished folder is nobody's


class Row(NamedTuple):
    """One line of drawn.csv; the path is relative to the folder, with slashes."""

    path: str
    breed: str
    species: str
    split: str


def draw_pets(folder=DRAWN):
    """Draw the offline dataset, unless the folder already holds it.

    Pictures are drawn into a folder beside it that is renamed in the end: whatever
    interrupts the drawing leaves nothing that looks finished. Two processes may draw
    at once; the first to finish wins.

    Parameters
    ----------
    folder : Path
        Where the pictures (`images/Abyssinian_000.png` and so on, 256 x 256 RGB),
        `drawn.csv` (path, breed, species, split) and `version.txt` go. Drawings of
        another version there are replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    FileExistsError
        Something else is in the way.
    OSError
        The folder cannot be written, for example because the disk is full.
    """
    folder = Path(folder)
    if not _is_current(folder):
        _refuse_foreign(folder)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            _sweep(folder)
            _draw(folder)
        except OSError as error:
            message = (
                f"the pets cannot be drawn in {folder}: {error.strerror or error}; "
                f"make room for {MEGABYTES} MB and the right to write, then run again"
            )
            raise OSError(error.errno, message) from error
    return folder


def head_box(path):
    """Find the head in a picture of the offline dataset.

    Parameters
    ----------
    path : Path or str
        The file that `draw_pets` made.

    Returns
    -------
    (4,) float ndarray in [0, 1]
        As for `utils.data.drawn.drawing.find_head`.

    Raises
    ------
    ValueError
        The name is not that of a drawing.
    """
    if not OURS.fullmatch(f"images/{Path(path).name}"):
        raise ValueError(f"{path} is no drawing: only of drawn pets the head is known")
    name, _, seed = Path(path).stem.rpartition("_")
    return find_head(name.replace("_", " "), int(seed))


def drawn_version():
    """Digest of everything that a drawing depends on: breeds.csv and this package."""
    digest = hashlib.sha256(repr((SPLITS, SIZE)).encode())
    for path in [BREEDS_CSV, *sorted(Path(__file__).parent.glob("*.py"))]:
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:16]


def _is_current(folder):
    """Whether the folder holds all drawings of this version."""
    try:
        if (folder / VERSION).read_text(encoding="utf-8").strip() != drawn_version():
            return False
        with open(folder / LISTING, newline="", encoding="utf-8") as file:
            paths = [row["path"] for row in csv.DictReader(file)]
        return paths == [row.path for row, _ in _rows()] and all(
            (folder / path).stat().st_size for path in paths
        )
    except (OSError, KeyError, UnicodeDecodeError):
        return False


def _refuse_foreign(folder):
    """Raise if the folder holds something that this module did not write."""
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(
            f"{folder} is a file; move it away, the drawn pets go there"
        )
    inside = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]
    others = [name for name in inside if not OURS.fullmatch(name)]
    if others:
        raise FileExistsError(
            f"{folder} holds {others[0]!r}, which is no part of the drawn pets; move "
            "it away or name another folder"
        )


def _rows():
    """Return each row of the listing with its seed; splits share no seed."""
    for breed in load_breeds():
        splits = (split for split, count in SPLITS.items() for _ in range(count))
        for seed, split in enumerate(splits):
            path = f"images/{breed.name.replace(' ', '_')}_{seed:03}.png"
            yield Row(path, breed.name, breed.species, split), seed


def _draw(folder):
    """Draw into a folder beside and move it into place; clean up whatever happens."""
    drawing = Path(
        tempfile.mkdtemp(prefix=f"{folder.name}.drawing-", dir=folder.parent)
    )
    drawing.chmod(0o755)  # as any folder: the grader's workers are other users
    try:
        (drawing / "images").mkdir()
        _draw_pictures(drawing)
        _write_listing(drawing)
        _publish(drawing, folder)
    finally:
        shutil.rmtree(drawing, ignore_errors=True)


def _draw_pictures(drawing):
    """Draw on all cores, with a progress bar."""
    rows = list(_rows())
    work = (
        joblib.delayed(_save)(drawing / row.path, row.breed, seed) for row, seed in rows
    )
    done = joblib.Parallel(n_jobs=-1, return_as="generator_unordered")(work)
    try:
        for _ in tqdm(done, "Drawing the pets", len(rows), unit="picture"):
            pass
    finally:
        # Else they wait for more work, and a process of multiprocessing for them.
        get_reusable_executor().shutdown(wait=True)


def _save(path, breed, seed):
    """Draw one picture into a PNG file."""
    Image.fromarray(draw_pet(breed, seed, SIZE)).save(path, compress_level=1)


def _write_listing(drawing):
    """Write drawn.csv, and the version last."""
    with open(drawing / LISTING, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(row for row, _ in _rows())
    (drawing / VERSION).write_text(drawn_version() + "\n", encoding="utf-8")


def _publish(drawing, folder):
    """Rename a finished drawing to the folder, unless another process was faster."""
    if _is_current(folder):
        return
    with suppress(FileNotFoundError):
        os.replace(folder, drawing / "replaced")
    try:
        os.rename(drawing, folder)
    except OSError:
        if not _is_current(folder):
            raise
    shutil.rmtree(folder / "replaced", ignore_errors=True)


def _sweep(folder):
    """Remove what drawings that were killed long ago have left."""
    for path in folder.parent.glob(f"{folder.name}.drawing-*"):
        if time.time() - path.stat().st_mtime > ABANDONED:
            shutil.rmtree(path, ignore_errors=True)
