"""What is handed in is found and read, and what cannot be read is said in words."""

import bz2
import io
import json
import stat
import zipfile

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lab.grading import submissions
from lab.grading.submissions import (
    Unreadable,
    find_submissions,
    printable,
    read_notebook,
    read_submission,
)

EXPECTED = ["split", "head"]


def _cell(grade_id, source="pass"):
    return new_code_cell(source, metadata={"nbgrader": {"grade_id": grade_id}})


def _bytes(*cells):
    return nbformat.writes(new_notebook(cells=list(cells))).encode()


NOTEBOOK = _bytes(_cell("split", "a = 1"), _cell("head", "b = 2"))


def _zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _only(folder):
    (submission,) = find_submissions(folder)
    return submission


def test_the_exports_of_moodle_canvas_and_nbgrader_are_known(tmp_path):
    moodle = tmp_path / "Ann Lee_123_assignsubmission_file_"
    nbgrader = tmp_path / "bo" / "pets"
    for folder in (moodle, nbgrader):
        folder.mkdir(parents=True)
        (folder / "OxfordPets.ipynb").write_bytes(NOTEBOOK)
    (tmp_path / "Ann Lee_123_assignsubmission_onlinetext_").mkdir()
    (tmp_path / "coolcy_LATE_77_88_OxfordPets-1.ipynb").write_bytes(NOTEBOOK)
    _zip(tmp_path / "dee.zip", {"dee/OxfordPets.ipynb": NOTEBOOK})
    (tmp_path / ".DS_Store").write_bytes(b"")
    found = find_submissions(tmp_path)
    assert [(each.student, each.system, each.number) for each in found] == [
        ("Ann Lee", "Moodle", "123"),
        ("bo", "", ""),
        ("coolcy", "Canvas", "77"),
        ("dee", "", ""),
    ]
    assert {read_submission(each) for each in found} == {NOTEBOOK}


def test_of_several_notebooks_the_one_named_like_the_assignment_is_taken(tmp_path):
    folder = tmp_path / "ann"
    (folder / ".ipynb_checkpoints").mkdir(parents=True)
    (folder / ".ipynb_checkpoints" / "OxfordPets-checkpoint.ipynb").write_bytes(b"x")
    (folder / "scratch.ipynb").write_bytes(b"x")
    (folder / "OxfordPets (1).ipynb").write_bytes(NOTEBOOK)
    assert read_submission(_only(tmp_path)) == NOTEBOOK
    (folder / "OxfordPets (2).ipynb").write_bytes(NOTEBOOK)
    with pytest.raises(Unreadable, match=r"2 notebooks \(OxfordPets \(1\)"):
        read_submission(_only(tmp_path))


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
    _zip(path, {"OxfordPets.ipynb": bytes(submissions.NOTEBOOK_BYTES + 1)})


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
        read_submission(_only(tmp_path))


def test_a_zip_with_damage_inside_is_refused(tmp_path):
    path = tmp_path / "ann.zip"
    _zip(path, {"OxfordPets.ipynb": NOTEBOOK})
    content = bytearray(path.read_bytes())
    content[60:70] = bytes(10)
    path.write_bytes(content)
    with pytest.raises(Unreadable, match="damaged"):
        read_submission(_only(tmp_path))


def test_links_are_not_followed(tmp_path):
    (tmp_path / "secret.txt").write_bytes(NOTEBOOK)
    folder = tmp_path / "all" / "ann"
    folder.mkdir(parents=True)
    (folder / "OxfordPets.ipynb").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(Unreadable, match="is a link"):
        read_submission(_only(tmp_path / "all"))


def test_a_huge_notebook_is_refused_unread(tmp_path, monkeypatch):
    with (tmp_path / "ann.ipynb").open("wb") as file:
        file.truncate(200 << 20)
    most = []
    original = submissions._read_some

    def counted(file):
        try:
            return original(file)
        finally:
            most.append(file.tell())

    monkeypatch.setattr(submissions, "_read_some", counted)
    with pytest.raises(Unreadable, match="larger than 32 MiB: clear"):
        read_submission(_only(tmp_path))
    assert most[0] <= submissions.NOTEBOOK_BYTES + io.DEFAULT_BUFFER_SIZE


def test_a_missing_or_empty_folder_is_named(tmp_path):
    with pytest.raises(Unreadable, match="is empty"):
        find_submissions(tmp_path)
    with pytest.raises(Unreadable, match="no folder"):
        find_submissions(tmp_path / "none")


def test_a_notebook_keeps_sources_and_names_only():
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
def test_what_is_no_notebook_is_told_and_nothing_else_happens(name):
    with pytest.raises(Unreadable, match="no notebook"):
        read_notebook(BROKEN[name], EXPECTED)


def test_an_older_format_is_read_all_the_same():
    old = nbformat.v3.new_notebook(
        worksheets=[
            nbformat.v3.new_worksheet(cells=[nbformat.v3.new_code_cell("a = 1")])
        ]
    )
    clean = read_notebook(nbformat.v3.writes_json(old).encode(), [])
    assert nbformat.reads(clean.content.decode(), as_version=4).cells[0].source


def test_half_a_character_does_no_harm():
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
def test_missing_copied_and_moved_cells_are_told(ids, remark):
    (told,) = read_notebook(_bytes(*map(_cell, ids)), EXPECTED).remarks
    assert remark in told


def test_equal_identities_and_no_code_are_told():
    twins = new_notebook(cells=[new_markdown_cell("a"), new_markdown_cell("b")])
    for cell in twins.cells:
        cell.id = "same"
    assert read_notebook(json.dumps(twins).encode(), []).remarks == [
        "There is no code in the notebook.",
        "2 cells have the identity same.",
    ]
