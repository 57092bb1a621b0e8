"""Which split a picture belongs to: by a hash of its name, or by a published list."""

import codecs
import hashlib
from collections import defaultdict
from pathlib import Path

from utils.data.folders import plain

SPLITS = ("train", "val", "test")
BREEDS = 37


def require_split(split: str) -> None:
    """Raise a ValueError unless there is such a split.

    Parameters
    ----------
    split : str
        One of `SPLITS`, it is hoped.
    """
    if split not in SPLITS:
        raise ValueError(f'split is "train", "val" or "test", not {split!r}.')


def hashed_split(name: str) -> str:
    """Put a name on its side: two independent uniform numbers from one hash.

    Parameters
    ----------
    name : str
        Of a class and a picture, such as ``Cat/123.jpg``. Accents may be spelt as on a
        Mac or as elsewhere.

    Returns
    -------
    {"train", "val", "test"}
        A fifth is test, a fifth of the others val.
    """
    digest = _digest(name)
    test, val = (int.from_bytes(part) / 2**64 for part in (digest[:8], digest[8:16]))
    return "test" if test < 1 / 5 else "val" if val < 1 / 5 else "train"


def _digest(name: str) -> bytes:
    return hashlib.sha256(plain(name).encode(errors="surrogateescape")).digest()


def read_list(path: Path) -> dict[str, int]:
    """Read lines "name class species breed".

    Parameters
    ----------
    path : Path
        trainval.txt or test.txt.

    Returns
    -------
    dict of str to int
        From a name to its class less 1; empty without a file.

    Raises
    ------
    ValueError
        The list is damaged.
    """
    if not path.exists():
        return {}
    lines = [line.split() for line in _read_lines(path)]
    try:
        labels = {name: int(number) - 1 for name, number, _, _ in lines}
    except ValueError:
        labels = {}
    if set(labels.values()) != set(range(BREEDS)):
        raise ValueError(
            f"{path} is damaged: it should have four columns, classes 1 to {BREEDS}. "
            "Unpack annotations.tar.gz again."
        )
    return labels


def _read_lines(path: Path) -> list[str]:
    """Read a list that an editor may have saved as UTF-16, or with a mark in front."""
    data = path.read_bytes()
    text = data.decode(_encoding(data), errors="replace")
    return [line for line in text.splitlines() if line.strip()]


def _encoding(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in data[:2]:  # no mark, but one byte of two is empty
        return "utf-16-be" if data[0] == 0 else "utf-16-le"
    return "utf-8-sig"


def cut_val(labels: dict[str, int]) -> dict[str, str]:
    """Assign a split to each listed name: a fifth of every class is val.

    Parameters
    ----------
    labels : dict of str to int
        From `read_list`.

    Returns
    -------
    dict of str to {"train", "val"}
        For each name.
    """
    breeds = defaultdict(list)
    for name in sorted(labels, key=_digest):
        breeds[labels[name]].append(name)
    val = {name for names in breeds.values() for name in names[: round(len(names) / 5)]}
    return {name: "val" if name in val else "train" for name in labels}
