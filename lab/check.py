"""Check a notebook as the grader will: ``python -m lab.check notebook.ipynb``."""

import argparse
import os
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

from IPython.utils.capture import capture_output
from tqdm import tqdm

from lab.cells import RELEASE, NoNotebook, grade_id, grade_ids, misplaced, read_cells
from lab.questions.checking import check_examples
from lab.questions.examples import PROPERTIES
from lab.questions.finding import remarks
from lab.questions.points import POINTS
from lab.sandbox.shell import start_shell
from utils.command import Problem, attempt
from utils.files import ROOT

# How the process that runs the cells ends if it comes to an end by itself.
COMPLETE, INCOMPLETE = 40, 41


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0 if nothing is missing, else 1 (130: Ctrl-C)."""
    parser = argparse.ArgumentParser(prog="python -m lab.check", description=__doc__)
    parser.add_argument("notebook", type=Path, help="your notebook")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    work = _check if options.here else _check_apart
    return attempt(lambda: work(options.notebook))


def _check_apart(path: Path) -> int:
    """Check in another process: a cell may end it, read input or open a window."""
    done = subprocess.run(
        [sys.executable, "-m", "lab.check", "--here", path.absolute()],
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env=os.environ | {"MPLBACKEND": "agg"},
    )
    if done.returncode not in (COMPLETE, INCOMPLETE, 1):
        raise Problem(
            f"Python ended while the cells ran (exit status {done.returncode}): look "
            "for a cell that ends it, or that takes too much memory."
        )
    return int(done.returncode != COMPLETE)


def _check(path: Path) -> int:
    """Print what came out of a notebook, and say whether anything is missing."""
    try:
        cells, odd = read_cells(path.read_bytes())
    except (OSError, NoNotebook) as error:
        raise Problem(f"{path} cannot be read as a notebook: {error}") from None
    release, _ = read_cells(RELEASE.read_bytes())
    odd += misplaced(grade_ids(cells), grade_ids(release))
    with TemporaryDirectory() as empty, chdir(empty):  # as in the grader
        namespace, failures = _run(cells)
        print("\n".join([f"{path.name}:", *odd, *failures, ""]))
        complete = [_tell_points(namespace), _tell_predictions(release, namespace)]
    complete.append(_tell_reflection(release, cells))
    return COMPLETE if all(complete) and not odd else INCOMPLETE


def _run(cells) -> tuple[dict, list[str]]:
    """Run the code cells here; return what they defined, and which failed and how."""
    shell, failures = start_shell(), []
    for number, cell in enumerate(tqdm(cells, "Cells", leave=False), 1):
        if cell["cell_type"] != "code":
            continue
        with capture_output():
            result = shell.run_cell(cell["source"])
        error = result.error_before_exec or result.error_in_exec
        # What is wrong with an answer is told question by question.
        if error and not grade_id(cell).startswith("check_"):
            said = "; ".join([type(error).__name__, *str(error).splitlines()[:1]])
            failures.append(
                f"Cell {number} {grade_id(cell)} stopped: {said}".replace("  ", " ")
            )
    return shell.user_ns, failures


def _cell(cells, name: str):
    """Find the first cell of a name, if there is one."""
    return next((cell for cell in cells if grade_id(cell) == name), None)


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
            exec(_cell(release, "check_predictions")["source"], namespace)
    except Exception as error:
        print(f"predictions  {type(error).__name__}: {error}")
        return False
    print(f"predictions  in order; up to {POINTS['predictions']} points by accuracy")
    return True


def _tell_reflection(release, cells) -> bool:
    cell = _cell(cells, "reflection")
    if cell is None or cell["source"] == _cell(release, "reflection")["source"]:
        print("reflection   not written yet")
        return False
    print(f"reflection   up to {POINTS['reflection']} points, by a person")
    return True


if __name__ == "__main__":
    sys.exit(main())
