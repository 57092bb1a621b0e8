"""A worker process: start it behind walls, ask it, watch it, and end it."""

import json
import math
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil

from lab.sandbox import isolation, messages
from lab.sandbox.messages import MAX_REASON_LETTERS, TOKEN_BYTES, Failure

START_TIMEOUT = 60  # seconds within which Python starts on a busy machine
HANGUP_TIMEOUT = 0.5  # seconds within which a process that hung up has ended
KILL_TIMEOUT = 5  # seconds within which the kernel ends a killed process
WATCH_INTERVAL = 0.1  # seconds between two looks at a worker
KILL_INTERVAL = 0.01  # seconds between two looks at the dying
DISCARD_INTERVAL = 0.01  # seconds between two reads of what is thrown away
OUTPUT_CHUNK = 1 << 16  # bytes of output read at once
THREADS_PER_PROCESS = 4  # within the limit: frameworks start several
MAX_OPEN_FILES = 512  # of a process
BUFFER_BYTES = 1 << 18  # that an open pipe or socket may hold in the kernel
CORES = os.cpu_count() or 1
CRASHED = "ended Python before there was an answer"


class Limits(NamedTuple):
    """What a submission may take; the defaults suit the course's assignment."""

    busy: float = 120  # seconds of CPU time, of one cell or call
    wall: float = 600  # seconds that it lasts; the machine may do other things too
    total: float = 600  # seconds, of all of them together
    cpu: int = 900  # seconds of CPU time, of each process
    memory: int = 4 << 30  # bytes, of all processes together
    processes: int = 64
    file: int = 64 << 20  # bytes, of the largest file
    output: int = 1 << 20  # bytes of what is printed; more is thrown away
    disk: int = 256 << 20  # bytes, of all files together


class Worker:
    """A process that runs student code, and a thread that watches it.

    The process ends with this one, and under bubblewrap also with the thread that
    starts it: that thread has to live as long as the worker is needed.

    Parameters
    ----------
    kind : str
        One of `lab.sandbox.isolation.ISOLATIONS`.
    pictures : dict of str to Path
        Folders that it may read, by the variable that names each.
    features : sequence of Path
        Files that it finds in its cache of features.
    limits : Limits
        What it may take.
    end : float
        When it ends at the latest, in the seconds of `time.monotonic`.

    Attributes
    ----------
    log : bytearray
        What it printed, up to the limit.
    reason : str
        Why it ended; empty while it lives.
    """

    def __init__(self, kind, pictures, features, limits, end):
        self.log, self.reason = bytearray(), ""
        self._limits, self._end, self._deadline = limits, end, end
        self._busy_before = math.inf  # seconds computed before the request; inf: none
        self._ending, self._ended = threading.Lock(), threading.Event()
        # A user for each worker: no process of another submission is in its reach,
        # nor counted with its own.
        root = os.geteuid() == 0
        self._user = 2**30 + secrets.randbelow(2**29) if root else None
        self._folder = None if kind == "bubblewrap" else Path(tempfile.mkdtemp())
        if self._folder:
            isolation.copy_course(self._folder, features, self._user)
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = self._start(kind, pictures, features, theirs)
        # The watcher shuts the socket down while a request waits for this copy of it.
        self._socket, self._connection = ours, Connection(os.dup(ours.fileno()))
        self._listener = threading.Thread(target=self._listen, daemon=True)
        for thread in (
            self._listener,
            threading.Thread(target=self._watch, daemon=True),
        ):
            thread.start()

    def _start(self, kind, pictures, features, channel) -> subprocess.Popen:
        """Start the program, with the channel in the place of its standard input."""
        course, seen = self._folder, pictures
        if kind == "bubblewrap":
            course = isolation.COURSE
            seen = {name: isolation.inside(name, at) for name, at in pictures.items()}
        limits, user = self._limits, self._user
        walls = isolation.command(kind, limits.disk, pictures, features, user)
        kept = json.dumps(_kernel_limits(limits, user))
        return subprocess.Popen(
            [*walls, isolation.python(kind), "-s", "-m", "lab.sandbox.worker", kept],
            stdin=channel,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=isolation.environment(kind, course, seen),
            cwd=self._folder / isolation.WORK if self._folder else "/",
            start_new_session=True,
        )

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return not self.reason

    def ask(self, task: str, *details) -> list[np.ndarray] | Failure:
        """Have a task done, within the time for one request.

        Parameters
        ----------
        task : str
            Of `lab.sandbox.worker`.
        *details : str, int, float or ndarray
            What the task wants.

        Returns
        -------
        list of ndarray, or Failure
            Arrays of bool, int, uint or float.
        """
        seconds = START_TIMEOUT if task == "hello" else self._limits.wall
        self._deadline = min(self._end, time.monotonic() + seconds)
        self._busy_before = _busy(self._group())
        # Only the answer to this request will do, not one forged ahead of it.
        token = secrets.token_bytes(TOKEN_BYTES)
        try:
            words, arrays = _request(task, details)
            messages.send(self._connection, token + words, arrays)
            words, arrays = messages.receive(self._connection)
            if not words.startswith(token):
                raise ValueError("wrote into the answers")
        except ValueError as error:
            self.stop(str(error))
        except (OSError, EOFError):
            self.stop()
        else:
            self._deadline, self._busy_before = self._end, math.inf
            return _answer(words[TOKEN_BYTES:], arrays)
        return Failure(self.reason)

    def stop(self, reason: str = "") -> None:
        """End the worker and all that it started; wait until they are gone.

        Parameters
        ----------
        reason : str
            Why; without it, how the process ended tells.
        """
        with self._ending:
            if not self._ended.is_set():
                self.reason = self.reason or reason or self._cause()
                self._kill()
                self._listener.join(HANGUP_TIMEOUT)  # it may have last words to read
                self._ended.set()

    def _cause(self) -> str:
        """Return why the process ended by itself."""
        with suppress(subprocess.TimeoutExpired):
            code = abs(self._process.wait(HANGUP_TIMEOUT))
            if code % 128 == signal.SIGXCPU:
                return f"took more than {self._limits.cpu} s of CPU time"
        return CRASHED

    def _kill(self) -> None:
        """Kill the process, and with it what it started."""
        doomed = [*self._group(), *self._others()]
        self._process.kill()
        while doomed:
            for process in doomed:
                with suppress(psutil.Error):
                    process.kill()
            _await(doomed)
            doomed = self._others()  # started meanwhile; with namespaces, none
        self._process.wait()
        # Whoever still holds the other end must not keep the grader waiting.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _others(self) -> list[psutil.Process]:
        """List what else the worker's own user runs, also what left its parents."""
        return [] if self._user is None else _of_user(self._user)

    def _watch(self) -> None:
        """Look at what the worker takes until it ends."""
        while not self._ended.wait(WATCH_INTERVAL):
            excess = self._excess()
            if excess or self._process.poll() is not None:
                self.stop(excess)

    def _listen(self) -> None:
        """Keep what is printed, up to the limit; what is more is thrown away."""
        with self._process.stdout as output:
            while chunk := os.read(output.fileno(), OUTPUT_CHUNK):
                room = self._limits.output - len(self.log)
                self.log += chunk[: max(room, 0)]
                if room <= 0:
                    time.sleep(DISCARD_INTERVAL)

    def _excess(self) -> str:
        """Return which limit is passed, if any."""
        limits, group = self._limits, self._group()
        if time.monotonic() > self._deadline:
            return f"did not end within {limits.wall:g} s"
        if _leaves_no_trace(group):
            self._busy_before -= CORES * WATCH_INTERVAL
        if _busy(group) - self._busy_before > limits.busy:
            return f"computed for more than {limits.busy:g} s"
        if len(group) > limits.processes:
            return f"ran more than {limits.processes} processes"
        if _holds_more(group, limits.memory):
            return f"took more than {limits.memory / 2**30:.3g} GiB of memory"
        if self._folder and _size(self._folder) > limits.disk:
            return f"wrote more than {limits.disk / 2**20:.3g} MiB"
        return ""

    def _group(self) -> list[psutil.Process]:
        """List the processes: the walls, the worker, and what it started."""
        with suppress(psutil.Error):
            first = psutil.Process(self._process.pid)
            return [first, *first.children(recursive=True)]
        return []


def _kernel_limits(limits: Limits, user: int | None) -> dict[str, int]:
    """Name the limits that the kernel keeps for each process as the kernel does."""
    # The kernel counts all processes of a user; the worker's own user has no other.
    others = 0 if user is not None else len(_of_user(os.getuid()))
    return {
        "cpu": limits.cpu,
        "fsize": limits.file,
        "nofile": MAX_OPEN_FILES,
        "nproc": (others + limits.processes) * THREADS_PER_PROCESS,
        # Frameworks reserve address space that they never use, so that space is not
        # limited; this counts what they could write to, and the watcher what they do.
        "data": 2 * limits.memory,
        "core": 0,
    }


def _request(task: str, details: tuple) -> tuple[bytes, bytes]:
    """Write words and numbers as JSON, which refers to the arrays beside it."""
    words, arrays = [task], []
    for detail in details:
        if isinstance(detail, str | int | float):
            words.append(detail)
        else:
            words.append({"array": len(arrays)})
            arrays.append(detail)
    return json.dumps(words).encode(), messages.to_bytes(arrays)


def _answer(reason: bytes, arrays: bytes) -> list[np.ndarray] | Failure:
    """Read what a worker answers; a reason becomes one line of bounded length."""
    if reason:
        text = reason[:MAX_REASON_LETTERS].decode(errors="replace")
        return Failure("".join(c if c.isprintable() else " " for c in text))
    try:
        return messages.from_bytes(arrays)
    except ValueError as error:
        return Failure(str(error))


def _await(group: list[psutil.Process]) -> None:
    """Wait until killed processes are gone, but for what their parents keep."""
    end = time.monotonic() + KILL_TIMEOUT
    while any(_runs(process) for process in group) and time.monotonic() < end:
        time.sleep(KILL_INTERVAL)


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def _of_user(user: int) -> list[psutil.Process]:
    """List the running processes of a user."""
    return [
        process
        for process in psutil.process_iter(["uids"])
        if (uids := process.info["uids"]) and uids.real == user and _runs(process)
    ]


def _busy(group: list[psutil.Process]) -> float:
    """Add up the CPU time of processes, in seconds, with that of their children."""
    total = 0
    for process in group:
        with suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])  # user, system, and the children's
    return total


def _holds_more(group: list[psutil.Process], memory: int) -> bool:
    """Return whether processes hold more memory than this together."""
    memory -= BUFFER_BYTES * sum(map(_open_files, group))
    # The first sum counts shared pages for each process; the exact one takes longer.
    return all(sum(map(of, group)) > memory for of in (_resident, _proportional))


def _open_files(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return process.num_fds()
    return 0


def _leaves_no_trace(group: list[psutil.Process]) -> bool:
    """Return whether a process ignores its children, whose time then counts nowhere."""
    for process in group:
        with suppress(OSError, ValueError, IndexError):
            text = Path(f"/proc/{process.pid}/status").read_text()
            ignored = int(text.split("SigIgn:")[1].split()[0], 16)
            if ignored >> (signal.SIGCHLD - 1) & 1:
                return True
    return False


def _resident(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return process.memory_info().rss
    return 0


def _proportional(process: psutil.Process) -> int:
    """Return the resident bytes, those shared divided by the number of owners."""
    try:
        return process.memory_full_info().pss
    except (psutil.Error, AttributeError):
        return _resident(process)


def _size(folder: Path) -> int:
    """Add up what the files of a folder take; one may vanish meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_blocks * 512
    return total
