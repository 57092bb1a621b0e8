"""What students check with has no answers in it, and misses no wrong answer."""

import importlib
import inspect

import numpy as np
import pytest

from lab.grading.judges.asking import ask
from lab.grading.judges.table import QUESTIONS
from lab.questions import checking, examples, predictions
from lab.questions.checking import check_examples
from lab.questions.examples import PROPERTIES
from lab.sandbox.isolation import CODE, ROOT
from tests.lab.questions.test_questions import (
    BROKEN,
    EVERY,
    OTHER_WAYS,
    SOLUTION,
    missed,
)

BEST = 2  # points of 13 that may be had without writing anything


def lost(changed):
    return [
        (id, f.name)
        for id in PROPERTIES
        for f in check_examples(id, SOLUTION | changed)
        if f.earned < f.points
    ]


def test_properties_are_those_of_the_grader():
    for id in QUESTIONS:
        ours, theirs = check_examples(id, {}), ask(id, {}, 0)
        assert [f[:2] for f in ours] == [f[:2] for f in theirs]
    assert PROPERTIES.keys() == QUESTIONS.keys()


@pytest.mark.parametrize("ways", OTHER_WAYS.items(), ids=str)
def test_right_answers_pass(ways):
    name, found = ways
    assert [lost({name: way}) for way in found] == [[]] * len(found)
    assert lost({}) == []


@pytest.mark.parametrize(("number", "name", "broken"), BROKEN)
def test_a_broken_answer_is_told(number, name, broken):
    with np.errstate(all="ignore"):
        assert EVERY[number] in lost({name: broken})


def shipped():
    """List every function of the modules that a submission may import."""
    files = [path for name in CODE for path in _python(ROOT / name)]
    names = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in files]
    found = {}
    for name in (name for name in names if not name.endswith("worker")):
        module = importlib.import_module(name)
        for _, function in inspect.getmembers(module, callable):
            if (getattr(function, "__module__", "") or "").startswith(("lab", "utils")):
                found[f"{function.__module__}.{function.__qualname__}"] = function
    return found


def _python(path):
    return path.rglob("*.py") if path.is_dir() else [path] * (path.suffix == ".py")


def test_a_student_made_of_shipped_code_gains_nothing():
    candidates = shipped()
    assert len(candidates) > 200
    best = dict.fromkeys(EVERY, 0.0)
    for id, question in QUESTIONS.items():
        for name in question.functions:
            of_arity = [f for f in candidates.values() if _takes(f, SOLUTION[name])]
            for function in of_arity:
                for finding in ask(id, {name: function}, 0):
                    key = id, finding.name
                    best[key] = max(best[key], finding.earned)
    assert sum(best.values()) <= BEST, best


def _takes(function, solution) -> bool:
    """Return whether a function can be called like a solution."""
    try:
        inspect.signature(function).bind(*inspect.signature(solution).parameters)
    except (TypeError, ValueError):
        return False
    return True


def test_no_shipped_module_computes_an_answer():
    for module in (examples, checking, predictions):
        text = inspect.getsource(module)
        for word in ("argmax", "np.exp(", "np.add.at", "argsort", ".std(", "triu"):
            assert word not in text, (module, word)
    assert missed({}) == []
