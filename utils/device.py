"""Where the computation runs, repeatable random numbers, and a quiet TensorFlow."""

import contextlib
import logging
import os
import random
import re
import sys
import tempfile

import joblib
import numpy as np

# What TensorFlow writes at start although nothing is wrong: INFO lines, the double
# registration of CUDA libraries (tensorflow/tensorflow#62075), and that a machine
# without an NVIDIA card or driver (CUDA error 100 or 303) has none.
NOISE = re.compile(
    r"I\d{4} |\d{4}-\d\d-\d\d [\d:.]+: I |WARNING: All log messages before absl"
    r"|.*(Unable to register cu\w+ factory|computation.placer already registered)"
    r"|.*failed call to cuInit: .*(\(303\)|CUDA_ERROR_NO_DEVICE)"
)


def torch_device():
    """Choose where PyTorch computes: CUDA, XPU, MPS or CPU, the first that is there.

    Returns
    -------
    torch.device
        The device; the environment variable ``COURSE_DEVICE`` (``cuda``, ``xpu``,
        ``mps``, ``gpu`` for any of them, ``cpu``, or one by number as in ``cuda:1``)
        overrides the choice.

    Raises
    ------
    ValueError
        If ``COURSE_DEVICE`` names a device that PyTorch does not see.
    """
    import torch

    kinds = {"cuda": torch.cuda, "xpu": torch.xpu, "mps": torch.backends.mps}
    there = [
        name
        for kind, module in kinds.items()
        if module.is_available()
        for name in _names(kind, getattr(module, "device_count", lambda: 1)())
    ]
    _limit_threads(torch)
    return torch.device(_choose("PyTorch", [*there, "cpu"]))


def _limit_threads(torch) -> None:
    """Start no more threads than a container's quota has room for."""
    if (
        "OMP_NUM_THREADS" not in os.environ
        and torch.get_num_threads() > joblib.cpu_count()
    ):
        torch.set_num_threads(joblib.cpu_count())


def tensorflow_device() -> str:
    """Choose where TensorFlow computes: a GPU that takes memory as needed, else CPU.

    Returns
    -------
    str
        ``"GPU:0"`` or ``"CPU:0"``, for ``tf.device``; the environment variable
        ``COURSE_DEVICE`` overrides the choice as in `torch_device`. TensorFlow says
        GPU to what PyTorch calls ``cuda`` (``mps`` on a Mac), so those words work too.

    Raises
    ------
    ValueError
        If ``COURSE_DEVICE`` names a device that TensorFlow does not see.
    RuntimeError
        If TensorFlow has computed already, so that its memory is taken.
    """
    quiet_tensorflow()
    import tensorflow

    gpus = tensorflow.config.list_physical_devices("GPU")
    local = "mps" if sys.platform == "darwin" else "cuda"
    there = _names(local, len(gpus)) if gpus else []
    kind, _, number = _choose("TensorFlow", [*there, "cpu"]).partition(":")
    _prepare(tensorflow.config, gpus, hide=kind == "cpu")
    return "CPU:0" if kind == "cpu" else f"GPU:{number or 0}"


def _names(kind: str, count: int) -> list[str]:
    """Name the devices of one kind; the bare word stands for the first."""
    return [kind, *(f"{kind}:{number}" for number in range(count))]


def _choose(framework: str, there: list[str]) -> str:
    """Follow COURSE_DEVICE, or take the first of the devices that are there."""
    asked = os.environ.get("COURSE_DEVICE", "").strip().lower()
    name = asked if there[0] == "cpu" else asked.replace("gpu", there[0])
    if name and name not in there:
        raise ValueError(
            f"COURSE_DEVICE={asked}: {framework} does not see this device here. "
            f"It sees: {', '.join(there)}. Set COURSE_DEVICE to one of these, or "
            "unset it to let the course choose."
        )
    return name or there[0]


def _prepare(config, gpus: list, hide: bool) -> None:
    """Let the GPUs grow their memory, or hide them so that nothing lands there."""
    try:
        if hide:
            config.set_visible_devices([], "GPU")
            return
        for gpu in gpus:  # TensorFlow wants the same setting on all of them
            config.experimental.set_memory_growth(gpu, True)
    except RuntimeError as error:
        raise RuntimeError(
            "TensorFlow has computed something already and cannot change its device "
            "now. Restart the kernel and call tensorflow_device() first."
        ) from error


def seed_everything(seed: int) -> None:
    """Make random numbers repeatable: Python, NumPy and each framework in use.

    A framework that is not imported yet is left alone: call this after the imports.

    Parameters
    ----------
    seed : int in [0, 2**32)
        The same seed gives the same numbers again.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries draw from this generator
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(seed)
    if "keras" in sys.modules:  # it also keeps a generator of its own
        sys.modules["keras"].utils.set_random_seed(seed)


def describe(device) -> str:
    """Describe in one line what computes.

    Parameters
    ----------
    device : torch.device or str
        What `torch_device` or `tensorflow_device` returned.

    Returns
    -------
    str
        Framework and version, device, threads: ``PyTorch 2.14.1 · cpu · 2 threads``.
    """
    if isinstance(device, str):
        import tensorflow as framework

        name = "TensorFlow"
        count = framework.config.threading.get_intra_op_parallelism_threads
        threads = count() or joblib.cpu_count()  # by affinity and by cgroup
    else:
        import torch as framework

        name, threads = "PyTorch", framework.get_num_threads()
    name = f"{name} {framework.__version__}"
    return f"{name} · {device} · {threads} thread{'s' * (threads != 1)}"


def quiet_tensorflow() -> None:
    """Import TensorFlow without its wall of log lines; call it before the import.

    Python warnings, and TensorFlow's own warnings and errors that matter, stay
    visible; its advice against tracing often goes, because a lesson that builds
    several models traces each of them once. Set ``TF_CPP_MIN_LOG_LEVEL=0`` to see
    every line, for instance when the import kills the process, which loses the lines
    held back.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1") == "0":
        return
    # The lines come from C++, some before TensorFlow reads its log level.
    with _standard_error_without(NOISE):
        import tensorflow

        tensorflow.config.list_physical_devices()  # looks for a GPU, and says so
    # Adding the same function again changes nothing.
    logging.getLogger("tensorflow").addFilter(_is_no_tracing_advice)


def _is_no_tracing_advice(record: logging.LogRecord) -> bool:
    """Let a record of TensorFlow's logger pass, or not."""
    return "triggered tf.function retracing" not in record.getMessage()


@contextlib.contextmanager
def _standard_error_without(noise: re.Pattern):
    """Hold file descriptor 2 back, then print its lines that do not match `noise`."""
    sys.stderr.flush()
    true_error = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(true_error, 2)
            os.close(true_error)
            caught.seek(0)
            lines = caught.read().decode(errors="replace").splitlines(keepends=True)
            kept = (line for line in lines if not noise.match(line))
            print(*kept, sep="", end="", file=sys.stderr, flush=True)
