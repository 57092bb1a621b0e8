"""Colour and pattern of the coat, laid over the relief in coordinates of the animal.

A pattern is a list of layers, each a weight in [0, 1] for every pixel and the colour
that it is painted with, so that stripes and saddles follow the body into every pose.
"""

from typing import NamedTuple

import numpy as np

from utils.data.drawn.geometry import smooth

PINK = np.array([0.62, 0.27, 0.25], np.float32)[:, None, None]


class Coat(NamedTuple):
    """Pattern and the three linear colours (3, 1, 1) of one animal, and its chances."""

    pattern: str
    main: np.ndarray
    second: np.ndarray
    third: np.ndarray
    nose: np.ndarray
    extras: frozenset
    luck: np.ndarray  # random numbers in [0, 1) that make this animal unlike others


class Surface(NamedTuple):
    """Pixels of a body or head: place in its frame, marks, hair and slow noise."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    marks: np.ndarray
    hair: np.ndarray
    noise: np.ndarray  # (2, ...) smooth, -1 to 1


def paint_body(surface, coat):
    """Colour (3, H, W) of the body; y of the surface is its back, z its spine."""
    layers = BODY[coat.pattern](surface, coat)
    if "white chest" in coat.extras:
        layers.append((_chest(surface), coat.third))
    if "white paws" in coat.extras:
        layers.append((smooth(0.5, 0.7, surface.marks[0]), coat.third))
    return _painted(coat.main, layers, surface)


def paint_head(surface, coat):
    """Colour (3, H, W) of the head."""
    layers = HEAD[coat.pattern](surface, coat)
    if "blaze" in coat.extras:
        layers.append((_blaze(surface, coat), coat.third))
    skin = PINK * 0.6 + 0.4 * coat.second
    bare = "hairless" in coat.extras
    layers.append((surface.marks[1] * (0.5 if bare else 0.75), skin))
    layers.append((surface.marks[2], coat.nose))
    return _painted(coat.main, layers, surface)


def _painted(main, layers, surface):
    """Lay the layers over the main colour."""
    colour = np.broadcast_to(main, (3, *surface.x.shape)).copy()
    for weight, paint in layers:
        colour += weight * (paint - colour)
    return colour


# Places on the body.


def _under(s):
    """Belly, throat and the inside of the legs."""
    return smooth(0.15, 0.6, -s.y + 0.12 * s.noise[0])


def _chest(s):
    """Front of the chest and the throat."""
    bib = smooth(
        0.1, 0.5, 0.55 * s.z - 0.8 * s.y - 0.75 * np.abs(s.x) - 0.35 + 0.2 * s.noise[0]
    )
    return bib * (1 - s.marks[1])


def _legs(s, low, high):
    """Lower legs, from `low` of the way down."""
    return smooth(low, high, s.marks[0] + 0.06 * s.noise[1])


def _tail_tip(s, low):
    """End of the tail."""
    return smooth(low, low + 0.15, s.marks[1])


def _tail(s):
    """Whole tail."""
    return smooth(0.02, 0.2, s.marks[1])


# Places on the head; eyes are at y = 0.1, the nose at y = -0.25, z = 1.


def _muzzle(s):
    """Lips, chin and bridge of the nose."""
    low = smooth(0.1, -0.2, s.y - 0.3 * np.maximum(s.z - 0.9, 0)) * smooth(
        0.45, 0.75, s.z
    )
    return np.maximum(low, smooth(0.85, 1.05, s.z + 0.05 * s.noise[0]))


def _mask(s, reach):
    """Face around the nose, fading outwards."""
    square = s.x * s.x + np.square(s.y + 0.15) + 0.3 * np.square(s.z - 0.9)
    return smooth(reach, 0.35 * reach, np.sqrt(square) + 0.08 * s.noise[0])


def _ears(s):
    """Ears, outside and in."""
    return s.marks[0]


def _blaze(s, coat):
    """White stripe up the forehead, wider at the muzzle."""
    wide = 0.09 + 0.12 * coat.luck[0] + 0.4 * _muzzle(s) + 0.05 * s.noise[1]
    return (
        smooth(0.05, -0.03, np.abs(s.x) - wide)
        * smooth(-0.1, 0.2, s.z)
        * (1 - _ears(s))
    )


def _eyebrows(s):
    """Spot above each eye."""
    square = np.square(np.abs(s.x) - 0.34) + np.square(s.y - 0.44)
    return smooth(0.022, 0.008, square) * smooth(0.2, 0.4, s.z)


def _cheeks(s):
    """Sides of the face below the eyes."""
    low = smooth(0.0, -0.3, s.y + 0.1 * s.noise[0])
    return low * smooth(0.15, 0.4, np.abs(s.x))


# Repeating figures.


def _wave(values):
    """Triangle wave between 0 and 1 with period 1."""
    return np.abs(2 * (values - np.floor(values)) - 1)


def _stripes(s, coat):
    """Tiger stripes: bands across the spine, rings on legs and tail."""
    step = 1.5 + 0.8 * coat.luck[1]
    along = s.z * step + 0.5 * np.abs(s.x) + 0.35 * s.noise[0]
    bands = smooth(0.5, 0.72, _wave(along) + 0.14 * s.noise[1])
    ring = np.maximum(_wave(s.marks[0] * 3.1), _wave(s.marks[1] * 4.2))
    limb = smooth(0.02, 0.15, np.maximum(s.marks[0], s.marks[1]))
    back = smooth(0.12, 0.04, np.abs(s.x)) * smooth(0.3, 0.5, s.y)
    return np.maximum(bands + limb * (smooth(0.5, 0.75, ring) - bands), back)


def _forehead(s):
    """Lines of a tabby's face: the M on the forehead and strokes on the cheeks."""
    lines = smooth(0.45, 0.75, _wave(np.abs(s.x) * 3.4 + 0.15 + 0.1 * s.noise[0]))
    brow = lines * smooth(0.28, 0.45, s.y) * smooth(-0.3, 0.1, s.z)
    stroke = smooth(0.5, 0.75, _wave(s.y * 2.6 - 0.5 * np.abs(s.x) + 0.2))
    cheek = stroke * smooth(0.5, 0.65, np.abs(s.x)) * smooth(0.2, 0.05, s.y)
    return np.maximum(brow, 0.8 * cheek) * (1 - _ears(s))


def _spots(s, coat, ring):
    """Spots, one in each cell of a jittered grid wound round the trunk; or rings."""
    turn = s.y / (np.abs(s.x) + np.abs(s.y) + np.float32(1e-3))
    turn = np.where(s.x < 0, turn - 2, 2 - turn)
    across = 2.3 * turn + 0.12 * s.noise[0]
    along = (2.9 + coat.luck[1]) * s.z + 0.12 * s.noise[1]
    along = along + 7 * s.marks[0] + 9 * s.marks[1]
    away = _nearest(along, across, coat.luck)
    spot = smooth(0.34, 0.22, away)
    return spot - ring * smooth(0.2, 0.1, away)


def _nearest(a, b, luck):
    """Distance to the nearest of the points strewn one in each unit cell."""
    corner_a, corner_b = np.floor(a - 0.5), np.floor(b - 0.5)
    best = np.float32(9)
    for i in (0, 1):
        for j in (0, 1):
            cell_a, cell_b = corner_a + i, corner_b + j
            pick = (3 * cell_a + 5 * cell_b).astype(np.int32) % len(luck)
            shift = luck[pick] * 0.5
            da = a - cell_a - 0.25 - shift
            db = b - cell_b - 0.5 - (0.25 - shift) * 0.6
            best = np.minimum(best, da * da + db * db)
    return np.sqrt(best)


def _blobs(s, coat, count, reach):
    """Lay out big patches where this animal has them."""
    best = np.float32(0)
    for k in range(count):
        place = coat.luck[3 * k : 3 * k + 3] * 2 - 1
        x, y, z = (
            s.x - place[0],
            s.y - 0.7 * place[1] - 0.2,
            s.z - 2.6 * (place[2] * 0.5 + 0.4),
        )
        away = np.sqrt(x * x + y * y + z * z) + 0.12 * s.noise[0]
        best = np.maximum(best, smooth(reach, reach - 0.12, away))
    return best


# Patterns.


def _solid(s, coat):
    return []


def _ticked_body(s, coat):
    band = np.clip(0.35 + 0.4 * s.hair, 0, 1) * 0.75
    tip = _tail_tip(s, 0.8)
    return [(band, coat.second), (0.8 * _under(s), coat.third), (tip, coat.second)]


def _ticked_head(s, coat):
    band = np.clip(0.25 + 0.35 * s.hair, 0, 1) * 0.7
    chin = smooth(-0.35, -0.5, s.y)
    return [(band, coat.second), (0.5 * _forehead(s), coat.second), (chin, coat.third)]


def _tabby_body(s, coat):
    stripes, tip = 0.9 * _stripes(s, coat), _tail_tip(s, 0.85)
    return [(0.7 * _under(s), coat.third), (stripes, coat.second), (tip, coat.second)]


def _tabby_head(s, coat):
    chin = _muzzle(s) * smooth(-0.05, -0.3, s.y)
    return [(0.85 * chin, coat.third), (0.9 * _forehead(s), coat.second)]


def _spotted_body(s, coat):
    spots, tip = 0.95 * _spots(s, coat, 0.0), _tail_tip(s, 0.85)
    return [(0.75 * _under(s), coat.third), (spots, coat.second), (tip, coat.second)]


def _rosette_body(s, coat):
    rings, tip = 0.95 * _spots(s, coat, 0.75), _tail_tip(s, 0.8)
    return [(0.8 * _under(s), coat.third), (rings, coat.second), (tip, coat.second)]


def _points_body(s, coat):
    dark = np.maximum(_legs(s, 0.05, 0.75), _tail(s))
    return [(0.3 * smooth(-0.2, 0.8, s.y), coat.second), (dark, coat.second)]


def _points_head(s, coat):
    return [(_mask(s, 0.95), coat.second), (_ears(s), coat.second)]


def _masked_body(s, coat):
    return [(0.3 * _under(s), coat.third)]


def _masked_head(s, coat):
    dark = np.maximum(_muzzle(s), 0.8 * _mask(s, 0.62))
    return [(dark, coat.second), (0.8 * _ears(s), coat.second)]


def _tan_body(s, coat):
    return [(_legs(s, 0.3, 0.5), coat.second), (0.8 * _chest(s), coat.second)]


def _tan_head(s, coat):
    side = _muzzle(s) * smooth(0.08, 0.16, np.abs(s.x))
    tan = np.maximum(
        np.maximum(side, _eyebrows(s)), 0.9 * _cheeks(s) * smooth(0.1, 0.5, s.z)
    )
    return [(tan * (1 - _ears(s)), coat.second)]


def _saddle_body(s, coat):
    back = smooth(-0.15, 0.1, s.y + 0.2 * s.noise[0]) * smooth(1.95, 1.6, s.z)
    white = np.maximum(_legs(s, 0.2, 0.4), _under(s))
    tail = _tail(s) * (1 - _tail_tip(s, 0.75))
    return [
        (back * (1 - smooth(0.02, 0.1, s.marks[0])), coat.second),
        (np.maximum(white, _chest(s)) * (1 - _tail(s)), coat.third),
        (tail, coat.second),
        (_tail_tip(s, 0.75), coat.third),
    ]


def _steel_body(s, coat):
    back = smooth(-0.35, -0.05, s.y + 0.1 * s.noise[0]) * smooth(2.0, 1.5, s.z)
    return [(np.maximum(back, _tail(s)) * (1 - _legs(s, 0.05, 0.3)), coat.second)]


def _steel_head(s, coat):
    return [(0.25 * _muzzle(s), coat.third)]


def _saddle_head(s, coat):
    return [(_muzzle(s), coat.third)]


def _patched_body(s, coat):
    root = _tail(s) * (1 - _tail_tip(s, 0.7))
    patch = np.maximum(_blobs(s, coat, 4, 0.85), root) * (1 - _legs(s, 0.2, 0.3))
    return [(patch, coat.second)]


def _patched_head(s, coat):
    half = 0.14 + 0.12 * coat.luck[2] + 0.06 * s.noise[1]
    side = smooth(half, half + 0.07, np.abs(s.x)) * (1 - _muzzle(s))
    side = side * smooth(-0.55, -0.3, s.y)
    return [(np.maximum(side, _ears(s)), coat.second), (0.35 * _ears(s), coat.third)]


def _lopsided_head(s, coat):
    """Patch over one eye only, on the side that luck picks."""
    sign = np.float32(1 if coat.luck[2] < 0.5 else -1)
    square = np.square(s.x * sign - 0.42) + np.square(s.y - 0.25)
    patch = smooth(0.34, 0.26, square + 0.1 * s.noise[0]) * (1 - _muzzle(s))
    return [(np.maximum(patch, _ears(s) * (s.x * sign > 0)), coat.second)]


def _flecked_body(s, coat):
    fleck = smooth(0.3, 0.75, s.hair * 0.5 + 0.45 * s.noise[1])
    return [(0.8 * fleck, coat.second), (_blobs(s, coat, 2, 0.6), coat.second)]


def _flecked_head(s, coat):
    fleck = 0.7 * smooth(0.35, 0.8, s.hair * 0.5 + 0.3 * s.noise[1]) * _muzzle(s)
    return [(np.maximum(_patched_head(s, coat)[0][0], fleck), coat.second)]


def _roan_head(s, coat):
    return [(np.maximum(smooth(0.1, 0.04, s.x * s.x * (s.y > 0.3)), 1.0), coat.second)]


def _sable_body(s, coat):
    tips = np.clip(0.4 + 0.5 * s.hair, 0, 1) * smooth(-0.5, 0.3, s.y)
    pale = np.maximum(_under(s), _legs(s, 0.1, 0.4))
    return [(tips, coat.second), (pale, coat.third), (_tail_tip(s, 0.85), coat.second)]


def _sable_head(s, coat):
    square = np.square(np.abs(s.x) - 0.4) + np.square(s.y - 0.12)
    ring = smooth(0.12, 0.06, square) * smooth(0.2, 0.4, s.z)
    tips = np.clip(0.25 + 0.35 * s.hair, 0, 1) * smooth(0.0, 0.5, s.y)
    return [
        (tips, coat.second),
        (np.maximum(0.8 * ring, _cheeks(s)), coat.third),
        (np.maximum(0.9 * _muzzle(s), _ears(s)), coat.second),
    ]


def _urajiro_body(s, coat):
    pale = np.maximum(_under(s), np.maximum(_chest(s), 0.7 * _legs(s, 0.5, 0.9)))
    return [(pale, coat.third), (0.6 * _tail_tip(s, 0.6), coat.third)]


def _urajiro_head(s, coat):
    side = _muzzle(s) * smooth(0.05, 0.16, np.abs(s.x) + 0.1 * (s.y < -0.4))
    pale = np.maximum(np.maximum(side, _cheeks(s)), 0.8 * _eyebrows(s))
    return [(pale * (1 - _ears(s)), coat.third)]


def _brindle_body(s, coat):
    lines = smooth(0.45, 0.8, _wave(s.z * 4.5 + 0.9 * s.noise[0] + 0.8 * np.abs(s.y)))
    return [(0.75 * lines, coat.second)]


def _brindle_head(s, coat):
    return [(0.5 * smooth(0.5, 0.9, _wave(s.y * 4 + s.noise[0])), coat.second)]


BODY = {
    "solid": _solid, "ticked": _ticked_body, "tabby": _tabby_body,
    "spotted": _spotted_body, "rosettes": _rosette_body, "points": _points_body,
    "masked": _masked_body, "tan points": _tan_body, "saddle": _saddle_body,
    "steel": _steel_body, "patched": _patched_body, "piebald": _patched_body,
    "flecked": _flecked_body, "roan": _flecked_body, "sable": _sable_body,
    "urajiro": _urajiro_body, "brindle": _brindle_body,
}  # fmt: skip
HEAD = {
    "solid": _solid, "ticked": _ticked_head, "tabby": _tabby_head,
    "spotted": _tabby_head, "rosettes": _tabby_head, "points": _points_head,
    "masked": _masked_head, "tan points": _tan_head, "saddle": _saddle_head,
    "steel": _steel_head, "patched": _patched_head, "piebald": _lopsided_head,
    "flecked": _flecked_head, "roan": _roan_head, "sable": _sable_head,
    "urajiro": _urajiro_head, "brindle": _brindle_head,
}  # fmt: skip
