"""List translated sections that are stale: `python -m tools.translations`."""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

from tools import quizzes
from tools.languages import language_bar, numbers, section_hash
from tools.markdown import Section, prose, render, sections
from utils import quiz
from utils.files import ROOT, replacing
from utils.languages import LANGUAGES, language

FOLDERS = ROOT / "notebooks", ROOT / "lab"  # quizzes are made from JSON
# English files that have to be there in every language.
REQUIRED = "notebooks/README.md", "lab/README.md"
STAMP = re.compile(r"<!-- of (\S*) -->")


def main(arguments: list[str] | None = None) -> int:
    """Print what is stale, or stamp finished translations.

    Parameters
    ----------
    arguments : list of str, optional
        The command line without the program; of the process by default.

    Returns
    -------
    int
        Exit status: 0 if every translation is up to date, 1 if not, 2 if a file
        cannot be stamped.
    """
    files = _parser().parse_args(arguments).stamp
    try:
        for path in files:
            stamp_file(path)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return _report(
        {path: review(path) for path in files} or review_all() | review_quizzes()
    )


def review_all() -> dict[Path, list[str]]:
    """Compare every translated Markdown file with the English one.

    Returns
    -------
    dict of Path to list of str
        What is wrong with each translation, and with each file that is missing.
    """
    found = {ROOT / name: [] for name in _required()}
    for folder in FOLDERS:
        found |= dict.fromkeys(path for path in folder.glob("*.md") if language(path))
    return {path: review(path) for path in sorted(found)}


def review_quizzes() -> dict[Path, list[str]]:
    """Compare every translated quiz with the English one.

    Returns
    -------
    dict of Path to list of str
        What is wrong with each.
    """
    found = {}
    for name in quiz.ids():
        for code in quiz.languages(name)[1:]:
            try:
                problems = quizzes.stale(name, code)
            except ValueError as error:
                problems = [str(error)]
            found[quiz.QUIZZES / f"{name}.{code}.json"] = problems
    return found


def review(path: Path) -> list[str]:
    """Compare a translated file with the English one.

    Parameters
    ----------
    path : Path
        The translation, `NAME.<language>.md` beside `NAME.md`.

    Returns
    -------
    list of str
        What is wrong, a line each; empty if the translation is up to date.

    Raises
    ------
    ValueError
        The name of the file has none of the languages in it.
    """
    source = english_of(path)
    for file in (source, path):
        if not file.is_file():
            return [f"{file.name} is missing"]
    english, translation = _read(source), _read(path)
    bar = language_bar(source.name)
    bars = {source: _opening(english), path: _opening(translation)}
    return [
        f"{file.name} does not begin with the language bar: {bar}"
        for file, opening in bars.items()
        if opening != bar
    ] + compare(english, translation, language(path))


def compare(english: str, translation: str, language: str) -> list[str]:
    """Compare two texts section by section.

    Parameters
    ----------
    english, translation : str
        Markdown.
    language : str
        The language of the translation, such as "da".

    Returns
    -------
    list of str
        What is wrong: stale sections, headings that do not match, and code, numbers,
        links and pictures that differ.
    """
    found = []
    for ours, theirs in _align(sections(english), sections(translation)):
        if not _match(ours, theirs):
            found.append(_mismatch(ours, theirs))
            continue
        for one, other in zip(ours, theirs, strict=True):
            place = f'line {other.line}, "{other.title}"'
            found += [f"{place}: {what}" for what in _differences(one, other, language)]
    return found


def stamp_file(path: Path) -> None:
    """Write into a finished translation which English sections it was made from.

    Parameters
    ----------
    path : Path
        The translation; it is replaced.

    Raises
    ------
    ValueError
        The headings do not match those of the English file one to one, or the name
        of the file has none of the languages in it.
    OSError
        A file cannot be read or written.
    """
    source = english_of(path)
    try:
        text = stamp(_read(path), _read(source))
    except ValueError as error:
        raise ValueError(f"{path} was not stamped: {error}") from None
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def stamp(translation: str, english: str) -> str:
    """Put the hash of the English section below each heading of a translation.

    Parameters
    ----------
    translation, english : str
        Markdown.

    Returns
    -------
    str
        The translation; hashes that it carried are replaced.

    Raises
    ------
    ValueError
        The headings do not match one to one.
    """
    ours, theirs = sections(english), sections(translation)
    for run, other_run in _align(ours, theirs):
        if not _match(run, other_run):
            raise ValueError(_mismatch(run, other_run))
    lines = translation.split("\n")[: theirs[0].line - 1] if theirs else []
    for one, other in zip(ours, theirs, strict=True):
        body = other.body if _stamped(other) is None else other.body[1:]
        lines += [*other.heading, f"<!-- of {section_hash(one.text)} -->", *body]
    return "\n".join(lines)


def english_of(path: Path) -> Path:
    """Locate the English file that a translation stands beside.

    Parameters
    ----------
    path : Path
        `NAME.<language>.md`.

    Returns
    -------
    Path
        `NAME.md`, in the same folder.

    Raises
    ------
    ValueError
        The name has none of the languages in it.
    """
    if code := language(path):
        return path.with_name(path.name.removesuffix(f".{code}.md") + ".md")
    raise ValueError(
        f"{path} is no translation: its name has to end in .<language>.md, with one "
        f"of {', '.join(LANGUAGES)}."
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _required() -> Iterator[str]:
    for name in REQUIRED:
        yield from (f"{name.removesuffix('.md')}.{code}.md" for code in LANGUAGES)


def _opening(text: str) -> str:
    """Return the first line of prose after the title."""
    first = sections(text)[0].body if sections(text) else []
    lines = (line.strip() for line in first if not STAMP.fullmatch(line.strip()))
    return next(filter(None, lines), "")


def _stamped(section: Section) -> str | None:
    """Read which English section a translated one was made from."""
    found = STAMP.fullmatch(section.body[0].strip()) if section.body else None
    return found[1] if found else None


def _align(
    english: list[Section], translation: list[Section]
) -> Iterator[tuple[list[Section], list[Section]]]:
    """Pair runs of sections: by their hashes, and by order between those that agree."""
    ours = [section_hash(section.text) for section in english]
    theirs = [_stamped(section) for section in translation]
    matcher = SequenceMatcher(None, ours, theirs)
    for _, first, last, start, end in matcher.get_opcodes():
        yield english[first:last], translation[start:end]


def _match(ours: list[Section], theirs: list[Section]) -> bool:
    """Return whether the headings have the same levels, one to one."""
    return [one.level for one in ours] == [other.level for other in theirs]


def _mismatch(ours: list[Section], theirs: list[Section]) -> str:
    """Name the headings that face each other, from first to last difference."""
    while ours and theirs and ours[0].level == theirs[0].level:
        ours, theirs = ours[1:], theirs[1:]
    return (
        f"headings do not match: English has {_titles(ours)}, here is {_titles(theirs)}"
    )


def _titles(sections: list[Section]) -> str:
    titles = [f'"{"#" * section.level} {section.title}"' for section in sections]
    return ", ".join(titles) or "nothing"


def _differences(one: Section, other: Section, language: str) -> Iterator[str]:
    """List what a translated section has otherwise than the English one."""
    if _stamped(other) is None:
        yield "it carries no hash (--stamp writes it when the translation is finished)"
    elif _stamped(other) != section_hash(one.text):
        yield f'the English section "{one.title}" has changed'
    ours, theirs = _parts(one, "en", language), _parts(other, language, language)
    for name in ours:
        if lacking := _in_words(ours[name] - theirs[name]):
            yield f"{name}: {lacking} of the English text is not here"
        if besides := _in_words(theirs[name] - ours[name]):
            yield f"{name}: {besides} is not in the English text"
    for alt in sorted(_alts(one) & _alts(other)):
        yield f'the alt text "{alt}" is English'


def _parts(section: Section, own: str, other: str) -> dict[str, Counter]:
    """Count what has to be the same in a section and its translation."""
    page = render(section.text)
    blocks = page.find_all("pre")
    spans = [code for code in page.find_all("code") if code.parent not in blocks]
    return {
        "code": Counter(block.get_text() for block in blocks),
        "code in a line": Counter(span.get_text() for span in spans),
        "number": Counter(numbers(prose(page), own)),
        "link": Counter(
            _target(a["href"], other) for a in page.find_all("a", href=True)
        ),
        "picture": Counter(picture.get("src", "") for picture in page.find_all("img")),
    }


def _target(address: str, language: str) -> str:
    """Take a file in this language for the English one, and any of its headings."""
    path = address.partition("#")[0]
    if "://" in address or (path and not path.endswith(".md")):
        return address
    return path.replace(f".{language}.md", ".md") or "#"


def _alts(section: Section) -> set[str]:
    return {picture.get("alt", "") for picture in render(section.text).find_all("img")}


def _in_words(parts: Counter) -> str:
    return ", ".join(repr(part) for part in parts.elements())


def _report(found: dict[Path, list[str]]) -> int:
    """Print what is wrong, file by file, and give the exit status."""
    stale = {path: problems for path, problems in found.items() if problems}
    for path, problems in stale.items():
        print(_short(path), *problems, sep="\n  ")
    if not stale:
        print(f"Translations up to date: {len(found)}.")
    return int(bool(stale))


def _short(path: Path) -> str:
    path = path.resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.translations", description=__doc__
    )
    parser.add_argument(
        "--stamp",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="finished translations, to write the hashes of the English sections into",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
