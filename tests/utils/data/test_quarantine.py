"""Fates of bad pictures, the memory of the check, and duplicates."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image

from utils.data import duplicates, quarantine
from utils.data.datasets import Pictures
from utils.data.decode import UnreadablePicture, read_picture
from utils.data.duplicates import report_duplicates
from utils.data.quarantine import inspect, memory_folder
from utils.files import ROOT


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """Return an empty dataset folder; the memory goes beside it."""
    monkeypatch.setattr(quarantine, "DATA", tmp_path / "data")
    (tmp_path / "set").mkdir()
    return tmp_path / "set"


def photo(seed=0, size=(48, 40)):
    """Draw soft random blobs, which survive JPEG and differ from seed to seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def encoded(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def png_declaring(width, height):
    """Make a small PNG whose header, with a right checksum, claims another size."""
    data = bytearray(encoded(photo(), "PNG"))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


JPEG = encoded(photo(), "JPEG")
HTML = b"<!DOCTYPE html><title>404</title>"
FLOAT = Image.fromarray(np.ones((20, 20), np.float32))
BAD = {
    "cut.jpg": (JPEG[: len(JPEG) // 2], "cannot be read to its end"),
    "cut.png": (encoded(photo(), "PNG")[:-100], "cannot be read to its end"),
    "empty.jpg": (b"", "is no picture"),
    "page.jpg": (HTML, "<!DOCTYPE html>"),
    "really-png.jpg": (encoded(photo(), "PNG"), "is a PNG, named .jpg"),
    "really-gif.jpg": (encoded(photo(), "GIF"), "is a GIF, named .jpg"),
    "really-jpeg.png": (JPEG, "is a JPEG, named .png"),
    "dot.png": (encoded(photo(size=(1, 1)), "PNG"), "has 1 x 1 pixels"),
    "thin.png": (encoded(photo(size=(200, 15)), "PNG"), "has 200 x 15 pixels"),
    "big.png": (png_declaring(8_000, 7_000), "is a decompression bomb"),
    "bigger.png": (png_declaring(12_000, 10_000), "is a decompression bomb"),
    "biggest.png": (png_declaring(60_000, 60_000), "is a decompression bomb"),
    "float.tif": (encoded(FLOAT, "TIFF"), "has 32-bit pixels"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bad_picture_is_listed_kept_and_refused_when_read(root, name):
    data, reason = BAD[name]
    path = root / name
    path.write_bytes(data)
    assert reason in inspect([path], root)[path].reason
    assert f"{name}," in (memory_folder(root) / "quarantine.csv").read_text()
    assert path.read_bytes() == data
    with pytest.raises(UnreadablePicture, match=name) as caught:
        read_picture(path)
    assert reason in str(caught.value)


def see_through():
    image = Image.new("RGBA", (20, 20), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 20, 10))
    return image


def palette():
    image = Image.new("P", (20, 20), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    return image


def deep_grey(level):
    return Image.fromarray(np.full((20, 20), level, np.uint16))


def film():
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


CMYK = Image.new("CMYK", (20, 20), (0, 255, 255, 0))
# name: bytes, colour of the top left pixel
GOOD = {
    "cmyk.jpg": (encoded(CMYK, "JPEG"), (254, 0, 0)),
    "rgba.png": (encoded(see_through(), "PNG"), (255, 255, 255)),
    "rgba.webp": (encoded(see_through(), "WEBP", lossless=True), (255, 255, 255)),
    "palette.png": (encoded(palette(), "PNG"), (10, 200, 30)),
    "clear-palette.png": (encoded(palette(), "PNG", transparency=1), (255, 255, 255)),
    "grey.jpeg": (encoded(Image.new("L", (20, 20), 90), "JPEG"), (90, 90, 90)),
    "black.png": (encoded(deep_grey(0), "PNG"), (0, 0, 0)),
    "middle.png": (encoded(deep_grey(0x8000), "PNG"), (128, 128, 128)),
    "white.tif": (encoded(deep_grey(0xFFFF), "TIFF"), (255, 255, 255)),
    "film.gif": (film(), (255, 0, 0)),
}


@pytest.mark.parametrize("name", GOOD)
def test_odd_picture_is_converted(root, name):
    data, colour = GOOD[name]
    path = root / name
    path.write_bytes(data)
    assert inspect([path], root)[path].reason == ""
    picture = read_picture(path)
    assert picture.mode == "RGB"
    np.testing.assert_allclose(picture.getpixel((0, 0)), colour, atol=3)


def test_multi_picture_jpeg_of_a_camera_is_a_jpeg(root):
    path = root / "camera.jpg"
    data = encoded(photo(), "MPO", save_all=True, append_images=[photo(1)])
    path.write_bytes(data)
    with Image.open(path) as image:
        assert image.format == "MPO"
    assert inspect([path], root)[path].reason == ""


def exif(orientation, other_tag=b""):
    """Build a big-endian EXIF block with an orientation and perhaps one more tag."""
    count = struct.pack(">H", 2 if other_tag else 1)
    tag = struct.pack(">HHIHH", 274, 3, 1, orientation, 0)
    return b"Exif\0\0MM\0*\0\0\0\x08" + count + tag + other_tag + bytes(20)


@pytest.mark.parametrize(
    ("block", "size"),
    [
        (exif(6), (40, 48)),
        # a resolution stored as text, at which Pillow's own exif_transpose stumbles
        (exif(6, struct.pack(">HHI4s", 282, 2, 1, b"?")), (40, 48)),
        (exif(99), (48, 40)),
        (exif(6)[:20], (48, 40)),
        (b"Exif\0\0rubbish", (48, 40)),
    ],
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_exif_turns_the_picture_and_a_corrupt_one_does_not_cost_it(root, block, size):
    path = root / "turned.jpg"
    path.write_bytes(encoded(photo(), "JPEG", exif=block))
    assert inspect([path], root)[path].reason == ""
    assert read_picture(path).size == size


def test_damaged_bytes_raise_nothing_but_unreadable_picture(root):
    random = np.random.default_rng(0)
    for form, name in [("JPEG", "x.jpg"), ("PNG", "x.png"), ("GIF", "x.gif")]:
        sound = np.frombuffer(encoded(photo(), form), np.uint8)
        for _ in range(150):
            data = sound.copy()
            data[random.integers(0, len(data), 4)] = random.integers(0, 256, 4)
            (root / name).write_bytes(data.tobytes())
            record = inspect([root / name], root)[root / name]
            assert (record.reason == "") == (record.phash != "")


def write_photos(root, count):
    paths = [root / "folder" / f"{index}.jpg" for index in range(count)]
    paths[0].parent.mkdir(exist_ok=True)
    for index, path in enumerate(paths):
        path.write_bytes(encoded(photo(index), "JPEG"))
    return paths


def forbid_reading(monkeypatch):
    def refuse(path, name):
        raise AssertionError(f"{name} is read again")

    monkeypatch.setattr(quarantine, "_examine", refuse)


def test_picture_is_read_once_and_again_when_it_changes(root, monkeypatch):
    paths = write_photos(root, 3)
    paths[1].write_bytes(HTML)
    first = inspect(paths, root)
    with monkeypatch.context() as patch:
        forbid_reading(patch)
        assert inspect(paths, root) == first
    paths[1].write_bytes(JPEG)
    assert not any(record.reason for record in inspect(paths, root).values())
    assert (memory_folder(root) / "quarantine.csv").read_text().split() == [
        "file,reason"
    ]


def test_dataset_folder_is_left_as_it_is(root):
    paths = write_photos(root, 2)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    inspect(paths, root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_memory_forgets_pictures_that_are_gone(root):
    paths = write_photos(root, 3)
    paths[2].write_bytes(HTML)
    inspect(paths, root)
    paths[2].unlink()
    paths[0].write_bytes(JPEG + b"\0")
    inspect(paths[:2], root)
    assert "2.jpg" not in (memory_folder(root) / "checked.csv").read_text()
    assert "2.jpg" not in (memory_folder(root) / "quarantine.csv").read_text()


def test_picture_that_vanished_is_bad_now_but_not_for_ever(root):
    path = root / "late.jpg"
    assert "cannot be opened" in inspect([path], root)[path].reason
    path.write_bytes(JPEG)
    assert inspect([path], root)[path].reason == ""


def test_torn_memory_never_gives_a_wrong_record(root):
    paths = write_photos(root, 3)
    paths[1].write_bytes(HTML)
    truth = {record.file: record for record in inspect(paths, root).values()}
    file = memory_folder(root) / "checked.csv"
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert quarantine._remembered(file.parent).items() <= truth.items()
    file.write_bytes(whole)
    assert quarantine._remembered(file.parent) == truth


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b"a,b\n1,2\n", b'"', HTML])
def test_foreign_memory_is_made_anew(root, content):
    paths = write_photos(root, 2)
    truth = inspect(paths, root)
    file = memory_folder(root) / "checked.csv"
    whole = file.read_bytes()
    file.write_bytes(content)
    assert inspect(paths, root) == truth
    assert file.read_bytes() == whole


@pytest.mark.parametrize("content", [None, b"file,rea"])
def test_lost_or_torn_quarantine_list_is_written_again(root, content):
    paths = write_photos(root, 2)
    paths[0].write_bytes(HTML)
    inspect(paths, root)
    file = memory_folder(root) / "quarantine.csv"
    whole = file.read_bytes()
    file.unlink() if content is None else file.write_bytes(content)
    inspect(paths, root)
    assert file.read_bytes() == whole


def test_interrupted_check_keeps_what_it_has_done(root, monkeypatch):
    paths = write_photos(root, 3)

    def interrupted(work, items, title):
        yield work(items[0])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(quarantine, "on_all_cores", interrupted)
        with pytest.raises(KeyboardInterrupt):
            inspect(paths, root)
    forbid_reading(monkeypatch)
    assert inspect(paths[:1], root)[paths[0]].reason == ""


def test_picture_that_cannot_be_opened_costs_the_others_nothing(root, monkeypatch):
    paths = write_photos(root, 3)
    (root / "closed.jpg").mkdir()  # opening a folder fails on every system
    records = inspect([*paths, root / "closed.jpg"], root)
    assert "cannot be opened" in records[root / "closed.jpg"].reason
    assert "closed.jpg" in (memory_folder(root) / "quarantine.csv").read_text()
    forbid_reading(monkeypatch)
    inspect(paths, root)


def test_another_process_may_finish_first(root, monkeypatch):
    paths, replace = write_photos(root, 3), Path.replace

    def overtaken(file, target):
        monkeypatch.setattr(Path, "replace", replace)
        with monkeypatch.context() as patch:
            patch.setattr(quarantine.os, "getpid", lambda: 0)
            inspect(paths, root)
        return replace(file, target)

    monkeypatch.setattr(Path, "replace", overtaken)
    inspect(paths, root)
    assert len(quarantine._remembered(memory_folder(root))) == 3
    assert len(list(memory_folder(root).iterdir())) == 2


def test_two_processes_at_once_both_end_well(root, tmp_path):
    paths = write_photos(root, 30)
    code = (
        "import sys; from pathlib import Path; from utils.data import quarantine\n"
        "quarantine.DATA, root = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "for _ in range(8):\n"
        "    quarantine.inspect(sorted(root.rglob('*.jpg')), root)\n"
        "    (quarantine.memory_folder(root) / 'checked.csv').unlink(missing_ok=True)\n"
        "quarantine.inspect(sorted(root.rglob('*.jpg')), root)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "data"), str(root)]
    project = ROOT
    both = [subprocess.Popen(command, cwd=project) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    names = {path.name for path in memory_folder(root).iterdir()}
    assert names == {"checked.csv", "quarantine.csv"}
    assert len(quarantine._remembered(memory_folder(root))) == len(paths)


def pictures(*paths):
    return Pictures(list(paths), np.zeros(len(paths), np.int64), ["pet"], "test")


def test_duplicates_across_splits_are_found(root, capsys):
    one, two, three, four = write_photos(root, 4)
    copy, small = root / "copy.jpg", root / "folder" / "small.jpg"
    copy.write_bytes(one.read_bytes())
    small.write_bytes(encoded(photo(1).resize((36, 30)), "JPEG", quality=60))
    found = report_duplicates(
        pictures(one, two), pictures(three, copy), pictures(small)
    )
    assert [(pair.first, pair.second, pair.exact) for pair in found] == [
        (one, copy, True),
        (two, small, False),
    ]
    assert found[0].distance == 0
    assert "3 splits: 1 exact and 1 near" in capsys.readouterr().out
    assert report_duplicates(pictures(one, copy, two, small), pictures(four)) == []


def test_picture_in_two_splits_is_reported(root):
    paths = write_photos(root, 2)
    found = report_duplicates(pictures(*paths), pictures(paths[1]))
    assert [(pair.first, pair.exact) for pair in found] == [(paths[1], True)]


def test_distances_are_those_of_imagehash(root, monkeypatch):
    paths = write_photos(root, 30)
    hashes = [imagehash.phash(read_picture(path)) for path in paths]
    monkeypatch.setattr(duplicates, "NEAR", 64)
    monkeypatch.setattr(duplicates, "ROWS", 7)
    found = report_duplicates(pictures(*paths[:20]), pictures(*paths[20:]))
    assert len(found) == 200
    for pair in found:
        one, other = (hashes[paths.index(path)] for path in pair[:2])
        assert pair.distance == one - other


def test_hashes_of_the_check_are_used_again(root, monkeypatch):
    paths = write_photos(root, 4)
    inspect(paths, root)
    forbid_reading(monkeypatch)
    assert report_duplicates(pictures(*paths[:2]), pictures(*paths[2:])) == []
