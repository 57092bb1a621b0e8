"""Execute the notebooks in lesson order: progress, HTML pages, a table of results."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import ipykernel.kernelspec
import nbformat
from jinja2 import DictLoader
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

from utils.results import (
    Problem,
    Run,
    results_of,
    split_at_markers,
    tables,
    write_report,
    write_text,
)

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"
README = ROOT / "README.md"
OFFLINE = {"COURSE_DATA": "sample", "COURSE_OFFLINE": "1"}
WIDGET, PNG = "application/vnd.jupyter.widget-view+json", "image/png"
HEADING = re.compile(r"^(#{1,6}) +(.+?)[ #]*$", re.MULTILINE)
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
ARROW = re.compile(r"^-+> \d+ .*$", re.MULTILINE)  # marks the failing line in a trace
LINK = re.compile(r"(\]\([\w.-]+)\.ipynb\)")
# nbconvert's page, with the alt text of figures, which it leaves out.
TEMPLATE = """{% extends 'lab/index.html.j2' %}
{% block data_png %}
{%- set alt = output | get_metadata('alt', 'image/png') or '' -%}
{{ super() | replace('<img', '<img alt="' ~ (alt | escape_html) ~ '"') }}
{% endblock %}"""


class Lesson(NamedTuple):
    """A notebook file and its place in the course."""

    number: int
    path: Path


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for.

    Parameters
    ----------
    arguments : list of str, optional
        The command line without the program; of the process by default.

    Returns
    -------
    int
        Exit status: 0 if all is well, 1 after a problem, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except Problem as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The pages of finished notebooks are in build/.")
        return 130
    return 0


def find_lessons(paths: list[Path]) -> list[Lesson]:
    """Put notebooks in lesson order.

    Parameters
    ----------
    paths : list of Path
        Notebooks; all of ``notebooks/`` if the list is empty.

    Returns
    -------
    list of Lesson
        Sorted by the lesson in the notebook's metadata, then by file name.

    Raises
    ------
    Problem
        A file is missing or is no notebook, or its metadata names no lesson.
    """
    paths = paths or list(NOTEBOOKS.glob("*.ipynb"))
    if not paths:
        raise Problem(f"{NOTEBOOKS} has no notebooks. Get the course's files again.")
    lessons = [Lesson(_number(path), path.resolve()) for path in paths]
    return sorted(lessons, key=lambda lesson: (lesson.number, lesson.path.name))


def headings(source: str) -> list[tuple[int, str]]:
    """List the headings in Markdown, code blocks left out.

    Parameters
    ----------
    source : str
        The text of a cell.

    Returns
    -------
    list of (int, str)
        Level, 1 to 6, and text of each heading.
    """
    found = HEADING.findall(FENCED.sub("", source))
    return [(len(signs), text) for signs, text in found]


def execute(notebook, path: Path, environment: dict[str, str]) -> None:
    """Execute a notebook in a kernel of its own, in the interpreter that runs this.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The notebook; its outputs are replaced in place.
    path : Path
        Its file: the kernel works in that folder.
    environment : dict of str to str
        The kernel's environment variables.

    Raises
    ------
    Problem
        A cell failed or the kernel died: the notebook, cell, heading and error.
    """
    _clear(notebook)
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


def write_html(notebook, path: Path) -> None:
    """Write a notebook as one page, pictures included, into ``build/``.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The notebook with its outputs.
    path : Path
        Its file: names the page, and its folder holds the pictures of the prose.
    """
    page = nbformat.from_dict(notebook)
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(r"\1.html)", cell.source)
    exporter = HTMLExporter(
        extra_loaders=[DictLoader({"page.html.j2": TEMPLATE})],
        template_file="page.html.j2",
        embed_images=True,
    )
    place = {"name": path.stem, "path": str(path.parent)}
    write_text(_page(path), exporter.from_notebook_node(page, {"metadata": place})[0])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m utils.run", description=__doc__)
    everything = "the notebooks to run; all of notebooks/ by default"
    parser.add_argument("notebooks", nargs="*", type=Path, help=everything)
    report = "run on photographs (COURSE_DATA) and rewrite the results in README.md"
    save = "for maintainers: run on the drawn sample and save outputs in the notebooks"
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--report", action="store_true", help=report)
    ways.add_argument("--save", action="store_true", help=save)
    return parser


def _run(options: argparse.Namespace) -> None:
    if options.report:
        _require_report(options.notebooks)
    runs = [_run_lesson(each, options.save) for each in find_lessons(options.notebooks)]
    print(f"\n{tables(runs)}\n\nThe pages are in {BUILD}.")
    if options.report:
        write_report(runs, README)
        print(f"The results are in {README}.")


def _require_report(notebooks: list[Path]) -> None:
    """Check before the long work what a report needs."""
    if notebooks:
        raise Problem("A report is about all notebooks: name none beside --report.")
    wish = os.environ.get("COURSE_DATA", "")
    if wish in ("", "sample") or not (ROOT / Path(wish).expanduser()).is_dir():
        raise Problem(
            f"A report is about photographs, and COURSE_DATA is {wish or 'not set'}. "
            "Let it name their folder:\n  COURSE_DATA=path/to/photographs make report"
        )
    split_at_markers(README)


def _run_lesson(lesson: Lesson, save: bool) -> Run:
    path, notebook = lesson.path, _read(lesson.path)
    start = time.monotonic()
    try:
        execute(notebook, path, os.environ | (OFFLINE if save else {}))
    except Problem as problem:
        write_html(notebook, path)
        raise Problem(f"{problem}\nWhat ran before it: {_page(path)}") from None
    seconds = time.monotonic() - start
    write_html(notebook, path)
    if save:
        _save(notebook, path)
    return Run(lesson.number, path.stem, seconds, results_of(notebook))


class _Client(NotebookClient):
    """Executes cells, and tells the terminal how far a long one has come."""

    def __init__(self, notebook, path: Path):
        resources = {"metadata": {"path": str(path.parent)}}
        manager = AsyncKernelManager(kernel_spec_manager=_ThisPython())
        super().__init__(notebook, manager, resources=resources, coalesce_streams=True)
        self.log.disabled = True  # what it would log, Problem tells
        self.title, self.index = path.stem, 0

    def run_cells(self) -> None:
        code = [i for i, cell in enumerate(self.nb.cells) if cell.cell_type == "code"]
        for number, self.index in enumerate(code, 1):
            self.place = f"{self.title}  {number}/{len(code)}  {self.heading():.40}"
            self.run_cell(number)

    def run_cell(self, number: int) -> None:
        cell = self.nb.cells[self.index]
        start = time.monotonic()
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
        found = (text for cell in above for _, text in headings(cell.source))
        return ["no heading", *found][-1]

    def where(self) -> str:
        code = [c for c in self.nb.cells[: self.index + 1] if c.cell_type == "code"]
        place = f'{self.title}.ipynb, code cell {len(code)}, under "{self.heading()}"'
        return f"{place}, stopped the run:"


class _ThisPython(KernelSpecManager):
    """Names this interpreter as the kernel, whatever the user's folders say."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        spec = ipykernel.kernelspec.get_kernel_dict()
        return KernelSpec(resource_dir=ipykernel.kernelspec.RESOURCES, **spec)


def _number(path: Path) -> int:
    number = _read(path).metadata.get("course", {}).get("lesson")
    if not isinstance(number, int):
        raise Problem(
            f"{path.name} is in no lesson. Give it one in its metadata, as in "
            '"course": {"lesson": 1, "minutes": 3}.'
        )
    return number


def _read(path: Path):
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise Problem(f"{path} cannot be read as a notebook: {error}") from None


def _clear(notebook) -> None:
    """Forget saved outputs, so that only what ran is shown."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


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


def _save(notebook, path: Path) -> None:
    """Put the outputs into the notebook's file, without what went to stderr."""
    for cell in notebook.cells:
        errors = [o for o in cell.get("outputs", []) if o.get("name") == "stderr"]
        for output in errors:
            print(
                f"stderr of code cell {cell.execution_count}, left out: {output.text}"
            )
            cell.outputs.remove(output)
    write_text(path, nbformat.writes(notebook).rstrip("\n") + "\n")


def _page(path: Path) -> Path:
    return BUILD / f"{path.stem}.html"


if __name__ == "__main__":
    sys.exit(main())
