"""Warps move pictures as they say, and take gradients back exactly."""

import numpy as np
import pytest
from scipy.ndimage import shift as moved

from utils.adversarial.warps import random_warp, warp, warp_matrix

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((2, 32, 32, 3), dtype=np.float32)


def test_nothing_to_do_changes_nothing():
    same = warp(warp_matrix(32, (0, 0), 1, 0), IMAGES)
    np.testing.assert_allclose(same, IMAGES, atol=1e-6)


def test_a_shift_mirrors_at_the_border():
    matrix = warp_matrix(32, (3 / 32, -2.5 / 32), 1, 0)
    expected = moved(IMAGES, (0, 3, -2.5, 0), order=1, mode="reflect")
    np.testing.assert_allclose(warp(matrix, IMAGES), expected, atol=1e-5)


def test_a_quarter_turn_goes_anticlockwise():
    turned = warp(warp_matrix(32, (0, 0), 1, 90), IMAGES)
    np.testing.assert_allclose(turned, np.rot90(IMAGES, axes=(1, 2)), atol=1e-5)


def test_zoom_magnifies_the_middle():
    picture = np.zeros((1, 32, 32, 1), np.float32)
    picture[:, 14:18, 14:18] = 1
    total = warp(warp_matrix(32, (0, 0), 2, 0), picture).sum()
    assert total == pytest.approx(4 * picture.sum(), rel=0.02)


def test_the_transpose_takes_a_gradient_back():
    matrix = random_warp(np.random.default_rng(1), 32)
    gradient = RANDOM.random(IMAGES.shape, dtype=np.float32)
    forth, back = warp(matrix, IMAGES), warp(matrix.T, gradient)
    assert (forth * gradient).sum() == pytest.approx((IMAGES * back).sum(), rel=1e-4)


def test_chance_is_repeatable_and_never_the_same_twice():
    generator, again = np.random.default_rng(2), np.random.default_rng(2)
    first, second = (warp(random_warp(generator, 32), IMAGES) for _ in range(2))
    assert np.array_equal(warp(random_warp(again, 32), IMAGES), first)
    assert not np.array_equal(first, second)
