"""Run a frozen network over many pictures, as fast as this machine can.

On a graphics card the framework itself runs it; on a processor OpenVINO does, which
takes the network from either framework.
"""

import os
import shutil
import sys
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from utils.files import DATA

MODELS = DATA / "engines"  # networks that were converted once
ENGINES = ("framework", "openvino")
OPENVINO_BATCH = 2  # the numbers of so few pictures stay in the cache of a processor


def choose_engine(network, wish: str | None = None):
    """Choose what runs a network here.

    Parameters
    ----------
    network : TorchNetwork or KerasNetwork
        From `utils.features.networks`.
    wish : {"framework", "openvino"}, optional
        Which one; by default what ``COURSE_ENGINE`` names, else OpenVINO on a
        processor, if it is installed.

    Returns
    -------
    FrameworkEngine or OpenVinoEngine
        Ready to run.

    Raises
    ------
    ValueError
        There is no such engine.
    """
    wish = wish or os.environ.get("COURSE_ENGINE")
    if not wish:
        on_processor = network.device == "cpu"
        wish = "openvino" if on_processor and find_spec("openvino") else "framework"
    if wish not in ENGINES:
        raise ValueError(f"The engine is one of {', '.join(ENGINES)}, not {wish!r}.")
    kind = OpenVinoEngine if wish == "openvino" else FrameworkEngine
    return kind(network)


def load_openvino():
    """Import OpenVINO without its telemetry, which tells Intel of conversions unasked.

    Returns
    -------
    module
        The package.
    """
    # With this, importing it fails, and OpenVINO goes on without.
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino


class FrameworkEngine:
    """A network as its own framework runs it.

    Parameters
    ----------
    network : TorchNetwork or KerasNetwork
        The network.

    Attributes
    ----------
    name : str
        What runs, for people.
    batch_size : int
        Pictures that `run` is given at a time.
    """

    def __init__(self, network):
        self.name = f"{network.library} on {network.device}"
        self.batch_size = network.batch_size
        self._network = network

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Compute features, batch by batch.

        Parameters
        ----------
        batches : iterable of (n, ...) ndarray
            Rows that the network's `prepare` made.

        Yields
        ------
        (n, ...) float32 ndarray
            In the order of the batches.
        """
        for batch in batches:
            yield self._network.compute(batch)


class OpenVinoEngine:
    """A network as OpenVINO runs it on a processor, with BatchNorm folded.

    It has the face of `FrameworkEngine`, but only its last batch may be smaller than
    `batch_size`. It is converted once, and kept in ``data/engines/``.
    """

    def __init__(self, network):
        openvino = load_openvino()
        self.name = f"OpenVINO {openvino.__version__.split('-')[0]} on the processor"
        self.batch_size = OPENVINO_BATCH
        self._network, self._requests = network, None

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Compute features as `FrameworkEngine.run`, several batches at a time."""
        busy = deque()
        for number, batch in enumerate(batches):
            self._requests = self._requests or self._compile(batch)
            if len(busy) == len(self._requests):
                yield _finished(*busy.popleft())
            request = self._requests[number % len(self._requests)]  # the oldest
            request.start_async({0: _filled(batch)})
            busy.append((request, len(batch)))
        while busy:
            yield _finished(*busy.popleft())

    def _compile(self, batch: np.ndarray) -> list:
        """Convert and compile the network for rows like these."""
        shape = (OPENVINO_BATCH, *batch.shape[1:])
        network = self._network
        folder = MODELS / f"{network.name}-{network.digest[:16]}"
        if not (folder / "model.xml").is_file():
            _convert(network, shape, folder)
        compiled = _compiled(folder / "model.xml", shape)
        count = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        # Half compute, half wait ready.
        return [compiled.create_infer_request() for _ in range(2 * count)]


def _finished(request, count: int) -> np.ndarray:
    """Wait for a request, and return its features."""
    request.wait()
    return request.get_output_tensor().data[:count].copy()


def _filled(batch: np.ndarray) -> np.ndarray:
    """Fill a batch up with nothing: OpenVINO is fastest with one fixed size."""
    missing = OPENVINO_BATCH - len(batch)
    padding = [(0, missing)] + [(0, 0)] * (batch.ndim - 1)
    return np.pad(batch, padding) if missing else batch


@lru_cache(maxsize=4)  # it takes as long as a dozen pictures
def _compiled(file: Path, shape: tuple[int, ...]):
    """Return a converted network, ready for batches of a shape."""
    core = load_openvino().Core()
    model = core.read_model(file)
    model.reshape(shape)
    # Float32: bfloat16 is twice as fast, but of 400 photographs it moved the
    # features of 24 (Lite0) to 145 (Lite2) beyond a cosine of 0.999.
    settings = {"PERFORMANCE_HINT": "THROUGHPUT"}
    settings["INFERENCE_PRECISION_HINT"] = "f32"
    return core.compile_model(model, "CPU", settings)


def _convert(network, shape: tuple[int, ...], folder: Path) -> None:
    """Convert a network, and move the folder into place when it is whole."""
    openvino = load_openvino()
    with warnings.catch_warnings():
        # PyTorch calls the tracer that OpenVINO uses deprecated.
        warnings.simplefilter("ignore")
        model, *preprocessing = network.to_openvino(openvino.convert_model, shape)
    if preprocessing[0]:
        model = _with_preprocessing(openvino, model, *preprocessing)
    MODELS.mkdir(parents=True, exist_ok=True)
    # Several threads of a worker may convert the same network at once.
    part = Path(mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=MODELS))
    part.chmod(0o755)  # mkdtemp makes it private
    try:
        openvino.save_model(model, part / "model.xml", compress_to_fp16=False)
        with suppress(OSError):  # another one was faster
            part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _with_preprocessing(openvino, model, layout: str, mean, std):
    """Let a network take the bytes of pictures, (n, H, W, 3)."""
    from openvino.preprocess import PrePostProcessor

    steps = PrePostProcessor(model)
    levels = steps.input().tensor().set_element_type(openvino.Type.u8)
    levels.set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout(layout))
    prepare = steps.input().preprocess().convert_element_type(openvino.Type.f32)
    if mean:
        prepare.mean(mean).scale(std)
    return steps.build()
