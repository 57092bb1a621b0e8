"""What came out for a property of an answer, in a check and in the grader."""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

KINDS = {"b": "True and False", "iu": "whole numbers", "biuf": "numbers"}


class Missed(Exception):
    """What is not as it should be; the text teaches."""


class Finding(NamedTuple):
    """What came out for one property of an answer."""

    name: str  # "repeatable for one seed"
    points: float  # what it is worth
    earned: float  # 0 to points
    message: str  # what was expected and what to do; empty if nothing to say


def prove(name: str, points: float, proof: Callable[[], None], odd: str) -> Finding:
    """Find out whether an answer has a property: whatever it is, a finding comes out.

    Parameters
    ----------
    name : str
        Of the property.
    points : float
        What it is worth.
    proof : callable
        Raises `Missed` where the property is not there.
    odd : str
        What to say where the answer is of no kind that was foreseen; ``{error}`` in it
        becomes the name of the exception.

    Returns
    -------
    Finding
    """
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            proof()
    except Missed as missed:
        return Finding(name, points, 0.0, str(missed))
    except Exception as error:  # what no rule foresaw is no right answer
        return Finding(name, points, 0.0, odd.format(error=type(error).__name__))
    return Finding(name, points, float(points), "")


def as_arrays(value) -> list[np.ndarray]:
    """Turn what a function returned into arrays.

    Parameters
    ----------
    value : array_like, or tuple of array_like
        Whatever a student's function gave.

    Returns
    -------
    list of ndarray
        One for each part of a tuple.
    """
    parts = value if isinstance(value, tuple) else (value,)
    return [np.asarray(part) for part in parts]


def remarks(findings: list[Finding]) -> list[str]:
    """Write down what is to be said of an answer.

    Parameters
    ----------
    findings : list of Finding
        Of one question.

    Returns
    -------
    list of str
        Each message once, after the names of the findings that have it.
    """
    names = {}
    for finding in findings:
        if finding.message:
            names.setdefault(finding.message, []).append(finding.name)
    return [f"{'; '.join(of)}: {message}" for message, of in names.items()]
