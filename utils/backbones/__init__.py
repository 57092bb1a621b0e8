"""Pre-trained networks; `pytorch` and `tensorflow` beside this file load them."""

from utils.backbones.base import WeightsUnavailable, find_class, imagenet_classes
from utils.backbones.table import BACKBONES, EMBEDDED, find

__all__ = [
    "BACKBONES",
    "EMBEDDED",
    "WeightsUnavailable",
    "find",
    "find_class",
    "imagenet_classes",
]
