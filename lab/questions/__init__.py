"""What the assignment asks, and what students check their answers with."""

from lab.questions.checking import check
from lab.questions.predictions import check_predictions, score_predictions

__all__ = ["check", "check_predictions", "score_predictions"]
