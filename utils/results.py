"""Key results: of a notebook, shown in it, and of all, in notebooks/results.json."""

import html
import json
import math
from numbers import Integral, Real

from IPython.display import display

from utils.files import ROOT

RESULTS = ROOT / "notebooks" / "results.json"
MIME = "application/vnd.idealcat.results+json"


def show_results(**values) -> None:
    """Show the key results as a table that `make run` and `make report` read too.

    Parameters
    ----------
    **values : str or number
        Each result under its name, an underscore for each space; ``source`` says
        where the pictures are from. The last call in a notebook is the one that
        counts.

    Raises
    ------
    TypeError
        If a value is neither a text nor a single number.
    ValueError
        If a number is not finite.
    """
    results = {key.replace("_", " "): _plain(key, item) for key, item in values.items()}
    texts = {name: as_text(value) for name, value in results.items()}
    width = max(map(len, texts), default=0)
    plain = "\n".join(f"{name:{width}}  {text}" for name, text in texts.items())
    row = '<tr><th scope="row" style="text-align: left">{}</th><td>{}</td></tr>'
    rows = (row.format(html.escape(n), html.escape(t)) for n, t in texts.items())
    table = f"<table>{''.join(rows)}</table>"
    display({"text/plain": plain, "text/html": table, MIME: results}, raw=True)


def results_of(notebook) -> dict[str, str | bool | int | float]:
    """Find the last results that the outputs of a notebook carry.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        A notebook with its outputs.

    Returns
    -------
    dict
        Values by name, in the order they were given; empty where there are none.
    """
    outputs = (o for cell in notebook.cells for o in cell.get("outputs", []))
    found = [output.data[MIME] for output in outputs if MIME in output.get("data", {})]
    return dict(found[-1]) if found else {}


def read_results() -> dict[str, dict]:
    """Read the file of everything that was measured for the pages.

    Returns
    -------
    dict
        Sections (drawn, photographs, bench) of entries by name, each with its value
        and the command that measures it.
    """
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def quote(name: str, results: dict[str, dict], language: str) -> str:
    """Write a result as a page in some language quotes it.

    Parameters
    ----------
    name : str
        Section, entry and perhaps a format of Python, as in
        ``bench.vgg-16:.1f``; after ``%`` the page itself writes the sign.
    results : dict
        From `read_results`.
    language : str
        "en", or one with a decimal comma.

    Returns
    -------
    str
        A number.

    Raises
    ------
    ValueError
        There is no such result, or the format does not fit it.
    """
    key, _, spec = name.partition(":")
    section, _, entry = key.partition(".")
    if entry not in results.get(section, {}):
        raise ValueError(f"there is no result {key} in {RESULTS.name}")
    try:
        text = format(results[section][entry]["value"], spec).removesuffix("%")
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return text if language == "en" else text.replace(".", ",")


def _plain(name: str, value) -> str | bool | int | float:
    """Turn a scalar of any library into what JSON knows."""
    if getattr(value, "size", None) == 1:
        value = value.item()
    if isinstance(value, str | bool):
        return value
    if not isinstance(value, Real):
        raise TypeError(f"Result {name}: expected a text or one number, not {value!r}.")
    if not math.isfinite(value):
        raise ValueError(f"Result {name} is {value}: what went into it is not finite.")
    return int(value) if isinstance(value, Integral) else float(value)


def as_text(value: str | bool | int | float) -> str:
    """Write a result for a table, a float with four digits."""
    if isinstance(value, str | bool):
        return str(value)
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}"
