"""Hostile submissions: each costs its author a request, and nobody else anything.

Should a limit fail, each attack stops by itself before it hurts the machine.
"""

import os
import platform
import secrets
import socket
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest

from lab.sandbox.isolation import ROOT, inside
from lab.sandbox.messages import Failure
from lab.sandbox.sandbox import Sandbox
from lab.sandbox.syscalls import MACHINES
from lab.sandbox.trial import strongest_isolation
from tests.lab.cells import HONEST, QUICK, notebook, running, within

pytestmark = pytest.mark.usefixtures("walls")

ALLOCATE = """
import time
def attack():
    held = []
    for _ in range(160):  # 10 GiB at most
        held.append(np.ones(8 << 20))
        time.sleep(0.02)
"""
ALLOCATE_TOGETHER = """
import os, time
def attack():
    for _ in range(6):
        if not os.fork():
            held = [np.ones(25 << 20), time.sleep(20)]
            os._exit(0)
    time.sleep(10)
"""
FORK_BOMB = """
import os, time
def attack():
    for _ in range({count}):
        if not os.fork():
            time.sleep(20)
            os._exit(0)
    time.sleep(10)
"""
SOCKETS = """
import os, socket, time
def attack():
    for _ in range(10):
        if not os.fork():
            held = [end for _ in range(240) for end in socket.socketpair()]
            for end in held:
                end.setblocking(False)
                try:
                    while True: end.send(bytes(1 << 16))
                except OSError: pass
            time.sleep(20)
            os._exit(0)
    time.sleep(10)
"""
SHORT_LIVED = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
def attack():
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if not os.fork():
            sum(range(10**6))
            os._exit(0)
        time.sleep(0.02)
"""
FILL_DISK = """
def attack():
    for number in range(512):  # 2 GiB at most
        with open(f"{folder}/{number}", "wb") as file:
            file.write(bytes(4 << 20))
"""


@pytest.fixture
def walls():
    """Hostile code runs behind the strongest walls only."""
    if strongest_isolation() != "bubblewrap":
        pytest.skip("needs bubblewrap")


@pytest.fixture
def attacked(tmp_path):
    """Run hostile cells; whatever they did, honest calls work and nothing is left."""
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    photographs.chmod(0o755)
    before = sorted(tmp_path.rglob("*"))

    @contextmanager
    def run(*cells, **limits):
        content = notebook("import numpy as np", *cells, HONEST)
        with Sandbox(content, photographs, QUICK._replace(**limits)) as box:
            assert box.run() is None
            yield box
            np.testing.assert_array_equal(
                box.call("honest", (np.arange(3),)), [[1, 2, 3]]
            )
            group = box._worker._group()
        assert not any(map(alive, group))
        assert sorted(tmp_path.rglob("*")) == before

    return run


def alive(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


@pytest.mark.parametrize(
    ("cell", "reason", "limits"),
    [
        (
            "def attack():\n    while True: pass",
            "computed for more than 1 s",
            {"busy": 1},
        ),
        (
            "import os, time\ndef attack():\n    if not os.fork():\n"
            "        while True: pass\n    time.sleep(60)",
            "computed for more than 1 s",
            {"busy": 1, "wall": 60},
        ),
        (
            "import time\ndef attack():\n    time.sleep(60)",
            "did not end within 1 s",
            {"wall": 1},
        ),
        (
            "def attack():\n    while True: pass",
            "took more than 1 s of CPU time",
            {"cpu": 1},
        ),
        (
            "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\n"
            "def attack():\n    while True: pass",
            "ended Python before there was an answer",
            {"cpu": 1, "wall": 5},
        ),
        (
            "def attack():\n    while True: print('x' * 10_000)",
            "did not end within 1 s",
            {"wall": 1},
        ),
        (
            "def attack():\n    return np.ones(10 << 27)",
            "raised MemoryError",
            {},
        ),
        (ALLOCATE, "took more than 0.5 GiB of memory", {}),
        (ALLOCATE_TOGETHER, "took more than 0.5 GiB of memory", {}),
        (SOCKETS, "took more than 0.5 GiB of memory", {}),
        (SHORT_LIVED, "computed for more than 1 s", {"busy": 1, "wall": 60}),
        (
            SHORT_LIVED.replace("signal.signal(", "# "),
            ("computed for more than 1 s", "raised BlockingIOError", "ran more than"),
            {"busy": 1, "wall": 60},
        ),
        (FORK_BOMB.replace("{count}", "40"), "ran more than 16 processes", {}),
        # Of so many the kernel refuses some, unless the watcher looks before.
        (
            FORK_BOMB.replace("{count}", "300"),
            ("ran more than 16 processes", "raised BlockingIOError"),
            {},
        ),
        (FILL_DISK.replace("{folder}", "."), "raised OSError: [Errno 28]", {}),
        (FILL_DISK.replace("{folder}", "/tmp"), "raised OSError: [Errno 28]", {}),
        (FILL_DISK.replace("{folder}", "/dev/shm"), "raised OSError: [Errno 28]", {}),
        (
            "def attack():\n    open('big', 'wb').write(bytes(9 << 20))",
            "raised OSError: [Errno 27]",
            {},
        ),
        (
            "def attack():\n    np.memmap('sparse', np.float64, 'w+', shape=10**9)",
            "raised OSError: [Errno 27]",
            {},
        ),
    ],
)
def test_what_takes_too_much_is_ended(attacked, cell, reason, limits):
    with attacked(cell, **limits) as box:
        answer = box.call("attack", ())
        assert isinstance(answer, Failure)
        assert answer.reason.startswith(reason)
        assert len(box.log) <= QUICK.output


@pytest.mark.parametrize(
    "call",
    [
        "mmap.mmap(-1, 1 << 20)",
        "os.memfd_create('hidden')",
        "libc.unshare(0x10000000)",
        "libc.shmget(0, 1 << 20, 0o1666)",
        "libc.ptrace(0, 0, 0, 0)",
        "libc.setns(3, 0)",
        "libc.syscall(NUMBERS['clone'], 0x10000011, 0, 0, 0, 0)",
        "libc.syscall(NUMBERS['io_uring_setup'], 1, 0)",
        "socket.socketpair()[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)",
        "socket.socketpair()[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)",
        "fcntl.fcntl(os.pipe()[1], 1031, 1 << 20)",
        "socket.socket(socket.AF_INET)",
        "socket.socket(socket.AF_NETLINK)",
    ],
)
def test_ways_around_the_limits_are_shut(attacked, call):
    cell = (
        "import ctypes, fcntl, mmap, os, socket\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        f"NUMBERS = {MACHINES[platform.machine()][1]}\n"
        "def attack():\n"
        f"    if {call} == -1:\n"
        "        raise OSError(ctypes.get_errno(), '')"
    )
    with attacked(cell) as box:
        assert "PermissionError: [Errno 1]" in box.call("attack", ()).reason


def test_the_worker_has_no_rights(attacked):
    cell = (
        "def attack():\n"
        "    lines = dict(l.split(':') for l in open('/proc/self/status'))\n"
        "    rights = [int(lines[f'Cap{kind}'], 16) for kind in ('Prm', 'Eff')]\n"
        "    return rights, [int(lines['NoNewPrivs']), int(lines['Seccomp'])]"
    )
    with attacked(cell) as box:
        rights, modes = box.call("attack", ())
        assert rights.tolist() == [0, 0]
        assert modes.tolist() == [1, 2]


def test_all_but_one_folder_is_read_only(attacked):
    cell = """
def attack():
    mounts = [line.split() for line in open("/proc/self/mounts")]
    shared = [m for m in mounts if not m[1].startswith(("/dev/", "/proc"))]
    writable = [m[1] for m in shared if "ro" not in m[3].split(",")]
    return len(shared), writable == ["/course"]
"""
    with attacked(cell) as box:
        mounts, only_the_course = box.call("attack", ())
        assert mounts > 5
        assert only_the_course


def test_deleting_everything_deletes_nothing(attacked, tmp_path):
    kept = tmp_path / "photographs" / "kept.jpg"
    kept.write_bytes(b"kept")
    # Only what may be lost should the walls fail; of the rest, whether it could be.
    shown = str(inside("COURSE_DATA", kept.parent))
    folders = ["/course/lab/release", "/course/tmp", str(kept.parent), shown]
    cell = (
        "import shutil, os\n"
        f"for folder in {folders}:\n    shutil.rmtree(folder, ignore_errors=True)\n"
        "def attack():\n"
        f"    paths = ['{shown}/kept.jpg', '/course/data/breeds.csv']\n"
        "    paths += [np.__file__, '/course/utils/__init__.py', '/usr/bin/env']\n"
        "    return [os.path.exists(p) and not os.access(p, os.W_OK) for p in paths]"
    )
    box = Sandbox(notebook("import numpy as np", cell), kept.parent, QUICK)
    with box:
        assert box.run() is None
        assert box.call("attack", ())[0].all()
    assert kept.read_bytes() == b"kept"
    assert (ROOT / "utils" / "__init__.py").exists()


def test_answers_other_submissions_and_secrets_cannot_be_read(
    attacked, tmp_path_factory, monkeypatch
):
    secret = secrets.token_hex()
    folder = tmp_path_factory.mktemp("private")
    answers, other = folder / "answers.json", folder / "other.ipynb"
    keys = Path.home() / ".ssh"
    for path in (answers, other):
        path.write_text(secret)
    monkeypatch.setenv("SECRET", secret)
    # Split, so that the search does not find itself.
    cell = f"""
from pathlib import Path
FORBIDDEN = {[str(path) for path in (answers, other, keys, ROOT / "lab/source")]}
FORBIDDEN += ["/course/lab/source", "/course/lab/grade.py", "/etc/passwd", "/home"]
def attack():
    found = [Path(p).exists() for p in FORBIDDEN]
    for path in [*Path("/proc").glob("*/environ"), *Path("/proc").glob("*/cmdline")]:
        try:
            found.append(b"{secret[:9]}" + b"{secret[9:]}" in path.read_bytes())
        except OSError:
            pass
    return found, len(list(Path("/proc").glob("[0-9]*")))
"""
    with attacked(cell) as box:
        found, processes = box.call("attack", ())
        assert len(found) > 8
        assert not found.any()
        assert processes <= 3


def test_inputs_of_later_calls_are_nowhere_yet(attacked):
    cell = """
import gc
from pathlib import Path
def attack(value):
    arrays = [o for o in gc.get_objects() if isinstance(o, np.ndarray)]
    files = [p.name for p in Path("/course").rglob("*.np*")]
    return len(files) + sum(12_345 in a for a in arrays if a is not value)
"""
    with attacked(cell) as box:
        for value in (np.zeros(3), np.full(3, 12_345)):
            assert box.call("attack", (value,)) == [np.array(0)]


def test_no_network_near_or_far(attacked):
    cell = """
import socket
def attack(port):
    reached = 0
    for address in ("127.0.0.1", "::1", "localhost", "192.0.2.1", "example.org"):
        try:
            socket.create_connection((address, port), 0.5)
            reached += 1
        except OSError:
            pass
    lines = open("/proc/net/dev").read().splitlines()[2:]
    return reached, sum(not line.strip().startswith("lo:") for line in lines)
"""
    with socket.create_server(("127.0.0.1", 0)) as server, attacked(cell) as box:
        reached, devices = box.call("attack", (server.getsockname()[1],))
        assert (reached, devices) == (0, 0)


@pytest.mark.parametrize(
    "cell",
    [
        "np.array_equal = np.allclose = lambda *a, **k: True",
        "np.ndarray = np.float64 = np.dtype = None",
        "import builtins\nbuiltins.open = None\nbuiltins.AssertionError = Warning",
        "import builtins\nbuiltins.isinstance = builtins.len = lambda *a: True",
        "import sys\nsys.exit = print\nsys.exit()",
        "import sys\nsys.exit(0)",
        "import os\nos._exit(0)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "import os\nos.closerange(0, 100)",
        "import sys\nsys.stdout = sys.stderr = None\nsys.excepthook = None",
        "import sys\nsys.tracebacklimit = 0\nraise KeyboardInterrupt",
        "import atexit, time\natexit.register(time.sleep, 60)",
        "get_ipython().run_cell = lambda *a, **k: None",
        "get_ipython().showtraceback = None\n1 / 0",
        "get_ipython().set_custom_exc((Exception,), lambda *a: 1 / 0)\n1 / 0",
        "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass'])",
        "get_ipython().events.register('pre_run_cell', lambda *a: 1 / 0)",
        "get_ipython().reset()",
        "import gc, sys\nfor m in list(sys.modules): sys.modules[m] = None",
        "import threading\nthreading.excepthook = None\n"
        "def loop():\n    while True: pass\n"
        "for _ in range(3): threading.Thread(target=loop, daemon=True).start()",
        "from resource import *\nsetrlimit(RLIMIT_NPROC, (1 << 20, 1 << 20))",
        "class E(Exception):\n    def __str__(self): return 1 / 0\nraise E",
        "class E(Exception):\n    def __str__(self): return '\\x00' * 10**7\nraise E",
    ],
)
def test_meddling_costs_at_most_the_meddler(attacked, cell, tmp_path):
    known = np.array_equal, np.allclose, open, AssertionError
    # What a submission breaks for itself stays broken; another one does not notice.
    content = notebook("import numpy as np", HONEST, cell)
    with Sandbox(content, tmp_path / "photographs", QUICK) as box:
        start = time.monotonic()
        assert box.run() is None
        answer = box.call("honest", (np.arange(3),))
        honest = isinstance(answer, list) and answer[0].tolist() == [1, 2, 3]
        assert honest or isinstance(answer, Failure)
        assert time.monotonic() - start < 10
    with attacked() as box:
        assert box.failures == {}
    assert known == (np.array_equal, np.allclose, open, AssertionError)


def test_an_answer_that_equals_everything_is_no_array(attacked):
    cell = (
        "class Right:\n    def __eq__(self, other): return True\n"
        "class Array(np.ndarray):\n    def __eq__(self, other): return True\n"
        "def whole(): return Right()\n"
        "def view(): return np.zeros(2).view(Array)"
    )
    with attacked(cell) as box:
        assert box.call("whole", ()) == Failure(
            "gave values of type object, not numbers"
        )
        (view,) = box.call("view", ())
        assert type(view) is np.ndarray
        assert not (view == 1).any()


def test_what_is_left_running_ends_with_the_sandbox(attacked):
    word = f"{time.time():.6f}"
    cell = (
        "import os, subprocess\n"
        "if not os.fork():\n"
        "    os.setsid()\n"
        "    if not os.fork():\n"
        "        os.closerange(0, 100)\n"
        f"        os.execvp('sleep', ['sleep', '{word}'])\n"
        "    os._exit(0)"
    )
    with attacked(cell):
        assert within(3, lambda: running(word))
    assert not running(word)


def test_grades_cannot_be_written(attacked, tmp_path):
    targets = [str(tmp_path / "grades.csv"), str(ROOT / "grades.csv"), "/grades.csv"]
    targets += [
        "/course_data/photographs/grades.csv",
        str(ROOT.parent / "grades.csv"),
        "/usr/grades.csv",
    ]
    # The worker's own /tmp is another one, in which it may write.
    targets = [path for path in targets if not path.startswith("/tmp/grades")]
    cell = f"""
def attack():
    written = 0
    for path in {targets}:
        try:
            with open(path, "w") as file:
                written += file.write("20")
        except OSError:
            pass
    return written
"""
    with attacked(cell) as box:
        assert box.call("attack", ()) == [np.array(0)]
    assert not (ROOT / "grades.csv").exists()
    assert not Path("/tmp/grades.csv").exists()


FORGE = """
import os, struct
def message(*parts):
    return b"".join(struct.pack("!i", len(part)) + part for part in parts)
forged = {what}
for number in range(3, 64):
    try:
        os.write(number, forged)
    except OSError:
        pass
np.save("answer.npy", np.full(3, 20))
np.save("honest.npy", np.full(3, 20))
"""


@pytest.mark.parametrize(
    "what",
    [
        "message(b'', open('/dev/urandom', 'rb').read(99))",
        "message(b'\\0' * 16, b'')",
        "message(b'', b'')",
        "b'\\xff' * 4096",
        "struct.pack('!iQ', -1, 1 << 62)",
        "message(b'\\0' * 16) + struct.pack('!iQ', -1, 1 << 62)",
    ],
)
def test_forged_answers_cost_the_cell(attacked, what):
    with attacked(FORGE.replace("{what}", what)) as box:
        assert list(box.failures) == [1]


@pytest.mark.parametrize(
    "what",
    ["struct.pack('!i', 1 << 20)", "b'\\0'", "message(b'\\0' * 99) + b'\\0\\0'"],
)
def test_half_a_message_keeps_nobody_waiting(attacked, what):
    cell = FORGE.replace("{what}", what) + "import time\ntime.sleep(60)"
    with attacked(cell, wall=1) as box:
        assert box.failures == {1: "did not end within 1 s"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("b'\\x80\\x04N.'", "gave something that is no array of numbers"),
        ("pickle.dumps(Run())", "gave something that is no array of numbers"),
        (
            "(72).to_bytes(8, 'little') + "
            'b\'{"0": {"dtype": "F64", "shape": [1000000000], \''
            "b'\"data_offsets\": [0, 0]}}  '",
            "gave something that is no array of numbers",
        ),
        (
            "saved({'0': np.zeros(7, complex).astype(np.complex64)})",
            "gave values of type complex64, not numbers",
        ),
    ],
)
def test_forged_bytes_in_place_of_an_array(attacked, tmp_path, content, reason):
    cell = f"""
import pickle
from lab.sandbox import messages
class Run:
    def __reduce__(self):
        import os
        return os.mkdir, ({str(tmp_path / "unpickled")!r},)
saved = messages.save
def save(arrays):
    forge = any(array.size == 7 for array in arrays.values())
    return {content} if forge else saved(arrays)
messages.save = save
def attack():
    return np.zeros(7)
"""
    with attacked(cell) as box:
        assert box.call("attack", ()) == Failure(reason)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("np.broadcast_to(0.0, 10**9)", "gave 1,000,000,000 numbers, more than"),
        ("np.array([None, 1])", "gave values of type object, not numbers"),
        ("np.zeros(2, 'f8,f8')", "gave values of type [("),
        ("tuple(np.zeros(1) for _ in range(99))", "gave more than the grader takes"),
    ],
)
def test_answers_that_do_not_cross(attacked, value, reason):
    with attacked(f"def attack():\n    return {value}") as box:
        assert box.call("attack", ()).reason.startswith(reason)


def test_wrong_shapes_and_nan_cross_as_they_are(attacked):
    cell = "def attack(x):\n    return x[None], np.full(2, np.nan), np.zeros((0, 2))"
    with attacked(cell) as box:
        shape, nan, empty = box.call("attack", (np.arange(3),))
        assert shape.shape == (1, 3)
        assert np.isnan(nan).all()
        assert empty.shape == (0, 2)


def test_two_submissions_do_not_meet(attacked):
    cell = "from pathlib import Path\nPath('/tmp/mine').touch()\n"
    cell += "def attack():\n    return len(list(Path('/tmp').iterdir())), os.getuid()\n"
    cell += "import os"
    with attacked(cell) as one, attacked(cell.replace("mine", "yours")) as two:
        (ours, own), (theirs, other) = one.call("attack", ()), two.call("attack", ())
        assert (ours, theirs) == (1, 1)
        assert os.geteuid() or own != other
