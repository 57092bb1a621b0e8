"""What submissions see of the pictures: those whose breeds they may know, no others."""

import os
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from lab.sandbox.isolation import DRAWN_SHOWN
from lab.withhold import disguise
from utils.command import Problem
from utils.data.datasets import load_pets
from utils.data.decode import read_picture
from utils.data.drawn.dataset import LISTING, draw_pets
from utils.files import DATA, ROOT
from utils.measure import alone

ENDINGS = {".jpg", ".jpeg"}
PROBES = 4  # pictures of each breed
PETS = "oxford-iiit-pet"


def show_pictures(data: Path | None, folder: Path) -> Path | None:
    """Lay out what students learn from: without the test pictures and their breeds.

    Parameters
    ----------
    data : Path or None
        Folder of photographs in the published layout; the drawn sample without it.
    folder : Path
        Where to put photographs.

    Returns
    -------
    Path or None
        What to show instead of `data`. The drawn sample has a place of its own.
    """
    if data is None:
        _show_drawn(draw_pets(DATA / "drawn"), ROOT / DRAWN_SHOWN)
        return None
    shown = folder / data.name
    shutil.rmtree(shown, ignore_errors=True)
    listing = data / PETS / "annotations" / "trainval.txt"
    try:
        names = {line.split()[0].lower() for line in listing.open(encoding="utf-8")}
        pictures = list((data / PETS / "images").iterdir())
    except (OSError, IndexError, UnicodeDecodeError) as error:
        raise Problem(f"{data} has not the pets' published layout: {error}") from None
    for path in pictures:
        if path.stem.lower() in names:
            _link(path, shown / PETS / "images" / path.name)
    _link(listing, shown / PETS / "annotations" / listing.name)
    _let_all_read(shown)
    return shown


def _show_drawn(drawn: Path, shown: Path) -> None:
    """Put an empty picture in the place of each test picture."""
    shutil.rmtree(shown, ignore_errors=True)
    for path in (path for path in drawn.iterdir() if path.is_file()):
        _link(path, shown / path.name)
    empty = shown / "images" / ".empty.png"
    empty.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (256, 256)).save(empty)
    lines = (drawn / LISTING).read_text(encoding="utf-8").splitlines()[1:]
    for place, *_, split in (line.split(",") for line in lines):
        _link(empty if split == "test" else drawn / place, shown / place)
    _let_all_read(shown)


def show_withheld(
    withheld: Path, data: Path | None, folder: Path, seed: int
) -> tuple[Path, dict[str, str]]:
    """Lay out the withheld pictures, with some of `val` among them.

    Students know the breeds of the latter: who is right on the withheld ones far more
    often than on these has not learnt it from pictures.

    Parameters
    ----------
    withheld : Path
        Folder that `lab.withhold` wrote.
    data : Path or None
        As in `show_pictures`.
    folder : Path
        Where to put them.
    seed : int
        Chooses.

    Returns
    -------
    folder : Path
    probes : dict of str to str
        The breed of each picture of `val`, by the name of its file there.

    Raises
    ------
    Problem
        A picture is broken, or there is none.
    """
    shown = folder / "withheld"
    shutil.rmtree(shown, ignore_errors=True)
    pictures = sorted(path for path in withheld.iterdir() if _is_picture(path))
    if not pictures:
        raise Problem(f"{withheld} has no pictures (.jpg): name the withheld ones.")
    for path in pictures:
        _check_picture(path)
        _link(path, shown / f"{path.stem}.jpg")
    numbers = [int(path.stem) for path in pictures if path.stem.isdecimal()]
    probes = alone(_probe, data, shown, max(numbers, default=0), seed)
    _let_all_read(shown)
    return shown, probes


def _is_picture(path: Path) -> bool:
    hidden = path.name.startswith(".")
    return path.suffix.lower() in ENDINGS and not hidden and path.is_file()


def _check_picture(path: Path) -> None:
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Problem(
            f"{path} is no picture that can be read ({error}): take it from your copy "
            "of the withheld pictures again."
        ) from None


def _probe(data: Path | None, shown: Path, last: int, seed: int) -> dict[str, str]:
    """Add pictures of `val`, disguised as the withheld ones are."""
    os.environ |= {"COURSE_DATA": str(data or "sample"), "COURSE_OFFLINE": "1"}
    pictures, generator = load_pets("val"), np.random.default_rng(seed)
    of_breed = defaultdict(list)
    for row in generator.permutation(len(pictures.labels)):
        of_breed[pictures.labels[row]].append(row)
    rows = generator.permutation([k for of in of_breed.values() for k in of[:PROBES]])
    probes = {}
    for number, row in enumerate(rows, last + 1):
        path = shown / f"{number:04}.jpg"
        disguise(read_picture(pictures.paths[row]), generator, path)
        os.utime(path, (0, 0))  # features are kept by the time of a file
        probes[path.name] = pictures.class_names[pictures.labels[row]]
    return probes


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where that cannot be."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _let_all_read(folder: Path) -> None:
    """Behind the walls, a submission is another user."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
