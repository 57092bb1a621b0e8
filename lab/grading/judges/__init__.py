"""How answers are judged, on hidden inputs: never where a submission runs."""

from lab.grading.judges.asking import mark

__all__ = ["mark"]
