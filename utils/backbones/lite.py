"""EfficientNet-Lite in Keras, which keras.applications does not have.

Tan and Le 2019 (EfficientNet), table 1, without squeeze-and-excitation and with ReLU6,
as the README of EfficientNet-Lite in the repository tensorflow/tpu says. Layers are
named, and pictures taken, as in ``keras.applications.EfficientNetB0``.
"""

import math

import numpy as np
from keras import Model, layers

# Expansion, kernel, stride, maps, repeats of each stage.
STAGES = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
]
STEM_MAPS, TOP_MAPS = 32, 1280
BATCH_NORM_EPSILON = 1e-3
# Compound scaling: how much wider and deeper.
SCALES = {
    "efficientnet_lite0": (1.0, 1.0),
    "efficientnet_lite1": (1.0, 1.1),
    "efficientnet_lite2": (1.1, 1.2),
}
POOLINGS = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}


def build_lite(
    name: str,
    size: int,
    include_top: bool,
    pooling: str | None,
    classes: int,
    classifier_activation: str | None,
) -> Model:
    """Build a network with random weights.

    Parameters
    ----------
    name : str
        A key of `SCALES`.
    size : int
        Height and width of its pictures, pixels.
    include_top, pooling, classes, classifier_activation
        As for the networks of keras.applications.

    Returns
    -------
    keras.Model
        A functional model of (N, size, size, 3) pictures with values from 0 to 255.
    """
    wider, deeper = SCALES[name]
    inputs = layers.Input((size, size, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)
    x = _convolution(x, STEM_MAPS, 3, "stem_", stride=2)
    for number, (expand, kernel, stride, maps, repeats) in enumerate(STAGES, 1):
        if 1 < number < len(STAGES):  # the first and the last keep their depth
            repeats = math.ceil(deeper * repeats)
        maps = _round_to_eight(wider * maps)
        x = _block(x, expand, kernel, stride, maps, f"block{number}a_")
        for letter in "bcdefgh"[: repeats - 1]:
            prefix = f"block{number}{letter}_"
            changed = _block(x, expand, kernel, 1, maps, prefix)
            x = layers.Add(name=f"{prefix}add")([changed, x])
    x = _convolution(x, TOP_MAPS, 1, "top_")
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dense(classes, classifier_activation, name="predictions")(x)
    elif pooling:
        x = POOLINGS[pooling](name=f"{pooling}_pool")(x)
    return Model(inputs, x, name=name)


def fill(model: Model, state: dict[str, np.ndarray]) -> None:
    """Copy the weights of PyTorch's network into Keras's layout.

    Parameters
    ----------
    model : keras.Model
        From `build_lite`; without its top, the classifier's weights are left out.
    state : dict of str to ndarray
        From `utils.backbones.weights.read_weights`.
    """
    arrays = [a for name, a in state.items() if "num_batches" not in name]
    with_top = model.layers[-1].name == "predictions"
    arrays = arrays if with_top else arrays[:-2]
    for variable, array in zip(model.weights, arrays, strict=True):
        if array.ndim == 4:  # (out, in, height, width)
            last = (0, 1) if "dwconv" in variable.path else (1, 0)
            array = array.transpose(2, 3, *last)
        variable.assign(array if array.ndim == 4 else array.T)


def _round_to_eight(maps: float) -> int:
    """Round to a multiple of 8, by at most a tenth downwards."""
    rounded = max(8, int(maps + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * maps else rounded


def _block(x, expand, kernel, stride, maps, prefix):
    """Add an inverted residual block (Sandler et al. 2018, MobileNetV2, table 1)."""
    if expand != 1:
        x = _convolution(x, expand * x.shape[-1], 1, f"{prefix}expand_")
    depthwise = {"padding": "same", "use_bias": False, "name": f"{prefix}dwconv"}
    x = layers.DepthwiseConv2D(kernel, stride, **depthwise)(x)
    x = layers.ReLU(6, name=f"{prefix}activation")(_batch_norm(x, f"{prefix}bn"))
    x = layers.Conv2D(maps, 1, use_bias=False, name=f"{prefix}project_conv")(x)
    return _batch_norm(x, f"{prefix}project_bn")


def _convolution(x, maps, kernel, prefix, stride=1):
    shape = {"strides": stride, "padding": "same", "use_bias": False}
    x = layers.Conv2D(maps, kernel, **shape, name=f"{prefix}conv")(x)
    return layers.ReLU(6, name=f"{prefix}activation")(_batch_norm(x, f"{prefix}bn"))


def _batch_norm(x, name):
    return layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=name)(x)
