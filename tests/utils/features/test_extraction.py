"""Features come from the cache only when it is exactly what was asked for."""

import os

import keras
import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn
from torchvision.transforms import v2

from utils.backbones import pytorch, tensorflow
from utils.data.datasets import load_photographs
from utils.features import extraction as features
from utils.features import networks
from utils.features.extraction import extract


class Colours(nn.Module):
    """A network whose features are the mean colours; it counts its pictures."""

    def __init__(self, size=8, name="colours"):
        super().__init__()
        black_and_white = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
        self.pretrained_cfg = {"input_size": (3, size, size), "architecture": name}
        self.pretrained_cfg |= black_and_white
        self.scale = nn.Parameter(torch.ones(3))
        self.dropout = nn.Dropout()
        self.seen, self.largest = 0, 0

    def forward(self, images):
        self.seen += len(images)
        self.largest = max(self.largest, len(images))
        return self.dropout(self.describe(images) * self.scale)

    def describe(self, images):
        return images.mean(dim=(2, 3))


@pytest.fixture
def paths(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COURSE_ENGINE", "framework")
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
    (file,) = features.cache_folder().glob("*.safetensors")
    return file


def test_rows_follow_the_paths_in_bounded_batches(paths, backbone):
    np.testing.assert_allclose(extract(paths, backbone), expected(paths), atol=1e-6)
    np.testing.assert_allclose(
        extract(paths[::-1], backbone), expected(paths[::-1]), atol=1e-6
    )
    assert backbone.largest <= networks.TORCH_BATCH


def test_the_second_time_comes_from_the_cache(paths, backbone):
    first = extract(paths, backbone)
    assert np.array_equal(extract(paths, backbone), first)
    assert backbone.seen == len(paths)


def test_maps_keep_their_layout(paths, backbone):
    backbone.describe = lambda images: images[:, :, ::2, :2].movedim(1, -1)
    assert extract(paths, backbone).shape == (18, 4, 2, 3)


def test_the_model_is_left_as_it_was(paths, backbone):
    backbone.train()
    backbone.dropout.eval()
    extract(paths, backbone, cache=False)
    assert backbone.training
    assert not backbone.dropout.training
    assert all(parameter.requires_grad for parameter in backbone.parameters())


def changed_time(paths, backbone):
    os.utime(paths[3], ns=(0, 0))


def changed_weights(paths, backbone):
    with torch.no_grad():
        backbone.scale += 1e-7


def changed_code(paths, backbone):
    class Other(Colours):
        def forward(self, images):
            return super().forward(images) * 1.0

    backbone.__class__ = Other


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
    (other,) = set(features.cache_folder().glob("*.safetensors")) - {file}
    os.replace(other, file)


def no_safetensors(paths, backbone):
    cache_file().write_text("<html>not found</html>")


HARMS = [
    changed_time,
    changed_weights,
    changed_code,
    torn,
    one_bit_off,
    foreign,
    no_safetensors,
]


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
    assert list(features.cache_folder().iterdir()) == []


def test_without_cache_nothing_is_written(paths, backbone):
    extract(paths, backbone, cache=False)
    assert not features.cache_folder().exists()


class Sides(Colours):
    """A network of another size, whose features are its size and the left colours."""

    def __init__(self):
        super().__init__(size=6, name="sides")

    def describe(self, images):
        sides = torch.full((len(images), 1), float(images.shape[2]))
        return torch.cat([sides, images[:, :2, 0, 0]], dim=1)


def test_features_of_several_networks_stand_side_by_side(paths, backbone):
    other = Sides()
    rows = extract(paths, [backbone, other])
    np.testing.assert_allclose(rows[:, :3], expected(paths), atol=1e-6)
    assert set(rows[:, 3]) == {6}
    assert np.array_equal(extract(paths, [other, backbone])[:, 3:], rows[:, :3])
    assert backbone.seen == other.seen == len(paths)


def test_what_is_in_the_cache_needs_no_network_loaded(paths, monkeypatch):
    rows = extract(paths, ["efficientnet_lite0"])
    loaded = extract(paths, pytorch.load_backbone("efficientnet_lite0", 0), cache=False)
    assert np.array_equal(loaded, rows)
    never = property(lambda self: pytest.fail("loaded again"))
    monkeypatch.setattr(networks.NamedNetwork, "loaded", never)
    assert np.array_equal(extract(paths, "efficientnet_lite0", engine="none"), rows)


def test_mirror_images_are_averaged_in(paths):
    halves = Image.new("RGB", (30, 30))
    halves.paste((255, 255, 255), (15, 0, 30, 30))
    halves.save(paths[0])
    plain, both = (extract(paths[:1], Sides(), flip=flip)[0, 1] for flip in (0, 1))
    assert plain == 0
    assert both == 0.5


def test_a_transform_replaces_the_preprocessing(paths, backbone):
    transform = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32), v2.Resize(4)])
    rows = extract(paths, backbone, transform)
    np.testing.assert_allclose(rows, 255 * expected(paths), atol=1e-4)
    np.testing.assert_allclose(extract(paths, backbone), expected(paths), atol=1e-6)


def test_chance_in_a_transform_is_refused(paths, backbone):
    crop = v2.Compose([v2.RandomCrop(8), v2.ToImage(), v2.ToDtype(torch.float32)])
    with pytest.raises(ValueError, match="random augmentation"):
        extract(paths, backbone, crop)


def test_a_network_that_tells_nothing_needs_a_transform(paths):
    with pytest.raises(ValueError, match="hand over its transform"):
        extract(paths, nn.Sequential(nn.Flatten()))
    with pytest.raises(TypeError, match="expected a torch.nn.Module"):
        extract(paths, 5)


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "mobilenet_v2"])
def test_networks_of_torchvision_take_its_own_preprocessing(paths, name):
    """With random weights, which are the same in both ways."""
    model = getattr(torchvision.models, name)(weights=None).eval()
    transform = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    chelsea = load_photographs().paths[:1]
    rows = extract(chelsea, model, transform)
    with torch.no_grad():
        wanted = model(transform(Image.open(chelsea[0]))[None])
    np.testing.assert_allclose(rows, wanted, rtol=1e-3, atol=1e-4)
    assert extract(chelsea, model).shape == (1, 1000)


@pytest.mark.parametrize("name", ["VGG16", "ResNet50", "MobileNetV2"])
def test_networks_of_keras_take_its_own_preprocessing(paths, name):
    build = getattr(keras.applications, name)
    square = (224, 224, 3)
    model = build(weights=None, include_top=False, pooling="avg", input_shape=square)
    chelsea = load_photographs().paths[:1]
    rows = extract(chelsea, model)
    assert np.array_equal(
        rows, extract(chelsea, model, tensorflow.preprocessing_for(model))
    )
    inputs = keras.Input(square)
    own = getattr(keras.applications, BACKBONE_MODULES[name]).preprocess_input
    whole = keras.Model(inputs, model(own(inputs)))
    np.testing.assert_allclose(extract(chelsea, whole), rows, rtol=1e-3, atol=1e-5)


BACKBONE_MODULES = {
    "VGG16": "vgg16",
    "ResNet50": "resnet50",
    "MobileNetV2": "mobilenet_v2",
}


def test_a_model_of_keras_without_a_size_is_refused(paths):
    model = keras.applications.MobileNetV2(weights=None, include_top=False)
    with pytest.raises(ValueError, match="fixed square"):
        extract(paths, model)


def test_models_of_keras_are_told_apart(paths):
    def build(bias):
        inputs = keras.Input((8, 8, 3))
        pooled = keras.layers.GlobalAveragePooling2D()(inputs)
        scaled = keras.layers.Rescaling(1 / 255, offset=bias)(pooled)
        return keras.Model(inputs, scaled, name="colours")

    np.testing.assert_allclose(extract(paths, build(0)), expected(paths), atol=1e-6)
    np.testing.assert_allclose(extract(paths, build(2)), 2 + expected(paths), atol=1e-6)
    extract(paths, build(0))
    assert len(list(features.cache_folder().glob("*.safetensors"))) == 2


def test_an_interrupted_run_goes_on_where_it_was(paths, backbone, monkeypatch):
    def stop(images):
        if backbone.seen > 14:
            raise KeyboardInterrupt
        return Colours.describe(backbone, images)

    with monkeypatch.context() as patch:
        patch.setattr(backbone, "describe", stop)
        with pytest.raises(KeyboardInterrupt):
            extract(paths, backbone)
    backbone.seen = 0
    np.testing.assert_allclose(extract(paths, backbone), expected(paths), atol=1e-6)
    assert backbone.seen < len(paths)
    assert len(list(features.cache_folder().iterdir())) == 1


def test_no_pictures_is_an_error(backbone):
    with pytest.raises(ValueError, match="paths is empty"):
        extract([], backbone)
