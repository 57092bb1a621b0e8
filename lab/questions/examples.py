"""Fixed examples with their results: what students check their answers on.

The results stand here as numbers: nothing in this module computes an answer.
"""

import numpy as np

from lab.questions.finding import KINDS, Missed


def _arrays(function: str, found: list, kinds: str, *shapes) -> list[np.ndarray]:
    """Return what a function gave if it has the shapes and types expected."""
    if len(shapes) == 1 and len(found) == 2 and not any(map(np.ndim, found)):
        found = [np.stack(found)]  # two numbers are as good as an array of two
    if len(found) != len(shapes):
        count = f"{len(found)} arrays, expected {len(shapes)}"
        raise Missed(f"{function} returned {count}.")
    for array, shape in zip(found, shapes, strict=True):
        came = f"{function} returned an array of shape {array.shape}, {array.dtype}"
        if array.shape != shape:
            raise Missed(f"{came}; expected shape {shape}.")
        if array.dtype.kind not in kinds:
            raise Missed(f"{came}; expected {KINDS[kinds]}.")
        if not np.isfinite(array).all():
            raise Missed(f"{came}, with NaN or infinity in it.")
    return found


def _gives(function: str, kinds: str, hint: str, *cases):
    """Make a proof of examples: the arguments of each, and what comes out."""

    def prove(ask):
        for arguments, wanted in cases:
            expected = [np.asarray(each) for each in wanted]
            shapes = [each.shape for each in expected]
            found = _arrays(function, ask(function, *arguments), kinds, *shapes)
            for one, other in zip(found, expected, strict=True):
                if not np.allclose(one, other, rtol=0.02, atol=0.002):
                    raise Missed(hint)

    return prove


# 1 Split: any that has the properties will do.


def draw_animals(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw four classes of 40 animals in 1 to 3 pictures, three of 10 in 1 each.

    Parameters
    ----------
    generator : Generator

    Returns
    -------
    labels, animals : (N,) int64 ndarray
        Class and animal of each picture.
    """
    breeds = np.repeat(np.arange(7), [40, 40, 10, 40, 10, 40, 10])
    most = np.where(np.isin(breeds, [2, 4, 6]), 1, 3)
    animals = generator.permutation(5 * len(breeds))[: len(breeds)]
    rows = np.repeat(np.arange(len(breeds)), generator.integers(1, most + 1))
    rows = generator.permutation(rows)
    return breeds[rows], animals[rows]


def _held_out(ask, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels, groups = draw_animals(np.random.default_rng(0))
    (held,) = _arrays("split", ask("split", labels, groups, seed), "b", labels.shape)
    if not 0.02 < held.mean() < 0.6:
        raise Missed(f"{held.mean():.0%} are held out (True); expected about a fifth.")
    return held, labels, groups


def _prove_repeatable(ask) -> None:
    first, again, other = (_held_out(ask, seed)[0] for seed in (5, 5, 6))
    if not np.array_equal(first, again):
        raise Missed(
            "the same seed gave two splits; draw from np.random.default_rng(seed) only."
        )
    if np.array_equal(first, other):
        raise Missed("two seeds gave one split; let the seed decide who is held out.")


def _prove_stratified(ask) -> None:
    for seed in (5, 6, 7):
        held, labels, _ = _held_out(ask, seed)
        for label in np.unique(labels):
            share = held[labels == label].mean()
            if not 0.1 <= share <= 0.3:
                raise Missed(
                    f"{share:.0%} of class {label} are held out; expected 10% to 30% "
                    "of every class, rare ones too: choose within each class."
                )


def _prove_no_leak(ask) -> None:
    for seed in (5, 6, 7):
        held, _, groups = _held_out(ask, seed)
        both = np.intersect1d(groups[held], groups[~held])
        if len(both):
            raise Missed(
                f"{len(both)} animals have pictures on both sides; choose animals "
                "(groups), and hold out all the pictures of a chosen one."
            )


# 2 Standardise: tables that are made from their results.

SCORES = np.array([[-1.0, 1], [1, -1]] * 50)  # mean 0 and deviation 1
APART = np.array([[3.0, -2], [0, 0.5], [-4, 7]])
TABLES = SCORES * [4, 0.5] + [20, -3], APART * [4, 0.5] + [20, -3]
STANDARDISED = _gives(
    "standardise",
    "biuf",
    "a table is not (x - mean) / deviation with the mean and the deviation of each "
    "column (axis=0) of train; other has no say in them.",
    (TABLES, (SCORES, APART)),
)


def _prove_constant_columns(ask) -> None:
    plain = [np.insert(table, 1, 2.5, axis=1) for table in TABLES]
    shapes = [table.shape for table in plain]
    found = _arrays("standardise", ask("standardise", *plain), "biuf", *shapes)
    if not np.allclose(found[0][:, [0, 2]], SCORES, atol=0.5):
        raise Missed("the columns that vary in train should have a deviation of 1.")


# 3 Head: logits that are easy to read.

EVEN = np.eye(3), np.array([[0.0, 0, 0], [2, 1, 0], [0, 1, 1]]), np.zeros(3)
LARGE = np.array([[1.0], [-1.0]]), np.array([[1000.0, 0]]), np.array([0.0, 0])
TILTED = np.array([[1.0, 2], [0, 1]]), np.array([[1.0, 0], [0, 1]]), np.array([0, -3])
WANTED = 0.86  # of accuracy on the clouds below; a logistic regression has 0.92


def _clouds(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a cloud of points for each of four classes, always around the same."""
    centres = np.random.default_rng(0).normal(0, 0.6, (4, 16))
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 4, rows)
    noise = generator.normal(0, 0.7, (rows, 16)) + generator.normal(0, 1, (rows, 1))
    return (centres[labels] + noise).astype(np.float32), labels


def _prove_learns(ask) -> None:
    features, labels = _clouds(600, 1)
    found = ask("fit", features, labels, 4)
    weights, bias = _arrays("fit", found, "biuf", (16, 4), (4,))
    features, labels = _clouds(600, 2)
    logits = features @ weights + bias
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    right = np.mean((logits >= own).sum(axis=1) == 1)
    if right < WANTED:
        raise Missed(
            f"the head is right on {right:.0%} of pictures that it has not seen, "
            f"expected {WANTED:.0%}. Print the loss: does it fall (sign of the "
            "gradient), and has it come to rest (more steps)?"
        )


# 4 Report.

BELIEF = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.2, 0.1, 0.7], [0.4, 0.5, 0.1]])
TRUTH, TAKEN = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 2, 1, 2, 0, 0])
TABLE = np.zeros((5, 5))  # rows are the truth; of two classes there is nothing
TABLE[:3, :3] = [1, 0, 1], [0, 1, 0], [2, 0, 1]
COUNTS = np.array([[30, 0, 13, 1], [2, 40, 0, 14], [8, 1, 35, 3], [0, 0, 2, 50]])

# Name and points of each property, and what proves it.
PROPERTIES = {
    "split": [
        ("repeatable for one seed, different for another", 1, _prove_repeatable),
        ("stratified: every class has its share", 1, _prove_stratified),
        ("no leak: an animal is on one side only", 1, _prove_no_leak),
    ],
    "standardise": [
        ("mean and deviation of train only", 1, STANDARDISED),
        ("a constant column gives finite numbers", 1, _prove_constant_columns),
    ],
    "head": [
        ("fit learns as well as a logistic regression", 2, _prove_learns),
        (
            "probabilities are a softmax, for large logits too",
            1,
            _gives(
                "probabilities",
                "biuf",
                "this is not the softmax of features @ weights + bias. Subtract the "
                "largest logit of each row before np.exp, and divide by the sum over "
                "axis=1.",
                (
                    EVEN,
                    [
                        [
                            [0.3333, 0.3333, 0.3333],
                            [0.6652, 0.2447, 0.09],
                            [0.1554, 0.4223, 0.4223],
                        ]
                    ],
                ),
                (LARGE, [[[1, 0], [0, 1]]]),
            ),
        ),
        (
            "predict names the likeliest class",
            1,
            _gives(
                "predict",
                "iu",
                "a prediction is the class with the largest logit of its row.",
                (LARGE, [[0, 1]]),
                (TILTED, [[0, 0]]),
            ),
        ),
    ],
    "report": [
        (
            "top-k accuracy",
            1,
            _gives(
                "top_k_accuracy",
                "biuf",
                "the share is not right: count the rows whose label is among the k "
                "largest probabilities; a share is at most 1.",
                ((BELIEF, np.array([1, 1, 0, 0]), 1), [0.25]),
                ((BELIEF, np.array([1, 1, 0, 2]), 2), [0.75]),
            ),
        ),
        (
            "confusion matrix, a row for each true class",
            1,
            _gives(
                "confusion",
                "biuf",
                "entry [i, j] counts the pictures of i that were taken for j: a row is "
                "a true class.",
                (
                    (TRUTH, TAKEN, 5),
                    [TABLE],
                ),
            ),
        ),
        (
            "the hardest pair",
            1,
            _gives(
                "hardest_pair",
                "iu",
                "add both directions, matrix[i, j] + matrix[j, i], leave the diagonal "
                "out, find the largest, and give the smaller number first.",
                ((COUNTS,), [[0, 2]]),
                ((COUNTS.T,), [[0, 2]]),
            ),
        ),
        (
            "cat or dog, from the breeds",
            1,
            _gives(
                "species_accuracy",
                "biuf",
                "a Persian taken for a Siamese is a cat taken for a cat: compare "
                "species[labels] with species[predictions].",
                ((TRUTH, TAKEN, np.array([0, 1, 0])), [1.0]),
                ((TRUTH, TAKEN, np.array([0, 1, 1])), [0.5]),
            ),
        ),
    ],
}
