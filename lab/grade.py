"""Grade a folder of submissions; run again, it goes on where it was stopped."""

import argparse
import builtins
import hashlib
import json
import math
import os
import re
import sys
import time
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import NamedTuple

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from lab import questions
from lab.questions import (
    POINTS,
    QUESTIONS,
    Call,
    Finding,
    count_mistakes,
    draw_calls,
    score_predictions,
)
from lab.sandbox import ISOLATIONS, Failure, Limits, Sandbox, isolation
from lab.share import shared_features
from lab.submissions import (
    Notebook,
    Submission,
    Unreadable,
    find_submissions,
    printable,
    read_notebook,
    read_submission,
)
from lab.syscalls import PR_SET_PDEATHSIG, control
from utils.cluster import spread
from utils.files import replacing
from utils.results import Problem

PREDICTIONS = "predictions"
PREDICTIONS_FILE = "predictions.csv"
PREDICTIONS_BYTES = 1 << 20
REASON_LETTERS = 300
WAITING = 5  # times as long as it may compute, a cell may take on a busy machine
MOST_REMARKS = 10  # one cell that fails brings others with it
ROUNDING = 1e-9  # points
# How the reason of a failure may begin, and what of it a student is told.
GRAVE = {
    "did not end": "did not end in time",
    "computed": "computed for too long",
    "took more": "took more time or memory than there is",
    "ran more": "ran more processes than allowed",
    "wrote more": "wrote more than allowed",
    "ended Python": "ended Python instead of giving an answer",
    "could not be started": "could not be started again after that",
}
REASONS = GRAVE | {
    "is not defined": "is not defined",
    "gave": "gave something that is no array of numbers",
}
NOT_STARTED = "could not be started"  # at first: no fault of the submission
RAISED = re.compile(r"raised (\w+)")
EXCEPTIONS = {name for name in dir(builtins) if name.endswith(("Error", "Exit"))}


class Setting(NamedTuple):
    """What all submissions are graded with."""

    records: Path  # where the grades are kept, a file for each student
    version: str  # of the questions and the answers; another one grades again
    seed: int  # of the hidden inputs
    pictures: dict[str, str]  # the true breed of each withheld picture
    data: Path | None = None  # photographs that the notebooks may read
    withheld: Path | None = None  # the withheld pictures, without their breeds
    features: tuple[Path, ...] = ()  # computed once for all
    require: str = ISOLATIONS[-1]
    limits: Limits = Limits()


class Answers(NamedTuple):
    """What came out of the sandbox."""

    arrays: dict[str, list]  # of each question, for each call: ndarrays or a Failure
    predictions: bytes | Failure
    failures: dict[str | int, str]  # why a cell failed
    isolation: str
    flags: list[str]


class Record(NamedTuple):
    """The grade of one student, as it is kept in a file."""

    student: str
    system: str
    number: str
    name: str
    key: str  # what was graded, and by what
    scores: dict[str, list[Finding]]
    remarks: list[str]  # for the student
    flags: list[str]  # for the people who grade
    mistakes: list[list]  # true breed, predicted breed, pictures
    isolation: str
    seconds: float

    def earned(self, question: str) -> float:
        """Sum the points of one question."""
        return round(sum(each.earned for each in self.scores[question]), 2)

    @property
    def total(self) -> float:
        """Sum the points of all questions."""
        return round(sum(map(self.earned, self.scores)), 2)


def main(arguments: list[str] | None = None) -> int:
    """Grade what the command line names, and write the reports.

    Parameters
    ----------
    arguments : list of str, optional
        The command line without the program; of the process by default.

    Returns
    -------
    int
        Exit status: 0 if all is well, 1 after a problem, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        _grade_all(options)
    except (Problem, Unreadable) as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except TerminatedWorkerError:
        print(
            "\nA process of the grader was killed, perhaps for want of memory. The "
            "same command goes on from here; --jobs 1 takes the least memory.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab.grade", description=__doc__)
    parser.add_argument("submissions", type=Path, help="the folder of submissions")
    add = parser.add_argument
    answers = "the file of answers that python -m lab.withhold wrote"
    add("--answers", type=Path, required=True, help=answers)
    add("--out", type=Path, required=True, help="the folder for grades and reports")
    photographs = "a folder of photographs to learn from; the drawn sample by default"
    add("--data", type=Path, help=photographs)
    withheld = "the folder of withheld pictures that python -m lab.withhold wrote"
    add("--withheld", type=Path, help=withheld)
    strict = f"refuse to run without the strongest isolation, {ISOLATIONS[0]}"
    add("--require-isolation", action="store_true", help=strict)
    busy = f"seconds that one cell may compute; {Limits().busy:g} by default"
    add("--seconds", type=float, default=Limits().busy, help=busy)
    add("--jobs", type=int, default=-1, help="at once; as many as cores by default")
    cluster = "the address of a Dask scheduler, to grade on all of its workers"
    add("--scheduler", metavar="ADDRESS", help=cluster)
    database = "nbgrader's database to write the grades into too: lab/gradebook.db"
    add("--gradebook", type=Path, metavar="FILE", help=database)
    return parser


def _grade_all(options: argparse.Namespace) -> None:
    from lab.feedback import write_reports  # slow, and the workers need it not

    setting = _setting(options)
    submissions = find_submissions(options.submissions.resolve())
    setting = setting._replace(features=shared_features(setting.data, setting.withheld))
    with spread(options.scheduler):
        records = _grade_each(submissions, setting, options)
    write_reports(records, options.out)
    if options.gradebook:
        from lab.gradebook import write_gradebook  # slow too

        write_gradebook(records, submissions, options.gradebook)
    flagged = sum(bool(record.flags) for record in records)
    print(
        f"{len(records)} graded, {flagged} flagged for a person. Isolation: "
        f"{', '.join(isolations(records))}. See {options.out / 'class.html'}."
    )


def _grade_each(submissions, setting: Setting, options) -> list[Record]:
    """Grade many at once, in any order; give the records in that of the submissions."""
    grade = grade_submission if options.scheduler else partial(_grade_for, os.getpid())
    # One at a time goes to whoever is free, also to a worker that joins late; batches
    # would be sized by what is graded already, which takes no time.
    workers = Parallel(
        options.jobs,
        return_as="generator_unordered",
        pre_dispatch="all",
        batch_size=1,
    )
    records = workers(delayed(grade)(each, setting) for each in submissions)
    bar = tqdm(records, "Grading", len(submissions), unit="submission")
    order = {submission.name: n for n, submission in enumerate(submissions)}
    return sorted(bar, key=lambda record: order[record.name])


def _grade_for(grader: int, submission: Submission, setting: Setting) -> Record:
    """Grade one submission in a process that does not outlive the grader's."""
    if os.getpid() != grader:
        if sys.platform == "linux":
            control(PR_SET_PDEATHSIG, SIGKILL)
        if os.getppid() != grader:
            sys.exit("the grader has ended")
    return grade_submission(submission, setting)


def isolations(records: list[Record]) -> list[str]:
    """List the kinds of isolation that ran.

    Parameters
    ----------
    records : list of Record
        The grades.

    Returns
    -------
    list of str
        Sorted; "none" where no submission could be run.
    """
    return sorted({each.isolation for each in records if each.isolation}) or ["none"]


def _setting(options: argparse.Namespace) -> Setting:
    """Read the answers and make sure of the isolation."""
    require = ISOLATIONS[0] if options.require_isolation else ISOLATIONS[-1]
    if options.require_isolation and isolation() != require:
        raise Problem(
            f"{require} does not work here, so nothing was graded. On Debian and "
            f"Ubuntu: apt install {require}."
        )
    for folder in filter(None, (options.data, options.withheld)):
        if not folder.is_dir():
            raise Problem(f"{folder} is no folder: name one with pictures.")
    content, seed, pictures = _read_answers(options.answers)
    version = _digest(Path(questions.__file__).read_bytes(), content)
    # Other machines of a cluster have another current folder.
    records = options.out.resolve() / "records"
    folders = [each and each.resolve() for each in (options.data, options.withheld)]
    limits = Limits(busy=options.seconds, wall=WAITING * options.seconds)
    return Setting(
        records, version, seed, pictures, *folders, require=require, limits=limits
    )


def _read_answers(path: Path) -> tuple[bytes, int, dict[str, str]]:
    """Read the seed and the true breeds."""
    try:
        content = path.read_bytes()
        answers = json.loads(content)
        seed, pictures = abs(int(answers["seed"])), dict(answers["pictures"])
        score_predictions("", pictures)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(
            f"{path} is not what python -m lab.withhold wrote ({error!r})."
        ) from None
    return content, seed, pictures


def _digest(*contents: bytes) -> str:
    digests = b"".join(hashlib.sha256(content).digest() for content in contents)
    return hashlib.sha256(digests).hexdigest()


def grade_submission(submission: Submission, setting: Setting) -> Record:
    """Grade one submission, or find its grade from an earlier run.

    Parameters
    ----------
    submission : Submission
        What a student handed in.
    setting : Setting
        What all are graded with.

    Returns
    -------
    Record
        What cannot be judged has 0 points and a flag. The grade is kept in a file,
        unless the grader itself failed.
    """
    try:
        content = read_submission(submission)
        notebook = read_notebook(content, list(POINTS))
    except Unreadable as error:
        nothing = _nothing(setting, str(error))
        return _record(submission, setting, nothing, nothing.flags)
    key = _digest(content, setting.version.encode())
    path = setting.records / f"{submission.name}.json"
    return _kept(path, key) or _grade(submission, notebook, setting, path, key)


def _nothing(setting: Setting, reason: str) -> Answers:
    """Stand in for the answers of a submission that could not be run."""
    failure = Failure("could not be run")
    missing = Failure("was not written")
    calls = hidden_calls(setting.seed)
    arrays = {name: [failure] * len(asked) for name, asked in calls.items()}
    return Answers(arrays, missing, {}, "", [reason])


def _kept(path: Path, key: str) -> Record | None:
    """Find a grade for the same submission by the same questions."""
    try:
        record = Record(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    scores = {
        name: [Finding(*finding) for finding in findings]
        for name, findings in record.scores.items()
    }
    return record._replace(scores=scores) if record.key == key else None


def _grade(submission, notebook: Notebook, setting, path: Path, key: str) -> Record:
    """Run a submission, judge what comes out and keep the grade."""
    start = time.perf_counter()
    try:
        answers = _ask(notebook.content, setting)
        record = _record(submission, setting, answers, notebook.remarks)
    except Exception as error:  # of the grader itself: the rest goes on
        message = f"The grader failed, grade again: {printable(repr(error), 300)}"
        return _record(submission, setting, _nothing(setting, message), [])
    seconds = round(time.perf_counter() - start, 2)
    record = record._replace(key=key, seconds=seconds)
    with replacing(path) as part:
        part.write_text(json.dumps(record._asdict()), encoding="utf-8")
    return record


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


def _ask(notebook: bytes, setting: Setting) -> Answers:
    """Run a notebook and call its functions; hidden inputs go in last."""
    names = ("data", "limits", "withheld", "features", "require")
    settings = {name: getattr(setting, name) for name in names}
    with Sandbox(notebook, **settings) as sandbox:
        stopped = sandbox.run()
        if stopped and stopped.reason.startswith(NOT_STARTED):
            raise RuntimeError(stopped.reason)
        failures = dict(sandbox.failures)
        predictions = sandbox.file(PREDICTIONS_FILE, PREDICTIONS_BYTES)
        calls = hidden_calls(setting.seed)
        arrays = {name: _call(sandbox, asked) for name, asked in calls.items()}
        # Cells ran again after a crash, and then too they may have failed.
        flags = _grave_flags({"the notebook": stopped} if stopped else {})
        ended = {name: Failure(reason) for name, reason in sandbox.failures.items()}
        flags += _grave_flags({_cell(name): each for name, each in ended.items()})
        return Answers(arrays, predictions, failures, sandbox.isolation, flags)


def _call(sandbox, calls: list[Call]) -> list:
    """Call for one question; a function that hangs or crashes is not called again."""
    answers, broken = [], {}
    for call in calls:
        answer = broken.get(call.function)
        if answer is None:
            answer = _discreet(sandbox.call(call.function, call.arguments))
        if _is_grave(answer):
            broken[call.function] = answer
        answers.append(answer)
    return answers


def _discreet(answer):
    """Reword a failure: its text is the submission's, and may hold a hidden input."""
    if not isinstance(answer, Failure):
        return answer
    if raised := RAISED.match(answer.reason):
        known = raised[1] in EXCEPTIONS
        return Failure(f"raised {raised[1] if known else 'an exception of its own'}")
    told = (told for start, told in REASONS.items() if answer.reason.startswith(start))
    return Failure(next(told, "gave no answer"))


def _is_grave(answer) -> bool:
    """Tell what a person should look at: it may be the machine's fault."""
    return isinstance(answer, Failure) and answer.reason in GRAVE.values()


def _grave_flags(answers: dict) -> list[str]:
    """Give a flag for each grave failure, by the name of what failed."""
    told = {name: _discreet(answer) for name, answer in answers.items()}
    return [f"{name} {a.reason}" for name, a in told.items() if _is_grave(a)]


def _record(submission, setting, answers: Answers, remarks: list[str]) -> Record:
    """Judge the answers, in the grader's own process."""
    scores, flags = {}, list(answers.flags)
    for name, calls in hidden_calls(setting.seed).items():
        arrays = answers.arrays[name]
        scores[name], flag = _judged(QUESTIONS[name], calls, arrays)
        pairs = zip(calls, arrays, strict=True)
        flags += flag + _grave_flags({call.function: a for call, a in pairs})
    text = answers.predictions
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    scores[PREDICTIONS] = score_predictions(text, setting.pictures)
    failed = [_remark(*each) for each in answers.failures.items() if _is_own(each[0])]
    return Record(
        *submission[:4],
        key="",
        scores=scores,
        remarks=[*remarks, *failed[:MOST_REMARKS]],
        flags=sorted(set(flags), key=flags.index),
        mistakes=count_mistakes(text, setting.pictures),
        isolation=answers.isolation,
        seconds=0,
    )


def _judged(question, calls, arrays) -> tuple[list[Finding], list[str]]:
    """Judge one question; whatever goes wrong with that gives no points."""
    try:
        findings = question.judge(calls, arrays)
        points = math.fsum(each.points for each in findings)
        fair = all(0 <= each.earned <= each.points for each in findings)
        if fair and abs(points - question.points) < ROUNDING:
            return findings, []
        reason = "the points do not add up"
    except Exception as error:  # nothing fails open
        reason = type(error).__name__
    message = "This could not be judged; a person will look at it."
    finding = Finding(question.title, question.points, 0, message)
    return [finding], [f"{question.id}: could not be judged ({reason})"]


def _is_own(cell: str | int) -> bool:
    """Tell a cell of the student's from a visible check, which the scores cover."""
    return not str(cell).startswith("check_")


def _remark(cell: str | int, reason: str) -> str:
    """Tell a student which cell failed and how."""
    return f"{_cell(cell)} {printable(reason, REASON_LETTERS)}"


def _cell(name: str | int) -> str:
    if isinstance(name, str):
        return f"cell “{printable(name)}”"
    return f"cell {name + 1} from the top"


if __name__ == "__main__":
    # Worker processes must find these classes under the module's own name.
    from lab.grade import main as main_of_the_module

    sys.exit(main_of_the_module())
