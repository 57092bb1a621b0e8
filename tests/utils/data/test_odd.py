"""Odd files, folders, names and variables: each is read, or told in one sentence."""

import os
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image

from utils import files
from utils.command import attempt
from utils.data import datasets as data
from utils.data import quarantine
from utils.data.decode import FORMATS, read_picture
from utils.data.images import load_images
from utils.data.splits import hashed_split
from utils.files import ROOT

BREEDS = [f"Some_breed_{index:02d}" for index in range(37)]


@pytest.fixture(autouse=True)
def course(tmp_path, monkeypatch):
    """Return a project of its own; no network, no drawing, nothing said before."""
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    for module in (data, quarantine):
        monkeypatch.setattr(module, "DATA", project / "data")
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.delenv("COURSE_CACHE", raising=False)
    data._locate.cache_clear()
    data._say_once.cache_clear()
    return project


def save(path, form=None, size=(20, 20)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "red").save(path, form)
    return path


def two_classes(root, count=2):
    """Make a folder of cats and dogs, with pictures that have nothing odd."""
    for name in ("cat", "dog"):
        for number in range(count):
            save(root / name / f"{number}.png")
    return root


def said(capsys) -> str:
    return capsys.readouterr().out


# Formats


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_every_format_that_is_listed_is_read(tmp_path, suffix):
    root = two_classes(tmp_path / "mine")
    form = FORMATS[suffix]
    path = save(root / "cat" / f"odd{suffix.upper()}", form)
    assert path in data.load_folder(root).paths
    red = np.asarray(read_picture(path))[10, 10]
    np.testing.assert_allclose(red, (255, 0, 0), atol=3)


OTHERS = (
    ".heic",
    ".heif",
    ".svg",
    ".pdf",
    ".psd",
    ".cr2",
    ".dng",
    ".mp4",
    ".zip",
    ".txt",
)


@pytest.mark.parametrize("suffix", [*OTHERS, ""])
def test_what_is_no_picture_here_is_counted_by_its_ending(tmp_path, capsys, suffix):
    root = two_classes(tmp_path / "mine")
    for number in range(3):
        (root / "cat" / f"odd{number}{suffix}").write_bytes(b"odd")
    assert len(data.load_folder(root).paths) == 4
    told = f"3 files are no pictures known here ({suffix or 'without ending'} 3)"
    printed = said(capsys)
    assert told in printed
    assert ("as JPEG" in printed) == (suffix in {".heic", ".heif"})


def test_a_class_of_nothing_but_heic_is_told_so(tmp_path):
    root = two_classes(tmp_path / "mine")
    (root / "phone").mkdir()
    (root / "phone" / "1.HEIC").write_bytes(b"odd")
    with pytest.raises(ValueError, match=r"phone has no pictures .*\.heic 1.*as JPEG"):
        data.load_folder(root)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_named_as_a_picture_is_not_waited_for(tmp_path, capsys):
    root = two_classes(tmp_path / "mine")
    os.mkfifo(root / "cat" / "pipe.jpg")
    assert len(data.load_folder(root).paths) == 4
    assert "1 file is no picture known here (.jpg 1)" in said(capsys)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_are_followed_but_not_in_circles(tmp_path, capsys):
    root = two_classes(tmp_path / "mine")
    elsewhere = save(tmp_path / "elsewhere" / "far.png").parent
    (root / "cat" / "away").symlink_to(elsewhere)
    (root / "cat" / "round").symlink_to(root / "cat")
    (root / "dog" / "gone.png").symlink_to(tmp_path / "nothing.png")
    names = [path.name for path in data.load_folder(root).paths]
    assert sorted(names) == ["0.png", "0.png", "1.png", "1.png", "far.png"]
    assert "1 of 6 pictures are in quarantine" in said(capsys)


# Folders

SYSTEM = ("__MACOSX", "$RECYCLE.BIN", "@eaDir", "System Volume Information", ".Trash")


@pytest.mark.parametrize("name", [*SYSTEM, "lost+found", ".ipynb_checkpoints"])
@pytest.mark.parametrize("inside", [False, True], ids=["beside", "inside"])
def test_folders_of_systems_are_skipped(tmp_path, capsys, name, inside):
    root = two_classes(tmp_path / "mine")
    save((root / "cat" if inside else root) / name / "thumbnail.png")
    pictures = data.load_folder(root)
    assert (pictures.class_names, len(pictures.paths)) == (["cat", "dog"], 4)
    assert said(capsys) == ""


@pytest.mark.parametrize("name", ["Thumbs.db", "desktop.ini", ".DS_Store", "._0.jpg"])
def test_files_of_systems_are_skipped(tmp_path, capsys, name):
    root = two_classes(tmp_path / "mine")
    (root / "cat" / name).write_bytes(b"odd")
    assert len(data.load_folder(root).paths) == 4
    assert said(capsys) == ""


def test_pictures_deeper_than_their_class_are_read(tmp_path):
    root = two_classes(tmp_path / "mine")
    save(root / "cat" / "2024" / "May" / "0.png")
    assert "2024/May/0.png" in {
        path.relative_to(root / "cat").as_posix()
        for path in data.load_folder(root).paths[:3]
    }


def test_a_folder_around_the_classes_is_entered(tmp_path, capsys):
    two_classes(tmp_path / "mine" / "mine" / "images")
    pictures = data.load_folder(tmp_path / "mine")
    assert (pictures.class_names, len(pictures.paths)) == (["cat", "dog"], 4)
    assert "the classes are the folders of images" in said(capsys)


@pytest.mark.parametrize(
    "words",
    [
        ("train", "val", "test"),
        ("Training", "Validation", "Testing"),
        ("train", "valid"),
    ],
)
def test_folders_named_as_splits_are_splits(tmp_path, words):
    root = tmp_path / "mine"
    for word in words:
        two_classes(root / word, count=30)
    for split, word in zip(data.SPLITS, words, strict=False):
        pictures = data.load_folder(root, split)
        assert pictures.class_names == ["cat", "dog"]
        assert {path.relative_to(root).parts[0] for path in pictures.paths} == {word}
    assert len(data.load_folder(root).paths) == 60 * len(words)
    sides = [set(data.load_folder(root, split).paths) for split in data.SPLITS]
    assert all(sides)
    assert sum(map(len, sides)) == len(set.union(*sides)) == 60 * len(words)


def test_pictures_outside_of_classes_are_told(tmp_path, capsys):
    root = two_classes(tmp_path / "mine")
    save(root / "lost.png")
    (root / "labels.csv").write_text("odd")
    assert len(data.load_folder(root).paths) == 4
    printed = said(capsys)
    assert "1 picture lies outside of the class folders, left out" in printed
    assert "(.csv 1)" in printed


def test_a_test_folder_without_classes_is_told(tmp_path, capsys):
    root = tmp_path / "mine"
    two_classes(root / "train", count=20)
    save(root / "test" / "1.png")
    data.load_folder(root, "train")
    assert "1 picture lies outside of the class folders" in said(capsys)


def test_a_file_in_place_of_a_folder_is_named(tmp_path):
    path = save(tmp_path / "mine.png")
    with pytest.raises(FileNotFoundError, match="is a file, not a folder"):
        data.load_folder(path)


# Names

NAMES = (
    "what?",
    "100%",
    "%20",
    "#1",
    "a b",
    " x",
    "γάτα",
    "кошка",
    "猫",
    "é",
    "a'b\"c",
)


@pytest.mark.skipif(os.name == "nt", reason="not all of these are allowed there")
@pytest.mark.parametrize("name", [*NAMES, "new\nline", os.fsdecode(b"latin\xe9")])
def test_names_of_all_kinds_are_read_and_kept(tmp_path, name):
    root = two_classes(tmp_path / name)
    path = save(root / name / f"{name}.png")
    for _ in range(2):  # the second time from memory
        pictures = data.load_folder(root)
        assert path in pictures.paths
        assert len(pictures.paths) == 5
    assert quarantine.memory_folder(root).is_dir()
    assert load_images(pictures.paths, 16).shape == (5, 16, 16, 3)


def test_a_mac_and_linux_put_the_same_names_on_the_same_side(tmp_path):
    names = [f"Café/Žofie-{number}.png" for number in range(200)]
    apart = [unicodedata.normalize("NFD", name) for name in names]
    assert names != apart
    assert list(map(hashed_split, names)) == list(map(hashed_split, apart))
    for form in ("NFC", "NFD"):
        root = two_classes(tmp_path / form)
        for name in names[:20]:
            save(root / unicodedata.normalize(form, name))
    mac, linux = (data.load_folder(tmp_path / form, "train") for form in ("NFD", "NFC"))
    assert mac.class_names == linux.class_names == ["Café", "cat", "dog"]
    spelt = [unicodedata.normalize("NFC", path.name) for path in mac.paths]
    assert spelt == [path.name for path in linux.paths]


SPEAK = (
    "import sys; from utils.command import attempt\n"
    "sys.exit(attempt(lambda: print(sys.argv[1])))"
)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "iso8859-7", "utf-8"])
@pytest.mark.parametrize("name", ["γάτα Ąžuolas 猫.jpg", "lat\udce9.jpg"])
def test_a_letter_that_the_terminal_lacks_is_escaped(encoding, name):
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-c", SPEAK, name],
        cwd=ROOT,
        env=environment,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode(encoding)
    assert shown.strip() == name.encode(encoding, "backslashreplace").decode(encoding)


@pytest.mark.parametrize(
    ("encoding", "language"),
    [("ascii", "el"), ("cp1252", "lt"), ("iso8859-7", "ru"), ("ascii", "en")],
)
def test_the_quiz_is_asked_in_any_terminal(encoding, language):
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "utils.quiz", "pre", "--language", language]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, input=b"a\n" * 99, capture_output=True
    )
    assert done.returncode in (0, 130), done.stderr
    assert b"Traceback" not in done.stderr


def test_an_error_that_the_terminal_cannot_spell_is_still_told(capsys):
    def work():
        raise ValueError("lat\udce9")

    assert attempt(work) == 1
    assert "lat" in capsys.readouterr().err


# COURSE_DATA


def publish(folder, suffix=".jpg"):
    """Publish both datasets, small."""
    for kind in ("Cat", "Dog"):
        for number in range(30):
            save(folder / "PetImages" / kind / f"{number}.jpg")
    pets = folder / "oxford-iiit-pet"
    (pets / "annotations").mkdir(parents=True)
    for file, numbers in (("trainval.txt", range(6)), ("test.txt", [6])):
        rows = [(f"{b}_{n}", i + 1) for i, b in enumerate(BREEDS) for n in numbers]
        text = "".join(f"{name} {label} 1 1\n" for name, label in rows)
        (pets / "annotations" / file).write_text(text)
        for name, _ in rows:
            save(pets / "images" / f"{name}{suffix}")
    return folder


def all_sides(load):
    return {p.name: split for split in data.SPLITS for p in load(split).paths}


@pytest.mark.parametrize(
    "wish", ["Sample", "SAMPLE", " sample ", '"sample"', "'Sample'"]
)
def test_the_sample_is_asked_for_in_many_spellings(monkeypatch, tmp_path, wish):
    monkeypatch.setenv("COURSE_DATA", wish)
    monkeypatch.setattr(data, "draw_pets", lambda folder: folder)
    assert data._locate(data.PETS, data.course_data())[1] == data.SAMPLE


@pytest.mark.parametrize("spelling", ["{}", '"{}"', "'{}'", " {} ", "{}/", "{}/."])
def test_a_folder_may_be_quoted_or_have_blanks_around(monkeypatch, tmp_path, spelling):
    folder = publish(tmp_path / "my pictures #1?")
    monkeypatch.setenv("COURSE_DATA", spelling.format(folder))
    assert len(all_sides(data.load_pets)) == 37 * 7


def _twice(folder, name):
    """Put a folder into one of its own name, as unpacking programs do."""
    folder.joinpath(name).rename(folder / "away")
    (folder / name).mkdir()
    (folder / "away").rename(folder / name / name)


LAYOUTS = {
    "as published": lambda folder: None,
    "images/images": lambda folder: _twice(folder / "oxford-iiit-pet", "images"),
    "annotations/annotations": lambda folder: _twice(
        folder / "oxford-iiit-pet", "annotations"
    ),
    "oxford-iiit-pet/oxford-iiit-pet": lambda folder: _twice(folder, "oxford-iiit-pet"),
    "PetImages/PetImages": lambda folder: _twice(folder, "PetImages"),
    "Cat/Cat": lambda folder: _twice(folder / "PetImages", "Cat"),
    "petimages": lambda folder: (folder / "PetImages").rename(folder / "petimages"),
    "Images": lambda folder: (folder / "oxford-iiit-pet" / "images").rename(
        folder / "oxford-iiit-pet" / "Images"
    ),
    "without oxford-iiit-pet": lambda folder: [
        each.rename(folder / each.name)
        for each in (folder / "oxford-iiit-pet").iterdir()
    ],
    "without PetImages": lambda folder: [
        each.rename(folder / each.name) for each in (folder / "PetImages").iterdir()
    ],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_published_folders_are_found_however_they_were_unpacked(
    monkeypatch, tmp_path, layout
):
    monkeypatch.setenv("COURSE_DATA", str(publish(tmp_path / "one")))
    expected = all_sides(data.load_pets), all_sides(data.load_cats_vs_dogs)
    folder = publish(tmp_path / "other")
    LAYOUTS[layout](folder)
    monkeypatch.setenv("COURSE_DATA", str(folder))
    found = all_sides(data.load_pets), all_sides(data.load_cats_vs_dogs)
    assert found == expected


def test_what_was_looked_for_is_named(monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "empty"))
    with pytest.raises(FileNotFoundError, match="lacks oxford-iiit-pet/images, .*val"):
        data.load_pets("train")


@pytest.mark.parametrize("suffix", [".jpeg", ".png", ".JPG"])
def test_pets_saved_in_another_format_are_read(monkeypatch, tmp_path, suffix):
    monkeypatch.setenv("COURSE_DATA", str(publish(tmp_path / "pets", suffix)))
    assert len(all_sides(data.load_pets)) == 37 * 7


def test_pets_in_no_list_and_other_files_are_told(monkeypatch, tmp_path, capsys):
    folder = publish(tmp_path / "pets")
    images = folder / "oxford-iiit-pet" / "images"
    save(images / "stranger.jpg")
    (images / "Some_breed_00_0.jpg").rename(images / "Some_breed_00_0.heic")
    monkeypatch.setenv("COURSE_DATA", str(folder))
    data.load_pets("train")
    data.load_pets("val")
    printed = said(capsys)
    assert "pictures in no list, left out: 1." in printed
    assert "(.heic 1)" in printed
    assert "pictures are missing" in printed


ENCODINGS = {
    "a mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16, big end first": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "UTF-16 without mark": lambda text: text.encode("utf-16-le"),
    "Windows": lambda text: text.replace("\n", "\r\n").encode(),
    "old Macs": lambda text: text.replace("\n", "\r").encode(),
    "empty lines": lambda text: ("\n" + text.replace("\n", "\n\n") + " \n").encode(),
    "tabs": lambda text: text.replace(" ", "\t").encode(),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_lists_saved_by_any_editor_are_read(monkeypatch, tmp_path, encoding):
    folder = publish(tmp_path / "pets")
    monkeypatch.setenv("COURSE_DATA", str(folder))
    before = all_sides(data.load_pets)
    for file in (folder / "oxford-iiit-pet" / "annotations").iterdir():
        file.write_bytes(ENCODINGS[encoding](file.read_text()))
    assert all_sides(data.load_pets) == before


# Disks that take nothing


@pytest.fixture
def locked(course, tmp_path, monkeypatch):
    """Let data/ take nothing, and the user's cache be a folder of its own."""
    cache = tmp_path / "cache"
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name, **options: cache)
    access, prepared = os.access, course / "data"
    monkeypatch.setattr(
        files.os,
        "access",
        lambda path, mode: (
            not Path(path).is_relative_to(prepared) and access(path, mode)
        ),
    )
    write = Path.write_bytes

    def refuse(path, content):
        if path.is_relative_to(prepared):
            raise OSError(30, "Read-only file system")
        return write(path, content)

    return lambda: monkeypatch.setattr(Path, "write_bytes", refuse), cache


def test_a_prepared_folder_on_a_read_only_disk_needs_no_writing(
    tmp_path, locked, monkeypatch
):
    lock, cache = locked
    root = two_classes(tmp_path / "mine")
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "access", lambda path, mode: True)
        data.load_folder(root)
    lock()
    assert len(data.load_folder(root).paths) == 4
    assert not cache.exists()


def test_a_check_goes_to_the_users_cache_where_data_cannot_be_written(
    tmp_path, locked, capsys
):
    lock, cache = locked
    lock()
    root = two_classes(tmp_path / "mine")
    (root / "cat" / "0.png").write_bytes(b"<html>")
    assert len(data.load_folder(root).paths) == 3
    assert len(list(cache.rglob("checked.csv"))) == 1
    assert "quarantine.csv says why" in said(capsys)


def test_a_variable_names_where_to_keep_what_can_be_computed_again(
    tmp_path, course, monkeypatch
):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "mine ?#%"))
    data.load_folder(two_classes(tmp_path / "pictures"))
    assert len(list((tmp_path / "mine ?#%").rglob("checked.csv"))) == 1
    assert not list(course.rglob("checked.csv"))


def test_no_place_to_write_at_all_costs_a_sentence_only(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file"))
    assert len(data.load_folder(two_classes(tmp_path / "mine")).paths) == 4
    assert "Let COURSE_CACHE name a folder" in said(capsys)


def test_pets_are_drawn_elsewhere_where_data_cannot_be_written(
    locked, monkeypatch, course
):
    _, cache = locked

    def draw(folder):
        if folder.is_relative_to(course):
            raise OSError(30, "Read-only file system")
        return folder

    monkeypatch.setattr(data, "draw_pets", draw)
    assert data._sample(data.PETS, "test") == (cache / "drawn", data.SAMPLE)


def test_pictures_of_which_some_are_gone_are_named(tmp_path):
    root = two_classes(tmp_path / "mine")
    pictures = data.load_folder(root)
    shutil.rmtree(root / "dog")
    with pytest.raises(FileNotFoundError, match="is not there: load the dataset again"):
        load_images(pictures.paths, 16)
