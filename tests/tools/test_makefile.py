"""The Makefile's environment: made once, refreshed, and never trusted half-made."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"
pytestmark = pytest.mark.skipif(
    os.name == "nt" or not shutil.which("make"), reason="no make here"
)


@pytest.fixture
def course(tmp_path):
    """Make a course that requires nothing, in a folder with a blank in its name."""
    folder = tmp_path / "my course"
    folder.mkdir()
    shutil.copy(MAKEFILE, folder)
    (folder / "requirements.txt").write_text("# nothing\n")
    (folder / ".constraints.txt").touch()
    return folder


def make(folder, *arguments):
    outer = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}  # of the make that runs the tests
    environment = {k: v for k, v in os.environ.items() if k not in outer}
    command = ["make", f"PYTHON={sys.executable}", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )


def test_the_environment_is_made_once_and_refreshed_when_it_must_be(course):
    requirements = course / "requirements.txt"
    (course / ".venv").mkdir()  # complete by its stamp, but its Python has gone
    shutil.copy(requirements, course / ".venv" / ".requirements")
    assert "-m venv" in make(course, ".venv").stdout
    assert make(course, ".venv").stdout == ""

    requirements.write_text("--no-such-option\n")  # stops pip as an interruption does
    assert make(course, ".venv").returncode != 0
    requirements.write_text("# nothing\n")
    assert "pip install" in make(course, ".venv").stdout
    assert make(course, ".venv").stdout == ""

    (course / ".constraints.txt").write_text("# changed\n")
    assert "pip install" in make(course, ".venv").stdout


@pytest.mark.parametrize(
    ("refused", "advice"),
    [
        ("version_info", "needs Python 3.11, 3.12 or 3.13"),
        ("ensurepip", "apt install python3-venv"),
    ],
)
def test_a_python_that_will_not_do_is_told_apart(course, refused, advice):
    python = course / "python"
    refuse = f'case "$2" in *{refused}*) exit 1;; esac\n'
    python.write_text(f'#!/bin/sh\n{refuse}exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    result = make(course, "PYTHON=./python", "run")
    assert result.returncode != 0
    assert advice in result.stderr
    assert not (course / ".venv").exists()


def test_a_missing_python_is_named(course):
    result = make(course, "PYTHON=no-such-python", "run")
    assert "There is no no-such-python here" in result.stderr
