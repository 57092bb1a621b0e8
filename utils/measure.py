"""How long a piece of work takes, and how much memory."""

import multiprocessing
import threading
import time
from concurrent.futures import ProcessPoolExecutor

import psutil

INTERVAL = 0.01  # seconds between two looks at the memory


class Meter:
    """Measure the work inside a ``with`` block.

    Attributes
    ----------
    seconds : float
        Wall time of the block.
    megabytes : float
        The most memory that the process held during the block, above what it
        held when the block began, in MB (1e6 bytes).
    """

    def __enter__(self):
        """Start the clock, and a thread that watches the memory."""
        self._process = psutil.Process()
        self._before = self._peak = self._process.memory_info().rss
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        self._start = time.perf_counter()
        return self

    def __exit__(self, *error):
        """Stop both, whether the block went well or not."""
        self.seconds = time.perf_counter() - self._start
        self._done.set()
        self._watcher.join()
        self.megabytes = (self._peak - self._before) / 1e6

    def _watch(self):
        while not self._done.wait(INTERVAL):
            self._peak = max(self._peak, self._process.memory_info().rss)


def alone(work, *arguments):
    """Run a function in a fresh process, where no earlier work left memory to reuse.

    Parameters
    ----------
    work : callable
        A function of an importable module.
    *arguments
        What it is given.

    Returns
    -------
    object
        What it returned.

    Raises
    ------
    Exception
        What it raised.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(work, *arguments).result()
