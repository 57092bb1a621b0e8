"""The body of a pet in three poses: torso, legs and tail as solids on a skeleton.

The unit is the radius of an ordinary skull; x is the animal's side, y is up from
the ground and z is forward. Marks of the body: paw (0 at the elbow, 1 at the toes),
tail (0 at the root, 1 at the tip), unused.
"""

from typing import NamedTuple

import numpy as np

from utils.data.drawn.geometry import Frame, length, unit
from utils.data.drawn.relief import cone, ellipsoid, spindle

GIRTH = {"slender": 0.8, "medium": 0.92, "muscular": 1.0, "cobby": 1.06, "heavy": 1.14}
LEGS = {"short": 0.45, "medium": 1.0, "long": 1.3}
HAIR = {
    "hairless": 0.0, "sleek": 0.0, "short": 0.02, "dense": 0.07, "medium": 0.16,
    "silky": 0.2, "wiry": 0.2, "woolly": 0.26, "long": 0.3, "profuse": 0.42,
}  # fmt: skip
PAW, LEG = (1.0, 0.0, 0.0), (0.35, 0.0, 0.0)


class Traits(NamedTuple):
    """Numbers that the words of a breed stand for."""

    cat: bool
    girth: float
    leg: float
    hair: float
    tail: str
    wag: float  # -1 to 1, where the tail is
    ruff: bool
    muzzle: float = 1.0  # of this animal's muzzle and ears to those of its breed
    ear: float = 1.0


class Body(NamedTuple):
    """Solids of a body, its spine and where the head sits."""

    parts: list
    spine: Frame
    neck: np.ndarray
    length: float


def sitting(ground, traits):
    """Body of an animal that sits upright."""
    g, leg = traits.girth, 0.55 + 0.45 * traits.leg
    hip, shoulder = (0, 0.75 * g, -0.75), (0, 0.75 + 1.3 * leg, 0.25)
    parts = _torso(ground, traits, hip, shoulder)
    parts += [
        ellipsoid(
            ground, (0, 0.72 * g, -0.6), (1.02 * g, 0.78 * g, 0.95), fur=traits.hair
        )
    ]
    for side in (-1, 1):
        parts += _haunch(ground, traits, side, (0.72 * g, 0.62, -0.25), 0.85)
        elbow = (side * 0.42 * g, shoulder[1] - 0.55, 0.55)
        parts += _foreleg(ground, traits, elbow, (side * 0.36 * g, 0.16, 0.78))
    parts += _tail(ground, traits, (0, 0.35, -1.45), resting=True)
    return _finish(ground, parts, hip, shoulder, (0, 0.62, 0.22), traits)


def standing(ground, traits):
    """Body of an animal that stands on four legs."""
    g, height = traits.girth, 0.35 + 1.35 * traits.leg + 0.4 * traits.girth
    hip, shoulder = (0, height, -1.35), (0, height + 0.05, 1.15)
    parts = _torso(ground, traits, hip, shoulder)
    for side in (-1, 1):
        x = side * 0.5 * g
        parts += _hindleg(ground, traits, (x, height - 0.1, -1.35))
        parts += _foreleg(ground, traits, (x, height - 0.3, 1.2), (x * 0.9, 0.16, 1.3))
    parts += _tail(ground, traits, (0, height + 0.3 * g, -1.95), resting=False)
    return _finish(ground, parts, hip, shoulder, (0, 0.78, 0.75), traits)


def lying(ground, traits):
    """Body of an animal that lies on its belly, front legs stretched out."""
    g = traits.girth
    hip, shoulder = (0, 0.75 * g, -1.35), (0, 0.95 * g, 0.85)
    parts = _torso(ground, traits, hip, shoulder)
    for side in (-1, 1):
        parts += _haunch(ground, traits, side, (0.74 * g, 0.52, -1.0), 0.8)
        parts += _stretched(ground, traits, side * 0.52 * g)
    parts += _tail(ground, traits, (0, 0.4, -2.0), resting=True)
    return _finish(ground, parts, hip, shoulder, (0, 0.72, 0.45), traits)


POSES = {"sitting": sitting, "standing": standing, "lying": lying}


def _torso(ground, traits, hip, shoulder):
    """Loin, ribs and chest; dogs are deep in the chest and tucked up behind it."""
    g, fur = traits.girth, traits.hair
    hip, shoulder = np.array(hip), np.array(shoulder)
    axis = unit(shoulder - hip)
    belly = np.array([0, -axis[2], axis[1]])
    deep = 0.04 if traits.cat else 0.16
    loin = (0.68 if traits.cat else 0.62) * g
    chest = shoulder - 0.2 * axis + deep * belly
    long = hip - 0.6 * axis, shoulder + 0.35 * axis
    return [
        spindle(ground, *long, (loin, loin), fur=fur, blend=0.3),
        spindle(ground, chest - 0.95 * g * axis, chest + 0.75 * g * axis,
                (0.7 * g, (0.74 + deep) * g), fur=fur, blend=0.3),
        ellipsoid(ground, hip, (0.66 * g, 0.68 * g, 0.7 * g), fur=fur, blend=0.3),
    ]  # fmt: skip


def _haunch(ground, traits, side, place, size):
    """Folded hind leg beside the hips, its foot on the ground in front."""
    x, y, z = place
    foot = (side * (x + 0.08), 0.16, z + 0.7 * size)
    thigh = (0.4 * size + 0.05, 0.62 * size, 0.85 * size)
    return [
        ellipsoid(ground, (side * x, y, z), thigh, fur=traits.hair, blend=0.25),
        ellipsoid(ground, foot, (0.21, 0.17, 0.45), marks=PAW, blend=0.12),
    ]


def _foreleg(ground, traits, elbow, paw):
    """Straight front leg with its paw."""
    thick = (0.2 if traits.cat else 0.22) * (0.55 + 0.45 * traits.girth)
    top, fur = 1.5 * thick, 0.4 * traits.hair
    x, y, z = paw
    marks = ((0.0, 0, 0), (0.9, 0, 0))
    return [
        cone(ground, elbow, (x, y + 0.1, z), (top, thick), marks, fur, blend=0.2),
        ellipsoid(ground, (x, y, z + 0.13), (1.2 * thick, 0.17, 0.3), marks=PAW),
    ]


def _hindleg(ground, traits, hip):
    """Standing hind leg: thigh, hock and paw."""
    x, y, z = hip
    thick = 0.19 * (0.6 + 0.4 * traits.girth)
    knee, hock = (x, 0.62 * y, z + 0.15), (x, 0.32 * y + 0.1, z - 0.25)
    upper, lower = ((0, 0, 0), LEG), (LEG, (0.9, 0, 0))
    return [
        spindle(ground, (x, y + 0.35, z - 0.1), (x, 0.45 * y, z + 0.12), (0.36, 0.5),
                fur=traits.hair, blend=0.3),
        cone(ground, knee, hock, (1.6 * thick, thick), upper, 0.4 * traits.hair, 0.15),
        cone(ground, hock, (x, 0.22, z - 0.15), (thick, 0.9 * thick), lower, 0, 0.1),
        ellipsoid(ground, (x, 0.16, z), (1.15 * thick, 0.16, 0.29), marks=PAW),
    ]  # fmt: skip


def _stretched(ground, traits, x):
    """Front leg that lies on the ground."""
    thick = 0.24 * (0.6 + 0.4 * traits.girth)
    reach = 1.3 + 0.55 * min(traits.leg, 1.1)
    return [
        spindle(ground, (x, 0.45, 0.5), (x, 0.22, reach), (1.1 * thick, 1.1 * thick),
                marks=LEG, fur=0.4 * traits.hair, blend=0.2),
        spindle(ground, (x, 0.2, 0.9), (x * 0.95, 0.19, reach + 0.45), (thick, 0.2),
                marks=PAW, fur=0.2 * traits.hair, blend=0.15),
    ]  # fmt: skip


# Tails as (sideways, up, back) steps from the root, with the radius at both ends.
TAILS = {
    "slim": (
        [(0.3, 0.1, -0.5), (0.6, 0.5, -0.3), (0.3, 0.8, -0.1), (0, 0.6, 0.1)],
        0.14,
        0.09,
    ),
    "whip": ([(0.1, 0.25, -0.5), (0.3, 0.5, -0.4), (0.3, 0.6, -0.1)], 0.16, 0.05),
    "plume": ([(0.3, 0.2, -0.5), (0.6, 0.6, -0.3), (0.4, 0.8, 0.0)], 0.24, 0.2),
    "bushy": ([(0.5, 0.0, -0.5), (0.8, 0.3, -0.1), (0.6, 0.6, 0.2)], 0.26, 0.2),
    "sabre": ([(0.1, 0.1, -0.5), (0.3, 0.5, -0.4), (0.3, 0.7, 0.0)], 0.19, 0.09),
    "thick": ([(0.2, -0.2, -0.6), (0.5, 0.0, -0.5), (0.5, 0.3, -0.2)], 0.26, 0.16),
    "curled": (
        [(0.1, 0.5, -0.2), (0.2, 0.35, 0.2), (0.2, 0.0, 0.4), (0.1, -0.3, 0.2)],
        0.2,
        0.14,
    ),
    "docked": ([(0.0, 0.25, -0.2)], 0.15, 0.11),
}


def _tail(ground, traits, root, resting):
    """Chain of cones; a resting tail bends round the animal's side."""
    steps, thick, thin = TAILS[traits.tail]
    bushy = 0.55 * traits.hair if traits.tail in ("plume", "bushy", "curled") else 0
    points = [np.array(root, float)]
    low = 0.35 if resting and traits.tail not in ("curled", "docked") else 1.0
    wide = traits.wag * (2.0 if resting else 1.0)
    for side, up, back in steps:
        points.append(points[-1] + (side * wide, up * low, back * (0.5 + 0.5 * low)))
    count = len(points) - 1
    radii = [thick + (thin - thick) * i / count + 0.5 * bushy for i in range(count + 1)]
    return [
        cone(ground, points[i], points[i + 1], radii[i : i + 2],
             ((0, i / count, 0), (0, (i + 1) / count, 0)), bushy, 0.3)
        for i in range(count)
    ]  # fmt: skip


def _finish(ground, parts, hip, shoulder, rise, traits):
    """Add the neck and the frame of the spine: side, back and forward axes."""
    hip, shoulder = np.array(hip), np.array(shoulder)
    neck = shoulder + rise
    thick = (0.52 if traits.cat else 0.5) * (0.4 + 0.6 * traits.girth)
    fur = 0.6 * traits.hair
    parts += [
        spindle(ground, shoulder - 0.7 * np.array(rise), neck + 0.2 * np.array(rise),
                (thick, thick), fur=fur, blend=0.3)
    ]  # fmt: skip
    if traits.ruff:
        collar = shoulder + 0.75 * np.array(rise)
        parts += [
            ellipsoid(ground, collar, (0.88, 0.8, 0.75), fur=traits.hair, blend=0.4)
        ]
    axis = unit(shoulder - hip)
    turn = np.array([[1, 0, 0], [0, axis[2], axis[1]], [0, -axis[1], axis[2]]])
    return Body(parts, ground.child(hip, turn), neck, length(shoulder - hip))
