"""What the assignment asks, and how answers are judged."""

from lab.questions.asking import check, mark
from lab.questions.predictions import check_predictions, score_predictions

__all__ = ["check", "check_predictions", "mark", "score_predictions"]
