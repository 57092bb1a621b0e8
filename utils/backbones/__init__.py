"""Pre-trained networks; `pytorch` and `tensorflow` beside this file load them."""

from utils.backbones.classes import find_class, imagenet_classes
from utils.backbones.table import BACKBONES, EMBEDDED, find
from utils.backbones.weights import WeightsUnavailable

__all__ = [
    "BACKBONES",
    "EMBEDDED",
    "WeightsUnavailable",
    "find",
    "find_class",
    "imagenet_classes",
]
