"""Backbones in TensorFlow: one small object around a frozen network.

Its twin, with the same face, is ``utils.backbones.pytorch``.
"""

import os
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from utils.backbones import base
from utils.backbones.openvino import load_openvino
from utils.backbones.table import BACKBONES, find, fingerprint
from utils.backbones.weights import (
    WeightsUnavailable,
    read_weights,
    refuse_if_offline,
    weights_file,
)
from utils.device import quiet_tensorflow, tensorflow_device

quiet_tensorflow()
import keras  # noqa: E402 - TensorFlow reads its log level when it is imported
import tensorflow as tf  # noqa: E402

from utils.backbones import lite  # noqa: E402 - imports Keras

FRAMEWORK = "tensorflow"
BATCH_SIZE = 32
GPU_BATCH_SIZE = 128
STORAGE = "https://storage.googleapis.com/tensorflow/keras-applications"
CAFFE_MEAN = (103.939, 116.779, 123.68)  # blue, green, red; of 0-255


class Backbone(base.Backbone):
    """A backbone whose tensors and module are TensorFlow's."""

    def __init__(self, name: str, module: "Network", fingerprint: str):
        super().__init__(name, fingerprint)
        self.device = tensorflow_device()
        on_cpu = self.device.startswith("CPU")
        self.batch_size = BATCH_SIZE if on_cpu else GPU_BATCH_SIZE
        self.module = module
        self.module.trainable = False
        self._logits = tf.function(module.call, reduce_retracing=True)

    def tensor(self, images: np.ndarray) -> tf.Tensor:
        """Bring images, or what `array` gave, into TensorFlow.

        Parameters
        ----------
        images : (N, H, W, C) or (N, D) float32 ndarray
            RGB in [0, 1], maps or features.

        Returns
        -------
        (N, H, W, C) or (N, D) float32 Tensor
            The same numbers on the device of the network.
        """
        with tf.device(self.device):
            return tf.convert_to_tensor(images)

    def array(self, tensor: tf.Tensor) -> np.ndarray:
        """Bring a result back to NumPy.

        Parameters
        ----------
        tensor : (N, ...) or (N, H, W, C) float32 Tensor
            Logits, features, maps or images.

        Returns
        -------
        (N, ...) or (N, H, W, C) float32 ndarray
            The same numbers.
        """
        return tensor.numpy()

    def logits(self, images: tf.Tensor) -> tf.Tensor:
        """Score the 1000 ImageNet classes.

        Parameters
        ----------
        images : (N, size, size, 3) float32 Tensor in [0, 1]
            RGB.

        Returns
        -------
        (N, 1000) float32 Tensor
            Before the softmax.
        """
        with tf.device(self.device):
            return self._logits(images)

    def features(self, images: tf.Tensor) -> tf.Tensor:
        """Describe each image by the last maps, averaged over the picture.

        Parameters
        ----------
        images : (N, size, size, 3) float32 Tensor in [0, 1]
            RGB.

        Returns
        -------
        (N, D) float32 Tensor
            D is `width`.
        """
        return tf.reduce_mean(self.maps(images, -1), axis=(1, 2))

    def maps(self, images: tf.Tensor, depth: int) -> tf.Tensor:
        """Return the feature maps after one stage of the network.

        Parameters
        ----------
        images : (N, size, size, 3) float32 Tensor in [0, 1]
            RGB.
        depth : int
            Index of the stage, 0 the first and -1 the last.

        Returns
        -------
        (N, h, w, C) float32 Tensor
            h and w shrink with depth, C grows.
        """
        with tf.device(self.device):
            return self._maps(depth)(images)

    def last_stage(self) -> keras.Model:
        """Copy the last stage, free to learn, for fine-tuning.

        Returns
        -------
        keras.Model
            From the maps at depth -2 to those at depth -1. It is in inference mode,
            also inside ``fit``: BatchNorm keeps the averages of ImageNet.
        """
        stage = keras.models.clone_model(self.module.stages[-1])
        stage.set_weights(self.module.stages[-1].get_weights())
        stage.trainable = True
        return _Inference(stage)

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
            "NHWC": how images and maps lie in memory.
        """
        work = self.features if depth is None else lambda x: self.maps(x, depth)
        images = tf.TensorSpec([None, self.size, self.size, 3], tf.float32)
        function = tf.function(work).get_concrete_function(images)
        return load_openvino().convert_model(function), "NHWC"

    @cache  # noqa: B019 - one backbone lives as long as its notebook
    def _maps(self, depth: int) -> Callable:
        """Compile the stages into one graph, faster than layer by layer."""
        return tf.function(
            lambda images: self.module.maps(images, depth), reduce_retracing=True
        )


class _Inference(keras.Model):
    """A model that stays in inference mode, whatever the model around it is told.

    Keras hands the ``training=True`` of ``fit`` down through functional models, past
    a ``training=False`` that was given when they were built.
    """

    def __init__(self, model):
        super().__init__()
        self.model = model

    def call(self, inputs):
        return self.model(inputs, training=False)


class Network(keras.Model):
    """Preprocessing, stages and classifier of a network, one after the other.

    Parameters
    ----------
    preprocess : callable
        From images in [0, 1] to what the first stage takes.
    stages : list of keras.Model
        The last one's maps, averaged, are the features.
    classifier : keras.Model
        From the last maps to the logits.
    """

    def __init__(self, preprocess, stages, classifier):
        super().__init__()
        self.preprocess = preprocess
        self.stages = stages
        self.classifier = classifier

    def maps(self, images, depth):
        """Run the stages up to and with the one at `depth`."""
        maps = self.preprocess(images)
        for stage in self.stages[: range(len(self.stages))[depth] + 1]:
            maps = stage(maps, training=False)
        return maps

    def call(self, images):
        """Score the 1000 ImageNet classes."""
        return self.classifier(self.maps(images, -1), training=False)


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
        On the device that `utils.device.tensorflow_device` picks.

    Raises
    ------
    ValueError
        If the table has no such backbone, or its file is not the published one.
    WeightsUnavailable
        If the weights are neither on this machine nor to be downloaded.
    """
    facts = find(name)
    build = _lite if facts.package else _from_keras
    with tf.device(tensorflow_device()):
        network = build(name, pretrained)
    origin = facts.sha256 or "keras.applications" if pretrained else "random"
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
    """Return whether Keras has downloaded these weights before."""
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    return (home / "models" / _APPLICATIONS[name].file).exists()


def _lite(name: str, pretrained: bool) -> Network:
    """Build EfficientNet-Lite and fill it from the file that PyTorch reads too."""
    stages, classifier = lite.build(name, len(base.imagenet_classes()))
    if pretrained:
        lite.fill([*stages, classifier], read_weights(weights_file(name)))
    return Network(lambda images: (images - 0.5) / 0.5, stages, classifier)


def _from_keras(name: str, pretrained: bool) -> Network:
    """Build one of Keras's networks and cut it into stages."""
    if pretrained and not _cached(name):
        refuse_if_offline(name)
    application = _APPLICATIONS[name]
    weights = "imagenet" if pretrained else None
    try:
        if pretrained and application.sha256:
            weights = _verified(application)
        model = application.build(weights=weights, classifier_activation=None)
    except Exception as error:
        # Keras wraps every network error in a bare Exception.
        if not any(sign in str(error) for sign in ("URL fetch failure", "corrupted")):
            raise
        raise WeightsUnavailable(name, error) from error
    return Network(application.preprocess, *_cut(model, application.ends))


def _verified(application: "_Application") -> str:
    """Fetch, if need be, a file of which Keras itself would not check the hash."""
    file, sha256 = application.file, application.sha256
    url = f"{STORAGE}/{file.partition('_weights')[0]}/{file}"
    return keras.utils.get_file(file, url, cache_subdir="models", file_hash=sha256)


def _cut(model: keras.Model, ends: list[str]) -> tuple[list[keras.Model], keras.Model]:
    """Split a model after the named layers; the rest is the classifier."""
    tensors = [model.input, *(model.get_layer(end).output for end in ends)]
    stages = [keras.Model(a, b) for a, b in pairwise(tensors)]
    return stages, keras.Model(tensors[-1], model.output)


def _centred(images):
    """Subtract ImageNet's mean colour on the scale 0-255, blue first."""
    return images[..., ::-1] * 255 - tf.constant(CAFFE_MEAN)


class _Application(NamedTuple):
    build: Callable
    preprocess: Callable
    ends: list[str]
    file: str
    sha256: str = ""  # where Keras knows none


_VGG_ENDS = [f"block{k}_pool" for k in range(1, 6)]
_FILE = "{}_weights_tf_dim_ordering_tf_kernels{}.h5"
_APPLICATIONS = {
    "mobilenet_v2": _Application(
        keras.applications.MobileNetV2,
        lambda images: images * 2 - 1,
        ["expanded_conv_project_BN", "block_2_add", "block_5_add"]
        + ["block_12_add", "out_relu"],
        _FILE.format("mobilenet_v2", "_1.0_224"),
        # Keras publishes no hash. Two projects that know nothing of each other do,
        # one of Keras's copy and one of that of the weights' author, and they agree.
        "3e195a2857356cfc092cbbb460beb2a5bce279015d7792598b8d3d9e451902e3",
    ),
    "resnet50": _Application(
        keras.applications.ResNet50,
        _centred,
        ["pool1_pool", "conv2_block3_out", "conv3_block4_out"]
        + ["conv4_block6_out", "conv5_block3_out"],
        _FILE.format("resnet50", ""),
    ),
    "vgg16": _Application(
        keras.applications.VGG16, _centred, _VGG_ENDS, _FILE.format("vgg16", "")
    ),
    "vgg19": _Application(
        keras.applications.VGG19, _centred, _VGG_ENDS, _FILE.format("vgg19", "")
    ),
}
