"""What each question is worth."""

POINTS = {
    "split": 3,
    "standardise": 2,
    "head": 4,
    "report": 4,
    "predictions": 5,
    "reflection": 2,
}
BY_HAND = "reflection"
