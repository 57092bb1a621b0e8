"""Run a submission's cells and call its functions; `lab.sandbox` starts it in walls.

Student code shares this process and may change anything in it. So nothing here
protects the grader: what comes out is checked there.
"""

import json
import os
import resource
import stat
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from signal import SIGKILL

import numpy as np

from lab.sandbox import messages
from lab.sandbox.messages import MAX_REASON_LETTERS, TOKEN_BYTES, Failure, to_bytes
from lab.sandbox.shell import Shell, start_shell
from lab.sandbox.syscalls import PR_SET_PDEATHSIG, control, forbid

NO_ARRAYS = to_bytes([])


def main() -> None:
    """Answer requests until the grader hangs up."""
    _limit(**json.loads(sys.argv[1]))
    connection = _connection()
    shell, home = start_shell(), Path.cwd()
    tasks = {
        "hello": lambda: NO_ARRAYS,
        "cell": lambda source: _run(shell, source),
        "call": lambda name, *values: _call(shell, name, values),
        "file": lambda name, max_bytes: _file(home / name, max_bytes),
    }
    with suppress(EOFError):
        while True:
            words, content = messages.receive(connection)
            token, request = words[:TOKEN_BYTES], json.loads(words[TOKEN_BYTES:])
            arrays = messages.from_bytes(content)
            # What is a dict refers to an array beside the words.
            found = [arrays[d["array"]] if isinstance(d, dict) else d for d in request]
            reason, content = _answer(tasks[found[0]], found[1:])
            messages.send(connection, token + reason, content)


def _limit(**limits: int) -> None:
    """Take the limits on; they hold for every process started later."""
    for name, limit in limits.items():
        # Of CPU time the kernel warns at the first number and kills at the second.
        hard = limit + 1 if name == "cpu" else limit
        resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (limit, hard))
    if sys.platform == "linux":
        control(PR_SET_PDEATHSIG, SIGKILL)
        # Should memory run out all the same, the kernel ends this before the grader.
        Path("/proc/self/oom_score_adj").write_text("1000")
        forbid()


def _connection() -> Connection:
    """Take the socket to the grader away from standard input."""
    connection = Connection(os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout.reconfigure(line_buffering=True)
    return connection


def _answer(task, details: list) -> tuple[bytes, bytes]:
    """Do a task; return what went wrong, if anything did, and the arrays."""
    try:
        outcome = task(*details)
    except BaseException as error:  # SystemExit too: a submission may not end this
        outcome = Failure(f"raised {_describe(error)}")
    if isinstance(outcome, Failure):
        return outcome.reason[:MAX_REASON_LETTERS].encode(errors="replace"), NO_ARRAYS
    return b"", outcome


def _run(shell: Shell, source: str) -> bytes | Failure:
    """Run a cell as Jupyter does."""
    result = shell.run_cell(source)
    error = result.error_before_exec or result.error_in_exec
    return Failure(f"raised {_describe(error)}") if error else NO_ARRAYS


def _call(shell: Shell, name: str, values: tuple) -> bytes | Failure:
    """Call a function of the submission; a tuple gives several arrays."""
    if name not in shell.user_ns:
        return Failure("is not defined")
    try:
        answer = shell.user_ns[name](*values)
    except BaseException as error:
        shell.showtraceback()
        return Failure(f"raised {_describe(error)}")
    try:
        return to_bytes(answer if isinstance(answer, tuple) else (answer,))
    except ValueError as error:
        return Failure(str(error))


def _file(path: Path, max_bytes: int) -> bytes | Failure:
    """Read a file, no link and no pipe, up to one byte more than wanted."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        return Failure(f"cannot be read: {error.strerror}")
    with open(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            return Failure("is no regular file")
        return to_bytes([np.frombuffer(file.read(max_bytes + 1), np.uint8)])


def _describe(error: BaseException) -> str:
    """Name an error; its own text may fail."""
    with suppress(BaseException):
        return f"{type(error).__name__}: {str(error)[:MAX_REASON_LETTERS]}"
    return type(error).__name__


if __name__ == "__main__":
    main()
