"""The questions: what is asked, and how an answer is judged."""

import csv
import io
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np

POINTS = {
    "split": 3,
    "standardise": 2,
    "head": 4,
    "report": 4,
    "predictions": 5,
    "reflection": 2,
}
BY_HAND = "reflection"
# Points for an accuracy, with straight lines between: nothing for guessing one of 37.
CURVE = ((1 / 37, 0), (0.3, 1), (0.5, 2), (0.7, 3), (0.8, 4), (0.88, 5))
HEADER = ["picture", "breed"]
MOST_CHARACTERS = 1_000_000  # in predictions.csv: 20,000 pictures and more
SHARE = (0.1, 0.3)  # of a class, held out by a split that is meant to take a fifth
BEHIND = 0.06  # of accuracy, what a head may lose to a logistic regression
KINDS = {"b": "True and False", "iu": "whole numbers", "biuf": "numbers"}


class Finding(NamedTuple):
    """What came out for one property of an answer."""

    name: str  # "repeatable for one seed"
    points: float  # what it is worth
    earned: float  # 0 to points
    message: str  # what was expected, what came, what to do; empty if nothing to say


class Failure(NamedTuple):
    """Why a call gave no arrays."""

    reason: str  # goes on after the function's name: "raised ValueError: ..."


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


class _Property(NamedTuple):
    """What an answer should have; `prove` raises _Wrong where it has not."""

    name: str
    points: float
    prove: Callable[[list[Call], list], None]


class _Wrong(Exception):
    """What is not as it should be; the text teaches."""


def check(id: str, namespace: dict, seed: int = 0) -> None:
    """Check an answer in the notebook and say what is right about it.

    Parameters
    ----------
    id : str
        A key of `QUESTIONS`.
    namespace : dict
        The notebook's ``globals()``, with the functions of the question.
    seed : int
        Draws the inputs.

    Raises
    ------
    AssertionError
        With what was expected, what came, and what to do.
    ValueError
        There is no such question.
    """
    findings = ask(id, namespace, seed)
    for finding in findings:
        if finding.earned == finding.points:
            print(f"{id}: {finding.name}.")
    if wrong := remarks(findings):
        raise AssertionError("\n".join(["not yet", *wrong]))


def mark(id: str, namespace: dict, seed: int) -> float:
    """Give the points of an answer, as nbgrader takes them from a cell.

    Parameters
    ----------
    id, namespace, seed
        As in `check`.

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
        As in `check`.

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
    right = sum(_plain(given.get(n, "")) == _plain(b) for n, b in answers.items())
    accuracies, points = zip(*CURVE, strict=True)
    earned = round(float(np.interp(right / len(answers), accuracies, points)), 2)
    message = "; ".join([_interval(right, len(answers)), *remarks]) + "."
    worth = POINTS["predictions"]
    return [Finding("accuracy on the withheld pictures", worth, earned, message)]


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
    return [
        [*pair, pairs[pair]] for pair in sorted(filter(all, pairs)) if len({*pair}) > 1
    ]


# Asking, in the notebook's own process


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


# Judging: whatever the answers are, findings come out


def _judge(properties: tuple[_Property, ...], calls, answers) -> list[Finding]:
    return [_find(each, calls, answers) for each in properties]


def _find(each: _Property, calls, answers) -> Finding:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            each.prove(calls, answers)
    except _Wrong as wrong:
        return Finding(each.name, each.points, 0.0, str(wrong))
    except Exception as error:  # what no rule foresaw is no right answer
        odd = f"what came back could not be judged ({type(error).__name__})."
        return Finding(each.name, each.points, 0.0, odd)
    return Finding(each.name, each.points, float(each.points), "")


def _answers_of(function: str, calls, answers) -> Iterator[tuple[Call, list]]:
    """Go through the calls of a function, each with its answer."""
    missing = [Failure("gave no answer")] * len(calls)
    for call, answer in zip(calls, chain(answers, missing), strict=False):
        if call.function == function:
            yield call, answer


def _arrays(call: Call, answer, kinds: str, *shapes) -> list[np.ndarray]:
    """Give the arrays of an answer if they have the shapes and types expected."""
    if hasattr(answer, "reason"):
        raise _Wrong(f"{call.function} {str(answer.reason).rstrip('.')}.")
    if not isinstance(answer, list):
        raise _Wrong(f"{call.function} gave no arrays.")
    if len(shapes) == 1 and len(answer) == 2 and not any(map(np.ndim, answer)):
        answer = [np.stack(answer)]  # two numbers are as good as an array of two
    if len(answer) != len(shapes):
        count = f"{len(answer)} arrays, expected {len(shapes)}"
        raise _Wrong(f"{call.function} returned {count}.")
    arrays = [np.asarray(part) for part in answer]
    for array, shape in zip(arrays, shapes, strict=True):
        _require(call, array, kinds, shape)
    return arrays


def _require(call: Call, array: np.ndarray, kinds: str, shape: tuple) -> None:
    came = f"{call.function} returned an array of shape {array.shape}, {array.dtype}"
    if array.shape != shape:
        raise _Wrong(f"{came}; expected shape {shape}.")
    if array.dtype.kind not in kinds:
        raise _Wrong(f"{came}; expected {KINDS[kinds]}.")
    if not np.isfinite(array).all():
        raise _Wrong(f"{came}, with NaN or infinity in it; expected finite numbers.")


# 1 Split


def _split_calls(generator: np.random.Generator) -> list[Call]:
    """Draw animals, and ask twice for one seed and once for others."""
    labels, groups = _animals(generator)
    first = int(generator.integers(1, 1000))
    seeds = [first, first, *range(first + 1, first + 4)]
    return [Call("split", (labels, groups, seed)) for seed in seeds]


def _animals(generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw four classes of 40 animals in 1 to 3 pictures, three of 10 in 1 each."""
    breeds = np.repeat(np.arange(7), [40, 40, 10, 40, 10, 40, 10])
    most = np.where(np.isin(breeds, [2, 4, 6]), 1, 3)
    animals = generator.permutation(5 * len(breeds))[: len(breeds)]
    rows = np.repeat(np.arange(len(breeds)), generator.integers(1, most + 1))
    rows = generator.permutation(rows)
    return breeds[rows], animals[rows]


def _held_out(call: Call, answer) -> np.ndarray:
    """Give a split that has two sides, neither of them nearly everything."""
    (held,) = _arrays(call, answer, "b", call.arguments[0].shape)
    if not 0.02 < held.mean() < 0.6:
        raise _Wrong(f"{held.mean():.0%} are held out (True); expected about a fifth.")
    return held


def _prove_repeatable(calls, answers) -> None:
    sides = [_held_out(*each) for each in _answers_of("split", calls, answers)]
    if not np.array_equal(sides[0], sides[1]):
        raise _Wrong(
            "the same seed gave two splits; draw from np.random.default_rng(seed) only."
        )
    if np.array_equal(sides[0], sides[2]):
        raise _Wrong("two seeds gave one split; let the seed decide who is held out.")


def _prove_stratified(calls, answers) -> None:
    for call, answer in _answers_of("split", calls, answers):
        held, (labels, *_) = _held_out(call, answer), call.arguments
        for label in np.unique(labels):
            share = held[labels == label].mean()
            if not SHARE[0] <= share <= SHARE[1]:
                raise _Wrong(
                    f"{share:.0%} of class {label} are held out; expected "
                    f"{SHARE[0]:.0%} to {SHARE[1]:.0%} of every class, rare ones too: "
                    "choose within each class."
                )


def _prove_no_leak(calls, answers) -> None:
    for call, answer in _answers_of("split", calls, answers):
        held, (_, groups, *_) = _held_out(call, answer), call.arguments
        both = np.intersect1d(groups[held], groups[~held])
        if len(both):
            raise _Wrong(
                f"{len(both)} animals have pictures on both sides; choose animals "
                "(groups), and hold out all the pictures of a chosen one."
            )


# 2 Standardise


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
    call, answer = list(_answers_of("standardise", calls, answers))[index]
    return call, _arrays(call, answer, "biuf", *(a.shape for a in call.arguments))


def _prove_of_train_only(calls, answers) -> None:
    call, found = _standardised(calls, answers, 0)
    train = call.arguments[0]
    for name, before, after in zip(
        ("train", "other"), call.arguments, found, strict=True
    ):
        wanted = (before - train.mean(axis=0)) / train.std(axis=0)
        if not np.allclose(after, wanted, rtol=0.02, atol=0.02):
            raise _Wrong(
                f"{name} is not (x - mean) / deviation with the mean and the deviation "
                "of each column (axis=0) of train; other has no say in them."
            )


def _prove_constant_columns(calls, answers) -> None:
    call, (train, _) = _standardised(calls, answers, 1)
    varied = call.arguments[0].std(axis=0) > 0
    if not np.all(np.abs(train[:, varied].std(axis=0) - 1) < 0.5):
        raise _Wrong("the columns that vary in train should have a deviation of 1.")


# 3 Head


def _head_calls(generator) -> list[Call]:
    """Ask for two heads, and for answers of given ones, with logits up to 1000."""
    calls = [_fit_call(generator, 4, 16, 600), _fit_call(generator, 9, 32, 1500)]
    for scale in (1, 1000):
        features = generator.normal(size=(20, 5))
        weights, bias = generator.normal(size=(5, 6)), generator.normal(size=6)
        given = features, weights * scale, bias * scale
        calls += [Call("probabilities", given), Call("predict", given)]
    return calls


def _fit_call(generator, classes: int, width: int, count: int) -> Call:
    """Draw a cloud of points for each class, and what they have in common, as light."""
    centres = generator.normal(0, 2.4 / np.sqrt(width), (classes, width))
    labels = generator.permutation(np.arange(2 * count) % classes)
    features = centres[labels] + generator.normal(0, 0.7, (2 * count, width))
    light = generator.normal(0, 1.2, (2 * count, 1))
    features += light * generator.normal(0, 1, width)
    features = (features / features.std()).astype(np.float32)
    seen = features[:count], labels[:count], classes
    return Call("fit", seen, (features[count:], labels[count:]))


def _prove_learns(calls, answers) -> None:
    for call, answer in _answers_of("fit", calls, answers):
        features, _, classes = call.arguments
        shapes = (features.shape[1], classes), (classes,)
        weights, bias = _arrays(call, answer, "biuf", *shapes)
        held_out, labels = call.secret
        accuracy = np.mean((held_out @ weights + bias).argmax(axis=1) == labels)
        if accuracy < (wanted := _reference(call)) - BEHIND:
            raise _Wrong(
                f"the head is right on {accuracy:.0%} of pictures that it has not "
                f"seen, a logistic regression on {wanted:.0%}. Print the loss: does it "
                "fall (sign of the gradient), and has it come to rest (more steps)?"
            )


def _reference(call: Call) -> float:
    """Return the accuracy of scikit-learn's multinomial logistic regression."""
    from sklearn.linear_model import LogisticRegression

    features, labels, _ = call.arguments
    return LogisticRegression(max_iter=500).fit(features, labels).score(*call.secret)


def _softmax(features, weights, bias) -> np.ndarray:
    logits = features @ weights + bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _prove_softmax(calls, answers) -> None:
    for call, answer in _answers_of("probabilities", calls, answers):
        wanted = _softmax(*call.arguments)
        (found,) = _arrays(call, answer, "biuf", wanted.shape)
        if not np.allclose(found.sum(axis=1), 1, atol=1e-3):
            raise _Wrong("the rows do not sum to 1: divide by the sum over axis=1.")
        if not np.allclose(found, wanted, atol=1e-3):
            raise _Wrong(
                "this is not the softmax of features @ weights + bias. Subtract the "
                "largest logit of each row before np.exp."
            )


def _prove_predicts(calls, answers) -> None:
    for call, answer in _answers_of("predict", calls, answers):
        wanted = _softmax(*call.arguments).argmax(axis=1)
        (found,) = _arrays(call, answer, "iu", wanted.shape)
        if not np.array_equal(found, wanted):
            raise _Wrong("a prediction is the class with the largest logit of its row.")


# 4 Report


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
    """Draw a confusion matrix whose largest count is not in the hardest pair.

    It is above the diagonal in one matrix and below in the other, so that an answer
    that looks at one half only is found out by one of them.
    """
    matrix = generator.integers(0, 6, (8, 8)) + np.diag(generator.integers(30, 60, 8))
    one, two, three, four = generator.permutation(8)[:4]
    three, four = sorted((three, four), reverse=not ahead)
    matrix[one, two], matrix[two, one] = (13, 8) if ahead else (8, 13)
    matrix[three, four], matrix[four, three] = 14, 0
    return matrix


def _prove_top_k(calls, answers) -> None:
    for call, answer in _answers_of("top_k_accuracy", calls, answers):
        probabilities, labels, k = call.arguments
        best = probabilities.argsort(axis=1)[:, -k:]
        wanted = (best == labels[:, None]).any(axis=1).mean()
        (found,) = _arrays(call, answer, "biuf", ())
        if abs(found - wanted) > 1e-6:
            raise _Wrong(
                f"the share for k = {k} is not right: count the rows whose label is "
                "among the k largest probabilities; a share is at most 1."
            )


def _prove_confusion(calls, answers) -> None:
    for call, answer in _answers_of("confusion", calls, answers):
        labels, predictions, classes = call.arguments
        wanted = np.zeros((classes, classes), int)
        np.add.at(wanted, (labels, predictions), 1)
        (found,) = _arrays(call, answer, "biuf", wanted.shape)
        if np.array_equal(found, wanted.T):
            raise _Wrong("rows and columns are swapped: a row is a true class.")
        if not np.array_equal(found, wanted):
            raise _Wrong("entry [i, j] counts the pictures of i that were taken for j.")


def _prove_hardest_pair(calls, answers) -> None:
    for call, answer in _answers_of("hardest_pair", calls, answers):
        both = call.arguments[0] + call.arguments[0].T
        wanted = np.unravel_index(np.triu(both, 1).argmax(), both.shape)
        (found,) = _arrays(call, answer, "iu", (2,))
        if np.array_equal(found, wanted[::-1]):
            raise _Wrong("this is the pair; give the smaller number first.")
        if not np.array_equal(found, wanted):
            raise _Wrong(
                "add both directions, matrix[i, j] + matrix[j, i], leave the diagonal "
                "out, and find the largest."
            )


def _prove_species(calls, answers) -> None:
    for call, answer in _answers_of("species_accuracy", calls, answers):
        labels, predictions, species = call.arguments
        (found,) = _arrays(call, answer, "biuf", ())
        if abs(found - np.mean(species[labels] == species[predictions])) > 1e-6:
            raise _Wrong(
                "a Persian taken for a Siamese is a cat taken for a cat: compare "
                "species[labels] with species[predictions]."
            )


# 5 Predictions


def _read_predictions(text, names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Read the breed of each picture named once, and remark on the rest."""
    if not isinstance(text, str):
        return {}, [f"predictions.csv {getattr(text, 'reason', 'is not there')}"]
    if len(text) > MOST_CHARACTERS:
        return {}, [f"predictions.csv has over {MOST_CHARACTERS:,} characters"]
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
    given = {name: breed for name, breed in pairs if counts[name] == 1}
    given = {name: breed for name, breed in given.items() if name in names}
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


# The table of questions


def _question(id: str, title: str, functions: str, calls, *properties) -> Question:
    properties = tuple(_Property(*each) for each in properties)
    judge = partial(_judge, properties)
    return Question(id, title, POINTS[id], tuple(functions.split()), calls, judge)


QUESTIONS = {
    question.id: question
    for question in (
        _question(
            "split",
            "Hold out a fifth",
            "split",
            _split_calls,
            ("repeatable for one seed, different for another", 1, _prove_repeatable),
            ("stratified: every class has its share", 1, _prove_stratified),
            ("no leak: an animal is on one side only", 1, _prove_no_leak),
        ),
        _question(
            "standardise",
            "Standardise the features",
            "standardise",
            _standardise_calls,
            ("mean and deviation of train only", 1, _prove_of_train_only),
            ("a constant column gives finite numbers", 1, _prove_constant_columns),
        ),
        _question(
            "head",
            "Train a head",
            "fit probabilities predict",
            _head_calls,
            ("fit learns as well as a logistic regression", 2, _prove_learns),
            ("probabilities are a softmax, for large logits too", 1, _prove_softmax),
            ("predict names the likeliest class", 1, _prove_predicts),
        ),
        _question(
            "report",
            "Report what it can do",
            "top_k_accuracy confusion hardest_pair species_accuracy",
            _report_calls,
            ("top-k accuracy", 1, _prove_top_k),
            ("confusion matrix, a row for each true class", 1, _prove_confusion),
            ("the hardest pair", 1, _prove_hardest_pair),
            ("cat or dog, from the breeds", 1, _prove_species),
        ),
    )
}
