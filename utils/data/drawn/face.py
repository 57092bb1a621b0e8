"""Eyes, mouth, whiskers and brows: drawn flat on the surface of the head."""

import math
from typing import NamedTuple

import numpy as np

from utils.data.drawn.geometry import length, smooth, unit, window
from utils.data.drawn.shading import lay, linear

WHITE = np.ones((3, 1, 1), np.float32)
DARK = linear("1c1413")
EYEBALL = linear("cfc6bd")
TONGUE = linear("d9707a")
HIGHLIGHTS = (
    ((-0.32, 0.38), 0.27, 0.95),
    ((0.36, -0.38), 0.16, 0.45),
)  # place, size, strength


class Decal(NamedTuple):
    """Flat picture on the head: centre, right and up on the canvas, and its depth."""

    centre: np.ndarray
    right: np.ndarray
    up: np.ndarray
    facing: float  # 1 seen from the front, 0 from the edge


class Look(NamedTuple):
    """Expression of one animal."""

    iris: np.ndarray
    pupil: float  # 0 slit to 1 wide
    lid: float  # 0 open to 1 closed
    mouth: float  # 0 closed to 1 open
    gaze: tuple  # right and up, in radii of the eye


def draw_face(dice, picture, relief, frame, head, breed, look):
    """Draw folds, eyes and mouth, and whiskers on a cat, over a head in the picture."""
    cat = breed.species == "cat"
    radius, slant = (0.215, 0.16) if cat else (0.15, 0.06)
    if "wrinkles" in breed.extras:
        draw_wrinkles(picture, relief, frame, head)
    for side in (-1, 1):
        decal = eye_decal(frame, head, side, radius, slant)
        draw_eye(picture, relief, decal, breed.eye_shape, look, cat)
    draw_mouth(picture, relief, frame, head, cat, look)
    if cat:
        draw_whiskers(picture, relief, frame, head, dice.random.random)


def eye_decal(frame, head, side, radius, slant):
    """Place of one eye on the skull; it looks half forward, half along the surface."""
    (x, y), (a, b, c) = head.eye, head.skull
    z = _height(head.skull, x, y)
    outward = unit((side * x / (a * a), y / (b * b), z / (c * c))) + (0, 0, 0.9)
    normal = unit(outward)
    right = unit(np.array([normal[2], 0, -normal[0]]) + (0, side * slant, 0))
    up = unit(np.cross(normal, right))
    place = frame.at((side * x, y, z + 0.02))
    axes = frame.along(right * radius), frame.along(up * radius)
    return Decal(place, *axes, float(unit(frame.along(normal))[2]))


def _height(skull, x, y):
    """Return z of the surface of a skull with these radii."""
    a, b, c = skull
    return c * math.sqrt(1 - x * x / (a * a) - y * y / (b * b))


def draw_eye(picture, relief, decal, shape, look, cat):
    """Rim, white, iris, pupil, shadow of the lid and highlights."""
    spot = _spot(relief, decal, 1.4)
    if spot is None:
        return
    box, s, t, seen, soft = spot
    opening = _opening(s, t, shape, look.lid)
    inside = seen * smooth(-soft, soft, opening)
    lay(picture, box, seen * smooth(-0.16 - soft, -0.04, opening), DARK)
    lay(picture, box, inside, EYEBALL * np.float32(0.35 if cat else 0.55))
    _iris(picture, spot, inside, look, cat)
    lay(picture, box, inside * 0.55 * smooth(0.35, 0.9, t + 0.12 * s * s), DARK)
    for place, big, strong in HIGHLIGHTS:
        away = _away(s, t, *place)
        lay(picture, box, inside * strong * smooth(big + soft, big - soft, away), WHITE)


def _iris(picture, spot, inside, look, cat):
    """Iris, brighter below, and the pupil: a slit or oval in cats, round in dogs."""
    box, s, t, _, soft = spot
    x, y = s - np.float32(look.gaze[0]), t - np.float32(look.gaze[1])
    away, size = _away(x, y, 0, 0), 0.98 if cat else 0.92
    glow = 0.45 + 0.75 * smooth(0.3, -0.8, y) + 0.25 * smooth(0.5, 0.9, away)
    glow = glow * (1 - 0.6 * smooth(0.7 * size, size, away))
    lay(picture, box, inside * smooth(size + soft, size - soft, away), look.iris * glow)
    round_pupil = 0.5 + 0.08 * look.pupil
    wide, high = (0.16 + 0.5 * look.pupil, 0.82) if cat else (round_pupil, round_pupil)
    pupil = _away(x / np.float32(wide), y / np.float32(high), 0, 0)
    soft = 1.3 * soft
    lay(
        picture, box, inside * smooth(1 + soft, 1 - soft, pupil), DARK * np.float32(0.4)
    )


def _away(s, t, x, y):
    """Distance of decal coordinates from a place."""
    return np.sqrt(np.square(s - np.float32(x)) + np.square(t - np.float32(y)))


def _opening(s, t, shape, lid):
    """Distance inside the lids of an almond-shaped, oval or round eye."""
    high = {"almond": 0.7, "oval": 0.86, "round": 1.0}[shape]
    inside = np.maximum(1 - s * s, 0)
    curve = (
        0.55 * inside + 0.45 * np.sqrt(inside) if shape == "almond" else np.sqrt(inside)
    )
    ball = 1 - np.sqrt(s * s + np.square(t / high))
    upper = (1 - 1.4 * lid) * high * curve - t
    return np.minimum(np.minimum(upper, t + high * curve), 0.9 * ball)


def _spot(relief, decal, reach):
    """Window, decal coordinates, visibility and softness (one pixel) of a decal."""
    if decal.facing < 0.12:
        return None
    size = np.abs(decal.right[:2]) + np.abs(decal.up[:2])
    x, y = decal.centre[:2]
    dx, dy = size * reach
    box = window(relief.size, x - dx, x + dx, y - dy, y + dy)
    if box is None:
        return None
    s, t = _coordinates(decal, box)
    radius = length(decal.up)
    behind = box.of(relief.depth) - np.float32(decal.centre[2])
    seen = smooth(1.0, 0.7, behind * np.float32(1 / radius)) * box.of(relief.alpha)
    return box, s, t, seen, np.float32(0.8 * relief.pixel / radius)


def _coordinates(decal, box):
    """Right and up coordinates of the pixels, in the decal's units."""
    (ux, uy), (vx, vy) = decal.right[:2], decal.up[:2]
    area = ux * vy - uy * vx
    x, y = box.x - np.float32(decal.centre[0]), box.y - np.float32(decal.centre[1])
    s = np.float32(vy / area) * x - np.float32(vx / area) * y
    return s, np.float32(ux / area) * y - np.float32(uy / area) * x


def stroke(picture, relief, points, width, colour, strength=1.0, taper=True):
    """Line through canvas points (x, y, z), hidden where the relief stands higher."""
    count = len(points) - 1
    for i, (start, end) in enumerate(zip(points[:-1], points[1:], strict=True)):
        ends = 1 - np.array([i, i + 1]) / count if taper else np.ones(2)
        _segment(
            picture, relief, start, end, width * (0.35 + 0.65 * ends), colour, strength
        )


def _segment(picture, relief, start, end, widths, colour, strength):
    """Draw a straight piece of a stroke, half as wide as `widths` at its ends."""
    pixel, margin = relief.pixel, widths[0] + 2 * relief.pixel
    low, high = np.minimum(start, end) - margin, np.maximum(start, end) + margin
    box = window(relief.size, low[0], high[0], low[1], high[1])
    if box is None:
        return
    step = end - start
    square = step[0] * step[0] + step[1] * step[1] + 1e-9
    x, y = box.x - np.float32(start[0]), box.y - np.float32(start[1])
    t = x * np.float32(step[0] / square) + y * np.float32(step[1] / square)
    cap = (t >= 0) & (t <= 1)
    t = np.clip(t, 0, 1)
    dx, dy = x - np.float32(step[0]) * t, y - np.float32(step[1]) * t
    half = np.float32(widths[0]) + np.float32(widths[1] - widths[0]) * t
    thin = np.minimum(half * np.float32(1 / pixel), 1)
    cover = np.clip(
        (half - np.sqrt(dx * dx + dy * dy)) * np.float32(1 / pixel) + 0.5, 0, 1
    )
    behind = box.of(relief.depth) - (np.float32(start[2]) + np.float32(step[2]) * t)
    cover = cover * thin * (behind < 0.12) * cap * np.float32(strength)
    lay(picture, box, cover, colour)


def draw_mouth(picture, relief, frame, head, cat, look):
    """Cleft below the nose and the corners of the mouth; a tongue when it is open."""
    x, y, z = head.nose
    wide = 0.3 if cat else 0.75 * head.muzzle
    low = y - (0.2 if cat else 0.85 * head.muzzle)
    back = 0.3 if cat else 0.5
    if look.mouth > 0:
        _tongue(picture, relief, frame, (0, low, z), head.muzzle, look.mouth)
    cleft = [frame.at(p) for p in ((x, y - 0.04, z + 0.05), (x, low, z + 0.02))]
    stroke(picture, relief, cleft, 0.02 * frame.scale, DARK, 0.8, taper=False)
    for side in (-1, 1):
        steps = [
            (0, 0, 0.04),
            (0.35, -0.09, 0.02),
            (0.75, -0.07, -0.4 * back),
            (1.0, 0.06, -back),
        ]
        path = [frame.at((side * wide * a, low + b, z + c)) for a, b, c in steps]
        stroke(picture, relief, path, 0.022 * frame.scale, DARK, 0.8)


def _tongue(picture, relief, frame, place, muzzle, mouth):
    """Tongue that hangs out below the lip."""
    wide, long = 0.42 * muzzle, (0.3 + 0.5 * mouth) * muzzle
    centre = np.array(place) - (0, 0.85 * long, 0.05)
    axes = frame.along((wide, 0, 0)), frame.along((0, long, 0.1 * long))
    spot = _spot(relief, Decal(frame.at(centre), *axes, 1.0), 1.2)
    if spot is None:
        return
    box, s, t, seen, soft = spot
    round_end = 1 - np.sqrt(s * s + np.square(np.minimum(t, 0)))
    cover = smooth(-soft, soft, np.minimum(round_end, 1 - t))
    groove = 0.8 + 0.2 * smooth(0.0, 0.2, np.abs(s)) - 0.35 * smooth(0.3, 1.0, t)
    lay(picture, box, cover * seen, TONGUE * groove)


def draw_whiskers(picture, relief, frame, head, random):
    """Long hairs from the pads beside a cat's nose; they reach beyond the face."""
    x, y, z = head.nose
    for side in (-1, 1):
        for row in range(4):
            rise = 0.26 - 0.19 * row + 0.08 * (random() - 0.5)
            long = 0.95 + 0.35 * random()
            root = np.array((side * 0.26, y - 0.1 - 0.055 * row, z - 0.02))
            steps = (0.0, 0.35, 0.7, 1.0)
            path = [
                frame.at(
                    root
                    + (side * long * t, rise * t - 0.25 * t * t, 0.12 - 0.5 * t * t)
                )
                for t in steps
            ]
            stroke(picture, relief, path, 0.011 * frame.scale, WHITE, 0.85)


def draw_wrinkles(picture, relief, frame, head):
    """Folds across the forehead."""
    for height, wide in ((0.42, 0.34), (0.56, 0.28), (0.3, 0.16)):
        path = []
        for t in (-1.0, -0.5, 0.0, 0.5, 1.0):
            x, y = wide * t, height + 0.07 * (1 - t * t)
            path.append(frame.at((x, y, _height(head.skull, x, y) + 0.1)))
        stroke(picture, relief, path, 0.018 * frame.scale, DARK, 0.35, taper=False)
