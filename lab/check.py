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
from lab.questions.asking import ask
from lab.questions.judging import remarks
from lab.questions.points import POINTS
from lab.questions.table import QUESTIONS
from utils.command import Problem, attempt

RELEASE = Path(__file__).parent / "release" / "pets" / "OxfordPets.ipynb"
SEED = 0  # of the visible checks


def main(arguments: list[str] | None = None) -> int:
    """Check the notebook that the command line names, and print what came out.

    Parameters
    ----------
    arguments : list of str, optional
        The command line without the program; of the process by default.

    Returns
    -------
    int
        0 if nothing is missing, else 1.
    """
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
    odd = misplaced(grade_ids(notebook), grade_ids(_release()))
    with TemporaryDirectory() as empty, chdir(empty):  # as in the grader
        namespace, failures = run(notebook)
        print("\n".join([f"{path.name}:", *odd, *failures, ""]))
        complete = [_tell_points(namespace), _tell_predictions(namespace)]
    complete.append(_tell_reflection(notebook))
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
    twice = [
        f"The cell {name} is there {n} times." for name, n in counts.items() if n > 1
    ]
    known = [name for name in dict.fromkeys(found) if name in expected]
    turned = [
        f"The cell {below} should stand before {above}, not after it."
        for above, below in pairwise(known)
        if expected.index(below) < expected.index(above)
    ]
    return absent + twice + turned


def run(notebook) -> tuple[dict, list[str]]:
    """Run the code cells in this process, in order; one that fails stops no other.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        In format 4.

    Returns
    -------
    namespace : dict
        What the cells defined.
    failures : list of str
        One sentence for each cell that raised an error.
    """
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    failures = []
    for number, cell in enumerate(tqdm(notebook.cells, "Cells", leave=False), 1):
        error = _run_cell(shell, cell) if cell.cell_type == "code" else None
        # What is wrong with an answer is told question by question.
        if error and not grade_id(cell).startswith("check_"):
            said = "; ".join([type(error).__name__, *str(error).splitlines()[:1]])
            failures.append(
                f"Cell {number} {grade_id(cell)} stopped: {said}".replace("  ", " ")
            )
    return shell.user_ns, failures


def _run_cell(shell: InteractiveShell, cell) -> BaseException | None:
    with capture_output():
        result = shell.run_cell(cell.source)
    return result.error_before_exec or result.error_in_exec


def _release():
    return nbformat.read(RELEASE, as_version=4)


def _cell(notebook, name: str):
    """Find the first cell of a name, if there is one."""
    return next((cell for cell in notebook.cells if grade_id(cell) == name), None)


def _tell_points(namespace: dict) -> bool:
    """Print the points of each question and what is missing; say if all are there."""
    findings = {id: ask(id, namespace, SEED) for id in QUESTIONS}
    for id, of_question in findings.items():
        earned = sum(finding.earned for finding in of_question)
        print(f"{id:12} {earned:g} of {POINTS[id]} points")
        for remark in remarks(of_question):
            print(f"    {remark}")
    every = [finding for of_question in findings.values() for finding in of_question]
    earned = sum(finding.earned for finding in every)
    points = sum(finding.points for finding in every)
    print(f"{'so far':12} {earned:g} of {points:g} points; the grader uses other data")
    return earned == points


def _tell_predictions(namespace: dict) -> bool:
    """Run the given check of predictions.csv, whatever became of the student's copy."""
    try:
        with capture_output():
            exec(_cell(_release(), "check_predictions").source, namespace)
    except Exception as error:
        print(f"predictions  {type(error).__name__}: {error}")
        return False
    print(f"predictions  in order; up to {POINTS['predictions']} points by accuracy")
    return True


def _tell_reflection(notebook) -> bool:
    cell = _cell(notebook, "reflection")
    if cell is None or cell.source == _cell(_release(), "reflection").source:
        print("reflection   not written yet")
        return False
    print(f"reflection   up to {POINTS['reflection']} points, by a person")
    return True


if __name__ == "__main__":
    sys.exit(main())
