"""What `extract` needs to know of a network, for a model of either framework."""

import copy
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module

import numpy as np
from PIL import Image

from utils.backbones.table import find
from utils.data.images import square
from utils.device import torch_device

TORCH_BATCH = 4  # a small batch stays in the cache of a processor
KERAS_BATCH = 32
GPU_BATCH = 128
NUMBERED = re.compile(r'_\d+(?=")')  # Keras numbers layers as they are made


def load_for(framework: str, name: str, include_top: bool = False):
    """Load a backbone in either framework, onto the device of the course.

    Parameters
    ----------
    framework : {"pytorch", "tensorflow"}
        Which of the modules of `utils.backbones`.
    name : str
        A key of `utils.backbones.BACKBONES`.
    include_top : bool
        True keeps the classifier of ImageNet.

    Returns
    -------
    nn.Module or keras.Model
        From pictures to features, or to logits with the top.
    """
    load_backbone = import_module(f"utils.backbones.{framework}").load_backbone
    if framework == "tensorflow":
        top = {"classifier_activation": None} if include_top else {"pooling": "avg"}
        return load_backbone(name, include_top, **top)
    model = load_backbone(name) if include_top else load_backbone(name, num_classes=0)
    return model.to(torch_device())


def network_of(model, transform: Callable | None = None):
    """Describe a model to `extract`.

    Parameters
    ----------
    model : nn.Module, keras.Model or str
        A model, or the name of a backbone of the table: its features in PyTorch, which
        is imported only if something has to be computed.
    transform : callable or None
        As for `utils.features.extract`.

    Returns
    -------
    TorchNetwork, KerasNetwork or NamedNetwork
        Ready to be asked.

    Raises
    ------
    TypeError
        If it is no model.
    """
    if isinstance(model, str):
        return NamedNetwork(model)
    # What is not imported cannot have made the model.
    if "torch" in sys.modules and isinstance(model, sys.modules["torch"].nn.Module):
        return TorchNetwork(model, transform)
    if "keras" in sys.modules and isinstance(model, sys.modules["keras"].Model):
        return KerasNetwork(model, transform)
    raise TypeError(
        f"model is {model!r}; expected a torch.nn.Module, a keras.Model or the name of "
        "a backbone."
    )


class TorchNetwork:
    """A model of PyTorch.

    Attributes
    ----------
    name : str
        What it is called, for people and files.
    digest : str
        Hash of its weights, its code and its preprocessing.
    size : int or None
        Side of the square pictures that it takes; None where `transform` decides.
    device : str
        Where it computes.
    batch_size : int
        How many pictures at once run fastest.
    width_axis : int
        Of a batch: along which pictures are mirrored.
    """

    library = "PyTorch"

    def __init__(self, model, transform):
        from utils.backbones.pytorch import preprocessing_of

        self._model, self._transform = model, transform
        settings = None if transform else preprocessing_of(model)
        self.size = settings and settings.size
        self._settings = settings
        told = getattr(model, "pretrained_cfg", {})
        self.name = told.get("architecture") or type(model).__name__.lower()
        self.device = str(next((p.device for p in model.parameters()), "cpu"))
        self.batch_size = TORCH_BATCH if self.device == "cpu" else GPU_BATCH
        self.width_axis = 3 if transform else 2
        about = settings or _digest_of_transform(transform, self.prepare)
        self.digest = _digest(about, repr(model), _codes(model), _torch_arrays(model))

    def prepare(self, picture: Image.Image) -> np.ndarray:
        """Turn a picture into a row of a batch."""
        if self._transform is None:
            return square(picture, self.size)
        return np.asarray(self._transform(picture))

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Keep the model in inference mode; each part gets its own mode back."""
        modes = [(module, module.training) for module in self._model.modules()]
        self._model.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training

    def compute(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch, within `inference`."""
        import torch

        with torch.inference_mode():
            inputs = torch.from_numpy(batch).to(self.device)
            if self._transform is None:
                inputs = inputs.permute(0, 3, 1, 2)  # in memory "channels last"
                inputs = (inputs / 255 - self._colours("mean")) / self._colours("std")
            return self._model(inputs).float().cpu().numpy()

    def to_openvino(self, convert: Callable, shape):
        """Convert the model; give it with the layout, mean and scale of its input."""
        import torch

        model = copy.deepcopy(self._model).cpu().eval()
        if self._transform:
            return convert(model, example_input=torch.zeros(shape)), None, None, None
        example = torch.zeros(1, 3, self.size, self.size)
        _, *colours = self._settings
        mean, std = ([255 * value for value in values] for values in colours)
        return convert(model, example_input=example), "NCHW", mean, std

    def _colours(self, name: str):
        import torch

        values = getattr(self._settings, name)
        return torch.tensor(values, device=self.device).view(3, 1, 1)


class KerasNetwork:
    """A model of Keras, with the face of `TorchNetwork`."""

    library = "TensorFlow"

    def __init__(self, model, transform):
        import keras
        import tensorflow

        from utils.backbones.tensorflow import preprocessing_for

        self._model, self._transform = model, transform or preprocessing_for(model)
        self.name = model.name
        shape = model.input_shape
        if len(shape) != 4 or shape[1] is None or shape[1] != shape[2]:
            raise ValueError(
                f"{model.name} takes pictures of shape {shape[1:]}; expected a fixed "
                "square: build it with input_shape=(224, 224, 3), for instance."
            )
        self.size, self.width_axis = shape[1], 2
        gpus = keras.distribution.list_devices("gpu")
        self.device = "gpu" if gpus else "cpu"
        self.batch_size = GPU_BATCH if gpus else KERAS_BATCH
        self._function = tensorflow.function(self._forward, reduce_retracing=True)
        about = self._transform and _digest_of_transform(self._transform, self._probe)
        configuration = NUMBERED.sub("", json.dumps(_configuration(model)))
        self.digest = _digest(about, configuration, model.get_weights())

    def prepare(self, picture: Image.Image) -> np.ndarray:
        """Turn a picture into a row of a batch."""
        return square(picture, self.size)

    def inference(self):
        """Keep the model as it is: its mode is said at each call."""
        return nullcontext()

    def compute(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on a batch."""
        return self._function(batch.astype(np.float32)).numpy()

    def to_openvino(self, convert: Callable, shape):
        """Convert the model; give it with the layout, mean and scale of its input."""
        import tensorflow

        images = tensorflow.TensorSpec([None, *shape[1:]], tensorflow.float32)
        return convert(self._function.get_concrete_function(images)), "NHWC", None, None

    def _forward(self, images):
        if self._transform:
            images = self._transform(images)
        return self._model(images, training=False)

    def _probe(self, picture: Image.Image) -> np.ndarray:
        images = self.prepare(picture)[None].astype(np.float32)
        return np.asarray(self._transform(images))


class NamedNetwork:
    """The features of a backbone of the table in PyTorch, loaded when they are asked.

    What is in the cache needs neither the network nor PyTorch.
    """

    library = "PyTorch"

    def __init__(self, name: str):
        facts = find(name)
        self.name, self.size, self.width_axis = name, facts.size, 2
        self.digest = _digest(f"{name} {facts.sha256 or 'torchvision'}")

    def loaded(self) -> TorchNetwork:
        """Load the network; it keeps the digest of its name."""
        network = TorchNetwork(load_for("pytorch", self.name), None)
        network.name, network.digest = self.name, self.digest
        return network


def _configuration(model) -> dict:
    try:
        return model.get_config()
    except NotImplementedError:
        raise ValueError(
            f"{model.name} does not tell what it computes, as models made of layers "
            "do: build it with keras.Model(inputs, outputs) or keras.Sequential."
        ) from None


def _digest_of_transform(transform, prepare: Callable) -> str:
    """Hash what a transform does to a picture of noise; refuse chance."""
    noise = np.random.default_rng(0).integers(0, 256, (280, 320, 3), np.uint8)
    first, second = (prepare(Image.fromarray(noise)) for _ in range(2))
    if not np.array_equal(first, second):
        raise ValueError(
            "transform gives something else each time, but features are computed once: "
            "leave random augmentation out of it."
        )
    return _digest(str(transform), [first])


def _codes(model) -> str:
    """Describe what the classes of a model compute: two may share all their layers."""
    codes = {type(part).forward.__code__ for part in model.modules()}
    return str(sorted((c.co_code.hex(), str(c.co_names), _constants(c)) for c in codes))


def _constants(code) -> str:
    """List what a function has in its text, without functions inside it."""
    return str([value for value in code.co_consts if not hasattr(value, "co_code")])


def _torch_arrays(model) -> Iterator[np.ndarray]:
    import torch

    for tensor in model.state_dict().values():
        yield tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()


def _digest(*parts) -> str:
    """Hash words and arrays."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, str | tuple) or part is None:
            found.update(str(part).encode())
        else:
            for array in part:
                found.update(f"{array.dtype}{array.shape}".encode())
                found.update(np.ascontiguousarray(array))
    return found.hexdigest()
