"""What came out for a property of an answer."""

from typing import NamedTuple


class Finding(NamedTuple):
    """What came out for one property of an answer."""

    name: str  # "repeatable for one seed"
    points: float  # what it is worth
    earned: float  # 0 to points
    message: str  # what was expected and what to do; empty if nothing to say


def remarks(findings: list[Finding]) -> list[str]:
    """Write down what is to be said of an answer.

    Parameters
    ----------
    findings : list of Finding
        Of one question.

    Returns
    -------
    list of str
        Each message once, after the names of the findings that have it.
    """
    names = {}
    for finding in findings:
        if finding.message:
            names.setdefault(finding.message, []).append(finding.name)
    return [f"{'; '.join(of)}: {message}" for message, of in names.items()]
