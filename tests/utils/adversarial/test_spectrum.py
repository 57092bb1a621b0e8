"""Spectra of pictures whose spectrum is known."""

import numpy as np
import pytest

from utils.adversarial.spectrum import power_spectrum, spectrum_slope
from utils.data.datasets import load_photographs
from utils.data.images import load_images

SHAPES = [(224, 224), (160, 241)]


def fractal_noise(exponent, shape):
    """Make noise whose power falls with this power of the frequency."""
    random = np.random.default_rng(0)
    down, across = (np.fft.fftfreq(side) for side in shape)
    radius = np.hypot(down[:, None], across)
    radius[0, 0] = np.inf
    waves = np.fft.fft2(random.normal(size=shape)) * radius ** (-exponent / 2)
    grey = np.fft.ifft2(waves).real
    grey = (grey - grey.min()) / np.ptp(grey)
    return np.repeat(grey[..., None], 3, axis=-1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("exponent", [0, 1, 2, 3])
def test_slope_of_noise_is_the_one_it_was_made_with(exponent, shape):
    slope = spectrum_slope(fractal_noise(exponent, shape))
    assert isinstance(slope, float)
    assert slope == pytest.approx(-exponent, abs=0.2)


def test_photographs_are_as_smooth_as_photographs_are():
    for image in load_images(load_photographs().paths, 224):
        assert -3.2 < spectrum_slope(image) < -1.8


def test_edges_do_not_count_as_detail():
    ramp = np.linspace(0, 1, 224) ** 2 * np.ones((224, 1))
    assert spectrum_slope(np.repeat(ramp[..., None], 3, axis=-1)) < -4


@pytest.mark.parametrize("shape", SHAPES)
def test_power_of_white_noise_is_its_variance(shape):
    frequencies, power = power_spectrum(fractal_noise(0, shape))
    variance = fractal_noise(0, shape).var()
    assert frequencies[0] == 1 / min(shape)
    assert frequencies[-1] == 0.5
    assert len(frequencies) == len(power)
    assert power[20:] == pytest.approx(variance, rel=0.5)
    assert power[20:].mean() == pytest.approx(variance, rel=0.1)


@pytest.mark.parametrize("height", [64, 96])
def test_a_wave_is_found_at_its_frequency(height):
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * 0.25 * np.arange(64)) * np.ones((height, 1))
    frequencies, power = power_spectrum(np.repeat(wave[..., None], 3, axis=-1))
    assert frequencies[power.argmax()] == 0.25


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.full((32, 32, 3), 0.5), "one grey all over"),
        (np.ones((12, 32, 3)), "12 × 32 pixels, expected at least 16"),
        (np.ones((32, 32)), r"expected \(H, W, 3\)"),
        (np.full((32, 32, 3), 128, np.uint8), "divide"),
    ],
)
def test_what_has_no_slope_is_refused(image, message):
    with pytest.raises(ValueError, match=f"^image .*{message}"):
        spectrum_slope(image)
