"""The functions of lesson 2: what they refuse, what they keep, and that twins agree."""

import numpy as np
import pytest

from tests.content.lesson import adversarial
from utils.data.datasets import load_photographs
from utils.data.images import load_images

PYTORCH, TENSORFLOW = "pytorch", "tensorflow"


@pytest.fixture(scope="module")
def lessons():
    return {framework: adversarial(framework) for framework in (PYTORCH, TENSORFLOW)}


@pytest.fixture(scope="module")
def lesson(lessons):
    return lessons[PYTORCH]


@pytest.fixture(scope="module")
def dog():
    return load_images(load_photographs().paths[1:2], 224)


REFUSED = {
    "divide pixels": {"original": 255},
    "holds uint8": {"original": "bytes"},
    r"expected \(N, H, W, 3\)": {"original": "one"},
    "write 8/255, not 8": {"epsilon": 8},
    "from 0 to 1": {"epsilon": -0.1},
    "at least 1": {"steps": 0},
    "taken for it before": {"target": "own"},
    "from 0 to 999": {"target": 1000},
}


@pytest.mark.parametrize("message", REFUSED)
def test_bad_input_is_named(lesson, dog, message):
    given = {"original": dog, "epsilon": 2 / 255, "steps": 3} | REFUSED[message]
    own = lesson.forward(dog)[0].argmax()
    originals = {255: 255 * dog, "bytes": np.uint8(255 * dog), "one": dog[0]}
    if not isinstance(given["original"], np.ndarray):
        given["original"] = originals[given["original"]]
    if given.get("target") == "own":
        given["target"] = own
    with pytest.raises(ValueError, match=message):
        lesson.attack(**given)


def test_an_interruption_keeps_the_best_so_far(lesson, dog, capsys):
    seen = []

    def interrupted(logits):
        if len(seen) == 5:
            raise KeyboardInterrupt
        score, gradient = lesson.logit_of(lesson.tabby)(logits)
        seen.append(score[0])
        return score, gradient

    move = lesson.adam(0.01, lesson.into_range)
    image, history = lesson.ascend(dog, [lesson.forward], interrupted, move, 50)
    assert lesson.forward(image)[0][0, lesson.tabby] == pytest.approx(max(seen), 1e-3)
    assert len(history) == 5
    assert "best so far" in capsys.readouterr().out


def test_a_bad_step_does_not_lose_the_best(lesson, dog):
    """The loop gives the best picture back, not the last one."""
    scores = iter([1.0, 3.0, 2.0])

    def objective(logits):
        return np.array([next(scores)]), np.zeros_like(logits)

    visited = []
    start = np.zeros_like(dog)
    move = lambda values, *_: values + 0.1  # noqa: E731
    look = [lesson.watched(visited.append), lesson.forward]
    best, _ = lesson.ascend(start, look, objective, move, 3)
    np.testing.assert_allclose(best[0], visited[1])


def test_budgets_are_kept_in_whole_levels(lesson, dog):
    direction = np.random.default_rng(0).standard_normal(dog.shape, dtype=np.float32)
    dog = lesson.levels(dog)
    for epsilon in (0, 0.5 / 255, 1 / 255, 2.9 / 255, 0.3):
        image = lesson.within_epsilon(dog, direction, epsilon)
        np.testing.assert_allclose(255 * image, np.rint(255 * image), atol=1e-3)
        assert abs(image - dog).max() <= epsilon + 1e-6
        assert 0 <= image.min() <= image.max() <= 1
    assert np.array_equal(lesson.within_epsilon(dog, direction, 0.5 / 255), dog)


def test_an_l2_budget_is_used_up_in_whole_levels(lesson, dog):
    """Rounding after scaling would leave nothing of a small one, or break a larger."""
    direction = np.random.default_rng(0).standard_normal(dog.shape, dtype=np.float32)
    dog = lesson.levels(0.2 + 0.6 * dog)
    unit = direction / np.linalg.norm(direction)
    assert np.array_equal(lesson.levels(dog + 0.1 * unit), dog)
    for length in (0.1, 0.5, 2):
        change = lesson.within_length(dog, direction, length) - dog
        assert 0.95 * length < np.linalg.norm(change) <= length
        assert np.sum(change * unit) > 0


def test_an_attack_fools_both_frameworks(lessons, dog):
    for framework, other in ((PYTORCH, TENSORFLOW), (TENSORFLOW, PYTORCH)):
        lesson, judge = lessons[framework], lessons[other]
        image, looks = lesson.attack(dog, 2 / 255)
        assert looks <= 40
        assert judge.forward(image)[0].argmax() == lesson.tabby


def test_the_way_back_is_the_same_in_both_frameworks(lessons, dog):
    ways = []
    for lesson in lessons.values():
        objective = lesson.logit_of(lesson.tabby)
        ways.append(lesson.value_and_gradient([lesson.forward], objective, dog))
    for one, other in zip(*ways, strict=True):
        assert abs(one - other).max() < 0.01 * abs(one).max()
