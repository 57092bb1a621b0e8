"""Write the pages: feedback for each student, and a report on the class."""

import base64
import io
import math
from pathlib import Path
from statistics import mean, median

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lab.grading.charts import plot_difficulty, plot_pairs, plot_points
from lab.grading.judges.table import TITLES, Part, automatic_parts, automatic_points
from lab.grading.record import Record, isolations
from lab.grading.tables import (
    ASSIGNMENT,
    canvas_table,
    grades_table,
    moodle_table,
    write_csv,
)
from lab.questions.points import BY_HAND, POINTS
from utils.files import write_text
from utils.plot.figure import Figure

PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)


def write_reports(
    records: list[Record],
    compared: list[Record],
    out: Path,
    marks: dict[str, float] | None = None,
    assignment: str = ASSIGNMENT,
) -> None:
    """Write all that comes out of the grades.

    Parameters
    ----------
    records : list of Record
        The grades, in the order of the tables.
    compared : list of Record
        The same with the flags that only people who grade are told.
    out : Path
        The folder: gets ``grades.csv``, ``class.html``, a page for each student in
        ``feedback/``, and what Moodle and Canvas import if submissions came from there.
    marks : dict of str to float, optional
        What a person gave, by the name of the record.
    assignment : str
        How Canvas calls the assignment.
    """
    marks = marks or {}
    write_csv(out / "grades.csv", grades_table(compared, marks))
    if moodle := [record for record in records if record.system == "Moodle"]:
        write_csv(out / "moodle.csv", moodle_table(moodle, marks))
    if canvas := [record for record in records if record.system == "Canvas"]:
        # Canvas takes a mark for a part of the first heading.
        table = canvas_table(canvas, marks, assignment)
        write_csv(out / "canvas.csv", table, mark="")
    for record in records:
        write_text(out / "feedback" / f"{record.name}.html", feedback_page(record))
    write_text(out / "class.html", class_page(compared))


def feedback_page(record: Record) -> str:
    """Write the page that tells a student what was found, and the next step.

    Parameters
    ----------
    record : Record

    Returns
    -------
    str
        HTML, with everything from outside escaped.
    """
    return PAGES.get_template("feedback.html").render(
        record=record,
        parts=automatic_parts(),
        by_hand=[Part(BY_HAND, TITLES[BY_HAND], POINTS[BY_HAND])],
        automatic=automatic_points(),
    )


def class_page(records: list[Record]) -> str:
    """Write the page on the class: scores, difficulty, confused breeds and flags.

    Parameters
    ----------
    records : list of Record
        The grades, at least one.

    Returns
    -------
    str
        HTML with the figures in it.
    """
    figures = {
        "Points": plot_points([record.total for record in records]),
        "What was found difficult": plot_difficulty(records),
        "Breeds most often confused": plot_pairs(records),
    }
    return PAGES.get_template("class.html").render(
        facts=_facts(records),
        figures={name: _embedded(figure) for name, figure in figures.items()},
        flagged=[record for record in records if record.flags],
        automatic=automatic_points(),
    )


def _facts(records: list[Record]) -> dict[str, str]:
    totals = [record.total for record in records]
    seconds = [record.seconds for record in records if record.isolation] or [0]
    return {
        "Submissions": str(len(records)),
        "Flagged": str(sum(bool(record.flags) for record in records)),
        "Mean": f"{mean(totals):.1f}",
        "Median": f"{median(totals):.1f}",
        "Isolation": ", ".join(isolations(records)),
        "Seconds": f"{median(seconds):.1f} for a submission (median), "
        f"{math.fsum(seconds):.0f} for all, one after the other",
    }


def _embedded(figure: Figure) -> dict[str, str | int]:
    """Turn a figure into what an img element needs."""
    png = io.BytesIO()
    # Twice as many pixels as a page has.
    figure.savefig(png, format="png", dpi=192, metadata={"Software": None})
    encoded = base64.b64encode(png.getvalue()).decode()
    width = round(figure.get_figwidth() * figure.dpi)
    return {"png": encoded, "alt": figure.alt, "width": width}
