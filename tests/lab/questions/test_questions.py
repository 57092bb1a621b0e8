"""Right answers earn all, a wrong one loses its own points, and nothing raises."""

import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from lab import questions
from lab.grading.judges.asking import ask, mark
from lab.grading.judges.head import _softmax
from lab.grading.judges.table import QUESTIONS
from lab.questions import check
from lab.questions.points import POINTS
from lab.sandbox.messages import Failure

MASTER = Path(__file__).parents[3] / "lab/source/pets/OxfordPets.ipynb"
EVERY = [(id, f.name) for id in QUESTIONS for f in ask(id, {}, 0)]


def functions_of_the_master():
    namespace = {"np": np}
    for cell in nbformat.read(MASTER, as_version=4).cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") in QUESTIONS:
            exec(cell.source, namespace)
    return namespace


SOLUTION = functions_of_the_master()
right = SimpleNamespace(
    **{k: SOLUTION[k] for q in QUESTIONS.values() for k in q.functions}
)


def missed(changed, seeds=range(3)):
    """List the findings that lose points with other functions than the solution's."""
    concerned = {id for id, q in QUESTIONS.items() if {*q.functions} & {*changed}}
    lost = {
        (id, f.name)
        for seed in seeds
        for id in concerned or QUESTIONS
        for f in ask(id, SOLUTION | changed, seed)
        if f.earned < f.points
    }
    return [each for each in EVERY if each in lost]


def test_points_add_up():
    assert sum(POINTS.values()) == 20
    for id, question in QUESTIONS.items():
        assert sum(f.points for f in ask(id, {}, 0)) == question.points == POINTS[id]


def test_the_solution_earns_everything():
    assert missed({}, range(8)) == []
    assert [mark(id, SOLUTION, 1) for id in QUESTIONS] == [3, 2, 4, 4]


def library_split(labels, groups, seed):
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    held_out = np.zeros(len(labels), bool)
    held_out[next(folds.split(labels, labels, groups))[1]] = True
    return held_out


def library_fit(features, labels, classes):
    model = LogisticRegression(C=1e4, max_iter=500).fit(features, labels)
    return model.coef_.T, model.intercept_


def slow_descent(features, labels, classes):
    weights, bias = np.zeros((features.shape[1], classes)), np.zeros(classes)
    for _ in range(200):
        p = _softmax(features, weights, bias) - np.eye(classes)[labels]
        weights -= 0.1 * features.T @ p / len(labels)
        bias -= 0.1 * p.mean(axis=0)
    return weights, bias


def in_float32(features, weights, bias):
    return _softmax(*(a.astype(np.float32) for a in (features, weights, bias)))


OTHER_WAYS = {
    "split": [library_split],
    "fit": [library_fit, slow_descent],
    "probabilities": [in_float32],
    "standardise": [
        lambda train, other: tuple(
            (x - train.mean(0)) / (train.std(0, ddof=1) + 1e-8) for x in (train, other)
        )
    ],
    "top_k_accuracy": [lambda *a: float(right.top_k_accuracy(*a))],
    "hardest_pair": [lambda m: tuple(map(int, right.hardest_pair(m)))],
    "confusion": [lambda *a: right.confusion(*a).astype(float)],
}


@pytest.mark.parametrize(
    ("name", "way"), [(name, way) for name, ways in OTHER_WAYS.items() for way in ways]
)
def test_other_ways_to_do_it_right_earn_everything(name, way):
    assert missed({name: way}) == []


def by_picture(labels, groups, seed):
    return library_split(labels, np.arange(len(labels)), seed)


def not_by_class(labels, groups, seed):
    animals = np.unique(groups)
    chosen = np.random.default_rng(seed).choice(animals, len(animals) // 5, False)
    return np.isin(groups, chosen)


def each_by_itself(train, other):
    return tuple(
        (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1) for x in (train, other)
    )


def one_step(features, labels, classes):
    return features.T @ (np.eye(classes)[labels] - 1 / classes), np.zeros(classes)


def divided_by_zero(train, other):
    return tuple((x - train.mean(0)) / train.std(0) for x in (train, other))


def overflowing(features, weights, bias):
    powers = np.exp(features @ weights + bias)
    return powers / powers.sum(axis=1, keepdims=True)


BROKEN = [
    (0, "split", lambda labels, groups, seed: library_split(labels, groups, 1)),
    (0, "split", lambda a, b, seed: library_split(a, b, time.time_ns() % 10**9)),
    (1, "split", not_by_class),
    (2, "split", by_picture),
    (3, "standardise", each_by_itself),
    (4, "standardise", divided_by_zero),
    (5, "fit", one_step),
    (5, "fit", lambda x, y, k: (np.full((x.shape[1], k), np.nan), np.zeros(k))),
    (6, "probabilities", overflowing),
    (7, "predict", lambda *a: _softmax(*a).argmin(axis=1)),
    (8, "top_k_accuracy", lambda p, y, k: np.mean(p.argmax(axis=1) == y)),
    (9, "confusion", lambda y, p, k: right.confusion(p, y, k)),
    (9, "confusion", lambda y, p, k: right.confusion(y, p, y.max() + 2)[:7]),
    (10, "hardest_pair", lambda m: right.hardest_pair(m)[::-1]),
    (10, "hardest_pair", lambda m: right.hardest_pair(np.triu(m))),
    (11, "species_accuracy", lambda y, p, species: np.mean(y == p)),
]


@pytest.mark.parametrize(("number", "name", "broken"), BROKEN)
def test_a_broken_answer_loses_its_own_points(number, name, broken):
    with np.errstate(all="ignore"):
        assert missed({name: broken}) == [EVERY[number]]


def test_every_finding_has_a_broken_answer():
    assert sorted({number for number, *_ in BROKEN}) == list(range(len(EVERY)))


class Evil:
    """Equal to everything, and of any size."""

    __array_priority__ = 1e9
    reason_of = shape = dtype = None

    def __eq__(self, other):
        return True

    def __iter__(self):
        raise MemoryError


EVIL = [
    None,
    [],
    [None],
    7,
    "text",
    Evil(),
    [Evil()],
    Failure("did not end within 120 s"),
    [np.array([{}], object)],
    [np.array(np.nan)],
    [np.zeros((0, 0))],
    [np.zeros(3), np.zeros((2, 2))],
    [np.array("abc")],
    [np.zeros(2, [("a", int)])],
    [np.array(1j)],
    [np.broadcast_to(np.int8(0), (10**9,))],
    [[1, [2, 3]]],
]


@pytest.mark.parametrize("answer", EVIL, ids=repr)
@pytest.mark.parametrize("id", QUESTIONS)
def test_no_answer_makes_the_judge_raise_or_earns_points(id, answer):
    calls = QUESTIONS[id].calls(np.random.default_rng(0))
    for answers in ([answer] * len(calls), [answer], answer):
        findings = QUESTIONS[id].judge(calls, answers)
        assert [f.points for f in findings] == [f.points for f in ask(id, {}, 0)]
        assert all(f.earned == 0 and f.message for f in findings)


def test_the_seed_draws_the_inputs():
    for question in QUESTIONS.values():
        drawn = [question.calls(np.random.default_rng(seed)) for seed in (1, 1, 2)]
        texts = [repr([call.arguments for call in calls]) for calls in drawn]
        assert texts[0] == texts[1] != texts[2]


def test_check_tells_what_is_right_and_what_is_to_do(capsys):
    check("split", SOLUTION)
    assert "no leak" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="hold out all the pictures of a chosen"):
        check("split", {"split": by_picture})
    with pytest.raises(AssertionError, match="predict is not defined"):
        check("head", SOLUTION | {"predict": None})
    with pytest.raises(AssertionError, match="expected shape"):
        check("split", {"split": lambda labels, groups, seed: np.ones(3, bool)})
    with pytest.raises(ValueError, match="expected one of split"):
        check("spilt", SOLUTION)


def test_an_answer_cannot_spoil_what_it_is_compared_with():
    def spoil(probabilities, labels, k):
        probabilities[:], labels[:] = np.eye(1, 8), 0  # now all are right
        return 1.0

    names = [f.name for f in ask("report", {"top_k_accuracy": spoil}, 0) if f.earned]
    assert names == []


# Predictions

ANSWERS = {f"{n:04}.jpg": ["Maine Coon", "beagle"][n % 2] for n in range(100)}


def written(count, answers=ANSWERS):
    """Write predictions of which so many are right."""
    lines = [
        f"{n},{b if k < count else 'pug'}" for k, (n, b) in enumerate(answers.items())
    ]
    return "\n".join(["picture,breed", *lines]) + "\n"


def score(text, answers=ANSWERS):
    (finding,) = questions.score_predictions(text, answers)
    assert finding.points == POINTS["predictions"]
    return finding


@pytest.mark.parametrize(
    ("count", "earned"),
    [
        (0, 0),
        (2, 0),
        (30, 1),
        (50, 2),
        (60, 2.5),
        (80, 4),
        (84, 4.5),
        (88, 5),
        (100, 5),
    ],
)
def test_points_follow_the_curve(count, earned):
    assert score(written(count)).earned == pytest.approx(earned)


def test_the_message_has_the_interval_of_wilson():
    # Wilson (1927): (p + z²/2n ± z sqrt(p(1 - p)/n + z²/4n²)) / (1 + z²/n), z = 1.96
    assert "90 of 100 right, 90.0% (95 % interval 82.6% to 94.5%)" in (
        score(written(90)).message
    )


def test_what_spreadsheets_do_to_a_file_costs_nothing():
    text = "\ufeff" + written(100).replace("\n", "\r\n").replace(
        "Maine Coon", "maine_coon "
    )
    assert score(text).earned == 5
    assert score(written(100).replace("beagle", '"beagle"') + "\n\n").earned == 5


WHOLE = written(100)
TEXTS = {
    "missing": (WHOLE[: len(WHOLE) // 2], "pictures are missing"),
    "twice": (WHOLE + "0000.jpg,beagle\n0001.jpg,pug\n", "2 pictures are named twice"),
    "unknown": (WHOLE + "9999.jpg,beagle\n", "1 lines name no picture"),
    "columns": (WHOLE + "0000.jpg,beagle,pug\n", "1 lines are not picture,breed"),
    "no header": (WHOLE[14:], "the first line"),
    "empty": ("", "the first line"),
    "html": (
        "picture,breed\n<script>alert(1)</script>,<b>\n",
        "100 pictures are missing",
    ),
    "zeros": ("\0" * 1000, "the first line"),
    "quote": ('picture,breed\n"' + "0" * 200_000, "the first line"),
    "100 MB": ("x" * 100_000_000, "over 1,000,000 characters"),
    "no text": (None, "predictions.csv is not there"),
    "failure": (Failure("is no regular file"), "predictions.csv is no regular file"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_any_text_is_judged(name):
    text, remark = TEXTS[name]
    finding = score(text)
    assert remark in finding.message
    assert "<script>" not in finding.message
    expected = {
        "twice": 5,
        "unknown": 5,
        "columns": 5,
        "missing": score(written(50)).earned,
    }
    assert finding.earned == pytest.approx(expected.get(name, 0), abs=0.1)


def test_naming_a_picture_twice_does_not_hedge():
    both = WHOLE + WHOLE[14:].replace("beagle", "pug")
    assert score(both).earned == 0


def test_answers_are_needed():
    with pytest.raises(ValueError, match="answers is empty"):
        questions.score_predictions(WHOLE, {})


def test_the_form_of_predictions_is_checked(tmp_path, capsys):
    file, breeds = tmp_path / "predictions.csv", ["beagle", "Maine Coon"]
    with pytest.raises(AssertionError, match="cannot be read"):
        questions.check_predictions(file, ANSWERS, breeds)
    file.write_text(written(99))
    with pytest.raises(AssertionError, match="1 names are no breed.*pug"):
        questions.check_predictions(file, ANSWERS, breeds)
    file.write_text(WHOLE)
    questions.check_predictions(file, ANSWERS, breeds)
    assert "100 pictures" in capsys.readouterr().out
