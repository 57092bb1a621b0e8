"""Grades as tables: for spreadsheets, Moodle and Canvas."""

import csv
from pathlib import Path

from lab.grading.judges.table import automatic_parts
from lab.grading.names import printable
from lab.grading.record import Record
from lab.questions.points import BY_HAND, POINTS
from utils.files import replacing

ASSIGNMENT = "Oxford Pets"  # the column that Canvas makes or finds
MARK = "\ufeff"  # by which spreadsheets know UTF-8, and Canvas nothing
FORMULA = tuple("=+-@＝＋－＠")  # what a spreadsheet takes for one
CELL_LETTERS = 1000


def grades_table(records: list[Record], marks: dict[str, float]) -> list[list]:
    """Set the grades in a table, a row for each student and a column for each question.

    Parameters
    ----------
    records : list of Record
    marks : dict of str to float
        What a person gave, by the name of the record.

    Returns
    -------
    list of list
        The heading first. What is not marked by hand yet is left blank.
    """
    ids = [part.id for part in automatic_parts()]
    head = ["student", "number", *ids, BY_HAND, "total", "of", "walls", "flag"]
    rows = [
        [record.student, record.number, *map(record.earned, ids)]
        + [
            marks.get(record.name, ""),
            _total(record, marks),
            sum(POINTS.values()),
            record.isolation or "none",
        ]
        + ["; ".join(record.flags)]
        for record in records
    ]
    return [head, *rows]


def _total(record: Record, marks: dict[str, float]) -> float:
    return round(record.total + marks.get(record.name, 0), 2)


def moodle_table(records: list[Record], marks: dict[str, float]) -> list[list]:
    """Set the grades in the columns of Moodle's offline grading worksheet.

    The names of the columns are those that ``assignfeedback_offline`` looks for.

    Parameters
    ----------
    records : list of Record
        Grades of submissions that Moodle exported.
    marks : dict of str to float
        As in `grades_table`.

    Returns
    -------
    list of list
        The heading first.
    """
    head = ["Identifier", "Full name", "Grade", "Maximum Grade"]
    most = sum(POINTS.values())
    rows = [
        [f"Participant {each.number}", each.student, _total(each, marks), most, ""]
        for each in records
    ]
    return [[*head, "Last modified (grade)"], *rows]


def canvas_table(
    records: list[Record], marks: dict[str, float], assignment: str = ASSIGNMENT
) -> list[list]:
    """Set the grades in the columns of Canvas's gradebook import.

    Parameters
    ----------
    records : list of Record
        Grades of submissions that Canvas exported.
    marks : dict of str to float
        As in `grades_table`.
    assignment : str
        The heading of the column, which is how Canvas finds the assignment.

    Returns
    -------
    list of list
        The heading and the row of possible points first.
    """
    head = ["Student", "ID", "Section", assignment]
    possible = ["Points Possible", "", "", sum(POINTS.values())]
    rows = [
        [record.student, record.number, "", _total(record, marks)] for record in records
    ]
    return [head, possible, *rows]


def write_csv(path: Path, table: list[list], mark: str = MARK) -> None:
    """Write a table; spreadsheets need the mark to know UTF-8."""
    encoding = {"encoding": "utf-8", "newline": ""}
    with replacing(path) as part, part.open("w", **encoding) as file:
        file.write(mark)
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerows(map(_harmless, row) for row in table)


def _harmless(cell):
    """Keep a text from being taken for a formula (OWASP, "CSV Injection")."""
    if not isinstance(cell, str) or not cell:
        return cell
    text = printable(cell, CELL_LETTERS)
    return f"'{text}" if text.startswith(FORMULA) else text
