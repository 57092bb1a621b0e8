"""Key results: shown in a notebook, set side by side, and written into README.md."""

import html
import math
import platform
import re
import sys
from collections.abc import Callable
from importlib.metadata import version
from itertools import groupby
from numbers import Integral, Real
from pathlib import Path
from typing import NamedTuple

import joblib
from IPython.display import display

from utils.backbones import WeightsUnavailable
from utils.files import replacing

MIME = "application/vnd.idealcat.results+json"
BEGIN, END = "<!-- results -->", "<!-- /results -->"


class Problem(Exception):
    """What stops a run; its text tells the reader what to do next."""


def attempt(work: Callable[[], None], stopped: str = "Stopped.") -> int:
    """Do the work of a command, and turn what goes wrong into words.

    Parameters
    ----------
    work : callable
        Takes and returns nothing.
    stopped : str
        What to say after Ctrl-C.

    Returns
    -------
    int
        Exit status: 0 if all is well, 1 after a problem, 130 after Ctrl-C.
    """
    try:
        work()
    except (Problem, WeightsUnavailable, ValueError, OSError) as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{stopped}", file=sys.stderr)
        return 130
    return 0


class Run(NamedTuple):
    """What an executed notebook gave."""

    lesson: int
    name: str  # of the notebook, without .ipynb
    seconds: float
    results: dict[str, str | bool | int | float]


def show_results(**values) -> None:
    """Show the key results as a table that `make run` and `make report` read too.

    Parameters
    ----------
    **values : str or number
        Each result under its name, an underscore for each space; ``source`` says
        where the pictures are from. The last call in a notebook is the one that
        counts.

    Raises
    ------
    TypeError
        If a value is neither a text nor a single number.
    ValueError
        If a number is not finite.
    """
    results = {key.replace("_", " "): _plain(key, item) for key, item in values.items()}
    texts = {name: _text(value) for name, value in results.items()}
    bundle = {"text/plain": _lines(texts), "text/html": _html(texts), MIME: results}
    display(bundle, raw=True)


def results_of(notebook) -> dict[str, str | bool | int | float]:
    """Find the last results that the outputs of a notebook carry.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        A notebook with its outputs.

    Returns
    -------
    dict
        Values by name, in the order they were given; empty where there are none.
    """
    outputs = (o for cell in notebook.cells for o in cell.get("outputs", []))
    found = [output.data[MIME] for output in outputs if MIME in output.get("data", {})]
    return dict(found[-1]) if found else {}


def tables(runs: list[Run]) -> str:
    """Set the results side by side, one Markdown table for each lesson.

    Parameters
    ----------
    runs : list of Run
        Executed notebooks in lesson order.

    Returns
    -------
    str
        Columns are the notebooks of a lesson; rows are seconds, the source of the
        pictures, and each result. Aligned, so that it reads well in a terminal too.
    """
    lessons = groupby(runs, lambda run: run.lesson)
    return "\n\n".join(_table(number, list(twins)) for number, twins in lessons)


def split_at_markers(readme: Path) -> list[str]:
    """Split a file into the text before, between and after the markers of the results.

    Parameters
    ----------
    readme : Path
        A text file.

    Returns
    -------
    list of str
        The three parts, without the markers.

    Raises
    ------
    Problem
        If the markers are not there, once each.
    """
    parts = re.split(f"{BEGIN}|{END}", readme.read_text(encoding="utf-8"))
    if len(parts) != 3:
        raise Problem(f"{readme.name} needs the lines {BEGIN} and {END}, once each.")
    return parts


def write_report(runs: list[Run], readme: Path) -> None:
    """Replace the results between the markers of a file, all at once.

    Parameters
    ----------
    runs : list of Run
        Executed notebooks in lesson order.
    readme : Path
        The file with the markers.

    Raises
    ------
    Problem
        A notebook tells no source of its pictures, or it is the drawn sample; the
        file is left as it was.
    """
    for run in runs:
        _require_photographs(run, readme)
    before, _, after = split_at_markers(readme)
    text = f"{before}{BEGIN}\n\n{tables(runs)}\n\n{_machine()}\n\n{END}{after}"
    write_text(readme, text)


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name and move it into place.

    Parameters
    ----------
    path : Path
        The file; its folder is made if it is missing.
    text : str
        What it will hold, in UTF-8 with newlines of one character.
    """
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def _plain(name: str, value) -> str | bool | int | float:
    """Turn a scalar of any library into what JSON knows."""
    if getattr(value, "size", None) == 1:
        value = value.item()
    if isinstance(value, str | bool):
        return value
    if not isinstance(value, Real):
        raise TypeError(f"Result {name}: expected a text or one number, not {value!r}.")
    if not math.isfinite(value):
        raise ValueError(f"Result {name} is {value}: what went into it is not finite.")
    return int(value) if isinstance(value, Integral) else float(value)


def _text(value: str | bool | int | float) -> str:
    """Write a result for a table, a float with four digits."""
    if isinstance(value, str | bool):
        return str(value)
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}"


def _lines(texts: dict[str, str]) -> str:
    width = max(map(len, texts), default=0)
    return "\n".join(f"{name:{width}}  {text}" for name, text in texts.items())


def _html(texts: dict[str, str]) -> str:
    row = '<tr><th scope="row" style="text-align: left">{}</th><td>{}</td></tr>'
    rows = (row.format(html.escape(n), html.escape(t)) for n, t in texts.items())
    return f"<table>{''.join(rows)}</table>"


def _table(number: int, runs: list[Run]) -> str:
    columns = [_column(run) for run in runs]
    names = dict.fromkeys(name for column in columns for name in column)
    head = [f"Lesson {number}", *(run.name for run in runs)]
    rows = [[name, *(column.get(name, "") for column in columns)] for name in names]
    widths = [max(map(len, cells)) for cells in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(_line(cells, widths) for cells in lines)


def _column(run: Run) -> dict[str, str]:
    first = {"seconds": f"{run.seconds:.0f}", "source": "not told"}
    return first | {name: _text(value) for name, value in run.results.items()}


def _line(cells: list[str], widths: list[int]) -> str:
    padded = (f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def _require_photographs(run: Run, readme: Path) -> None:
    from utils.data import SAMPLE  # slow to import, and only a report needs it

    source = str(run.results.get("source", ""))
    if not source or SAMPLE in source:
        raise Problem(
            f"{run.name} names {source or 'no source'} as the source of its pictures, "
            f"so {readme.name} stays as it was: a report is about photographs."
        )


def _machine() -> str:
    return (
        f"Measured on {joblib.cpu_count()} cores ({platform.system()}, "
        f"{platform.machine()}) with PyTorch {version('torch')}, TensorFlow "
        f"{version('tensorflow')} and Python {platform.python_version()}."
    )
