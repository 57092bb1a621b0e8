"""What students and instructors read is right, and no name or answer can do harm."""

import base64
import csv
import io

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from lab.grading.charts import plot_points
from lab.grading.feedback import class_page, feedback_page, write_reports
from lab.grading.record import Record
from lab.questions.finding import Finding
from lab.questions.points import POINTS

EVIL = "<script>alert(1)</script>\"'&\N{GRINNING FACE} {{ 7 * 7 }}"


def _record(student="ann", earned=1.0, **more):
    scores = {
        name: [
            Finding("one", 1, earned, "" if earned == 1 else f"Try {EVIL}"),
            Finding("the rest", POINTS[name] - 1, POINTS[name] - 1, ""),
        ]
        for name in POINTS
        if name != "reflection"
    }
    given = {
        **{"system": "", "number": "", "key": "", "scores": scores, "remarks": []},
        **{"flags": [], "mistakes": [], "isolation": "bubblewrap", "seconds": 2.0},
        **{"sources": {}, "guesses": "", "right": 0, "asked": 0, "probes": [0, 0]},
    }
    return Record(student=student, name=f"{student[:1]}-0", **given | more)


def _read_csv(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_the_feedback_page_says_what_was_found_and_what_comes_next():
    record = _record(earned=0.25, remarks=["Cell 3 raised"], flags=["fit hung: /root"])
    page = BeautifulSoup(feedback_page(record), "html.parser")
    text = " ".join(page.get_text(" ", strip=True).split())
    assert "14.25 of 18 points" in text
    assert "2 more points are for the reflection" in text
    assert "Hold out a fifth 2.25 of 3" in text
    assert "Cell 3 raised" in text
    assert "A person has been asked" in text
    assert "python -m lab.check" in text
    assert "/root" not in text  # a flag is for those who grade
    assert len(page.select("li.wrong")) == 5
    assert len(page.select("li.right")) == 5
    assert page.find("meta", attrs={"name": "viewport"})


def test_nothing_from_outside_becomes_html(tmp_path):
    record = _record(EVIL, 0.5, remarks=[EVIL], flags=[EVIL], isolation=EVIL)
    for page in (feedback_page(record), class_page([record])):
        soup = BeautifulSoup(page, "html.parser")
        assert not soup.find_all("script")
        assert EVIL in soup.get_text()
        policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
        assert "default-src 'none'" in policy["content"]


def test_the_class_page_shows_figures_with_text_for_who_cannot_see_them():
    mistakes = [["pug", "boxer", 3], ["boxer", "pug", 2], ["pug", "beagle", 4]]
    records = [_record(mistakes=mistakes), _record("bo", 0.0, flags=["look"])]
    soup = BeautifulSoup(class_page(records), "html.parser")
    points, difficulty, pairs = soup.find_all("img")
    assert points["alt"].endswith("13: 1, 18: 1.")
    assert "split: one 50 %" in difficulty["alt"]
    assert "boxer and pug 5; beagle and pug 4." in pairs["alt"]
    content = base64.b64decode(points["src"].removeprefix("data:image/png;base64,"))
    assert Image.open(io.BytesIO(content)).width == 2 * int(points["width"])
    facts = soup.dl.get_text(" ", strip=True)
    assert "Mean 15.5" in facts
    assert "Isolation bubblewrap" in facts
    assert soup.select_one("li.wrong a")["href"] == "feedback/b-0.html"


def test_a_class_without_any_readable_submission_has_a_page():
    page = class_page([_record(isolation="", seconds=0)])
    assert "Isolation" in page
    assert "Breeds most often confused" in page


def test_the_tables_have_a_row_for_each_student(tmp_path):
    records = [
        _record(system="Moodle", number="123"),
        _record("bo", 0.5, system="Canvas", number="45", flags=["a", "b"]),
        _record("cy"),
    ]
    write_reports(*[records] * 2, tmp_path)
    head, ann, bo, cy = _read_csv(tmp_path / "grades.csv")
    assert dict(zip(head, bo, strict=True)) == {
        **{"student": "bo", "number": "45", "split": "2.5", "standardise": "1.5"},
        **{"head": "3.5", "report": "3.5", "predictions": "4.5", "reflection": ""},
        **{"total": "15.5", "of": "20", "walls": "bubblewrap", "flag": "a; b"},
    }
    assert (ann[0], cy[0]) == ("ann", "cy")
    head, row = _read_csv(tmp_path / "moodle.csv")
    worksheet = dict(zip(head, row, strict=True))
    assert worksheet["Identifier"] == "Participant 123"
    assert (worksheet["Grade"], worksheet["Maximum Grade"]) == ("18.0", "20")
    assert worksheet["Last modified (grade)"] == ""
    assert _read_csv(tmp_path / "canvas.csv") == [
        ["Student", "ID", "Section", "Oxford Pets"],
        ["Points Possible", "", "", "20"],
        ["bo", "45", "", "15.5"],
    ]


def test_canvas_gets_no_mark_and_the_assignment_its_name(tmp_path):
    canvas = [_record(system="Canvas", number="45"), _record("bo")]
    write_reports(canvas, canvas, tmp_path, {"a-0": 1.5}, "Pets (77)")
    content = (tmp_path / "canvas.csv").read_bytes()
    assert content.startswith(b'"Student","ID","Section","Pets (77)"')
    assert b"19.5" in content
    head, ann, bo = _read_csv(tmp_path / "grades.csv")
    by_name = [dict(zip(head, row, strict=True)) for row in (ann, bo)]
    assert [row["reflection"] for row in by_name] == ["1.5", ""]
    assert [row["total"] for row in by_name] == ["19.5", "18.0"]
    assert (tmp_path / "grades.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_systems_that_nobody_came_from_get_no_table(tmp_path):
    write_reports(*[[_record()]] * 2, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        *{"grades.csv", "class.html", "feedback"}
    }


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t=", "\n=", "＝"])
def test_a_spreadsheet_calculates_nothing(tmp_path, sign):
    name = f'{sign}HYPERLINK("http://x";"y"),\r\n2'
    write_reports(*[[_record(name, flags=[name])]] * 2, tmp_path)
    _, row = _read_csv(tmp_path / "grades.csv")
    assert row[0].startswith("'")
    assert row[-1].startswith("'")


def test_a_semicolon_in_a_name_starts_no_cell(tmp_path):
    """Where the comma is the decimal sign, spreadsheets split at semicolons."""
    write_reports(*[[_record("ann;=2+5")]] * 2, tmp_path)
    line = (tmp_path / "grades.csv").read_text("utf-8-sig").splitlines()[1]
    assert next(csv.reader([line], delimiter=";"))[0].startswith("ann;=2+5")


def test_a_report_can_be_written_again(tmp_path):
    write_reports(*[[_record(earned=0.0)]] * 2, tmp_path)
    write_reports(*[[_record()]] * 2, tmp_path)
    assert "18 of 18" in (tmp_path / "feedback" / "a-0.html").read_text("utf-8")


def test_points_are_counted_below_the_next_whole_number():
    assert plot_points([0, 17.99, 18, 18]).alt.endswith("0: 1, 17: 1, 18: 2.")
