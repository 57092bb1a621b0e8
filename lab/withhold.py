"""Make the withheld pictures of a course, and the answers that only the grader reads.

``python -m lab.withhold --count 370 --out FOLDER --answers FILE``
"""

import argparse
import json
import secrets
import sys
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from utils.command import Problem, attempt
from utils.data.datasets import SPLITS, Pictures, load_folder, load_pets
from utils.data.decode import read_picture
from utils.files import replacing

PICTURES = 370  # ten of each breed: the interval of 90 % is 3 points to either side
CROP = 0.04  # of a side, at most, on each side
SCALE = (0.9, 1.0)
QUALITY = (85, 95)  # of the JPEG
SECRET_BITS = 53  # what JSON keeps exactly in every language


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0, 1 after a problem, or 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m lab.withhold", description=__doc__)
    add = parser.add_argument
    add("--count", type=int, default=PICTURES, help=f"how many pictures ({PICTURES})")
    add("--out", type=Path, required=True, help="new folder, which students get")
    add("--answers", type=Path, required=True, help="new file, which nobody gets")
    split = "from which pictures: test, for students have the others"
    add("--split", choices=SPLITS, default="test", help=split)
    own = "photographs of your own to choose from, with a folder for each breed"
    add("--pictures", type=Path, metavar="FOLDER", help=own)
    options = parser.parse_args(arguments)
    return attempt(lambda: _withhold(options))


def _withhold(options: argparse.Namespace) -> None:
    if options.pictures:
        pictures = load_folder(options.pictures)
    elif options.split == "test":
        pictures = load_pets("test")
    else:
        raise Problem(
            f"Students have the pictures of {options.split} with their breeds. "
            "Withhold from test, or photographs of your own: --pictures FOLDER, with a "
            "folder for each breed."
        )
    withhold(pictures, options.count, options.out, options.answers)
    print(f"{options.count} pictures are in {options.out}. Keep {options.answers}.")


def withhold(pictures: Pictures, count: int, out: Path, answers: Path) -> None:
    """Copy pictures so that nothing but what they show tells the breed.

    The breeds take turns, so that each has its share; names are numbers in a random
    order. Each picture is cropped and resized a little and saved as JPEG anew, all by
    chance: no byte of the original file, its name, date or EXIF is left.

    Parameters
    ----------
    pictures : Pictures
        Those to choose from.
    count : int
        How many.
    out : Path
        A new or empty folder: 0001.jpg, 0002.jpg and so on.
    answers : Path
        A new JSON file, which its owner alone may read: ``pictures`` has the breed
        of each file, ``seed`` is the secret that draws the grader's inputs.

    Raises
    ------
    ValueError
        There are not so many pictures, or the answers would lie in the folder.
    FileExistsError
        The folder is not empty, or the file of the answers is there.
    """
    _check_places(out, answers)
    if not 1 <= count <= len(pictures.paths):
        raise ValueError(
            f"count is {count}, expected 1 to {len(pictures.paths)}, as many pictures "
            f"as there are ({pictures.source})."
        )
    seed = secrets.randbits(SECRET_BITS)
    generator = np.random.default_rng(secrets.randbits(128))
    out.mkdir(parents=True, exist_ok=True)
    breeds = {}
    chosen = generator.permutation(_choose(pictures.labels, count, generator))
    for number, row in enumerate(tqdm(chosen, "Withholding pictures", leave=False), 1):
        name = f"{number:04}.jpg"
        disguise(read_picture(pictures.paths[row]), generator, out / name)
        breeds[name] = pictures.class_names[pictures.labels[row]]
    content = json.dumps({"pictures": breeds, "seed": seed}, indent=1)
    with replacing(answers) as part:
        # Nobody else may read it, not even while it is written.
        part.touch(mode=0o600, exist_ok=False)
        part.write_text(content + "\n", encoding="utf-8")


def _check_places(out: Path, answers: Path) -> None:
    if answers.resolve().is_relative_to(out.resolve()):
        raise ValueError(
            f"answers is {answers}, inside the folder that students get: name a place "
            f"outside of {out}."
        )
    if answers.exists():
        raise FileExistsError(
            f"{answers} is there already, perhaps of a running course: name another."
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} is not an empty folder: name another.")


def _choose(labels: np.ndarray, count: int, generator) -> list[int]:
    """Take a picture of each breed in turn; chance decides which, and who is first."""
    of_breeds = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    order = generator.permutation(len(of_breeds))
    rounds = zip_longest(*(generator.permutation(of_breeds[k]) for k in order))
    return [row for row in chain.from_iterable(rounds) if row is not None][:count]


def disguise(image: Image.Image, generator, path: Path) -> None:
    """Save a picture with other borders, another size and other bytes.

    Parameters
    ----------
    image : Image
    generator : numpy Generator
        Draws how much is changed.
    path : Path
        A JPEG file.
    """
    width, height = image.size
    left, top, right, bottom = generator.uniform(0, CROP, 4)
    box = left * width, top * height, (1 - right) * width, (1 - bottom) * height
    scale = generator.uniform(*SCALE)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    small = image.resize(size, Image.Resampling.BICUBIC, box)
    small.info.clear()  # comment, EXIF, colour profile
    small.save(path, quality=int(generator.integers(*QUALITY, endpoint=True)))


if __name__ == "__main__":
    sys.exit(main())
