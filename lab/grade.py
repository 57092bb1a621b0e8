"""Grade a folder of submissions; run again, it goes on where it was stopped."""

import argparse
import sys
from pathlib import Path

from lab.grading.folder import grade_folder
from lab.grading.tables import ASSIGNMENT
from lab.sandbox.isolation import ISOLATIONS
from lab.sandbox.supervisor import Limits
from utils.command import attempt


def main(arguments: list[str] | None = None) -> int:
    """Grade a folder; return 0 if all is well, 1 after a problem, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    stopped = "Stopped. The same command goes on from here."
    return attempt(lambda: grade_folder(options), stopped)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab.grade", description=__doc__)
    parser.add_argument("submissions", type=Path, help="the folder of submissions")
    add = parser.add_argument
    answers = "the file of answers that python -m lab.withhold wrote"
    add("--answers", type=Path, required=True, help=answers)
    add("--out", type=Path, required=True, help="the folder for grades and reports")
    photographs = "a folder of photographs to learn from; the drawn sample by default"
    add("--data", type=Path, help=photographs)
    withheld = "the folder of withheld pictures that python -m lab.withhold wrote"
    add("--withheld", type=Path, help=withheld)
    weak = f"run also where {ISOLATIONS[0]} does not work; every grade says so"
    add("--weak-isolation", action="store_true", help=weak)
    busy = f"seconds that one cell may compute; {Limits().busy:g} by default"
    add("--seconds", type=float, default=Limits().busy, help=busy)
    whole = (
        f"minutes that a submission may take in all; {Limits().total / 60:g} by default"
    )
    add("--minutes", type=float, default=Limits().total / 60, help=whole)
    add("--jobs", type=int, default=-1, help="at once; as many as cores by default")
    cluster = "the address of a Dask scheduler, to grade on all of its workers"
    add("--scheduler", metavar="ADDRESS", help=cluster)
    database = "nbgrader's database to write the grades into too: lab/gradebook.db"
    add("--gradebook", type=Path, metavar="FILE", help=database)
    back = "a gradebook with the points given in formgrader, to add to the totals"
    add("--import-gradebook", type=Path, metavar="FILE", help=back)
    column = f"how Canvas calls the assignment; “{ASSIGNMENT}” by default"
    add("--assignment", default=ASSIGNMENT, metavar="NAME", help=column)
    shown = "only show who handed in which file"
    add("--dry-run", action="store_true", help=shown)
    return parser


if __name__ == "__main__":
    sys.exit(main())
