"""Question 1: a split without leaks."""

import numpy as np

from lab.grading.judges.judging import Call, answers_of, arrays_of, question
from lab.questions.examples import draw_animals
from lab.questions.finding import Missed

MIN_HELD_OUT, MAX_HELD_OUT = 0.1, 0.3  # of a class; a fifth is asked for


def _split_calls(generator: np.random.Generator) -> list[Call]:
    """Draw animals, and ask twice for one seed and once for others."""
    labels, groups = draw_animals(generator)
    first = int(generator.integers(1, 1000))
    seeds = [first, first, *range(first + 1, first + 4)]
    return [Call("split", (labels, groups, seed)) for seed in seeds]


def _held_out(call: Call, answer) -> np.ndarray:
    """Return a split that has two sides, neither of them nearly everything."""
    (held,) = arrays_of(call, answer, "b", call.arguments[0].shape)
    if not 0.02 < held.mean() < 0.6:
        raise Missed("expected about a fifth to be held out (True).")
    return held


def _prove_repeatable(calls, answers) -> None:
    sides = [_held_out(*each) for each in answers_of("split", calls, answers)]
    if not np.array_equal(sides[0], sides[1]):
        raise Missed(
            "the same seed gave two splits; draw from np.random.default_rng(seed) only."
        )
    if np.array_equal(sides[0], sides[2]):
        raise Missed("two seeds gave one split; let the seed decide who is held out.")


def _prove_stratified(calls, answers) -> None:
    for call, answer in answers_of("split", calls, answers):
        held, (labels, *_) = _held_out(call, answer), call.arguments
        for label in np.unique(labels):
            share = held[labels == label].mean()
            if not MIN_HELD_OUT <= share <= MAX_HELD_OUT:
                raise Missed(
                    f"expected {MIN_HELD_OUT:.0%} to {MAX_HELD_OUT:.0%} of every class "
                    "to be held out, of rare ones too: choose within each class."
                )


def _prove_no_leak(calls, answers) -> None:
    for call, answer in answers_of("split", calls, answers):
        held, (_, groups, *_) = _held_out(call, answer), call.arguments
        if len(np.intersect1d(groups[held], groups[~held])):
            raise Missed(
                "some animals have pictures on both sides; choose animals "
                "(groups), and hold out all the pictures of a chosen one."
            )


QUESTION = question(
    "split",
    "Hold out a fifth",
    "split",
    _split_calls,
    ("repeatable for one seed, different for another", 1, _prove_repeatable),
    ("stratified: every class has its share", 1, _prove_stratified),
    ("no leak: an animal is on one side only", 1, _prove_no_leak),
)
