"""A depth picture built from soft solids: the plasticine that the pets are made of.

Ellipsoids, cones and ear-shaped leaves are pressed into a relief one by one; where
two meet, their surfaces flow into each other. Seen from the front, without
perspective, each solid's depth has a closed form, so that a part costs microseconds.
"""

import math
from typing import NamedTuple

import numpy as np

from utils.data.drawn.geometry import length, smooth, unit, window

FAR = -9.0  # canvas depth where there is nothing


class Ellipsoid(NamedTuple):
    """Solid { centre + p : p' spread^-1 p <= 1 } of the canvas."""

    centre: np.ndarray
    spread: np.ndarray
    marks: tuple
    fur: float
    blend: float

    def moved(self, scale, shift):
        """Return this part scaled about the origin of the canvas, then shifted."""
        centre, spread = self.centre * scale + shift, self.spread * (scale * scale)
        return Ellipsoid(
            centre, spread, self.marks, self.fur * scale, self.blend * scale
        )


class Cone(NamedTuple):
    """Ball of changing radius that has moved from start to end."""

    start: np.ndarray
    end: np.ndarray
    radii: tuple
    marks: tuple  # at the start and at the end
    fur: float
    blend: float

    def moved(self, scale, shift):
        """Return this part scaled about the origin of the canvas, then shifted."""
        start, end = (point * scale + shift for point in (self.start, self.end))
        radii = tuple(radius * scale for radius in self.radii)
        return Cone(start, end, radii, self.marks, self.fur * scale, self.blend * scale)


class Leaf(NamedTuple):
    """Flat ear: `across` is half its width, `along` its length, both canvas vectors."""

    base: np.ndarray
    across: np.ndarray
    along: np.ndarray
    outline: tuple  # roundness of the tip, width at the base
    marks: tuple
    inner: float  # how much of the inside is seen
    fur: float
    blend: float

    def moved(self, scale, shift):
        """Return this part scaled about the origin of the canvas, then shifted."""
        base, across, along = (
            self.base * scale + shift,
            self.across * scale,
            self.along * scale,
        )
        sizes = self.fur * scale, self.blend * scale
        return Leaf(base, across, along, self.outline, self.marks, self.inner, *sizes)


class Relief:
    """Depth, coverage and marks of the solids pressed in.

    Attributes
    ----------
    depth : (size, size) float32 ndarray
        Canvas z of the surface.
    alpha : (size, size) float32 ndarray in [0, 1]
        How much of the pixel is covered.
    marks : (3, size, size) float32 ndarray in [0, 1]
        What the surface belongs to, for the painter of the coat.
    """

    def __init__(self, parts, hair, size):
        """Press the parts in; `hair` gives the streaks that fray the outline."""
        self.size, self.hair, self.pixel = size, hair, 2.0 / size
        self.depth = np.full((size, size), FAR, np.float32)
        self.alpha = np.zeros((size, size), np.float32)
        self.solid = np.zeros((size, size), bool)  # covered, if no hair were missing
        self.marks = np.zeros((3, size, size), np.float32)
        self.box = window(size, *extent_of_all(parts, 2 * self.pixel))
        for part in parts:
            self._press(part)

    def _press(self, part):
        """Add an Ellipsoid, Cone or Leaf."""
        box = window(self.size, *extent(part, 2 * self.pixel))
        if box is not None:
            edge, depth, marks = _SURFACES[type(part)](part, box)
            self._merge(box, edge, depth, marks, part.blend)
            alpha = box.of(self.alpha)
            np.maximum(alpha, self._frayed(edge, part, box), out=alpha)

    def _frayed(self, edge, part, box):
        """Coverage from the distance to the outline, gnawed at by hair."""
        if part.fur > self.pixel:
            left, right, bottom, top = extent(part)
            flow = (
                box.x - np.float32((left + right) / 2),
                box.y - np.float32((bottom + top) / 2),
            )
            streaks = np.clip(0.5 + 0.35 * self.hair.along(box, *flow), 0, 1)
            edge = edge - np.float32(0.8 * part.fur) * streaks
            return _ramp(edge, 2.5 * self.pixel)
        return _ramp(edge, self.pixel)

    def _merge(self, box, edge, depth, marks, blend):
        """Let a new surface flow into what is there (polynomial smooth maximum).

        Towards its edge it counts as lying deeper, so that it ends without a step.
        """
        old, there = box.of(self.depth), box.of(self.solid)
        join = _ramp(edge, self.pixel)
        shallow = np.maximum(1 - edge * np.float32(1 / blend), 0)
        step = depth - old
        mix = (step - np.float32(blend) * shallow * shallow) * np.float32(0.5 / blend)
        mix = np.where(there, np.clip(mix + np.float32(0.5), 0, 1) * (join > 0.5), 1)
        old += mix * (step + np.float32(blend) * (1 - mix))
        mix *= np.where(there, join, 1)
        for plane, mark in zip(self.marks, marks, strict=True):
            _mark(box.of(plane), mark, mix)
        there |= join > 0


def _ramp(edge, width):
    """Coverage of a pixel, from its distance to the outline."""
    return np.clip(edge * np.float32(1 / width) + np.float32(0.5), 0, 1)


def _mark(plane, mark, mix):
    """Blend a mark into its plane, in place; most marks are nothing on nothing."""
    if not isinstance(mark, float | int) or mark or plane.any():
        plane += mix * (mark - plane)


def ellipsoid(frame, centre, radii, turn=None, marks=(0, 0, 0), fur=0.0, blend=0.12):
    """Ellipsoid of a frame; lengths in the frame's unit, hair on top of the radii."""
    place = frame.child(centre, turn)
    half = place.axes * (np.asarray(radii, float) + 0.5 * fur)
    spread = (half[:, None, :] * half[None, :, :]).sum(axis=2)
    return Ellipsoid(
        place.origin, spread, marks, fur * frame.scale, blend * frame.scale
    )


def spindle(frame, start, end, radii, marks=(0, 0, 0), fur=0.0, blend=0.12):
    """Ellipsoid that reaches from one point to another; radii sideways and upright."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    step = end - start
    axis = unit(step)
    side = unit((axis[2], 0, -axis[0]) if abs(axis[0]) > 1e-6 else (1, 0, 0))
    turn = np.stack([side, np.cross(axis, side), axis], axis=1)
    size = (radii[0], radii[1], length(step) / 2)
    return ellipsoid(frame, (start + end) / 2, size, turn, marks, fur, blend)


def cone(frame, start, end, radii, marks=((0, 0, 0),) * 2, fur=0.0, blend=0.12):
    """Cone with round ends between two points of a frame."""
    scale = frame.scale
    radii = tuple((radius + 0.5 * fur) * scale for radius in radii)
    ends = frame.at(start), frame.at(end)
    return Cone(*ends, radii, marks, fur * scale, blend * scale)


def leaf(frame, base, across, along, outline, marks, inner=0.0, fur=0.0, blend=0.05):
    """Ear-shaped leaf of a frame."""
    vectors = frame.at(base), frame.along(across), frame.along(along)
    return Leaf(*vectors, outline, marks, inner, fur * frame.scale, blend * frame.scale)


def extent(part, margin=0.0):
    """Left, right, bottom and top of a part on the canvas."""
    sides = [_SIDES[type(part)](part, axis) for axis in (0, 1)]
    return [
        edge + sign * margin
        for low_high in sides
        for edge, sign in zip(low_high, (-1, 1), strict=True)
    ]


def extent_of_all(parts, margin=0.0):
    """Left, right, bottom and top of all the parts."""
    left, right, bottom, top = zip(
        *(extent(part, margin) for part in parts), strict=True
    )
    return min(left), max(right), min(bottom), max(top)


def _ellipsoid_sides(part, axis):
    """Lowest and highest x (axis 0) or y (axis 1) of an ellipsoid."""
    middle, reach = float(part.centre[axis]), math.sqrt(part.spread[axis, axis])
    return middle - reach, middle + reach


def _cone_sides(part, axis):
    """Lowest and highest x or y of a cone."""
    ends, radii = (float(part.start[axis]), float(part.end[axis])), part.radii
    pairs = list(zip(ends, radii, strict=True))
    return min(end - radius for end, radius in pairs), max(
        end + radius for end, radius in pairs
    )


def _leaf_sides(part, axis):
    """Lowest and highest x or y of the box around a leaf."""
    base, side, along = (float(v[axis]) for v in (part.base, part.across, part.along))
    return base + min(along, 0) - abs(side), base + max(along, 0) + abs(side)


def _ellipsoid_surface(part, box):
    """Distance to the outline (positive inside), depth and marks of an ellipsoid."""
    (xx, xy, xz), (_, yy, yz), (_, _, zz) = part.spread
    area = xx * yy - xy * xy
    a, b, c = yy / area, -xy / area, xx / area
    x, y = box.x - np.float32(part.centre[0]), box.y - np.float32(part.centre[1])
    along_x = np.float32(a) * x + np.float32(b) * y
    along_y = np.float32(b) * x + np.float32(c) * y
    q = along_x * x + along_y * y
    slope = np.sqrt(along_x * along_x + along_y * along_y) + np.float32(1e-6)
    rise = math.sqrt(max(zz - (a * xz * xz + 2 * b * xz * yz + c * yz * yz), 1e-9))
    depth = np.float32(rise) * np.sqrt(np.maximum(1 - q, 0))
    depth += np.float32(part.centre[2]) + np.float32(xz) * along_x
    depth += np.float32(yz) * along_y
    return 0.5 * (1 - q) / slope, depth, part.marks


def _cone_surface(part, box):
    """Distance to the outline, depth and marks of a cone with round ends."""
    step = part.end - part.start
    square = step[0] * step[0] + step[1] * step[1] + 1e-6
    x, y = box.x - np.float32(part.start[0]), box.y - np.float32(part.start[1])
    t = x * np.float32(step[0] / square) + y * np.float32(step[1] / square)
    t = np.clip(t, 0, 1)
    dx, dy = x - np.float32(step[0]) * t, y - np.float32(step[1]) * t
    away = dx * dx + dy * dy
    radius = np.float32(part.radii[0]) + np.float32(part.radii[1] - part.radii[0]) * t
    rise = np.sqrt(np.maximum(radius * radius - away, 0))
    depth = np.float32(part.start[2]) + np.float32(step[2]) * t + rise
    pairs = zip(*part.marks, strict=True)
    marks = [
        low + np.float32(high - low) * t if high != low else low for low, high in pairs
    ]
    return radius - np.sqrt(away), depth, marks


def _leaf_surface(part, box):
    """Distance to the outline, depth and marks (ear, inside) of an ear."""
    s, t = leaf_coordinates(part, box)
    inside = np.clip(t, 0, 1)
    tip, base = part.outline
    pointed = (1 - inside) * (base + (1.6 - base) * inside)
    rounded = np.sqrt((1 - inside) * (base * base + (3.0 - base * base) * inside))
    half = pointed + np.float32(tip) * (rounded - pointed)
    width = length(part.across)
    edge = np.minimum((half - np.abs(s)) * 0.8, np.minimum(t + 0.02, 1 - t) * 2)
    edge = edge * np.float32(width)
    bow = 1 - np.square(np.clip(s / (half + np.float32(0.05)), -1, 1))
    depth = np.float32(part.base[2]) + np.float32(part.across[2]) * s
    depth = depth + np.float32(part.along[2]) * t + np.float32(0.25 * width) * bow
    hollow = np.float32(part.inner) * smooth(0.0, 0.35, half * 0.72 - np.abs(s))
    return edge, depth, (part.marks[0], hollow, part.marks[2])


def leaf_coordinates(part, box):
    """Position across (-1 to 1) and along (0 to 1) the leaf of each pixel."""
    (ux, uy), (vx, vy) = part.across[:2], part.along[:2]
    area = ux * vy - uy * vx
    least = 0.15 * length(part.across) * length(part.along)
    area = math.copysign(max(abs(area), least), area)
    x, y = box.x - np.float32(part.base[0]), box.y - np.float32(part.base[1])
    s = np.float32(vy / area) * x - np.float32(vx / area) * y
    t = np.float32(ux / area) * y - np.float32(uy / area) * x
    return s, t


_SIDES = {Ellipsoid: _ellipsoid_sides, Cone: _cone_sides, Leaf: _leaf_sides}
_SURFACES = {Ellipsoid: _ellipsoid_surface, Cone: _cone_surface, Leaf: _leaf_surface}
