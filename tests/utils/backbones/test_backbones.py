"""Both frameworks read one weight file and agree; preprocessing lives inside."""

import collections
import pickle
import subprocess
import sys
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image

from utils.backbones import pytorch, tensorflow, weights
from utils.backbones.classes import find_class, imagenet_classes
from utils.backbones.table import BACKBONES, EMBEDDED
from utils.backbones.weights import WeightsUnavailable, read_weights
from utils.data.datasets import load_photographs
from utils.data.images import load_images
from utils.features.networks import load_for

ROOT = Path(__file__).parents[3]
FRAMEWORKS, MODULES = ["pytorch", "tensorflow"], [pytorch, tensorflow]
DOWNLOADED = [name for name in BACKBONES if name not in EMBEDDED]
DALMATIAN, BULL_MASTIFF, HOUSE_CATS = 251, 243, {281, 282, 285}


@pytest.fixture(scope="module")
def loaded():
    """Load each backbone once, with its classifier."""
    return cache(load_for)


def photographs_and_noise(size: int) -> np.ndarray:
    noise = np.random.default_rng(0).random((2, size, size, 3), dtype=np.float32)
    return np.concatenate([load_images(load_photographs().paths, size), noise])


def run(model, images: np.ndarray) -> np.ndarray:
    """Run a model on images in [0, 1], each framework as its guides do."""
    if isinstance(model, keras.Model):
        prepare = tensorflow.preprocessing_for(model) or (lambda same: same)
        return model(prepare(255 * images), training=False).numpy()
    normalize = pytorch.transform_for(model).transforms[-1]
    with torch.inference_mode():
        return model.eval()(normalize(torch.tensor(images).movedim(-1, 1))).numpy()


@pytest.mark.parametrize("name", EMBEDDED)
def test_frameworks_agree(loaded, name):
    images = photographs_and_noise(BACKBONES[name].size)
    logits = [run(loaded(each, name, True), images) for each in FRAMEWORKS]
    assert logits[0].shape == (5, 1000)
    assert np.abs(logits[0] - logits[1]).max() < 1e-3
    features = [run(load_for(each, name), images) for each in FRAMEWORKS]
    assert features[0].shape == (5, BACKBONES[name].width)
    assert np.abs(features[0] - features[1]).max() < 1e-3 * features[0].max()


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", EMBEDDED)
def test_photographs_are_named(loaded, framework, name):
    images = load_images(load_photographs().paths, BACKBONES[name].size)
    cat, *dogs = run(loaded(framework, name, True), images).argmax(axis=1)
    assert cat in HOUSE_CATS
    assert dogs == [DALMATIAN, BULL_MASTIFF]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", EMBEDDED)
def test_the_table_is_true(loaded, framework, name):
    model = loaded(framework, name, True)
    if framework == "pytorch":
        parameters = [parameter.numel() for parameter in model.parameters()]
    else:
        parameters = [np.prod(v.shape) for v in model.trainable_variables]
    assert sum(parameters) / 1e6 == pytest.approx(BACKBONES[name].parameters, abs=0.006)


def test_classes_are_imagenets():
    names = imagenet_classes()
    assert names[DALMATIAN] == "dalmatian"
    assert len(set(names)) == 1000


def test_the_transform_is_that_of_timm():
    model = pytorch.load_backbone("efficientnet_lite0", pretrained=False)
    settings = timm.data.resolve_model_data_config(model)
    theirs = timm.data.create_transform(**settings | {"crop_pct": 1.0})
    picture = Image.open(load_photographs().paths[0])
    ours = pytorch.transform_for(model)(picture)
    np.testing.assert_allclose(ours, theirs(picture), atol=0.02)


def split(framework, name):
    if framework == "pytorch":
        model = pytorch.load_backbone(name, pretrained=name in EMBEDDED)
        return pytorch.split_last_stage(model)
    weights = "imagenet" if name in EMBEDDED else None
    model = tensorflow.load_backbone(name, include_top=False, weights=weights)
    return tensorflow.split_last_stage(name, model)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", BACKBONES)
def test_a_split_network_gives_the_last_maps(framework, name):
    trunk, stage = split(framework, name)
    images = photographs_and_noise(BACKBONES[name].size)[:1]
    maps = run(trunk, images)
    if framework == "pytorch":
        with torch.inference_mode():
            last = stage.eval()(torch.from_numpy(maps)).movedim(1, -1).numpy()
        maps = np.moveaxis(maps, 1, -1)
    else:
        last = stage(maps, training=False).numpy()
    side = last.shape[1]
    before = side if name in EMBEDDED else 2 * side
    assert maps.shape[1:3] == (before, before)
    assert last.shape == (1, side, side, BACKBONES[name].width)
    if name in EMBEDDED:
        features = run(load_for(framework, name), images)
        np.testing.assert_allclose(last.mean(axis=(1, 2)), features, atol=1e-4)


@pytest.mark.parametrize("name", DOWNLOADED)
def test_preprocessing_is_that_of_torchvision(name):
    picture = square_photograph()
    model = pytorch.load_backbone(name, 0, pretrained=False)
    weights = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]
    expected = weights.transforms(crop_size=224, resize_size=224)(picture)
    given = pytorch.transform_for(model)(picture)
    np.testing.assert_allclose(given, expected, atol=1e-5)
    assert run(model, as_images(picture)).shape == (1, BACKBONES[name].width)
    fresh = pytorch.load_backbone(name, 37, pretrained=False)
    assert run(fresh, as_images(picture)).shape == (1, 37)


@pytest.mark.parametrize("name", DOWNLOADED)
def test_preprocessing_is_that_of_keras(name):
    images = as_images(square_photograph())
    options = {"weights": None, "include_top": False, "pooling": "avg"}
    model = tensorflow.load_backbone(name, **options)
    prepare = getattr(keras.applications, name).preprocess_input
    expected = prepare(255 * images)
    given = tensorflow.preprocessing_for(model)(255 * images)
    np.testing.assert_allclose(given, expected, atol=1e-4)
    assert run(model, images).shape == (1, BACKBONES[name].width)


def square_photograph() -> Image.Image:
    chelsea = Image.open(load_photographs().paths[0])
    return chelsea.resize((224, 224))


def as_images(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, dtype=np.float32)[None] / 255


@pytest.mark.parametrize("framework", MODULES, ids=lambda f: f.FRAMEWORK)
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


@pytest.mark.parametrize("framework", MODULES, ids=lambda f: f.FRAMEWORK)
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
