"""List translated sections that are stale: `python -m tools.translations`."""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

from tools import quizzes
from tools.languages import MARKER, language_bar, numbers, section_hash
from tools.markdown import Section, prose, render, sections
from utils import quiz
from utils.files import ROOT, write_text
from utils.languages import LANGUAGES, language

FOLDERS = ROOT / "notebooks", ROOT / "lab"  # quizzes are made from JSON
REQUIRED = "notebooks/README.md", "lab/README.md"  # in every language
STAMP = re.compile(r"<!-- of (\S*) -->")


def main(arguments: list[str] | None = None) -> int:
    """Print what is stale, or stamp finished translations.

    Return 0 if every translation is up to date, 1 if not, 2 if one cannot be stamped.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tools.translations", description=__doc__
    )
    finished = "finished translations, to write the hashes of the English sections into"
    parser.add_argument(
        "--stamp", nargs="+", type=Path, default=[], metavar="FILE", help=finished
    )
    files = parser.parse_args(arguments).stamp
    try:
        for path in files:
            _stamp_file(path)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    found = {path: _review(path) for path in files} or _review_all() | _review_quizzes()
    stale = {path: problems for path, problems in found.items() if problems}
    for path, problems in stale.items():
        print(_short(path), *problems, sep="\n  ")
    if not stale:
        print(f"Translations up to date: {len(found)}.")
    return int(bool(stale))


def _review_all() -> dict[Path, list[str]]:
    """Compare every translated Markdown file with the English one."""
    english = [ROOT / name for name in REQUIRED]
    required = {p.with_suffix(f".{code}.md") for p in english for code in LANGUAGES}
    found = {p for folder in FOLDERS for p in folder.glob("*.md") if language(p)}
    return {path: _review(path) for path in sorted(required | found)}


def _review_quizzes() -> dict[Path, list[str]]:
    """Compare every translated quiz with the English one."""
    found = {}
    for name in quiz.ids():
        for code in quiz.languages(name)[1:]:
            try:
                problems = quizzes.stale(name, code)
            except ValueError as error:
                problems = [str(error)]
            found[quiz.QUIZZES / f"{name}.{code}.json"] = problems
    return found


def _review(path: Path) -> list[str]:
    """Compare a translated file with the English one."""
    source = _english_of(path)
    for file in (source, path):
        if not file.is_file():
            return [f"{file.name} is missing"]
    english, translation = _read(source), _read(path)
    bar = language_bar(source.name)
    found = [
        f"{file.name} does not begin with the language bar: {bar}"
        for file, text in ((source, english), (path, translation))
        if _opening(text) != bar
    ]
    return found + compare(english, translation, language(path))


def compare(english: str, translation: str, language: str) -> list[str]:
    """Compare two texts section by section.

    Parameters
    ----------
    english, translation : str
        Markdown.
    language : str
        Of the translation, such as "da".

    Returns
    -------
    list of str
        What is wrong: stale sections, headings that do not match, and code, numbers,
        links and pictures that differ.
    """
    found = []
    for ours, theirs in _align(sections(english), sections(translation)):
        if problem := _mismatch(ours, theirs):
            found.append(problem)
            continue
        for one, other in zip(ours, theirs, strict=True):
            place = f'line {other.line}, "{other.title}"'
            found += [f"{place}: {what}" for what in _differences(one, other, language)]
    return found


def _stamp_file(path: Path) -> None:
    """Write into a finished translation which English sections it was made from."""
    source = _english_of(path)
    try:
        text = stamp(_read(path), _read(source))
    except ValueError as error:
        raise ValueError(f"{path} was not stamped: {error}") from None
    write_text(path, text)


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
        if problem := _mismatch(run, other_run):
            raise ValueError(problem)
    lines = translation.split("\n")[: theirs[0].line - 1] if theirs else []
    for one, other in zip(ours, theirs, strict=True):
        body = other.body if _stamped(other) is None else other.body[1:]
        lines += [*other.heading, f"<!-- of {section_hash(one.text)} -->", *body]
    return "\n".join(lines)


def _english_of(path: Path) -> Path:
    """Locate the English file, in the same folder, of a translation."""
    if code := language(path):
        return path.with_name(path.name.removesuffix(f".{code}.md") + ".md")
    raise ValueError(
        f"{path} is no translation: its name has to end in .<language>.md, with one "
        f"of {', '.join(LANGUAGES)}."
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _opening(text: str) -> str:
    """Return the first line of prose after the title."""
    lines = [line.strip() for section in sections(text)[:1] for line in section.body]
    return next((line for line in lines if line and not STAMP.fullmatch(line)), "")


def _stamped(section: Section) -> str | None:
    """Read which English section a translated one was made from."""
    found = STAMP.fullmatch("".join(section.body[:1]).strip())
    return found and found[1]


def _align(english: list, translation: list) -> Iterator[tuple[list, list]]:
    """Pair runs of sections: by their hashes, and by order between those that agree."""
    ours = [section_hash(section.text) for section in english]
    theirs = [_stamped(section) for section in translation]
    matcher = SequenceMatcher(None, ours, theirs)
    for _, first, last, start, end in matcher.get_opcodes():
        yield english[first:last], translation[start:end]


def _mismatch(ours: list[Section], theirs: list[Section]) -> str:
    """Name the headings from the first whose levels differ; empty if none do."""
    while ours and theirs and ours[0].level == theirs[0].level:
        ours, theirs = ours[1:], theirs[1:]
    if not ours and not theirs:
        return ""
    there, here = _titles(ours), _titles(theirs)
    return f"headings do not match: English has {there}, here is {here}"


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
    spans = page.select("code:not(pre > code)")
    links = [link["href"] for link in page.select("a[href]")]
    return {
        "code": Counter(block.get_text() for block in page.select("pre")),
        "code in a line": Counter(span.get_text() for span in spans),
        "result": Counter(m["name"] for m in MARKER.finditer(section.text)),
        "number": Counter(numbers(prose(page), own)),
        "link": Counter(_target(link, other) for link in links),
        "picture": Counter(picture.get("src", "") for picture in page.select("img")),
    }


def _target(address: str, language: str) -> str:
    """Take a file in this language for the English one, and any of its headings."""
    path = address.partition("#")[0]
    if "://" in address or (path and not path.endswith(".md")):
        return address
    return path.replace(f".{language}.md", ".md") or "#"


def _alts(section: Section) -> set[str]:
    return {picture.get("alt", "") for picture in render(section.text).select("img")}


def _in_words(parts: Counter) -> str:
    return ", ".join(repr(part) for part in parts.elements())


def _short(path: Path) -> str:
    path = path.resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    sys.exit(main())
