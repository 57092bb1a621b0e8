"""Check a notebook as the grader will: ``python -m lab.check notebook.ipynb``."""

import argparse
import sys
from collections import Counter
from contextlib import chdir
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from tqdm import tqdm
from traitlets.config import Config

from lab.cells import grade_id
from lab.questions.checking import check_examples
from lab.questions.examples import PROPERTIES
from lab.questions.finding import remarks
from lab.questions.points import POINTS
from utils.command import Problem, attempt

RELEASE = Path(__file__).parent / "release" / "pets" / "OxfordPets.ipynb"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0 if nothing is missing, else 1 (130: Ctrl-C)."""
    parser = argparse.ArgumentParser(prog="python -m lab.check", description=__doc__)
    parser.add_argument("notebook", type=Path, help="your notebook")
    path = parser.parse_args(arguments).notebook
    return attempt(lambda: _check(path))


def _check(path: Path) -> int:
    """Print what came out of a notebook; 1 if anything is missing."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # a file may hold whatever it likes
        raise Problem(f"{path} cannot be read as a notebook: {error}") from None
    release = nbformat.read(RELEASE, as_version=4)
    odd = misplaced(grade_ids(notebook), grade_ids(release))
    with TemporaryDirectory() as empty, chdir(empty):  # as in the grader
        namespace, failures = _run(notebook)
        print("\n".join([f"{path.name}:", *odd, *failures, ""]))
        complete = [_tell_points(namespace), _tell_predictions(release, namespace)]
    complete.append(_tell_reflection(release, notebook))
    return 0 if all(complete) and not odd else 1


def grade_ids(notebook) -> list[str]:
    """List nbgrader's names of the cells, in their order.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        In format 4.

    Returns
    -------
    list of str
        Cells without such a name are left out.
    """
    return [name for cell in notebook.cells if (name := grade_id(cell))]


def misplaced(found: list[str], expected: list[str]) -> list[str]:
    """List cells that are missing, there twice, or out of order.

    Parameters
    ----------
    found, expected : list of str
        nbgrader's names of the cells.

    Returns
    -------
    list of str
        One sentence each.
    """
    counts = Counter(found)
    absent = [f"The cell {name} is missing." for name in expected if not counts[name]]
    many = [f"The cell {n} is there {k} times." for n, k in counts.items() if k > 1]
    known = [name for name in dict.fromkeys(found) if name in expected]
    turned = [
        f"The cell {below} should stand before {above}, not after it."
        for above, below in pairwise(known)
        if expected.index(below) < expected.index(above)
    ]
    return absent + many + turned


def _run(notebook) -> tuple[dict, list[str]]:
    """Run the code cells here; return what they defined, and which failed and how."""
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    failures = []
    for number, cell in enumerate(tqdm(notebook.cells, "Cells", leave=False), 1):
        if cell.cell_type != "code":
            continue
        with capture_output():
            result = shell.run_cell(cell.source)
        error = result.error_before_exec or result.error_in_exec
        # What is wrong with an answer is told question by question.
        if error and not grade_id(cell).startswith("check_"):
            said = "; ".join([type(error).__name__, *str(error).splitlines()[:1]])
            failures.append(
                f"Cell {number} {grade_id(cell)} stopped: {said}".replace("  ", " ")
            )
    return shell.user_ns, failures


def _cell(notebook, name: str):
    """Find the first cell of a name, if there is one."""
    return next((cell for cell in notebook.cells if grade_id(cell) == name), None)


def _tell_points(namespace: dict) -> bool:
    """Print the points of each question and what is missing; say if all are there."""
    findings = {id: check_examples(id, namespace) for id in PROPERTIES}
    earned = {id: sum(each.earned for each in found) for id, found in findings.items()}
    for id, found in findings.items():
        print(f"{id:12} {earned[id]:g} of {POINTS[id]} points")
        for remark in remarks(found):
            print(f"    {remark}")
    so_far, most = sum(earned.values()), sum(POINTS[id] for id in PROPERTIES)
    print(f"{'so far':12} {so_far:g} of {most:g} points; the grader uses other data")
    return so_far == most


def _tell_predictions(release, namespace: dict) -> bool:
    """Run the given check of predictions.csv, whatever became of the student's copy."""
    try:
        with capture_output():
            exec(_cell(release, "check_predictions").source, namespace)
    except Exception as error:
        print(f"predictions  {type(error).__name__}: {error}")
        return False
    print(f"predictions  in order; up to {POINTS['predictions']} points by accuracy")
    return True


def _tell_reflection(release, notebook) -> bool:
    cell = _cell(notebook, "reflection")
    if cell is None or cell.source == _cell(release, "reflection").source:
        print("reflection   not written yet")
        return False
    print(f"reflection   up to {POINTS['reflection']} points, by a person")
    return True


if __name__ == "__main__":
    sys.exit(main())
