"""Run a submission where it can harm nobody; only arrays come out."""

import json
import math
import time
from pathlib import Path

import numpy as np

from lab.cells import grade_id
from lab.sandbox.isolation import DRAWN_SHOWN, ISOLATIONS, check_readable
from lab.sandbox.messages import Failure
from lab.sandbox.supervisor import Limits, Worker
from lab.sandbox.trial import require_walls
from utils.files import ROOT

LOG_TAIL = 300  # bytes of what a worker that does not start says


class Sandbox:
    """One submission behind walls, as a context manager.

    A hung or crashed worker costs the request that it was at. The next request starts
    a new one, where the cells run again, without those that ended an earlier one.

    Parameters
    ----------
    notebook : bytes or Path
        A notebook in format 4.
    data : Path, optional
        Folder of photographs, read-only as ``COURSE_DATA``; else the drawn sample.
    limits : Limits
        What the submission may take.
    withheld : Path, optional
        Folder of withheld pictures, read-only as ``LAB_WITHHELD``.
    features : sequence of Path
        Files of `utils.features` that it finds in its cache, read-only.
    require : str
        The weakest of `ISOLATIONS` that will do.

    Attributes
    ----------
    isolation : str
        Which of `ISOLATIONS` is in use.
    failures : dict of str or int to str
        Why a cell failed, by its nbgrader name, else by its place in the notebook.
    log : bytes
        What the submission printed last, for people; `Limits.output` at most.

    Raises
    ------
    ValueError
        If the notebook is not in format 4.
    WeakWalls
        If only weaker isolation works here than is required.
    RuntimeError
        If only root may read the pictures.
    """

    def __init__(
        self,
        notebook,
        data=None,
        limits=Limits(),  # noqa: B008 - it cannot change
        withheld=None,
        features=(),
        require=ISOLATIONS[0],
    ):
        self.isolation = require_walls(require)
        self.failures: dict[str | int, str] = {}
        self._cells = _code_cells(notebook)
        self._deadly: set[int] = set()
        folders = {"COURSE_DATA": data, "LAB_WITHHELD": withheld}
        self._pictures = {k: Path(v).resolve() for k, v in folders.items() if v}
        self._features = tuple(Path(file).resolve() for file in features)
        for shown in (ROOT / DRAWN_SHOWN, *self._pictures.values()):
            check_readable(shown)
        self._limits = limits
        self._worker: Worker | None = None
        self._end = math.inf

    def __enter__(self):
        """Start the clock of the whole submission."""
        self._end = time.monotonic() + self._limits.total
        return self

    def __exit__(self, *error):
        """End everything that the submission started, and start nothing more."""
        self._end = -math.inf
        self._discard()

    @property
    def log(self) -> bytes:
        """What was printed, by the last worker."""
        return bytes(self._worker.log) if self._worker else b""

    def run(self) -> Failure | None:
        """Run the code cells in order; one that fails does not stop the others.

        Returns
        -------
        Failure or None
            Why the cells could not be run; `failures` has what single cells did.
        """
        worker = self._ready()
        return worker if isinstance(worker, Failure) else None

    def call(self, function: str, arguments: tuple) -> list[np.ndarray] | Failure:
        """Call a function that the submission defines.

        Parameters
        ----------
        function : str
            Its name.
        arguments : tuple of ndarray, int or float
            What it is given.

        Returns
        -------
        list of ndarray, or Failure
            What it gave, several for a tuple: arrays of bool, int, uint or float.
        """
        return self._ask("call", function, *arguments)

    def file(self, name: str, max_bytes: int) -> bytes | Failure:
        """Read a file that the submission wrote where it runs.

        Parameters
        ----------
        name : str
            Of the file.
        max_bytes : int
            How large it may be.

        Returns
        -------
        bytes or Failure
            Its content, of a regular file only.
        """
        answer = self._ask("file", name, max_bytes)
        if isinstance(answer, Failure):
            return answer
        if len(answer) != 1 or answer[0].nbytes > max_bytes:
            return Failure(f"is larger than {max_bytes:,} bytes")
        return answer[0].tobytes()

    def _ask(self, *details) -> list[np.ndarray] | Failure:
        worker = self._ready()
        return worker if isinstance(worker, Failure) else worker.ask(*details)

    def _ready(self):
        """Return a worker in which the cells have run, or why there is none."""
        while self._worker is None or not self._worker.alive:
            self._discard()
            if time.monotonic() > self._end:
                return Failure(f"took more than {self._limits.total:g} s in all")
            self._worker = Worker(
                self.isolation, self._pictures, self._features, self._limits, self._end
            )
            hello = self._worker.ask("hello")
            if not isinstance(hello, Failure):
                self._run_cells(self._worker)
            elif time.monotonic() < self._end:
                said = self._worker.log[-LOG_TAIL:].decode(errors="replace")
                return Failure(f"could not be started ({hello.reason}): {said}")
        return self._worker

    def _run_cells(self, worker) -> None:
        """Run the cells, but not again the one that ends the worker."""
        for number, (name, source) in enumerate(self._cells):
            if number in self._deadly:
                continue
            answer = worker.ask("cell", source)
            if isinstance(answer, Failure):
                self.failures[name] = answer.reason
            if not worker.alive:
                self._deadly.add(number)
                return

    def _discard(self) -> None:
        if self._worker is not None:
            self._worker.stop("was stopped")


def _code_cells(notebook: bytes | Path) -> list[tuple[str | int, str]]:
    """Return name and source of each code cell."""
    content = notebook.read_bytes() if isinstance(notebook, Path) else notebook
    try:
        return [
            (str(grade_id(cell)) or place, "".join(cell["source"]))
            for place, cell in enumerate(json.loads(content)["cells"])
            if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
        ]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            "notebook is no notebook in format 4: open it in Jupyter and save it again."
        ) from error
