"""Grade the same submissions with lab.grade and with nbgrader's autograde.

`python -m tests.bench.grading [count]` takes some seconds for each submission. Most
of them have something wrong, so that points differ.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from lab import grade
from lab.cells import RELEASE, grade_id
from lab.grading.judges.table import QUESTIONS

ROOT = Path(__file__).parents[2]
LAB = ROOT / "lab"
SEED = 3720  # of the tests in the master notebook: both put the same questions
MASTER = LAB / "source" / "pets" / "OxfordPets.ipynb"
# What stands below a solution; one that is empty leaves the solution right.
SPOILT = [
    ("split", ""),
    (
        "split",
        "def split(labels, groups, seed): return np.arange(len(labels)) % 5 == 0",
    ),
    ("standardise", "def standardise(train, other): return train - 1, other - 1"),
    ("head", "def predict(features, weights, bias): return np.zeros(len(features))"),
    ("head", "def probabilities(features, weights, bias): return features @ weights"),
    ("report", "def confusion(labels, predictions, classes): return 0"),
    ("report", "def hardest_pair(matrix): return np.array([1, 0])"),
    ("report", "raise ValueError('not finished')"),
]


def hand_in(folder: Path, count: int) -> None:
    """Write submissions as nbgrader collects them."""
    solved = {grade_id(c): c.source for c in nbformat.read(MASTER, as_version=4).cells}
    for number, (question, spoilt) in enumerate(islice(cycle(SPOILT), count)):
        notebook = nbformat.read(RELEASE, as_version=4)
        for cell in notebook.cells:
            if grade_id(cell) in (*QUESTIONS, "predictions"):
                cell.source = solved[grade_id(cell)]
            if grade_id(cell) == question:
                cell.source += f"\n\n\n{spoilt}"
        path = folder / f"student{number:03}" / "pets" / RELEASE.name
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)


def grade_here(course: Path) -> tuple[float, dict]:
    """Grade with lab.grade; give the seconds and each student's points."""
    answers = course / "answers.json"
    answers.write_text(json.dumps({"seed": SEED, "pictures": {"1.jpg": "pug"}}))
    out, start = course / "grades", time.perf_counter()
    words = [str(course / "submitted"), "--answers", str(answers), "--out", str(out)]
    assert grade.main(words) == 0
    seconds = time.perf_counter() - start
    with (out / "grades.csv").open(encoding="utf-8-sig") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    return seconds, {
        student: {name: float(row[name]) for name in QUESTIONS}
        for student, row in rows.items()
    }


def grade_with_nbgrader(course: Path) -> tuple[float, dict]:
    """Grade with nbgrader; give the seconds and each student's points."""
    shutil.copy(LAB / "nbgrader_config.py", course)
    shutil.copytree(LAB / "source", course / "source")
    _nbgrader(course, "generate_assignment", "pets")
    start = time.perf_counter()
    _nbgrader(course, "autograde", "pets")
    seconds = time.perf_counter() - start
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "ideal-cat") as gradebook:
        return seconds, {
            submission.student.id: {
                name: gradebook.find_grade(
                    f"test_{name}", RELEASE.stem, "pets", submission.student.id
                ).score
                for name in QUESTIONS
            }
            for submission in gradebook.assignment_submissions("pets")
        }


def _nbgrader(course: Path, *words: str) -> None:
    """Call nbgrader in the folder of a course, with the course's modules at hand."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    drawn = {"COURSE_DATA": "sample", "COURSE_OFFLINE": "1"}
    environment = os.environ | drawn | {"PYTHONPATH": str(ROOT), "PATH": path}
    log = (course / "nbgrader.log").open("ab")
    command = [sys.executable, "-m", "nbgrader", *words]
    subprocess.run(command, cwd=course, env=environment, stderr=log, check=True)


def main(count: str = "40") -> None:
    """Print seconds, their ratio, and whose points differ."""
    with TemporaryDirectory() as folder:
        course = Path(folder).resolve()
        course.chmod(0o755)
        hand_in(course / "submitted", int(count))
        ours, points = grade_here(course)
        theirs, others = grade_with_nbgrader(course)
    print(f"lab.grade {ours:.0f} s, {ours / int(count):.1f} s a submission")
    print(f"nbgrader  {theirs:.0f} s, {theirs / int(count):.1f} s a submission")
    print(f"ratio {ours / theirs:.2f}")
    different = [who for who in points if points[who] != others.get(who)]
    for who in different:
        print(who, points[who], others.get(who))
    print(f"{len(points) - len(different)} of {count} have the same points everywhere")


if __name__ == "__main__":
    main(*sys.argv[1:])
