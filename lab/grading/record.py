"""What is graded, and the grade that is kept of it."""

import json
import math
from pathlib import Path
from typing import NamedTuple

from lab.questions.finding import Finding
from lab.questions.points import BY_HAND, POINTS
from lab.sandbox.isolation import ISOLATIONS
from lab.sandbox.messages import Failure
from lab.sandbox.supervisor import Limits

AUTOMATIC = {id: points for id, points in POINTS.items() if id != BY_HAND}


class Setting(NamedTuple):
    """What all submissions are graded with."""

    records: Path  # where the grades are kept, a file for each student
    version: str  # of all that decides a grade; another one grades again
    seed: int  # of the hidden inputs
    pictures: dict[str, str]  # the true breed of each withheld picture
    probes: dict[str, str] = {}  # and of pictures among them whose breed students know
    data: Path | None = None  # photographs that the notebooks may read
    withheld: Path | None = None  # the withheld pictures, without their breeds
    features: tuple[Path, ...] = ()  # computed once for all
    require: str = ISOLATIONS[0]  # the weakest walls that will do
    limits: Limits = Limits()


class Answers(NamedTuple):
    """What came out of the sandbox."""

    arrays: dict[str, list]  # of each question, for each call: ndarrays or a Failure
    predictions: bytes | Failure
    failures: dict[str | int, str]  # why a cell failed
    isolation: str
    flags: list[str]
    sources: dict[str, str]


class Record(NamedTuple):
    """The grade of one student, as it is kept in a file."""

    student: str
    system: str
    number: str
    name: str
    key: str  # what was graded, and by what
    scores: dict[str, list[Finding]]
    remarks: list[str]  # for the student
    flags: list[str]  # for the people who grade
    mistakes: list[list]  # true breed, predicted breed, pictures
    isolation: str
    seconds: float
    sources: dict[str, str]  # what tells copies, by question
    guesses: str  # what tells equal predictions; empty without any
    right: int  # of the withheld pictures
    asked: int  # withheld pictures
    probes: list[int]  # right, and all, of the pictures whose labels students have

    def earned(self, question: str) -> float:
        """Sum the points of one question."""
        return round(sum(each.earned for each in self.scores[question]), 2)

    @property
    def total(self) -> float:
        """Sum the points of all questions."""
        return round(sum(map(self.earned, self.scores)), 2)


def read_record(content: bytes) -> Record | None:
    """Read the record of a grade, if that is what it is.

    Parameters
    ----------
    content : bytes
        Of a file that may have been damaged or forged.

    Returns
    -------
    Record or None
        None if a type is wrong, or points are not between 0 and what they are of.
    """
    try:
        record = Record(**json.loads(content))
        scores = {
            id: [Finding(*f) for f in found] for id, found in record.scores.items()
        }
        record = record._replace(scores=scores)
        return record if _is_sound(record) else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _is_sound(record: Record) -> bool:
    texts = [*record[:5], record.isolation, record.guesses, *record.remarks]
    texts += [*record.flags, *record.sources, *record.sources.values()]
    numbers = [record.seconds, record.right, record.asked, *record.probes]
    for finding in (each for found in record.scores.values() for each in found):
        texts += [finding.name, finding.message]
        numbers += [finding.earned, finding.points, finding.points - finding.earned]
    for one, other, count in record.mistakes:
        texts += [one, other]
        numbers += [count]
    lists = record.remarks, record.flags, record.mistakes, record.probes
    return (
        all(type(each) is list for each in lists)
        and all(type(text) is str for text in texts)
        and all(type(n) in (int, float) and 0 <= n < math.inf for n in numbers)
        and len(record.probes) == 2
        and record.isolation in ("", *ISOLATIONS)
        and {id: _points(found) for id, found in record.scores.items()} == AUTOMATIC
    )


def _points(findings: list[Finding]) -> float:
    return round(sum(each.points for each in findings), 6)


def isolations(records: list[Record]) -> list[str]:
    """List the kinds of isolation that ran.

    Parameters
    ----------
    records : list of Record

    Returns
    -------
    list of str
        Sorted; "none" where no submission could be run.
    """
    return sorted({each.isolation for each in records if each.isolation}) or ["none"]
