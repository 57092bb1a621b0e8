"""What a student and a grader are told of a call that gave no answer."""

from lab.sandbox.messages import Failure

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


def discreet(answer):
    """Reword a failure: its text is the submission's, and may hold a hidden input."""
    if not isinstance(answer, Failure):
        return answer
    if answer.reason.startswith("raised"):
        return Failure("raised an error: call it on other data of this kind")
    told = (told for start, told in REASONS.items() if answer.reason.startswith(start))
    return Failure(next(told, "gave no answer"))


def is_grave(answer) -> bool:
    """Return whether a person should look at it: it may be the machine's fault."""
    return isinstance(answer, Failure) and answer.reason in GRAVE.values()


def grave_flags(answers: dict) -> list[str]:
    """Return a flag for each grave failure, by the name of what failed."""
    told = {name: discreet(answer) for name, answer in answers.items()}
    return [f"{name} {a.reason}" for name, a in told.items() if is_grave(a)]
