"""Quizzes in Jupyter and in the terminal: `python -m utils.quiz pre`."""

import argparse
import json
import re
import shutil
import sys
import textwrap
from collections import Counter
from string import ascii_uppercase, digits

from IPython.display import display
from IPython.utils.capture import capture_output
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from utils.command import attempt
from utils.files import ROOT
from utils.languages import LANGUAGES
from utils.results import quote, read_results

QUIZZES = ROOT / "notebooks" / "quiz"
RIGHT, WRONG = "✓", "✗"  # the same in every language
WIDTH = 88  # characters, of a line in the terminal
# A text means the same in HTML, in Markdown and in jupyterquiz, which has formulas.
TEXT = {"type": "string", "pattern": r"^(?=\S)[^<>&*_`$\[\]\\\n\t]+$"}
RESULT = re.compile(r"\{([\w.:%-]+)\}")  # {bench.vgg-16:.1f}, of utils.results
HASH = {"type": "string", "pattern": "^[0-9a-f]{12}$"}


def _object(required: dict, **optional) -> dict:
    """Make the schema of a JSON object that has no other fields."""
    return {
        "type": "object",
        "required": list(required),
        "properties": required | optional,
        "additionalProperties": False,
    }


ANSWER = _object({"text": TEXT, "correct": {"type": "boolean"}, "feedback": TEXT})
ANSWERS = {"type": "array", "items": ANSWER, "minItems": 2, "maxItems": 6}
IDENTIFIER = {"type": "string", "pattern": "^[a-z][a-z-]*$"}
QUESTION = _object({"id": IDENTIFIER, "question": TEXT, "answers": ANSWERS}, of=HASH)
QUESTIONS = {"type": "array", "items": QUESTION, "minItems": 1}
# A translation has in each `of` the hash of the English that it was made from.
SCHEMA = _object({"title": TEXT, "introduction": TEXT, "questions": QUESTIONS}, of=HASH)
# jupyterquiz's panel, with colours that stand out from it by day and by night. What
# it would load from the web if it found a MathJax, it does not without.
COLORS = {"--jq-correct-color": "#00598c", "--jq-incorrect-color": "#a63c00"}
PANEL = """<div lang="{language}">{panel}</div>
<style>.Quiz .Feedback {{ background: #fafafa; font-size: 16px; padding: 4px; }}</style>
<ol>{folded}</ol>
<script>(function (MathJax) {{
document.currentScript?.previousElementSibling.remove();
{script}
}})();</script></div>"""


def main(arguments: list[str] | None = None) -> int:
    """Ask a quiz in the terminal.

    Return 0 if all is well, 1 after a problem, 130 after Ctrl-C or Ctrl-D.
    """
    parser = argparse.ArgumentParser(prog="python -m utils.quiz", description=__doc__)
    parser.add_argument("quiz", nargs="?", help=f"one of {', '.join(ids())}")
    parser.add_argument("--language", default="en", help=", ".join(["en", *LANGUAGES]))
    options = parser.parse_args(arguments)
    return attempt(lambda: _ask_named(options.quiz, options.language))


def _ask_named(id: str | None, language: str) -> None:
    if id is None:
        raise ValueError(f"Name a quiz: {', '.join(ids())}.")
    ask(load(id, language))


def load(id: str, language: str = "en") -> dict:
    """Read a quiz and check it, and write the results into it that it quotes.

    Parameters
    ----------
    id, language : str
        As in `read`.

    Returns
    -------
    dict
        As in `SCHEMA`, with numbers in place of the names of results.

    Raises
    ------
    ValueError
        As in `read`, or there is no such result.
    """
    text, results = json.dumps(read(id, language)), read_results()
    try:
        text = RESULT.sub(lambda name: quote(name[1], results, language), text)
    except ValueError as error:
        raise ValueError(f"{id}.{language}.json: {error}") from None
    return json.loads(text)


def read(id: str, language: str = "en") -> dict:
    """Read a quiz and check it.

    Parameters
    ----------
    id : str
        The name of its files in notebooks/quiz, such as "pre".
    language : str
        "en" or a key of `utils.languages.LANGUAGES`.

    Returns
    -------
    dict
        As in `SCHEMA`. Every question has one correct answer.

    Raises
    ------
    ValueError
        There is no such quiz, not in this language, or its file is wrong.
    """
    path = QUIZZES / f"{id}.{language}.json"
    if id not in ids():
        raise ValueError(f"There is no quiz {id!r}: choose one of {', '.join(ids())}.")
    if not path.is_file():
        there = ", ".join(languages(id))
        raise ValueError(
            f"The quiz {id} is not there in {language!r}, but in: {there}."
        )
    try:
        quiz = json.loads(path.read_text(encoding="utf-8"))
        _validate(quiz)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None
    return quiz


def ids() -> list[str]:
    """List the quizzes that are there in English, by name."""
    return sorted(path.name.split(".")[0] for path in QUIZZES.glob("*.en.json"))


def languages(id: str) -> list[str]:
    """List the languages in which a quiz is there, English first."""
    known = ["en", *LANGUAGES]
    return [each for each in known if (QUIZZES / f"{id}.{each}.json").is_file()]


def _validate(quiz) -> None:
    """Refuse what is no quiz.

    Something is missing, of the wrong kind or too much; a text has markup; a question
    is there twice, has an answer twice, or has not just one correct answer.
    """
    error = best_match(Draft202012Validator(SCHEMA).iter_errors(quiz))
    if error:
        raise ValueError(f"{error.json_path}: {error.message}")
    for id, count in Counter(each["id"] for each in quiz["questions"]).items():
        if count > 1:
            raise ValueError(f"the question {id} is there {count} times.")
    for question in quiz["questions"]:
        id, answers = question["id"], question["answers"]
        correct = sum(answer["correct"] for answer in answers)
        if correct != 1:
            raise ValueError(f"the question {id} has {correct} correct answers, not 1.")
        if len({answer["text"] for answer in answers}) < len(answers):
            raise ValueError(f"the question {id} has an answer twice.")


def show_quiz(id: str, language: str = "en") -> None:
    """Show a quiz in a notebook, to be clicked; folded where no script may run.

    Parameters
    ----------
    id, language : str
        As in `load`.
    """
    from jupyterquiz import display_quiz

    quiz = load(id, language)
    questions = [
        {
            "question": question["question"],
            "type": "multiple_choice",
            "answers": [
                {"answer": f"{a}. {e['text']}", "correct": e["correct"], "feedback": f}
                for a, e, f in _lettered(question["answers"])
            ],
        }
        for question in quiz["questions"]
    ]
    with capture_output() as captured:
        display_quiz(
            questions,
            shuffle_answers=False,
            colors=COLORS,
            max_width=800,
        )
    panel, script = (output.data for output in captured.outputs)
    page = PANEL.format(
        language=language,
        panel=panel["text/html"],
        folded="".join(
            f"<li><p>{each['question']}</p>{folded(each)}</li>"
            for each in quiz["questions"]
        ),
        script=script["application/javascript"],
    )
    plain = f"{quiz['title']}: python -m utils.quiz {id} --language {language}"
    display({"text/html": page, "text/plain": plain}, raw=True)


def ask(quiz: dict) -> int:
    """Ask the questions in the terminal, with feedback for every answer.

    Parameters
    ----------
    quiz : dict
        From `load`.

    Returns
    -------
    int
        How many were answered correctly.

    Raises
    ------
    EOFError, KeyboardInterrupt
        The reader wants to stop.
    """
    print(f"{quiz['title']}\n\n{_wrapped(quiz['introduction'])}")
    count, right = len(quiz["questions"]), 0
    for number, question in enumerate(quiz["questions"], 1):
        print(f"\n{_wrapped(question['question'], f'{number}/{count}  ')}\n")
        answers = question["answers"]
        for letter, each, _ in _lettered(answers):
            print(_wrapped(each["text"], f"  {letter}  "))
        chosen = _chosen(len(answers))
        print()
        for place, (letter, _, said) in enumerate(_lettered(answers)):
            print(_wrapped(said, f"{'>' if place == chosen else ' '} {letter}  "))
        right += answers[chosen]["correct"]
    print(f"\n{RIGHT} {right}/{count}")
    return right


def _lettered(answers: list[dict]) -> list[tuple[str, dict, str]]:
    """Add its letter to each answer, and a mark of right or wrong to its feedback."""
    return [
        (letter, each, f"{RIGHT if each['correct'] else WRONG} {each['feedback']}")
        for letter, each in zip(ascii_uppercase, answers, strict=False)
    ]


def folded(question: dict) -> str:
    """Return the answers of a question as HTML; each unfolds to its feedback."""
    fold = "<details><summary>{}. {}</summary><p>{}</p></details>"
    answers = _lettered(question["answers"])
    return "\n".join(fold.format(a, each["text"], said) for a, each, said in answers)


def _chosen(count: int) -> int:
    """Read a letter until it is that of an answer; a number serves other keyboards."""
    letters, others = ascii_uppercase[:count], digits[1 : count + 1]
    known = letters + others
    while True:
        wish = input(f"\n{letters[0]}-{letters[-1]}, 1-{count}: ").strip().upper()
        if len(wish) == 1 and wish in known:
            return known.index(wish) % count


def _wrapped(text: str, label: str = "") -> str:
    width = min(WIDTH, shutil.get_terminal_size().columns)
    blank = " " * len(label)
    return textwrap.fill(text, width, initial_indent=label, subsequent_indent=blank)


if __name__ == "__main__":
    sys.exit(main())
