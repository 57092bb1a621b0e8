"""Neither name, bytes, EXIF, size nor order of a withheld picture tells its breed."""

import hashlib
import json
import os
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lab import withhold as module
from lab.withhold import main, withhold
from utils.data.datasets import Pictures

NAMES = ["Abyssinian", "beagle", "pug"]


@pytest.fixture
def pictures(tmp_path):
    """Give ten pictures of each of three breeds, with the breed in every corner."""
    paths = []
    for label, name in enumerate(NAMES):
        for number in range(10):
            path = (
                tmp_path / "pictures" / f"{name}_{number}.{'jpg' if label else 'png'}"
            )
            path.parent.mkdir(exist_ok=True)
            image = Image.new("RGB", (80, 60), (80 * label, 20 * number, 100))
            exif, text = Image.Exif(), PngInfo()
            exif[0x010E] = name
            text.add_text("Comment", name)
            about = {"comment": name.encode(), "icc_profile": name.encode() * 100}
            image.save(path, exif=exif, **(about if label else {"pnginfo": text}))
            paths.append(path)
    return Pictures(paths, np.repeat(np.arange(3), 10), NAMES, "made for a test")


@pytest.fixture
def places(tmp_path):
    return tmp_path / "out", tmp_path / "secret" / "answers.json"


def test_nothing_but_the_picture_tells_the_breed(pictures, places):
    out, answers = places
    withhold(pictures, 30, out, answers)
    files = sorted(out.iterdir())
    assert [file.name for file in files] == [f"{n:04}.jpg" for n in range(1, 31)]
    hashes = {hashlib.sha256(p.read_bytes()).digest() for p in pictures.paths}
    for file in files:
        content = file.read_bytes()
        assert hashlib.sha256(content).digest() not in hashes
        assert not any(name.encode() in content for name in NAMES)
        with Image.open(file) as image:
            assert image.format == "JPEG"
            assert not image.getexif()
            assert not {"icc_profile", "comment", "exif"} & image.info.keys()
    order = list(json.loads(answers.read_text())["pictures"].values())
    turns = [set(order[start : start + 3]) for start in range(0, 30, 3)]
    assert any(len(breeds) < 3 for breeds in turns)  # the breeds do not take turns


def test_the_answers_are_right(pictures, places):
    out, answers = places
    withhold(pictures, 30, out, answers)
    content = json.loads(answers.read_text())
    assert content.keys() == {"pictures", "seed"}
    for name, breed in content["pictures"].items():
        with Image.open(out / name) as image:
            red = image.getpixel((30, 30))[0]
        assert NAMES[round(red / 80)] == breed


def test_every_breed_has_its_share(pictures, places):
    out, answers = places
    withhold(pictures, 8, out, answers)
    counts = Counter(json.loads(answers.read_text())["pictures"].values())
    assert sorted(counts.values()) == [2, 3, 3]


def test_chance_is_new_each_time(pictures, tmp_path):
    found = []
    for run in ("one", "two"):
        withhold(pictures, 30, tmp_path / run, tmp_path / f"{run}.json")
        content = json.loads((tmp_path / f"{run}.json").read_text())
        found.append((content["seed"], list(content["pictures"].values())))
    assert found[0][0] != found[1][0]
    assert found[0][1] != found[1][1]
    sizes = {Image.open(path).size for path in (tmp_path / "one").iterdir()}
    assert len(sizes) > 3


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_nobody_else_may_read_the_answers_at_any_time(pictures, places, monkeypatch):
    rights, replace = [], os.replace
    monkeypatch.setattr(
        "utils.files.os.replace",
        lambda part, path: (rights.append(part.stat().st_mode), replace(part, path)),
    )
    withhold(pictures, 3, *places)
    assert [mode & 0o777 for mode in (*rights, places[1].stat().st_mode)] == [0o600] * 2


def test_places_that_would_betray_or_destroy_are_refused(pictures, places, tmp_path):
    out, answers = places
    for inside in (out / "answers.json", out / "a" / ".." / "b" / "answers.json"):
        with pytest.raises(ValueError, match="inside the folder that students get"):
            withhold(pictures, 3, out, inside)
    assert not out.exists()
    withhold(pictures, 3, out, answers)
    with pytest.raises(FileExistsError, match="there already"):
        withhold(pictures, 3, tmp_path / "other", answers)
    with pytest.raises(FileExistsError, match="not an empty folder"):
        withhold(pictures, 3, out, tmp_path / "other.json")


@pytest.mark.parametrize("count", [0, -1, 31])
def test_there_must_be_as_many_pictures(pictures, places, count):
    with pytest.raises(ValueError, match="expected 1 to 30"):
        withhold(pictures, count, *places)
    assert not places[0].exists()


def test_the_command_line(pictures, places, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(module, "load_pets", lambda s: asked.append(s) or pictures)
    out, answers = map(str, places)
    command = ["--count", "5", "--out", out, "--answers", answers]
    assert main([*command, "--split", "val"]) == 1
    assert "Students have the pictures of val" in capsys.readouterr().err
    assert not places[0].exists()
    assert main(command) == 0
    assert asked == ["test"]
    assert len(list(places[0].iterdir())) == 5
    assert main(command) == 1
    assert "there already" in capsys.readouterr().err


def test_photographs_of_ones_own_are_withheld(pictures, places, tmp_path):
    for path in pictures.paths:
        breed = path.name.partition("_")[0]
        (tmp_path / "own" / breed).mkdir(parents=True, exist_ok=True)
        path.rename(tmp_path / "own" / breed / path.name)
    out, answers = map(str, places)
    words = ["--count", "30", "--out", out, "--answers", answers]
    assert main([*words, "--pictures", str(tmp_path / "own")]) == 0
    content = json.loads(places[1].read_text())
    assert sorted(set(content["pictures"].values())) == NAMES
