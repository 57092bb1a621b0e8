"""One run over honest, broken and hostile submissions: each has the grade it earned."""

import csv
import json
import pickle
import zipfile

import pytest
from nbformat.v4 import new_code_cell, new_notebook, writes
from PIL import Image

from lab import grade
from lab.grading.judges.table import QUESTIONS
from lab.questions.points import POINTS
from lab.sandbox.trial import strongest_isolation
from tests.lab.cells import foreign_processes
from tests.lab.grading.test_grading import PICTURES, PREDICTIONS, SOLUTIONS

HONEST = "\n\n".join(SOLUTIONS.values())
NAMES = [name for question in QUESTIONS.values() for name in question.functions]
# None of them answers a question; each tries to have points all the same.
HOSTILE = {
    "loop": "while True: pass",
    "flood": "while True: print('x' * 1000)",
    "memory": "held = [bytearray(1 << 30) for _ in range(10)]",
    "forks": "import os\nfor _ in range(300): os.fork()",
    "disk": "for n in range(999): open(f'{n}', 'wb').write(bytes(4 << 20))",
    "delete": "import shutil\nfor f in ('/', '/course', '.'): "
    "shutil.rmtree(f, ignore_errors=True)",
    "network": "import socket\nsocket.create_connection(('127.0.0.1', 80), 2)",
    "equal": "class Yes:\n    def __eq__(self, other): return True\n"
    + "\n".join(f"def {name}(*a): return Yes()" for name in NAMES),
    "numpy": "import numpy as np\nnp.allclose = np.array_equal = lambda *a: True\n"
    + "\n".join(f"def {name}(*a): return np.array(1)" for name in NAMES),
    "exit": "import os, atexit\natexit.register(print)\nos._exit(0)",
    "hooks": "get_ipython().run_cell = lambda *a, **k: None\n"
    "import sys\nsys.excepthook = sys.exit = lambda *a: None",
    "daemon": "import subprocess\n"
    "subprocess.Popen(['sleep', '600'], start_new_session=True)",
    "grades": "for f in ('../grades.csv', '/grades.csv', 'grades.csv'):\n"
    "    try: open(f, 'w').write('student,total\\ngrades,20')\n"
    "    except OSError: pass",
    "pickle": "import pickle\nopen('predictions.csv', 'wb').write(pickle.dumps([1]))",
    "shapes": "import numpy as np\n"
    + "\n".join(
        f"def {name}(*a): return np.full((3, 5), np.nan), [None], 1" for name in NAMES
    ),
}
MARKUP = "<img src=x onerror=alert(1)> “Åse” 🐱"


def _notebook(*sources):
    return writes(new_notebook(cells=[new_code_cell(each) for each in sources]))


def _hand_in(folder):
    """Write the submissions; give how many there are."""
    folder.mkdir()
    text = f"open('predictions.csv', 'w').write({PREDICTIONS!r})"
    for name in ("honest", MARKUP, "zoe"):
        (folder / f"{name}.ipynb").write_text(_notebook(HONEST, text), "utf-8")
    for name, source in HOSTILE.items():
        (folder / f"{name}.ipynb").write_text(_notebook(source), "utf-8")
    (folder / "no-json.ipynb").write_bytes(pickle.dumps(HOSTILE))
    (folder / "empty.ipynb").touch()
    with (folder / "huge.ipynb").open("wb") as file:
        file.truncate(200 << 20)
    with zipfile.ZipFile(folder / "escape.zip", "w") as archive:
        archive.writestr("../../OxfordPets.ipynb", _notebook(HONEST))
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("OxfordPets.ipynb", bytes(100 << 20))
    (folder / "link.ipynb").symlink_to(folder / "honest.ipynb")


@pytest.fixture
def withheld(tmp_path):
    folder = tmp_path / "withheld"
    folder.mkdir()
    for name in PICTURES:
        Image.new("RGB", (32, 32)).save(folder / name)
    for place in (folder, *folder.parents[:3]):
        place.chmod(0o755)
    return folder


def test_nobody_gains_and_nobody_else_loses(tmp_path, withheld, monkeypatch):
    if strongest_isolation() != "bubblewrap":
        pytest.skip("needs bubblewrap")
    monkeypatch.setattr("lab.grading.folder.shared_features", lambda data, withheld: ())
    _hand_in(tmp_path / "in")
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({"pictures": PICTURES, "seed": 7}))
    before = {path: path.read_bytes() for path in withheld.iterdir()}
    words = [tmp_path / "in", "--answers", answers, "--out", tmp_path / "out"]
    words += ["--withheld", withheld, "--seconds", "4"]
    assert grade.main([str(word) for word in words]) == 0

    with (tmp_path / "out" / "grades.csv").open(encoding="utf-8-sig") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    for name in ("honest", MARKUP, "zoe"):
        row = rows.pop(name)
        assert [float(row[each]) for each in QUESTIONS] == [
            POINTS[each] for each in QUESTIONS
        ]
        assert float(row["predictions"]) > 3
        assert not row["flag"]
    assert {*HOSTILE, "no-json", "empty", "huge", "escape", "bomb", "link"} == {*rows}
    assert {float(row["total"]) for row in rows.values()} == {0}
    for name in (
        "loop",
        "memory",
        "forks",
        "no-json",
        "huge",
        "escape",
        "bomb",
        "link",
    ):
        assert rows[name]["flag"], name

    assert not foreign_processes()
    assert before == {path: path.read_bytes() for path in withheld.iterdir()}
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"in", "out", "answers.json", "withheld"}
    for page in (tmp_path / "out").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<img src=x" not in text
        assert "<script" not in text
