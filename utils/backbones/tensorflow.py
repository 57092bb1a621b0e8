"""Pre-trained networks of Keras, built with the arguments of keras.applications."""

import os
from collections.abc import Callable
from pathlib import Path

from utils.backbones.table import BACKBONES, find
from utils.backbones.weights import (
    WeightsUnavailable,
    read_weights,
    refuse_if_offline,
    weights_file,
)
from utils.device import quiet_tensorflow, tensorflow_device

quiet_tensorflow()
import keras  # noqa: E402 - TensorFlow reads its log level when it is imported

from utils.backbones.lite import POOLINGS, build_lite, fill  # noqa: E402 - imports Keras

FRAMEWORK = "tensorflow"
IMAGENET_CLASSES = 1000
BUILDERS = {
    "mobilenet_v2": keras.applications.MobileNetV2,
    "resnet50": keras.applications.ResNet50,
    "vgg16": keras.applications.VGG16,
    "vgg19": keras.applications.VGG19,
}
BEFORE_LAST_STAGE = {  # the layer after which the maps are halved for the last time
    "mobilenet_v2": "block_12_add",
    "resnet50": "conv4_block6_out",
    "vgg16": "block4_pool",
    "vgg19": "block4_pool",
}
LAST_MAPS = {  # the layer before the top
    "mobilenet_v2": "out_relu",
    "resnet50": "conv5_block3_out",
    "vgg16": "block5_pool",
    "vgg19": "block5_pool",
}
STORAGE = "https://storage.googleapis.com/tensorflow/keras-applications"
KERNELS = "weights_tf_dim_ordering_tf_kernels"  # of all files that Keras downloads
FILES = {
    "mobilenet_v2": f"mobilenet_v2_{KERNELS}_1.0_224.h5",
    "resnet50": f"resnet50_{KERNELS}.h5",
    "vgg16": f"vgg16_{KERNELS}.h5",
    "vgg19": f"vgg19_{KERNELS}.h5",
}
# Keras publishes no hash of this file. Two projects that know nothing of each other do,
# one of Keras's copy and one of that of the weights' author, and they agree.
MOBILENET_SHA256 = "3e195a2857356cfc092cbbb460beb2a5bce279015d7792598b8d3d9e451902e3"
# Networks of keras.applications whose pictures are prepared outside: how their names
# begin, and the module that has the function. The others do it in their first layers.
PREPARED_OUTSIDE = {
    "densenet": "densenet",
    "inception_resnet_v2": "inception_resnet_v2",
    "inception_v3": "inception_v3",
    "mobilenet_": "mobilenet",
    "mobilenetv2": "mobilenet_v2",
    "nasnet": "nasnet",
    "resnet50v2": "resnet_v2",
    "resnet101v2": "resnet_v2",
    "resnet152v2": "resnet_v2",
    "resnet": "resnet",
    "vgg16": "vgg16",
    "vgg19": "vgg19",
    "xception": "xception",
}


def load_backbone(
    name: str,
    include_top: bool = True,
    weights: str | None = "imagenet",
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
) -> keras.Model:
    """Load a pre-trained network, with the arguments of keras.applications.

    Parameters
    ----------
    name : str
        A key of `utils.backbones.BACKBONES`.
    include_top : bool
        False leaves the classifier of ImageNet out.
    weights : {"imagenet", None}
        None leaves the weights random, as for training from scratch.
    pooling : {"avg", "max", None}
        How the last maps become features where there is no top; None leaves them
        maps.
    classifier_activation : {"softmax", None}
        None lets the top give logits.

    Returns
    -------
    keras.Model
        A functional model of (N, size, size, 3) pictures, whose values run from 0 to
        255; those of keras.applications want them preprocessed (`preprocessing_for`).

    Raises
    ------
    ValueError
        If the table has no such backbone, or its file is not the published one.
    WeightsUnavailable
        If the weights are neither on this machine nor to be downloaded.
    """
    facts = find(name)
    tensorflow_device()  # before the first tensor, so that memory grows as needed
    if not facts.package:
        model = _from_keras(name, weights, classifier_activation)
        return model if include_top else _without_top(model, LAST_MAPS[name], pooling)
    top = include_top, pooling, IMAGENET_CLASSES, classifier_activation
    model = build_lite(name, facts.size, *top)
    if weights:
        fill(model, read_weights(weights_file(name)))
    return model


def preprocessing_for(model: keras.Model) -> Callable | None:
    """Find the function that prepares pictures for a network of keras.applications.

    Parameters
    ----------
    model : keras.Model
        From `load_backbone` or keras.applications, under its own name.

    Returns
    -------
    callable or None
        From (N, H, W, 3) RGB from 0 to 255 to what the network takes; None where the
        network prepares them itself, as all others are taken to do.
    """
    for beginning, module in PREPARED_OUTSIDE.items():
        if model.name.startswith(beginning):
            return getattr(keras.applications, module).preprocess_input
    return None


def split_last_stage(name: str, model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Split a network before its last stage, for fine-tuning.

    Parameters
    ----------
    name : str
        A key of `utils.backbones.BACKBONES`.
    model : keras.Model
        What `load_backbone` gives for it with ``include_top=False``.

    Returns
    -------
    trunk : keras.Model
        From pictures to the maps before the last stage.
    stage : keras.Model
        From there to what `model` gives. Both share the weights of `model`.
    """
    layers = [layer.name for layer in model.layers]
    sixth = [each for each in layers if each.startswith("block6")]
    end = BEFORE_LAST_STAGE.get(name) or sixth[-1]
    maps = model.get_layer(end).output
    trunk = keras.Model(model.input, maps, name=f"{model.name}_trunk")
    return trunk, keras.Model(maps, model.output, name=f"{model.name}_last_stage")


def at_hand() -> list[str]:
    """List the backbones whose weights are on this machine.

    Returns
    -------
    list of str
        In the order of the table; none of them needs a download.
    """
    return [n for n, facts in BACKBONES.items() if facts.package or _is_cached(n)]


def _from_keras(name, weights, classifier_activation) -> keras.Model:
    """Build one of Keras's networks."""
    if weights and not _is_cached(name):
        refuse_if_offline(name)
    try:
        if weights and name == "mobilenet_v2":
            weights = _verified_mobilenet()
        activation = {"classifier_activation": classifier_activation}
        return BUILDERS[name](weights=weights, **activation)
    except Exception as error:
        # Keras wraps every network error in a bare Exception.
        if not any(sign in str(error) for sign in ("URL fetch failure", "corrupted")):
            raise
        raise WeightsUnavailable(name, error) from error


def _without_top(model: keras.Model, last_maps: str, pooling: str | None):
    """Cut the top off; Keras would download a second file for the same weights."""
    x = model.get_layer(last_maps).output
    if pooling:
        x = POOLINGS[pooling](name=f"{pooling}_pool")(x)
    return keras.Model(model.input, x, name=model.name)


def _verified_mobilenet() -> str:
    """Fetch, if need be, a file of which Keras itself would not check the hash."""
    file = FILES["mobilenet_v2"]
    url = f"{STORAGE}/mobilenet_v2/{file}"
    known = {"cache_subdir": "models", "file_hash": MOBILENET_SHA256}
    return keras.utils.get_file(file, url, **known)


def _is_cached(name: str) -> bool:
    """Return whether Keras has downloaded these weights before."""
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    return (home / "models" / FILES[name]).exists()
