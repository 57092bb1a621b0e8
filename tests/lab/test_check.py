"""A student's notebook is run, and what is missing in it is named."""

import json
import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from lab.cells import grade_ids, misplaced

ROOT = Path(__file__).parents[2]
MASTER = ROOT / "lab" / "source" / "pets" / "OxfordPets.ipynb"
# Stands for the cells that load pictures, which take long.
PREPARATION = """
import numpy as np
from pathlib import Path
from lab.questions import check, check_predictions
breeds, withheld = ["pug"], [Path("0001.jpg")]
"""
PREDICTIONS = 'Path("predictions.csv").write_text("picture,breed\\n0001.jpg,pug\\n")'


@pytest.fixture
def notebook():
    """Give the master with the cells that nbgrader knows, and little else."""
    found = nbformat.read(MASTER, as_version=4)
    found.cells = [c for c in found.cells if "nbgrader" in c.metadata]
    cell(found, "predictions").source = PREDICTIONS
    found.cells.insert(0, new_code_cell(PREPARATION.strip()))
    return found


def cell(notebook, name):
    (found,) = [
        c
        for c in notebook.cells
        if c.metadata.get("nbgrader", {}).get("grade_id") == name
    ]
    return found


def check(folder, content):
    """Return the exit status and what was printed."""
    path = folder / "mine.ipynb"
    path.write_text(content if isinstance(content, str) else nbformat.writes(content))
    command = [sys.executable, "-m", "lab.check", str(path)]
    environment = os.environ | {"COLUMNS": "200"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_a_complete_notebook_passes(tmp_path, notebook):
    status, said = check(tmp_path, notebook)
    assert status == 0
    assert "13 of 13 points" in said
    assert "predictions  in order" in said
    assert "reflection   up to 2 points" in said
    assert "stopped" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["mine.ipynb"]


def test_a_wrong_answer_and_a_cell_that_stops_cost_nothing_else(tmp_path, notebook):
    notebook.cells.insert(1, new_code_cell('raise KeyError("mine")'))
    report = cell(notebook, "report")
    report.source = report.source.replace("matrix + matrix.T", "matrix")
    cell(notebook, "standardise").source = "import sys\nsys.exit(3)"
    status, said = check(tmp_path, notebook)
    assert status == 1
    assert "Cell 2 stopped: KeyError" in said
    assert "split        3 of 3" in said
    assert "standardise  0 of 2" in said
    assert "standardise is not defined" in said
    assert "report       3 of 4" in said
    assert "add both directions" in said
    assert "10 of 13 points" in said


def test_what_is_not_done_yet_is_told(tmp_path, notebook):
    cell(notebook, "reflection").source = "YOUR ANSWER HERE"
    cell(notebook, "predictions").source = "raise NotImplementedError()"
    status, said = check(tmp_path, notebook)
    assert status == 1
    assert "Cell 14 predictions stopped: NotImplementedError" in said
    assert "predictions.csv cannot be read" in said
    assert "reflection   not written yet" in said


def test_cells_that_are_missing_twice_or_out_of_order_are_named(tmp_path, notebook):
    ids = grade_ids(notebook.cells)
    assert misplaced(ids, ids) == []
    cells = notebook.cells
    cells.remove(cell(notebook, "check_head"))
    cells.append(deepcopy(cell(notebook, "split")))
    cells[-1].id = "copy"
    cells.append(cells.pop(cells.index(cell(notebook, "test_report"))))
    status, said = check(tmp_path, notebook)
    assert status == 1
    assert "The cell check_head is missing." in said
    assert "The cell split is there 2 times." in said
    assert misplaced(["b", "a", "c"], ["a", "b", "c"]) == [
        "The cell a should stand before b, not after it."
    ]


@pytest.mark.parametrize("content", ["", "{}", "<html>", '{"cells": 3, "nbformat": 4}'])
def test_what_is_no_notebook_is_refused_in_one_line(tmp_path, content):
    status, said = check(tmp_path, content)
    assert status == 1
    assert "cannot be read as a notebook" in said


@pytest.mark.parametrize("cell_", ["import os\nos._exit(0)", "exit = 1\ninput('who?')"])
def test_a_dead_kernel_is_no_success_and_nobody_waits_for_input(
    tmp_path, notebook, cell_
):
    notebook.cells.insert(1, new_code_cell(cell_))
    status, said = check(tmp_path, notebook)
    dies = "_exit" in cell_
    assert status == int(dies)
    assert ("Python ended while the cells ran" in said) == dies
    assert ("Cell 2 stopped: EOFError" in said) != dies


def test_odd_cells_are_read_one_by_one(tmp_path, notebook):
    odd = json.loads(nbformat.writes(notebook))
    odd["metadata"] = None
    odd["cells"] += [{"cell_type": "shell", "source": "x"}, {"cell_type": "code"}, 3]
    odd["cells"][0]["metadata"] = {"nbgrader": None}
    status, said = check(tmp_path, "\ufeff" + json.dumps(odd))
    assert "2 cells cannot be read." in said
    assert "13 of 13 points" in said
    assert status == 1
