"""What the grades become: a page for each student, one for the class, and tables."""

import base64
import csv
import io
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.ticker import MaxNLocator

from lab.grade import Record, isolations
from lab.questions import BY_HAND, POINTS, QUESTIONS
from lab.submissions import printable
from utils.files import replacing
from utils.plot import BLUE, SMALL, TEXT, Figure
from utils.results import write_text

ASSIGNMENT = "Oxford Pets"  # the column that Canvas makes or finds
TITLES = {"predictions": "Name the withheld pictures", BY_HAND: "Reflection"}
FORMULA = tuple("=+-@＝＋－＠")  # what a spreadsheet takes for one
CELL_LETTERS = 1000
WIDTH = 4.5  # inches, the figures; they still read well on a phone
SHARPNESS = 192  # pixels per inch, twice what a page has
MOST_PAIRS = 10
PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)


class Part(NamedTuple):
    """A part of the assignment, as a page shows it."""

    id: str
    title: str
    points: float


def write_reports(records: list[Record], out: Path) -> None:
    """Write all that comes out of the grades.

    Parameters
    ----------
    records : list of Record
        The grades, in the order of the tables.
    out : Path
        The folder: gets ``grades.csv``, ``class.html``, a page for each student in
        ``feedback/``, and what Moodle and Canvas import if submissions came from there.
    """
    _write_csv(out / "grades.csv", grades_table(records))
    for system, table in (("Moodle", moodle_table), ("Canvas", canvas_table)):
        known = [record for record in records if record.system == system]
        if known:
            _write_csv(out / f"{system.lower()}.csv", table(known))
    for record in records:
        page = feedback_page(record)
        write_text(out / "feedback" / f"{record.name}.html", page)
    write_text(out / "class.html", class_page(records))


def grades_table(records: list[Record]) -> list[list]:
    """Set the grades in a table, a row for each student and a column for each question.

    Parameters
    ----------
    records : list of Record
        The grades.

    Returns
    -------
    list of list
        The heading first. What is marked by hand is left blank.
    """
    ids = [part.id for part in _parts()]
    head = ["student", "number", *ids, BY_HAND, "total", "of", "flag"]
    rows = [
        [record.student, record.number, *map(record.earned, ids), ""]
        + [record.total, sum(POINTS.values()), "; ".join(record.flags)]
        for record in records
    ]
    return [head, *rows]


def moodle_table(records: list[Record]) -> list[list]:
    """Set the grades in the columns of Moodle's offline grading worksheet.

    The names of the columns are those that ``assignfeedback_offline`` looks for.

    Parameters
    ----------
    records : list of Record
        Grades of submissions that Moodle exported.

    Returns
    -------
    list of list
        The heading first.
    """
    head = ["Identifier", "Full name", "Grade", "Maximum Grade"]
    rows = [
        [f"Participant {record.number}", record.student, record.total]
        + [sum(POINTS.values()), ""]
        for record in records
    ]
    return [[*head, "Last modified (grade)"], *rows]


def canvas_table(records: list[Record]) -> list[list]:
    """Set the grades in the columns of Canvas's gradebook import.

    Parameters
    ----------
    records : list of Record
        Grades of submissions that Canvas exported.

    Returns
    -------
    list of list
        The heading and the row of possible points first.
    """
    head = ["Student", "ID", "Section", ASSIGNMENT]
    possible = ["Points Possible", "", "", sum(POINTS.values())]
    rows = [[record.student, record.number, "", record.total] for record in records]
    return [head, possible, *rows]


def _write_csv(path: Path, table: list[list]) -> None:
    """Write a table for spreadsheets, which need the mark to know UTF-8."""
    encoding = {"encoding": "utf-8-sig", "newline": ""}
    with replacing(path) as part, part.open("w", **encoding) as file:
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerows([_harmless(cell) for cell in row] for row in table)


def _harmless(cell):
    """Keep a text from being taken for a formula (OWASP, "CSV Injection")."""
    if not isinstance(cell, str) or not cell:
        return cell
    text = printable(cell, CELL_LETTERS)
    return f"'{text}" if text.startswith(FORMULA) else text


def feedback_page(record: Record) -> str:
    """Write the page that tells a student what was found, and the next step.

    Parameters
    ----------
    record : Record
        The grade.

    Returns
    -------
    str
        HTML, with everything from outside escaped.
    """
    by_hand = [Part(BY_HAND, TITLES[BY_HAND], POINTS[BY_HAND])]
    page = PAGES.get_template("feedback.html")
    return page.render(
        record=record, parts=_parts(), by_hand=by_hand, automatic=_automatic()
    )


def _parts() -> list[Part]:
    """List what is graded without a person, in the order of the assignment."""
    titles = {id: question.title for id, question in QUESTIONS.items()} | TITLES
    return [Part(id, titles[id], POINTS[id]) for id in POINTS if id != BY_HAND]


def _automatic() -> float:
    return sum(part.points for part in _parts())


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
        automatic=_automatic(),
    )


def _facts(records: list[Record]) -> dict[str, str]:
    totals = [record.total for record in records]
    seconds = [record.seconds for record in records if record.isolation] or [0]
    return {
        "Submissions": f"{len(records)}",
        "Flagged": f"{sum(bool(record.flags) for record in records)}",
        "Mean": f"{mean(totals):.1f}",
        "Median": f"{median(totals):.1f}",
        "Isolation": ", ".join(isolations(records)),
        "Seconds": f"{median(seconds):.1f} for a submission (median), "
        f"{math.fsum(seconds):.0f} for all, one after the other",
    }


def _embedded(figure: Figure) -> dict[str, str | int]:
    """Turn a figure into what an img element needs."""
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=SHARPNESS, metadata={"Software": None})
    encoded = base64.b64encode(png.getvalue()).decode()
    width = round(figure.get_figwidth() * figure.dpi)
    return {"png": encoded, "alt": figure.alt, "width": width}


def plot_points(totals: list[float]) -> Figure:
    """Plot how many students have how many points.

    Parameters
    ----------
    totals : list of float
        Points of each student.

    Returns
    -------
    Figure
    """
    figure = Figure(WIDTH, 2.4)
    axes = figure.subplots()
    # A bar for each number of points, which stands above that number.
    edges = np.arange(_automatic() + 2) - 0.5
    counts, *_ = axes.hist(np.floor(totals), edges, color=BLUE, rwidth=0.9)
    axes.set_xlabel("points, rounded down", size=SMALL)
    axes.set_ylabel("students", size=SMALL)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    shown = [f"{n}: {count:.0f}" for n, count in enumerate(counts) if count]
    figure.alt = f"Students by points, rounded down. {', '.join(shown)}."
    return figure


def plot_difficulty(records: list[Record]) -> Figure:
    """Plot which share of its points the class earned for each property.

    Parameters
    ----------
    records : list of Record
        The grades.

    Returns
    -------
    Figure
    """
    shares = {}
    for record in records:
        for part in _parts():
            for finding in record.scores[part.id]:
                earned = finding.earned / finding.points
                shares.setdefault((part.id, finding.name), []).append(earned)
    means = {f"{id}: {name}": mean(each) for (id, name), each in shares.items()}
    return _bars(
        means, [f"{100 * share:.0f} %" for share in means.values()], "Points earned"
    )


def plot_pairs(records: list[Record]) -> Figure:
    """Plot which two breeds were most often taken for each other.

    Parameters
    ----------
    records : list of Record
        The grades.

    Returns
    -------
    Figure
        Both directions are added up.
    """
    pairs = Counter()
    for record in records:
        for one, other, count in record.mistakes:
            pairs[" and ".join(sorted([one, other]))] += count
    most = dict(pairs.most_common(MOST_PAIRS))
    return _bars(most, map(str, most.values()), "Pictures taken for the other breed")


def _bars(lengths: dict[str, float], values: Iterable[str], subject: str) -> Figure:
    """Draw bars from the top, the name above each and the value behind it."""
    values = list(values)
    figure = Figure(WIDTH, 0.45 * max(len(lengths), 1) + 0.2)
    axes = figure.subplots()
    places = range(len(lengths))
    bars = axes.barh(places, lengths.values(), height=0.4, color=BLUE)
    axes.bar_label(bars, values, padding=4, fontsize=SMALL)
    for place, name in zip(places, lengths, strict=True):
        axes.annotate(name, (0, place), (0, 9), textcoords="offset points", **TEXT)
    axes.set_xlim(0, 1.12 * max(lengths.values(), default=0) or 1)
    axes.set_ylim(len(lengths) - 0.5, -0.9)
    axes.set_axis_off()
    shown = [f"{name} {value}" for name, value in zip(lengths, values, strict=True)]
    figure.alt = f"{subject}. {'; '.join(shown) or 'None'}."
    return figure
