"""How rough or smooth a picture is: its power spectrum."""

import numpy as np
from scipy.signal.windows import hann

from utils.checks import require_images

SMALLEST = 16  # pixels, the shorter side
BAND = 0.02, 0.4  # cycles per pixel, what a slope is fitted to


def power_spectrum(image) -> tuple[np.ndarray, np.ndarray]:
    """Average the power of a picture over all directions (Field 1987, JOSA A 4, 2379).

    The picture is made grey (mean of the colours), its mean is taken off, and a Hann
    window fades it out towards the edges, which otherwise would count as detail.

    Parameters
    ----------
    image : (H, W, 3) float ndarray in [0, 1]
        RGB picture of at least `SMALLEST` pixels a side.

    Returns
    -------
    frequencies : (F,) float ndarray
        Middles of the rings of equal width, up to 0.5, in cycles per pixel.
    power : (F,) float ndarray
        Mean power in each ring, per pixel: at all frequencies the variance, if the
        picture is white noise.

    Raises
    ------
    ValueError
        If the picture is of another shape, type or range, or too small.
    """
    grey = require_images("image", image, "(H, W, 3)").mean(axis=-1, dtype=float)
    shorter = min(grey.shape)
    if shorter < SMALLEST:
        raise ValueError(
            f"image is {grey.shape[0]} × {grey.shape[1]} pixels, expected at least "
            f"{SMALLEST} a side: a smaller one has too few frequencies."
        )
    window = np.outer(*(hann(side, sym=False) for side in grey.shape))
    grey = (grey - np.average(grey, weights=window)) * window
    power = np.abs(np.fft.fft2(grey)) ** 2 / (window**2).sum()
    down, across = (np.fft.fftfreq(side) for side in grey.shape)
    rings = np.rint(np.hypot(down[:, None], across) * shorter).astype(int).ravel()
    means = np.bincount(rings, power.ravel()) / np.bincount(rings)
    wanted = np.arange(1, shorter // 2 + 1)  # ring 0 is the mean, the last the corners
    return wanted / shorter, means[wanted]


def spectrum_slope(image) -> float:
    """Fit a straight line to the logarithm of power against that of frequency.

    Natural scenes are near -2 (Field 1987), portraits with a blurred background lower,
    white noise at 0: the lower, the smoother. The line is fitted by least squares to
    all rings inside `BAND`, weighted so that each octave counts the same.

    Parameters
    ----------
    image : (H, W, 3) float ndarray in [0, 1]
        RGB picture of at least `SMALLEST` pixels a side.

    Returns
    -------
    float
        The slope of the line.

    Raises
    ------
    ValueError
        If `power_spectrum` refuses the picture, or it is of one grey all over.
    """
    frequencies, power = power_spectrum(image)
    inside = (frequencies >= BAND[0]) & (frequencies <= BAND[1])
    frequencies, power = frequencies[inside], power[inside]
    if not power.min() > 0:
        raise ValueError(
            "image is of one grey all over, expected some detail: without any there "
            "is no slope."
        )
    weights = frequencies**-0.5  # polyfit squares them
    slope, _ = np.polyfit(np.log(frequencies), np.log(power), 1, w=weights)
    return float(slope)
