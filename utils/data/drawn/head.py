"""The head of a cat or a dog: skull, muzzle, ears as solids, and where the eyes are.

The unit is the radius of the skull; x is to the right of a viewer whom the animal
looks at, y is up, z is forward. Marks of the head: ear, inside of the ear, nose.
"""

from typing import NamedTuple

import numpy as np

from utils.data.drawn.relief import ellipsoid, leaf, spindle

# Half width, half height of the skull and width of the cheeks.
SKULLS = {
    "wedge": (0.86, 0.84, 0.32), "oval": (0.92, 0.86, 0.42), "round": (1.0, 0.9, 0.55),
    "broad": (1.08, 0.92, 0.62), "apple": (0.96, 0.96, 0.36), "long": (0.76, 0.8, 0.3),
}  # fmt: skip
# Skull of a small breed is large for its body.
SIZES = {"tiny": 1.18, "small": 1.08, "medium": 1.0, "large": 0.95, "giant": 0.9}
# How far the muzzle stands out.
CAT_MUZZLES = {"flat": 0.0, "short": 0.08, "medium": 0.16, "long": 0.24}
DOG_MUZZLES = {"flat": 0.16, "short": 0.5, "medium": 0.85, "long": 1.15}
EAR = (1.0, 0.0, 0.0)  # marks


class Ear(NamedTuple):
    """Shape of one kind of ear, for the side at positive x."""

    base: tuple
    across: tuple
    along: tuple
    outline: tuple  # roundness of the tip, width at the base
    inner: float
    flap: tuple = ()  # the part that falls over, as `along` from the tip


EARS = {
    # cats
    "pricked": Ear((0.53, 0.55, 0.05), (0.36, -0.2, -0.1), (0.34, 0.82, -0.08),
                   (0.12, 1.0), 1.0),
    "large": Ear((0.55, 0.5, 0.05), (0.42, -0.24, -0.1), (0.46, 1.0, -0.08),
                 (0.15, 1.0), 1.0),
    "huge": Ear((0.6, 0.38, 0.05), (0.46, -0.32, -0.1), (0.66, 1.05, -0.08),
                (0.25, 1.05), 1.0),
    "small": Ear((0.58, 0.56, 0.05), (0.34, -0.2, -0.1), (0.34, 0.6, -0.08),
                 (0.4, 1.0), 1.0),
    "tufted": Ear((0.52, 0.56, 0.05), (0.36, -0.18, -0.1), (0.28, 1.0, -0.08),
                  (0.02, 1.0), 1.0),
    # dogs
    "erect": Ear((0.5, 0.62, -0.15), (0.3, -0.14, -0.16), (0.2, 0.85, 0.0),
                 (0.15, 0.95), 0.9),
    "bat": Ear((0.56, 0.5, -0.15), (0.42, -0.26, -0.18), (0.55, 1.0, 0.0),
               (0.3, 0.95), 0.9),
    "hooded": Ear((0.55, 0.66, -0.1), (0.27, -0.14, -0.12), (0.22, 0.55, 0.05),
                  (0.3, 1.0), 0.7),
    "drop": Ear((0.88, 0.48, 0.05), (0.3, 0.12, -0.3), (0.28, -1.0, 0.1),
                (0.95, 0.5), 0.0),
    "long": Ear((0.74, 0.3, 0.05), (0.28, 0.1, -0.32), (0.3, -1.65, 0.15),
                (1.0, 0.5), 0.0),
    "feathered": Ear((0.86, 0.4, 0.0), (0.38, 0.12, -0.36), (0.28, -1.35, 0.1),
                     (1.0, 0.6), 0.0),
    "small drop": Ear((0.56, 0.62, 0.3), (0.36, 0.06, 0.12), (0.34, -0.6, 0.42),
                      (0.3, 1.0), 0.0),
    "button": Ear((0.56, 0.6, 0.0), (0.32, -0.1, -0.2), (0.34, 0.34, 0.1),
                  (0.9, 1.0), 0.0, (0.2, -0.52, 0.3)),
    "rose": Ear((0.6, 0.52, -0.05), (0.3, 0.0, -0.24), (0.42, 0.3, 0.0),
                (0.9, 0.9), 0.3, (0.28, -0.36, -0.05)),
}  # fmt: skip


class Head(NamedTuple):
    """Solids of a head and the places of its face, in the head's frame."""

    parts: list
    skull: tuple  # radii
    eye: tuple  # x, y of the eye at positive x
    nose: np.ndarray
    muzzle: float  # radius of the muzzle
    ears: list


def cat_head(frame, breed, traits):
    """Head of a cat: short broad muzzle of two pads, big eyes, ears on top."""
    wide, high, cheek = SKULLS[breed.skull]
    out, hair = traits.muzzle * CAT_MUZZLES[breed.muzzle], traits.hair
    ears = _ears(frame, breed, wide, traits.ear)
    fluff = {"fur": 0.5 * hair}
    solids = [
        ellipsoid(frame, (0, 0, 0), (wide, high, 0.86 - 0.2 * hair), fur=0.4 * hair),
        *_pair(frame, (0.5 * wide, -0.32, 0.22), (cheek, 0.4, 0.48), fluff, 0.25),
        spindle(frame, (0, 0.25, 0.55), (0, -0.3, 0.86 + out), (0.22, 0.2), blend=0.2),
        *_pair(frame, (0.19, -0.4, 0.72 + out), (0.25, 0.2, 0.24), {}, 0.06),
        ellipsoid(frame, (0, -0.58, 0.6 + out), (0.2, 0.15, 0.2), blend=0.1),
    ]
    nose = np.array([0, -0.24, 0.92 + out])
    solids += [_nose(frame, nose, (0.12, 0.085, 0.08))]
    return Head(ears + solids, (wide, high, 0.86), (0.42 * wide, 0.06), nose, 0.4, ears)


def dog_head(frame, breed, traits):
    """Head of a dog: a muzzle that stands out, a big nose, a brow, ears at the side."""
    wide, high, cheek = (0.96 * value for value in SKULLS[breed.skull])
    out, hair = traits.muzzle * DOG_MUZZLES[breed.muzzle], traits.hair
    thick = (0.3 + 0.24 * cheek) * (1.12 if "flews" in breed.extras else 1.0)
    tip = np.array([0, -0.34, 0.62 + out])
    ears = _ears(frame, breed, wide + 0.35 * hair, traits.ear)
    fluff = {"fur": 0.5 * hair}
    solids = [
        ellipsoid(frame, (0, 0.05, 0), (wide, high, 0.9), fur=0.5 * hair),
        *_pair(frame, (0.48 * wide, -0.25, 0.2), (cheek, 0.42, 0.5), fluff, 0.25),
        *_pair(frame, (0.33 * wide, 0.37, 0.56), (0.22, 0.12, 0.18), {}, 0.12),
        *_muzzle(frame, tip, thick, out, "flews" in breed.extras),
        *_furnishings(frame, breed.extras, tip, thick),
    ]
    nose = tip + (0, 0.62 * thick, 0.22)
    solids += [_nose(frame, nose, (0.19, 0.145, 0.13))]
    return Head(ears + solids, (wide, high, 0.9), (0.4 * wide, 0.14), nose, thick, ears)


def _muzzle(frame, tip, thick, out, flews):
    """Bridge, lips and lower jaw of a dog."""
    top = tip + (0, 0.3 * thick, 0.08)
    lip = 0.62 * thick, 0.72 * thick + 0.12 * flews, 0.35 + 0.35 * out
    side = (
        0.42 * thick,
        tip[1] - 0.12 * thick - 0.1 * flews,
        tip[2] - 0.2 - 0.25 * out,
    )
    return [
        spindle(frame, (0, 0.12, 0.3), top + (0, 0, 0.16), (0.62 * thick, 0.6 * thick),
                blend=0.2),
        ellipsoid(frame, tip, (0.86 * thick, 0.72 * thick, 0.3), blend=0.15),
        *_pair(frame, side, lip, {}, 0.1),
        spindle(frame, (0, -0.5, 0.2), tip + (0, -0.62 * thick, 0.06),
                (0.5 * thick, 0.24), blend=0.08),
    ]  # fmt: skip


def _furnishings(frame, extras, tip, thick):
    """Beard and bushy brows of a terrier."""
    solids = []
    if "beard" in extras:
        low, radii = tip - (0, 0.55 * thick, 0.05), (0.95 * thick, 0.85 * thick, 0.3)
        solids += [ellipsoid(frame, low, radii, fur=0.3, blend=0.15)]
        side = (0.75 * thick, tip[1] - 0.25 * thick, tip[2] - 0.15)
        solids += _pair(frame, side, (0.3, 0.36, 0.3), {"fur": 0.25}, 0.15)
    if "brows" in extras:
        place, radii = (0.36, 0.36, 0.72), (0.24, 0.13, 0.2)
        solids += _pair(frame, place, radii, {"fur": 0.16}, 0.06)
    return solids


def _pair(frame, centre, radii, fluff, blend):
    """Ellipsoids at both sides."""
    x, y, z = centre
    return [
        ellipsoid(frame, (side * x, y, z), radii, blend=blend, **fluff)
        for side in (-1, 1)
    ]


def _nose(frame, place, radii):
    """Leather of the nose."""
    return ellipsoid(frame, place, radii, marks=(0, 0, 1.0), blend=0.02)


def _ears(frame, breed, wide, size):
    """Both ears, with the flap where they fold over."""
    ear = EARS[breed.ears]
    hair = 0.12 if ear.inner == 0 and breed.fur in ("long", "silky", "profuse") else 0.0
    parts = []
    for side in (-1, 1):
        mirror = np.array([side * wide, 1, 1])
        base, along = ear.base * mirror, ear.along * mirror * size
        across = np.array(ear.across) * (side, 1, 1) * (side * size)
        shape = ear.outline, EAR, ear.inner, hair
        parts.append(leaf(frame, base, across, along, *shape))
        if ear.flap:
            tip, flap = base + 0.9 * along, np.array(ear.flap) * mirror * size
            parts.append(leaf(frame, tip, 0.95 * across, flap, (0.6, 1.0), EAR))
    return parts
