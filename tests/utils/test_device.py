"""Devices are simulated by patching the questions that the frameworks are asked."""

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from utils import device

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _no_override(monkeypatch):
    monkeypatch.delenv("COURSE_DEVICE", raising=False)


@pytest.fixture
def torch_sees(monkeypatch):
    """Return a function that makes PyTorch see only these kinds, two of each."""
    import torch

    def patch(*kinds):
        modules = {"cuda": torch.cuda, "xpu": torch.xpu, "mps": torch.backends.mps}
        for kind, module in modules.items():
            monkeypatch.setattr(module, "is_available", lambda k=kind: k in kinds)
        for kind in ("cuda", "xpu"):
            monkeypatch.setattr(modules[kind], "device_count", lambda: 2)

    return patch


@pytest.fixture
def tensorflow_sees(monkeypatch):
    """Return a function that gives TensorFlow GPUs, and the calls that follow."""
    device.quiet_tensorflow()
    import tensorflow

    calls = []

    def note(name):
        return lambda *arguments: calls.append((name, *arguments))

    def patch(*gpus):
        config = tensorflow.config
        monkeypatch.setattr(config, "list_physical_devices", lambda kind: list(gpus))
        monkeypatch.setattr(config, "set_visible_devices", note("visible"))
        growth = note("growth")
        monkeypatch.setattr(config.experimental, "set_memory_growth", growth)
        return calls

    monkeypatch.setattr(device, "quiet_tensorflow", lambda: None)
    return patch


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        (("mps", "xpu", "cuda"), "cuda"),
        (("mps", "xpu"), "xpu"),
        (("mps",), "mps"),
        ((), "cpu"),
    ],
)
def test_torch_prefers_cuda_then_xpu_then_mps_then_cpu(torch_sees, there, chosen):
    torch_sees(*there)
    assert str(device.torch_device()) == chosen


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ("cpu", "cpu"),
        (" MPS ", "mps"),
        ("xpu:1", "xpu:1"),
        ("gpu", "xpu"),
        ("GPU:1", "xpu:1"),
        ("", "xpu"),
    ],
)
def test_override_wins_in_torch(torch_sees, monkeypatch, asked, chosen):
    torch_sees("xpu", "mps")
    monkeypatch.setenv("COURSE_DEVICE", asked)
    assert str(device.torch_device()) == chosen


@pytest.mark.parametrize("asked", ["cuda", "xpu:2", "toaster", "gpu:7", "xpu:-1"])
def test_missing_device_in_torch_names_what_is_there(torch_sees, monkeypatch, asked):
    torch_sees("xpu")
    monkeypatch.setenv("COURSE_DEVICE", asked)
    with pytest.raises(ValueError, match="COURSE_DEVICE=") as error:
        device.torch_device()
    assert asked in str(error.value)
    assert "sees: xpu, xpu:0, xpu:1, cpu." in str(error.value)


def test_gpu_without_any_gpu_is_an_error_in_both(
    torch_sees, tensorflow_sees, monkeypatch
):
    torch_sees()
    tensorflow_sees()
    monkeypatch.setenv("COURSE_DEVICE", "gpu")
    for choose in (device.torch_device, device.tensorflow_device):
        with pytest.raises(ValueError, match=r"COURSE_DEVICE=gpu.*sees: cpu\."):
            choose()


def test_tensorflow_takes_the_gpu_with_memory_growth(tensorflow_sees):
    calls = tensorflow_sees("card", "second card")
    assert device.tensorflow_device() == "GPU:0"
    assert calls == [("growth", "card", True), ("growth", "second card", True)]


def test_tensorflow_without_a_gpu_takes_the_cpu(tensorflow_sees):
    calls = tensorflow_sees()
    assert device.tensorflow_device() == "CPU:0"
    assert not any(call[0] == "growth" for call in calls)


@pytest.mark.parametrize(
    ("system", "asked", "chosen"),
    [
        ("linux", "cuda:1", "GPU:1"),
        ("linux", "GPU", "GPU:0"),
        ("darwin", "mps", "GPU:0"),
        ("darwin", "gpu:1", "GPU:1"),
    ],
)
def test_override_wins_in_tensorflow(
    tensorflow_sees, monkeypatch, system, asked, chosen
):
    tensorflow_sees("card", "second card")
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setenv("COURSE_DEVICE", asked)
    assert device.tensorflow_device() == chosen


def test_override_cpu_hides_the_gpus_from_tensorflow(tensorflow_sees, monkeypatch):
    calls = tensorflow_sees("card")
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    assert device.tensorflow_device() == "CPU:0"
    assert calls == [("visible", [], "GPU")]


@pytest.mark.parametrize("asked", ["cuda:1", "xpu", "mps", "toaster"])
def test_missing_device_in_tensorflow_names_what_is_there(
    tensorflow_sees, monkeypatch, asked
):
    tensorflow_sees("card")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("COURSE_DEVICE", asked)
    with pytest.raises(ValueError, match=r"TensorFlow.*sees: cuda, cuda:0, cpu\."):
        device.tensorflow_device()


def test_tensorflow_that_has_computed_already_says_what_to_do(
    tensorflow_sees, monkeypatch
):
    import tensorflow

    def too_late(gpu, enable):
        raise RuntimeError("Physical devices cannot be modified")

    tensorflow_sees("card")
    monkeypatch.setattr(tensorflow.config.experimental, "set_memory_growth", too_late)
    with pytest.raises(RuntimeError, match="Restart the kernel"):
        device.tensorflow_device()


def _draws():
    """Draw from every generator that a lesson uses."""
    import keras
    import tensorflow
    import torch

    return np.array(
        [
            random.random(),
            np.random.random(),  # noqa: NPY002 - this generator is what is seeded
            torch.rand(()).item(),
            float(tensorflow.random.uniform(())),
            float(keras.random.uniform(())),
        ]
    )


def test_the_same_seed_gives_the_same_numbers_everywhere():
    first_import = _draws()
    device.seed_everything(7)
    first = _draws()
    device.seed_everything(8)
    other = _draws()
    device.seed_everything(7)
    np.testing.assert_array_equal(_draws(), first)
    assert (first != other).all()
    assert (first != first_import).all()


def test_tensorflow_is_seeded_also_without_keras(monkeypatch):
    import tensorflow

    monkeypatch.delitem(sys.modules, "keras", raising=False)
    device.seed_everything(7)
    first = float(tensorflow.random.uniform(()))
    device.seed_everything(7)
    assert float(tensorflow.random.uniform(())) == first


def test_seeding_and_importing_load_no_framework():
    code = (
        "import sys; from utils.device import seed_everything; seed_everything(1); "
        "print([n for n in ('torch', 'tensorflow', 'keras') if n in sys.modules])"
    )
    assert _python(code).stdout.strip() == "[]"


def test_describe_names_framework_version_device_and_threads(monkeypatch):
    import tensorflow
    import torch

    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    line = device.describe(torch.device("cuda:1"))
    assert line == f"PyTorch {torch.__version__} · cuda:1 · 1 thread"
    threading = tensorflow.config.threading
    monkeypatch.setattr(threading, "get_intra_op_parallelism_threads", lambda: 3)
    line = device.describe("GPU:0")
    assert line == f"TensorFlow {tensorflow.__version__} · GPU:0 · 3 threads"


def test_describe_counts_the_cores_that_tensorflow_takes_when_not_told():
    words = device.describe("CPU:0").split(" · ")
    assert 1 <= int(words[2].split()[0]) <= os.cpu_count()


USE_TENSORFLOW = """
from utils.device import quiet_tensorflow
quiet_tensorflow()
import keras, numpy, sys, tensorflow, warnings
tensorflow.ones((8, 8)) @ tensorflow.ones((8, 8))
model = keras.Sequential([keras.layers.Dense(2)])
model.compile("sgd", "mse")
model.fit(numpy.zeros((8, 3)), numpy.zeros((8, 2)), verbose=0)
"""
TROUBLE_IN_TENSORFLOW = """
print("trouble", file=sys.stderr, flush=True)
warnings.warn("a Python warning", stacklevel=1)
tensorflow.get_logger().warning("a TensorFlow warning")
next(iter(tensorflow.data.Dataset.range(2).cache().take(1)))  # warns in C++
tensorflow.ones(2) + tensorflow.ones(3)
"""


def test_tensorflow_trains_without_a_line_and_its_warnings_and_errors_stay():
    stderr = _python(USE_TENSORFLOW + TROUBLE_IN_TENSORFLOW, status=1).stderr
    before, _, after = stderr.partition("trouble\n")
    assert before == ""
    assert "UserWarning: a Python warning" in after
    assert "a TensorFlow warning" in after
    assert "did not fully read the dataset being cached" in after
    assert "InvalidArgumentError" in after


# Lines of a machine with an NVIDIA card, as people quote them in bug reports.
STARTUP = """\
2025-01-06 12:46:04.065693: E external/local_xla/xla/cuda_fft.cc:477] Unable to \
register cuFFT factory: Attempting to register factory for plugin cuFFT
2025-01-06 12:46:04.109737: I tensorflow/core/platform/cpu_feature_guard.cc:210] hello
E0000 00:00:1736163964.084812 34 cuda_dnn.cc:8310] Unable to register cuDNN factory
W0000 00:00:1736163964.084812 34 computation_placer.cc:177] computation placer already \
registered. Please check linkage
E0000 00:00:1.5 34 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: \
Failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected
"""
TROUBLE = """\
E0000 00:00:1.5 34 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: \
Failed call to cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH: driver too old
W0000 00:00:1.5 34 gpu_device.cc:2431] Cannot dlopen some GPU libraries.
"""


@pytest.fixture
def stand_in(tmp_path):
    """Return a folder with a stand-in for TensorFlow that writes lines when imported.

    Real lines of a card's start-up cannot be had on a machine without one.
    """
    (tmp_path / "tensorflow.py").write_text(
        f"import os; os.write(2, {(STARTUP + TROUBLE).encode()!r})\n"
        "class config: list_physical_devices = print\n",
        encoding="utf-8",
    )
    return tmp_path


def test_start_lines_of_a_card_go_and_trouble_stays(stand_in):
    code = "from utils.device import quiet_tensorflow; quiet_tensorflow()"
    assert _python(code, PYTHONPATH=str(stand_in)).stderr == TROUBLE


def test_lines_written_before_an_import_fails_are_not_lost(stand_in):
    with (stand_in / "tensorflow.py").open("a") as file:
        file.write("raise ImportError('no AVX')\n")
    code = "from utils.device import quiet_tensorflow; quiet_tensorflow()"
    stderr = _python(code, status=1, PYTHONPATH=str(stand_in)).stderr
    assert stderr.startswith(TROUBLE)
    assert "ImportError: no AVX" in stderr


def test_every_line_can_be_asked_for(stand_in):
    code = (
        "from utils.device import quiet_tensorflow; quiet_tensorflow(); "
        "import tensorflow"
    )
    environment = {"PYTHONPATH": str(stand_in), "TF_CPP_MIN_LOG_LEVEL": "0"}
    assert _python(code, **environment).stderr == STARTUP + TROUBLE


def _python(code, status=0, **environment):
    """Run code in a fresh Python, from the project's root."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**clean, **environment},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == status, done.stderr
    return done


@pytest.mark.skipif(sys.platform != "linux", reason="no such quota elsewhere")
@pytest.mark.parametrize(
    "files",
    [
        {"cpu.max": "100000 100000"},
        {"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"},
    ],
    ids=["v2", "v1"],
)
@pytest.mark.parametrize("asked", [None, "3"])
def test_pytorch_threads_follow_the_quota_of_a_container(
    tmp_path, monkeypatch, files, asked
):
    import builtins

    import torch

    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def moved(path):
        inside = str(path).startswith("/sys/fs/cgroup/")
        return str(path).replace("/sys/fs/cgroup", str(tmp_path)) if inside else path

    opened, exists = builtins.open, os.path.exists
    monkeypatch.setattr(
        builtins, "open", lambda path, *a, **k: opened(moved(path), *a, **k)
    )
    monkeypatch.setattr(os.path, "exists", lambda path: exists(moved(path)))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if asked:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        device.torch_device()
        assert torch.get_num_threads() == (3 if asked else 1)
    finally:
        torch.set_num_threads(before)
