"""Execute a notebook in a kernel of its own, and tell how far it has come."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tools.markdown import sections
from utils.command import Problem

WIDGET, PNG = "application/vnd.jupyter.widget-view+json", "image/png"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
ARROW = re.compile(r"^-+> \d+ .*$", re.MULTILINE)  # marks the failing line in a trace


def execute(notebook, path: Path, environment: dict[str, str]) -> None:
    """Execute a notebook in a kernel of its own, in the interpreter that runs this.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Its outputs are replaced in place.
    path : Path
        Its file: the kernel works in that folder.
    environment : dict of str to str
        The kernel's environment variables.

    Raises
    ------
    Problem
        A cell failed or the kernel died: the notebook, cell, heading and error.
    """
    # Forget saved outputs, so that only what ran is shown.
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = _Client(notebook, path)
    quiet = {"stderr": subprocess.DEVNULL}  # cells' stderr comes as messages
    try:
        with client.setup_kernel(env=environment, cleanup_kc=True, **quiet):
            client.run_cells()
    except CellExecutionError as error:
        raise Problem(f"{client.where()}\n{_failure(error)}") from None
    except RuntimeError as error:  # what nbclient raises for a kernel that is gone
        raise Problem(
            f"{client.where()}\n  {error}. If the memory was full, close other "
            "programs and run again."
        ) from None


class _Client(NotebookClient):
    """Executes cells, and tells the terminal how far a long one has come."""

    def __init__(self, notebook, path: Path):
        resources = {"metadata": {"path": str(path.parent)}}
        # Without the user's folders, the kernel is this interpreter.
        specs = KernelSpecManager(kernel_dirs=[])
        manager = AsyncKernelManager(kernel_spec_manager=specs)
        super().__init__(notebook, manager, resources=resources, coalesce_streams=True)
        self.log.disabled = True  # what it would log, Problem tells
        self.title, self.index = path.stem, 0

    def run_cells(self) -> None:
        code = [i for i, cell in enumerate(self.nb.cells) if cell.cell_type == "code"]
        for number, self.index in enumerate(code, 1):
            self.place = f"{self.title}  {number}/{len(code)}  {self.heading():.40}"
            cell, start = self.nb.cells[self.index], time.monotonic()
            self.tell("")
            try:
                self.execute_cell(cell, self.index, number)
            finally:
                _drop_widgets(cell)
                self.tell(f"{time.monotonic() - start:.1f} s", end="\n")

    def process_message(self, msg, cell, cell_index):
        """Look for progress bars in what passes by, as widgets or as text."""
        output = super().process_message(msg, cell, cell_index)
        content = msg["content"]
        bar = self.widget_state.get(content.get("comm_id"), {})
        if bar.get("max") and "value" in bar:
            self.tell(f"{bar['value'] / bar['max']:.0%}")
        elif content.get("name") == "stderr" and "\r" in content["text"]:
            self.tell(content["text"].rpartition("\r")[2].strip())
        return output

    def tell(self, state: str, end: str = "\r") -> None:
        """Print the line of the cell; in a log, only when the cell has ended."""
        line = f"{self.place}  {state}"
        if sys.stdout.isatty():
            width = shutil.get_terminal_size().columns - 1
            print(f"{line:{width}.{width}}", end=end, flush=True)
        elif end == "\n":
            print(line, flush=True)

    def heading(self) -> str:
        """Find the nearest heading above the cell."""
        above = [c for c in self.nb.cells[: self.index] if c.cell_type == "markdown"]
        titles = (part.title for cell in above for part in sections(cell.source))
        return ["no heading", *titles][-1]

    def where(self) -> str:
        code = [c for c in self.nb.cells[: self.index + 1] if c.cell_type == "code"]
        place = f'{self.title}.ipynb, code cell {len(code)}, under "{self.heading()}"'
        return f"{place}, stopped the run:"


def _drop_widgets(cell) -> None:
    """Remove widgets, which are empty without a live kernel; their pictures stay."""
    bundles = [(output, output.get("data", {})) for output in cell.outputs]
    cell.outputs = [o for o, data in bundles if WIDGET not in data or PNG in data]
    for _, data in bundles:
        data.pop(WIDGET, None)


def _failure(error: CellExecutionError) -> str:
    """Write the error after the lines that failed, in the cell and at the bottom."""
    arrows = ARROW.findall(COLOUR.sub("", error.traceback))
    reason = COLOUR.sub("", f"{error.ename}: {error.evalue}").splitlines()
    lines = [*dict.fromkeys(arrows[:1] + arrows[-1:]), *reason[:12]]
    return "\n".join(f"  {line}" for line in lines)
