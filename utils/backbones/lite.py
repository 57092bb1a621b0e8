"""EfficientNet-Lite in Keras, which keras.applications does not have.

Tan and Le 2019 (EfficientNet), table 1, without squeeze-and-excitation and with ReLU6,
as the README of EfficientNet-Lite in the repository tensorflow/tpu says.
"""

import math

import keras
import numpy as np
from keras import layers

BATCH_NORM_EPSILON = 1e-3
# Expansion, kernel, stride, maps, repeats of each stage.
LITE_STAGES = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
]
STEM_MAPS, HEAD_MAPS = 32, 1280
# Compound scaling: how much wider and deeper.
LITE_SCALES = {
    "efficientnet_lite0": (1.0, 1.0),
    "efficientnet_lite1": (1.0, 1.1),
    "efficientnet_lite2": (1.1, 1.2),
}


def build(name: str, classes: int) -> tuple[list[keras.Model], keras.Model]:
    """Build a network with random weights, stage by stage.

    Parameters
    ----------
    name : str
        A key of `LITE_SCALES`.
    classes : int
        Number of logits.

    Returns
    -------
    stages : list of keras.Model
        From (N, H, W, 3) pictures in [-1, 1] to the last maps.
    classifier : keras.Model
        From the last maps to (N, classes) logits.
    """
    stages = [_stem(), *_lite_stages(*LITE_SCALES[name])]
    stages[-1] = keras.Sequential([stages[-1], _head(stages[-1].output.shape[-1])])
    classifier = keras.Sequential(
        [layers.GlobalAveragePooling2D(), layers.Dense(classes)]
    )
    classifier.build((None, None, None, HEAD_MAPS))
    return stages, classifier


def fill(parts: list[keras.Model], state: dict[str, np.ndarray]) -> None:
    """Copy the weights of PyTorch's network, in order, into Keras's layout.

    Parameters
    ----------
    parts : list of keras.Model
        The stages and the classifier that `build` made.
    state : dict of str to ndarray
        From `utils.backbones.weights.read_weights`.
    """
    arrays = [array for name, array in state.items() if "num_batches" not in name]
    variables = [variable for part in parts for variable in part.weights]
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(_keras_layout(array, "depthwise" in variable.path))


def _stem() -> keras.Model:
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, _convolution(inputs, STEM_MAPS, 3, stride=2))


def _lite_stages(wider: float, deeper: float) -> list[keras.Model]:
    """Scale the table of stages; the first and the last keep their depth."""
    stages, maps = [], STEM_MAPS
    for index, (expand, kernel, stride, out, repeats) in enumerate(LITE_STAGES):
        if 0 < index < len(LITE_STAGES) - 1:
            repeats = math.ceil(deeper * repeats)
        out = _round_maps(wider * out)
        stages.append(_lite_stage(maps, expand, kernel, stride, out, repeats))
        maps = out
    return stages


def _round_maps(maps: float) -> int:
    """Round to a multiple of 8, by at most a tenth downwards."""
    rounded = max(8, int(maps + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * maps else rounded


def _lite_stage(maps, expand, kernel, stride, out, repeats) -> keras.Model:
    """Stack inverted residual blocks (Sandler et al. 2018, MobileNetV2, table 1)."""
    inputs = keras.Input((None, None, maps))
    x = _block(inputs, expand, kernel, stride, out)
    for _ in range(repeats - 1):
        x = layers.Add()([_block(x, expand, kernel, 1, out), x])
    return keras.Model(inputs, x)


def _block(x, expand, kernel, stride, out):
    """Widen, filter each map by itself, narrow again without an activation."""
    if expand != 1:
        x = _convolution(x, expand * x.shape[-1], 1)
    x = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False)(x)
    x = layers.ReLU(6)(_batch_norm(x))
    return _batch_norm(layers.Conv2D(out, 1, use_bias=False)(x))


def _head(maps: int) -> keras.Model:
    inputs = keras.Input((None, None, maps))
    return keras.Model(inputs, _convolution(inputs, HEAD_MAPS, 1))


def _convolution(x, maps, kernel, stride=1):
    x = layers.Conv2D(maps, kernel, stride, padding="same", use_bias=False)(x)
    return layers.ReLU(6)(_batch_norm(x))


def _batch_norm(x):
    return layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON)(x)


def _keras_layout(array: np.ndarray, depthwise: bool) -> np.ndarray:
    """Turn (out, in, height, width) into (height, width, in, out)."""
    if array.ndim == 4:
        return array.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
    return array.T
