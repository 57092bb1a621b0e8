"""A class of 40: copies, look-ups, blanks and wrong files are listed, nobody else."""

import csv
import json

import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook, writes

from lab import grade
from lab.cells import RELEASE
from lab.grading.comparing import with_comparisons
from lab.grading.record import Record
from tests.lab.grading import test_grading
from tests.lab.grading.test_grading import SOLUTIONS, FakeSandbox

fake = test_grading.fake  # cells run in this process
BREEDS = [f"breed {n}" for n in range(37)]
WITHHELD = {f"{n:04}.jpg": BREEDS[n % 37] for n in range(1, 371)}
PROBES = {f"{n:04}.jpg": BREEDS[n % 37] for n in range(371, 519)}
# Other ways to write the same; a class has many of each.
WAYS = {
    "standardise": ["", "    train = train + 0.0\n", "    other = other * 1.0\n"],
    "report": ["", "ANSWER = 42\n", "SPECIES = ('cat', 'dog')\n"],
}


def _predict(generator, accuracy=0.91, looked_up=None):
    """Write predictions; what was looked up is right for the withheld pictures."""
    lines = ["picture,breed"]
    for name, breed in (WITHHELD | PROBES).items():
        wanted = looked_up if looked_up and name in WITHHELD else accuracy
        other = BREEDS[generator.integers(37)]
        lines.append(f"{name},{breed if generator.random() < wanted else other}")
    return "\n".join(lines)


def _honest(generator, **how):
    """Write the cells of somebody who wrote them alone, more or less well."""
    number = int(generator.integers(1, 10**9))
    cells = dict(SOLUTIONS)
    cells["split"] += f"SEED = {number}\n"
    cells["head"] = cells["head"].replace("range(150)", f"range({150 + number % 97})")
    cells["head"] += f"RATE = {number}\n"
    cells["standardise"] = cells["standardise"].replace(
        "    centre", generator.choice(WAYS["standardise"]) + "    centre", 1
    )
    cells["report"] = generator.choice(WAYS["report"]) + cells["report"]
    cells["reflection"] = f"# {number} words of my own"
    if generator.random() < 0.2:  # not everybody solves everything
        cells["report"] = "pass"
    predictions = _predict(generator, generator.normal(0.91, 0.015), **how)
    return cells | {"predictions": f"PREDICTIONS = {predictions!r}"}


def _write(path, cells):
    made = [
        new_code_cell(source, metadata={"nbgrader": {"grade_id": name}})
        for name, source in cells.items()
    ]
    path.write_text(writes(new_notebook(cells=made)))


@pytest.fixture
def handed_in(tmp_path):
    """Write a class of 40; give the names of those who must be listed."""
    folder, generator = tmp_path / "in", np.random.default_rng(0)
    folder.mkdir()
    for number in range(31):
        _write(folder / f"honest{number:02}.ipynb", _honest(generator))
    original = _honest(generator)
    renamed = {
        name: source.replace("labels", "y").replace("train", "a") + "\n# mine"
        for name, source in original.items()
    }
    renamed["predictions"] = original["predictions"]
    changed = original | {"report": "pass", "predictions": "x = 1"}
    for name, cells in zip("abc", (original, renamed, changed), strict=True):
        _write(folder / f"copy-{name}.ipynb", cells)
    for number, right in enumerate((1.0, 0.99)):
        _write(folder / f"lookup-{number}.ipynb", _honest(generator, looked_up=right))
    for number in range(2):
        (folder / f"blank-{number}.ipynb").write_bytes(RELEASE.read_bytes())
    (folder / "wrong-0.pdf").write_bytes(b"%PDF")
    (folder / "wrong-1.ipynb").write_bytes(b"PK\x03\x04")
    (folder / "grading_log.csv").write_text("of the platform")
    return folder


def test_a_class_of_40(tmp_path, handed_in, monkeypatch):
    monkeypatch.setattr(
        "lab.grading.folder.show_withheld", lambda withheld, *_: (withheld, PROBES)
    )
    (tmp_path / "withheld").mkdir()
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({"pictures": WITHHELD, "seed": 7}))
    words = [handed_in, "--answers", answers, "--out", tmp_path / "out", "--jobs", 1]
    words += ["--withheld", tmp_path / "withheld"]
    assert grade.main([*map(str, words)]) == 0
    with (tmp_path / "out" / "grades.csv").open(encoding="utf-8-sig") as file:
        flags = {row["student"]: row["flag"] for row in csv.DictReader(file)}
    assert len(flags) == 40
    assert FakeSandbox.runs == 36
    expected = {
        "copy-": "the same",
        "lookup-": "looked up",
        "blank-": "blank",
        "wrong-": "notebook",
        "honest": "",
    }
    for student, flag in flags.items():
        (said,) = (text for who, text in expected.items() if student.startswith(who))
        assert said in flag if said else not flag, (student, flag)
    assert "copy-a" in flags["copy-b"]
    page = (tmp_path / "out" / "class.html").read_text("utf-8")
    feedback = [p.read_text("utf-8") for p in (tmp_path / "out/feedback").iterdir()]
    for said in ("the same predictions", "the same code", "looked up"):
        assert said in page
        assert not any(said in text for text in feedback)


def _record(name, right, **more):
    given = {"sources": {}, "guesses": name, "probes": [0, 0], "flags": []} | more
    start = (name, "", "", name, "", {}, [])
    return Record(
        *start, mistakes=[], isolation="", seconds=0, right=right, asked=370, **given
    )


def _listed(records):
    return [each.name for each in with_comparisons(records) if each.flags]


def test_who_is_far_above_the_class_is_listed():
    class_ = [_record(f"s{n}", 330 + n) for n in range(9)]
    assert _listed(class_) == []
    assert _listed([*class_, _record("all", 370)]) == ["all"]
    assert _listed([*class_[:3], _record("all", 370)]) == []  # too few to say


def test_predictions_that_a_recipe_gives_to_many_are_nobodys_copy():
    many = [_record(f"s{n}", 330, guesses="recipe") for n in range(12)]
    assert _listed(many) == []
    assert _listed(many[:2]) == ["s0", "s1"]
