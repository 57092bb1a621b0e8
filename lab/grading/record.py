"""What is graded, and the grade that is kept of it."""

from pathlib import Path
from typing import NamedTuple

from lab.questions.finding import Finding
from lab.sandbox.isolation import ISOLATIONS
from lab.sandbox.messages import Failure
from lab.sandbox.supervisor import Limits


class Setting(NamedTuple):
    """What all submissions are graded with."""

    records: Path  # where the grades are kept, a file for each student
    version: str  # of the questions and the answers; another one grades again
    seed: int  # of the hidden inputs
    pictures: dict[str, str]  # the true breed of each withheld picture
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

    def earned(self, question: str) -> float:
        """Sum the points of one question."""
        return round(sum(each.earned for each in self.scores[question]), 2)

    @property
    def total(self) -> float:
        """Sum the points of all questions."""
        return round(sum(map(self.earned, self.scores)), 2)


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
