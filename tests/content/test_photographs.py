"""The lesson on real photographs reaches what README.md promises."""

import os
from pathlib import Path

import nbformat
import numpy as np
import pytest

from tests.bench import attacks
from tests.content.lesson import adversarial
from tools.notebook import execute
from utils.adversarial.verification import distances
from utils.results import results_of

pytestmark = pytest.mark.photographs
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
DOGS = 10
TWINS = ["TransferLearningPyTorch.ipynb", "TransferLearningTF.ipynb"]


@pytest.fixture(scope="module")
def results():
    """Execute both twins; their checkpoint cells are tests too."""
    found = []
    for name in TWINS:
        notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
        execute(notebook, NOTEBOOKS / name, dict(os.environ))
        found.append(results_of(notebook))
    return found


def test_cats_and_dogs(results):
    one, other = (result["cat dog test accuracy"] for result in results)
    assert min(one, other) >= 0.975
    assert abs(one - other) <= 0.005


def test_breeds(results):
    one, other = (result["breeds frozen accuracy"] for result in results)
    assert min(one, other) >= 0.90
    assert abs(one - other) <= 0.005


def test_fine_tuning_does_not_lose(results):
    for result in results:
        frozen = result["breeds frozen accuracy"]
        assert result["breeds fine tuned accuracy"] >= frozen


@pytest.fixture(scope="module")
def lessons():
    return [adversarial(framework) for framework in ("pytorch", "tensorflow")]


@pytest.fixture(scope="module")
def dogs(lessons):
    return attacks.right_dogs(lessons[0], DOGS)


@pytest.mark.parametrize(("whole", "looks"), [(2, 40), (1, 100)])
def test_dogs_become_tabbies_in_both_frameworks(lessons, dogs, whole, looks):
    for lesson, other in (lessons, lessons[::-1]):
        images, _ = attacks.attack_all(lesson, dogs, whole / 255, looks)
        assert abs(images - dogs).max() <= whole / 255 + 1e-6
        for judge in (lesson, other):
            assert np.isfinite(attacks.lengths_if_fooled(judge, images, dogs)).all()
        ssim = [distances(x, d)["SSIM"] for x, d in zip(images, dogs, strict=True)]
        assert min(ssim) >= 0.98


def test_the_smallest_change_is_below_that_of_foolbox(lessons, dogs):
    lesson, few = lessons[0], dogs[:4]
    images = [lesson.smallest_attack(dog[None])[0] for dog in few]
    ours = attacks.lengths_if_fooled(lesson, np.concatenate(images), few)
    theirs = attacks.ddn_of_foolbox(lesson, few)
    assert np.median(ours) <= 0.8
    assert np.median(ours) <= np.median(attacks.lengths_if_fooled(lesson, theirs, few))
