"""What notebooks/results.json gets from saved notebooks and from a report."""

import json
import re
from collections import Counter
from statistics import mean

import nbformat

from tools.report import Run
from utils import results
from utils.command import Problem
from utils.files import ROOT, write_text
from utils.results import read_results, results_of

NOTEBOOKS = ROOT / "notebooks"
SAVE, REPORT = "python -m tools.run --save", "COURSE_DATA=... make report"
# A label, and the accuracies of five networks; that in training may stand before.
ROW = re.compile(
    r"^(\S.*?):? {2,}(?:[\d.]+% +)?((?:\d+\.\d%(?: +|$)){5})(?!\d+\.\d%)", re.MULTILINE
)


def collected(known: dict[str, dict]) -> dict[str, dict]:
    """Read the saved notebooks.

    Parameters
    ----------
    known : dict
        From `read_results`. What has "find" there, a regular expression with a group,
        is looked for in the text of a notebook's outputs.

    Returns
    -------
    dict
        The section "drawn": the results that the notebooks show, the rows of their
        tables (means of five networks, in percent), and what was looked for.

    Raises
    ------
    Problem
        An output that was looked for is not there.
    """
    new = {}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook, start = nbformat.read(path, as_version=4), f"{short(path.stem)}."
        text = _text(notebook)
        rows = {"minutes": notebook.metadata["course"]["minutes"]}
        rows |= {_key(name): value for name, value in results_of(notebook).items()}
        command = f"{SAVE} notebooks/{path.name}"
        for key, value in (rows | _rows(text)).items():
            new[start + key] = {"value": value, "command": command}
        for key, entry in known["drawn"].items():
            if key.startswith(start) and "find" in entry:
                found = re.search(entry["find"], text, re.MULTILINE)
                if not found:
                    raise Problem(
                        f"The saved outputs of {path.name} have no {entry['find']!r}."
                    )
                value = json.loads(found[1])
                new[key] = entry | {"value": value, "command": command}
    return new


def record(runs: list[Run]) -> None:
    """Write into results.json what a report measured on photographs.

    Parameters
    ----------
    runs : list of Run
        In lesson order.
    """
    new = {
        f"{short(run.name)}.{_key(name)}": {"value": value, "command": REPORT}
        for run in runs
        for name, value in {"seconds": round(run.seconds), **run.results}.items()
    }
    write(read_results() | {"photographs": new})


def recorded(known: dict[str, dict]) -> list[Run]:
    """Return what `record` wrote.

    Parameters
    ----------
    known : dict
        From `read_results`.

    Returns
    -------
    list of Run
        In lesson order.
    """
    runs = []
    for path in NOTEBOOKS.glob("*.ipynb"):
        lesson = nbformat.read(path, as_version=4).metadata["course"]["lesson"]
        values = {
            key.partition(".")[2].replace("-", " "): entry["value"]
            for key, entry in known["photographs"].items()
            if key.startswith(f"{short(path.stem)}.")
        }
        if values:
            runs.append(Run(lesson, path.stem, values.pop("seconds"), values))
    return sorted(runs, key=lambda run: run[:2])


def write(known: dict[str, dict]) -> None:
    """Write results.json, an entry a line.

    Parameters
    ----------
    known : dict
        Sections of entries by name.
    """
    sections = {
        name: ",\n".join(f"    {json.dumps(k)}: {json.dumps(part[k])}" for k in part)
        for name, part in known.items()
    }
    named = [f'  "{name}": {{\n{lines}\n  }}' for name, lines in sections.items()]
    write_text(results.RESULTS, "{\n" + ",\n".join(named) + "\n}\n")


def short(name: str) -> str:
    """Name a notebook as the results do, such as transferlearning-pytorch."""
    return re.sub("_?(PyTorch|TF)$", r"-\1", name).lower()


def _key(label: str) -> str:
    return re.sub(r"[^\w.]+", "-", label)


def _text(notebook) -> str:
    outputs = (o for cell in notebook.cells for o in cell.get("outputs", []))
    texts = (o.get("text") or o.get("data", {}).get("text/plain", "") for o in outputs)
    return "\n".join(texts)


def _rows(text: str) -> dict[str, float]:
    """Find the rows of five accuracies; a label that comes again gets a number."""
    found, seen = {}, Counter()
    for label, accuracies in ROW.findall(text):
        seen[key := _key(label)] += 1
        name = f"{key}-{seen[key]}" if seen[key] > 1 else key
        found[name] = round(mean(map(float, re.findall(r"[\d.]+", accuracies))), 2)
    return found
