"""What the notebooks on fine-tuning and on explanations claim, in both frameworks."""

import nbformat
import pytest

from tests.content.lesson import NOTEBOOKS
from utils.results import results_of

FRAMEWORKS = "PyTorch", "TF"


def results(name: str, framework: str) -> dict:
    """Read the saved results of a notebook."""
    path = NOTEBOOKS / f"{name}{framework}.ipynb"
    return results_of(nbformat.read(path, as_version=4))


def test_grad_cam_points_alike_in_both_frameworks():
    pytorch, tensorflow = (results("WhyCat", each) for each in FRAMEWORKS)
    for method in ("grad cam", "saliency"):
        name = f"pointing {method}"
        assert abs(pytorch[name] - tensorflow[name]) <= 0.02


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_grad_cam_finds_more_heads_than_its_rivals_without_knowledge(framework):
    found = results("WhyCat", framework)
    rivals = "pointing random maps", "pointing random order"
    assert found["pointing grad cam"] > max(found[name] for name in rivals) + 0.2
    aside = found["pointing aside grad cam"]
    assert aside > found["pointing aside random maps"] + 0.05


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_map_of_a_network_in_random_order_is_another_one(framework):
    assert abs(results("WhyCat", framework)["rank correlation grad cam"]) < 0.2


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_temperature_and_refusals_do_what_the_lesson_says(framework):
    found = results("FineTuning", framework)
    assert found["calibration error after"] < found["calibration error before"] / 2
    refusing = found["fine tuned accuracy at 80 coverage"]
    assert refusing > found["whole fine tuned accuracy"] + 0.03
