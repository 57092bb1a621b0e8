"""Each answer has its own points, once, and nothing is given for what is not judged."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from lab import grade
from lab.grading import grading
from lab.grading.grading import grade_submission, hidden_calls
from lab.grading.judges.table import QUESTIONS
from lab.grading.record import Setting
from lab.grading.submissions import find_submissions
from lab.questions.finding import Finding, as_arrays
from lab.questions.points import POINTS
from lab.sandbox.messages import Failure

ROOT = Path(__file__).parents[3]
PICTURES = {"1.jpg": "Abyssinian", "2.jpg": "pug", "3.jpg": "Persian", "4.jpg": "pug"}
PREDICTIONS = "picture,breed\n1.jpg,abyssinian\n2.jpg,pug\n3.jpg,pug\n4.jpg,pug\n"
# The solutions, as short as can be.
SOLUTIONS = {
    "split": """
import numpy as np
def split(labels, groups, seed):
    generator, held = np.random.default_rng(seed), []
    for label in np.unique(labels):
        animals = np.unique(groups[labels == label])
        held.extend(generator.permutation(animals)[: round(len(animals) / 5)])
    return np.isin(groups, held)
""",
    "standardise": """
def standardise(train, other):
    centre, spread = train.mean(axis=0), train.std(axis=0)
    spread = np.where(spread > 0, spread, 1)
    return (train - centre) / spread, (other - centre) / spread
""",
    "head": """
def fit(features, labels, classes):
    weights, bias = np.zeros((features.shape[1], classes)), np.zeros(classes)
    for step in range(150):
        error = probabilities(features, weights, bias) - np.eye(classes)[labels]
        weights -= features.T @ error / len(labels)
        bias -= error.mean(axis=0)
    return weights, bias
def probabilities(features, weights, bias):
    logits = features @ weights + bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
def predict(features, weights, bias):
    return (features @ weights + bias).argmax(axis=1)
""",
    "report": """
def top_k_accuracy(probabilities, labels, k):
    return (probabilities.argsort(axis=1)[:, -k:] == labels[:, None]).any(axis=1).mean()
def confusion(labels, predictions, classes):
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, (labels, predictions), 1)
    return matrix
def hardest_pair(matrix):
    both = np.triu(matrix + matrix.T, 1)
    return np.array(np.unravel_index(both.argmax(), both.shape))
def species_accuracy(labels, predictions, species):
    return (species[labels] == species[predictions]).mean()
""",
    "predictions": "",
    "reflection": "",
}


class FakeSandbox:
    """Runs cells in this process; what it was asked is kept."""

    isolation = "bubblewrap"  # it says
    runs = 0

    def __init__(self, notebook, data, limits, withheld, features, require):
        self.cells = nbformat.reads(notebook.decode(), as_version=4).cells
        self.failures, self.names, self.asked = {}, {}, []

    def __enter__(self):
        type(self).runs += 1
        return self

    def __exit__(self, *error):
        pass

    def run(self):
        for number, cell in enumerate(self.cells):
            try:
                exec(cell.source, self.names)
            except Exception as error:
                self.failures[number] = f"raised {error!r}"

    def call(self, function, arguments):
        self.asked.append(function)
        if function not in self.names:
            return Failure("is not defined")
        try:
            answer = self.names[function](*arguments)
        except Exception as error:
            return Failure(f"raised {type(error).__name__}: {error}")
        return answer if isinstance(answer, Failure) else as_arrays(answer)

    def file(self, name, most_bytes):
        text = self.names.get("PREDICTIONS", PREDICTIONS)
        return text if isinstance(text, Failure) else text.encode()


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr(grading, "Sandbox", FakeSandbox)
    monkeypatch.setattr(FakeSandbox, "runs", 0)
    monkeypatch.setattr("lab.grading.folder.shared_features", lambda data, withheld: ())
    monkeypatch.setattr("lab.grading.folder.show_pictures", lambda data, folder: data)
    monkeypatch.setattr(
        "lab.grading.folder.show_withheld", lambda withheld, *_: (withheld, {})
    )


@pytest.fixture
def setting(tmp_path):
    return Setting(tmp_path / "out" / "records", "version 1", 7, PICTURES)


def _notebook(cells):
    made = [
        new_code_cell(source, metadata={"nbgrader": {"grade_id": name}})
        for name, source in cells.items()
    ]
    return nbformat.writes(new_notebook(cells=made)).encode()


def _hand_in(tmp_path, cells=SOLUTIONS, student="ann"):
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    (folder / f"{student}.ipynb").write_bytes(_notebook(cells))
    (found,) = [each for each in find_submissions(folder) if each.student == student]
    return found


def _graded(tmp_path, setting, cells):
    return grade_submission(_hand_in(tmp_path, cells), setting)


def _lost(record):
    """Name what has not all its points."""
    return {
        finding.name
        for name in QUESTIONS
        for finding in record.scores[name]
        if finding.earned < finding.points
    }


def test_the_solutions_have_all_points_twice_the_same(tmp_path, setting):
    record = _graded(tmp_path, setting, SOLUTIONS)
    assert {name: record.earned(name) for name in QUESTIONS} == {
        name: POINTS[name] for name in QUESTIONS
    }
    assert 3 < record.earned("predictions") < 4  # three of four are right
    assert record.mistakes == [["Persian", "pug", 1]]
    assert not record.flags
    again = setting._replace(records=tmp_path / "elsewhere")
    assert _graded(tmp_path, again, SOLUTIONS).scores == record.scores


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_deleted_cell_loses_its_own_points(tmp_path, setting, name):
    cells = {each: source for each, source in SOLUTIONS.items() if each != name}
    cells = {"imports": "import numpy as np", **cells}
    record = _graded(tmp_path, setting, cells)
    assert {each: record.earned(each) for each in QUESTIONS} == {
        each: 0 if each == name else POINTS[each] for each in QUESTIONS
    }
    assert f"The cell {name} is missing." in record.remarks
    assert not record.flags


@pytest.mark.parametrize(
    ("extra", "lost"),
    [
        ("def predict(features, weights, bias): return 0", "predict names"),
        ("def confusion(labels, predictions, classes): return 1 / 0", "confusion"),
        ("def hardest_pair(matrix): return [object()]", "hardest pair"),
        ("def fit(*arguments): return None", "fit learns"),
        ("def top_k_accuracy(*a): return float('nan')", "top-k"),
    ],
)
def test_a_wrong_answer_loses_its_own_points(tmp_path, setting, extra, lost):
    (name,) = _lost(_graded(tmp_path, setting, SOLUTIONS | {"extra": extra}))
    assert lost in name


def test_renamed_and_copied_cells_lose_nothing(tmp_path, setting):
    cells = {f"my {name}": source for name, source in SOLUTIONS.items()}
    record = _graded(tmp_path, setting, cells | SOLUTIONS)
    assert not _lost(record)


def test_a_cell_that_fails_is_told_and_costs_only_itself(tmp_path, setting):
    cells = SOLUTIONS | {"extra": "raise ValueError('<b>no</b>')"}
    record = _graded(tmp_path, setting, cells)
    assert record.remarks == ["cell 7 from the top raised ValueError('<b>no</b>')"]
    assert not _lost(record)
    assert not record.flags


def test_a_function_that_hangs_is_called_once_and_flagged(
    tmp_path, setting, monkeypatch
):
    asked = []
    original = FakeSandbox.call

    def call(sandbox, function, arguments):
        asked.append(function)
        if function == "probabilities":
            return Failure("did not end within 120 s")
        return original(sandbox, function, arguments)

    monkeypatch.setattr(FakeSandbox, "call", call)
    record = _graded(tmp_path, setting, SOLUTIONS)
    assert asked.count("probabilities") == 1
    assert asked.count("predict") == 2
    assert len(_lost(record)) == 1
    assert record.flags == ["probabilities did not end in time"]


def test_a_cell_that_hangs_or_crashes_is_flagged(tmp_path, setting, monkeypatch):
    """On a machine with too much to do, an honest cell may: a person must know."""

    def run(sandbox):
        sandbox.failures = {0: "did not end within 120 s", "check_head": "raised X: y"}
        sandbox.failures |= {"head": "ended Python before there was an answer"}

    monkeypatch.setattr(FakeSandbox, "run", run)
    record = _graded(tmp_path, setting, SOLUTIONS)
    assert record.total < 5
    assert record.flags == [
        "cell 1 from the top did not end in time",
        "cell “head” ended Python instead of giving an answer",
    ]
    assert len(record.remarks) == 2


LEAKS = [
    "raise ValueError(str(matrix))",
    "raise type(f'secret{matrix.sum()}Error', (Exception,), {})",
    "return Failure(f'gave {matrix.sum()}')",
    "return Failure(f'did not end within {matrix.sum()} s')",
    "return Failure(f'computed for more than {matrix.sum()} s')",
    "return Failure(f'{matrix.sum()}')",
]


@pytest.mark.parametrize("leak", LEAKS)
def test_no_failure_carries_a_hidden_input_out(tmp_path, setting, leak):
    source = (
        "from lab.sandbox import Failure\ndef hardest_pair(matrix):\n    "
        f"if isinstance(matrix, type(None)): pass\n    {leak}"
    )
    record = _graded(tmp_path, setting, SOLUTIONS | {"extra": source})
    matrix = next(
        call.arguments[0]
        for call in hidden_calls(setting.seed)["report"]
        if call.function == "hardest_pair"
    )
    told = json.dumps([record.scores["report"], record.flags, record.remarks])
    assert str(matrix.sum()) not in told
    assert str(matrix[0]) not in told


def test_nothing_fails_open(tmp_path, setting, monkeypatch):
    def broken(calls, answers):
        raise KeyError("x")

    def generous(calls, answers):
        return [Finding("all", 4, 400, "")]

    for judge in (broken, generous, lambda *_: [], lambda *_: [Finding("", 4, 9, "")]):
        question = QUESTIONS["report"]._replace(judge=judge)
        monkeypatch.setitem(QUESTIONS, "report", question)
        again = setting._replace(version=str(judge))
        record = _graded(tmp_path, again, SOLUTIONS)
        assert record.earned("report") == 0
        assert sum(f.points for f in record.scores["report"]) == POINTS["report"]
        assert record.earned("head") == POINTS["head"]
        assert any("could not be judged" in flag for flag in record.flags)


def test_what_cannot_be_read_has_no_points_and_a_flag(tmp_path, setting):
    submission = _hand_in(tmp_path)
    submission.paths[0].write_bytes(b"{")
    record = grade_submission(submission, setting)
    assert record.total == 0
    assert sum(f.points for name in record.scores for f in record.scores[name]) == 18
    assert "no notebook" in record.flags[0]
    assert record.remarks == record.flags
    assert FakeSandbox.runs == 0


def test_a_failure_of_the_grader_is_flagged_and_tried_again(
    tmp_path, setting, monkeypatch
):
    for method, broken in {
        "__enter__": lambda sandbox: 1 / 0,
        "run": lambda sandbox: Failure("could not be started: no bwrap"),
    }.items():
        with monkeypatch.context() as patch:
            patch.setattr(FakeSandbox, method, broken)
            record = _graded(tmp_path, setting, SOLUTIONS)
        assert record.total == 0
        assert "grade again" in record.flags[0]
    assert not _lost(_graded(tmp_path, setting, SOLUTIONS))


def test_what_is_graded_is_not_graded_again(tmp_path, setting):
    submission = _hand_in(tmp_path)
    first = grade_submission(submission, setting)
    assert grade_submission(submission, setting) == first
    assert FakeSandbox.runs == 1
    grade_submission(submission, setting._replace(version="2"))
    _graded(tmp_path, setting._replace(version="2"), SOLUTIONS | {"extra": "# new"})
    assert FakeSandbox.runs == 3


FORGED = {
    "half": lambda text: text[:100],
    "deep": lambda text: "[" * 200_000,
    "points": lambda text: text.replace('1.0, ""]', '99.0, ""]', 1),
    "negative": lambda text: text.replace('1.0, ""]', '-1, ""]', 1),
    "nan": lambda text: text.replace('1.0, ""]', 'NaN, ""]', 1),
    "text": lambda text: text.replace('1.0, ""]', '"1", ""]', 1),
    "walls": lambda text: text.replace('"bubblewrap"', '"paper"'),
    "list": lambda text: "[]",
    "other": lambda text: text.replace('"student": "ann"', '"student": "bo"'),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_record_that_cannot_be_is_graded_again(tmp_path, setting, forge):
    submission = _hand_in(tmp_path)
    first = grade_submission(submission, setting)
    (file,) = setting.records.iterdir()
    forged = forge(file.read_text())
    assert forged != file.read_text()
    file.write_text(forged)
    assert grade_submission(submission, setting).scores == first.scores
    assert FakeSandbox.runs == 2


def test_a_record_that_cannot_be_written_costs_nobody_else(tmp_path, setting):
    submission = _hand_in(tmp_path)
    (setting.records / f"{submission.name}.json" / "x").mkdir(parents=True)
    record = grade_submission(submission, setting)
    assert record.total == 0
    assert "grade again" in record.flags[0]


def test_what_was_forgotten_is_graded_again_with_it(tmp_path):
    """Withheld pictures, data, limits and answers belong to a grade."""
    _hand_in(tmp_path)
    for name in ("withheld", "data"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes(b"1")
    words = [
        [],
        ["--withheld", str(tmp_path / "withheld")],
        ["--withheld", str(tmp_path / "withheld"), "--minutes", "5"],
        ["--data", str(tmp_path / "data")],
    ]
    for number, more in enumerate(words, 1):
        for _ in range(2):
            assert grade.main(_command(tmp_path, *more)) == 0
            assert FakeSandbox.runs == number
    answers = {"pictures": PICTURES, "seed": 8}
    assert grade.main(_command(tmp_path, answers=answers)) == 0
    assert FakeSandbox.runs == len(words) + 1


def test_a_dry_run_shows_who_handed_in_what_and_grades_nothing(tmp_path, capsys):
    _hand_in(tmp_path)
    (tmp_path / "in" / "bo.ipynb").write_bytes(b"{")
    assert grade.main(_command(tmp_path, "--dry-run")) == 0
    said = capsys.readouterr().out
    assert "ann: ann.ipynb" in said
    assert "bo: ! " in said
    assert not (tmp_path / "out").exists()


def test_half_a_record_is_graded_again(tmp_path, setting):
    submission = _hand_in(tmp_path)
    first = grade_submission(submission, setting)
    (file,) = setting.records.iterdir()
    file.write_text(file.read_text()[:100])
    assert grade_submission(submission, setting).scores == first.scores
    assert FakeSandbox.runs == 2


@pytest.mark.parametrize(
    "text", ["", "\ufeff", '"' * 300_000, "a,b,c\n" * 100, "<script>,\n1.jpg,<b>"]
)
def test_any_predictions_are_marked(tmp_path, setting, text):
    cells = SOLUTIONS | {"extra": f"PREDICTIONS = {text!r}"}
    record = _graded(tmp_path, setting, cells)
    assert record.earned("predictions") == 0
    assert not record.mistakes
    assert not _lost(record)


def test_hidden_inputs_depend_on_the_seed_and_the_question_only():
    first, again, other = (hidden_calls(seed)["split"] for seed in (1, 1, 2))
    assert np.array_equal(first[0].arguments[0], again[0].arguments[0])
    assert not np.array_equal(first[0].arguments[0], other[0].arguments[0])


def _command(tmp_path, *more, answers=None):
    path = tmp_path / "answers.json"
    path.write_text(json.dumps(answers or {"pictures": PICTURES, "seed": 7}))
    words = [tmp_path / "in", "--answers", path, "--out", tmp_path / "out", *more]
    return [*map(str, words), "--jobs=1"]


def test_the_command_grades_all_and_writes_the_reports(tmp_path, capsys):
    _hand_in(tmp_path)
    _hand_in(tmp_path, {"extra": "x = 1"}, "bo")
    assert grade.main(_command(tmp_path)) == 0
    assert "2 graded, 0 flagged" in capsys.readouterr().out
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"records", "feedback", "grades.csv", "class.html"}
    assert len(list((tmp_path / "out" / "feedback").iterdir())) == 2


def _start(tmp_path, where="--jobs=2"):
    words = [sys.executable, "-m", "lab.grade", *_command(tmp_path)[:-1], where]
    return subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL)


def _written(folder):
    return {path: path.stat().st_mtime_ns for path in folder.glob("[!.]*.json")}


def test_a_killed_grader_leaves_nothing_running_and_goes_on(tmp_path, setting):
    """Here the sandbox is the real one."""
    students = {"ann", "bo", "cy", "dee"}
    for student in students:
        _hand_in(tmp_path, student=student)
    grader = _start(tmp_path)
    while not _written(setting.records):
        assert grader.poll() is None
        time.sleep(0.05)
    started = psutil.Process(grader.pid).children(recursive=True)
    grader.kill()
    assert grader.wait() == -signal.SIGKILL
    assert not psutil.wait_procs(started, timeout=20)[1]
    before = _written(setting.records)
    assert 0 < len(before) < len(students)
    assert _start(tmp_path).wait() == 0
    assert before.items() <= _written(setting.records).items()
    _assert_one_grade_each(tmp_path, setting, students)


def test_a_cluster_grades_all_though_a_worker_is_killed(
    tmp_path, setting, dask_cluster
):
    """Here the sandbox is the real one."""
    students = {"ann", "bo", "cy", "dee", "eve", "fay"}
    for student in students:
        _hand_in(tmp_path, student=student)
    address, workers = dask_cluster
    grader = _start(tmp_path, f"--scheduler={address}")
    started = []
    while not (_written(setting.records) and started):
        assert grader.poll() is None
        started = psutil.Process(workers[0].pid).children(recursive=True)
    workers[0].kill()
    assert not psutil.wait_procs(started, timeout=20)[1]
    assert grader.wait() == 0
    _assert_one_grade_each(tmp_path, setting, students)


def _assert_one_grade_each(tmp_path, setting, students):
    records = _written(setting.records)
    assert {json.loads(path.read_text())["student"] for path in records} == students
    assert len(records) == len(students)
    with (tmp_path / "out" / "grades.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["student"] for row in rows] == sorted(students)
    assert {row["head"] for row in rows} == {"4.0"}


def test_the_command_refuses_weaker_isolation_if_told_so(tmp_path, monkeypatch, capsys):
    _hand_in(tmp_path)
    monkeypatch.setattr("lab.sandbox.trial.strongest_isolation", lambda: "rlimits")
    assert grade.main(_command(tmp_path)) == 1
    said = capsys.readouterr().err
    assert "bubblewrap does not work here" in said
    assert "--weak-isolation" in said
    assert not (tmp_path / "out").exists()


def test_weak_walls_are_named_everywhere(tmp_path, monkeypatch, capsys):
    _hand_in(tmp_path)
    monkeypatch.setattr("lab.sandbox.trial.strongest_isolation", lambda: "unshare")
    monkeypatch.setattr(FakeSandbox, "isolation", "unshare")
    assert grade.main(_command(tmp_path, "--weak-isolation")) == 0
    assert "Isolation: unshare" in capsys.readouterr().out
    out = tmp_path / "out"
    (record,) = (json.loads(p.read_text()) for p in (out / "records").iterdir())
    assert record["isolation"] == "unshare"
    assert "weak walls (unshare)" in record["flags"][0]
    table = (out / "grades.csv").read_text("utf-8-sig")
    page = (out / "class.html").read_text("utf-8")
    assert "weak walls (unshare)" in table
    assert "weak walls (unshare)" in page


def test_a_grade_from_behind_weaker_walls_is_graded_again(
    tmp_path, setting, monkeypatch
):
    submission, walls = _hand_in(tmp_path), FakeSandbox.isolation
    monkeypatch.setattr(FakeSandbox, "isolation", "unshare")
    weak = setting._replace(require="rlimits")
    assert grade_submission(submission, weak).flags
    assert grade_submission(submission, weak).isolation == "unshare"
    assert FakeSandbox.runs == 1
    monkeypatch.setattr(FakeSandbox, "isolation", walls)
    assert not grade_submission(submission, setting).flags
    assert FakeSandbox.runs == 2
    assert not grade_submission(submission, weak).flags  # the stronger one stays
    assert FakeSandbox.runs == 2


@pytest.mark.parametrize("option", ["--gradebook", "--import-gradebook"])
def test_a_missing_folder_of_the_gradebook_is_named_before_grading(
    tmp_path, capsys, option
):
    _hand_in(tmp_path)
    path = tmp_path / "missing" / "gradebook.db"
    assert grade.main(_command(tmp_path, option, str(path))) == 1
    assert "missing is no folder" in capsys.readouterr().err
    assert FakeSandbox.runs == 0


@pytest.mark.parametrize("answers", [[], {"seed": 1}, {"seed": 1, "pictures": {}}])
def test_the_command_names_answers_that_are_none(tmp_path, capsys, answers):
    _hand_in(tmp_path)
    assert grade.main(_command(tmp_path, answers=answers or [1])) == 1
    assert "lab.withhold" in capsys.readouterr().err
