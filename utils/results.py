"""Key results of a notebook: shown in it, and read by the tools."""

import html
import math
from numbers import Integral, Real

from IPython.display import display

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
    bundle = {"text/plain": _lines(texts), "text/html": _html(texts), MIME: results}
    display(bundle, raw=True)


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


def _lines(texts: dict[str, str]) -> str:
    width = max(map(len, texts), default=0)
    return "\n".join(f"{name:{width}}  {text}" for name, text in texts.items())


def _html(texts: dict[str, str]) -> str:
    row = '<tr><th scope="row" style="text-align: left">{}</th><td>{}</td></tr>'
    rows = (row.format(html.escape(n), html.escape(t)) for n, t in texts.items())
    return f"<table>{''.join(rows)}</table>"
