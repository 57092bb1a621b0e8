"""How an answer is judged: findings, and what they say.

A message names what was expected and a coarse kind of what came: whatever a submission
chose, such as a shape, could tell its author about the hidden inputs.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import NamedTuple

import numpy as np

from lab.questions.finding import KINDS, Finding, Missed, prove
from lab.questions.points import POINTS
from lab.sandbox.messages import Failure

ODD = "what came back could not be judged."
FORMS = {0: "a single number", 1: "a row of numbers", 2: "a table"}


class Call(NamedTuple):
    """One call of a student's function."""

    function: str
    arguments: tuple  # ndarrays, ints and floats
    secret: tuple = ()  # ndarrays that only the judge sees


class Question(NamedTuple):
    """Functions that a student writes, and how they are put to the test."""

    id: str  # nbgrader's grade_id of the cell with the solution
    title: str
    points: float
    functions: tuple[str, ...]
    calls: Callable[[np.random.Generator], list[Call]]
    judge: Callable[[list[Call], list], list[Finding]]


def answers_of(function: str, calls, answers) -> Iterator[tuple[Call, list]]:
    """Go through the calls of a function, each with its answer."""
    missing = [Failure("gave no answer")] * len(calls)
    for call, answer in zip(calls, chain(answers, missing), strict=False):
        if call.function == function:
            yield call, answer


def arrays_of(call: Call, answer, kinds: str, *shapes) -> list[np.ndarray]:
    """Return the arrays of an answer if they have the shapes and types expected."""
    if hasattr(answer, "reason"):
        raise Missed(f"{call.function} {str(answer.reason).rstrip('.')}.")
    if not isinstance(answer, list):
        raise Missed(f"{call.function} gave no arrays.")
    if len(shapes) == 1 and len(answer) == 2 and not any(map(np.ndim, answer)):
        answer = [np.stack(answer)]  # two numbers are as good as an array of two
    if len(answer) != len(shapes):
        many = {1: "one array", 2: "two arrays"}.get(len(shapes), "several arrays")
        raise Missed(f"{call.function} should return {many}.")
    arrays = [np.asarray(part) for part in answer]
    for array, shape in zip(arrays, shapes, strict=True):
        _require(call, array, kinds, shape)
    return arrays


def _require(call: Call, array: np.ndarray, kinds: str, shape: tuple) -> None:
    if array.ndim != len(shape):
        came, wanted = (
            FORMS.get(n, "more than a table") for n in (array.ndim, len(shape))
        )
        raise Missed(f"{call.function} returned {came}; expected {wanted}.")
    if array.shape != shape:
        raise Missed(f"{call.function} returned {FORMS[len(shape)]} of another size.")
    if array.dtype.kind not in kinds:
        raise Missed(f"{call.function} should return {KINDS[kinds]}.")
    if not np.isfinite(array).all():
        raise Missed(
            f"{call.function} returned NaN or infinity; expected finite numbers."
        )


def question(id: str, title: str, functions: str, calls, *properties) -> Question:
    """Make a question of its functions, its calls and the properties of an answer.

    A property has a name, points, and a function that raises Missed where it is not
    met.
    """

    def judge(calls, answers):
        return [
            prove(name, points, partial(proof, calls, answers), ODD)
            for name, points, proof in properties
        ]

    return Question(id, title, POINTS[id], tuple(functions.split()), calls, judge)
