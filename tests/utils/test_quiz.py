"""Quizzes teach with every answer, agree in all languages, and need no web service."""

import json
import re
import shutil

import pytest
from bs4 import BeautifulSoup
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from tools import quizzes
from utils import quiz
from utils.languages import LANGUAGES

COURSE = quiz.QUIZZES
PAIRS = dict.fromkeys(("transfer", "adversarial", "tricks", "challenge"), 4)
COUNTS = {"pre": 8, "post": 8} | PAIRS  # questions
TRANSLATED = [(id, code) for id in COUNTS for code in quiz.languages(id)[1:]]
EVERY = [(id, "en") for id in COUNTS] + TRANSLATED
every_quiz = pytest.mark.parametrize(("id", "language"), EVERY)
LONGEST = 0.3  # of the correct answers may be the longest; by chance it is a quarter


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Give a folder with two English quizzes, and the first of them as if in Danish."""
    monkeypatch.setattr(quiz, "QUIZZES", tmp_path)
    monkeypatch.setattr(quizzes, "QUIZZES", tmp_path)
    for name in ("pre.en.json", "tricks.en.json"):
        shutil.copy(COURSE / name, tmp_path)
    shutil.copy(tmp_path / "tricks.en.json", tmp_path / "tricks.da.json")
    return tmp_path


def change(path, edit):
    """Let `edit` change the content of a JSON file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    edit(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def first_answers(content):
    return content["questions"][0]["answers"]


def answer(monkeypatch, *lines):
    """Type lines, then Ctrl-D."""
    typed = iter(lines)

    def read(prompt=""):
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", read)


# The quizzes of the course


def test_every_quiz_is_there_with_its_questions():
    assert {id: len(quiz.load(id)["questions"]) for id in quiz.ids()} == COUNTS
    before, after = (
        [q["id"] for q in quiz.load(id)["questions"]] for id in ("pre", "post")
    )
    assert before == after  # the same themes


@pytest.mark.parametrize(("id", "language"), TRANSLATED)
def test_translated_quizzes_are_up_to_date(id, language):
    assert quizzes.stale(id, language) == []


@every_quiz
def test_markdown_files_are_those_of_the_json(id, language):
    file = quizzes.markdown_path(id, language)
    assert file.read_text(encoding="utf-8") == quizzes._markdown(id, language), (
        "run: python -m tools.quizzes write"
    )


def test_neither_place_nor_length_gives_the_correct_answer_away():
    places, longest = [], 0
    for id in COUNTS:
        for question in quiz.load(id)["questions"]:
            lengths = [len(each["text"]) for each in question["answers"]]
            places.append([each["correct"] for each in question["answers"]].index(True))
            longest += lengths[places[-1]] == max(lengths)
        assert set(places[-4:]) == {0, 1, 2, 3}, id
    assert {places.count(place) for place in range(4)} == {len(places) / 4}
    assert longest <= LONGEST * len(places)


# Checks


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda quiz: quiz.pop("title"), r"\$: 'title' is a required"),
        (lambda quiz: quiz.update(tittle=""), r"\$: .*'tittle' was unexpected"),
        (lambda quiz: quiz.update(title=" "), r"\$\.title: ' ' does not match"),
        (lambda quiz: first_answers(quiz)[1].pop("feedback"), r"answers\[1\]: 'feedba"),
        (lambda quiz: first_answers(quiz)[1].update(text="a < b"), r"text: 'a < b'"),
        (lambda quiz: first_answers(quiz)[1].update(correct="no"), "not of type 'bool"),
        (lambda quiz: first_answers(quiz)[0].update(correct=True), "has 2 correct"),
        (lambda quiz: first_answers(quiz)[2].update(correct=False), "has 0 correct"),
        (lambda quiz: first_answers(quiz).append(first_answers(quiz)[0]), "twice"),
        (lambda quiz: quiz["questions"].append(quiz["questions"][0]), "there 2 times"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(folder, edit, message):
    change(folder / "tricks.en.json", edit)
    with pytest.raises(ValueError, match=rf"^tricks\.en\.json: .*{message}"):
        quiz.load("tricks")


def test_a_file_that_is_no_json_is_named(folder):
    (folder / "pre.en.json").write_text("{")
    with pytest.raises(ValueError, match=r"^pre\.en\.json: Expecting"):
        quiz.load("pre")


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (lambda english: english.update(title="New"), "the beginning is stale"),
        (
            lambda english: first_answers(english)[0].update(feedback="New."),
            "the question initialisation is stale",
        ),
    ],
)
def test_new_english_makes_a_translation_stale_until_it_is_stamped(folder, edit, found):
    assert len(quizzes.stale("tricks", "da")) == 5  # a fresh copy carries no stamps
    quizzes._stamp("tricks", "da")
    assert quizzes.stale("tricks", "da") == []
    change(folder / "tricks.en.json", edit)
    (line,) = quizzes.stale("tricks", "da")
    assert line.startswith(found)
    quizzes._stamp("tricks", "da")
    assert quizzes.stale("tricks", "da") == []


@pytest.mark.parametrize(
    "edit",
    [
        lambda danish: danish["questions"].reverse(),
        lambda danish: first_answers(danish).reverse(),
        lambda danish: first_answers(danish).pop(0),
    ],
)
def test_a_translation_out_of_step_is_told_and_not_stamped(folder, edit):
    file = folder / "tricks.da.json"
    change(file, edit)
    before = file.read_bytes()
    assert "not in step" in quizzes.stale("tricks", "da")[0]
    with pytest.raises(ValueError, match=r"^tricks\.da\.json is not stamped"):
        quizzes._stamp("tricks", "da")
    assert file.read_bytes() == before


def test_other_numbers_in_a_translation_are_told(folder):
    quizzes._stamp("tricks", "da")
    text = (folder / "tricks.da.json").read_text(encoding="utf-8")
    (folder / "tricks.da.json").write_text(
        text.replace("0.01", "0,01").replace("1024", "1042"), encoding="utf-8"
    )
    assert quizzes.stale("tricks", "da") == [
        "the question loss-scaling has other numbers"
    ]


# Jupyter


@pytest.fixture(scope="module")
def shown():
    """Give what a notebook gets from `show_quiz`, as a page and as text."""
    InteractiveShell.instance()
    with capture_output() as captured:
        quiz.show_quiz("pre")
    (output,) = captured.outputs
    return output.data


def test_a_notebook_gets_every_question_for_jupyterquiz(shown):
    page = BeautifulSoup(shown["text/html"], "html.parser")
    script = page.script.string
    assert page.find(attrs={"data-shuffleanswers": "False"})  # letters in their order
    (line,) = re.findall(r"var questions\w+=(\[.*\]);", script)
    questions = json.loads(line)
    assert [q["question"] for q in questions] == [
        q["question"] for q in quiz.load("pre")["questions"]
    ]
    correct = [[a["correct"] for a in q["answers"]] for q in questions]
    marks = [[a["feedback"][0] == "✓" for a in q["answers"]] for q in questions]
    assert correct == marks
    assert shown["text/plain"].endswith("python -m utils.quiz pre --language en")


def test_nothing_is_loaded_from_the_web(shown):
    """The one address in it is that of MathJax, which the script must not see."""
    page = BeautifulSoup(shown["text/html"], "html.parser")
    assert page.find_all(["link", "img", "iframe"]) + page.find_all(src=True) == []
    assert not re.search(r"url\(|@import", "".join(map(str, page.find_all("style"))))
    script = page.script.string
    assert script.startswith("(function (MathJax) {")
    assert script.endswith("})();")
    assert not re.search(r"\bfetch\(|XMLHttpRequest|\bimport\(|WebSocket", script)
    before, *others = re.split(r"https?://(?=[\w])", script)
    assert [other.split("'")[0] for other in others] == [
        "cdn.jsdelivr.net/npm/mathjax@3/es5/tex-svg.js"
    ] * 2
    assert "typeof MathJax != 'undefined'" in before


def test_without_scripts_the_folded_answers_can_be_read(shown):
    page = BeautifulSoup(shown["text/html"], "html.parser")
    assert page.div["lang"] == "en"
    folded = page.script.find_previous_sibling()
    assert len(folded.find_all("details")) == 8 * 4
    for question in quiz.load("pre")["questions"]:
        assert folded.find("p", string=question["question"])


# Terminal


def test_the_terminal_tells_about_every_answer_and_counts(capsys, monkeypatch):
    answer(monkeypatch, "", "e", "ab", "C", " b ", "1", "2")
    assert quiz.main(["tricks"]) == 0
    out = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert re.findall("> (. .)", out) == ["C ✓", "B ✓", "A ✗", "B ✗"]
    for question in quiz.load("tricks")["questions"]:
        for each in question["answers"]:
            assert {each["text"] in out, each["feedback"] in out} == {True}
    assert out.endswith("✓ 2/4 ")


def test_the_terminal_asks_in_the_wanted_language(folder, capsys, monkeypatch):
    change(
        folder / "tricks.da.json", lambda danish: danish.update(title="Tricks på dansk")
    )
    answer(monkeypatch, *"abcd")
    assert quiz.main(["tricks", "--language", "da"]) == 0
    assert capsys.readouterr().out.startswith("Tricks på dansk\n")


def test_ctrl_d_and_ctrl_c_end_without_a_trace(capsys, monkeypatch):
    answer(monkeypatch, "a")
    assert quiz.main(["pre"]) == 130
    assert capsys.readouterr().err.endswith("Stopped.\n")

    def interrupted(prompt=""):
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupted)
    assert quiz.main(["pre"]) == 130


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prr"], "There is no quiz 'prr': choose one of pre, tricks."),
        (["../pre"], "There is no quiz '../pre'"),
        (["pre", "--language", "da"], "The quiz pre is not there in 'da', but in: en."),
        (["tricks", "--language", "xx"], "'xx', but in: en, da."),
        ([], "Name a quiz: pre, tricks."),
    ],
)
def test_wrong_commands_are_answered_with_the_choice(
    folder, capsys, arguments, message
):
    assert quiz.main(arguments) == 1
    assert message in capsys.readouterr().err


def test_writing_makes_a_file_for_each_quiz_and_language(folder):
    assert quizzes.main(["write"]) == 0
    assert {path.name for path in folder.glob("*.md")} == {
        "pre.md",
        "tricks.md",
        "tricks.da.md",
    }
    lines = (folder / "tricks.da.md").read_text(encoding="utf-8").split("\n")
    assert lines[0] == "# Training tricks"
    assert all(
        f"[{word}](tricks.{code}.md)" in lines[2] for code, word in LANGUAGES.items()
    )
    (text,) = [line for line in lines if "A. Clearly more" in line]
    assert re.fullmatch(
        r"<details><summary>A\. .*</summary><p>✗ .*</p></details>", text
    )
