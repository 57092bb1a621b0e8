"""Pages and stamps of the quizzes: `python -m tools.quizzes write`."""

import argparse
import json
import sys
from pathlib import Path

from tools.languages import language_bar, numbers, section_hash
from tools.numbers import filled
from utils.command import attempt
from utils.files import write_text
from utils.languages import LANGUAGES
from utils.quiz import QUIZZES, RESULT, folded, ids, languages, read
from utils.results import read_results


def main(arguments: list[str] | None = None) -> int:
    """Write or stamp; return 0 if all is well, 1 after a problem, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.quizzes", description=__doc__
    )
    ways = parser.add_subparsers(required=True, metavar="{write,stamp}")
    pages = ways.add_parser("write", help="write the Markdown file of every quiz")
    pages.set_defaults(work=lambda options: _write())
    today = "note that a quiz is translated from today's English"
    finished = ways.add_parser("stamp", help=today)
    finished.add_argument("quiz", help=f"one of {', '.join(ids())}")
    finished.add_argument("language", choices=list(LANGUAGES))
    finished.set_defaults(work=lambda options: _stamp(options.quiz, options.language))
    options = parser.parse_args(arguments)
    return attempt(lambda: options.work(options))


def stale(id: str, language: str) -> list[str]:
    """Compare a translated quiz with the English one.

    Parameters
    ----------
    id, language : str
        As in `read`.

    Returns
    -------
    list of str
        What is wrong, a line each; empty if the translation is up to date.
    """
    english, translation = read(id), read(id, language)
    if _outline(english) != _outline(translation):
        return ["the questions, their answers or the correct ones are not in step"]
    found, parts = [], zip(_parts(english), _parts(translation), strict=True)
    for (name, ours), (_, theirs) in parts:
        if theirs.get("of") != _part_hash(ours):
            found.append(f"{name} is stale: translate it anew, then stamp it")
        if _numbers(ours, "en") != _numbers(theirs, language):
            found.append(f"{name} has other numbers")
    return found


def _stamp(id: str, language: str) -> None:
    """Note in a translation which English it was made from, if both are in step."""
    english, translation = read(id), read(id, language)
    if language == "en" or _outline(english) != _outline(translation):
        raise ValueError(
            f"{id}.{language}.json is not stamped: it needs the ids, the number of "
            "answers and the correct ones of the English quiz."
        )
    pairs = zip(_parts(english), _parts(translation), strict=True)
    stamped = [theirs | {"of": _part_hash(ours)} for (_, ours), (_, theirs) in pairs]
    quiz = stamped[0] | {"questions": stamped[1:]}
    text = json.dumps(quiz, indent=2, ensure_ascii=False)
    write_text(QUIZZES / f"{id}.{language}.json", text + "\n")


def _markdown(id: str, language: str = "en") -> str:
    """Write a quiz as Markdown for GitHub; each answer unfolds to its feedback."""
    quiz = read(id, language)
    paragraphs = [f"# {quiz['title']}", language_bar(f"{id}.md"), quiz["introduction"]]
    for number, question in enumerate(quiz["questions"], 1):
        paragraphs += [f"## {number}", question["question"], folded(question)]
    page = RESULT.sub(r"<!--\1-->", "\n\n".join(paragraphs) + "\n")
    return filled(page, language, read_results())


def markdown_path(id: str, language: str = "en") -> Path:
    """Locate the Markdown file of a quiz: `pre.md`, or `pre.da.md` in Danish."""
    return QUIZZES / (f"{id}.md" if language == "en" else f"{id}.{language}.md")


def _write() -> None:
    """Write the Markdown file of every quiz in every language."""
    for id in ids():
        for language in languages(id):
            write_text(markdown_path(id, language), _markdown(id, language))


def _outline(quiz: dict) -> list:
    """Return what has to be the same in all languages."""
    return [
        (question["id"], [answer["correct"] for answer in question["answers"]])
        for question in quiz["questions"]
    ]


def _parts(quiz: dict) -> list[tuple[str, dict]]:
    """Return what has a hash of its own: the beginning, and each question."""
    opening = {key: value for key, value in quiz.items() if key != "questions"}
    questions = [(f"the question {each['id']}", each) for each in quiz["questions"]]
    return [("the beginning", opening), *questions]


def _part_hash(part: dict) -> str:
    return section_hash(json.dumps(part, sort_keys=True, ensure_ascii=False))


def _numbers(part: dict, language: str) -> list[str]:
    """List the numbers in a part, sorted, because the order of words differs."""
    texts = [part.get(key, "") for key in ("title", "introduction", "question")]
    for answer in part.get("answers", []):
        texts += answer["text"], answer["feedback"]
    return sorted(numbers("\n".join(texts), language))


if __name__ == "__main__":
    sys.exit(main())
