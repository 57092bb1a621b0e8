"""Pictures: datasets, loading, and what is wrong with files."""

from utils.data.datasets import (
    SAMPLE,
    Pictures,
    load_cats_vs_dogs,
    load_folder,
    load_pets,
    load_photographs,
)
from utils.data.duplicates import report_duplicates
from utils.data.images import load_images
from utils.files import DATA

__all__ = [
    "DATA",
    "SAMPLE",
    "Pictures",
    "load_cats_vs_dogs",
    "load_folder",
    "load_images",
    "load_pets",
    "load_photographs",
    "report_duplicates",
]
