"""A GIF is opened again and shows the frames that went in."""

import base64
import io

import numpy as np
import pytest
from bs4 import BeautifulSoup
from PIL import Image

from utils.plot import animation
from utils.plot.animation import Animation

RANDOM = np.random.default_rng(0)
GROWING = np.linspace(0, 1, 5)[:, None, None, None] * np.full((20, 30, 3), [1, 0.5, 0])


def _frames(gif):
    """Return frames and durations of a GIF."""
    picture = Image.open(io.BytesIO(gif))
    frames, milliseconds = [], []
    for number in range(picture.n_frames):
        picture.seek(number)
        frames.append(np.asarray(picture.convert("RGB")) / 255)
        milliseconds.append(picture.info["duration"])
    return np.stack(frames), milliseconds


def test_gif_plays_the_frames_in_order_and_stays_at_the_last():
    gif = Animation(GROWING, "growing", size=30, frame_seconds=0.2).gif
    frames, milliseconds = _frames(gif)
    np.testing.assert_allclose(frames, GROWING, atol=0.01)
    assert milliseconds == [200] * 4 + [2000]
    assert Image.open(io.BytesIO(gif)).info["loop"] == 0  # forever


@pytest.mark.parametrize("size", [12, 60])
def test_the_longer_side_is_the_size_asked_for(size):
    frames, _ = _frames(Animation(GROWING, "growing", size=size).gif)
    assert frames.shape[1:3] == (size * 2 // 3, size)


def test_large_gif_gets_fewer_frames_but_keeps_first_and_last(monkeypatch):
    noise = 0.5 * RANDOM.random((30, 40, 40, 3))
    noise[0], noise[-1] = 1, 0.75
    whole = Animation(noise, "noise", size=40).gif
    monkeypatch.setattr(animation, "MAX_BYTES", len(whole) * 2 // 3)
    gif = Animation(noise, "noise", size=40).gif
    frames, _ = _frames(gif)
    assert len(gif) <= len(whole) * 2 // 3
    assert 15 <= len(frames) <= 20
    assert frames[0].min() > 0.9
    np.testing.assert_allclose(frames[-1], 0.75, atol=0.05)


def test_larger_gif_gets_fewer_colors_too(monkeypatch):
    noise = RANDOM.random((30, 40, 40, 3))
    whole = Animation(noise, "noise", size=40).gif
    monkeypatch.setattr(animation, "MAX_BYTES", len(whole) // 4)
    gif = Animation(noise, "noise", size=40).gif
    frames, _ = _frames(gif)
    assert len(gif) <= len(whole) // 4
    assert len(frames) == animation.MIN_FRAMES
    assert len(np.unique(frames.reshape(-1, 3), axis=0)) <= 128


def test_what_fits_in_no_way_is_refused(monkeypatch):
    monkeypatch.setattr(animation, "MAX_BYTES", 500)
    with pytest.raises(ValueError, match="^size .*40 × 40 .*500: choose a smaller"):
        Animation(RANDOM.random((3, 40, 40, 3)), "noise", size=40)


def test_page_shows_the_gif_with_its_alt():
    animated = Animation(GROWING[:1], 'a "cat" & <b>')
    bundle = animated._repr_mimebundle_()
    picture = BeautifulSoup(bundle["text/html"], "html.parser").img
    kind, _, encoded = picture["src"].partition(",")
    assert kind == "data:image/gif;base64"
    assert base64.b64decode(encoded) == animated.gif
    assert picture["alt"] == animated.alt == bundle["text/plain"] == 'a "cat" & <b>'


def test_bytes_of_pixels_are_refused():
    with pytest.raises(ValueError, match="^frames .*uint8.*divide"):
        Animation((GROWING * 255).astype(np.uint8), "growing")
