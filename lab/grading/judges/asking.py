"""Put questions to the functions of a notebook, in its own process."""

import warnings
from copy import deepcopy
from zlib import crc32

import numpy as np

from lab.grading.judges.judging import Call
from lab.grading.judges.table import QUESTIONS
from lab.questions.finding import Finding, as_arrays, remarks
from lab.sandbox.messages import Failure


def mark(id: str, namespace: dict, seed: int) -> float:
    """Return the points of an answer, as nbgrader takes them from a cell.

    Parameters
    ----------
    id : str
        A key of `QUESTIONS`.
    namespace : dict
        The notebook's ``globals()``, with the functions of the question.
    seed : int
        Draws the inputs.

    Returns
    -------
    float
        0 to the points of the question.

    Raises
    ------
    ValueError
        There is no such question.
    """
    findings = ask(id, namespace, seed)
    print("\n".join(remarks(findings)))
    return float(sum(finding.earned for finding in findings))


def ask(id: str, namespace: dict, seed: int) -> list[Finding]:
    """Put a question to the functions of a notebook, in this process.

    Parameters
    ----------
    id, namespace, seed
        As in `mark`.

    Returns
    -------
    list of Finding
        Their points add up to those of the question.

    Raises
    ------
    ValueError
        There is no such question.
    """
    if id not in QUESTIONS:
        raise ValueError(f"id is {id!r}, expected one of {', '.join(QUESTIONS)}.")
    calls = draw_calls(id, seed)
    return QUESTIONS[id].judge(calls, [_answer(call, namespace) for call in calls])


def draw_calls(id: str, seed: int) -> list[Call]:
    """Draw the inputs of a question, independent of those of the others.

    Parameters
    ----------
    id : str
        A key of `QUESTIONS`.
    seed : int
        The same one gives the same inputs.

    Returns
    -------
    list of Call
        What to ask of a submission.
    """
    generator = np.random.default_rng([seed, crc32(id.encode())])
    return QUESTIONS[id].calls(generator)


def _answer(call: Call, namespace: dict) -> list[np.ndarray] | Failure:
    """Call a function with copies, so that it cannot spoil what the judge compares."""
    function = namespace.get(call.function)
    if not callable(function):
        return Failure("is not defined: run the cell that defines it")
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return as_arrays(function(*deepcopy(call.arguments)))
    except NotImplementedError:
        return Failure("is not written yet: replace the line that raises")
    except (Exception, SystemExit) as error:
        return Failure(f"raised {type(error).__name__}: {error}")
