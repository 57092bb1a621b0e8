"""What the assignment asks, and how answers are judged."""

from lab.questions.asking import ask, check, draw_calls, mark
from lab.questions.judging import Call, Finding, remarks
from lab.questions.points import BY_HAND, POINTS
from lab.questions.predictions import (
    check_predictions,
    count_mistakes,
    score_predictions,
)
from lab.questions.table import QUESTIONS

__all__ = [
    "BY_HAND",
    "Call",
    "Finding",
    "POINTS",
    "QUESTIONS",
    "ask",
    "check",
    "check_predictions",
    "count_mistakes",
    "draw_calls",
    "mark",
    "remarks",
    "score_predictions",
]
