"""Question 4: a report."""

import numpy as np

from lab.grading.judges.judging import Call, answers_of, arrays_of, question
from lab.questions.finding import Missed


def _report_calls(generator) -> list[Call]:
    """Draw labels and answers of eight classes, the last of which never comes up."""
    labels, predictions = generator.integers(0, 7, (2, 60))
    predictions = np.where(generator.random(60) < 0.5, labels, predictions)
    probabilities = generator.dirichlet(np.ones(8), 60)
    species = generator.permutation([0, 0, 0, 1, 1, 1, 1, 1])
    return [
        Call("top_k_accuracy", (probabilities, labels, 1)),
        Call("top_k_accuracy", (probabilities, labels, 3)),
        Call("confusion", (labels, predictions, 8)),
        Call("hardest_pair", (_counts(generator, ahead=True),)),
        Call("hardest_pair", (_counts(generator, ahead=False),)),
        Call("species_accuracy", (labels, predictions, species)),
    ]


def _counts(generator, ahead: bool) -> np.ndarray:
    """Draw a confusion matrix whose largest count is not in the hardest pair."""
    # Above the diagonal in one, below in the other: who looks at one half is found out.
    matrix = generator.integers(0, 6, (8, 8)) + np.diag(generator.integers(30, 60, 8))
    one, two, three, four = generator.permutation(8)[:4]
    three, four = sorted((three, four), reverse=not ahead)
    matrix[one, two], matrix[two, one] = (13, 8) if ahead else (8, 13)
    matrix[three, four], matrix[four, three] = 14, 0
    return matrix


def _prove_top_k(calls, answers) -> None:
    for call, answer in answers_of("top_k_accuracy", calls, answers):
        probabilities, labels, k = call.arguments
        best = probabilities.argsort(axis=1)[:, -k:]
        wanted = (best == labels[:, None]).any(axis=1).mean()
        (found,) = arrays_of(call, answer, "biuf", ())
        if abs(found - wanted) > 1e-6:
            raise Missed(
                "the share is not right: count the rows whose label is "
                "among the k largest probabilities; a share is at most 1."
            )


def _prove_confusion(calls, answers) -> None:
    for call, answer in answers_of("confusion", calls, answers):
        labels, predictions, classes = call.arguments
        wanted = np.zeros((classes, classes), int)
        np.add.at(wanted, (labels, predictions), 1)
        (found,) = arrays_of(call, answer, "biuf", wanted.shape)
        if np.array_equal(found, wanted.T):
            raise Missed("rows and columns are swapped: a row is a true class.")
        if not np.array_equal(found, wanted):
            raise Missed("entry [i, j] counts the pictures of i that were taken for j.")


def _prove_hardest_pair(calls, answers) -> None:
    for call, answer in answers_of("hardest_pair", calls, answers):
        both = call.arguments[0] + call.arguments[0].T
        wanted = np.unravel_index(np.triu(both, 1).argmax(), both.shape)
        (found,) = arrays_of(call, answer, "iu", (2,))
        if np.array_equal(found, wanted[::-1]):
            raise Missed("this is the pair; give the smaller number first.")
        if not np.array_equal(found, wanted):
            raise Missed(
                "add both directions, matrix[i, j] + matrix[j, i], leave the diagonal "
                "out, and find the largest."
            )


def _prove_species(calls, answers) -> None:
    for call, answer in answers_of("species_accuracy", calls, answers):
        labels, predictions, species = call.arguments
        (found,) = arrays_of(call, answer, "biuf", ())
        if abs(found - np.mean(species[labels] == species[predictions])) > 1e-6:
            raise Missed(
                "a Persian taken for a Siamese is a cat taken for a cat: compare "
                "species[labels] with species[predictions]."
            )


QUESTION = question(
    "report",
    "Report what it can do",
    "top_k_accuracy confusion hardest_pair species_accuracy",
    _report_calls,
    ("top-k accuracy", 1, _prove_top_k),
    ("confusion matrix, a row for each true class", 1, _prove_confusion),
    ("the hardest pair", 1, _prove_hardest_pair),
    ("cat or dog, from the breeds", 1, _prove_species),
)
