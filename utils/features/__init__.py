"""Features of pictures: extracted once, and kept."""

from utils.features.extraction import extract, measure_extraction

__all__ = [
    "extract",
    "measure_extraction",
]
