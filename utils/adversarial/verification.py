"""Attack reports: what a saved adversarial picture really does."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.special import softmax
from skimage.metrics import structural_similarity

from utils.checks import (
    require_images,
    require_length,
    require_probabilities,
    require_same_shape,
    require_target,
)
from utils.features.networks import load_for, network_of
from utils.files import replacing, write_text

DIGITS = 6  # decimals of the numbers in an attack report
# The window of Wang et al. 2004 (IEEE Trans. Image Process. 13, 600), section III.
WINDOW = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def save_picture(image, path) -> None:
    """Save a picture as an 8-bit PNG.

    Parameters
    ----------
    image : (H, W, 3) float ndarray in [0, 1]
        RGB picture; each value is rounded to the nearest of 256.
    path : Path or str
        The file; its folder is made if it is missing.

    Raises
    ------
    ValueError
        If the picture is of another shape, type or range.
    """
    pixels = _pixels(require_images("image", image, "(H, W, 3)"))
    with replacing(Path(path)) as part:
        Image.fromarray(pixels).save(part, "PNG")


def load_picture(path) -> np.ndarray:
    """Load a picture as it was saved, without resizing.

    Parameters
    ----------
    path : Path or str
        A picture file.

    Returns
    -------
    (H, W, 3) float32 ndarray in [0, 1]
        RGB picture.

    Raises
    ------
    FileNotFoundError
        If the picture is not there.
    """
    with Image.open(path) as picture:
        return _floats(np.asarray(picture.convert("RGB")))


def resized(images, size: int) -> np.ndarray:
    """Bring square pictures to the size that a network takes.

    Parameters
    ----------
    images : (N, H, H, 3) float ndarray in [0, 1]
        RGB pictures.
    size : int
        Side in pixels.

    Returns
    -------
    (N, size, size, 3) float32 ndarray in [0, 1]
        The same values if the size is right, else rounded to 8 bits and resized
        (bicubic with antialiasing, Pillow).

    Raises
    ------
    ValueError
        If the pictures are not square, or of another type or range.
    """
    images = require_images("images", images).astype(np.float32, copy=False)
    height, width = images.shape[1:3]
    if height != width:
        raise ValueError(
            f"images has shape {images.shape}, expected squares: crop them first, or "
            "resizing would distort them."
        )
    if width == size:
        return images
    side, bicubic = (size, size), Image.Resampling.BICUBIC
    small = [Image.fromarray(_pixels(i)).resize(side, bicubic) for i in images]
    return _floats(np.stack(small))


def judge(framework: str, name: str, images) -> np.ndarray:
    """Ask a network what it sees.

    ``utils.measure.alone(judge, framework, name, images)`` asks in a fresh process, so
    that the other framework need not be loaded beside the one in use.

    Parameters
    ----------
    framework : {"pytorch", "tensorflow"}
        Which of the modules of `utils.backbones`.
    name : str
        A key of `utils.backbones.BACKBONES`.
    images : (N, H, H, 3) float ndarray in [0, 1]
        RGB pictures; `resized` brings them to the size of the network.

    Returns
    -------
    (N, 1000) float32 ndarray in [0, 1]
        Probabilities of the ImageNet classes.

    Raises
    ------
    ValueError
        If there is no such backbone, or `resized` refuses the pictures.
    """
    network = network_of(load_for(framework, name, include_top=True))
    images, batch = 255 * resized(images, network.size), network.batch_size
    starts = range(0, len(images), batch)
    with network.inference():
        logits = [network.compute(images[n : n + batch]) for n in starts]
    return softmax(np.concatenate(logits), axis=1)


def distances(picture, original) -> dict[str, float]:
    """Measure how far a picture is from its original.

    Parameters
    ----------
    picture, original : (H, W, 3) float ndarray in [0, 1]
        RGB pictures of one size, at least 11 pixels a side.

    Returns
    -------
    dict of str to float
        ``L-infinity``, the largest change of a value; ``L2``, the root of the sum of
        the squares of all changes; ``SSIM``, the structural similarity of Wang et al.
        2004 (IEEE Trans. Image Process. 13, 600), 1 for equal pictures.

    Raises
    ------
    ValueError
        If a picture is of another shape, type or range.
    """
    picture = require_images("picture", picture, "(H, W, 3)").astype(float)
    original = require_images("original", original, "(H, W, 3)").astype(float)
    require_same_shape("picture", picture, "original", original)
    difference = np.abs(picture - original)
    ssim = structural_similarity(
        picture, original, channel_axis=-1, data_range=1, **WINDOW
    )
    return {
        "L-infinity": float(difference.max()),
        "L2": float(np.linalg.norm(difference)),
        "SSIM": float(ssim),
    }


def verify(
    folder, names, originals, pictures, target, class_names, judges, steps, seconds
) -> list[dict]:
    """Save adversarial pictures, read them back, and write down what they do.

    Nothing is said of a picture in memory: what counts is the file. ``<name>.png`` is
    the picture and ``<name>.json``, written last, its attack report.

    Parameters
    ----------
    folder : Path or str
        Where the files go; it is made if it is missing.
    names : sequence of N str
        File names without ending, all different.
    originals, pictures : (N, H, H, 3) float ndarray in [0, 1]
        RGB pictures before and after the attack.
    target : int
        The class that the attack aims at, in [0, K).
    class_names : sequence of K str
        Names of the classes.
    judges : dict of str to callable
        Networks by label, the one that was attacked first. Each turns
        (M, H, H, 3) pictures into (M, K) probabilities.
    steps : int or (N,) int ndarray
        What each picture took.
    seconds : float or (N,) float ndarray
        What each picture took.

    Returns
    -------
    list of N dict
        What the attack reports hold. A picture has ``passed`` if the first judge takes
        the file for the target; a judge is fooled if it does so, but did not take the
        original for it. Distances are between 8-bit pictures; numbers have `DIGITS`
        decimals.

    Raises
    ------
    ValueError
        If an argument is of another shape, type or range, or a picture was taken for
        the target before the attack.
    """
    pictures = require_images("pictures", pictures)
    originals = require_images("originals", originals)
    require_same_shape("pictures", pictures, "originals", originals)
    files = _files(folder, names, len(pictures))
    steps = _for_each("steps", steps, len(files))
    seconds = _for_each("seconds", seconds, len(files))
    saved = np.stack([_saved(*pair) for pair in zip(pictures, files, strict=True)])
    originals = _floats(_pixels(originals))
    answers = _ask(judges, np.concatenate([originals, saved]), class_names)
    attacked = next(iter(answers.values()))
    clean = attacked[: len(files)].argmax(axis=1)
    require_target(target, clean, class_names)
    reports = []
    for n, file in enumerate(files):
        opinions = {
            label: _opinion(chances[n], chances[n + len(files)], target, class_names)
            for label, chances in answers.items()
        }
        measured = distances(saved[n], originals[n])
        measured |= {"steps": steps[n], "seconds": seconds[n]}
        classes = class_names[target], class_names[clean[n]]
        reports.append(_report(file.name, *classes, opinions, measured))
        text = json.dumps(reports[n], indent=2, ensure_ascii=False, allow_nan=False)
        write_text(file.with_suffix(".json"), text + "\n")
    return reports


def _files(folder, names, count) -> list[Path]:
    """Return the files of the pictures, or raise what is wrong with their names."""
    require_length("names", names, count)
    if len(set(names)) < count or any(Path(name).name != name for name in names):
        raise ValueError(
            f"names is {list(names)}, expected names of files, all different and "
            "without a folder."
        )
    return [Path(folder) / f"{name}.png" for name in names]


def _for_each(name, values, count) -> list:
    """Return one number for each picture, where one for all may have been given."""
    values = np.asarray(values)
    if values.ndim:
        require_length(name, values, count)
    return np.broadcast_to(values, count).tolist()


def _saved(picture, file) -> np.ndarray:
    """Save a picture and read it back; the report of an earlier one goes first."""
    file.with_suffix(".json").unlink(missing_ok=True)
    save_picture(picture, file)
    return load_picture(file)


def _ask(judges, images, class_names) -> dict[str, np.ndarray]:
    """Let every judge classify all pictures in one go."""
    if not judges:
        raise ValueError("judges is empty, expected the network that was attacked.")
    return {
        label: require_probabilities(classify(images), class_names, dimensions=2)
        for label, classify in judges.items()
    }


def _opinion(before, after, target, class_names) -> dict:
    """Compare what one judge made of one picture before and after the attack."""
    return {
        "class": class_names[after.argmax()],
        "target probability": round(float(after[target]), DIGITS),
        "fooled": bool(after.argmax() == target != before.argmax()),
    }


def _report(picture, target, clean, opinions, measured) -> dict:
    """Put one attack report together; the first judge was attacked, and decides."""
    attacked = next(iter(opinions.values()))
    return {
        "picture": picture,
        "verdict": "passed" if attacked["fooled"] else "failed",
        "target": target,
        "clean class": clean,
        "target probability": attacked["target probability"],
        **{name: round(number, DIGITS) for name, number in measured.items()},
        "judges": opinions,
    }


def _pixels(images) -> np.ndarray:
    """Round to the 256 values of a byte."""
    return np.rint(images * 255).astype(np.uint8)


def _floats(pixels) -> np.ndarray:
    return np.divide(pixels, np.float32(255))
