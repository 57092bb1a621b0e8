"""What holds for all tests.

PyTorch is loaded before TensorFlow: on Linux it brings Triton, which crashes the
process when it comes second.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torchvision  # noqa: F401 - this loads Triton too
from distributed import Client

ROOT = Path(__file__).parents[1]


def pytest_collection_modifyitems(items):
    """Skip what needs photographs where COURSE_DATA names none."""
    wish = os.environ.get("COURSE_DATA", "sample")
    if wish == "sample" or not (ROOT / wish).is_dir():
        skip = pytest.mark.skip(reason="COURSE_DATA names no folder of photographs")
        for item in items:
            if "photographs" in item.keywords:
                item.add_marker(skip)


@pytest.fixture
def dask_cluster(tmp_path):
    """Start a scheduler and two workers on loopback; give address and workers."""
    file, started = tmp_path / "scheduler.json", []

    def start(*words):
        command = [sys.executable, "-m", "dask", *words]
        started.append(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL))
        return started[-1]

    here = ["--host", "127.0.0.1", "--scheduler-file", str(file), "--no-dashboard"]
    start("scheduler", "--port", "0", *here)
    while not file.exists() or not file.read_text():
        assert started[0].poll() is None
        time.sleep(0.05)
    alone = ["--nthreads", "1", "--no-nanny", "--local-directory", str(tmp_path)]
    workers = [start("worker", *here, *alone) for _ in range(2)]
    address = json.loads(file.read_text())["address"]
    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    yield address, workers
    for process in reversed(started):
        process.kill()
    for process in started:
        process.wait()
