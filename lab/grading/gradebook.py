"""Put grades into nbgrader's gradebook, where its formgrader takes the rest."""

import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import nbformat
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbgrader.api import Gradebook, MissingEntry

from lab.cells import RELEASE, grade_id
from lab.grading.names import Unreadable
from lab.grading.record import Record
from lab.grading.submissions import Submission, read_submission
from lab.questions.points import BY_HAND, POINTS
from utils.command import Problem
from utils.files import write_text

ASSIGNMENT, NOTEBOOK = RELEASE.parent.name, RELEASE.stem
COURSE = "ideal-cat"  # as in nbgrader_config.py
# What makes links of formulas.
LINKING = re.compile(r"\\+(href|url|style|class|cssId|require|unicode)\b")
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
    with open_gradebook(database) as gradebook:
        _write_assignment(gradebook, cells)
        students = _students(records)
        for record, submission in zip(records, submissions, strict=True):
            student = students[record.name]
            _write_record(gradebook, record, student, cells)
            folder = database.parent / "autograded" / student / ASSIGNMENT
            _write_notebook(submission, folder / f"{NOTEBOOK}.ipynb", cells)


def open_gradebook(database: Path) -> Gradebook:
    """Open a database of nbgrader, whatever its path has in it.

    Parameters
    ----------
    database : Path
        The file; its folder must be there.

    Returns
    -------
    Gradebook
    """
    # nbgrader calls alembic, which stands beside this Python.
    programs = Path(sys.executable).parent
    os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return Gradebook(f"sqlite:///{quote(str(database.resolve()))}", COURSE)


def marks_by_hand(records: Sequence[Record], database: Path) -> dict[str, float]:
    """Read the points that a person gave in formgrader.

    Parameters
    ----------
    records : sequence of Record
    database : Path
        That `write_gradebook` wrote.

    Returns
    -------
    dict of str to float
        By the name of the record; who has none yet is left out.

    Raises
    ------
    Problem
        There is no such file.
    """
    if not database.is_file():
        raise Problem(f"{database} is not there: name the gradebook of --gradebook.")
    marks = {}
    with open_gradebook(database) as gradebook:
        for name, student in _students(records).items():
            with suppress(MissingEntry):
                grade = gradebook.find_grade(BY_HAND, NOTEBOOK, ASSIGNMENT, student)
                if grade.manual_score is not None:
                    marks[name] = float(grade.manual_score)
    return marks


def _students(records: Sequence[Record]) -> dict[str, str]:
    """Choose the name of each student in nbgrader, one for each."""
    wished = {record.name: _wish(record) for record in records}
    counts = Counter(wished.values())
    return {n: wish if counts[wish] == 1 else n for n, wish in wished.items()}


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
    known = {cell.source for cell in cells.values()}
    for cell in notebook.cells:
        if cell.cell_type != "code" and cell.source not in known:
            cell.source = _harmless(cell.source)
    clean, _ = SanitizeHTML().preprocess(notebook, {})
    write_text(path, nbformat.writes(clean))


def _harmless(text: str) -> str:
    """Keep a student's Markdown from making links, images or HTML."""
    text = LINKING.sub(r"\1", text)
    return text.replace("[", "\\[").replace("<", "&lt;")
