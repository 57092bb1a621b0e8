"""Things in front of the pet: a ball, a cushion, leaves, a fence."""

import numpy as np

from utils.data.drawn.dice import FLOORS, GREENS, THINGS
from utils.data.drawn.geometry import smooth, window
from utils.data.drawn.shading import lay, mixed


def foreground(dice, picture, size, outdoors):
    """Perhaps lay something in front of the pet, in place."""
    if dice.chance(0.6):
        paint = dice.pick(
            (_ball, _leaves, _fence)
            if outdoors
            else (_ball, _cushion, _leaves, _cushion)
        )
        paint(dice, picture, size)


def _ball(dice, picture, size):
    radius, side = dice.between(0.16, 0.26), dice.pick((-1, 1))
    x, y = side * dice.between(0.45, 0.8), dice.between(-0.85, -0.7)
    box = window(
        size, x - radius * 1.1, x + radius * 1.1, y - radius * 1.1, y + radius * 1.1
    )
    if box is None:
        return
    across, up = (
        (box.x - np.float32(x)) / np.float32(radius),
        (box.y - np.float32(y)) / np.float32(radius),
    )
    away = np.sqrt(across * across + up * up)
    glow = 0.45 + 0.6 * smooth(
        1.3, 0.0, np.sqrt(np.square(across + 0.35) + np.square(up - 0.4))
    )
    band = smooth(0.06, 0.02, np.abs(up + 0.3 * across - 0.25 * across * across) - 0.1)
    colour = mixed(dice.colour(THINGS), dice.colour(THINGS), band) * glow
    lay(picture, box, smooth(1.0 + 4 / size / radius, 1.0, away), colour)


def _cushion(dice, picture, size):
    """Edge of a cushion along the bottom."""
    top, tilt = dice.between(-0.82, -0.62), dice.between(-0.15, 0.15)
    box = window(size, -1, 1, -1, top + 0.35)
    bow = (
        np.float32(top)
        + np.float32(tilt) * box.x
        - 0.12 * np.square(box.x - np.float32(2 * tilt))
    )
    deep = bow - box.y
    stitch = box.x * np.float32(dice.between(3, 8)) + box.y * np.float32(
        dice.between(-3, 3)
    )
    pattern = smooth(
        0.4, 0.6, np.abs(2 * (stitch - np.floor(stitch)) - 1)
    ) * np.float32(dice.pick((0, 0.5)))
    colour = mixed(dice.colour(THINGS), dice.colour(THINGS), pattern)
    colour = colour * (
        0.45 + 0.6 * smooth(0.0, 0.1, deep) - 0.35 * smooth(0.05, 0.45, deep)
    )
    lay(picture, box, smooth(-0.006, 0.006, deep), colour)


def _leaves(dice, picture, size):
    """Blades of a plant from one lower corner, out of focus."""
    side, colour = dice.pick((-1, 1)), dice.colour(GREENS)
    for _ in range(6):
        x, lean = side * dice.between(0.5, 1.0), dice.between(-0.6, 0.3) * side
        top, wide = dice.between(-0.5, 0.2), dice.between(0.03, 0.07)
        box = window(size, -1, 1, -1, top)
        t = (box.y + 1) / np.float32(top + 1)
        middle = np.float32(x) + np.float32(lean) * t * t
        half = np.float32(wide) * (1 - t) * (0.6 + t)
        cover = smooth(0.012, -0.012, np.abs(box.x - middle) - half)
        lay(
            picture,
            box,
            cover,
            colour * (0.5 + 0.5 * t) * np.float32(dice.between(0.7, 1.2)),
        )


def _fence(dice, picture, size):
    """Slats of a fence at one side."""
    side, colour = dice.pick((-1, 1)), dice.colour(FLOORS)
    top, wide = dice.between(-0.45, -0.1), dice.between(0.07, 0.11)
    for k in range(2):
        x = side * (0.92 - 0.36 * k) + dice.between(-0.03, 0.03)
        box = window(size, x - wide - 0.05, x + wide + 0.05, -1, top + 0.2)
        if box is not None:
            peak = np.float32(top) + 0.9 * (
                np.float32(wide) - np.abs(box.x - np.float32(x))
            )
            edge = np.minimum(
                np.float32(wide) - np.abs(box.x - np.float32(x)), (peak - box.y) * 0.7
            )
            tone = 0.8 + 0.25 * smooth(-wide, wide, box.x - np.float32(x))
            lay(picture, box, smooth(-0.006, 0.006, edge), colour * tone)
