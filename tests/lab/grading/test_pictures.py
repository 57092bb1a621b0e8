"""A submission sees no test picture and no breed that it must not know."""

import json

import numpy as np
import pytest
from PIL import Image

from lab.grading.pictures import show_pictures, show_withheld
from lab.sandbox.isolation import DRAWN_SHOWN
from lab.sandbox.sandbox import Sandbox
from tests.lab.cells import notebook
from utils.command import Problem
from utils.data.datasets import load_pets
from utils.files import ROOT


def _picture(path, colour=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48), (colour, 90, 10)).save(path)


def test_of_photographs_only_train_and_val_are_shown(tmp_path):
    pets = tmp_path / "pets" / "oxford-iiit-pet"
    for name in ("pug_1.jpg", "pug_2.jpg", "secret_3.jpg"):
        _picture(pets / "images" / name)
    (pets / "annotations" / "xmls").mkdir(parents=True)
    (pets / "annotations" / "trainval.txt").write_text("pug_1 1 2 1\nPUG_2 1 2 1\n")
    (pets / "annotations" / "test.txt").write_text("secret_3 1 2 1\n")
    (pets / "annotations" / "list.txt").write_text("secret_3 1 2 1\n")
    for _ in range(2):  # a second run finds what the first left
        shown = show_pictures(tmp_path / "pets", tmp_path / "shown")
        assert shown.name == "pets"  # features are kept under that name
        files = {path.name for path in shown.rglob("*") if path.is_file()}
        assert files == {"pug_1.jpg", "pug_2.jpg", "trainval.txt"}
    with pytest.raises(Problem, match="published layout"):
        show_pictures(tmp_path, tmp_path / "shown")


def test_drawn_test_pictures_are_empty_inside(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "sample")
    show_pictures(None, None)
    train, test = (load_pets(split).paths[0] for split in ("train", "test"))
    shown = ROOT / DRAWN_SHOWN / "images"
    assert (shown / train.name).read_bytes() == train.read_bytes()
    assert not np.any(Image.open(shown / test.name))
    cell = (
        "import numpy as np\nfrom PIL import Image\nfrom utils.data import load_pets\n"
        "paths = [load_pets(split).paths for split in ('train', 'val')]\n"
        "def any_light(name):\n"
        "    path = '/course/data/drawn/images/' + name\n"
        "    return np.asarray(Image.open(path)).any()\n"
        f"NAMES = {[train.name, test.name]}\n"
        "def seen(): return list(map(any_light, NAMES)), sum(map(len, paths))"
    )
    with Sandbox(notebook(cell)) as box:
        assert box.run() is None
        assert box.failures == {}
        seen, count = box.call("seen", ())
    assert seen.tolist() == [True, False]
    assert count == 37 * 30


def test_withheld_pictures_are_listed_with_probes_among_them(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "sample")
    withheld = tmp_path / "given"
    for name in ("0001.jpg", "0002.JPG", "0003.jpeg"):
        _picture(withheld / name)
    (withheld / "._0001.jpg").write_bytes(b"mac")
    (withheld / "notes.txt").write_bytes(b"")
    shown, probes = show_withheld(withheld, None, tmp_path / "shown", 7)
    names = sorted(path.name for path in shown.iterdir())
    assert names == [f"{n:04}.jpg" for n in range(1, 4 + 4 * 37)]
    assert sorted(probes) == names[3:]
    assert len(set(probes.values())) == 37
    before = {path.name: path.read_bytes() for path in shown.iterdir()}
    assert show_withheld(withheld, None, tmp_path / "shown", 7)[1] == probes
    assert before == {path.name: path.read_bytes() for path in shown.iterdir()}
    assert not any(json.dumps(b).encode() in before[n] for n, b in probes.items())
    (withheld / "0004.jpg").write_bytes(b"broken")
    with pytest.raises(Problem, match="0004.jpg is no picture"):
        show_withheld(withheld, None, tmp_path / "shown", 7)
