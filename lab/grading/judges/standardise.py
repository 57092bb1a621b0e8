"""Question 2: standardise features."""

import numpy as np

from lab.grading.judges.judging import Call, answers_of, arrays_of, question
from lab.questions.finding import Missed


def _standardise_calls(generator) -> list[Call]:
    """Draw one table without a constant column, and one with two."""
    width = int(generator.integers(6, 10))
    centre, spread = generator.normal(0, 20, width), generator.uniform(4, 20, width)
    train = generator.normal(centre, spread, (80, width))
    other = generator.normal(centre + 2 * spread, 3 * spread, (50, width))
    plain, apart = train.copy(), generator.normal(centre, spread, (30, width))
    plain[:, [1, 4]] = 0, 2.5
    return [Call("standardise", (train, other)), Call("standardise", (plain, apart))]


def _standardised(calls, answers, index: int) -> tuple[Call, list[np.ndarray]]:
    call, answer = list(answers_of("standardise", calls, answers))[index]
    return call, arrays_of(call, answer, "biuf", *(a.shape for a in call.arguments))


def _prove_of_train_only(calls, answers) -> None:
    call, found = _standardised(calls, answers, 0)
    train = call.arguments[0]
    tables = zip(("train", "other"), call.arguments, found, strict=True)
    for name, before, after in tables:
        wanted = (before - train.mean(axis=0)) / train.std(axis=0)
        if not np.allclose(after, wanted, rtol=0.02, atol=0.02):
            raise Missed(
                f"{name} is not (x - mean) / deviation with the mean and the deviation "
                "of each column (axis=0) of train; other has no say in them."
            )


def _prove_constant_columns(calls, answers) -> None:
    call, (train, _) = _standardised(calls, answers, 1)
    varied = call.arguments[0].std(axis=0) > 0
    if not np.all(np.abs(train[:, varied].std(axis=0) - 1) < 0.5):
        raise Missed("the columns that vary in train should have a deviation of 1.")


QUESTION = question(
    "standardise",
    "Standardise the features",
    "standardise",
    _standardise_calls,
    ("mean and deviation of train only", 1, _prove_of_train_only),
    ("a constant column gives finite numbers", 1, _prove_constant_columns),
)
