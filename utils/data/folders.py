"""Look into folders: pictures at any depth, class folders, and what is left out."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from utils.data.decode import FORMATS

# What systems put beside somebody's pictures; hidden files are passed over as well.
SYSTEM = {
    *("$recycle.bin", "#recycle", "@eadir", "__macosx", "lost+found"),
    *("system volume information", "desktop.ini", "thumbs.db", "ehthumbs.db", "icon\r"),
}
# Words for parts of a dataset that people name folders with.
SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
}
SPLIT_FOLDERS |= dict.fromkeys(("val", "valid", "validation"), "val")
HEIC = {".heic", ".heif"}


def plain(name: str) -> str:
    """Return the spelling of a name that Macs and other systems share (Unicode's NFC).

    Parameters
    ----------
    name : str
        Of a file or folder.

    Returns
    -------
    str
        The same letters, each with its accent as one character.
    """
    return unicodedata.normalize("NFC", name)


def folders_in(folder: Path) -> list[Path]:
    """List the folders in a folder, without those of the system.

    Parameters
    ----------
    folder : Path
        Where to look.

    Returns
    -------
    list of Path
        By name.
    """
    return [Path(entry) for entry in _entries(folder) if entry.is_dir()]


def split_folders(folders: list[Path]) -> dict[Path, str]:
    """Name the splits that folders stand for.

    Parameters
    ----------
    folders : list of Path
        All in one folder.

    Returns
    -------
    dict of Path to {"train", "val", "test"}
        Empty unless each stands for one, train among them.
    """
    parts = {each: SPLIT_FOLDERS.get(each.name.lower()) for each in folders}
    return parts if "train" in parts.values() and None not in parts.values() else {}


def files_below(folder: Path, above: frozenset = frozenset()) -> Iterator[Path]:
    """Walk through a folder and all inside it, without what belongs to the system.

    Parameters
    ----------
    folder : Path
        Where to begin.
    above : frozenset of Path
        Folders around it: a link back to one of them is not followed.

    Yields
    ------
    Path
        What is no folder.
    """
    above |= {folder.resolve()}
    for entry in _entries(folder):
        if not entry.is_dir():
            yield Path(entry)
        elif Path(entry).resolve() not in above:
            yield from files_below(Path(entry), above)


def loose_files(folder: Path) -> list[Path]:
    """List the files in a folder that lie in no folder inside it.

    Parameters
    ----------
    folder : Path
        Where to look.

    Returns
    -------
    list of Path
        By name.
    """
    return [Path(entry) for entry in _entries(folder) if not entry.is_dir()]


def _entries(folder: Path) -> list[os.DirEntry]:
    with os.scandir(folder) as entries:
        return sorted(filter(_is_ours, entries), key=lambda entry: plain(entry.name))


def _is_ours(entry: os.DirEntry) -> bool:
    return not entry.name.startswith(".") and entry.name.lower() not in SYSTEM


def is_picture(path: Path) -> bool:
    """Tell by its name whether a file is a picture; a pipe, which never ends, is none.

    Parameters
    ----------
    path : Path
        What `files_below` found.

    Returns
    -------
    bool
        A link to nothing counts: the check of the pictures says what is wrong with it.
    """
    return path.suffix.lower() in FORMATS and (path.is_file() or not path.exists())


def tell_left_out(files: Iterable[Path]) -> str:
    """Say which files are no pictures.

    Parameters
    ----------
    files : iterable of Path
        What is left out.

    Returns
    -------
    str
        Such as ``30 files are no pictures known here (.heic 30)``; empty for no files.
    """
    kinds = Counter(path.suffix.lower() or "without ending" for path in files)
    if not kinds:
        return ""
    count = kinds.total()
    are = "file is no picture" if count == 1 else "files are no pictures"
    listed = ", ".join(f"{kind} {number:,}" for kind, number in kinds.most_common())
    advice = "; save .heic as JPEG to use them" if HEIC & kinds.keys() else ""
    return f"{count:,} {are} known here ({listed}){advice}"


def find(folder: Path, place: str) -> Path | None:
    """Find a place of a published layout, however somebody unpacked it.

    Capitals do not matter. A folder may lie inside one of its own name, as unpacking
    programs like to do (``images/images``), and the outermost may be the folder itself.

    Parameters
    ----------
    folder : Path
        Where to look.
    place : str
        Relative, with slashes: ``PetImages/Cat``.

    Returns
    -------
    Path or None
        Where it is.
    """
    return _follow(folder, place) or _follow(folder, place.partition("/")[2])


def _follow(folder: Path, place: str) -> Path | None:
    head, _, rest = place.partition("/")
    inner = _child(folder, head)
    doubled = inner and _child(inner, head)
    if not rest:
        return doubled or inner
    return (doubled and _follow(doubled, rest)) or (inner and _follow(inner, rest))


def _child(folder: Path, name: str) -> Path | None:
    if (folder / name).exists():
        return folder / name
    if not folder.is_dir():
        return None
    like = (each for each in folder.iterdir() if each.name.lower() == name.lower())
    return next(like, None)
