"""OpenVINO gives the features that the framework gives, from either framework."""

import importlib

import keras
import numpy as np
import pytest
import torch
from torch import nn
from torchvision.transforms import v2

from utils.data.datasets import load_photographs
from utils.data.images import stream_images
from utils.features import engines as engine
from utils.features import extract
from utils.features.engines import choose_engine
from utils.features.networks import network_of

FEATURES = {
    "pytorch": {"num_classes": 0},
    "tensorflow": {"include_top": False, "pooling": "avg"},
}


@pytest.fixture(params=["pytorch", "tensorflow"])
def network(request, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "MODELS", tmp_path / "engines")
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    module = importlib.import_module(f"utils.backbones.{request.param}")
    model = module.load_backbone("efficientnet_lite0", **FEATURES[request.param])
    return network_of(model)


def _features(chosen, network, count=11):
    paths = (load_photographs().paths * 4)[:count]
    batches = stream_images(paths, lambda p: [network.prepare(p)], chosen.batch_size)
    with network.inference():
        return np.concatenate(list(chosen.run(batch for (batch,) in batches)))


def test_openvino_agrees_with_the_framework(network):
    plain, fast = (
        _features(choose_engine(network, wish), network)
        for wish in ("framework", "openvino")
    )
    assert fast.shape == plain.shape
    assert fast.dtype == np.float32
    assert np.abs(fast - plain).max() < 1e-4 * np.abs(plain).max()


def test_openvino_takes_maps_and_transforms_too(network, tmp_path, monkeypatch):
    """Parts of a network, with what the user does to a picture before."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    paths, model = load_photographs().paths, network._model
    if network.library == "PyTorch":
        model, transform = (
            nn.Sequential(model.conv_stem, model.bn1),
            v2.Compose(
                [
                    v2.Resize((96, 64)),
                    v2.ToImage(),
                    v2.ToDtype(torch.float32, scale=True),
                ]
            ),
        )
    else:
        model = keras.Model(model.input, model.get_layer("stem_activation").output)
        transform = keras.applications.vgg16.preprocess_input
    plain, fast = (
        extract(paths, model, transform, cache=False, flip=True, engine=wish)
        for wish in ("framework", "openvino")
    )
    assert fast.ndim == 4
    np.testing.assert_allclose(fast, plain, atol=1e-3)


def test_a_network_is_converted_once(network, monkeypatch):
    first = _features(choose_engine(network), network, 3)
    monkeypatch.setattr(type(network), "to_openvino", None)
    again = choose_engine(network)
    assert "OpenVINO" in again.name
    assert np.array_equal(_features(again, network, 3), first)
    assert [path.name[0] for path in engine.MODELS.iterdir()] != ["."]


def test_conversion_tells_nobody(network):
    _features(choose_engine(network), network, 1)
    from openvino.tools.ovc import telemetry_utils

    assert telemetry_utils.tm.__name__.endswith("telemetry_stub")


def test_the_choice_can_be_overridden(network, monkeypatch):
    monkeypatch.setenv("COURSE_ENGINE", "framework")
    assert "OpenVINO" not in choose_engine(network).name
    with pytest.raises(ValueError, match="openvino"):
        choose_engine(network, wish="magic")
