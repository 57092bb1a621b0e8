"""What is handed in is found and read, and what cannot be read is said in words."""

import bz2
import io
import json
import stat
import zipfile

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lab.cells import RELEASE
from lab.grading import reading
from lab.grading.names import Unreadable, printable
from lab.grading.submissions import find_submissions, read_submission

EXPECTED = ["split", "head"]


def _cell(grade_id, source="pass"):
    return new_code_cell(source, metadata={"nbgrader": {"grade_id": grade_id}})


def _bytes(*cells):
    return nbformat.writes(new_notebook(cells=list(cells))).encode()


NOTEBOOK = _bytes(_cell("split", "a = 1"), _cell("head", "b = 2"))


def _read(submission):
    return read_submission(submission, EXPECTED)


def _sources(found):
    return [c["source"] for c in json.loads(found.content)["cells"]]


@pytest.fixture
def read_notebook(tmp_path):
    """Read content as that of a file."""

    def read(content, expected):
        (tmp_path / "a.ipynb").write_bytes(content)
        return reading.read_paths([tmp_path / "a.ipynb"], expected)

    return read


def _zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _only(folder):
    (submission,) = find_submissions(folder)
    return submission


def _found(folder):
    return [
        (each.student, each.system, each.number) for each in find_submissions(folder)
    ]


def test_the_exports_of_moodle_canvas_and_nbgrader_are_known(tmp_path):
    moodle = tmp_path / "1" / "Ann Lee_123_assignsubmission_file_"
    nbgrader = tmp_path / "2" / "bo" / "pets"
    for folder in (moodle, nbgrader):
        folder.mkdir(parents=True)
        (folder / "OxfordPets.ipynb").write_bytes(NOTEBOOK)
    (tmp_path / "1" / "Ann Lee_123_assignsubmission_onlinetext_").mkdir()
    (tmp_path / "3").mkdir()
    canvas = tmp_path / "3" / "coolcy_LATE_77_88_OxfordPets-1.ipynb"
    canvas.write_bytes(NOTEBOOK)
    (tmp_path / "3" / "dee_78_89_report.pdf").write_bytes(b"%PDF")
    _zip(tmp_path / "2" / "dee.zip", {"dee/OxfordPets.ipynb": NOTEBOOK})
    (tmp_path / "2" / ".DS_Store").write_bytes(b"")
    for name in ("grades.csv", "index.html", "desktop.ini", "Thumbs.db", "a.yml"):
        (tmp_path / "2" / name).write_bytes(b"")
    assert _found(tmp_path / "1") == [("Ann Lee", "Moodle", "123")]
    assert _found(tmp_path / "2") == [("bo", "", ""), ("dee", "", "")]
    assert _found(tmp_path / "3") == [
        ("coolcy", "Canvas", "77"),
        ("dee", "Canvas", "78"),
    ]
    every = [each for n in "123" for each in find_submissions(tmp_path / n)][:-1]
    assert {tuple(_sources(_read(each))) for each in every} == {("a = 1", "b = 2")}


@pytest.mark.parametrize(
    "names",
    [
        ["ann_2024_05_01.ipynb", "bo_2024_05_02.ipynb"],
        ["ann_12_34_a.ipynb", "ben.ipynb"],
        ["ann_x_12_assignsubmission_file_", "bo"],
        ["ann-1.ipynb", "ann (1).ipynb", "ann.ipynb"],
    ],
)
def test_a_pattern_that_does_not_fit_all_fits_nobody(tmp_path, names):
    for name in names:
        (tmp_path / name).write_bytes(NOTEBOOK)
    found = find_submissions(tmp_path)
    assert len(found) == len(names)
    assert not any(each.system or each.number for each in found)


def test_the_notebook_with_answers_is_taken_whatever_its_name(tmp_path):
    folder = tmp_path / "ann"
    folder.mkdir()
    (folder / "OxfordPets.ipynb").write_bytes(RELEASE.read_bytes())
    with pytest.raises(Unreadable, match="blank"):
        _read(_only(tmp_path))
    (folder / "zz-final.ipynb").write_bytes(NOTEBOOK)
    found = _read(_only(tmp_path))
    assert (found.chosen, found.flags) == ("zz-final.ipynb", [])
    (folder / "draft.ipynb").write_bytes(_bytes(_cell("split", "a = 0")))
    found = _read(_only(tmp_path))
    assert found.chosen == "zz-final.ipynb"
    assert found.flags == ["zz-final.ipynb was chosen: 1 more have answers"]


def test_a_zip_in_a_zip_is_opened_once(tmp_path):
    inner = tmp_path / "inner.zip"
    _zip(inner, {"OxfordPets.ipynb": NOTEBOOK})
    _zip(tmp_path / "middle.zip", {"inner.zip": inner.read_bytes()})
    _zip(tmp_path / "outer.zip", {"middle.zip": (tmp_path / "middle.zip").read_bytes()})
    one, two, three = sorted(find_submissions(tmp_path), key=lambda s: s.student)
    assert _read(one).content == _read(two).content
    with pytest.raises(Unreadable, match=r"middle.zip|inner.zip is a zip in a zip"):
        _read(three)


@pytest.mark.parametrize(
    ("source", "flagged"),
    [
        ("from lab.questions import check, check_predictions", False),
        ("import numpy, lab_tools\nlabel = 'my lab'", False),
        ("from lab.questions.examples import _gives", True),
        ("from lab.questions import examples", True),
        ("import lab.sandbox.messages as m", True),
        ("import importlib\nimportlib.import_module('lab.questions.examples')", True),
        ("%cd /\nopen('lab/grading/judges/head.py')", True),
        ("check.__globals__['x'] = 1", True),
    ],
)
def test_names_of_the_grader_are_flagged(read_notebook, source, flagged):
    found = read_notebook(_bytes(_cell("split", source), _cell("head")), EXPECTED)
    assert bool(found.flags) == flagged


def test_a_copy_with_other_names_looks_the_same(read_notebook):
    one = 'def f(x, y):\n    """Add."""\n    total = x + y  # sum\n    return total'
    two = "def f(a, b):\n    s = (a + b)\n\n    return s"
    three = "def f(a, b):\n    s = a - b\n    return s"
    prints = [
        read_notebook(_bytes(_cell("split", source)), EXPECTED).sources["split"]
        for source in (one, two, three)
    ]
    assert prints[0] == prints[1] != prints[2]


def test_thousands_of_cells_cost_seconds(tmp_path):
    cells = [{"cell_type": "code", "source": ""}] * 20_000
    content = json.dumps({"nbformat": 4, "cells": cells})
    (tmp_path / "ann.ipynb").write_text(content)
    with pytest.raises(Unreadable, match="more than 2000 cells"):
        _read(_only(tmp_path))


def test_reading_that_takes_too_much_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("lab.grading.submissions.READING", 0.01)
    (tmp_path / "ann.ipynb").write_bytes(NOTEBOOK)
    with pytest.raises(Unreadable, match="too much time or memory"):
        _read(_only(tmp_path))


def test_of_several_notebooks_the_one_named_like_the_assignment_is_taken(tmp_path):
    folder = tmp_path / "ann"
    (folder / ".ipynb_checkpoints").mkdir(parents=True)
    (folder / ".ipynb_checkpoints" / "OxfordPets-checkpoint.ipynb").write_bytes(b"x")
    (folder / "scratch.ipynb").write_bytes(b"x")
    (folder / "OxfordPets (1).ipynb").write_bytes(NOTEBOOK)
    assert _sources(_read(_only(tmp_path))) == ["a = 1", "b = 2"]
    (folder / "OxfordPets (2).ipynb").write_bytes(NOTEBOOK)
    with pytest.raises(Unreadable, match=r"2 notebooks \(OxfordPets \(1\)"):
        _read(_only(tmp_path))


def test_two_submissions_under_one_name_are_left_to_people(tmp_path):
    (tmp_path / "ann.ipynb").write_bytes(NOTEBOOK)
    _zip(tmp_path / "ann.zip", {"OxfordPets.ipynb": NOTEBOOK, "ann.ipynb": NOTEBOOK})
    (tmp_path / "OxfordPets.ipynb").write_bytes(NOTEBOOK)
    first, second = find_submissions(tmp_path)
    assert first.student == "OxfordPets"
    assert second.paths == (tmp_path / "ann.ipynb", tmp_path / "ann.zip")


NAMES = [
    "quote\"'<script>alert(1)</script>&",
    "new\nline\r\x00tab\t",
    "\N{GRINNING FACE}\N{RIGHT-TO-LEFT OVERRIDE}gpj",
    "=cmd|' !A0",
    "\udcff",
    "CON",
    "a" * 240,
]


def test_names_become_one_line_and_file_names_that_every_system_takes(tmp_path):
    for name in NAMES:
        safe = name.replace("/", "").replace("\x00", "")
        (tmp_path / safe).mkdir()
    found = find_submissions(tmp_path)
    assert len({each.name for each in found}) == len(NAMES)
    for each in found:
        assert each.name.isascii()
        assert each.name.replace("-", "").isalnum()
        assert len(each.name) <= 60
        assert len(each.student.splitlines()) == 1
        assert "\u202e" not in each.student
        each.student.encode()


def test_an_emoji_of_several_stays_whole():
    family = "\N{MAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
    assert printable(f" {family}\n{family} ") == f"{family} {family}"
    assert printable("\x00\x01") == "(no name)"


def _with_link(path):
    link = zipfile.ZipInfo("OxfordPets.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    _zip(path, {link: "/etc/passwd"})


def _with_bzip2(path):
    member = zipfile.ZipInfo("OxfordPets.ipynb")
    member.compress_type = zipfile.ZIP_BZIP2
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, NOTEBOOK)


def _with_bomb(path):
    _zip(path, {"OxfordPets.ipynb": bytes(reading.NOTEBOOK_BYTES + 1)})


ZIPS = {
    "link": _with_link,
    "out of its folder": lambda path: _zip(path, {"../../OxfordPets.ipynb": NOTEBOOK}),
    "path out": lambda path: _zip(path, {"/tmp/OxfordPets.ipynb": NOTEBOOK}),
    "unusual": _with_bzip2,
    "larger than 32 MiB": _with_bomb,
    "damaged": lambda path: path.write_bytes(b"PK\x03\x04" + bytes(100)),
    "no notebook": lambda path: _zip(path, {"report.pdf": b"%PDF"}),
    "more than 10": lambda path: _zip(path, dict.fromkeys(map(str, range(10_001)), "")),
}


@pytest.mark.parametrize("text", ZIPS)
def test_a_zip_that_is_not_in_order_is_refused_in_words(tmp_path, text):
    ZIPS[text](tmp_path / "ann.zip")
    with pytest.raises(Unreadable, match=text):
        _read(_only(tmp_path))


def test_a_zip_with_damage_inside_is_refused(tmp_path):
    path = tmp_path / "ann.zip"
    _zip(path, {"OxfordPets.ipynb": NOTEBOOK})
    content = bytearray(path.read_bytes())
    content[60:70] = bytes(10)
    path.write_bytes(content)
    with pytest.raises(Unreadable, match="damaged"):
        _read(_only(tmp_path))


def test_links_are_not_followed(tmp_path):
    (tmp_path / "secret.txt").write_bytes(NOTEBOOK)
    folder = tmp_path / "all" / "ann"
    folder.mkdir(parents=True)
    (folder / "OxfordPets.ipynb").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(Unreadable, match="is a link"):
        _read(_only(tmp_path / "all"))


def test_a_huge_notebook_is_refused_unread(tmp_path, monkeypatch):
    with (tmp_path / "ann.ipynb").open("wb") as file:
        file.truncate(200 << 20)
    most = []
    original = reading._read_some

    def counted(file):
        try:
            return original(file)
        finally:
            most.append(file.tell())

    monkeypatch.setattr(reading, "_read_some", counted)
    with pytest.raises(Unreadable, match="larger than 32 MiB: clear"):
        reading.read_paths(_only(tmp_path).paths, EXPECTED)
    assert most[0] <= reading.NOTEBOOK_BYTES + io.DEFAULT_BUFFER_SIZE


def test_a_missing_or_empty_folder_is_named(tmp_path):
    with pytest.raises(Unreadable, match="is empty"):
        find_submissions(tmp_path)
    with pytest.raises(Unreadable, match="no folder"):
        find_submissions(tmp_path / "none")


def test_a_notebook_keeps_sources_and_names_only(read_notebook):
    cell = _cell("split", "a = 1")
    cell.outputs = [nbformat.v4.new_output("stream", text="secret" * 1000)]
    clean = read_notebook(_bytes(cell, _cell("head"), new_markdown_cell("b")), EXPECTED)
    assert not clean.remarks
    notebook = nbformat.reads(clean.content.decode(), as_version=4)
    nbformat.validate(notebook)
    assert [cell.source for cell in notebook.cells] == ["a = 1", "pass", "b"]
    assert notebook.cells[0].metadata == {"nbgrader": {"grade_id": "split"}}
    assert b"secret" not in clean.content


def _version_5():
    return json.dumps({"nbformat": 5, "nbformat_minor": 0, "metadata": {}, "cells": []})


BROKEN = {
    "nothing": b"",
    "text": b"print('hello')",
    "not UTF-8": b"\xff\xfe\x00",
    "list": b"[]",
    "number": b"1",
    "no cells": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
    "cells a number": b'{"nbformat": 4, "nbformat_minor": 5, "cells": 3}',
    "cell a number": b'{"nbformat": 4, "nbformat_minor": 5, "cells": [3]}',
    "source a number": b'{"nbformat": 4, "nbformat_minor": 5, "cells": '
    b'[{"cell_type": "code", "source": 3}]}',
    "unknown cell": b'{"nbformat": 4, "nbformat_minor": 5, "cells": '
    b'[{"cell_type": "shell", "source": ""}]}',
    "deep": b"[" * 200_000,
    "version 5": _version_5().encode(),
    "zipped": bz2.compress(NOTEBOOK),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_notebook_is_told_and_nothing_else_happens(name, read_notebook):
    with pytest.raises(Unreadable, match="no notebook"):
        read_notebook(BROKEN[name], EXPECTED)


def test_an_older_format_is_read_all_the_same(read_notebook):
    old = nbformat.v3.new_notebook(
        worksheets=[
            nbformat.v3.new_worksheet(cells=[nbformat.v3.new_code_cell("a = 1")])
        ]
    )
    clean = read_notebook(nbformat.v3.writes_json(old).encode(), [])
    assert nbformat.reads(clean.content.decode(), as_version=4).cells[0].source


def test_half_a_character_does_no_harm(read_notebook):
    content = NOTEBOOK.replace(b"a = 1", b"a = '\\ud800'")
    assert b"a = '?'" in read_notebook(content, EXPECTED).content


@pytest.mark.parametrize(
    ("ids", "remark"),
    [
        (["head"], "The cell split is missing."),
        (["split", "split", "head"], "The cell split is there 2 times."),
        (["head", "split"], "split should stand before head"),
    ],
)
def test_missing_copied_and_moved_cells_are_told(ids, remark, read_notebook):
    (told,) = read_notebook(_bytes(*map(_cell, ids)), EXPECTED).remarks
    assert remark in told


def test_equal_identities_and_no_code_are_told(read_notebook):
    twins = new_notebook(cells=[new_markdown_cell("a"), new_markdown_cell("b")])
    for cell in twins.cells:
        cell.id = "same"
    assert read_notebook(json.dumps(twins).encode(), []).remarks == [
        "There is no code in the notebook.",
        "2 cells have the identity same.",
    ]
