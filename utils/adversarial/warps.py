"""Shift, zoom and turn pictures at random, with the exact way back for gradients."""

from functools import cache

import numpy as np
from scipy.sparse import csr_array

SHIFT = 0.25  # of the picture's side, at most, each way
ZOOM = (0.5, 1.5)  # over 1 magnifies
TURN = 20  # degrees, at most, each way


def random_warp(generator: np.random.Generator, size: int) -> csr_array:
    """Draw a shift, a zoom and a turn, within `SHIFT`, `ZOOM` and `TURN`.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the chance comes from.
    size : int
        Height and width of the pictures, pixels.

    Returns
    -------
    (size * size, size * size) float32 csr_array
        For `warp`.
    """
    shift = generator.uniform(-SHIFT, SHIFT, 2)
    zoom, turn = generator.uniform(*ZOOM), generator.uniform(-TURN, TURN)
    return warp_matrix(size, shift, zoom, turn)


def warp_matrix(size: int, shift, zoom: float, turn: float) -> csr_array:
    """Write a shift, a zoom and a turn as one matrix on the pixels.

    Each new pixel is a mean of the four old ones around the place it comes from
    (bilinear); beyond its border the picture is mirrored.

    Parameters
    ----------
    size : int
        Height and width of the pictures, pixels.
    shift : (float, float)
        Down and to the right, in parts of the side.
    zoom : float
        About the middle; over 1 magnifies.
    turn : float
        About the middle, degrees, anticlockwise.

    Returns
    -------
    (size * size, size * size) float32 csr_array
        For `warp`; its transpose takes a gradient back.
    """
    y, x = _sources(size, shift, zoom, turn)
    top, left = (np.minimum(place.astype(np.int32), size - 2) for place in (y, x))
    down, right = y - top, x - left
    weights = np.empty((size, size, 4), np.float32)
    np.multiply(1 - down, 1 - right, out=weights[..., 0])
    np.multiply(1 - down, right, out=weights[..., 1])
    np.multiply(down, 1 - right, out=weights[..., 2])
    np.multiply(down, right, out=weights[..., 3])
    corners = np.int32([0, 1, size, size + 1])
    columns = (top * np.int32(size) + left)[..., None] + corners
    rows = np.arange(0, weights.size + 1, 4, dtype=np.int32)
    shape = (size * size, size * size)
    return csr_array((weights.ravel(), columns.ravel(), rows), shape)


def warp(matrix: csr_array, images: np.ndarray) -> np.ndarray:
    """Warp pictures, or with the transposed matrix take their gradient back.

    Parameters
    ----------
    matrix : csr_array
        From `random_warp` or `warp_matrix`.
    images : (N, size, size, C) float32 ndarray
        Any range.

    Returns
    -------
    (N, size, size, C) float32 ndarray
        The same range; each picture warped in the same way.
    """
    warped = [matrix @ image.reshape(-1, image.shape[-1]) for image in images]
    return np.stack(warped).reshape(images.shape)


def _sources(size: int, shift, zoom: float, turn: float) -> tuple:
    """Find row and column, (size, size) each, where every new pixel comes from."""
    y, x = _grid(size)
    middle, angle = (size - 1) / 2, np.deg2rad(turn)
    cosine, sine = np.float32(np.cos(angle) / zoom), np.float32(np.sin(angle) / zoom)
    down, right = (np.float32(middle - part * size) for part in shift)
    return (
        _mirrored(cosine * y + sine * x + down, size),
        _mirrored(cosine * x - sine * y + right, size),
    )


@cache
def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column of every pixel, from the middle."""
    offsets = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
    return offsets[:, None], offsets


def _mirrored(places: np.ndarray, size: int) -> np.ndarray:
    """Fold places beyond the border back; it lies half a pixel outside of the last."""
    folded = np.abs(np.remainder(places + np.float32(0.5), 2 * size) - size)
    return (size - np.float32(0.5) - folded).clip(0, size - 1)
