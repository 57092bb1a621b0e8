"""Running the notebooks: order, progress, pages, failures, Ctrl-C, saved outputs."""

import json
import os
import signal
import subprocess
import sys

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import run
from utils import results

ROOT = run.ROOT
HERE = f"""\
import os, sys
from pathlib import Path
assert Path(sys.executable) == Path({sys.executable!r}), sys.executable
assert Path.cwd().name == "notebooks"
from utils.results import show_results"""
BARS = "import tqdm, tqdm.auto\nfor _ in tqdm.auto.tqdm(range(3)): pass\n"
PICTURE = """\
data = {"image/png": "iVBORw0KGgo=", "text/plain": "a figure"}
alt = {"image/png": {"alt": 'A cat "Tom" & co'}}
from IPython.display import display
display(data, raw=True, metadata=alt)"""
CONTROL = """\
import ipywidgets
view = ipywidgets.IntSlider()._repr_mimebundle_()
still = {"image/png": "AAAAIGNBTkc=", "text/plain": "a still result"}
display(view | still, raw=True, metadata={"image/png": {"alt": "Still"}})"""
BROKEN = "def f(x):\n    return 1 / x\n\nf(0)"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Make an empty course, with a useless kernel in the user's own folder."""
    spec = tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = ["no-such-python", "-f", "{connection_file}"]
    spec.write_text(
        json.dumps({"argv": argv, "display_name": "x", "language": "python"})
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    for name, place in {"NOTEBOOKS": "notebooks", "BUILD": "build"}.items():
        monkeypatch.setattr(run, name, tmp_path / place)
    monkeypatch.setattr(run, "README", tmp_path / "README.md")
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results.json")
    (tmp_path / "notebooks").mkdir()
    results.RESULTS.write_text('{"photographs": {}, "bench": {}}')
    return tmp_path


def write(course, name, *cells, metadata=None):
    """Write a notebook; a text that begins with # and a blank is prose."""
    path = course / "notebooks" / f"{name}.ipynb"
    new = [
        new_markdown_cell(c) if c.startswith(("# ", "## ")) else new_code_cell(c)
        for c in cells
    ]
    course_metadata = {"course": {"lesson": 1, "minutes": 1}}
    nbformat.write(new_notebook(cells=new, metadata=metadata or course_metadata), path)
    return path


def page(course, name):
    return (course / "build" / f"{name}.html").read_text("utf-8")


def test_notebooks_run_in_lesson_order_and_end_in_a_table(course, capsys):
    second = {"course": {"lesson": 2, "minutes": 1}}
    write(course, "A", "# Later", "2 + 2", metadata=second)
    end = 'show_results(source="drawn sample", accuracy=0.98765)'
    prose = "# Cats\n\nThe twin is [here](A.ipynb).\n\n```\n# no heading\n```"
    path = write(course, "B", prose, HERE, "## 1 Bars", BARS, PICTURE, end)
    before = path.read_bytes()
    assert run.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    heads = ["B  1/4  Cats", "B  2/4  1 Bars", "B  3/4", "B  4/4", "A  1/1  Later"]
    assert all(a.startswith(b) for a, b in zip(lines[:5], heads, strict=True)), lines
    assert "| source   | drawn sample |" in lines
    assert "| accuracy | 0.9877       |" in lines
    assert path.read_bytes() == before
    html = page(course, "B")
    assert (
        "&quot;Tom&quot; &amp; co" in html or """alt='A cat "Tom" &amp; co'""" in html
    )
    assert 'href="A.html"' in html
    assert "0%|" not in html
    assert sorted(p.name for p in (course / "build").iterdir()) == ["A.html", "B.html"]


def test_a_terminal_sees_how_far_a_long_cell_has_come(course, capsys, monkeypatch):
    text_bar = "for _ in tqdm.tqdm(range(4)): pass\nprint('\\r77', file=sys.stderr)"
    path = write(course, "A", "# Bars", "import sys", BARS + text_bar)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert run.main([str(path)]) == 0
    shown = capsys.readouterr().out
    assert "A  2/2  Bars  100%" in shown
    assert "4/4 [00:00" in shown


def test_a_failing_cell_stops_the_run_and_is_named(course, capsys):
    path = write(
        course, "A", "# Cats", "print('be' + 'fore')", "## 2 Head", BROKEN, "1"
    )
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].outputs = [new_output("stream", text="stale output")]
    nbformat.write(notebook, path)
    write(course, "B", "# Never reached", "1")
    assert run.main([]) == 1
    seen = capsys.readouterr()
    assert 'A.ipynb, code cell 2, under "2 Head"' in seen.err
    assert "4 f(0)\n" in seen.err
    assert "2     return 1 / x\n  ZeroDivisionError: division by zero\n" in seen.err
    assert str(course / "build" / "A.html") in seen.err
    assert "\x1b" not in seen.err
    assert "Never" not in seen.out
    html = page(course, "A")
    assert "before" in html
    assert "ZeroDivisionError" in html
    assert "stale output" not in html


def test_a_kernel_that_dies_is_reported(course, capsys):
    write(course, "A", "# Cats", "## 3 Memory", "import os\nos._exit(9)")
    assert run.main([]) == 1
    error = capsys.readouterr().err
    assert 'A.ipynb, code cell 1, under "3 Memory"' in error
    assert "Kernel died" in error
    assert "memory" in error


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_the_kernel_too(course):
    sleep = "import os, time\nprint(os.getpid(), file=open('pid', 'w'))\ntime.sleep(60)"
    path = write(course, "A", "# Cats", "1", sleep)
    command = [sys.executable, "-m", "tools.run", str(path)]
    pid = path.with_name("pid")
    with subprocess.Popen(
        command, cwd=ROOT, stderr=-1, stdout=-1, text=True
    ) as process:
        assert "1/2" in process.stdout.readline()
        while not (pid.exists() and pid.read_text().endswith("\n")):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Stopped" in error
    assert "Traceback" not in error
    assert not psutil.pid_exists(int(pid.read_text()))


def test_save_keeps_outputs_of_the_sample_without_stderr(course, capsys):
    speak = 'print(os.environ["COURSE_DATA"], os.environ["COURSE_OFFLINE"])'
    warn = 'print("a warning", file=sys.stderr)'
    path = write(course, "A", "# Cats", HERE, speak, BARS, warn)
    source = [cell.source for cell in nbformat.read(path, as_version=4).cells]
    assert run.main(["--save", str(path)]) == 0
    assert "code cell 4" in (out := capsys.readouterr().out)
    assert "a warning" in out
    saved = nbformat.read(path, as_version=4)
    nbformat.validate(saved)
    assert [cell.source for cell in saved.cells] == source
    code = saved.cells[1:]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4]
    assert [len(cell.outputs) for cell in code] == [0, 1, 0, 0]
    assert code[1].outputs[0].text == "sample 1\n"
    assert [p.name for p in path.parent.iterdir()] == ["A.ipynb"]


def test_of_a_control_the_still_picture_is_kept(course):
    path = write(course, "A", "# Play", PICTURE, CONTROL, "ipywidgets.IntSlider()")
    assert run.main(["--save", str(path)]) == 0
    saved = nbformat.read(path, as_version=4)
    (still,) = saved.cells[2].outputs
    assert still.data == {"image/png": "AAAAIGNBTkc=", "text/plain": "a still result"}
    assert still.metadata["image/png"] == {"alt": "Still"}
    assert not saved.cells[3].outputs
    assert "widgets" not in saved.metadata
    html = page(course, "A")
    assert 'alt="Still"' in html
    assert "AAAAIGNBTkc=" in html
    assert "widget-view+json" not in html


@pytest.mark.parametrize("metadata", [{}, {"course": {"minutes": 3}}])
def test_a_notebook_without_a_lesson_is_named(course, capsys, metadata):
    write(course, "A", "# Cats", metadata=metadata | {"other": 1})
    assert run.main([]) == 1
    error = capsys.readouterr().err
    assert "A.ipynb is in no lesson" in error
    assert '"lesson": 1' in error


def test_a_file_that_is_no_notebook_is_named(course, capsys):
    assert run.main([]) == 1
    assert "has no notebooks" in capsys.readouterr().err
    (course / "notebooks" / "A.ipynb").write_text("<html>")
    assert run.main([]) == 1
    assert "A.ipynb cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("wish", [None, "sample", "no/such/folder"])
def test_a_report_without_photographs_does_not_begin(course, capsys, monkeypatch, wish):
    write(course, "A", "# Cats", "1")
    if wish:
        monkeypatch.setenv("COURSE_DATA", wish)
    assert run.main(["--report"]) == 1
    seen = capsys.readouterr()
    assert f"COURSE_DATA is {wish or 'not set'}" in seen.err
    assert "make report" in seen.err
    assert not seen.out


def test_a_report_runs_all_notebooks_and_rewrites_the_readme(course, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(course))
    run.README.write_text("# Cats\n<!-- results -->\n<!-- /results -->\n")
    assert run.main(["--report", "A.ipynb"]) == 1
    write(course, "A", "# Cats", HERE, 'show_results(source="photographs", score=0.9)')
    assert run.main(["--report"]) == 0
    assert "| score    | 0.9         |" in run.README.read_text()
    known = results.read_results()
    assert known["photographs"]["a.score"]["value"] == 0.9
    assert "bench" in known
