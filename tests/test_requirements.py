"""What is imported is asked for: no library is here only because another brings it."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("utils", "lab", "tools", "tests")
NOTEBOOKS = (*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("lab/source/*/*.ipynb"))
DISTRIBUTIONS = packages_distributions()


def declared() -> set[str]:
    """Read the names of the libraries in requirements.txt."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    return {_plain(name) for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}


def imported(source: str) -> set[str]:
    """List the packages, not of Python itself or the course, that a source imports."""
    nodes = list(ast.walk(ast.parse(source)))
    names = [a.name for n in nodes if isinstance(n, ast.Import) for a in n.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    packages = {name.split(".")[0] for name in names}
    return packages - sys.stdlib_module_names - set(FOLDERS)


def cells(notebook: Path) -> list[str]:
    """Read the code cells of a notebook, without magics."""
    read = nbformat.read(notebook, nbformat.NO_CONVERT).cells
    code = (cell.source for cell in read if cell.cell_type == "code")
    return [re.sub(r"^\s*[%!].*$", "", source, flags=re.MULTILINE) for source in code]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_import_of_a_module_is_declared(folder):
    for path in (ROOT / folder).rglob("*.py"):
        _check(imported(path.read_text(encoding="utf-8")), path)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_import_of_a_notebook_is_declared(notebook):
    _check(set(chain.from_iterable(map(imported, cells(notebook)))), notebook)


def _check(packages: set[str], path: Path) -> None:
    for package in packages:
        libraries = {_plain(name) for name in DISTRIBUTIONS.get(package, ())}
        assert libraries & declared(), f"{path} imports {package}: declare {libraries}"
