"""Grades reach nbgrader's gradebook, and what a person entered there stays."""

import json
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert.filters import markdown2html
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook

from lab.cells import RELEASE
from lab.grading.gradebook import (
    ASSIGNMENT,
    COURSE,
    NOTEBOOK,
    marks_by_hand,
    open_gradebook,
    write_gradebook,
)
from lab.grading.record import Record
from lab.grading.submissions import find_submissions
from lab.questions.finding import Finding
from lab.questions.points import POINTS
from utils.command import Problem

EARNED = {"split": 2, "standardise": 2, "head": 4, "report": 3, "predictions": 3.5}


def _record(submission, flags=()):
    scores = {k: [Finding(k, POINTS[k], earned, "")] for k, earned in EARNED.items()}
    who = submission[:4]
    return Record(
        *who, "key", scores, [], list(flags), [], "bubblewrap", 1, {}, "", 0, 0, [0, 0]
    )


@pytest.fixture
def handed_in(tmp_path):
    """Two of nbgrader's students, and two whose names look the same."""
    cells = nbformat.read(RELEASE, as_version=4).cells
    cells.append(new_markdown_cell("<script>alert(1)</script> I learnt much."))
    cells.append(new_code_cell(metadata={"nbgrader": {"grade_id": "split"}}))
    content = nbformat.writes(new_notebook(cells=cells))
    for student in ("ann", "bo", "cy", "cy\u200b"):
        folder = tmp_path / "submitted" / student / "pets"
        folder.mkdir(parents=True)
        (folder / "OxfordPets.ipynb").write_text(content, encoding="utf-8")
    return find_submissions(tmp_path / "submitted")


@pytest.fixture
def database(tmp_path):
    return tmp_path / "gradebook.db"


def _write(handed_in, database, **flags):
    records = [_record(each, flags.get(each.student, ())) for each in handed_in]
    write_gradebook(records, handed_in, database)


def _open(database):
    return Gradebook(f"sqlite:///{database}", COURSE)


def test_every_question_arrives_and_the_reflection_waits(handed_in, database):
    _write(handed_in, database)
    with _open(database) as gradebook:
        submission = gradebook.find_submission(ASSIGNMENT, "ann")
        assert submission.score == sum(EARNED.values())
        assert submission.max_score == sum(POINTS.values())
        assert submission.needs_manual_grade
        grades = {g.name: g for g in submission.notebooks[0].grades}
        assert grades["predictions"].score == EARNED["predictions"]
        assert [g.name for g in grades.values() if g.needs_manual_grade] == [
            "reflection"
        ]


def test_points_given_by_hand_survive_a_second_run(handed_in, database):
    _write(handed_in, database)
    with _open(database) as gradebook:
        grade = gradebook.find_grade("reflection", NOTEBOOK, ASSIGNMENT, "bo")
        grade.manual_score, grade.needs_manual_grade = 1.5, False
        comment = gradebook.find_comment("reflection", NOTEBOOK, ASSIGNMENT, "bo")
        comment.manual_comment = "Well seen."
        gradebook.db.commit()
    _write(handed_in, database)
    with _open(database) as gradebook:
        submission = gradebook.find_submission(ASSIGNMENT, "bo")
        assert submission.score == sum(EARNED.values()) + 1.5
        assert not submission.needs_manual_grade
        comment = gradebook.find_comment("reflection", NOTEBOOK, ASSIGNMENT, "bo")
        assert comment.comment == "Well seen."


def test_points_given_by_hand_come_back(handed_in, tmp_path):
    database = tmp_path / "a ?b%20#c" / "grade book.db"
    database.parent.mkdir()
    _write(handed_in, database)
    records = [_record(each) for each in handed_in]
    assert marks_by_hand(records, database) == {}
    with open_gradebook(database) as gradebook:
        grade = gradebook.find_grade("reflection", NOTEBOOK, ASSIGNMENT, "bo")
        grade.manual_score, grade.needs_manual_grade = 1.5, False
        gradebook.db.commit()
    (bo,) = (each.name for each in handed_in if each.student == "bo")
    assert marks_by_hand(records, database) == {bo: 1.5}
    with pytest.raises(Problem, match="is not there"):
        marks_by_hand(records, tmp_path / "none.db")
    assert sorted(path.name for path in database.parent.iterdir()) == [
        "autograded",
        "grade book.db",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[a](javascript:alert(1))",
        "[a]( java&#115;cript:alert(1))",
        "[a]: data:text/html,x\n\n[a]",
        "![a](http://example.org/spy.png)",
        "<javascript:alert(1)>",
        "<img src='http://example.org/spy.png'>",
        "$\\href{javascript:alert(1)}{x}$",
    ],
)
def test_markdown_of_a_student_links_to_nothing(tmp_path, database, text):
    folder = tmp_path / "submitted" / "ann"
    folder.mkdir(parents=True)
    cells = [new_code_cell("x = 1"), new_markdown_cell(text + " **kept**")]
    (folder / "a.ipynb").write_text(nbformat.writes(new_notebook(cells=cells)))
    _write(find_submissions(tmp_path / "submitted"), database)
    path = database.parent / "autograded" / "ann" / ASSIGNMENT / f"{NOTEBOOK}.ipynb"
    page = markdown2html(nbformat.read(path, as_version=4).cells[1].source)
    soup = BeautifulSoup(page, "html.parser")
    assert not soup.find_all(["img", "script"])
    assert all(a["href"].startswith("http://example.org") for a in soup.find_all("a"))
    assert "\\href" not in page
    assert soup.find("strong").text == "kept"


def test_what_is_flagged_waits_for_a_person(handed_in, database):
    _write(handed_in, database, ann=["fit did not end in time"])
    with _open(database) as gradebook:
        submission = gradebook.find_submission(ASSIGNMENT, "ann")
        assert all(g.needs_manual_grade for g in submission.notebooks[0].grades)


def test_nobody_takes_the_place_of_another(handed_in, database):
    _write(handed_in, database)
    with _open(database) as gradebook:
        students = {student.id for student in gradebook.students}
    assert len(students) == 4
    assert "cy" not in students


def test_formgrader_finds_the_notebooks_without_scripts(handed_in, database):
    _write(handed_in, database)
    path = database.parent / "autograded" / "ann" / ASSIGNMENT / f"{NOTEBOOK}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    marked = [c for c in notebook.cells if "nbgrader" in c.metadata]
    names = [c.metadata.nbgrader.grade_id for c in marked]
    assert names.count("split") == 1
    assert "reflection" in names
    assert "<script" not in json.dumps(notebook)
    assert "I learnt much." in notebook.cells[-2].source


def test_the_course_is_that_of_the_settings():
    settings = (Path(RELEASE).parents[2] / "nbgrader_config.py").read_text("utf-8")
    assert f'course_id = "{COURSE}"' in settings
