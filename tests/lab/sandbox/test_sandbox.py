"""A sandbox runs a notebook, gives exact arrays back, and survives what breaks."""

import os
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from lab.sandbox import trial
from lab.sandbox.isolation import ISOLATIONS, ROOT
from lab.sandbox.messages import Failure
from lab.sandbox.sandbox import Sandbox
from lab.sandbox.trial import strongest_isolation
from tests.lab.cells import HONEST, QUICK, notebook, running, within

FALLBACKS = Path(__file__).parents[1] / "fallback.py"


@pytest.fixture
def photographs(tmp_path):
    """Make a folder of photographs that everybody may read."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for place in (folder, *folder.parents[:3]):
        place.chmod(0o755)
    (folder / "cat.jpg").write_bytes(b"cat")
    return folder


@pytest.fixture
def opened(photographs):
    """Open sandboxes, in which the cells have run, and close them in the end."""
    boxes = []

    def start(*sources, names=(), **limits):
        box = Sandbox(
            notebook(*sources, names=names), photographs, QUICK._replace(**limits)
        )
        boxes.append(box.__enter__())
        assert box.run() is None
        return box

    yield start
    for box in boxes:
        box.__exit__()


def test_arrays_come_back_exactly(opened):
    box = opened("def f(a, k, s):\n    return a * k, a.mean() + s")
    values = np.random.default_rng(0).normal(size=(50, 3))
    product, mean = box.call("f", (values, 3, 0.5))
    assert product.tobytes() == (values * 3).tobytes()
    assert product.shape == (50, 3)
    assert mean == values.mean() + 0.5


def test_a_function_may_change_what_it_is_given(opened):
    box = opened("def f(x):\n    x += 1\n    return x")
    values = np.zeros(3)
    assert (box.call("f", (values,))[0] == 1).all()
    assert (values == 0).all()


def test_magics_the_shell_and_shared_names_work_as_in_jupyter(opened):
    box = opened(
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1])",
        "!echo from the shell\nx = 3",
        "from IPython.display import display\ndisplay(x)",
        "import asyncio\nawait asyncio.sleep(0)",
        "def f():\n    return x",
    )
    assert box.failures == {}
    assert box.call("f", ()) == [np.array(3)]
    assert b"from the shell" in box.log


def test_a_failing_cell_is_named_and_does_not_stop_the_others(opened):
    box = opened("1 / 0", "x = (", HONEST, names=["broken"])
    assert box.failures["broken"] == "raised ZeroDivisionError: division by zero"
    assert "SyntaxError" in box.failures[1]
    assert box.call("honest", (1,)) == [np.array(2)]


def test_the_course_is_there_to_read_and_data_to_write(opened):
    box = opened(
        "import os\n"
        "from pathlib import Path\n"
        "from utils.data import DATA\n"
        "from lab import questions\n"
        "def seen():\n"
        "    (DATA / 'features' / 'cache').write_text('x')\n"
        "    picture = Path(os.environ['COURSE_DATA'], 'cat.jpg').read_bytes()\n"
        "    return (DATA / 'breeds.csv').stat().st_size, len(picture)"
    )
    breeds, picture = box.call("seen", ())
    assert breeds == (ROOT / "data" / "breeds.csv").stat().st_size
    assert picture == 3
    assert not (ROOT / "data" / "features" / "cache").exists()


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
def test_frameworks_work_inside(opened, framework):
    computed = {
        "torch": "torch.ones(3).softmax(0).numpy()",
        "tensorflow": "tensorflow.nn.softmax(tensorflow.ones(3)).numpy()",
    }[framework]
    box = opened(
        f"import {framework}\ndef f():\n    return {computed}",
        busy=60,
        wall=60,
        memory=4 << 30,
    )
    assert box.failures == {}
    np.testing.assert_allclose(box.call("f", ())[0], 1 / 3, rtol=1e-6)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('no')", "raised ValueError: no"),
        ("raise SystemExit(0)", "raised SystemExit: 0"),
        ("return object()", "gave values of type object, not numbers"),
        ("return 'text'", "gave values of type <U4, not numbers"),
        ("return [[1], [2, 3]]", "gave no array: "),
        ("return None", "gave values of type object, not numbers"),
        ("import ctypes; ctypes.string_at(0)", "ended Python before there was an"),
    ],
)
def test_a_failing_call_says_why_and_the_next_one_works(opened, body, reason):
    box = opened(HONEST, f"def f():\n    {body}")
    answer = box.call("f", ())
    assert isinstance(answer, Failure)
    assert answer.reason.startswith(reason)
    assert box.call("honest", (1,)) == [np.array(2)]


def test_a_function_that_is_missing_is_said_to_be(opened):
    assert opened(HONEST).call("other", ()) == Failure("is not defined")


def test_a_cell_that_ends_python_is_left_out_afterwards(opened):
    box = opened("a = 1", "import os; os._exit(0)", "def f():\n    return a")
    assert box.failures == {1: "ended Python before there was an answer"}
    assert box.call("f", ()) == [np.array(1)]


def test_the_whole_submission_has_a_time(photographs):
    limits = QUICK._replace(wall=1, total=1.5)
    with Sandbox(notebook(*["while True: pass"] * 9), photographs, limits) as box:
        start = time.monotonic()
        assert box.run() == Failure("took more than 1.5 s in all")
        assert time.monotonic() - start < 10


def test_nothing_starts_after_the_end(opened):
    box = opened(HONEST)
    box.__exit__()
    assert isinstance(box.call("honest", (1,)), Failure)


def test_a_file_is_read(opened):
    box = opened("open('predictions.csv', 'w').write('picture,breed')")
    assert box.file("predictions.csv", 100) == b"picture,breed"
    assert box.file("predictions.csv", 5) == Failure("is larger than 5 bytes")
    assert box.file("other.csv", 5).reason.startswith("cannot be read")


@pytest.mark.parametrize(
    "made",
    [
        "os.symlink('/etc/ld.so.cache', 'p.csv')",
        "os.mkfifo('p.csv')",
        "os.mkdir('p.csv')",
        "os.truncate(os.open('p.csv', os.O_CREAT | os.O_WRONLY), 4 << 20)",
    ],
)
def test_only_a_regular_file_of_bounded_size_is_read(opened, made):
    box = opened(f"import os\n{made}")
    assert box.failures == {}
    assert isinstance(box.file("p.csv", 1000), Failure)


@pytest.mark.parametrize("broken", [b"", b"\xff", b"[]", b'{"cells": 3}', b"[" * 9999])
def test_what_is_no_notebook_is_refused(broken):
    with pytest.raises(ValueError, match="format 4"):
        Sandbox(broken)


def test_weaker_isolation_than_required_is_refused(monkeypatch):
    monkeypatch.setattr(trial, "strongest_isolation", lambda: "unshare")
    monkeypatch.setattr(trial, "why_not", lambda kind: "bwrap: setting up uid map: no")
    for weakest in ({}, {"require": "bubblewrap"}):
        with pytest.raises(trial.WeakWalls, match="setting up uid map") as told:
            Sandbox(notebook(), **weakest)
        assert "apparmor" in str(told.value)
        assert "--weak-isolation" in str(told.value)
    assert Sandbox(notebook(), require="unshare").isolation == "unshare"


def test_walls_that_do_not_work_are_named_with_their_own_error(monkeypatch, tmp_path):
    program = tmp_path / "bwrap"
    program.write_text(
        "#!/bin/sh\necho bwrap: No permissions to create namespace >&2\nexit 1"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    said = trial.why_not.__wrapped__("bubblewrap")
    assert "No permissions to create namespace" in said
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert "No such file" in trial.why_not.__wrapped__("bubblewrap")


def test_walls_behind_which_no_child_starts_do_not_work(monkeypatch):
    assert trial.why_not.__wrapped__(strongest_isolation()) == ""
    monkeypatch.setattr(trial, "CHILD", "import sys; sys.exit('no child')")
    assert "no child" in trial.why_not.__wrapped__(strongest_isolation())


def test_an_unreadable_folder_is_refused(photographs):
    if os.geteuid():
        pytest.skip("only root becomes another user")
    photographs.chmod(0o700)
    with pytest.raises(RuntimeError, match="chmod -R a"):
        Sandbox(notebook(), photographs)


def test_the_worker_ends_with_the_grader(photographs):
    if strongest_isolation() == "rlimits":
        pytest.skip("limits alone end the worker, but not what it started")
    code = (
        "import sys\nfrom lab.sandbox.sandbox import Sandbox\n"
        "box = Sandbox(sys.stdin.buffer.read(), sys.argv[1]).__enter__()\n"
        "print(box.run(), flush=True)\nbox.call('hang', ())"
    )
    sleep = f"{time.time():.6f}"
    hang = f"import subprocess\ndef hang():\n    subprocess.run(['sleep', '{sleep}'])"
    grader = subprocess.Popen(
        [sys.executable, "-c", code, photographs],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    with grader:
        grader.stdin.write(notebook(hang))
        grader.stdin.close()
        assert grader.stdout.readline() == b"None\n"
        assert within(5, lambda: running(sleep))
        grader.send_signal(signal.SIGKILL)
    assert within(5, lambda: not running(sleep))


# As root, the other tests show bubblewrap.
@pytest.mark.parametrize(
    ("kind", "account"),
    [*product(ISOLATIONS, ["another"]), ("unshare", "own"), ("rlimits", "own")],
)
def test_each_isolation_keeps_what_it_promises(kind, account):
    if account == "another" and os.geteuid():
        pytest.skip("only root can become another account")
    command = [sys.executable, str(FALLBACKS), kind]
    done = subprocess.run(
        [*reachable(account), *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [kind, "kept"]


def reachable(account):
    """Give a command that lets other accounts run this Python, below /root too."""
    if os.geteuid():
        return []
    shut = [p for p in Path(sys.base_prefix).parents if not p.stat().st_mode & 1]
    words = ["bwrap", "--dev-bind", "/", "/", "--cap-add", "ALL"]
    if shut:
        words += ["--perms", "0755", "--tmpfs", str(shut[-1])]
        for folder in reversed([*Path(sys.base_prefix).parents]):
            if folder.is_relative_to(shut[-1]) and folder != shut[-1]:
                words += ["--perms", "0755", "--dir", str(folder)]
        words += ["--ro-bind", sys.base_prefix, sys.base_prefix]
    become = "setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps=-all"
    return [*words, *(become.split() if account == "another" else [])]


def test_withheld_pictures_can_be_read_and_not_changed(tmp_path):
    folder = tmp_path / "withheld"
    folder.mkdir()
    (folder / "0001.jpg").write_bytes(b"a picture")
    for place in (folder, *folder.parents[:3]):
        place.chmod(0o755)
    cell = (
        "import os, pathlib, numpy as np\n"
        "folder = pathlib.Path(os.environ['LAB_WITHHELD'])\n"
        "def size(): return np.array((folder / '0001.jpg').stat().st_size)\n"
        "def spoil(): (folder / '0001.jpg').unlink()"
    )
    with Sandbox(notebook(cell), withheld=folder) as box:
        assert box.call("size", ())[0] == 9
        assert isinstance(box.call("spoil", ()), Failure)
    assert (folder / "0001.jpg").read_bytes() == b"a picture"


def test_shared_features_are_found_in_the_cache_and_stay_as_they_are(tmp_path):
    file = tmp_path / "features.safetensors"
    file.write_bytes(b"features")
    for place in (file, *file.parents[:3]):
        place.chmod(0o755)
    cell = (
        "import numpy as np\n"
        "from utils.features.extraction import cache_folder\n"
        "CACHE = cache_folder()\n"
        "file = CACHE / 'features.safetensors'\n"
        "def size(): return np.array(file.stat().st_size)\n"
        "def spoil(): file.write_bytes(b'')\n"
        "def add(): return np.array((CACHE / 'own').write_bytes(b'12'))"
    )
    with Sandbox(notebook(cell), features=[file]) as box:
        assert box.call("size", ())[0] == 8
        assert isinstance(box.call("spoil", ()), Failure)
        assert box.call("add", ())[0] == 2
    assert file.read_bytes() == b"features"
