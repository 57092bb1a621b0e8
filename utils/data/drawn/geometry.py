"""Turns, frames and the pixel grid of a drawing, in arithmetic that is exact.

Only +, -, *, /, square root and comparisons touch a pixel: IEEE 754 rounds those
the same way on every machine, which exp, sin or a BLAS product do not promise.
"""

import math
from typing import NamedTuple

import numpy as np


class Frame(NamedTuple):
    """Where a part of the animal is: an origin and three axes on the canvas.

    The canvas reaches from -1 to 1, x to the right, y up, z to the viewer.
    The axes are the columns of a matrix; their length is the unit of the frame.
    """

    origin: np.ndarray
    axes: np.ndarray

    def at(self, point):
        """Canvas coordinates (3,) of a point of the frame."""
        return self.origin + self.along(point)

    def along(self, direction):
        """Canvas vector (3,) of a direction of the frame."""
        return (self.axes * np.asarray(direction, float)).sum(axis=1)

    def child(self, point, turn=None, scale=1.0):
        """Return a frame that sits at a point of this one, turned and scaled."""
        axes = self.axes if turn is None else product(self.axes, turn)
        return Frame(self.at(point), axes * scale)

    def moved(self, scale, shift):
        """Return this frame scaled about the origin of the canvas, then shifted."""
        return Frame(self.origin * scale + shift, self.axes * scale)

    def local(self, x, y, z):
        """Coordinates in this frame of canvas points, three arrays."""
        inverse = self.axes.T / (self.scale * self.scale)
        shift = -(inverse * self.origin).sum(axis=1)
        return [
            _affine(row, add, x, y, z) for row, add in zip(inverse, shift, strict=True)
        ]

    @property
    def scale(self):
        """Length of one unit of the frame on the canvas."""
        return length(self.axes[:, 0])


class Window(NamedTuple):
    """A rectangle of the picture: its slices and the canvas x, y of its pixels."""

    rows: slice
    columns: slice
    x: np.ndarray
    y: np.ndarray

    def of(self, planes):
        """View of the last two axes of an array inside the rectangle."""
        return planes[..., self.rows, self.columns]


def window(size, left, right, bottom, top):
    """Pixels whose centres lie in a rectangle of the canvas; None if there are none."""
    columns = _pixels(size, left, right)
    rows = _pixels(size, -top, -bottom)
    if columns.stop <= columns.start or rows.stop <= rows.start:
        return None
    x = _centres(size, columns)[None, :]
    return Window(rows, columns, x, -_centres(size, rows)[:, None])


def whole(size):
    """Window of the whole picture."""
    return window(size, -1, 1, -1, 1)


def turned(yaw=0.0, pitch=0.0, roll=0.0):
    """Matrix that tilts (roll), nods (pitch) and turns to the right (yaw), degrees."""
    (cy, sy), (cp, sp), (cr, sr) = map(cosine_sine, (yaw, pitch, roll))
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return product(turn, product(nod, tilt))


def product(a, b):
    """Matrix product of two 3x3 matrices, without BLAS."""
    return (a[:, :, None] * b[None, :, :]).sum(axis=1)


def cosine_sine(degrees):
    """Cosine and sine, rounded so that the last bit of the C library does not show."""
    angle = math.radians(degrees)
    return round(math.cos(angle), 6), round(math.sin(angle), 6)


def unit(vector):
    """Vector of length 1 in the same direction."""
    vector = np.asarray(vector, float)
    return vector / length(vector)


def length(vector):
    """Length of a vector."""
    return math.sqrt((vector * vector).sum())


def smooth(low, high, values):
    """Smooth step from 0 at `low` to 1 at `high`."""
    t = np.clip((values - low) * (1.0 / (high - low)), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def enlarged(grid, size):
    """Blow planes (..., n, m) up to (..., size, size), linearly."""
    low, t = _between(grid.shape[-2], size)
    rows = np.take(grid, low, axis=-2)
    rows += t[:, None] * (np.take(grid, low + 1, axis=-2) - rows)
    low, t = _between(grid.shape[-1], size)
    left = np.take(rows, low, axis=-1)
    left += t * (np.take(rows, low + 1, axis=-1) - left)
    return left


def _between(count, size):
    """Cell of `count` before each of `size` pixels, and the way on to the next."""
    place = (np.arange(size, dtype=np.float64) + 0.5) * (count / size) - 0.5
    place = np.clip(place, 0, count - 1)
    low = np.minimum(place.astype(np.int64), count - 2)
    return low, (place - low).astype(np.float32)


def _affine(row, add, x, y, z):
    """Return row . (x, y, z) + add, in float32."""
    a, b, c = (np.float32(value) for value in row)
    return (a * x + (b * y + np.float32(add))) + c * z


def _pixels(size, low, high):
    """Slice of the pixels whose centres lie between two canvas coordinates."""
    first = math.ceil((low + 1) * size / 2 - 0.5)
    last = math.floor((high + 1) * size / 2 - 0.5)
    return slice(max(first, 0), min(last + 1, size))


def _centres(size, pixels):
    """Canvas coordinates of the centres of the pixels, float32."""
    steps = np.arange(pixels.start, pixels.stop, dtype=np.float64)
    return ((steps + 0.5) * (2.0 / size) - 1.0).astype(np.float32)
