"""Run a submission's cells and call its functions; `lab.sandbox` starts it in walls.

Student code shares this process and may change anything in it. So nothing here
protects the grader: what comes out is checked there.
"""

import io
import json
import os
import resource
import socket
import stat
import sys
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

import numpy as np
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from lab.sandbox.messages import REASON, Failure, receive, send, to_bytes
from lab.sandbox.syscalls import PR_SET_PDEATHSIG, control, forbid


class Shell(InteractiveShell):
    """IPython as in Jupyter, without a kernel, a history or a window."""

    def enable_gui(self, gui=None):
        """Do nothing: there is no window to draw in."""

    system = InteractiveShell.system_raw  # the other way wants a terminal


def main() -> None:
    """Answer requests until the grader hangs up."""
    _limit(**json.loads(sys.argv[1]))
    stream = _channel()
    shell, home = _shell(), Path.cwd()
    tasks = {
        "hello": lambda: [],
        "cell": lambda source: _run(shell, source),
        "call": lambda name, *values: _call(shell, name, values),
        "file": lambda name, most: _file(home / name, most),
    }
    with suppress(EOFError):
        while True:
            token, *frames = receive(stream)
            task, *details = _understand(frames)
            send(stream, [token, *_answer(tasks[task], details)])


def _limit(**limits: int) -> None:
    """Take the limits on; they hold for every process started later."""
    for name, limit in limits.items():
        kind = getattr(resource, f"RLIMIT_{name.upper()}")
        # The kernel warns at the first number and kills at the second.
        resource.setrlimit(kind, (limit, limit + (name == "cpu")))
    if sys.platform == "linux":
        control(PR_SET_PDEATHSIG, SIGKILL)
        # Should memory run out all the same, the kernel ends this before the grader.
        Path("/proc/self/oom_score_adj").write_text("1000")
        forbid()


def _channel():
    """Take the socket to the grader away from standard input."""
    channel = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout.reconfigure(line_buffering=True)
    return channel.makefile("rwb")


def _shell() -> Shell:
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    return Shell.instance(config=config)


def _understand(frames: list[bytes]) -> list:
    """Turn a request into the task and its details: words, numbers and arrays."""
    details = json.loads(frames[0])
    arrays = [np.load(io.BytesIO(f), allow_pickle=False) for f in frames[1:]]
    return [arrays[d["array"]] if isinstance(d, dict) else d for d in details]


def _answer(task, details: list) -> list[bytes]:
    """Do a task; the first frame says what went wrong, arrays follow."""
    try:
        outcome = task(*details)
    except BaseException as error:  # SystemExit too: a submission may not end this
        outcome = Failure(f"raised {_describe(error)}")
    if isinstance(outcome, Failure):
        return [outcome.reason[:REASON].encode(errors="replace")]
    return [b"", *outcome]


def _run(shell: Shell, source: str) -> list[bytes] | Failure:
    """Run a cell as Jupyter does."""
    result = shell.run_cell(source)
    error = result.error_before_exec or result.error_in_exec
    return Failure(f"raised {_describe(error)}") if error else []


def _call(shell: Shell, name: str, values: tuple) -> list[bytes] | Failure:
    """Call a function of the submission; a tuple gives several arrays."""
    if name not in shell.user_ns:
        return Failure("is not defined")
    try:
        answer = shell.user_ns[name](*values)
    except BaseException as error:
        shell.showtraceback()
        return Failure(f"raised {_describe(error)}")
    try:
        answers = answer if isinstance(answer, tuple) else (answer,)
        return [to_bytes(part) for part in answers]
    except ValueError as error:
        return Failure(str(error))


def _file(path: Path, most: int) -> list[bytes] | Failure:
    """Read a file, no link and no pipe, up to one byte more than wanted."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        return Failure(f"cannot be read: {error.strerror}")
    with open(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            return Failure("is no regular file")
        return [file.read(most + 1)]


def _describe(error: BaseException) -> str:
    """Name an error; its own text may fail."""
    with suppress(BaseException):
        return f"{type(error).__name__}: {str(error)[:REASON]}"
    return type(error).__name__


if __name__ == "__main__":
    main()
