"""Grade a folder of submissions; run again, it goes on where it was stopped."""

import argparse
import json
import os
import sys
from functools import partial
from pathlib import Path
from signal import SIGKILL

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from lab.grading.features import shared_features
from lab.grading.grading import digest, grade_submission
from lab.grading.record import Record, Setting, isolations
from lab.grading.submissions import Submission, find_submissions
from lab.questions.predictions import score_predictions
from lab.sandbox.isolation import ISOLATIONS, strongest_isolation
from lab.sandbox.supervisor import Limits
from lab.sandbox.syscalls import PR_SET_PDEATHSIG, control
from utils.command import Problem, attempt
from utils.training.cluster import spread

WALL_FACTOR = 5  # times as long as it may compute, a cell may take: others compute too
QUESTIONS_CODE = Path(__file__).with_name("questions")


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
    stopped = "Stopped. The same command goes on from here."
    return attempt(lambda: _grade_all(options), stopped)


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
    from lab.grading.feedback import write_reports  # slow, and the workers need it not

    setting = _setting(options)
    submissions = find_submissions(options.submissions.resolve())
    setting = setting._replace(features=shared_features(setting.data, setting.withheld))
    try:
        with spread(options.scheduler):
            records = _grade_each(submissions, setting, options)
    except TerminatedWorkerError:
        raise Problem(
            "A process of the grader was killed, perhaps for want of memory. The same "
            "command goes on from here; --jobs 1 takes the least memory."
        ) from None
    write_reports(records, options.out)
    if options.gradebook:
        from lab.grading.gradebook import write_gradebook  # slow too

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


def _setting(options: argparse.Namespace) -> Setting:
    """Read the answers and make sure of the isolation."""
    require = ISOLATIONS[0] if options.require_isolation else ISOLATIONS[-1]
    if options.require_isolation and strongest_isolation() != require:
        raise Problem(
            f"{require} does not work here, so nothing was graded. On Debian and "
            f"Ubuntu: apt install {require}."
        )
    for folder in filter(None, (options.data, options.withheld)):
        if not folder.is_dir():
            raise Problem(f"{folder} is no folder: name one with pictures.")
    content, seed, pictures = _read_answers(options.answers)
    judging = [path.read_bytes() for path in sorted(QUESTIONS_CODE.glob("*.py"))]
    version = digest(*judging, content)
    # Other machines of a cluster have another current folder.
    records = options.out.resolve() / "records"
    folders = [each and each.resolve() for each in (options.data, options.withheld)]
    limits = Limits(busy=options.seconds, wall=WALL_FACTOR * options.seconds)
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


if __name__ == "__main__":
    sys.exit(main())
