"""Both frameworks read one weight file and agree; preprocessing lives inside."""

import collections
import pickle
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from utils.backbones import pytorch, tensorflow, weights
from utils.backbones.base import find_class
from utils.backbones.table import BACKBONES, EMBEDDED
from utils.backbones.weights import WeightsUnavailable, read_weights
from utils.data.datasets import load_photographs
from utils.data.images import load_images

ROOT = Path(__file__).parents[3]
FRAMEWORKS = [pytorch, tensorflow]
DOWNLOADED = [name for name in BACKBONES if name not in EMBEDDED]
DALMATIAN, BULL_MASTIFF, HOUSE_CATS = 251, 243, {281, 282, 285}


@pytest.fixture(scope="module")
def loaded():
    """Load each backbone once."""
    kept = {}

    def load(framework, name, pretrained=True):
        key = framework.FRAMEWORK, name
        if key not in kept:
            kept[key] = framework.load_backbone(name, pretrained)
        return kept[key]

    return load


def photographs_and_noise(size: int) -> np.ndarray:
    noise = np.random.default_rng(0).random((2, size, size, 3), dtype=np.float32)
    return np.concatenate([load_images(load_photographs().paths, size), noise])


def run(backbone, method, images, *options) -> np.ndarray:
    tensor = getattr(backbone, method)(backbone.tensor(images), *options)
    return backbone.array(tensor)


@pytest.mark.parametrize("name", EMBEDDED)
def test_frameworks_agree(loaded, name):
    one, other = (loaded(framework, name) for framework in FRAMEWORKS)
    images = photographs_and_noise(BACKBONES[name].size)
    logits = run(one, "logits", images), run(other, "logits", images)
    assert logits[0].shape == (5, 1000)
    assert np.abs(logits[0] - logits[1]).max() < 1e-3
    features = run(one, "features", images), run(other, "features", images)
    assert features[0].shape == (5, one.width)
    assert np.abs(features[0] - features[1]).max() < 1e-3 * features[0].max()
    for depth in (0, 3, -1):
        maps = (
            run(one, "maps", images[:1], depth),
            run(other, "maps", images[:1], depth),
        )
        np.testing.assert_allclose(*maps, atol=1e-3)


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda f: f.FRAMEWORK)
@pytest.mark.parametrize("name", EMBEDDED)
def test_photographs_are_named(loaded, framework, name):
    backbone = loaded(framework, name)
    images = load_images(load_photographs().paths, backbone.size)
    cat, *dogs = run(backbone, "logits", images).argmax(axis=1)
    assert cat in HOUSE_CATS
    assert dogs == [DALMATIAN, BULL_MASTIFF]


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda f: f.FRAMEWORK)
def test_a_backbone_is_frozen_and_the_table_is_true(loaded, framework):
    for name in EMBEDDED:
        backbone = loaded(framework, name)
        numbers = sum(np.prod(w.shape) for w in trainable_or_not(backbone))
        assert numbers / 1e6 == pytest.approx(BACKBONES[name].parameters, abs=0.006)
        assert backbone.class_names[DALMATIAN] == "dalmatian"
        assert len(set(backbone.class_names)) == 1000


def trainable_or_not(backbone):
    """List the parameters (BatchNorm's averages are none); all must be frozen."""
    module = backbone.module
    if hasattr(module, "parameters"):
        assert not any(p.requires_grad for p in module.parameters())
        return list(module.parameters())
    assert not module.trainable_variables
    return [v for v in module.variables if "moving" not in v.path]


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda f: f.FRAMEWORK)
def test_features_are_the_mean_of_the_last_maps(loaded, framework):
    backbone = loaded(framework, "efficientnet_lite0")
    images = photographs_and_noise(backbone.size)[:2]
    last = run(backbone, "maps", images, -1)
    np.testing.assert_allclose(
        run(backbone, "features", images), last.mean(axis=(1, 2)), atol=1e-4
    )


def test_a_stage_learns_but_its_batch_norm_stays(loaded):
    """Keras's fit asks for training mode, in which the averages would move."""
    backbone = loaded(tensorflow, "efficientnet_lite0")
    maps = run(backbone, "maps", photographs_and_noise(backbone.size), -2)
    inputs = keras.Input(maps.shape[1:])
    model = keras.Model(inputs, backbone.last_stage()(inputs))
    before = [variable.numpy() for variable in model.variables]
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(maps, np.zeros((len(maps), 7, 7, 1280)), verbose=0)
    for variable, value in zip(model.variables, before, strict=True):
        moved = not np.array_equal(variable.numpy(), value)
        assert moved != ("moving" in variable.path)


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda f: f.FRAMEWORK)
def test_a_copied_stage_is_free_and_says_the_same(loaded, framework):
    backbone = loaded(framework, "efficientnet_lite0")
    stage, images = backbone.last_stage(), photographs_and_noise(backbone.size)[:1]
    before = run(backbone, "maps", images, -2)
    after = backbone.array(stage(backbone.tensor(before)))
    np.testing.assert_allclose(after, run(backbone, "maps", images, -1), atol=1e-4)
    weights = getattr(stage, "trainable_variables", None) or list(stage.parameters())
    assert len(weights) == 12
    assert all(getattr(weight, "requires_grad", True) for weight in weights)


@pytest.mark.parametrize("name", DOWNLOADED)
def test_preprocessing_is_that_of_torchvision(name):
    picture = square_photograph()
    backbone = pytorch.load_backbone(name, pretrained=False)
    weights = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]
    expected = weights.transforms(crop_size=224, resize_size=224)(picture)
    module, images = backbone.module, as_images(picture)
    given = (backbone.tensor(images) - module.mean) / module.std
    np.testing.assert_allclose(given[0], expected, atol=1e-5)
    assert run(backbone, "logits", images).shape == (1, 1000)
    assert run(backbone, "features", images).shape == (1, backbone.width)


@pytest.mark.parametrize("name", DOWNLOADED)
def test_preprocessing_is_that_of_keras(name):
    picture = square_photograph()
    backbone = tensorflow.load_backbone(name, pretrained=False)
    application = getattr(keras.applications, name)
    expected = application.preprocess_input(np.asarray(picture, dtype=np.float32))
    images = as_images(picture)
    given = backbone.module.preprocess(backbone.tensor(images))
    np.testing.assert_allclose(given[0], expected, atol=1e-4)
    assert run(backbone, "logits", images).shape == (1, 1000)
    assert run(backbone, "features", images).shape == (1, backbone.width)


def square_photograph() -> Image.Image:
    chelsea = Image.open(load_photographs().paths[0])
    return chelsea.resize((224, 224))


def as_images(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, dtype=np.float32)[None] / 255


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda f: f.FRAMEWORK)
def test_stages_of_both_frameworks_have_the_same_shapes(framework):
    images = as_images(square_photograph())
    backbone = framework.load_backbone("mobilenet_v2", pretrained=False)
    shapes = [run(backbone, "maps", images, depth).shape[1:] for depth in range(5)]
    assert shapes == [
        (112, 112, 16),
        (56, 56, 24),
        (28, 28, 32),
        (14, 14, 96),
        (7, 7, 1280),
    ]


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda f: f.FRAMEWORK)
def test_offline_names_what_is_embedded(framework, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(WeightsUnavailable, match="efficientnet_lite0, efficientnet"):
        framework.load_backbone("vgg16")
    assert framework.at_hand() == EMBEDDED


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """Give an empty folder for downloads, none of which can succeed."""
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    keras_home = "keras.src.utils.file_utils.config.keras_home"
    monkeypatch.setattr(keras_home, lambda: str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda f: f.FRAMEWORK)
def test_no_network_names_what_is_embedded(framework, no_network):
    with pytest.raises(WeightsUnavailable, match="Connect to the network"):
        framework.load_backbone("resnet50")


def test_mobilenet_of_keras_is_verified(no_network):
    """Keras knows no hash of this file: a wrong one must not be loaded."""
    file = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"
    folder = no_network / "models"
    folder.mkdir()
    foreign = folder / "foreign.weights.h5"
    keras.applications.MobileNetV2(weights=None).save_weights(foreign)
    foreign.rename(folder / file)
    with pytest.raises(WeightsUnavailable, match=file):
        tensorflow.load_backbone("mobilenet_v2")


def test_an_unknown_name_lists_the_table():
    with pytest.raises(ValueError, match="vgg16"):
        pytorch.load_backbone("vgg61")


def test_a_class_is_found_by_name():
    assert find_class("tabby") == 281
    assert find_class("siamese CAT") == 284
    with pytest.raises(ValueError, match="nearest names: Siamese cat, Persian cat, "):
        find_class("siamese cats")
    with pytest.raises(ValueError, match=r"names: ([^,]+, ){4}[^,]+\.$"):
        find_class("?!")


def test_a_changed_weight_file_is_refused(monkeypatch, tmp_path):
    facts = BACKBONES["efficientnet_lite0"]
    (tmp_path / facts.package / "models").mkdir(parents=True)
    (tmp_path / facts.package / "__init__.py").touch()
    file = f"efficientnet-lite0-{facts.sha256[:8]}.pth"
    (tmp_path / facts.package / "models" / file).write_bytes(b"not the weights")
    monkeypatch.syspath_prepend(tmp_path)
    weights_file = weights.weights_file.__wrapped__  # without what it remembers
    with pytest.raises(ValueError, match="not the published file"):
        weights_file("efficientnet_lite0")


@pytest.mark.parametrize("name", EMBEDDED)
def test_weights_are_read_as_pytorch_reads_them(name):
    file = weights.weights_file(name)
    found, wanted = read_weights(file), torch.load(file, weights_only=True)
    assert list(found) == list(wanted)
    for key, array in found.items():
        np.testing.assert_array_equal(array, wanted[key].numpy())


def test_tensorflow_needs_no_pytorch():
    code = (
        "import sys; from utils.backbones.tensorflow import load_backbone; "
        "load_backbone('efficientnet_lite0'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


class Command:
    """Would run a command where an unpickler is trusting."""

    def __reduce__(self):
        return print, ("this must not be printed",)


@pytest.mark.parametrize("content", [Command(), torch.nn.Linear(1, 1), {"a": {1, 2}}])
def test_weights_that_are_no_plain_state_dict_are_refused(tmp_path, capfd, content):
    file = tmp_path / "forged.pth"
    head = (weights.MAGIC_NUMBER, weights.PROTOCOL, {})
    with file.open("wb") as stream:
        for part in (*head, content, []):
            pickle.dump(part, stream)
    with pytest.raises(ValueError, match="forged.pth is no"):
        read_weights(file)
    assert "printed" not in capfd.readouterr().out


def test_weights_outside_of_their_storage_are_refused(tmp_path):
    file = tmp_path / "short.pth"
    state = collections.OrderedDict(a=torch.ones(4))
    torch.save(state, file, _use_new_zipfile_serialization=False)
    assert read_weights(file)["a"].tolist() == [1, 1, 1, 1]
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(ValueError, match="short.pth is no"):
        read_weights(file)


def test_tensorflow_first_is_an_error_not_a_crash():
    code = "import tensorflow; import utils.backbones.pytorch"
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert process.returncode in (0, 1)
    if process.returncode:
        assert "Restart, and import utils.backbones.pytorch before" in process.stderr


def test_fingerprints_differ(loaded):
    prints = {loaded(f, name).fingerprint for f in FRAMEWORKS for name in EMBEDDED}
    assert len(prints) == len(FRAMEWORKS) * len(EMBEDDED)
