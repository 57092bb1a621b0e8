"""Features come from the cache only when it is exactly what was asked for."""

import os

import numpy as np
import pytest
from PIL import Image

from utils.backbones import pytorch
from utils.features import extraction as features
from utils.features.extraction import extract


class Colours:
    """A backbone whose features are the mean colours; it counts its pictures."""

    name, size, width, batch_size, fingerprint = "colours", 8, 3, 5, "test colours 1"
    device = "paper"

    def __init__(self):
        self.seen, self.largest = 0, 0

    def tensor(self, images):
        self.seen += len(images)
        self.largest = max(self.largest, len(images))
        return images

    def array(self, tensor):
        return tensor

    def features(self, images):
        return images.mean(axis=(1, 2))

    def maps(self, images, depth):
        return images[:, ::2, ::2] * depth


@pytest.fixture
def paths(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(features, "CHUNK", 7)
    made = [tmp_path / f"{number:02}.png" for number in range(18)]
    for number, path in enumerate(made):
        Image.new("RGB", (20, 30), (number, 100, 255 - number)).save(path)
    return made


@pytest.fixture
def backbone():
    return Colours()


def expected(paths):
    numbers = np.array([int(path.stem) for path in paths], dtype=np.float32)
    hundred = np.full_like(numbers, 100)
    return np.stack([numbers, hundred, 255 - numbers], axis=1) / 255


def cache_file():
    (file,) = features.CACHE.glob("*.safetensors")
    return file


def test_rows_follow_the_paths_in_bounded_batches(paths, backbone):
    np.testing.assert_allclose(extract(paths, backbone), expected(paths), atol=1e-6)
    np.testing.assert_allclose(
        extract(paths[::-1], backbone), expected(paths[::-1]), atol=1e-6
    )
    assert backbone.largest <= backbone.batch_size


def test_the_second_time_comes_from_the_cache(paths, backbone):
    first = extract(paths, backbone)
    assert np.array_equal(extract(paths, backbone), first)
    assert backbone.seen == len(paths)


def test_maps_have_a_cache_of_their_own(paths, backbone):
    extract(paths, backbone)
    maps = extract(paths, backbone, depth=2)
    assert maps.shape == (18, 4, 4, 3)
    assert maps.max() > 1


def changed_time(paths, backbone):
    os.utime(paths[3], ns=(0, 0))


def changed_weights(paths, backbone):
    backbone.fingerprint = "test colours 2"


def torn(paths, backbone):
    content = cache_file().read_bytes()
    cache_file().write_bytes(content[: len(content) // 2])


def one_bit_off(paths, backbone):
    content = bytearray(cache_file().read_bytes())
    content[-1] ^= 1
    cache_file().write_bytes(content)


def foreign(paths, backbone):
    file = cache_file()
    extract(paths[:9], backbone)
    (other,) = set(features.CACHE.glob("*.safetensors")) - {file}
    os.replace(other, file)


def no_safetensors(paths, backbone):
    cache_file().write_text("<html>not found</html>")


HARMS = [changed_time, changed_weights, torn, one_bit_off, foreign, no_safetensors]


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_what_is_stale_torn_or_foreign_is_computed_again(paths, backbone, harm):
    extract(paths, backbone)
    harm(paths, backbone)
    backbone.seen = 0
    np.testing.assert_allclose(extract(paths, backbone), expected(paths), atol=1e-6)
    assert backbone.seen == len(paths)


def test_nothing_half_written_stays(paths, backbone, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        extract(paths, backbone)
    assert list(features.CACHE.iterdir()) == []


def test_without_cache_nothing_is_written(paths, backbone):
    extract(paths, backbone, cache=False)
    assert not features.CACHE.exists()


class Sides(Colours):
    """A backbone of another size, whose features are its size and the left colour."""

    name, size, width, fingerprint = "sides", 6, 2, "test sides 1"

    def features(self, images):
        sides = np.full(len(images), images.shape[1])
        return np.stack([sides, images[:, 0, 0, 0]], axis=1).astype(np.float32)


def test_features_of_several_backbones_stand_side_by_side(paths, backbone):
    other = Sides()
    rows = extract(paths, [backbone, other])
    np.testing.assert_allclose(rows[:, :3], expected(paths), atol=1e-6)
    assert set(rows[:, 3]) == {6}
    assert np.array_equal(extract(paths, [other, backbone])[:, 2:], rows[:, :3])
    assert backbone.seen == other.seen == len(paths)


def test_what_is_in_the_cache_needs_no_network_loaded(paths, monkeypatch):
    rows = extract(paths, ["efficientnet_lite0"])
    loaded = pytorch.load_backbone("efficientnet_lite0")
    monkeypatch.setattr(features, "_load", lambda name: pytest.fail("loaded again"))
    assert np.array_equal(extract(paths, "efficientnet_lite0"), rows)
    assert np.array_equal(extract(paths, loaded, engine="none is asked"), rows)


def test_mirror_images_are_averaged_in(paths):
    halves = Image.new("RGB", (30, 30))
    halves.paste((255, 255, 255), (15, 0, 30, 30))
    halves.save(paths[0])
    plain, both = (extract(paths[:1], Sides(), flip=flip)[0, 1] for flip in (0, 1))
    assert plain == 0
    assert both == 0.5


def test_maps_of_several_backbones_are_refused(paths, backbone):
    for asked in ({"flip": True}, {"backbone": [backbone, Sides()]}):
        with pytest.raises(ValueError, match="depth"):
            extract(paths, **{"backbone": backbone, "depth": 1} | asked)


def test_an_interrupted_run_goes_on_where_it_was(paths, backbone, monkeypatch):
    def stop(images):
        if backbone.seen > 14:
            raise KeyboardInterrupt
        return Colours.features(backbone, images)

    with monkeypatch.context() as patch:
        patch.setattr(backbone, "features", stop)
        with pytest.raises(KeyboardInterrupt):
            extract(paths, backbone)
    backbone.seen = 0
    np.testing.assert_allclose(extract(paths, backbone), expected(paths), atol=1e-6)
    assert backbone.seen < len(paths)
    assert len(list(features.CACHE.iterdir())) == 1


def test_no_pictures_is_an_error(backbone):
    with pytest.raises(ValueError, match="paths is empty"):
        extract([], backbone)
