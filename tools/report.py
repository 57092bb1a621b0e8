"""Tables of key results, and the report in README.md."""

import platform
import re
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import joblib

from utils.command import Problem
from utils.files import write_text
from utils.results import as_text

BEGIN, END = "<!-- results -->", "<!-- /results -->"


class Run(NamedTuple):
    """What an executed notebook gave."""

    lesson: int
    name: str  # of the notebook, without .ipynb
    seconds: float
    results: dict[str, str | bool | int | float]


def tables(runs: list[Run]) -> str:
    """Set the results side by side, one Markdown table for each lesson.

    Parameters
    ----------
    runs : list of Run
        In lesson order.

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

    Returns
    -------
    list of str
        The three parts, without the markers.

    Raises
    ------
    Problem
        The markers are not there, once each.
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
        In lesson order.
    readme : Path
        The file with the markers.

    Raises
    ------
    Problem
        A notebook tells no source of its pictures, or it is the drawn sample; the
        file is left as it was.
    """
    from utils.data.datasets import SAMPLE  # slow to import, and only a report needs it

    for run in runs:
        source = str(run.results.get("source", ""))
        if not source or SAMPLE in source:
            raise Problem(
                f"{run.name} names {source or 'no source'} as the source of its "
                f"pictures, so {readme.name} stays as it was: a report is about "
                "photographs."
            )
    before, _, after = split_at_markers(readme)
    machine = (
        f"Measured on {joblib.cpu_count()} cores ({platform.system()}, "
        f"{platform.machine()}) with PyTorch {version('torch')}, TensorFlow "
        f"{version('tensorflow')} and Python {platform.python_version()}."
    )
    text = f"{before}{BEGIN}\n\n{tables(runs)}\n\n{machine}\n\n{END}{after}"
    write_text(readme, text)


def _table(number: int, runs: list[Run]) -> str:
    columns = []
    for run in runs:
        texts = {name: as_text(value) for name, value in run.results.items()}
        column = {"seconds": f"{run.seconds:.0f}", "source": "not told"}
        columns.append(column | texts)
    names = dict.fromkeys(name for column in columns for name in column)
    head = [f"Lesson {number}", *(run.name for run in runs)]
    rows = [[name, *(column.get(name, "") for column in columns)] for name in names]
    widths = [max(map(len, cells)) for cells in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(f"| {' | '.join(map(str.ljust, c, widths))} |" for c in lines)
