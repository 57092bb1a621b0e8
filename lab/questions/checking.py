"""Check answers in the notebook, on fixed examples whose results are known."""

from copy import deepcopy
from functools import partial

import numpy as np

from lab.questions.examples import PROPERTIES
from lab.questions.finding import Finding, Missed, as_arrays, prove, remarks

ODD = "what came back cannot be compared ({error})."


def check(id: str, namespace: dict) -> None:
    """Check an answer in the notebook and say what is right about it.

    Parameters
    ----------
    id : str
        A key of `PROPERTIES`.
    namespace : dict
        The notebook's ``globals()``, with the functions of the question.

    Raises
    ------
    AssertionError
        With what was expected, what came, and what to do.
    ValueError
        There is no such question.
    """
    findings = check_examples(id, namespace)
    for finding in findings:
        if finding.earned == finding.points:
            print(f"{id}: {finding.name}.")
    if wrong := remarks(findings):
        raise AssertionError("\n".join(["not yet", *wrong]))


def check_examples(id: str, namespace: dict) -> list[Finding]:
    """Ask the functions of a notebook for what is known, in this process.

    Parameters
    ----------
    id, namespace
        As in `check`.

    Returns
    -------
    list of Finding
        One for each property, with the points that the grader gives for it.

    Raises
    ------
    ValueError
        There is no such question.
    """
    if id not in PROPERTIES:
        raise ValueError(f"id is {id!r}, expected one of {', '.join(PROPERTIES)}.")
    ask = partial(_ask, namespace)
    return [
        prove(name, points, partial(proof, ask), ODD)
        for name, points, proof in PROPERTIES[id]
    ]


def _ask(namespace: dict, function: str, *arguments) -> list[np.ndarray]:
    """Call a function with copies, so that it cannot spoil what is compared."""
    work = namespace.get(function)
    if not callable(work):
        raise Missed(f"{function} is not defined: run the cell that defines it.")
    try:
        answer = work(*deepcopy(arguments))
    except NotImplementedError:
        raise Missed(
            f"{function} is not written yet: replace the line that raises."
        ) from None
    except (Exception, SystemExit) as error:
        raise Missed(f"{function} raised {type(error).__name__}: {error}.") from None
    return as_arrays(answer)
