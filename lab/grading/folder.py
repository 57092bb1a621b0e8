"""Grade a folder of submissions, many at once, on one machine or a cluster."""

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

from lab.grading.comparing import with_comparisons
from lab.grading.features import shared_features
from lab.grading.grading import grade_submission
from lab.grading.names import Unreadable
from lab.grading.pictures import show_pictures, show_withheld
from lab.grading.reading import digest
from lab.grading.record import Record, Setting, isolations
from lab.grading.submissions import Submission, find_submissions, read_submission
from lab.questions.points import POINTS
from lab.questions.predictions import score_predictions
from lab.sandbox.isolation import ISOLATIONS
from lab.sandbox.supervisor import Limits
from lab.sandbox.syscalls import PR_SET_PDEATHSIG, control
from lab.sandbox.trial import require_walls
from utils.command import Problem
from utils.training.cluster import spread

WALL_FACTOR = 5  # times as long as it may compute, a cell may take: others compute too


def grade_folder(options: argparse.Namespace) -> None:
    """Grade every submission, and write the reports.

    Parameters
    ----------
    options : argparse.Namespace
        What the parser of `lab.grade` read.

    Raises
    ------
    Problem
        Something named there is not as it should be, or a process was killed.
    """
    from lab.grading.feedback import write_reports  # slow, and the workers need it not

    submissions = find_submissions(options.submissions.resolve())
    if options.dry_run:
        _show(submissions)
        return
    setting = _setting(options)
    setting = _with_pictures(setting, options.out.resolve() / "shown")
    try:
        with spread(options.scheduler):
            records = _grade_each(submissions, setting, options)
    except TerminatedWorkerError:
        raise Problem(
            "A process of the grader was killed, perhaps for want of memory. The same "
            "command goes on from here; --jobs 1 takes the least memory."
        ) from None
    compared = with_comparisons(records)
    marks = {}
    if options.import_gradebook:
        from lab.grading.gradebook import marks_by_hand  # slow

        marks = marks_by_hand(records, options.import_gradebook)
    write_reports(records, compared, options.out, marks, options.assignment)
    if options.gradebook:
        from lab.grading.gradebook import write_gradebook  # slow too

        write_gradebook(compared, submissions, options.gradebook)
    flagged = sum(bool(record.flags) for record in compared)
    print(
        f"{len(records)} graded, {flagged} flagged for a person. Isolation: "
        f"{', '.join(isolations(records))}. See {options.out / 'class.html'}."
    )


def _with_pictures(setting: Setting, folder: Path) -> Setting:
    """Lay out what submissions see, and compute its features."""
    data, withheld = show_pictures(setting.data, folder), setting.withheld
    if withheld:
        about = withheld, setting.data, folder, setting.seed
        withheld, probes = show_withheld(*about)
        setting = setting._replace(withheld=withheld, probes=probes)
    features = shared_features(data, withheld)
    return setting._replace(data=data, features=features)


def _show(submissions: list[Submission]) -> None:
    """Print who handed in which file, without grading."""
    for each in submissions:
        try:
            said = read_submission(each, list(POINTS))
            told = "; ".join([said.chosen, *said.flags])
        except Unreadable as error:
            told = f"! {error}"
        who = (
            f"{each.student} ({each.system} {each.number})"
            if each.system
            else each.student
        )
        print(f"{who}: {told}")


def _grade_each(submissions, setting: Setting, options) -> list[Record]:
    """Grade many at once, in any order; give the records in that of the submissions."""
    grade = grade_submission if options.scheduler else partial(_grade_for, os.getpid())
    # One at a time goes to whoever is free, also to a worker that joins late; batches
    # would be sized by what is graded already, which takes no time.
    ways = {"return_as": "generator_unordered", "pre_dispatch": "all", "batch_size": 1}
    workers = Parallel(options.jobs, **ways)
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
    require = ISOLATIONS[-1] if options.weak_isolation else ISOLATIONS[0]
    require_walls(require)
    for file in filter(None, (options.gradebook, options.import_gradebook)):
        if not file.resolve().parent.is_dir():
            raise Problem(f"{file.parent} is no folder: make it, or name another file.")
    for folder in filter(None, (options.data, options.withheld)):
        if not folder.is_dir():
            raise Problem(f"{folder} is no folder: name one with pictures.")
    content, seed, pictures = _read_answers(options.answers)
    # Other machines of a cluster have another current folder.
    records = options.out.resolve() / "records"
    folders = [each and each.resolve() for each in (options.data, options.withheld)]
    limits = Limits(
        busy=options.seconds,
        wall=WALL_FACTOR * options.seconds,
        total=60 * options.minutes,
    )
    version = _version(content, limits, *folders)
    data, withheld = folders
    return Setting(
        records,
        version,
        seed,
        pictures,
        data=data,
        withheld=withheld,
        require=require,
        limits=limits,
    )


def _version(answers: bytes, limits: Limits, *folders: Path | None) -> str:
    """Describe all that decides a grade besides the submission and the walls."""
    lab = Path(__file__).parents[1]
    code = [path.read_bytes() for path in sorted(lab.rglob("*.py"))]
    files = [_listing(folder) if folder else "" for folder in folders]
    return digest(*code, answers, json.dumps([limits, files]).encode())


def _listing(folder: Path) -> list:
    """List the files of a folder of pictures with their sizes and times."""
    files = (
        (path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()
    )
    return [
        (path.relative_to(folder).as_posix(), about.st_size, about.st_mtime_ns)
        for path, about in files
    ]


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
