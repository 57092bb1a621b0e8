"""The lesson on real photographs reaches what README.md promises."""

import os
from pathlib import Path

import nbformat
import pytest

from utils.results import results_of
from utils.run import execute

pytestmark = pytest.mark.photographs
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
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
