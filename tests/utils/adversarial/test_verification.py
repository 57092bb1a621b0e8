"""An attack report is about the file, never about the picture in memory."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.signal.windows import gaussian
from scipy.special import softmax

from utils.adversarial import verification
from utils.adversarial.verification import (
    distances,
    judge,
    load_picture,
    resized,
    save_picture,
    verify,
)
from utils.backbones import pytorch
from utils.backbones.classes import imagenet_classes
from utils.data.datasets import load_photographs
from utils.data.images import load_images
from utils.measure import alone

RANDOM = np.random.default_rng(0)
NAMES = ["cat", "dog", "fox"]
CAT, DOG = 0, 1
ORIGINALS = RANDOM.integers(0, 200, (2, 16, 16, 3)) / np.float32(255)
SURE = 0.9


def _chances(is_cat):
    """Be sure of a cat where there is one, else of a dog."""
    of_cat = np.where(is_cat, SURE, 1 - SURE)
    return np.stack([of_cat, 1 - of_cat, 0 * of_cat], axis=1)


def bright_corner(images):
    """Take a picture for a cat if its first value is high."""
    return _chances(images[:, 0, 0, 0] > 0.9)


def between_bytes(images):
    """Take a picture for a cat if it holds what 8 bits cannot."""
    steps = images * 255
    return _chances((abs(steps - np.rint(steps)) > 0.01).any(axis=(1, 2, 3)))


def never(images):
    return _chances(np.zeros(len(images), bool))


def always(images):
    return _chances(np.ones(len(images), bool))


def _with_corner(height):
    pictures = ORIGINALS.copy()
    pictures[0, 0, 0, 0] = height
    return pictures


def _verify(folder, pictures=ORIGINALS, judges=None, **changed):
    right = {
        "names": ["first", "second"],
        "originals": ORIGINALS,
        "pictures": pictures,
        "target": CAT,
        "class_names": NAMES,
        "judges": {"attacked": never} if judges is None else judges,
        "steps": 10,
        "seconds": 1.5,
    }
    return verify(folder, **{**right, **changed})


# Files


def test_saved_picture_is_the_nearest_of_8_bits(tmp_path):
    image = RANDOM.random((5, 7, 3))
    save_picture(image, tmp_path / "new" / "picture.png")
    read = load_picture(tmp_path / "new" / "picture.png")
    assert Image.open(tmp_path / "new" / "picture.png").format == "PNG"
    assert (read.dtype, read.shape) == (np.float32, image.shape)
    assert abs(read - image).max() <= 0.5 / 255 + 1e-7
    save_picture(read, tmp_path / "again.png")
    np.testing.assert_array_equal(load_picture(tmp_path / "again.png"), read)


def test_bytes_are_not_saved_as_if_they_were_shares(tmp_path):
    with pytest.raises(ValueError, match="^image .*uint8.*divide"):
        save_picture(np.zeros((5, 7, 3), np.uint8), tmp_path / "picture.png")
    assert not list(tmp_path.iterdir())


# Sizes


def test_pictures_of_the_right_size_stay_as_they_are():
    images = RANDOM.random((2, 9, 9, 3), dtype=np.float32)
    np.testing.assert_array_equal(resized(images, 9), images)


@pytest.mark.parametrize("size", [60, 320])
def test_pictures_are_resized_as_pictures_are_loaded(tmp_path, size):
    images = load_images(load_photographs().paths[:1], 224)
    save_picture(images[0], tmp_path / "picture.png")
    expected = load_images([tmp_path / "picture.png"], size)
    found = resized(images, size)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_only_squares_are_resized():
    with pytest.raises(ValueError, match="^images .*expected squares: crop"):
        resized(np.zeros((1, 4, 6, 3)), 4)


# Distances


def test_distances_are_those_of_the_definition():
    original = np.full((16, 16, 3), 0.5, np.float32)
    picture = original.copy()
    picture[3, 4] += [0.03, -0.04, 0]
    measured = distances(picture, original)
    assert list(measured) == ["L-infinity", "L2", "SSIM"]
    assert measured["L-infinity"] == pytest.approx(0.04, abs=1e-7)
    assert measured["L2"] == pytest.approx(0.05, abs=1e-7)
    assert 0.5 < measured["SSIM"] < 1


def test_structural_similarity_is_that_of_the_paper():
    # A picture as large as the window has one place for it.
    picture, original = (RANDOM.random((11, 11)) for _ in range(2))
    weights = np.outer(gaussian(11, 1.5), gaussian(11, 1.5)).ravel()
    means = [np.average(p.ravel(), weights=weights) for p in (picture, original)]
    pair = np.stack([picture.ravel(), original.ravel()])
    (one, both), (_, other) = np.cov(pair, aweights=weights, ddof=0)
    c1, c2 = 0.01**2, 0.03**2
    # Wang et al. 2004, equation 13
    expected = (2 * means[0] * means[1] + c1) * (2 * both + c2)
    expected /= (means[0] ** 2 + means[1] ** 2 + c1) * (one + other + c2)
    colored = (np.repeat(p[..., None], 3, axis=-1) for p in (picture, original))
    assert distances(*colored)["SSIM"] == pytest.approx(expected)


def test_equal_pictures_have_no_distance():
    found = distances(ORIGINALS[0], ORIGINALS[0])
    assert found == {"L-infinity": 0, "L2": 0, "SSIM": 1}


def test_pictures_of_different_size_have_no_distance():
    with pytest.raises(ValueError, match=r"^picture has .*\(16, 16, 3\): compare"):
        distances(np.zeros((20, 20, 3)), np.zeros((16, 16, 3)))


# Attack reports


def test_report_says_what_each_judge_makes_of_the_file(tmp_path):
    judges = {"attacked": bright_corner, "other": never}
    given = _verify(tmp_path, _with_corner(1), judges, steps=np.array([10, 20]))
    first, second = given
    assert first == {
        "picture": "first.png",
        "verdict": "passed",
        "target": "cat",
        "clean class": "dog",
        "target probability": 0.9,
        "L-infinity": pytest.approx(1 - ORIGINALS[0, 0, 0, 0], abs=1e-6),
        "L2": pytest.approx(1 - ORIGINALS[0, 0, 0, 0], abs=1e-6),
        "SSIM": pytest.approx(1, abs=0.2),
        "steps": 10,
        "seconds": 1.5,
        "judges": {
            "attacked": {"class": "cat", "target probability": 0.9, "fooled": True},
            "other": {"class": "dog", "target probability": 0.1, "fooled": False},
        },
    }
    assert second["verdict"] == "failed"
    assert (second["steps"], second["L2"], second["SSIM"]) == (20, 0, 1)
    for name, report in zip(["first", "second"], given, strict=True):
        text = (tmp_path / f"{name}.json").read_text("utf-8")
        assert json.loads(text) == report
        assert list(json.loads(text)) == list(report)
        assert text.count("\n") > 10  # people read it


def test_picture_that_fools_only_before_it_is_saved_fails(tmp_path):
    pictures = _with_corner(0.3 / 255)
    assert between_bytes(pictures)[0].argmax() == CAT
    first, _ = _verify(tmp_path, pictures, {"attacked": between_bytes})
    assert first["verdict"] == "failed"
    assert first["target probability"] == 0.1
    assert first["judges"]["attacked"]["fooled"] is False
    assert first["L-infinity"] == pytest.approx(ORIGINALS[0, 0, 0, 0], abs=1e-6)


def test_originals_are_judged_as_8_bits_too(tmp_path):
    originals = ORIGINALS + 0.3 / 255
    judges = {"attacked": between_bytes}
    first, _ = _verify(tmp_path, ORIGINALS, judges, originals=originals)
    assert (first["clean class"], first["L-infinity"]) == ("dog", 0)


def test_what_is_judged_is_what_lies_in_the_file(tmp_path, monkeypatch):
    def save_black(image, path):
        save_picture(image * 0, path)

    monkeypatch.setattr(verification, "save_picture", save_black)
    first, _ = _verify(tmp_path, _with_corner(1), {"attacked": bright_corner})
    assert first["verdict"] == "failed"
    assert first["L-infinity"] == pytest.approx(ORIGINALS[0].max(), abs=1e-6)


def test_judge_who_always_saw_the_target_was_not_fooled(tmp_path):
    judges = {"attacked": bright_corner, "other": always}
    first, _ = _verify(tmp_path, _with_corner(1), judges)
    assert first["judges"]["other"]["class"] == "cat"
    assert first["judges"]["other"]["fooled"] is False
    with pytest.raises(ValueError, match="target is 0 .cat., but picture 0"):
        _verify(tmp_path, _with_corner(1), {"attacked": always})


def test_report_of_an_earlier_picture_does_not_survive(tmp_path):
    def broken(images):
        raise RuntimeError

    _verify(tmp_path, _with_corner(1), {"attacked": bright_corner})
    with pytest.raises(RuntimeError):
        _verify(tmp_path, _with_corner(0), {"attacked": broken})
    assert {path.name for path in tmp_path.iterdir()} == {"first.png", "second.png"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"names": ["first"]}, "names has 1 entries, expected 2"),
        ({"names": ["same", "same"]}, "names is .*all different"),
        ({"names": ["../first", "second"]}, "names is .*without a folder"),
        ({"originals": ORIGINALS[:1]}, "pictures has shape .*that of originals"),
        ({"target": 3}, "target is 3"),
        ({"judges": {}}, "judges is empty"),
        ({"judges": {"attacked": lambda i: 9 * never(i)}}, "apply softmax"),
        ({"steps": [1, 2, 3]}, "steps has 3 entries, expected 2"),
        ({"pictures": (ORIGINALS * 255).astype(np.uint8)}, "pictures .*divide"),
    ],
)
def test_wrong_arguments_leave_no_report(tmp_path, changed, message):
    with pytest.raises(ValueError, match=message):
        _verify(tmp_path, **changed)
    assert not list(tmp_path.glob("*.json"))


# Networks


def test_judge_answers_as_the_network_does_also_in_a_fresh_process():
    images = load_images(load_photographs().paths, 224)
    here = judge("pytorch", "efficientnet_lite0", images)
    assert (here.shape, here.dtype) == ((3, 1000), np.float32)
    seen = [imagenet_classes()[n] for n in here.argmax(axis=1)]
    assert seen[1:] == ["dalmatian", "bull mastiff"]
    model = pytorch.load_backbone("efficientnet_lite0").eval()
    normalize = pytorch.transform_for(model).transforms[-1]
    with torch.inference_mode():
        logits = model(normalize(torch.from_numpy(images).movedim(-1, 1))).numpy()
    np.testing.assert_allclose(here, softmax(logits, axis=1), atol=1e-4)
    there = alone(judge, "tensorflow", "efficientnet_lite0", images)
    np.testing.assert_allclose(there, here, atol=1e-3)


def test_judge_of_another_size_and_many_pictures_resizes_and_keeps_the_order():
    images = load_images(load_photographs().paths, 224)[[1, 2, 1, 2, 1]]
    seen = judge("pytorch", "efficientnet_lite1", images).argmax(axis=1)
    assert [imagenet_classes()[n] for n in seen[:2]] == ["dalmatian", "bull mastiff"]
    assert seen.tolist() == [*seen[:2], *seen[:2], seen[0]]
