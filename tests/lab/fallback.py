"""Show that the isolation named on the command line keeps what it promises."""

import json
import os
import socket
import sys
import tempfile
from pathlib import Path

import numpy as np

from lab.sandbox import trial
from lab.sandbox.isolation import ISOLATIONS
from lab.sandbox.messages import Failure
from lab.sandbox.sandbox import Sandbox
from lab.sandbox.supervisor import Limits
from tests.lab.cells import running

SLEEP = "30.4321"
CELL = f"""
import os, socket, subprocess, time
import numpy as np

def double(x):
    return 2 * x

def hang():
    while True:
        pass

def fill():
    held = []
    for _ in range(160):  # 10 GiB at most, should the limit fail
        held.append(np.ones(8 << 20))
        time.sleep(0.02)

def bomb():
    for _ in range(60):  # processes at most, should the limit fail
        subprocess.Popen(["sleep", "20"])
    time.sleep(10)

def write():
    for number in range(64):  # 512 MiB at most, should the limit fail
        with open(f"{{number}}.bin", "wb") as file:
            file.write(bytes(8 << 20))
        time.sleep(0.02)

def reach(port):
    try:
        socket.create_connection(("127.0.0.1", port), 2)
    except OSError:
        return False
    return True

def secret():
    return "SECRET" in os.environ

def leave(daemon):
    begin = ["setsid", "--fork"] if daemon else []
    subprocess.Popen([*begin, "sleep", "{SLEEP}"], start_new_session=True)
    time.sleep(0.5)
    return 1
"""
CONTENT = json.dumps({"cells": [{"cell_type": "code", "source": CELL}]}).encode()
LIMITS = Limits(
    busy=2, wall=6, memory=1 << 30, processes=16, file=16 << 20, disk=64 << 20
)


def main(kind: str) -> None:
    """Try everything once; an assertion says what was not kept."""
    os.environ["SECRET"] = "secret"
    trial.strongest_isolation = lambda: kind
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder  # what the sandbox writes is seen here
        photographs = Path(folder, "photographs")
        for path in (photographs, Path(folder)):
            path.mkdir(exist_ok=True)
            path.chmod(0o755)
        with Sandbox(CONTENT, photographs, LIMITS, require=kind) as box:
            assert box.run() is None
            check(box)
        assert not running(SLEEP), "a process was left running"
        assert os.listdir(folder) == ["photographs"], "files were left"
    print(box.isolation, "kept")


def check(box: Sandbox) -> None:
    """Call honest and hostile functions in turn."""
    assert box.failures == {}
    for function in ("hang", "fill", "bomb", "write"):
        answer = box.call(function, ())
        assert isinstance(answer, Failure), f"{function} gave {answer}"
        print(function, answer.reason, file=sys.stderr)
        assert box.call("double", (np.arange(3),))[0].tolist() == [0, 2, 4]
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert box.call("reach", (server.getsockname()[1],)) == [np.array(False)]
    assert box.call("secret", ()) == [np.array(False)]
    # Limits alone lose sight of a process that leaves its parent, but for root.
    daemon = box.isolation != "rlimits" or os.geteuid() == 0
    assert box.call("leave", (int(daemon),)) == [np.array(1)]
    assert running(SLEEP)


if __name__ == "__main__":
    assert sys.argv[1] in ISOLATIONS
    main(sys.argv[1])
