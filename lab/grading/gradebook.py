"""Put grades into nbgrader's gradebook, where its formgrader takes the rest."""

import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbgrader.api import Gradebook, MissingEntry

from lab.cells import RELEASE, grade_id
from lab.grading.names import Unreadable
from lab.grading.record import Record
from lab.grading.submissions import Submission, read_submission
from lab.questions.points import BY_HAND, POINTS
from utils.files import write_text

ASSIGNMENT, NOTEBOOK = RELEASE.parent.name, RELEASE.stem
COURSE = "ideal-cat"  # as in nbgrader_config.py
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")  # a name fit for a folder


def write_gradebook(
    records: Sequence[Record], submissions: Sequence[Submission], database: Path
) -> None:
    """Write grades into a database of nbgrader, and the notebooks beside it.

    What a person entered there stays. What is flagged waits for a person.

    Parameters
    ----------
    records : sequence of Record
    submissions : sequence of Submission
        What they are for, in the same order.
    database : Path
        ``gradebook.db`` of an nbgrader course, made if it is not there. The folder
        ``autograded`` beside it gets the notebooks.
    """
    release = nbformat.read(RELEASE, as_version=4).cells
    cells = {name: cell for cell in release if (name := grade_id(cell))}
    wished = [_wish(record) for record in records]
    counts = Counter(wished)
    # nbgrader calls alembic, which stands beside this Python.
    programs = Path(sys.executable).parent
    os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    with Gradebook(f"sqlite:///{database.resolve()}", COURSE) as gradebook:
        _write_assignment(gradebook, cells)
        for record, submission, wish in zip(records, submissions, wished, strict=True):
            student = wish if counts[wish] == 1 else record.name
            _write_record(gradebook, record, student, cells)
            folder = database.parent / "autograded" / student / ASSIGNMENT
            _write_notebook(submission, folder / f"{NOTEBOOK}.ipynb", cells)


def _wish(record: Record) -> str:
    """Choose the name of a student that nbgrader may have given, if it is one."""
    plain = not record.system and PLAIN.fullmatch(record.student)
    return record.student if plain else record.name


def _write_assignment(gradebook: Gradebook, cells: dict) -> None:
    """Describe the assignment, as nbgrader does when it makes the release."""
    gradebook.update_or_create_assignment(ASSIGNMENT)
    gradebook.update_or_create_notebook(NOTEBOOK, ASSIGNMENT)
    for name, cell in cells.items():
        place, about = (name, NOTEBOOK, ASSIGNMENT), cell.metadata.nbgrader
        if about.grade:
            worth = {"max_score": about.points, "cell_type": cell.cell_type}
            gradebook.update_or_create_grade_cell(*place, **worth)
        if about.solution:  # where a person may comment
            gradebook.update_or_create_solution_cell(*place)


def _write_record(gradebook, record: Record, student: str, cells: dict) -> None:
    """Write the grades of one student."""
    try:
        gradebook.find_student(student)
    except MissingEntry:
        gradebook.add_student(student, last_name=record.student)
    gradebook.update_or_create_submission(ASSIGNMENT, student)
    for name in (n for n, cell in cells.items() if cell.metadata.nbgrader.grade):
        grade = gradebook.find_grade(name, NOTEBOOK, ASSIGNMENT, student)
        question = name.removeprefix("test_")
        grade.auto_score = None if question == BY_HAND else record.earned(question)
        open_still = question == BY_HAND or bool(record.flags)
        grade.needs_manual_grade = open_still and grade.manual_score is None
    gradebook.db.commit()


def _write_notebook(submission: Submission, path: Path, cells: dict) -> None:
    """Write what was handed in, for formgrader, without outputs and live HTML."""
    try:
        content = read_submission(submission, list(POINTS)).content
    except Unreadable:
        return
    notebook = nbformat.reads(content.decode(), as_version=4)
    # Whatever else is called like a cell of the assignment is the student's own.
    given = {name: dict(cell.metadata.nbgrader) for name, cell in cells.items()}
    for cell in notebook.cells:
        name = cell.metadata.pop("nbgrader", {}).get("grade_id")
        if name in given:
            cell.metadata["nbgrader"] = given.pop(name)
    clean, _ = SanitizeHTML().preprocess(notebook, {})
    write_text(path, nbformat.writes(clean))
