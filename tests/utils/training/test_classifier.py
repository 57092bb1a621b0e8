"""A folder of pictures becomes a classifier, on one machine as on a cluster."""

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

from utils.command import Problem
from utils.data.datasets import load_folder
from utils.data.drawn.drawing import draw_pet
from utils.features import extract
from utils.training import classifier
from utils.training.classifier import Classifier, choose_head, load, main, save

BREEDS = {"beagle": "dog", "Sphynx": "bald", "Russian Blue": "blue"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Draw a folder with three classes, twenty pictures each."""
    root = tmp_path_factory.mktemp("own") / "pets"
    for breed, name in BREEDS.items():
        (root / name).mkdir(parents=True)
        for seed in range(20):
            picture = Image.fromarray(draw_pet(breed, seed, 96))
            picture.save(root / name / f"{seed}.png")
    return root


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "features"))


def test_a_folder_becomes_a_classifier_that_names_pictures(folder, tmp_path, capsys):
    file = tmp_path / "made" / "pets.safetensors"
    assert main(["train", str(folder), "--flip", "--out", str(file)]) == 0
    assert str(file) in capsys.readouterr().out
    pictures = [str(folder / name / "0.png") for name in BREEDS.values()]
    assert main(["name", str(file), *pictures]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line, name in zip(lines, BREEDS.values(), strict=True):
        assert line.split(": ")[1].startswith(f"{name} ")

    bad, absent = tmp_path / "bad.jpg", tmp_path / "absent.jpg"
    bad.write_text("<html>")
    assert main(["name", str(file), pictures[0], str(bad), str(absent), pictures[1]])
    printed = capsys.readouterr()
    assert printed.out.splitlines() == lines[:2]
    assert str(bad) in printed.err
    assert str(absent) in printed.err


def test_a_cluster_makes_the_same_classifier(folder, dask_cluster, monkeypatch):
    monkeypatch.setattr(classifier, "PICTURES_PER_TASK", 8)
    train, val = (load_folder(folder, split) for split in ("train", "val"))
    names = ["efficientnet_lite0"]
    here = classifier.train(train, val, names)
    there = classifier.train(train, val, names, scheduler=dask_cluster[0])
    assert here[1:] == there[1:]
    np.testing.assert_allclose(here[0].weights, there[0].weights, atol=1e-4)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_probabilities_are_those_of_scikit_learn(classes):
    generator = np.random.default_rng(0)
    labels = np.arange(120) % classes
    rows = generator.normal(size=(120, 12)).astype(np.float32)
    rows[np.arange(120), labels] += 2
    split = rows[:90], labels[:90], rows[90:], labels[90:]
    weights, bias, strength, accuracy = choose_head(*split)
    scale = np.linalg.norm(split[0], axis=1).mean() / 12**0.5
    head = LogisticRegression(C=strength).fit(split[0] / scale, split[1])
    found = Classifier([], False, [], weights, bias).probabilities(split[2])
    expected = head.predict_proba(split[2] / scale)
    np.testing.assert_allclose(found, expected, atol=0.01)
    assert accuracy == np.mean(found.argmax(axis=1) == split[3]) > 0.6


def test_the_strength_is_chosen_on_val(monkeypatch):
    scores = {0.01: 0.5, 0.1: 0.9, 1.0: 0.9}
    fitted = {s: (np.full((2, 2), s), np.zeros(2), r) for s, r in scores.items()}
    monkeypatch.setattr(classifier, "_fit", lambda strength, *split: fitted[strength])
    rows, labels = np.ones((4, 2), np.float32), np.zeros(4, np.int64)
    assert choose_head(rows, labels, rows, labels)[2:] == (0.1, 0.9)


def test_a_class_without_pictures_is_refused():
    rows = np.ones((4, 2), np.float32)
    with pytest.raises(ValueError, match=r"classes \[2\] have no pictures"):
        choose_head(rows, np.array([0, 1, 0, 1]), rows, np.array([0, 1, 2, 1]))


def test_training_names_the_class_without_pictures(folder):
    train, val = (load_folder(folder, split) for split in ("train", "val"))
    kept = np.flatnonzero(train.labels != 1)
    rest = train._replace(
        paths=[train.paths[row] for row in kept], labels=train.labels[kept]
    )
    with pytest.raises(Problem, match="learn from for: blue. Add"):
        classifier.train(rest, val, ["no backbone is asked"])


def test_what_is_saved_comes_back(tmp_path):
    weights, bias = np.eye(3, dtype=np.float32), np.arange(3, dtype=np.float32)
    made = Classifier(["efficientnet_lite0"], True, ["a", "b", "ü"], weights, bias)
    save(made, tmp_path / "one.safetensors")
    again = load(tmp_path / "one.safetensors")
    assert again[:3] == made[:3]
    np.testing.assert_array_equal(again.weights, weights)
    np.testing.assert_array_equal(again.bias, bias)


@pytest.mark.parametrize("content", [None, b"", b"<html>not found</html>"])
def test_a_foreign_file_is_refused(tmp_path, content, capsys):
    file = tmp_path / "foreign.safetensors"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Problem, match="is no classifier"):
        load(file)
    assert main(["name", str(file), "any.jpg"]) == 1
    assert "python -m utils.training.classifier train" in capsys.readouterr().err


def test_features_of_shares_are_those_of_all(folder, dask_cluster, monkeypatch):
    monkeypatch.setattr(classifier, "PICTURES_PER_TASK", 8)
    paths = load_folder(folder).paths[:20]
    names = ["efficientnet_lite0"]
    shared = classifier._extract_everywhere(paths, names, False, dask_cluster[0])
    np.testing.assert_allclose(shared, extract(paths, names), atol=1e-4)
