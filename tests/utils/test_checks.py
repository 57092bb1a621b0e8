"""Each refusal names the argument and says what to do."""

import numpy as np
import pytest

from utils.checks import (
    require_classes,
    require_epsilon,
    require_floats,
    require_images,
    require_length,
    require_probabilities,
    require_steps,
    require_target,
)

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((2, 4, 5, 3), dtype=np.float32)
NAMES = ["cat", "dog", "fox"]


def test_right_values_pass_as_they_are():
    assert require_floats("values", [0.5, 2.0], "(N,)").tolist() == [0.5, 2.0]
    np.testing.assert_array_equal(require_images("images", IMAGES), IMAGES)
    np.testing.assert_array_equal(
        require_images("image", IMAGES[0], "(H, W, 3)"), IMAGES[0]
    )
    assert require_classes("labels", [2, 0], NAMES).tolist() == [2, 0]
    assert require_probabilities([0.25, 0.75, 0], NAMES, 1).tolist() == [0.25, 0.75, 0]
    require_length("titles", NAMES, 3)
    for steps in (1, 256, np.int64(3)):
        require_steps(steps)
    for epsilon in (0, 8 / 255, np.float32(0.5), 1):
        require_epsilon(epsilon)
    require_target(np.int64(2), np.array([0, 1, 1]), NAMES)


def test_rounding_of_float16_is_clipped():
    assert require_images("images", IMAGES * 0 + 1.0005).max() == 1


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ((IMAGES * 255).astype(np.uint8), "uint8.*divide 8-bit pixels by 255"),
        (IMAGES * 255, r"expected \[0, 1\]: divide .* by 255"),
        (IMAGES[0], r"shape \(4, 5, 3\), expected \(N, H, W, 3\)"),
        (np.moveaxis(IMAGES, -1, 1), "channels come last"),
        (IMAGES * np.nan, "NaN"),
        (IMAGES[:0], "not empty"),
    ],
)
def test_wrong_pictures(images, message):
    with pytest.raises(ValueError, match=f"^photos .*{message}"):
        require_images("photos", images)


@pytest.mark.parametrize("steps", [0, -1, 2.0, "3", None, True])
def test_wrong_steps(steps):
    with pytest.raises(ValueError, match="^steps is .*whole number, at least 1"):
        require_steps(steps)


@pytest.mark.parametrize("epsilon", [8, -0.1, float("nan"), "0.1", None, True])
def test_wrong_epsilon(epsilon):
    with pytest.raises(ValueError, match="^epsilon is .*8/255, not 8"):
        require_epsilon(epsilon)


@pytest.mark.parametrize("target", [-1, 3, 1.0, "cat", True])
def test_target_that_is_no_class(target):
    with pytest.raises(ValueError, match="^target is .*from 0 to 2: class_names.index"):
        require_target(target, np.array([0]), NAMES)


def test_target_that_a_picture_is_taken_for_already():
    with pytest.raises(ValueError, match=r"^target is 1 \(dog\), but picture 2 is"):
        require_target(1, np.array([0, 2, 1, 1]), NAMES)


def test_classes_before_the_attack_must_be_classes():
    with pytest.raises(ValueError, match=r"^clean .*argmax\(axis=1\)"):
        require_target(1, np.eye(3), NAMES)
    with pytest.raises(ValueError, match="^clean runs from 0 to 3"):
        require_target(1, np.array([0, 3]), NAMES)
