"""Write what was measured into every page that quotes it: `python -m tools.numbers`."""

import argparse
import sys
from pathlib import Path

from tools.languages import MARKER
from tools.report import BEGIN, END, tables
from tools.results import collected, recorded, write
from utils.command import Problem, attempt
from utils.files import ROOT, write_text
from utils.languages import language
from utils.results import quote, read_results

PAGES = "README.md", "data/*.md", "lab/*.md", "notebooks/*.md", "notebooks/quiz/*.md"
README = ROOT / "README.md"


def main(arguments: list[str] | None = None) -> int:
    """Fill, check or collect; return 0 if all is well, 1 if not."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.numbers", description=__doc__
    )
    ways = parser.add_mutually_exclusive_group()
    check = "list each page and number that differs from results.json; write nothing"
    ways.add_argument("--check", action="store_true", help=check)
    collect = "read the results of the saved notebooks into results.json"
    ways.add_argument("--collect", action="store_true", help=collect)
    options = parser.parse_args(arguments)
    return attempt(_check if options.check else _collect if options.collect else _fill)


def pages() -> list[Path]:
    """List the pages of the course, in all languages."""
    return sorted(path for pattern in PAGES for path in ROOT.glob(pattern))


def filled(text: str, language: str, known: dict[str, dict]) -> str:
    """Write the results into a text.

    Parameters
    ----------
    text : str
        Markdown with markers, as in `tools.languages.MARKER`.
    language : str
        Of the text, such as "en".
    known : dict
        From `utils.results.read_results`.

    Returns
    -------
    str
        The text with its number before each marker.

    Raises
    ------
    ValueError
        There is no such result.
    """

    def marked(found) -> str:
        name = found["name"]
        return f"{quote(name, known, language)}<!--{name}-->"

    return MARKER.sub(marked, text)


def _differences(known: dict[str, dict]) -> dict[Path, list[str]]:
    """Compare the pages with the results."""
    found = {}
    for path in pages():
        text, new = path.read_text(encoding="utf-8"), _page(path, known)
        pairs = zip(MARKER.finditer(text), MARKER.finditer(new), strict=True)
        lines = [
            f"{there['name']} is {there['number']}, "
            f"and here it is {here['number'] or 'nothing'}"
            for here, there in pairs
            if here["number"] != there["number"]
        ]
        if path == README and _table(text) != _table(new):
            lines.append("the table of photographs differs")
        if lines:
            found[path] = lines
    return found


def _fill() -> None:
    known = read_results()
    for path in _differences(known):
        write_text(path, _page(path, known))
        print(path.relative_to(ROOT))


def _check() -> None:
    lines = [
        f"{path.relative_to(ROOT)}: {line}"
        for path, found in _differences(read_results()).items()
        for line in found
    ]
    if lines:
        raise Problem("\n".join([*lines, "To write them: python -m tools.numbers"]))


def _collect() -> None:
    known = read_results()
    write(known | {"drawn": collected(known)})


def _page(path: Path, known: dict[str, dict]) -> str:
    """Return what a page should be."""
    text = path.read_text(encoding="utf-8")
    try:
        text = filled(text, language(path) or "en", known)
    except ValueError as error:
        raise Problem(f"{path.relative_to(ROOT)}: {error}.") from None
    if path != README:
        return text
    machine = _table(text).splitlines()[-1]
    return text.replace(_table(text), f"{tables(recorded(known))}\n\n{machine}")


def _table(text: str) -> str:
    """Return what stands between the markers of the report."""
    return text.partition(BEGIN)[2].partition(END)[0].strip()


if __name__ == "__main__":
    sys.exit(main())
