"""Fine-tune in TensorFlow with tf.distribute; this module starts the processes itself.

`python -m utils.training.launch_tensorflow --workers 2`
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack

import joblib

from utils.command import Problem, attempt
from utils.training import finetune

MODULE = "utils.training.launch_tensorflow"
INTERVAL = 0.1  # seconds between two looks at the processes
GRACE = 5  # seconds to end when asked to


def main(arguments: list[str] | None = None) -> int:
    """Fine-tune here, in several new processes, or as one of those.

    Return 0 if all is well, 1 after a problem, 130 after Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = finetune.make_parser(MODULE, "tensorflow")
    text = "processes on this machine's processor; graphics cards need only one (1)"
    parser.add_argument("--workers", type=int, default=1, help=text)
    options = parser.parse_args(arguments)
    if options.workers == 1 or "TF_CONFIG" in os.environ:
        return attempt(lambda: _run(options))
    return attempt(lambda: _launch(options, arguments))


def _run(options: argparse.Namespace) -> None:
    # The process that starts others need not import TensorFlow.
    from utils.training.finetune_tensorflow import fine_tune

    fine_tune(options)


def _launch(options: argparse.Namespace, arguments: list[str]) -> None:
    """Start the processes, and stop all of them when one fails."""
    if options.workers < 1:
        raise ValueError(f"workers is {options.workers}; expected 1 or more.")
    finetune.require(options, options.workers)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    threads = str(max(1, joblib.cpu_count() // options.workers))
    shared = {"TF_NUM_INTRAOP_THREADS": threads} | os.environ | {"COURSE_DEVICE": "cpu"}
    cluster = {"worker": [f"127.0.0.1:{port}" for port in _free_ports(options.workers)]}
    started = []
    try:
        for index in range(options.workers):
            place = {"cluster": cluster, "task": {"type": "worker", "index": index}}
            environment = shared | {"TF_CONFIG": json.dumps(place)}
            command = [sys.executable, "-m", MODULE, *arguments]
            started.append(subprocess.Popen(command, env=environment))
        _watch(started)
    finally:
        _stop(started)


def _free_ports(count: int) -> list[int]:
    """Find ports of loopback that nobody uses."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _watch(started: list[subprocess.Popen]) -> None:
    """Wait until all processes have ended well, or the first one badly."""
    ended_well = False
    while not ended_well:
        states = [process.poll() for process in started]
        ended_well = all(state == 0 for state in states)
        for index, state in enumerate(states):
            if state:
                reason = f"failed with exit status {state}"
                if state < 0:
                    reason = f"was ended by {signal.Signals(-state).name}"
                raise Problem(
                    f"Process {index} of {len(started)} {reason}; the others "
                    "were stopped."
                )
        time.sleep(INTERVAL)


def _stop(started: list[subprocess.Popen]) -> None:
    for process in started:
        process.terminate()
    for process in started:
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
