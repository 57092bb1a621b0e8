"""Hair, light and colour: from relief and coat to painted pixels.

Pictures are planar, (3, H, W) float32, and linear: the square of the stored value.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from utils.data.drawn.geometry import enlarged, unit

CLIFF = 9  # pixels of depth from one pixel to the next
STREAK = 3  # a hair is 2 ** STREAK pixels long


class Light(NamedTuple):
    """Light of a scene: where it comes from, its colour and that of the shade."""

    direction: np.ndarray
    key: np.ndarray  # (3, 1, 1)
    fill: np.ndarray  # (3, 1, 1)


class Hair:
    """Random streaks in four directions, to be blended along any flow."""

    def __init__(self, random, size):
        """Cut the streaks out of the tile at a random place."""
        place = (random.random(2) * size).astype(int)
        self.streaks = cut(_streaks(size), size, *place)

    def along(self, box, x, y):
        """Streaks along the flow (x, y) in a window, with variance near 1."""
        square = x * x + y * y + np.float32(1e-6)
        cosine, sine = (x * x - y * y) / square, 2 * x * y / square
        weights = (cosine, sine, -cosine, -sine)
        total = np.float32(0)
        for weight, streak in zip(weights, box.of(self.streaks), strict=True):
            total = total + np.maximum(weight, 0) * streak
        return total


@lru_cache(maxsize=2)
def _streaks(size):
    """Tile (4, 2 size, 2 size) of noise smeared at 0, 45, 90 and 135 degrees, y up."""
    random = np.random.Generator(np.random.PCG64(size))
    noise = random.random((2 * size, 2 * size), dtype=np.float32) - np.float32(0.5)
    return np.stack(
        [_smeared(noise, *step) for step in ((0, 1), (1, -1), (1, 0), (1, 1))]
    )


def _smeared(noise, down, right):
    """Noise summed over 2 ** STREAK pixels in one direction, scaled to variance 1."""
    for power in range(STREAK):
        step = 2**power
        noise = noise + np.roll(noise, (down * step, right * step), (0, 1))
    return noise * np.float32(math.sqrt(12 / 2**STREAK))


def slow_noise(dice, size, cells):
    """Smooth noise (size, size) float32, about -1 to 1, some `cells` waves across.

    Cut out of a tile that is made once: drawing it anew would take longer than the pet.
    """
    place = (dice.random.random(2) * size).astype(int)
    return dice.pick((-1, 1)) * cut(_clouds(size, cells), size, *place)


@lru_cache(maxsize=8)
def _clouds(size, cells):
    """Tile (2 size, 2 size) of smooth noise."""
    random = np.random.Generator(np.random.PCG64([size, cells]))
    grid = random.random((2 * cells, 2 * cells), dtype=np.float32) * 2 - 1
    return enlarged(blurred(enlarged(grid, 8 * cells), 1) * np.float32(1.5), 2 * size)


def cut(tile, size, row, column):
    """Square of a tile, from a row and column on."""
    return tile[..., row : row + size, column : column + size]


def normals(depth, solid, pixel, steepest):
    """Return unit normals, three arrays; an outline or cliff has no slope."""
    x, y = np.zeros_like(depth), np.zeros_like(depth)
    step = _step(depth[:, :-1] - depth[:, 1:], solid[:, 1:] & solid[:, :-1], pixel)
    x[:, 1:] += step
    x[:, :-1] += step
    step = _step(depth[1:] - depth[:-1], solid[1:] & solid[:-1], pixel)
    y[1:] += step
    y[:-1] += step
    half = np.float32(0.5 / pixel)
    x, y = (np.clip(slope * half, -steepest, steepest) for slope in (x, y))
    z = 1 / np.sqrt(x * x + y * y + 1)
    return x * z, y * z, z


def _step(step, solid, pixel):
    """Step from pixel to pixel, none at an outline or cliff."""
    return np.where(solid & (np.abs(step) < np.float32(CLIFF * pixel)), step, 0)


def lit(colour, normal, shade, light, gloss):
    """Colour (3, H, W) of fur in the light, with a sheen even where it is black."""
    x, y, z = normal
    a, b, c = (np.float32(value) for value in light.direction)
    facing = a * x + b * y + c * z
    wrapped = np.square(np.clip(0.4 + 0.6 * facing, 0, 1))
    sky = (0.62 + 0.38 * y) * shade
    rim = np.square(np.square(1 - z)) * np.clip(0.5 + facing, 0, 1)
    half = unit(light.direction + (0, 0, 1))
    shine = np.clip(
        sum(np.float32(h) * n for h, n in zip(half, normal, strict=True)), 0, 1
    )
    shine = np.square(np.square(np.square(shine)))
    strong = wrapped * (0.35 + 0.65 * shade) + 0.25 * rim
    sheen = np.float32(gloss) * (shine * shine + 0.6 * rim + 0.35 * shine) * shade
    return colour * (light.key * strong + light.fill * sky) + light.key * sheen


def occlusion(relief, front=None):
    """Ambient light (size, size) in [0, 1]: less below what stands out higher.

    Worked out on every fourth pixel. `front`, a relief that hangs in front of this
    one, casts a soft shadow downwards.
    """
    depth, there = relief.depth[::4, ::4], relief.alpha[::4, ::4] > 0.5
    radius = max(relief.size // 88, 1)
    weight = blurred(there.astype(np.float32), radius) + np.float32(1e-3)
    around = blurred(np.where(there, depth, 0), radius) / weight
    deep = np.clip(
        (around - depth) * np.float32(1 / (4 * radius * relief.pixel)), 0, 1.5
    )
    light = 1 / (1 + 0.9 * deep)
    if front is not None:
        shadow = blurred(front.alpha[::4, ::4], radius)
        light = light * (1 - 0.6 * np.roll(shadow, relief.size // 80, 0))
    return enlarged(light, relief.size)


def blurred(plane, radius):
    """Mean of a (2 radius + 1) square around each pixel, edges repeated, twice over."""
    for _ in range(2):
        for axis in (0, 1):
            plane = _box(plane, radius, axis)
    return plane


def _box(plane, radius, axis):
    """Mean over a window that runs along one axis."""
    count, wide = plane.shape[axis], 2 * radius + 1
    place = np.clip(np.arange(-radius - 1, count + radius), 0, count - 1)
    total = np.add.accumulate(np.take(plane, place, axis=axis), axis=axis)
    high, low = (
        (total[wide:], total[:-wide])
        if axis == 0
        else (total[:, wide:], total[:, :-wide])
    )
    return (high - low) * np.float32(1 / wide)


def linear(colour):
    """Linear (3, 1, 1) float32 of a hex colour such as 'c9a227'."""
    values = np.array([int(colour[k : k + 2], 16) for k in (0, 2, 4)], np.float32)
    return np.square(values / np.float32(255))[:, None, None]


def mixed(one, other, weight):
    """Blend two colours."""
    return one + weight * (other - one)


def lay(picture, box, alpha, colour):
    """Lay a colour over a window of a picture, in place."""
    view = box.of(picture)
    view += alpha * (colour - view)
