"""Question 5: the breeds of withheld pictures, in predictions.csv."""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import numpy as np

from lab.questions.finding import Finding
from lab.questions.points import POINTS

# Points for an accuracy, with straight lines between: nothing for guessing one of 37.
CURVE = ((1 / 37, 0), (0.3, 1), (0.5, 2), (0.7, 3), (0.8, 4), (0.88, 5))
HEADER = ["picture", "breed"]
MAX_CHARACTERS = 1_000_000  # in predictions.csv: 20,000 pictures and more


def check_predictions(file: Path | str, names: Iterable[str], breeds: list[str]):
    """Check the form of predictions.csv; only the grader knows what is right.

    Parameters
    ----------
    file : Path or str
        The file.
    names : iterable of str
        File names of the pictures.
    breeds : list of str
        Names that a picture may be given.

    Raises
    ------
    AssertionError
        With what is not as it should be.
    """
    names = list(names)
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AssertionError(f"{file} cannot be read: {error}") from None
    given, remarks = _read_predictions(text, names)
    known = {_plain(breed) for breed in breeds}
    odd = sorted({breed for breed in given.values() if _plain(breed) not in known})
    if odd:
        remarks.append(f"{len(odd)} names are no breed, the first is {odd[0]!r}")
    if remarks:
        raise AssertionError("; ".join(remarks) + ".")
    print(f"predictions: {len(names)} pictures, each with one breed.")


def score_predictions(text, answers: dict[str, str]) -> list[Finding]:
    """Mark predictions.csv by its accuracy on the published curve.

    Parameters
    ----------
    text : str or Failure
        What the file holds, or why there is none. Any text is judged.
    answers : dict of str to str
        Breed of each withheld picture, by file name.

    Returns
    -------
    list of Finding
        One. A picture that is missing, or named twice, counts as wrong; pictures that
        were not asked for count nothing. The message has the accuracy with its 95 %
        interval (Wilson, "Probable inference", JASA 1927).

    Raises
    ------
    ValueError
        There are no answers.
    """
    if not answers:
        raise ValueError("answers is empty: take the file that lab.withhold wrote.")
    given, remarks = _read_predictions(text, answers)
    right = _right(given, answers)
    accuracies, points = zip(*CURVE, strict=True)
    earned = round(float(np.interp(right / len(answers), accuracies, points)), 2)
    message = "; ".join([_interval(right, len(answers)), *remarks]) + "."
    worth = POINTS["predictions"]
    return [Finding("accuracy on the withheld pictures", worth, earned, message)]


def count_right(text, answers: dict[str, str]) -> int:
    """Count the pictures whose breed is right.

    Parameters
    ----------
    text, answers
        As for `score_predictions`.

    Returns
    -------
    int
    """
    given, _ = _read_predictions(text, answers)
    return _right(given, answers)


def _right(given: dict[str, str], answers: dict[str, str]) -> int:
    return sum(_plain(given.get(n, "")) == _plain(b) for n, b in answers.items())


def describe_guesses(text, answers: dict[str, str]) -> str:
    """Tell predictions from others by a short text.

    Parameters
    ----------
    text, answers
        As for `score_predictions`.

    Returns
    -------
    str
        Equal for equal predictions; empty if none is wrong, or if there are none,
        which says nothing about where they come from.
    """
    given, _ = _read_predictions(text, answers)
    guesses = [_plain(given.get(name, "")) for name in sorted(answers)]
    if not any(guesses) or _right(given, answers) == len(answers):
        return ""
    return sha256("\n".join(guesses).encode("utf-8", "replace")).hexdigest()


def take_out(text: str, names) -> tuple[str, str]:
    """Divide predictions into those for other pictures and those for these.

    Parameters
    ----------
    text : str
        Of predictions.csv.
    names : collection of str
        File names of pictures.

    Returns
    -------
    others, these : str
        Both with the heading.
    """
    head, *lines = text.splitlines(keepends=True) or [""]
    ours = {n: line for n, line in enumerate(lines) if _picture(line) in names}
    others = [line for n, line in enumerate(lines) if n not in ours]
    return "".join([head, *others]), "".join([head, *ours.values()])


def _picture(line: str) -> str:
    return line.split(",")[0].strip(' "')


def count_mistakes(text, answers: dict[str, str]) -> list[list]:
    """Count which breeds were taken for which.

    Parameters
    ----------
    text, answers
        As for `score_predictions`.

    Returns
    -------
    list of [str, str, int]
        The true breed, what it was taken for, and how often; sorted. Only breeds that
        the answers know are named.
    """
    given, _ = _read_predictions(text, answers)
    breeds = {_plain(breed): breed for breed in answers.values()}
    taken = {name: breeds.get(_plain(breed)) for name, breed in given.items()}
    pairs = Counter((breed, taken.get(name)) for name, breed in answers.items())
    mistakes = sorted((b, other) for b, other in pairs if b and other and b != other)
    return [[*pair, pairs[pair]] for pair in mistakes]


def _read_predictions(text, names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Read the breed of each picture named once, and remark on the rest."""
    if not isinstance(text, str):
        return {}, [f"predictions.csv {getattr(text, 'reason', 'is not there')}"]
    if len(text) > MAX_CHARACTERS:
        return {}, [f"predictions.csv has over {MAX_CHARACTERS:,} characters"]
    try:
        rows = [row for row in csv.reader(io.StringIO(text.lstrip("\ufeff"))) if row]
    except csv.Error:
        rows = []
    if not rows or [_plain(cell) for cell in rows[0]] != HEADER:
        return {}, ["the first line of predictions.csv is not picture,breed"]
    return _sort_out(rows[1:], set(names))


def _sort_out(rows: list[list[str]], names: set[str]):
    pairs = [(row[0].strip(), row[1]) for row in rows if len(row) == 2]
    counts = Counter(name for name, _ in pairs)
    given = {n: breed for n, breed in pairs if counts[n] == 1 and n in names}
    numbers = {
        "pictures are missing": len(names - set(counts)),
        "pictures are named twice": sum(counts[n] > 1 for n in names & set(counts)),
        "lines name no picture that was asked for": len(set(counts) - names),
        "lines are not picture,breed": len(rows) - len(pairs),
    }
    return given, [f"{number} {what}" for what, number in numbers.items() if number]


def _plain(breed: str) -> str:
    """Forget capitals, and what joins the words of a name."""
    return breed.replace("_", " ").strip().lower()


def _interval(right: int, count: int) -> str:
    from scipy.stats import binomtest

    low, high = binomtest(right, count).proportion_ci(method="wilson")
    text = f"{right} of {count} right, {right / count:.1%}"
    return f"{text} (95 % interval {low:.1%} to {high:.1%})"
