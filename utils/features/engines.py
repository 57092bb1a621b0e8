"""Run a frozen network over many pictures, as fast as this machine can.

On a graphics card the framework itself runs it; on a processor OpenVINO does, which
takes the network from either framework.
"""

import os
import shutil
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from utils.backbones.openvino import load_openvino
from utils.files import DATA

MODELS = DATA / "engines"  # networks that were converted once
ENGINES = ("framework", "openvino")
BATCH_SIZE = 2  # of OpenVINO: the numbers of so few pictures stay in the cache


def choose_engine(backbone, depth: int | None = None, wish: str | None = None):
    """Choose what runs a network here.

    Parameters
    ----------
    backbone : Backbone
        From `utils.backbones.pytorch` or `utils.backbones.tensorflow`.
    depth : int, optional
        Give the maps after this stage instead of the pooled features.
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
    wish = wish or os.environ.get("COURSE_ENGINE") or _best(backbone)
    if wish not in ENGINES:
        raise ValueError(f"The engine is one of {', '.join(ENGINES)}, not {wish!r}.")
    kind = OpenVinoEngine if wish == "openvino" else FrameworkEngine
    return kind(backbone, depth)


def _best(backbone) -> str:
    """Prefer OpenVINO on a processor."""
    on_processor = "cpu" in str(getattr(backbone, "device", "")).lower()
    return "openvino" if on_processor and find_spec("openvino") else "framework"


class FrameworkEngine:
    """A network as its own framework runs it.

    Parameters
    ----------
    backbone : Backbone
        The network.
    depth : int or None
        As for `choose_engine`.

    Attributes
    ----------
    name : str
        What runs, for people.
    batch_size : int
        Pictures that `run` is given at a time.
    """

    def __init__(self, backbone, depth: int | None):
        self.name = f"{backbone.fingerprint.split()[0]} on {backbone.device}"
        self.batch_size = backbone.batch_size
        self._backbone, self._depth = backbone, depth

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Compute features, batch by batch.

        Parameters
        ----------
        batches : iterable of (n, size, size, 3) uint8 ndarray
            RGB pictures.

        Yields
        ------
        (n, D) or (n, h, w, C) float32 ndarray
            In the order of the batches.
        """
        backbone, depth = self._backbone, self._depth
        for batch in batches:
            images = backbone.tensor(batch.astype(np.float32) / np.float32(255))
            if depth is None:
                yield backbone.array(backbone.features(images))
            else:
                yield backbone.array(backbone.maps(images, depth))


class OpenVinoEngine:
    """A network as OpenVINO runs it on a processor, with BatchNorm folded.

    It is converted once, and kept in ``data/engines/``.

    Parameters
    ----------
    backbone : Backbone
        The network.
    depth : int or None
        As for `choose_engine`.

    Attributes
    ----------
    name : str
        What runs, for people.
    batch_size : int
        Pictures that `run` is given at a time, the last time fewer.
    """

    def __init__(self, backbone, depth: int | None):
        openvino = load_openvino()
        self.name = f"OpenVINO {openvino.__version__.split('-')[0]} on the processor"
        self.batch_size = BATCH_SIZE
        compiled = _compiled(_converted(backbone, depth), backbone.size)
        count = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        requests = range(2 * count)  # half compute, half wait ready
        self._requests = [compiled.create_infer_request() for _ in requests]

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Compute features, several batches at a time.

        Parameters
        ----------
        batches : iterable of (n, size, size, 3) uint8 ndarray
            RGB pictures; n is `batch_size`, and fewer in the last one.

        Yields
        ------
        (n, D) or (n, h, w, C) float32 ndarray
            In the order of the batches.
        """
        idle, busy = deque(self._requests), deque()
        for batch in batches:
            if not idle:
                yield _finished(idle, busy)
            request = idle.popleft()
            request.start_async({0: _filled(batch)})
            busy.append((request, len(batch)))
        while busy:
            yield _finished(idle, busy)


def _finished(idle: deque, busy: deque) -> np.ndarray:
    """Wait for the oldest request; give its features and make it idle."""
    request, count = busy.popleft()
    request.wait()
    features = request.get_output_tensor().data[:count].copy()
    idle.append(request)
    return features


def _filled(batch: np.ndarray) -> np.ndarray:
    """Fill a batch up with nothing: OpenVINO is fastest with one fixed size."""
    missing = BATCH_SIZE - len(batch)
    return np.pad(batch, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else batch


@lru_cache(maxsize=4)  # it takes as long as a dozen pictures
def _compiled(file: Path, size: int):
    """Return a converted network, ready for pictures of a size."""
    core = load_openvino().Core()
    model = core.read_model(file)
    model.reshape([BATCH_SIZE, size, size, 3])
    # Float32: bfloat16 is twice as fast, but of 400 photographs it moved the
    # features of 24 (Lite0) to 145 (Lite2) beyond a cosine of 0.999.
    settings = {"PERFORMANCE_HINT": "THROUGHPUT"}
    settings["INFERENCE_PRECISION_HINT"] = "f32"
    return core.compile_model(model, "CPU", settings)


def _converted(backbone, depth: int | None) -> Path:
    """Return the file of the converted network, which is made if it is not there."""
    name = f"{backbone.fingerprint} {'pooled' if depth is None else depth}"
    folder = MODELS / name.replace(" ", "-")
    if not (folder / "model.xml").is_file():
        _convert(backbone, depth, folder)
    return folder / "model.xml"


def _convert(backbone, depth: int | None, folder: Path) -> None:
    """Convert a network, and move the folder into place when it is whole."""
    openvino = load_openvino()
    from openvino.preprocess import PrePostProcessor

    with warnings.catch_warnings():
        # PyTorch calls the tracer that OpenVINO uses deprecated.
        warnings.simplefilter("ignore")
        model, layout = backbone.to_openvino(depth)
    steps = PrePostProcessor(model)
    levels = steps.input().tensor().set_element_type(openvino.Type.u8)
    levels.set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout(layout))
    steps.input().preprocess().convert_element_type(openvino.Type.f32).scale(255.0)
    if depth is not None:
        steps.output().model().set_layout(openvino.Layout(layout))
        steps.output().tensor().set_layout(openvino.Layout("NHWC"))
    MODELS.mkdir(parents=True, exist_ok=True)
    # Several threads of a worker may convert the same network at once.
    part = Path(mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=MODELS))
    part.chmod(0o755)  # mkdtemp makes it private
    try:
        openvino.save_model(steps.build(), part / "model.xml", compress_to_fp16=False)
        with suppress(OSError):  # another one was faster
            part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
