"""The drawn pets: facts, pictures that every machine draws alike, a safe data set."""

import csv
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import psutil
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from utils.data.drawn import dataset as listing
from utils.data.drawn import drawing
from utils.data.drawn.breeds import BREEDS_CSV, load_breeds
from utils.data.drawn.dataset import draw_pets, head_box
from utils.data.drawn.drawing import draw_pet, draw_with_cover, find_head

ROOT = Path(__file__).resolve().parents[3]
CATS = (
    "Abyssinian Bengal Birman Bombay British_Shorthair Egyptian_Mau Maine_Coon Persian "
    "Ragdoll Russian_Blue Siamese Sphynx"
)
# A new digest here means that the drawings have changed: look at them.
DIGESTS = {
    ("Siamese", 0, 256): "a2ecb1b4f032f8b7",
    ("Maine Coon", 1, 256): "638ddaf0304e2cc1",
    ("beagle", 2, 256): "46ed5ee08011c399",
    ("english setter", 3, 100): "1c8e0d775eaede2d",
}
TINY = {"train": 1, "val": 1, "test": 1}
DRAW_TINY = """
import sys
from utils.data.drawn.dataset import draw_pets
from utils.data.drawn import dataset as listing
listing.SPLITS = {"train": 1}
draw_pets(sys.argv[1])
"""


def _digest(arguments):
    return hashlib.sha256(draw_pet(*arguments).tobytes()).hexdigest()[:16]


# Breeds.


def test_breeds_are_those_of_the_pet_dataset_in_their_order():
    breeds = load_breeds()
    assert len(breeds) == 37
    names = [breed.name for breed in breeds]
    assert names == sorted(names, key=str.lower)
    cats = [breed.name for breed in breeds if breed.species == "cat"]
    assert cats == [name.replace("_", " ") for name in CATS.split()]
    assert names[1] == "american bulldog"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (",cat,medium,slender", ",fox,medium,slender", "line 2, column species: 'fox'"),
        ("c9a227 7d9a3e", "golden", "line 2, column eyes: 'golden'; expected hex"),
        ("e8d5b5/3f2c22/f3e8d4", "e8d5b5", "column coats"),
        ("flews wrinkles blaze", "flews wings", "column extras: 'wings' is none of"),
        ("name,species", "name,kind", "the first line must be name,species,size"),
        ("beagle", "Bengal", "37 rows with 36 names"),
        (",whip,flews\n", "\n", "line 3: 16 columns expected"),
    ],
)
def test_a_mistake_in_the_breeds_is_named(tmp_path, old, new, expected):
    text = BREEDS_CSV.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "breeds.csv"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=r"breeds\.csv") as error:
        load_breeds(path)
    assert expected in str(error.value)


# Drawings.


@pytest.mark.parametrize("arguments", DIGESTS)
def test_a_drawing_never_changes(arguments):
    assert _digest(arguments) == DIGESTS[arguments]


def test_a_plain_processor_draws_the_same():
    """Without the vector instructions that NumPy picks at run time, on one thread."""
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    plain = {"NPY_DISABLE_CPU_FEATURES": " ".join(found)} if found else {}
    code = (
        "from tests.utils.data.test_drawn import _digest; "
        f"print(_digest({('Bengal', 7, 128)}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env=os.environ | plain, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == _digest(("Bengal", 7, 128))


def test_every_breed_and_seed_gives_another_picture():
    pictures = {
        draw_pet(breed.name, seed, 48).tobytes()
        for breed in load_breeds()
        for seed in (0, 1)
    }
    assert len(pictures) == 74


@pytest.mark.parametrize("size", [32, 97, 256])
def test_a_drawing_is_rgb_of_the_size_asked_for(size):
    picture = draw_pet("pug", np.int64(3), size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 10


def test_size_changes_the_resolution_and_not_the_scene():
    large, small = draw_pet("Siamese", 5, 256), draw_pet("Siamese", 5, 64)
    shrunk = np.asarray(Image.fromarray(large).resize((64, 64), Image.Resampling.BOX))
    other = np.asarray(
        Image.fromarray(draw_pet("Siamese", 6, 256)).resize(
            (64, 64), Image.Resampling.BOX
        )
    )
    error = np.abs(shrunk.astype(int) - small).mean()
    assert error < 12
    assert error < 0.4 * np.abs(other.astype(int) - small).mean()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("shiba", 0), "'shiba inu'"),
        (("siamese", 0), "'Siamese'"),
        (("pug", -1), "seed -1"),
        (("pug", 0, 8), "32 pixels or more"),
    ],
)
def test_a_drawing_that_cannot_be_is_explained(arguments, expected):
    with pytest.raises(ValueError, match=expected):
        draw_pet(*arguments)


# Neither colour nor size tells a cat from a dog.


@pytest.fixture(scope="module")
def drawings():
    """Colour histogram, size and species of drawings; every third is for testing."""
    breeds = [breed for breed in load_breeds() for _ in range(15)]
    work = (
        joblib.delayed(draw_with_cover)(breed.name, number % 15, 64)
        for number, breed in enumerate(breeds)
    )
    pictures, covers = zip(*joblib.Parallel(n_jobs=-1)(work), strict=True)
    dogs = np.array([breed.species == "dog" for breed in breeds])
    return np.stack(pictures), np.array(covers), dogs, np.arange(len(breeds)) % 3 == 0


def _colour_histogram(picture):
    """Share of the pixels in each of 6 x 6 x 6 colours."""
    colours = (picture.reshape(-1, 3) // 43).astype(int) @ (36, 6, 1)
    return np.bincount(colours, minlength=216) / len(colours)


def _best_accuracy(features, dogs, test):
    """Balanced accuracy of the best of several logistic regressions."""
    scores = []
    for strength in (0.001, 0.01, 0.1, 1, 10):
        regression = LogisticRegression(
            C=strength, class_weight="balanced", max_iter=500
        )
        model = make_pipeline(StandardScaler(), regression)
        model.fit(features[~test], dogs[~test])
        scores.append(
            balanced_accuracy_score(dogs[test], model.predict(features[test]))
        )
    return max(scores)


def test_colour_does_not_tell_cat_from_dog(drawings):
    pictures, _, dogs, test = drawings
    histograms = np.sqrt([_colour_histogram(picture) for picture in pictures])
    assert _best_accuracy(histograms, dogs, test) < 0.75


def test_size_does_not_tell_cat_from_dog(drawings):
    _, covers, dogs, test = drawings
    assert 0.05 < np.quantile(covers, 0.02) < 0.2
    assert np.quantile(covers, 0.98) > 0.4
    powers = covers[:, None] ** np.arange(1, 4)
    assert _best_accuracy(powers, dogs, test) < 0.75


# The data set.


@pytest.fixture
def tiny(monkeypatch):
    """Three pictures of each breed are enough."""
    monkeypatch.setattr(listing, "SPLITS", TINY)


def _lines(folder):
    with open(folder / "drawn.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_drawing_leaves_no_process_behind(tmp_path, tiny):
    """A process that the grader started would wait five minutes for idle workers."""
    draw_pets(tmp_path / "drawn")
    children = psutil.Process().children(recursive=True)
    assert not any("LokyProcess" in " ".join(child.cmdline()) for child in children)


def test_the_sample_is_listed_split_and_drawn_once(tmp_path, tiny):
    folder = draw_pets(tmp_path / "data" / "drawn")
    lines = _lines(folder)
    assert len({line["path"] for line in lines}) == 3 * 37
    assert list(lines[0]) == ["path", "breed", "species", "split"]
    assert {line["split"] for line in lines} == set(TINY)
    first = lines[0]
    assert first["path"] == "images/Abyssinian_000.png"
    with Image.open(folder / first["path"]) as picture:
        assert np.array_equal(np.asarray(picture), draw_pet("Abyssinian", 0))
    pictures = [(folder / line["path"]).read_bytes() for line in lines]
    assert len(set(pictures)) == len(pictures)
    before = (folder / first["path"]).stat().st_mtime_ns
    assert draw_pets(folder) == folder
    assert (folder / first["path"]).stat().st_mtime_ns == before
    assert [path.name for path in folder.parent.iterdir()] == ["drawn"]


@pytest.mark.parametrize("damage", ["version", "picture", "listing"])
def test_a_stale_or_damaged_sample_is_drawn_again(tmp_path, tiny, monkeypatch, damage):
    monkeypatch.setattr(listing, "_draw_pictures", _copies)
    folder = draw_pets(tmp_path / "drawn")
    damaged = {
        "version": folder / "version.txt",
        "picture": folder / "images" / "pug_001.png",
        "listing": folder / "drawn.csv",
    }[damage]
    damaged.write_text("")
    draw_pets(folder)
    assert damaged.stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["drawn"]


def _copies(drawing):
    """Stand-in for the drawings where only their presence matters."""
    for row, _ in listing._rows():
        (drawing / row.path).write_bytes(b"picture")


def test_an_interrupted_drawing_leaves_nothing(tmp_path, tiny, monkeypatch):
    def interrupted(path, breed, seed):
        if seed == 2:
            raise KeyboardInterrupt
        Path(path).write_bytes(b"picture")

    sequential = joblib.parallel_config(backend="sequential")
    monkeypatch.setattr(listing, "_save", interrupted)
    with sequential, pytest.raises(KeyboardInterrupt):
        draw_pets(tmp_path / "drawn")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_drawing_is_not_trusted_and_two_may_draw_at_once(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(listing, "SPLITS", {"train": 1})
    folder = tmp_path / "drawn"
    command = [sys.executable, "-c", DRAW_TINY, str(folder)]
    quiet = {"cwd": ROOT, "stderr": subprocess.DEVNULL}
    killed = subprocess.Popen(command, **quiet)
    while not list(tmp_path.glob("drawn.drawing-*/images/*.png")):
        assert killed.poll() is None
        time.sleep(0.02)
    killed.kill()
    killed.wait()
    assert not folder.exists()
    both = [subprocess.Popen(command, **quiet) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert listing._is_current(folder)
    (left,) = tmp_path.glob("drawn.drawing-*")
    long_ago = time.time() - 2 * listing.ABANDONED
    os.utime(left, (long_ago, long_ago))
    listing._sweep(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["drawn"]


@pytest.mark.parametrize("place", ["drawn", "drawn/images"])
def test_what_is_no_sample_is_not_overwritten(tmp_path, place):
    (tmp_path / place).mkdir(parents=True)
    treasure = tmp_path / place / "holiday.jpg"
    treasure.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="holiday.jpg"):
        draw_pets(tmp_path / "drawn")
    assert treasure.read_bytes() == b"mine"


def test_a_folder_that_cannot_be_written_is_explained(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(listing, "_draw_pictures", full)
    with pytest.raises(OSError, match=r"No space left on device; make room for 150 MB"):
        draw_pets(tmp_path / "drawn")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("breed", "seed"), [("Bengal", 3), ("pug", 0), ("beagle", 7)])
def test_the_box_of_a_head_is_where_the_head_is_drawn(monkeypatch, breed, seed):
    whole = draw_pet(breed, seed, 128).astype(int)
    monkeypatch.setattr(drawing, "_paint_skull", lambda *arguments: None)
    changed = (abs(whole - draw_pet(breed, seed, 128)) > 20).any(axis=-1)
    left, top, right, bottom = np.round(find_head(breed, seed) * 128).astype(int)
    inside = changed[top:bottom, left:right]
    assert inside.sum() > 0.9 * changed.sum()
    assert inside.mean() > 0.4


def test_only_of_drawn_pets_is_the_head_known():
    assert np.array_equal(head_box("images/pug_007.png"), find_head("pug", 7))
    with pytest.raises(ValueError, match="only of drawn pets"):
        head_box("photographs/pug.jpg")
