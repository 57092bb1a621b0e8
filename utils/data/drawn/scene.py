"""What is around the pet: light, backdrop, floor, shadow; and the camera."""

import numpy as np

from utils.data.drawn.dice import FLOORS, GREENS, THINGS
from utils.data.drawn.geometry import enlarged, smooth, unit, whole, window
from utils.data.drawn.shading import Light, lay, mixed, slow_noise

INDOOR_WALLS = (
    "d8cbb8",
    "b9c4c9",
    "8a9a8c",
    "c9a58f",
    "6d7a8c",
    "e4ddd0",
    "a3544a",
    "4f5a55",
)
SKIES = ("9fc0dc", "c9d6dd", "e6cfae", "7f9cc0", "d9b8a8", "b4bcc0")
GROUNDS = ("c2ab84", "e6e8ea", "8d7a64", "a8a49a", "6d5a46")


def lighting(dice, outdoors):
    """Light from above, left or right; warm, cold or neutral."""
    side = dice.between(-0.9, 0.9)
    direction = unit((side, dice.between(0.45, 1.0), dice.between(0.45, 1.0)))
    warm = dice.between(-0.22, 0.22)
    key = np.array([1 + warm, 1, 1 - 1.2 * warm]) * dice.between(0.8, 1.15)
    shade = dice.between(-0.12, 0.04) if outdoors else dice.between(-0.06, 0.1)
    fill = np.array([1 + shade, 1, 1 - 1.2 * shade]) * dice.between(0.3, 0.5)
    planes = [value.astype(np.float32)[:, None, None] for value in (key, fill)]
    return Light(direction, *planes)


def backdrop(dice, size, horizon, outdoors):
    """Room or landscape (3, size, size), its floor below the canvas height `horizon`.

    It is out of focus, so that half the resolution is enough.
    """
    size, full = -(-size // 2), size
    box = whole(size)
    noise = slow_noise(dice, size, 7), slow_noise(dice, size, 24)
    paint_wall = dice.pick(_OUTDOORS if outdoors else _INDOORS)
    paint_floor = dice.pick(_FIELDS if outdoors else _FLOORS)
    wall, floor = paint_wall(dice, box, noise), paint_floor(dice, box, noise, horizon)
    soft = dice.between(0.01, 0.06)
    edge = box.y + (np.float32(0.05) * noise[0] if outdoors else 0)
    below = smooth(horizon + soft, horizon - soft, edge)
    picture = wall + below * (floor - wall)
    if not outdoors and dice.chance(0.6):
        band = smooth(0.012, 0.0, np.abs(box.y - np.float32(horizon + 0.07)) - 0.05)
        picture += 0.6 * band * (dice.colour(INDOOR_WALLS) - picture)
    glow = dice.between(-0.3, 0.3) * box.x + dice.between(-0.05, 0.3) * box.y
    return enlarged(picture * (1 + glow.astype(np.float32)), full)


def _plain(dice, box, noise):
    return dice.colour(INDOOR_WALLS) * (1 + 0.06 * noise[0])


def _striped(dice, box, noise):
    wave = box.x * np.float32(dice.between(2.0, 6.0)) + np.float32(dice.random.random())
    band = smooth(0.42, 0.5, np.abs(2 * (wave - np.floor(wave)) - 1))
    return mixed(
        dice.colour(INDOOR_WALLS), dice.colour(INDOOR_WALLS), 0.5 * band + 0 * box.y
    )


def _shelf(dice, box, noise):
    """Blurred books and boxes on a shelf, far away."""
    count = 5 + int(6 * dice.random.random())
    shades = np.array([dice.between(0, 1) for _ in range(count + 1)], np.float32)
    place = np.clip((box.x + 1) * np.float32(count / 2), 0, count)
    index = place.astype(np.int32)
    edge = smooth(0.5, 0.0, np.abs(place - index - np.float32(0.5)))
    tone = shades[index] * (0.6 + 0.4 * edge)
    colour = mixed(dice.colour(THINGS), dice.colour(INDOOR_WALLS), tone + 0 * box.y)
    return colour * (1 + 0.08 * noise[0])


def _window(dice, box, noise):
    """Wall with a bright window out of focus."""
    x, y = dice.between(-0.8, 0.8), dice.between(0.2, 0.7)
    across = np.abs(box.x - np.float32(x)) - np.float32(dice.between(0.25, 0.5))
    up = np.abs(box.y - np.float32(y)) - np.float32(dice.between(0.3, 0.6))
    pane = smooth(0.06, -0.04, np.maximum(across, up))
    bar = smooth(0.05, 0.02, np.abs(box.x - np.float32(x))) * pane
    wall = mixed(_plain(dice, box, noise), dice.colour(SKIES) * np.float32(1.3), pane)
    return mixed(wall, dice.colour(INDOOR_WALLS), 0.7 * bar)


def _lights(dice, box, noise, base=THINGS):
    """Discs of light out of focus."""
    colour = dice.colour(base) * (0.7 + 0.25 * noise[0])
    for _ in range(9):
        radius = dice.between(0.08, 0.3)
        x, y = dice.between(-1, 1), dice.between(-0.6, 1)
        disc = window(box.x.shape[1], x - radius, x + radius, y - radius, y + radius)
        if disc is not None:
            away = np.square(disc.x - np.float32(x)) + np.square(disc.y - np.float32(y))
            cover = smooth(1.0, 0.75, away * np.float32(1 / (radius * radius)))
            lay(
                colour,
                disc,
                np.float32(dice.between(0.15, 0.5)) * cover,
                dice.colour(base),
            )
    return colour


def _sky(dice, box, noise):
    """Sky with clouds over a line of hills."""
    cloud = smooth(0.0, 0.9, noise[0] + 0.3 * noise[1])
    sky = mixed(dice.colour(SKIES), dice.colour(SKIES), 0.5 + 0.5 * box.y + 0 * box.x)
    sky = mixed(sky, np.float32(0.85), 0.6 * cloud)
    top = np.float32(dice.between(0.0, 0.4)) + 0.25 * noise[0][box.rows.stop // 2][None]
    return mixed(
        sky,
        dice.colour(GREENS) * (0.8 + 0.1 * noise[1]),
        smooth(0.03, -0.03, box.y - top),
    )


def _hedge(dice, box, noise):
    """Leaves in light and shade."""
    fine = slow_noise(dice, box.x.shape[1], 40)
    tone = np.clip(0.45 + 0.3 * fine + 0.35 * noise[1] + 0.4 * noise[0], 0, 1)
    return mixed(dice.colour(GREENS) * np.float32(0.5), dice.colour(GREENS), tone)


def _garden(dice, box, noise):
    return _lights(dice, box, noise, GREENS)


def _boards(dice, box, noise, horizon):
    """Wooden floor that recedes to the wall."""
    depth = 1.0 / np.maximum(np.float32(horizon + 0.35) - box.y, np.float32(0.3))
    place = (box.x * depth) * np.float32(dice.between(2.0, 4.5))
    gap = smooth(0.1, 0.02, np.abs(place - np.floor(place) - np.float32(0.5)) * 0.8)
    board = np.floor(place + 0.5) * np.float32(0.37)
    tone = 0.85 + 0.25 * (board - np.floor(board)) + 0.06 * noise[1] - 0.35 * gap
    return dice.colour(FLOORS) * tone


def _carpet(dice, box, noise, horizon):
    return dice.colour(FLOORS) * (1 + 0.12 * noise[1] + 0.08 * noise[0])


def _checked(dice, box, noise, horizon):
    """Tiles or a chequered blanket."""
    depth = 1.0 / np.maximum(np.float32(horizon + 0.45) - box.y, np.float32(0.35))
    step = np.float32(dice.between(1.2, 2.4))
    parity = np.floor(box.x * depth * step) + np.floor(2 * depth * step)
    odd = parity - 2 * np.floor(parity / 2)
    return mixed(dice.colour(FLOORS), dice.colour(FLOORS), 0.7 * odd)


def _grass(dice, box, noise, horizon):
    """Meadow: short upright streaks, larger towards the viewer."""
    blades = enlarged(
        dice.random.random((18, 90), dtype=np.float32) * 2 - 1, box.x.shape[1]
    )
    near = smooth(horizon, -1.0, box.y)
    tone = 0.75 + 0.2 * noise[0] + (0.1 + 0.2 * near) * blades
    return mixed(dice.colour(GREENS), dice.colour(GREENS), 0.4 + 0.4 * noise[0]) * tone


def _bare_ground(dice, box, noise, horizon):
    return dice.colour(GROUNDS) * (0.95 + 0.1 * noise[1] + 0.1 * noise[0])


_INDOORS = (_plain, _plain, _striped, _shelf, _window, _lights)
_OUTDOORS = (_sky, _hedge, _garden, _garden)
_FLOORS = (_boards, _boards, _carpet, _checked)
_FIELDS = (_grass, _grass, _bare_ground)


def cast_shadow(picture, size, centre, radii, strength):
    """Soft shadow on the ground, in place."""
    x, y = centre
    wide, high = radii
    box = window(size, x - wide, x + wide, y - high, y + high)
    if box is not None:
        across, up = (
            (box.x - np.float32(x)) / np.float32(wide),
            (box.y - np.float32(y)) / np.float32(high),
        )
        dark = np.square(np.maximum(1 - across * across - up * up, 0))
        view = box.of(picture)
        view *= 1 - np.float32(strength) * dark


def developed(dice, picture):
    """Return the uint8 picture (size, size, 3) that a camera makes of this light."""
    warm, green = dice.between(-0.2, 0.2), dice.between(-0.07, 0.07)
    gain = np.array([1 + warm, 1 + green, 1 - warm]) * dice.between(0.75, 1.3)
    picture *= gain.astype(np.float32)[:, None, None]
    np.sqrt(np.clip(picture, 0, 1.6, out=picture), out=picture)
    strength, contrast = dice.between(0.55, 1.2), dice.between(0.8, 1.12) * 255
    bright = dice.between(-0.04, 0.05) * 255 + 0.45 * (255 - contrast) + 0.5
    grey = (picture[0] + 2 * picture[1] + picture[2]) * np.float32(0.25)
    picture *= np.float32(strength * contrast)
    picture += grey * np.float32((1 - strength) * contrast) + np.float32(bright)
    np.clip(picture, 0, 255, out=picture)
    return np.ascontiguousarray(picture.astype(np.uint8).transpose(1, 2, 0))
