"""Grade one submission: run it, judge what comes out, keep the record."""

import json
import math
import time
from pathlib import Path

from lab.grading.failures import NOT_STARTED, discreet, grave_flags, is_grave
from lab.grading.judges.asking import draw_calls
from lab.grading.judges.judging import Call
from lab.grading.judges.table import QUESTIONS
from lab.grading.names import Unreadable, printable
from lab.grading.reading import Notebook, digest
from lab.grading.record import Answers, Record, Setting, read_record
from lab.grading.submissions import Submission, read_submission
from lab.questions.finding import Finding
from lab.questions.points import POINTS
from lab.questions.predictions import (
    count_mistakes,
    count_right,
    describe_guesses,
    score_predictions,
    take_out,
)
from lab.sandbox.isolation import ISOLATIONS
from lab.sandbox.messages import Failure
from lab.sandbox.sandbox import Sandbox
from utils.files import write_text

PREDICTIONS_BYTES = 1 << 20
RECORD_BYTES = 8 << 20
REASON_LETTERS = 300
MAX_REMARKS = 10  # one cell that fails brings others with it


def grade_submission(submission: Submission, setting: Setting) -> Record:
    """Grade one submission, or find its grade from an earlier run.

    Parameters
    ----------
    submission : Submission
    setting : Setting

    Returns
    -------
    Record
        What cannot be judged has 0 points and a flag. The grade is kept in a file,
        unless the grader itself failed.
    """
    try:
        return _find_grade(submission, setting)
    except Unreadable as error:
        return _ungraded(submission, setting, str(error))
    except Exception as error:  # of the grader itself: the rest goes on
        said = printable(repr(error), REASON_LETTERS)
        return _ungraded(submission, setting, f"The grader failed, grade again: {said}")


def _ungraded(submission, setting, reason: str) -> Record:
    """Give no points, and a flag with the reason."""
    calls, failure = hidden_calls(setting.seed), Failure("could not be run")
    arrays = {name: [failure] * len(asked) for name, asked in calls.items()}
    absent = Failure("was not written")
    nothing = Answers(arrays, absent, {}, "", [reason], {})
    remarks = [] if reason.startswith("The grader") else [reason]
    return _record(submission, setting, nothing, remarks)


def _find_grade(submission: Submission, setting: Setting) -> Record:
    """Find a grade from an earlier run by the same rules, or grade."""
    notebook = read_submission(submission, list(POINTS))
    about = json.dumps(notebook[1:]).encode()
    key = digest(notebook.content, about, setting.version.encode())
    path = setting.records / f"{submission.name}.json"
    record = _kept(path)
    if record and record.key == key and record[:4] == submission[:4]:  # noqa: SIM102
        if _as_strong(record.isolation, setting.require):
            return record
    record = _grade(submission, notebook, setting)._replace(key=key)
    write_text(path, json.dumps(record._asdict()))
    return record


def _as_strong(isolation: str, weakest: str) -> bool:
    """Return whether walls are at least as strong as others."""
    return isolation in ISOLATIONS[: ISOLATIONS.index(weakest) + 1]


def _kept(path: Path) -> Record | None:
    """Read a grade that is no larger than one can be."""
    try:
        if not path.is_file() or path.stat().st_size > RECORD_BYTES:
            return None
        return read_record(path.read_bytes())
    except OSError:
        return None


def _grade(submission, notebook: Notebook, setting) -> Record:
    """Run a submission, and judge what comes out."""
    start = time.perf_counter()
    answers = _ask(notebook, setting)
    record = _record(submission, setting, answers, notebook.remarks)
    return record._replace(seconds=round(time.perf_counter() - start, 2))


def hidden_calls(seed: int) -> dict[str, list[Call]]:
    """Draw the hidden inputs, the same for all submissions.

    Parameters
    ----------
    seed : int
        From the file of answers.

    Returns
    -------
    dict of str to list of Call
        By question.
    """
    return {name: draw_calls(name, seed) for name in QUESTIONS}


def _ask(notebook: Notebook, setting: Setting) -> Answers:
    """Run a notebook and call its functions; hidden inputs go in last."""
    names = ("data", "limits", "withheld", "features", "require")
    settings = {name: getattr(setting, name) for name in names}
    with Sandbox(notebook.content, **settings) as sandbox:
        stopped = sandbox.run()
        if stopped and stopped.reason.startswith(NOT_STARTED):
            raise RuntimeError(stopped.reason)
        failures = dict(sandbox.failures)
        predictions = sandbox.file("predictions.csv", PREDICTIONS_BYTES)
        calls = hidden_calls(setting.seed)
        arrays = {name: _call(sandbox, asked) for name, asked in calls.items()}
        # Cells ran again after a crash, and then too they may have failed.
        flags = _weak(sandbox.isolation) + grave_flags({"the notebook": stopped})
        ended = {_cell(name): Failure(why) for name, why in sandbox.failures.items()}
        flags += grave_flags(ended)
        flags += notebook.flags
        about = sandbox.isolation, flags, notebook.sources
        return Answers(arrays, predictions, failures, *about)


def _weak(isolation: str) -> list[str]:
    """Return a flag for walls that a submission may have left."""
    said = f"ran behind weak walls ({isolation}): trust this grade as far as its author"
    return [said] if isolation in ISOLATIONS[1:] else []


def _call(sandbox, calls: list[Call]) -> list:
    """Call for one question; a function that hangs or crashes is not called again."""
    answers, broken = [], {}
    for call in calls:
        answer = broken.get(call.function) or discreet(
            sandbox.call(call.function, call.arguments)
        )
        if is_grave(answer):
            broken[call.function] = answer
        answers.append(answer)
    return answers


def _record(submission, setting, answers: Answers, remarks: list[str]) -> Record:
    """Judge the answers, in the grader's own process."""
    scores, flags = {}, list(answers.flags)
    for name, calls in hidden_calls(setting.seed).items():
        arrays = answers.arrays[name]
        scores[name], flag = _judged(QUESTIONS[name], calls, arrays)
        functions = [call.function for call in calls]
        flags += flag + grave_flags(dict(zip(functions, arrays, strict=True)))
    text = answers.predictions
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if isinstance(text, str):
        text, probed = take_out(text, setting.probes)
    else:
        probed = ""
    scores["predictions"] = score_predictions(text, setting.pictures)
    failed = [
        f"{_cell(name)} {printable(reason, REASON_LETTERS)}"
        for name, reason in answers.failures.items()
        if not str(name).startswith("check_")  # the scores cover visible checks
    ]
    return Record(
        *submission[:4],
        key="",
        scores=scores,
        remarks=[*remarks, *failed[:MAX_REMARKS]],
        flags=sorted(set(flags), key=flags.index),
        mistakes=count_mistakes(text, setting.pictures),
        isolation=answers.isolation,
        seconds=0,
        sources=answers.sources,
        guesses=describe_guesses(text, setting.pictures),
        right=count_right(text, setting.pictures),
        asked=len(setting.pictures),
        probes=[count_right(probed, setting.probes), len(setting.probes)],
    )


def _judged(question, calls, arrays) -> tuple[list[Finding], list[str]]:
    """Judge one question; whatever goes wrong with that gives no points."""
    try:
        findings = question.judge(calls, arrays)
        points = math.fsum(each.points for each in findings)
        fair = all(0 <= each.earned <= each.points for each in findings)
        if fair and math.isclose(points, question.points):
            return findings, []
        reason = "the points do not add up"
    except Exception as error:  # nothing fails open
        reason = type(error).__name__
    message = "This could not be judged; a person will look at it."
    finding = Finding(question.title, question.points, 0, message)
    return [finding], [f"{question.id}: could not be judged ({reason})"]


def _cell(name: str | int) -> str:
    if isinstance(name, str):
        return f"cell “{printable(name)}”"
    return f"cell {name + 1} from the top"
