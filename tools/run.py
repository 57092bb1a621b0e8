"""Run the notebooks in lesson order: HTML pages, a table of results."""

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from jinja2 import DictLoader
from nbconvert import HTMLExporter

from tools.notebook import execute
from tools.report import Run, split_at_markers, tables, write_report
from tools.results import record
from utils.command import Problem, attempt
from utils.files import ROOT, course_data, write_text
from utils.results import RESULTS, results_of

NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"
README = ROOT / "README.md"
OFFLINE = {"COURSE_DATA": "sample", "COURSE_OFFLINE": "1"}
LINK = re.compile(r"(\]\([\w.-]+)\.ipynb\)")
# nbconvert's page, with the alt text of figures, which it leaves out.
TEMPLATE = """{% extends 'lab/index.html.j2' %}
{% block data_png %}
{%- set alt = output | get_metadata('alt', 'image/png') or '' -%}
{{ super() | replace('<img', '<img alt="' ~ (alt | escape_html) ~ '"') }}
{% endblock %}"""


def main(arguments: list[str] | None = None) -> int:
    """Run notebooks; return 0 if all is well, 1 after a problem, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tools.run", description=__doc__)
    everything = "the notebooks to run; all of notebooks/ by default"
    parser.add_argument("notebooks", nargs="*", type=Path, help=everything)
    report = "run on photographs (COURSE_DATA) and rewrite the results in README.md"
    save = "for maintainers: run on the drawn sample and save outputs in the notebooks"
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--report", action="store_true", help=report)
    ways.add_argument("--save", action="store_true", help=save)
    options = parser.parse_args(arguments)
    stopped = "Stopped. The pages of finished notebooks are in build/."
    return attempt(lambda: _run(options), stopped)


def _find_lessons(paths: list[Path]) -> list[tuple[int, Path]]:
    """Sort notebooks by the lesson in their metadata, then by file name."""
    paths = paths or list(NOTEBOOKS.glob("*.ipynb"))
    if not paths:
        raise Problem(f"{NOTEBOOKS} has no notebooks. Get the course's files again.")
    lessons = []
    for path in paths:
        number = _read(path).metadata.get("course", {}).get("lesson")
        if not isinstance(number, int):
            raise Problem(
                f"{path.name} is in no lesson. Give it one in its metadata, as in "
                '"course": {"lesson": 1, "minutes": 3}.'
            )
        lessons.append((number, path.resolve()))
    return sorted(lessons, key=lambda lesson: (lesson[0], lesson[1].name))


def _write_html(notebook, path: Path) -> None:
    """Write a notebook as one page, pictures included, into ``build/``."""
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


def _run(options: argparse.Namespace) -> None:
    if options.report:
        _require_report(options.notebooks)
    lessons = _find_lessons(options.notebooks)
    with tempfile.TemporaryDirectory() as empty:
        environment = os.environ | (OFFLINE if options.save else {})
        if options.save or options.report:  # times begin with a cold cache
            environment["COURSE_CACHE"] = empty
        runs = [_run_lesson(*lesson, environment, options.save) for lesson in lessons]
    print(f"\n{tables(runs)}\n\nThe pages are in {BUILD}.")
    if options.report:
        write_report(runs, README)
        record(runs)
        print(f"The results are in {README} and {RESULTS}.")
        print("The other pages quote them after: python -m tools.numbers")


def _require_report(notebooks: list[Path]) -> None:
    """Check before the long work what a report needs."""
    if notebooks:
        raise Problem("A report is about all notebooks: name none beside --report.")
    wish = course_data()
    if wish in ("", "sample") or not (ROOT / Path(wish).expanduser()).is_dir():
        raise Problem(
            f"A report is about photographs, and COURSE_DATA is {wish or 'not set'}. "
            "Let it name their folder:\n  COURSE_DATA=path/to/photographs make report"
        )
    split_at_markers(README)


def _run_lesson(
    number: int, path: Path, environment: dict[str, str], save: bool
) -> Run:
    notebook, start = _read(path), time.monotonic()
    try:
        execute(notebook, path, environment)
    except Problem as problem:
        _write_html(notebook, path)
        raise Problem(f"{problem}\nWhat ran before it: {_page(path)}") from None
    seconds = time.monotonic() - start
    _write_html(notebook, path)
    if save:
        _save(notebook, path)
    return Run(number, path.stem, seconds, results_of(notebook))


def _read(path: Path):
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise Problem(f"{path} cannot be read as a notebook: {error}") from None


def _save(notebook, path: Path) -> None:
    """Put the outputs into the notebook's file, without what went to stderr."""
    for cell in notebook.cells:
        errors = [o for o in cell.get("outputs", []) if o.get("name") == "stderr"]
        for output in errors:
            number = cell.execution_count
            print(f"stderr of code cell {number}, left out: {output.text}")
            cell.outputs.remove(output)
    write_text(path, nbformat.writes(notebook).rstrip("\n") + "\n")


def _page(path: Path) -> Path:
    return BUILD / f"{path.stem}.html"


if __name__ == "__main__":
    sys.exit(main())
