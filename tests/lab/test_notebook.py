"""The lab's notebook: what students get is generated, and gives nothing away."""

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

from lab.grading.judges.table import QUESTIONS
from lab.questions.points import POINTS
from lab.questions.predictions import CURVE

LAB = Path(__file__).parents[2] / "lab"
NAME = Path("pets") / "OxfordPets.ipynb"
MASTER, RELEASE = LAB / "source" / NAME, LAB / "release" / NAME
SOLVED = re.compile(r"( *)### BEGIN SOLUTION\n(.*?)\n *### END SOLUTION", re.DOTALL)
LINES = 30  # of a code cell that students see
PYTHON = Path(sys.executable)


def cells(path):
    return nbformat.read(path, as_version=4).cells


def graded(path):
    """Give the cells that nbgrader knows, by name."""
    known = [cell for cell in cells(path) if "nbgrader" in cell.metadata]
    return {cell.metadata.nbgrader.grade_id: cell for cell in known}


def prose(path):
    return "\n".join(c.source for c in cells(path) if c.cell_type == "markdown")


def table(text, first):
    """Read the rows of a Markdown table whose heading starts with these words."""
    rows = text[text.index(first) :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in row.strip("| ").split("|")] for row in rows]


def test_the_release_is_what_nbgrader_makes_of_the_master(tmp_path):
    shutil.copytree(LAB / "source", tmp_path / "source")
    shutil.copy(LAB / "nbgrader_config.py", tmp_path)
    command = [PYTHON, "-m", "nbgrader", "generate_assignment", "pets", "--no-db"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "release" / NAME).read_bytes() == RELEASE.read_bytes(), (
        "the release is not that of the master: run make lab"
    )


def test_the_release_gives_nothing_away():
    text, solved = RELEASE.read_text(encoding="utf-8"), MASTER.read_text("utf-8")
    for word in ("SOLUTION", "HIDDEN", "mark(", "seed=3720", "Marking guide"):
        assert word in solved
        assert word not in text
    released = "\n".join(cell.source for cell in cells(RELEASE))
    for cell in cells(MASTER):
        for _, solution in SOLVED.findall(cell.source):
            assert solution not in released
    assert not any(cell.get("outputs") for cell in cells(MASTER) + cells(RELEASE))


def test_every_question_has_a_stub_a_check_and_a_marked_cell():
    released, expected = graded(RELEASE), []
    for id in QUESTIONS:
        expected += [id, f"check_{id}", f"test_{id}"]
        assert "raise NotImplementedError()" in released[id].source
        assert all(f"def {f}(" in released[id].source for f in QUESTIONS[id].functions)
        assert released[f"check_{id}"].source == f'check("{id}", globals())'
        assert not released[f"check_{id}"].metadata.editable
    expected += ["predictions", "check_predictions", "reflection"]
    assert list(released) == expected


def test_points_are_the_same_everywhere():
    for path in (MASTER, RELEASE):
        marked = {
            name.removeprefix("test_"): cell.metadata.nbgrader.points
            for name, cell in graded(path).items()
            if cell.metadata.nbgrader.grade
        }
        assert marked == POINTS
    for text in (prose(RELEASE), (LAB / "README.md").read_text(encoding="utf-8")):
        rows = table(text, "| | question | points |")[2:]
        assert [int(row[-1]) for row in rows[: len(POINTS)]] == list(POINTS.values())
        (_, _, *accuracies), _, (_, *points) = table(text, "| accuracy |")[:3]
        assert [int(each) for each in points] == [each for _, each in CURVE]
        percents = [each.removesuffix(" %") for each in accuracies]
        assert percents == [f"{100 * each:.0f}" for each, _ in CURVE[1:]]


def test_the_worked_examples_are_right():
    namespace = {"np": np}
    for id in QUESTIONS:
        exec(graded(MASTER)[id].source, namespace)
    text = re.sub(r"^```.*$", "", prose(MASTER), flags=re.MULTILINE)
    examples = doctest.DocTestParser().get_doctest(text, namespace, "prose", None, 0)
    assert len(examples.examples) >= 2 * len(QUESTIONS)
    outcome = doctest.DocTestRunner().run(examples)
    assert outcome.failed == 0


def test_cells_are_short_and_name_no_place_of_a_machine():
    for cell in cells(RELEASE):
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= LINES
        assert str(LAB.parent) not in cell.source
        assert "/home/" not in cell.source


@pytest.mark.parametrize("framework", ["pytorch", "tensorflow"])
def test_the_solution_earns_everything_in_both_frameworks(tmp_path, framework):
    notebook = nbformat.read(MASTER, as_version=4)
    (choice,) = [c for c in notebook.cells if c.source.startswith("FRAMEWORK = ")]
    choice.source = f"FRAMEWORK = {framework!r}"
    nbformat.write(notebook, tmp_path / "mine.ipynb")
    command = [PYTHON, "-m", "lab.check", tmp_path / "mine.ipynb"]
    drawn = os.environ | {"COURSE_DATA": "sample", "COURSE_OFFLINE": "1"}
    drawn["LAB_WITHHELD"] = str(tmp_path / "nothing")
    done = subprocess.run(
        command, cwd=LAB.parent, env=drawn, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "13 of 13 points" in done.stdout
    assert "stopped" not in done.stdout
