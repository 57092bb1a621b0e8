"""Streamed pictures are those that are loaded at once, whatever the size of a batch."""

import numpy as np
import pytest
from PIL import Image

from utils.data.decode import read_picture
from utils.data.images import load_images, square, stream_images


@pytest.fixture
def paths(tmp_path):
    made = [tmp_path / f"{number}.jpg" for number in range(11)]
    for number, path in enumerate(made):
        _scene(60 + number, 50).save(path, quality=90)
    return made


def _scene(width, height):
    """Draw a smooth picture, so that its reduced form is nearly the same."""
    across, down = np.meshgrid(np.linspace(0, 6, width), np.linspace(0, 5, height))
    waves = [np.sin(across + k) * np.cos(down - k) for k in range(3)]
    return Image.fromarray((127 + 100 * np.stack(waves, axis=-1)).astype(np.uint8))


def squares(*sizes):
    """Prepare a picture for users of several sizes."""
    return lambda picture: [square(picture, size) for size in sizes]


@pytest.mark.parametrize("count", [1, 4, 11, 30])
def test_batches_hold_every_picture_once_in_order(paths, count):
    batches = list(stream_images(paths, squares(24, 16), count))
    assert {len(of_size) for batch in batches[:-1] for of_size in batch} <= {count}
    for index, size in enumerate((24, 16)):
        found = np.concatenate([batch[index] for batch in batches])
        loaded = np.round(load_images(paths, size) * 255).astype(np.uint8)
        assert np.array_equal(found, loaded)


def test_a_large_jpeg_is_decoded_at_a_reduced_scale(tmp_path):
    path = tmp_path / "large.jpg"
    _scene(2000, 1500).save(path, quality=95)
    assert read_picture(path, 200).size == (500, 375)
    assert read_picture(path, 1400).size == (2000, 1500)
    ((found,),) = stream_images([path], squares(100), 1, least=200)
    plain = load_images([path], 100)[0] * 255
    assert np.abs(found[0] - plain).mean() < 1


def test_a_missing_picture_is_named(paths):
    paths[5].unlink()
    with pytest.raises(FileNotFoundError, match="5.jpg"):
        list(stream_images(paths, squares(16), 3))
