"""OpenVINO gives the features that the framework gives, from either framework."""

import importlib

import numpy as np
import pytest

from utils.data.datasets import load_photographs
from utils.data.images import stream_images
from utils.features import engines as engine
from utils.features.engines import choose_engine


@pytest.fixture(params=["pytorch", "tensorflow"])
def backbone(request, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "MODELS", tmp_path / "engines")
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    module = importlib.import_module(f"utils.backbones.{request.param}")
    return module.load_backbone("efficientnet_lite0")


def _features(chosen, backbone, count=11):
    paths = (load_photographs().paths * 4)[:count]
    batches = stream_images(paths, [backbone.size], chosen.batch_size)
    return np.concatenate(list(chosen.run(batch for (batch,) in batches)))


@pytest.mark.parametrize("depth", [None, -2])
def test_openvino_agrees_with_the_framework(backbone, depth):
    plain, fast = (
        _features(choose_engine(backbone, depth, wish), backbone)
        for wish in ("framework", "openvino")
    )
    assert fast.shape == plain.shape
    assert fast.dtype == np.float32
    assert np.abs(fast - plain).max() < 1e-4 * np.abs(plain).max()


def test_a_network_is_converted_once(backbone, monkeypatch):
    first = _features(choose_engine(backbone), backbone, 3)
    monkeypatch.setattr(type(backbone), "to_openvino", None)
    again = choose_engine(backbone)
    assert "OpenVINO" in again.name
    assert np.array_equal(_features(again, backbone, 3), first)
    assert [path.name[0] for path in engine.MODELS.iterdir()] != ["."]


def test_conversion_tells_nobody(backbone):
    choose_engine(backbone)
    from openvino.tools.ovc import telemetry_utils

    assert telemetry_utils.tm.__name__.endswith("telemetry_stub")


def test_the_choice_can_be_overridden(backbone, monkeypatch):
    monkeypatch.setenv("COURSE_ENGINE", "framework")
    assert "OpenVINO" not in choose_engine(backbone).name
    with pytest.raises(ValueError, match="openvino"):
        choose_engine(backbone, wish="magic")
