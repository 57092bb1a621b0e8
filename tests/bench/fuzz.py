"""Damage archives, notebooks, messages and records, and see that nothing ends a run.

`python -m tests.bench.fuzz [count]` takes a few minutes for 10,000.
"""

import io
import json
import random
import sys
import zipfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from lab.cells import RELEASE
from lab.grading.names import Unreadable
from lab.grading.reading import Notebook, read_paths
from lab.grading.record import Record, read_record
from lab.questions.finding import Finding
from lab.questions.points import POINTS
from lab.sandbox.messages import Failure, to_bytes
from lab.sandbox.supervisor import _answer

ODD = [
    *(None, True, -1, 0, 1e400, 10**30, "", "\ud800", "x" * 5000, "../../etc", "\x00"),
    *([], {}, [[]], [None], {"a": 1}, ["a", 1], {"nbgrader": None}, {"grade_id": []}),
]
GOOD = ["a.ipynb", "a/b.IPYNB", "b.zip", "é.ipynb", "data.csv"]
BAD = ["../a.ipynb", "/a.ipynb", "C:/a.ipynb", "a\\..\\b.ipynb", "\x01", "x" * 300]
HIDDEN = [".a.ipynb", "__MACOSX/a.ipynb"]
ANSWERED = [
    {"cell_type": "code", "source": "def f(a):\n    return a", "metadata": {}},
    {
        "cell_type": "code",
        "source": ["import numpy as np\n", "%time 1"],
        "metadata": {"nbgrader": {"grade_id": "split"}},
        "outputs": [],
        "id": "one",
    },
    {"cell_type": "markdown", "source": "words " * 30, "metadata": {"tags": []}},
]
BOOK = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": ANSWERED}
RECORD = Record(
    *("ann", "", "", "ann-1", "key"),
    {k: [Finding("all", n, 1.0, "")] for k, n in POINTS.items() if k != "reflection"},
    *(["remark"], ["flag"], [["pug", "boxer", 3]], "bubblewrap", 1.5),
    *({"split": "ab"}, "cd", 3, 9, [1, 2]),
)


def damage(content: bytes, chance: random.Random) -> bytes:
    """Change some bytes, cut some out, repeat some, or cut the end off."""
    data = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        place = chance.randrange(len(data) + 1)
        part = slice(place, place + chance.choice([1, 4, 50]))
        match chance.randrange(5):
            case 0:
                data[part] = chance.randbytes(len(data[part]))
            case 1:
                del data[part]
            case 2:
                data[place:place] = data[part] * chance.choice([1, 50])
            case 3:
                data[part] = chance.choice(
                    [b"\xff" * 4, b"\0" * 8, b"PK\1\2", b"[" * 99]
                )
            case 4 if chance.random() < 0.2:
                del data[place:]
    return bytes(data)


def distort(value, chance: random.Random):
    """Put something odd into a place of a nested structure."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.2:
        return chance.choice(ODD)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key, changed = chance.choice(keys), value.copy()
    if chance.random() < 0.1:
        del changed[key]
    else:
        changed[key] = distort(value[key], chance)
    return changed


def _written(value, chance) -> bytes:
    for _ in range(chance.choice([0, 1, 1, 3])):
        value = distort(value, chance)
    content = json.dumps(value).encode()
    return damage(content, chance) if chance.random() < 0.3 else content


def _archive(chance) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        names = chance.sample(GOOD, chance.choice([1, 1, 2]))
        names += chance.sample(HIDDEN + BAD, chance.choice([0, 0, 0, 1]))
        for name in names:
            member = zipfile.ZipInfo(name)
            member.external_attr = chance.choice([0] * 9 + [0o120777 << 16])
            nested = name.endswith("zip") and chance.random() < 0.5
            inside = _archive(chance) if nested else _written(BOOK, chance)
            archive.writestr(member, inside)
    content = file.getvalue()
    return damage(content, chance) if chance.random() < 0.5 else content


def try_archive(chance, folder: Path) -> str:
    """Read a damaged zip as a submission."""
    return _try_file(folder / "a.zip", _archive(chance))


def try_notebook(chance, folder: Path) -> str:
    """Read a damaged notebook as a submission."""
    release = RELEASE.read_bytes()
    own = chance.random() < 0.9
    content = _written(BOOK, chance) if own else damage(release, chance)
    return _try_file(folder / "a.ipynb", content)


def _try_file(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    try:
        found = read_paths([path], list(POINTS))
    except Unreadable as error:
        str(error).encode()
        return "refused"
    finally:
        path.unlink()
    assert isinstance(found, Notebook)
    json.loads(json.dumps(found._asdict() | {"content": found.content.decode()}))
    return "read"


def try_message(chance, folder: Path) -> str:
    """Read a damaged answer of a worker."""
    arrays = [np.arange(6.0).reshape(2, 3), np.array([True]), np.zeros((0, 2), "u1")]
    content = damage(to_bytes(arrays[: chance.randrange(4)]), chance)
    if chance.random() < 0.2:
        content = to_bytes(arrays)
    reason = chance.choice([b"", b"", chance.randbytes(9), b"\xff\xfe raised"])
    answer = _answer(reason, content)
    assert isinstance(answer, list | Failure)
    return "refused" if isinstance(answer, Failure) else "read"


def try_record(chance, folder: Path) -> str:
    """Read a damaged record."""
    record = read_record(_written(RECORD._asdict(), chance))
    if record is None:
        return "refused"
    assert all(0 <= f.earned <= f.points for of in record.scores.values() for f in of)
    with suppress(UnicodeEncodeError):
        json.dumps(record._asdict()).encode()
    return "read"


KINDS = (try_archive, try_notebook, try_message, try_record)


def fuzz(count: int, seed: int = 0) -> Counter:
    """Try each kind in turn; an exception says which number failed.

    Parameters
    ----------
    count : int
        In all.
    seed : int
        Of the first; the others follow.

    Returns
    -------
    Counter
        How many of each kind were read, and how many refused.
    """
    counts = Counter()
    with TemporaryDirectory() as folder:
        for number in range(seed, seed + count):
            kind = KINDS[number % len(KINDS)]
            try:
                outcome = kind(random.Random(number), Path(folder))
            except Exception as error:
                raise AssertionError(f"{kind.__name__} {number} failed") from error
            counts[kind.__name__, outcome] += 1
    return counts


def main(count: str = "10000") -> None:
    """Print how many of each kind were read and refused."""
    for (kind, outcome), number in sorted(fuzz(int(count)).items()):
        print(f"{kind:14} {outcome:8} {number}")


if __name__ == "__main__":
    main(*sys.argv[1:])
