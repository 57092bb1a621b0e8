"""Find the datasets, split them, and load their pictures as arrays."""

import csv
import os
from collections import defaultdict
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np

from utils.data.archives import NoNetwork, fetch
from utils.data.decode import FORMATS
from utils.data.drawn.breeds import load_breeds
from utils.data.drawn.dataset import draw_pets
from utils.data.folders import (
    files_below,
    find,
    folders_in,
    is_picture,
    loose_files,
    plain,
    split_folders,
    tell_left_out,
)
from utils.data.quarantine import inspect, memory_folder
from utils.data.splits import SPLITS, cut_val, hashed_split, read_list, require_split
from utils.files import DATA, course_data, package_file, shown, writable

CATS_VS_DOGS, PETS = "Cats vs. Dogs", "Oxford-IIIT Pet"
SAMPLE = "drawn sample"
OFFICIAL_TEST = 3669  # pictures in test.txt

# What a folder with the published layout has, and the archive that brings it.
LAYOUT = {
    CATS_VS_DOGS: {"PetImages/Cat": "cats-vs-dogs", "PetImages/Dog": "cats-vs-dogs"},
    PETS: {
        "oxford-iiit-pet/images": "pets-images",
        "oxford-iiit-pet/annotations/trainval.txt": "pets-annotations",
    },
}


class Pictures(NamedTuple):
    """Labelled pictures on disk, in an order that is the same on every machine."""

    paths: list[Path]  # N files
    labels: np.ndarray  # (N,) int64, index into class_names
    class_names: list[str]
    source: str  # one line for the reader, without a path of this machine


class _Item(NamedTuple):
    path: Path | None  # None for a picture that is listed but absent
    label: int
    split: str


class _Place(NamedTuple):
    """A folder with pictures of one class."""

    name: str  # of the class
    folder: Path
    split: str | None = None  # that the folder stands for


def load_cats_vs_dogs(split: str) -> Pictures:
    """Load the list of cats (label 0) and dogs (label 1).

    The dataset (Elson, Douceur, Howell, Saul: Asirra, CCS 2007) has no official
    splits. A hash of "Cat/123.jpg" holds a fifth back as `test`; a second hash takes a
    fifth of the others as `val`. So 64 % are `train`, 16 % `val`, 20 % `test`, and a
    picture never changes sides, whatever other files are missing.

    Parameters
    ----------
    split : {"train", "val", "test"}

    Returns
    -------
    Pictures, cats first

    Raises
    ------
    ValueError
        Unknown split.
    FileNotFoundError
        COURSE_DATA names a folder without this dataset.
    """
    require_split(split)
    folder, source = _locate(CATS_VS_DOGS, course_data())
    if source == SAMPLE:
        items = _sample_cats_vs_dogs(folder)
    else:
        places = [_Place(k, find(folder, f"PetImages/{k}")) for k in ("Cat", "Dog")]
        folder = Path(os.path.commonpath([place.folder for place in places]))
        items = _class_items(CATS_VS_DOGS, places)
    return _select(items, split, folder, ["cat", "dog"], source)


def load_pets(split: str) -> Pictures:
    """Load the list of pets with their breed, labels 0 to 36.

    `train` and `val` are the official trainval.txt, `test` the official test.txt
    (Parkhi, Vedaldi, Zisserman, Jawahar: Cats and Dogs, CVPR 2012). `val` is a fifth
    of each breed's names in trainval.txt, those with the smallest hash: 2,944 `train`,
    736 `val`, 3,669 `test`.

    Parameters
    ----------
    split : {"train", "val", "test"}

    Returns
    -------
    Pictures
        In the order of the labels. Listed pictures without a file are left out, and a
        printed line says how many.

    Raises
    ------
    ValueError
        Unknown split, or a list that is damaged.
    FileNotFoundError
        COURSE_DATA names a folder without this dataset, or without its test pictures.
    """
    require_split(split)
    folder, source = _locate(PETS, course_data())
    if source == SAMPLE:
        names = [breed.name for breed in load_breeds()]
        items = [
            _Item(folder / line["path"], names.index(line["breed"]), line["split"])
            for line in _sample_lines(folder)
        ]
        return _select(items, split, folder, names, source)
    images, trainval = (find(folder, place) for place in LAYOUT[PETS])
    items, names = _pets_items(images, trainval)
    folder = Path(os.path.commonpath([images, trainval]))
    _report_absent([item for item in items if item.split == split], split)
    return _select(items, split, folder, names, source)


def load_folder(path: Path | str, split: str | None = None) -> Pictures:
    """Load the list of one's own pictures: a folder with one folder per class.

    Parameters
    ----------
    path : Path or str
        Folder whose subfolders are the classes, in alphabetical order, with pictures
        at any depth. If its subfolders are called train, val and test, the classes lie
        in these; if it has one subfolder only, the classes may lie in that.
    split : {"train", "val", "test"} or None
        Which part, by the same hashes as in `load_cats_vs_dogs`, or by folders called
        train, val and test; those of the three that are missing come out of train.
        None is all.

    Returns
    -------
    Pictures
        In the order of the labels, then of the file names. Printed lines say which
        files are left out.

    Raises
    ------
    FileNotFoundError
        No such folder.
    ValueError
        Unknown split, fewer than two classes, or a class without pictures.
    """
    if split is not None:
        require_split(split)
    top = root = Path(path).expanduser()
    if not root.is_dir():
        state = "is a file, not a folder" if root.exists() else "is not there"
        raise FileNotFoundError(
            f"There is no folder {root} (it {state}): give one with a folder per class."
        )
    source = f"own pictures: {plain(root.resolve().name)}"
    loose = loose_files(root)
    while len(inside := folders_in(root)) == 1 and folders_in(inside[0]):
        root = inside[0]
        loose += loose_files(root)
        _say_once(f"{source}: the classes are the folders of {plain(root.name)}.")
    parts = split_folders(inside)
    for part in parts:
        loose += loose_files(part)
    places = [
        _Place(plain(folder.name), folder, part)
        for parent, part in (parts or {root: None}).items()
        for folder in folders_in(parent)
    ]
    names = sorted({place.name for place in places})
    if len(names) < 2:
        raise ValueError(
            f"{top} has {len(names)} class folders: it needs at least 2, one for each "
            "class, with its pictures."
        )
    _tell_loose(source, loose)
    return _select(_class_items(source, places), split, top, names, source)


def _tell_loose(source: str, files: list[Path]) -> None:
    """Say how many pictures lie where no class is."""
    if count := sum(map(is_picture, files)):
        lie = "picture lies" if count == 1 else "pictures lie"
        _say_once(f"{source}: {count:,} {lie} outside of the class folders, left out.")
    if told := tell_left_out(path for path in files if not is_picture(path)):
        _say_once(f"{source}: outside of the class folders, {told}.")


def load_photographs() -> Pictures:
    """Load the list of the three photographs that are always at hand.

    Returns
    -------
    Pictures
        Chelsea the cat from scikit-image, a Dalmatian and a bull mastiff from foolbox.

    Raises
    ------
    FileNotFoundError
        One of the two packages is not installed.
    """
    paths = [
        package_file("skimage", "scikit-image", "data/chelsea.png"),
        package_file("foolbox", "foolbox", "data/imagenet_16_251.jpg"),
        package_file("foolbox", "foolbox", "data/imagenet_00_243.jpg"),
    ]
    names = ["Chelsea the cat", "Dalmatian", "bull mastiff"]
    source = "photographs: scikit-image, foolbox"
    return Pictures(paths, np.arange(3, dtype=np.int64), names, source)


@cache  # one search, and one printed line, per process and dataset
def _locate(dataset: str, wish: str) -> tuple[Path, str]:
    """Return the dataset's folder and the text that names the source."""
    if wish == "sample":
        return _sample(dataset, "COURSE_DATA asks for it")
    if wish:
        return _photographs(dataset, _course_data(dataset, wish), "COURSE_DATA")
    try:
        for place, archive in LAYOUT[dataset].items():
            if not (DATA / place).exists():
                fetch(archive, DATA)
    except NoNetwork:
        return _sample(dataset, "nothing in data/, no network to fetch the photographs")
    return _photographs(dataset, DATA, "data/")


def _sample(dataset: str, reason: str) -> tuple[Path, str]:
    print(f"{dataset}: {SAMPLE} ({reason}).")
    try:
        return draw_pets(DATA / "drawn"), SAMPLE
    except FileExistsError:  # something of somebody's, who has to decide
        raise
    except OSError:
        if (elsewhere := writable(DATA / "drawn")) == DATA / "drawn":
            raise
        return draw_pets(elsewhere), SAMPLE


def _photographs(dataset: str, folder: Path, place: str) -> tuple[Path, str]:
    source = f"photographs: {dataset}, {place}"
    print(source)
    return folder, source


def _course_data(dataset: str, wish: str) -> Path:
    """Return the folder COURSE_DATA names; a relative one starts at the project."""
    folder = DATA.parent / os.path.expanduser(wish)
    absent = [place for place in LAYOUT[dataset] if not find(folder, place)]
    if absent:
        state = f"lacks {', '.join(absent)}" if folder.is_dir() else "is not a folder"
        raise FileNotFoundError(
            f"COURSE_DATA names {folder}, which {state}. Name the folder that has "
            f"{dataset}; or unset COURSE_DATA to fetch it; or set COURSE_DATA=sample, "
            "the drawn pets."
        )
    return folder


def _class_items(source: str, places: list[_Place]) -> list[_Item]:
    """List the pictures of class folders, split by folder or else by hash."""
    names = sorted({place.name for place in places})
    given = {place.split for place in places}
    items, others = [], []
    for name, folder, part in places:
        for path in files_below(folder):
            if is_picture(path):
                hashed = hashed_split(f"{name}/{path.relative_to(folder).as_posix()}")
                free = part is None or (part == "train" and hashed not in given)
                items.append(_Item(path, names.index(name), hashed if free else part))
            else:
                others.append(path)
    told = tell_left_out(others)
    for label in set(range(len(names))) - {item.label for item in items}:
        folder = next(place.folder for place in places if place.name == names[label])
        raise ValueError(
            f"The class folder {folder} has no pictures ({', '.join(FORMATS)}): "
            f"add some, or remove it.{f' In all classes, {told}.' if told else ''}"
        )
    if told:
        _say_once(f"{source}: {told}, left out.")
    return items


def _pets_items(images: Path, trainval: Path) -> tuple[list[_Item], list[str]]:
    """List the pictures of trainval.txt and test.txt, and the breeds."""
    test = read_list(trainval.with_name("test.txt"))
    trainval = read_list(trainval)
    splits = cut_val(trainval) | dict.fromkeys(test, "test")
    found = list(files_below(images))
    pictures = sorted(filter(is_picture, found), key=_is_published)
    files = {plain(path.stem).lower(): path for path in pictures}
    _report_unlisted(files, splits, [path for path in found if not is_picture(path)])
    items = [
        _Item(files.get(plain(name).lower()), label, splits[name])
        for name, label in (trainval | test).items()
    ]
    breeds = {label: name.rpartition("_")[0] for name, label in trainval.items()}
    return items, [breeds[label].replace("_", " ") for label in sorted(breeds)]


def _is_published(path: Path) -> bool:
    """Let the published format win where a picture is there in two."""
    return path.suffix.lower() == ".jpg"


def _report_unlisted(files: dict[str, Path], listed: dict, others: list[Path]) -> None:
    if unlisted := len(files.keys() - {plain(name).lower() for name in listed}):
        _say_once(f"{PETS}: pictures in no list, left out: {unlisted:,}.")
    if told := tell_left_out(others):
        _say_once(f"{PETS}: {told}, left out.")


def _report_absent(items: list[_Item], split: str) -> None:
    absent, listed = sum(item.path is None for item in items), len(items)
    if split == "test" and absent == listed:
        reason = "no such file in images/" if listed else "no annotations/test.txt"
        raise FileNotFoundError(
            f"0 of the {listed or OFFICIAL_TEST:,} test pictures of {PETS} are there "
            f'({reason}). Use split="val" meanwhile, or unpack images.tar.gz and '
            "annotations.tar.gz completely."
        )
    if absent:
        _say_once(
            f"{PETS}: {absent:,} of {listed:,} {split} pictures are missing; going on "
            "with the others."
        )


def _sample_cats_vs_dogs(folder: Path) -> list[_Item]:
    """As many dogs as cats in each split, breed after breed in turn."""
    drawn = defaultdict(lambda: defaultdict(list))
    for line in _sample_lines(folder):
        drawn[line["species"], line["split"]][line["breed"]].append(line["path"])
    items = []
    for split in SPLITS:
        turns = (zip_longest(*drawn[each, split].values()) for each in ("cat", "dog"))
        cats, dogs = (list(filter(None, chain.from_iterable(turn))) for turn in turns)
        items += [_Item(folder / path, 0, split) for path in cats]
        items += [_Item(folder / path, 1, split) for path in dogs[: len(cats)]]
    return items


def _sample_lines(folder: Path) -> list[dict[str, str]]:
    with (folder / "drawn.csv").open(newline="", encoding="utf-8") as file:
        return sorted(csv.DictReader(file), key=lambda line: line["path"])


def _select(
    items: list[_Item], split: str | None, root: Path, names: list[str], source: str
) -> Pictures:
    """Keep the sound pictures of a split; the whole dataset is checked, once."""
    records = inspect([item.path for item in items if item.path], root)
    if bad := sum(bool(record.reason) for record in records.values()):
        listing = shown(memory_folder(root) / "quarantine.csv", DATA.parent)
        _say_once(
            f"{source}: {bad:,} of {len(records):,} pictures are in quarantine, "
            f"left out; {listing} says why."
        )
    kept = [
        item
        for item in items
        if split in (None, item.split) and item.path and not records[item.path].reason
    ]
    kept.sort(key=lambda item: (item.label, plain(item.path.as_posix())))
    if not kept:
        raise ValueError(f"No sound picture is left in split {split!r} of {source}.")
    labels = np.array([item.label for item in kept], dtype=np.int64)
    return Pictures([item.path for item in kept], labels, names, source)


@cache
def _say_once(line: str) -> None:
    print(line)
