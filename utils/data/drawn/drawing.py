"""Draw one pet: pose, camera, coat, face and surroundings, all from one seed."""

import operator
import zlib
from typing import NamedTuple

import numpy as np

from utils.data.drawn.body import GIRTH, HAIR, LEGS, POSES, Body, Traits
from utils.data.drawn.breeds import Breed, find_breed
from utils.data.drawn.coat import Coat, Surface, paint_body, paint_head
from utils.data.drawn.dice import Dice
from utils.data.drawn.face import Look, draw_face
from utils.data.drawn.geometry import Frame, turned
from utils.data.drawn.head import SIZES, Head, cat_head, dog_head
from utils.data.drawn.props import foreground
from utils.data.drawn.relief import Relief, extent_of_all
from utils.data.drawn.scene import backdrop, cast_shadow, developed, lighting
from utils.data.drawn.shading import (
    Hair,
    lay,
    linear,
    lit,
    normals,
    occlusion,
    slow_noise,
)

SMALLEST = 32  # pixels
LONG_HAIR = 0.1  # in skull radii; longer hair hides the gloss


class Pose(NamedTuple):
    """How the animal holds itself and how the camera sees it; angles in degrees."""

    body: str
    yaw: float
    above: float
    head: tuple  # yaw, pitch, roll
    close: bool
    fill: float  # how much of the canvas, which is 2 wide
    shift: tuple


class Pet(NamedTuple):
    """One animal of a breed."""

    breed: Breed
    pose: Pose
    coat: Coat
    look: Look
    traits: Traits


class Model(NamedTuple):
    """Solids of one animal where the camera sees them."""

    ground: Frame
    body: Body
    face: Frame
    head: Head


def draw_pet(breed, seed, size=256):
    """Draw a cat or dog of a breed.

    Parameters
    ----------
    breed : str
        Name of the breed, as in data/breeds.csv.
    seed : int
        Which of the drawings of this breed, 0 or more.
    size : int
        Height and width, 32 pixels or more.

    Returns
    -------
    (size, size, 3) uint8 ndarray
        RGB picture, the same for the same arguments on every machine.

    Raises
    ------
    ValueError
        The breed is unknown (the nearest names are listed), or the seed or size is
        out of range.
    """
    return draw_with_cover(breed, seed, size)[0]


def draw_with_cover(breed, seed, size=256):
    """Draw a pet as `draw_pet` does, and tell what part of the picture it covers.

    Returns
    -------
    tuple of (size, size, 3) uint8 ndarray and float in [0, 1]
    """
    breed = find_breed(breed)
    dice, hair = _chances(breed, seed, size)
    pet, outdoors = _pet(dice, breed), dice.chance(0.5)
    light, model = lighting(dice, outdoors), _framed(pet)
    picture = _surroundings(dice, model, size, outdoors)
    torso, skull = (
        Relief(solid.parts, hair, size) for solid in (model.body, model.head)
    )
    noise = np.stack([slow_noise(dice, size, cells) for cells in (9, 22)])
    _paint_torso(picture, torso, model, pet, light, noise, skull)
    _paint_skull(picture, skull, model, pet, light, noise)
    draw_face(dice, picture, skull, model.face, model.head, breed, pet.look)
    foreground(dice, picture, size, outdoors)
    covered = np.maximum(torso.alpha, skull.alpha) > 0.5
    return developed(dice, picture), np.count_nonzero(covered) / size**2


def find_head(breed, seed):
    """Find the head in the drawing that `draw_pet` makes of the same breed and seed.

    Parameters
    ----------
    breed : str
        Name of the breed.
    seed : int
        Which of the drawings of this breed.

    Returns
    -------
    (4,) float ndarray in [0, 1]
        Left, top, right and bottom of the skull, muzzle and ears, as shares of the
        picture's width and height.

    Raises
    ------
    ValueError
        As `draw_pet`.
    """
    breed = find_breed(breed)
    dice, _ = _chances(breed, seed, SMALLEST)
    left, right, bottom, top = extent_of_all(_framed(_pet(dice, breed)).head.parts)
    box = np.array([1 + left, 1 - top, 1 + right, 1 - bottom])  # y of the canvas is up
    return (box / 2).clip(0, 1)


def _chances(breed, seed, size):
    """Random numbers of the drawing, and of its hair, which depends on the size."""
    seed, size = operator.index(seed), operator.index(size)
    if seed < 0 or size < SMALLEST:
        raise ValueError(
            f"seed {seed}, size {size}: a seed of 0 or more and a size of "
            f"{SMALLEST} pixels or more are expected"
        )
    name = zlib.crc32(breed.name.encode())
    drawing, hair = (
        np.random.Generator(np.random.PCG64([name, seed, stream])) for stream in (0, 1)
    )
    return Dice(drawing), Hair(hair, size)


def _pet(dice, breed):
    """One animal of the breed."""
    return Pet(
        breed, _pose(dice), _coat(dice, breed), _look(dice, breed), _traits(dice, breed)
    )


def _pose(dice):
    yaw = dice.pick((-1, 1)) * dice.between(0, 80)
    turn = 0.45 * yaw + dice.between(-30, 30)
    head = turn, dice.between(-14, 8), dice.between(-12, 12)
    close = dice.chance(0.3)
    fill = dice.between(0.95, 1.4) if close else dice.between(0.95, 1.7)
    shift = dice.between(-0.26, 0.26), dice.between(-0.16, 0.08)
    body = dice.pick(("sitting", "sitting", "standing", "lying"))
    return Pose(body, yaw, dice.between(6, 20), head, close, fill, shift)


def _coat(dice, breed):
    colours = [linear(colour) for colour in dice.pick(breed.coats)]
    shade = np.float32(dice.between(0.85, 1.15))
    luck = dice.random.random(24).astype(np.float32)
    main, second, third = (colour * shade for colour in colours)
    return Coat(
        breed.pattern, main, second, third, linear(breed.nose), breed.extras, luck
    )


def _look(dice, breed):
    panting = dice.chance(0.35) and breed.species == "dog"
    mouth = dice.between(0.3, 1.0) if panting else 0.0
    gaze = dice.between(-0.15, 0.15), dice.between(-0.1, 0.1)
    iris = linear(dice.pick(breed.eyes))
    return Look(iris, dice.between(0, 1), dice.between(0, 0.35), mouth, gaze)


def _traits(dice, breed):
    girth = GIRTH[breed.build] * dice.between(0.92, 1.08)
    leg = LEGS[breed.legs] * dice.between(0.94, 1.06)
    wag = dice.pick((-1, 1)) * dice.between(0.35, 1)
    cat, ruff = breed.species == "cat", "ruff" in breed.extras
    own = dice.between(0.8, 1.15), dice.between(0.88, 1.1)
    return Traits(cat, girth, leg, HAIR[breed.fur], breed.tail, wag, ruff, *own)


def _model(ground, pet):
    """Body and head, standing in the frame of the ground."""
    breed, pose = pet.breed, pet.pose
    body = POSES[pose.body](ground, pet.traits)
    neck = Frame(ground.at(body.neck + (0, 0.35, 0.2)), _camera(pose, 0) * ground.scale)
    face = neck.child((0, 0, 0), turned(*pose.head), 0.84 * SIZES[breed.size])
    make = cat_head if pet.traits.cat else dog_head
    return Model(ground, body, face, make(face, breed, pet.traits))


def _camera(pose, yaw):
    """Axes of a frame turned by `yaw`, seen by a camera that looks down a little."""
    return (
        Frame(np.zeros(3), turned(pitch=pose.above)).child((0, 0, 0), turned(yaw)).axes
    )


def _framed(pet):
    """Model that fills the picture as the pose asks for; a close one, with its head."""
    pose = pet.pose
    model = _model(Frame(np.zeros(3), _camera(pose, pose.yaw)), pet)
    parts = model.head.parts + ([] if pose.close else model.body.parts)
    left, right, bottom, top = extent_of_all(parts)
    scale = pose.fill / max(right - left, top - bottom)
    middle = np.array([left + right, bottom + top, 0]) * (scale / 2)
    shift = np.array([*pose.shift, 0]) + (0, 0.18 * pose.close, 0)
    return _moved(model, scale, shift - middle)


def _moved(model, scale, shift):
    """Model scaled about the origin of the canvas, then shifted."""
    ground, face = (frame.moved(scale, shift) for frame in (model.ground, model.face))
    body, head = (
        solid._replace(parts=[part.moved(scale, shift) for part in solid.parts])
        for solid in (model.body, model.head)
    )
    return Model(
        ground, body._replace(spine=body.spine.moved(scale, shift)), face, head
    )


def _surroundings(dice, model, size, outdoors):
    """Backdrop with the shadow of the body on its floor."""
    horizon = model.ground.at((0, 0, -3.5))[1] + dice.between(0.0, 0.5)
    picture = backdrop(dice, size, horizon, outdoors)
    left, right, low, _ = extent_of_all(model.body.parts)
    deep = 0.55 * model.ground.scale
    centre = (left + right) / 2, low + 0.4 * deep
    cast_shadow(picture, size, centre, (0.62 * (right - left), deep), 0.75)
    return picture


def _paint_torso(picture, relief, model, pet, light, noise, skull):
    """Lay the body over the picture; its hair hangs down, the head shades it."""
    x = relief.box.x
    flow = 0.6 * (x - (x[0, 0] + x[0, -1]) * np.float32(0.5)), np.float32(-1)
    surface = _surface(relief, model.body.spine, model.body.length, flow, noise)
    _lay(
        picture, relief, paint_body(surface, pet.coat), surface.hair, pet, light, skull
    )


def _paint_skull(picture, relief, model, pet, light, noise):
    """Lay the head over the picture; its hair grows away from the nose."""
    x, y, _ = model.face.at(model.head.nose + (0, 0.2, 0)).astype(np.float32)
    flow = relief.box.x - x, relief.box.y - y
    surface = _surface(relief, model.face, 1.0, flow, noise)
    _lay(picture, relief, paint_head(surface, pet.coat), surface.hair, pet, light, None)


def _surface(relief, frame, length, flow, noise):
    """Pixels of a relief as the painter of the coat wants them."""
    box = relief.box
    x, y, z = frame.local(box.x, box.y, box.of(relief.depth))
    hair = relief.hair.along(box, *flow)
    return Surface(
        x, y, z / np.float32(length), box.of(relief.marks), hair, box.of(noise)
    )


def _lay(picture, relief, colour, hair, pet, light, front):
    """Light a painted relief and lay it over the picture."""
    box, length = relief.box, pet.traits.hair
    depth, solid = box.of(relief.depth), box.of(relief.solid)
    steepest, gloss = (1.3, 0.02) if length > LONG_HAIR else (2.5, 0.05)
    normal = normals(depth, solid, relief.pixel, steepest)
    shade = box.of(occlusion(relief, front))
    rough = np.float32(0.035 + 0.3 * min(length, 0.3))
    colour = lit(colour, normal, shade, light, gloss) * (1 + rough * hair)
    lay(picture, box, box.of(relief.alpha), colour)
