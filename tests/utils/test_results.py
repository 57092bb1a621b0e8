"""Key results: in a notebook, side by side, and in README.md."""

import json

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools import report
from tools.report import Run, tables
from utils import results
from utils.command import Problem
from utils.data.datasets import SAMPLE
from utils.results import MIME, results_of, show_results

PHOTOGRAPHS = "photographs: Cats vs. Dogs, COURSE_DATA"


@pytest.fixture
def shown(monkeypatch):
    bundles = []
    monkeypatch.setattr(results, "display", lambda data, raw: bundles.append(data))
    return bundles


def test_results_are_shown_to_people_and_to_programs(shown):
    show_results(
        source="a <b>", test_accuracy=np.float32(0.9375), pictures=np.int64(2000)
    )
    (bundle,) = shown
    assert bundle["text/plain"].splitlines() == [
        "source         a <b>",
        "test accuracy  0.9375",
        "pictures       2,000",
    ]
    assert "<td>a &lt;b&gt;</td>" in bundle["text/html"]
    carried = json.loads(json.dumps(bundle[MIME], allow_nan=False))
    assert carried == {"source": "a <b>", "test accuracy": 0.9375, "pictures": 2000}


def test_what_is_no_single_finite_value_is_refused(shown):
    with pytest.raises(TypeError, match="losses.*one number"):
        show_results(losses=[1.0, 2.0])
    with pytest.raises(ValueError, match="loss is nan"):
        show_results(loss=np.float32("nan"))
    assert not shown


def test_the_last_results_of_a_notebook_count():
    bundles = [{MIME: {"n": 1}}, {MIME: {"n": 2}}, {"text/plain": "n 3"}]
    outputs = [new_output("display_data", data=bundle) for bundle in bundles]
    notebook = new_notebook(cells=[new_code_cell(outputs=outputs), new_code_cell()])
    nbformat.validate(notebook)
    assert results_of(notebook) == {"n": 2}
    assert results_of(new_notebook(cells=[new_code_cell()])) == {}


def test_twins_stand_side_by_side_and_each_lesson_has_its_table():
    twins = [
        Run(1, "OneA", 62.4, {"source": "x", "accuracy": 0.98}),
        Run(1, "OneB", 71.0, {"source": "x", "accuracy": 0.975, "extra": True}),
    ]
    assert tables([*twins, Run(2, "Two", 3, {})]).splitlines() == [
        "| Lesson 1 | OneA | OneB  |",
        "| -------- | ---- | ----- |",
        "| seconds  | 62   | 71    |",
        "| source   | x    | x     |",
        "| accuracy | 0.98 | 0.975 |",
        "| extra    |      | True  |",
        "",
        "| Lesson 2 | Two      |",
        "| -------- | -------- |",
        "| seconds  | 3        |",
        "| source   | not told |",
    ]


def test_a_report_replaces_what_stands_between_the_markers(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(
        "# Café\n<!-- results -->\nold\n<!-- /results -->\nend\n", "utf-8"
    )
    for accuracy in (0.5, 0.75):
        results_now = {"source": PHOTOGRAPHS, "accuracy": accuracy}
        report.write_report([Run(1, "OneA", 60, results_now)], readme)
    text = readme.read_text("utf-8")
    assert text.startswith("# Café\n<!-- results -->\n\n| Lesson 1 | OneA ")
    assert text.endswith(".\n\n<!-- /results -->\nend\n")
    assert "0.75" in text
    assert "old" not in text
    assert "0.5 " not in text
    assert "PyTorch 2." in text
    assert list(tmp_path.iterdir()) == [readme]


@pytest.mark.parametrize("source", [{}, {"source": SAMPLE}])
def test_a_report_is_about_photographs(tmp_path, source):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- results -->old<!-- /results -->")
    runs = [Run(1, "OneA", 60, {"source": PHOTOGRAPHS}), Run(1, "OneB", 60, source)]
    with pytest.raises(Problem, match="OneB.*photographs"):
        report.write_report(runs, readme)
    assert "old" in readme.read_text()


@pytest.mark.parametrize("text", ["", "<!-- results -->", "<!-- /results -->" * 3])
def test_missing_markers_are_named(tmp_path, text):
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(Problem, match="README.md needs the lines <!-- results -->"):
        report.split_at_markers(tmp_path / "README.md")
