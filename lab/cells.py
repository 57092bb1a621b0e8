"""Read the cells of a notebook, whoever wrote it: for checks and for the grader."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

RELEASE = Path(__file__).parent / "release" / "pets" / "OxfordPets.ipynb"
KINDS = ("code", "markdown", "raw")
NAME_LETTERS = 100  # of a cell's name
MAX_CELLS = 2000
SOURCE_LETTERS = 4 << 20  # of all cells


class NoNotebook(ValueError):
    """Why a file cannot be read as a notebook."""


def read_cells(content: bytes) -> tuple[list[dict], list[str]]:
    """Read a notebook of any version of the format; leave all but its cells out.

    Parameters
    ----------
    content : bytes
        The file, with or without a byte-order mark.

    Returns
    -------
    cells : list of dict
        In format 4: type, source, and the name that nbgrader gave, without outputs.
    remarks : list of str
        What is odd about it, a sentence each.

    Raises
    ------
    NoNotebook
        It is none, or it is larger than any answer.
    """
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
        if notebook["nbformat"] != 4:
            import nbformat  # slow, and only old notebooks need it

            notebook = nbformat.convert(nbformat.from_dict(notebook), 4)
        given = list(notebook["cells"])
    except Exception as error:  # whatever a file of any content makes them raise
        raise NoNotebook(f"it is no notebook ({type(error).__name__})") from None
    if len(given) > MAX_CELLS:
        raise NoNotebook(f"it has more than {MAX_CELLS} cells")
    cells = [clean for n, cell in enumerate(given) if (clean := _clean(n, cell))]
    if given and not cells:
        raise NoNotebook("it is no notebook: none of its cells can be read")
    if sum(len(cell["source"]) for cell in cells) > SOURCE_LETTERS:
        raise NoNotebook(f"its cells have more than {SOURCE_LETTERS:,} characters")
    lost = len(given) - len(cells)
    return cells, [f"{lost} cells cannot be read."] * bool(lost) + _twins(given)


def _clean(number: int, cell) -> dict | None:
    """Keep type, source and name of a cell; None if it has no such thing."""
    source = cell.get("source", "") if isinstance(cell, dict) else None
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or cell.get("cell_type") not in KINDS:
        return None
    name = grade_id(cell)
    metadata = {"nbgrader": {"grade_id": name}} if name else {}
    about = {"id": f"cell-{number}", "cell_type": cell["cell_type"]}
    outputs = {"outputs": [], "execution_count": None}
    extra = outputs if cell["cell_type"] == "code" else {}
    source = source.encode("utf-8", "replace").decode()  # half a character is none
    return about | {"metadata": metadata, "source": source} | extra


def as_notebook(cells: list[dict]) -> bytes:
    """Write cells as a notebook in format 4.

    Parameters
    ----------
    cells : list of dict
        From `read_cells`.

    Returns
    -------
    bytes
        UTF-8.
    """
    about = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}}
    return json.dumps(about | {"cells": cells}, ensure_ascii=False).encode()


def grade_id(cell: dict) -> str:
    """Read the name that nbgrader gave a cell.

    Parameters
    ----------
    cell : dict
        A cell of a notebook, as nbformat or json reads it.

    Returns
    -------
    str
        Empty for a cell without a name, or with one that nbgrader never gives.
    """
    try:
        name = cell["metadata"]["nbgrader"]["grade_id"]
    except (KeyError, TypeError):
        return ""
    fit = isinstance(name, str) and 0 < len(name) <= NAME_LETTERS
    return name.encode("utf-8", "replace").decode() if fit else ""


def grade_ids(cells) -> list[str]:
    """List nbgrader's names of the cells, in their order.

    Parameters
    ----------
    cells : iterable of dict

    Returns
    -------
    list of str
        Cells without such a name are left out.
    """
    return [name for cell in cells if (name := grade_id(cell))]


def misplaced(found: list[str], expected: list[str]) -> list[str]:
    """List cells that are missing, there twice, or out of order.

    Parameters
    ----------
    found, expected : list of str
        nbgrader's names of the cells.

    Returns
    -------
    list of str
        One sentence each.
    """
    counts = Counter(found)
    absent = [f"The cell {name} is missing." for name in expected if not counts[name]]
    many = [f"The cell {n} is there {k} times." for n, k in counts.items() if k > 1]
    known = [name for name in dict.fromkeys(found) if name in expected]
    turned = [
        f"The cell {below} should stand before {above}, not after it."
        for above, below in pairwise(known)
        if expected.index(below) < expected.index(above)
    ]
    return absent + many + turned


def _twins(cells) -> list[str]:
    """Complain about identities that more than one cell has."""
    found = (cell.get("id") for cell in cells if isinstance(cell, dict))
    counts = Counter(id for id in found if isinstance(id, str) and id.isprintable())
    repeated = [(each[:40], n) for each, n in counts.items() if each and n > 1][:5]
    return [f"{n} cells have the identity {each}." for each, n in repeated]
