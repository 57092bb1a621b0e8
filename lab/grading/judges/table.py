"""The questions of the assignment, in order, with their titles and points."""

from typing import NamedTuple

from lab.grading.judges import head, report, split, standardise
from lab.questions.points import BY_HAND, POINTS

QUESTIONS = {
    each.QUESTION.id: each.QUESTION for each in (split, standardise, head, report)
}
TITLES = {"predictions": "Name the withheld pictures", BY_HAND: "Reflection"}


class Part(NamedTuple):
    """A part of the assignment, as a page shows it."""

    id: str
    title: str
    points: float


def automatic_parts() -> list[Part]:
    """List what is graded without a person, in the order of the assignment."""
    titles = {id: question.title for id, question in QUESTIONS.items()} | TITLES
    return [Part(id, titles[id], POINTS[id]) for id in POINTS if id != BY_HAND]


def automatic_points() -> float:
    """Return the most points that a submission can have without a person."""
    return sum(part.points for part in automatic_parts())
