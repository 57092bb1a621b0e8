"""Require usable arguments: a ValueError names the bad one, and says what to do.

`name` is what the user knows a value by.
"""

from difflib import get_close_matches
from numbers import Integral, Real

import numpy as np

ROUNDING = 1e-3  # what float16 may miss the bounds of [0, 1] by


def require_floats(name: str, values, shape: str) -> np.ndarray:
    """Return finite floating-point numbers, at least one of them.

    Of the shape, such as ``"(N, D)"``, only the dimensions are counted.
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


def require_images(name: str, images, shape: str = "(N, H, W, 3)") -> np.ndarray:
    """Return RGB pictures, float in [0, 1]; one picture has the shape "(H, W, 3)".

    What float16 rounded out of the bounds is clipped.
    """
    images = require_floats(name, images, shape)
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


def require_same_shape(name: str, images, other_name: str, others) -> None:
    """Refuse pictures that are not as large as others, two arrays."""
    if images.shape != others.shape:
        raise ValueError(
            f"{name} has shape {images.shape}, expected that of {other_name}, "
            f"{others.shape}: compare pictures of one size."
        )


def require_probabilities(values, class_names, dimensions: int) -> np.ndarray:
    """Return the probabilities of K classes, which sum to 1 for each picture.

    With 1 dimension they are of one picture, (K,); with 2 of several, (N, K).
    """
    shape = "(K,)" if dimensions == 1 else "(N, K)"
    values = require_floats("probabilities", values, shape)
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


def require_classes(name: str, values, class_names) -> np.ndarray:
    """Return one class for each picture, (N,) int in [0, K), of K names."""
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


def require_length(name: str, values, expected: int) -> None:
    """Refuse a sequence that does not have so many entries."""
    if len(values) != expected:
        raise ValueError(f"{name} has {len(values)} entries, expected {expected}.")


def require_steps(steps) -> int:
    """Return a number of steps, a whole number from 1."""
    if not _is_number(steps, Integral) or steps < 1:
        raise ValueError(
            f"steps is {steps!r}, expected a whole number, at least 1: each step "
            "changes the picture once."
        )
    return steps


def require_epsilon(epsilon) -> None:
    """Refuse what is no bound on the change of a pixel, a number in [0, 1]."""
    if not _is_number(epsilon, Real) or not 0 <= epsilon <= 1:
        raise ValueError(
            f"epsilon is {epsilon!r}, expected a number from 0 to 1, the range of a "
            "pixel: write 8/255, not 8."
        )


def require_target(target, clean, class_names) -> None:
    """Refuse a class that no picture can be pushed into.

    It has to be one of the K names, in [0, K), and none of `clean`, (N,) int: what the
    network takes each picture for before the attack.
    """
    if not _is_number(target, Integral) or not 0 <= target < len(class_names):
        raise ValueError(
            f"target is {target!r}, expected the number of a class, from 0 to "
            f"{len(class_names) - 1}: class_names.index(name) gives it."
        )
    already = np.flatnonzero(require_classes("clean", clean, class_names) == target)
    if len(already):
        raise ValueError(
            f"target is {target} ({class_names[target]}), but picture {already[0]} is "
            "taken for it before the attack: choose another target or leave this "
            "picture out."
        )


def class_number(name: str, class_names) -> int:
    """Find a class by its name, in capitals or not, and return its place, 0 to K - 1.

    If there is no such class, the message has the five nearest names.
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
    """Return whether a value is a number; Python counts True as one."""
    return isinstance(value, kind) and not isinstance(value, bool)
