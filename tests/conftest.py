"""What holds for all tests.

PyTorch is loaded before TensorFlow: on Linux it brings Triton, which crashes the
process when it comes second.
"""

import os
from pathlib import Path

import pytest
import torchvision  # noqa: F401 - this loads Triton too

ROOT = Path(__file__).parents[1]


def pytest_collection_modifyitems(items):
    """Skip what needs photographs where COURSE_DATA names none."""
    wish = os.environ.get("COURSE_DATA", "sample")
    if wish == "sample" or not (ROOT / wish).is_dir():
        skip = pytest.mark.skip(reason="COURSE_DATA names no folder of photographs")
        for item in items:
            if "photographs" in item.keywords:
                item.add_marker(skip)
