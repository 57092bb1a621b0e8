"""Check what a user hands over, and say what to do about it."""

from difflib import get_close_matches
from numbers import Integral, Real

import numpy as np

ROUNDING = 1e-3  # what float16 may miss the bounds of [0, 1] by


def checked_floats(name: str, values, shape: str) -> np.ndarray:
    """Return finite numbers in as many dimensions as wanted.

    Parameters
    ----------
    name : str
        What the user knows the values by.
    values : array_like of float
        What was handed over.
    shape : str
        What is wanted, such as ``"(N, D)"``; only the dimensions are counted.

    Returns
    -------
    float ndarray
        The values.

    Raises
    ------
    ValueError
        If they are empty, of other dimensions or type, or not finite.
    """
    values = np.asarray(values)
    if values.ndim != len(shape.strip("(,)").split(",")) or not values.size:
        raise ValueError(
            f"{name} has shape {values.shape}, expected {shape}, not empty."
        )
    if values.dtype.kind != "f":
        raise ValueError(
            f"{name} holds {values.dtype}, expected floating-point numbers: divide "
            "8-bit pixels by 255."
        )
    if not np.isfinite(values).all():
        raise ValueError(
            f"{name} holds NaN or infinite values: look for a division by zero or too "
            "large a step before this call."
        )
    return values


def checked_images(name: str, images, shape: str = "(N, H, W, 3)") -> np.ndarray:
    """Return pictures in [0, 1].

    Parameters
    ----------
    name : str
        What the user knows the pictures by.
    images : array_like of float
        What was handed over.
    shape : str
        What is wanted: one picture is ``"(H, W, 3)"``.

    Returns
    -------
    float ndarray in [0, 1]
        RGB pictures; what float16 rounded out of the bounds is clipped.

    Raises
    ------
    ValueError
        If they are of another shape, type or range.
    """
    images = checked_floats(name, images, shape)
    if images.shape[-1] != 3:
        raise ValueError(
            f"{name} has shape {images.shape}, expected {shape}: channels come last "
            "and are red, green, blue."
        )
    low, high = images.min(), images.max()
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise ValueError(
            f"{name} runs from {low:.4g} to {high:.4g}, expected [0, 1]: divide pixels "
            "from 0 to 255 by 255, clip or rescale others."
        )
    return images.clip(0, 1)


def checked_probabilities(values, class_names, dimensions: int) -> np.ndarray:
    """Return probabilities of each class.

    Parameters
    ----------
    values : array_like of float
        What was handed over.
    class_names : sequence of K str
        Names of the classes.
    dimensions : {1, 2}
        1 for one picture, 2 for several.

    Returns
    -------
    (K,) or (N, K) float ndarray in [0, 1]
        The probabilities, which sum to 1 for each picture.

    Raises
    ------
    ValueError
        If they are of another shape or type, or no probabilities.
    """
    shape = "(K,)" if dimensions == 1 else "(N, K)"
    values = checked_floats("probabilities", values, shape)
    if values.shape[-1] != len(class_names):
        raise ValueError(
            f"probabilities has shape {values.shape}, expected {shape} with one column "
            f"for each of the {len(class_names)} class_names."
        )
    total = values.sum(axis=-1, dtype=float).ravel()
    furthest = total[abs(total - 1).argmax()]
    if values.min() < 0 or abs(furthest - 1) > ROUNDING:
        raise ValueError(
            "probabilities must not be negative and must sum to 1 for each picture "
            f"(lowest {values.min():.4g}, sum {furthest:.4g}): apply softmax to logits."
        )
    return values


def checked_classes(name: str, values, class_names) -> np.ndarray:
    """Return one class number for each picture.

    Parameters
    ----------
    name : str
        What the user knows the classes by.
    values : array_like of int
        What was handed over.
    class_names : sequence of K str
        Names of the classes.

    Returns
    -------
    (N,) int ndarray in [0, K)
        The classes.

    Raises
    ------
    ValueError
        If they are of another shape, type or range.
    """
    values = np.asarray(values)
    if values.ndim != 1 or not values.size or values.dtype.kind not in "iu":
        raise ValueError(
            f"{name} has shape {values.shape} and holds {values.dtype}, expected (N,) "
            "whole numbers, not empty: take argmax(axis=1) of probabilities."
        )
    if values.min() < 0 or values.max() >= len(class_names):
        raise ValueError(
            f"{name} runs from {values.min()} to {values.max()}, but class_names has "
            f"{len(class_names)} names, for 0 to {len(class_names) - 1}."
        )
    return values


def check_length(name: str, values, expected: int) -> None:
    """Refuse an argument that does not have one entry for each.

    Parameters
    ----------
    name : str
        What the user knows the values by.
    values : sequence
        What was handed over.
    expected : int
        How many entries are wanted.

    Raises
    ------
    ValueError
        If there are more or fewer.
    """
    if len(values) != expected:
        raise ValueError(f"{name} has {len(values)} entries, expected {expected}.")


def checked_steps(steps) -> int:
    """Return a number of steps.

    Parameters
    ----------
    steps : int
        At least 1.

    Returns
    -------
    int
        The same.

    Raises
    ------
    ValueError
        If it is not a whole number, or less than 1.
    """
    if not _is_number(steps, Integral) or steps < 1:
        raise ValueError(
            f"steps is {steps!r}, expected a whole number, at least 1: each step "
            "changes the picture once."
        )
    return steps


def check_epsilon(epsilon) -> None:
    """Refuse what is no bound on the change of a pixel.

    Parameters
    ----------
    epsilon : float
        In [0, 1], the range of a pixel.

    Raises
    ------
    ValueError
        If it is not a number in [0, 1].
    """
    if not _is_number(epsilon, Real) or not 0 <= epsilon <= 1:
        raise ValueError(
            f"epsilon is {epsilon!r}, expected a number from 0 to 1, the range of a "
            "pixel: write 8/255, not 8."
        )


def check_target(target, clean, class_names) -> None:
    """Refuse a class that no picture can be pushed into.

    Parameters
    ----------
    target : int
        The class that an attack aims at, in [0, K).
    clean : (N,) int ndarray in [0, K)
        What the network takes each picture for before the attack.
    class_names : sequence of K str
        Names of the classes.

    Raises
    ------
    ValueError
        If there is no such class, or a picture is taken for it already.
    """
    if not _is_number(target, Integral) or not 0 <= target < len(class_names):
        raise ValueError(
            f"target is {target!r}, expected the number of a class, from 0 to "
            f"{len(class_names) - 1}: class_names.index(name) gives it."
        )
    already = np.flatnonzero(checked_classes("clean", clean, class_names) == target)
    if len(already):
        raise ValueError(
            f"target is {target} ({class_names[target]}), but picture {already[0]} is "
            "taken for it before the attack: choose another target or leave this "
            "picture out."
        )


def class_number(name: str, class_names) -> int:
    """Look a class up by its name.

    Parameters
    ----------
    name : str
        Capitals and small letters, and blanks around it, do not matter.
    class_names : sequence of K str
        Names of the classes.

    Returns
    -------
    int
        Its place in the list, 0 to K - 1.

    Raises
    ------
    ValueError
        If there is no such class; the message has the five nearest names.
    """
    places = {known.lower(): place for place, known in enumerate(class_names)}
    wanted = name.strip().lower()
    if wanted not in places:
        near = get_close_matches(wanted, places, n=5, cutoff=0)
        raise ValueError(
            f"There is no class {name!r}. The nearest names: "
            f"{', '.join(class_names[places[known]] for known in near)}."
        )
    return places[wanted]


def _is_number(value, kind) -> bool:
    """Say whether a value is a number; Python counts True as one."""
    return isinstance(value, kind) and not isinstance(value, bool)
