"""Sources, splits and arrays, on small pictures made here."""

import csv
import os
import shutil
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from utils import files
from utils.data import datasets as data
from utils.data import quarantine
from utils.data.archives import NoNetwork
from utils.data.decode import UnreadablePicture
from utils.data.duplicates import report_duplicates
from utils.data.images import load_images

BREEDS = [f"Some breed {index:02d}" for index in range(37)]
REAL = os.environ.get("COURSE_DATA", "sample")


@pytest.fixture(autouse=True)
def course(tmp_path, sample, monkeypatch):
    """Return a project folder of its own, without network and with nothing in data/."""
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    monkeypatch.setattr(data, "DATA", project / "data")
    monkeypatch.setattr(quarantine, "DATA", project / "data")
    monkeypatch.setattr(data, "fetch", no_network)
    monkeypatch.setattr(data, "draw_pets", lambda folder: sample)
    breeds = [SimpleNamespace(name=name) for name in BREEDS]
    monkeypatch.setattr(data, "load_breeds", lambda: breeds)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    data._locate.cache_clear()
    data._say_once.cache_clear()
    return project


def no_network(name, folder):
    raise NoNetwork(name)


def save(path, colour="red", size=(20, 20)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """List 24, 6 and 10 drawings of each breed, as the real sample; all look alike."""
    folder = tmp_path_factory.mktemp("sample")
    with (folder / "drawn.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["path", "breed", "species", "split"])
        for index, breed in enumerate(BREEDS):
            species = "cat" if index % 3 == 0 and index < 36 else "dog"
            for split, count in {"train": 24, "val": 6, "test": 10}.items():
                for number in range(count):
                    name = f"images/{index}_{split}_{number}.png"
                    save(folder / name, size=(16, 16))
                    lines.writerow([name, breed, species, split])
    return folder


def publish_cats_vs_dogs(folder, count=60):
    for kind in ("Cat", "Dog"):
        for number in range(count):
            save(folder / "PetImages" / kind / f"{number}.jpg")
        (folder / "PetImages" / kind / "Thumbs.db").write_bytes(b"no picture")
    return folder


def publish_pets(folder, test=True):
    """Publish 37 breeds with 11 trainval pictures each, and 1 test picture."""
    pets = folder / "oxford-iiit-pet"
    save(pets / "one.jpg")
    (pets / "images").mkdir()
    (pets / "annotations").mkdir()
    lists = (
        {"trainval.txt": range(11), "test.txt": [11]}
        if test
        else {"trainval.txt": range(11)}
    )
    for name, numbers in lists.items():
        lines = [
            f"{breed.replace(' ', '_')}_{number} {index + 1} 1 1"
            for index, breed in enumerate(BREEDS)
            for number in numbers
        ]
        (pets / "annotations" / name).write_text("\n".join(lines) + "\n")
        for line in lines:
            shutil.copy(pets / "one.jpg", pets / "images" / f"{line.split()[0]}.jpg")
    return folder


def sides(load):
    """Return {file name with its folder: split}; fail when a picture is in two."""
    found = {}
    for split in data.SPLITS:
        for path in load(split).paths:
            name = f"{path.parent.name}/{path.name}"
            assert name not in found
            found[name] = split
    return found


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Return a folder in the published layout that COURSE_DATA names."""
    folder = publish_pets(publish_cats_vs_dogs(tmp_path / "published"))
    monkeypatch.setenv("COURSE_DATA", str(folder))
    return folder


# Sources


def test_course_data_comes_before_data_folder(published, course, capsys):
    publish_cats_vs_dogs(course / "data", count=20)
    pictures = data.load_cats_vs_dogs("train")
    assert pictures.paths[0].is_relative_to(published)
    assert pictures.source == "photographs: Cats vs. Dogs, COURSE_DATA"
    data.load_cats_vs_dogs("val")
    assert capsys.readouterr().out == pictures.source + "\n"


def test_relative_course_data_starts_at_the_project(course, monkeypatch, tmp_path):
    publish_cats_vs_dogs(course.parent / "elsewhere")
    monkeypatch.setenv("COURSE_DATA", "../elsewhere")
    monkeypatch.chdir(tmp_path)
    assert len(data.load_cats_vs_dogs("train").paths) > 50


@pytest.mark.parametrize("place", ["PetImages/Dog", "PetImages"])
def test_course_data_without_the_dataset_is_an_error(published, monkeypatch, place):
    shutil.rmtree(published / place)
    with pytest.raises(FileNotFoundError, match="lacks .*PetImages/Dog.*COURSE_DATA="):
        data.load_cats_vs_dogs("train")
    monkeypatch.setenv("COURSE_DATA", str(published / "nowhere"))
    with pytest.raises(FileNotFoundError, match="nowhere, which is not a folder"):
        data.load_pets("train")


def test_data_folder_comes_before_the_download(course, monkeypatch):
    publish_pets(publish_cats_vs_dogs(course / "data"))
    monkeypatch.setattr(data, "fetch", None)
    assert data.load_pets("val").source == "photographs: Oxford-IIIT Pet, data/"
    assert data.load_cats_vs_dogs("val").source.endswith("Cats vs. Dogs, data/")


def test_only_what_is_missing_is_fetched(course, monkeypatch):
    publish_pets(course / "data")
    annotations = course / "data" / "oxford-iiit-pet" / "annotations"
    annotations.rename(course / "away")
    fetched = []

    def fetch(name, folder):
        fetched.append(name)
        (course / "away").rename(annotations)

    monkeypatch.setattr(data, "fetch", fetch)
    assert len(data.load_pets("val").paths) == 74
    assert fetched == ["pets-annotations"]


@pytest.mark.parametrize("wish", ["", "sample"])
def test_sample_serves_without_network_or_when_asked_for(monkeypatch, capsys, wish):
    monkeypatch.setenv("COURSE_DATA", wish)
    if wish:
        monkeypatch.setattr(data, "fetch", None)
    assert data.load_pets("train").source == "drawn sample"
    data.load_pets("val")
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert ("COURSE_DATA asks" if wish else "no network") in printed


def test_sources_never_show_a_path_of_this_machine(published, tmp_path):
    for pictures in (
        data.load_pets("val"),
        data.load_cats_vs_dogs("val"),
        data.load_folder(published / "PetImages"),
        data.load_photographs(),
    ):
        assert str(tmp_path) not in pictures.source


# Splits


def test_cats_and_dogs_are_labelled_and_in_one_split_each(published):
    found = sides(data.load_cats_vs_dogs)
    assert len(found) == 120
    assert set(found.values()) == set(data.SPLITS)
    pictures = data.load_cats_vs_dogs("train")
    assert pictures.class_names == ["cat", "dog"]
    assert pictures.labels.dtype == np.int64
    kinds = [path.parent.name for path in pictures.paths]
    assert [["Cat", "Dog"][label] for label in pictures.labels] == kinds
    assert kinds == sorted(kinds)


def test_cats_and_dogs_keep_their_side_when_files_go(published):
    before = sides(data.load_cats_vs_dogs)
    for number in range(0, 60, 3):
        (published / "PetImages" / "Cat" / f"{number}.jpg").unlink()
    after = sides(data.load_cats_vs_dogs)
    assert len(after) == 100
    assert after.items() <= before.items()


def test_hash_holds_a_fifth_back_in_each_class_of_the_published_set():
    for kind in ("Cat", "Dog"):
        names = [f"{kind}/{number}.jpg" for number in range(12_500)]
        count = Counter(map(data.hashed_split, names))
        assert count["test"] / 12_500 == pytest.approx(0.2, abs=0.01)
        assert count["val"] / (12_500 - count["test"]) == pytest.approx(0.2, abs=0.01)


def test_pets_follow_the_lists_and_val_is_a_fifth_of_each_breed(published):
    count = {split: data.load_pets(split) for split in data.SPLITS}
    assert {split: len(p.paths) for split, p in count.items()} == {
        "train": 37 * 9,
        "val": 37 * 2,
        "test": 37,
    }
    assert set(np.bincount(count["val"].labels)) == {2}
    assert all(path.stem.endswith("_11") for path in count["test"].paths)
    assert len(sides(data.load_pets)) == 37 * 12
    for pictures in count.values():
        assert pictures.class_names == BREEDS
        names = [BREEDS[label].replace(" ", "_") for label in pictures.labels]
        assert [path.stem.rpartition("_")[0] for path in pictures.paths] == names


def test_pets_keep_their_side_when_files_go_or_lines_move(published, capsys):
    before = sides(data.load_pets)
    pets = published / "oxford-iiit-pet"
    for path in {*pets.glob("images/*_3.jpg"), *pets.glob("images/*_30_*.jpg")}:
        path.unlink()
    trainval = pets / "annotations" / "trainval.txt"
    trainval.write_text("\n".join(reversed(trainval.read_text().split("\n")[:-1])))
    after = sides(data.load_pets)
    assert after.items() <= before.items()
    gone = Counter(before.values()) - Counter(after.values())
    assert sum(gone.values()) == 37 + 11
    printed = capsys.readouterr().out
    for split, count in gone.items():
        assert (
            f"{count} of {Counter(before.values())[split]} {split} pictures" in printed
        )


def test_pets_file_names_may_differ_in_case(published):
    images = published / "oxford-iiit-pet" / "images"
    (images / "Some_breed_00_0.jpg").rename(images / "some_breed_00_0.JPG")
    assert sides(data.load_pets).keys() >= {"images/some_breed_00_0.JPG"}


def test_absent_test_pictures_are_counted(published, capsys):
    pets = published / "oxford-iiit-pet"
    for number in range(36):
        (pets / "images" / f"Some_breed_{number:02d}_11.jpg").unlink()
    assert len(data.load_pets("test").paths) == 1
    assert "36 of 37 test pictures are missing" in capsys.readouterr().out
    (pets / "images" / "Some_breed_36_11.jpg").unlink()
    with pytest.raises(FileNotFoundError, match='0 of the 37 .*split="val"'):
        data.load_pets("test")
    (pets / "annotations" / "test.txt").unlink()
    with pytest.raises(FileNotFoundError, match="0 of the 3,669 .*test.txt"):
        data.load_pets("test")


@pytest.mark.parametrize(
    "damage", [lambda text: text[: len(text) // 2], lambda text: text + "x 1\n"]
)
def test_damaged_list_is_an_error_that_names_it(published, damage):
    trainval = published / "oxford-iiit-pet" / "annotations" / "trainval.txt"
    trainval.write_text(damage(trainval.read_text()))
    with pytest.raises(ValueError, match="trainval.txt is damaged"):
        data.load_pets("val")


def test_sample_has_as_many_dogs_as_cats_from_all_breeds():
    assert len(sides(data.load_cats_vs_dogs)) == 2 * 12 * 40
    for split, each in {"train": 24, "val": 6, "test": 10}.items():
        pictures = data.load_cats_vs_dogs(split)
        assert list(np.bincount(pictures.labels)) == [12 * each, 12 * each]
        breeds = [int(path.name.split("_")[0]) for path in pictures.paths]
        dogs = Counter(
            b for b, label in zip(breeds, pictures.labels, strict=True) if label
        )
        assert len(dogs) == 25
        assert max(dogs.values()) - min(dogs.values()) <= 1
        pets = data.load_pets(split)
        assert list(np.bincount(pets.labels)) == [each] * 37
        assert [int(path.name.split("_")[0]) for path in pets.paths] == list(
            pets.labels
        )


@pytest.mark.parametrize("load", [data.load_pets, data.load_cats_vs_dogs])
@pytest.mark.parametrize("split", ["training", None, ""])
def test_unknown_split_is_an_error(load, split):
    with pytest.raises(ValueError, match='"train", "val" or "test"'):
        load(split)


# Bad pictures


def test_bad_pictures_are_left_out_listed_and_said_once(published, course, capsys):
    before = sides(data.load_cats_vs_dogs)
    cat = published / "PetImages" / "Cat"
    (cat / "7.jpg").write_bytes(b"<html>")
    (cat / "8.jpg").write_bytes((cat / "9.jpg").read_bytes()[:300])
    capsys.readouterr()
    after = sides(data.load_cats_vs_dogs)
    assert before.items() - after.items() == {
        (name, before[name]) for name in ("Cat/7.jpg", "Cat/8.jpg")
    }
    assert after.items() <= before.items()
    printed = capsys.readouterr().out
    assert printed.count("2 of 120 pictures are in quarantine") == 1
    listed = course / printed.split("; ")[1].split(" says")[0]
    assert [line.split(",")[0] for line in listed.read_text().splitlines()] == [
        "file",
        "Cat/7.jpg",
        "Cat/8.jpg",
    ]


def test_nothing_but_bad_pictures_is_an_error(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "x.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match="No sound picture"):
        data.load_folder(tmp_path / "set")


# Pictures of one's own


def test_folder_of_class_folders(tmp_path):
    root = tmp_path / "mine"
    for name in ("zebra/1.JPEG", "zebra/2.png", "ant/b.webp", "ant/a.gif"):
        save(root / name)
    save(root / ".hidden" / "1.png")
    save(root / "ant" / ".hidden.png")
    (root / "ant" / "notes.txt").write_text("no picture")
    pictures = data.load_folder(str(root))
    assert pictures.class_names == ["ant", "zebra"]
    assert [path.name for path in pictures.paths] == [
        "a.gif",
        "b.webp",
        "1.JPEG",
        "2.png",
    ]
    assert pictures.labels.tolist() == [0, 0, 1, 1]
    assert pictures.source == "own pictures: mine"


def test_folder_is_split_like_cats_and_dogs(published):
    split_by_folder = sides(
        lambda split: data.load_folder(published / "PetImages", split)
    )
    assert split_by_folder == sides(data.load_cats_vs_dogs)


def test_folder_errors_say_what_is_wrong(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere"):
        data.load_folder(tmp_path / "nowhere")
    save(tmp_path / "mine" / "1.jpg")
    with pytest.raises(ValueError, match="mine has 0 class folders"):
        data.load_folder(tmp_path / "mine")
    save(tmp_path / "mine" / "cat" / "1.jpg")
    with pytest.raises(ValueError, match="mine has 1 class folders"):
        data.load_folder(tmp_path / "mine")
    (tmp_path / "mine" / "dog").mkdir()
    with pytest.raises(ValueError, match="dog has no pictures"):
        data.load_folder(tmp_path / "mine")
    with pytest.raises(ValueError, match='"train", "val" or "test"'):
        data.load_folder(tmp_path / "mine", "all")


# Arrays


def test_images_are_rgb_floats_in_order(tmp_path):
    colours = {
        "red": (1, 0, 0),
        "lime": (0, 1, 0),
        "white": (1, 1, 1),
        "black": (0, 0, 0),
    }
    for colour in colours:
        save(tmp_path / f"{colour}.png", colour)
    images = load_images([tmp_path / f"{colour}.png" for colour in colours], 32)
    assert images.dtype == np.float32
    expected = np.array(list(colours.values()), np.float32)[:, None, None]
    np.testing.assert_array_equal(images, np.broadcast_to(expected, (4, 32, 32, 3)))


@pytest.mark.parametrize("size", [(300, 100), (100, 300)])
def test_shorter_side_is_resized_and_the_middle_kept(tmp_path, size):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    whole = Image.fromarray(noise).resize((size[1] // 2, size[0] // 2))
    left, top = (whole.width - 50) // 2, (whole.height - 50) // 2
    middle = whole.crop((left, top, left + 50, top + 50))
    image = load_images([tmp_path / "noise.png"], 50)[0]
    np.testing.assert_array_equal(image, np.float32(middle) / np.float32(255))


def test_shrinking_is_antialiased(tmp_path):
    stripes = np.zeros((120, 120), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    image = load_images([tmp_path / "stripes.png"], 16)
    np.testing.assert_allclose(image, 0.5, atol=0.03)


def test_exif_orientation_is_respected(tmp_path):
    upright = np.zeros((40, 40, 3), np.uint8)
    upright[:20] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side
    lying = Image.fromarray(np.rot90(upright).copy())
    lying.save(tmp_path / "lying.jpg", exif=exif, quality=95)
    image = load_images([tmp_path / "lying.jpg"], 40)[0]
    np.testing.assert_allclose(image, upright / 255, atol=0.1)


def test_no_pictures_make_an_empty_array():
    assert load_images([], 24).shape == (0, 24, 24, 3)


@pytest.mark.parametrize("size", [0, -3, 2.5, "224"])
def test_impossible_size_is_an_error(size):
    with pytest.raises(ValueError, match="side in pixels"):
        load_images([], size)


def test_missing_or_bad_picture_is_an_error_that_names_it(tmp_path):
    save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"<html>")
    with pytest.raises(FileNotFoundError, match="gone.png"):
        load_images([tmp_path / "good.png", tmp_path / "gone.png"], 8)
    with pytest.raises(UnreadablePicture, match="bad.png.*is no picture"):
        load_images([tmp_path / "good.png", tmp_path / "bad.png"], 8)


def test_three_photographs_are_at_hand_without_importing_foolbox():
    before = "foolbox" in sys.modules
    pictures = data.load_photographs()
    assert ("foolbox" in sys.modules) == before
    assert pictures.class_names == ["Chelsea the cat", "Dalmatian", "bull mastiff"]
    assert pictures.labels.tolist() == [0, 1, 2]
    images = load_images(pictures.paths, 96)
    reddish = images[..., 0].mean((1, 2)) - images[..., 2].mean((1, 2))
    assert reddish[0] > 0.2  # the ginger cat
    assert images.std((1, 2, 3)).min() > 0.1


def test_missing_package_of_a_photograph_is_named(monkeypatch):
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install scikit-image"):
        data.load_photographs()


# The real photographs


@pytest.mark.photographs
def test_published_numbers(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(Path(REAL).resolve()))
    train, val = data.load_pets("train"), data.load_pets("val")
    assert (len(train.paths), len(val.paths)) == (2944, 736)
    assert train.class_names[0] == "Abyssinian"
    assert train.class_names[36] == "yorkshire terrier"
    assert len(report_duplicates(train, val)) == 4
