"""Folders of the course, files of installed packages, and files replaced as a whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # of the course
DATA = ROOT / "data"  # where everything fetched, drawn or cached lands


def package_file(module: str, package: str, name: str) -> Path:
    """Locate a file inside an installed package, without importing the package.

    Parameters
    ----------
    module : str
        What Python imports.
    package : str
        What pip installs.
    name : str
        The file, relative to the folder of the module.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileNotFoundError
        The package, or the file in it, is not there.
    """
    spec = find_spec(module)
    path = Path(spec.submodule_search_locations[0]) / name if spec else None
    if path is None or not path.is_file():
        raise FileNotFoundError(
            f"{name} of the package {package} is not there: run "
            f'"python -m pip install {package}" in the course\'s environment.'
        )
    return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name and move it into place at the end.

    Parameters
    ----------
    path : Path
        The file; its folder is made if it is missing.

    Yields
    ------
    Path
        Where to write. After an error nothing is left there, and a file at `path`
        is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two processes may write the same file; the suffix tells libraries the format.
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name and move it into place.

    Parameters
    ----------
    path : Path
        The file; its folder is made if it is missing.
    text : str
        What it will hold, in UTF-8 with newlines of one character.
    """
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def writable(folder: Path) -> Path:
    """Choose where to keep what can be computed again.

    Parameters
    ----------
    folder : Path
        Where it would be best; it need not be there yet.

    Returns
    -------
    Path
        A folder of that name in the one that the environment variable
        ``COURSE_CACHE`` names; else the folder itself; else, where it cannot be
        written, one of that name in the user's own cache.
    """
    if wish := os.environ.get("COURSE_CACHE"):
        return Path(wish).expanduser() / folder.name
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if there.is_dir() and os.access(there, os.W_OK):
        return folder
    import platformdirs  # few need it, and everything imports this module

    return platformdirs.user_cache_path("ideal-cat", appauthor=False) / folder.name


def shown(path: Path, root: Path = ROOT) -> str:
    """Spell a path for a reader, without the names of folders around the course.

    Parameters
    ----------
    path : Path
        Absolute.
    root : Path
        The course's folder.

    Returns
    -------
    str
        Relative to the course's folder or, with ``~``, to the user's own; else as it
        is.
    """
    for start, mark in ((root, ""), (Path.home(), "~/")):
        if path.is_relative_to(start):
            return mark + path.relative_to(start).as_posix()
    return path.as_posix()


def course_data() -> str:
    """Read what the environment variable ``COURSE_DATA`` asks for.

    Returns
    -------
    str
        ``sample``, a folder, or nothing; without quotes and blanks around it, which
        some shells and settings files leave there.
    """
    wish = os.environ.get("COURSE_DATA", "").strip().strip("\"'").strip()
    return wish.lower() if wish.lower() == "sample" else wish


def offline():
    """Return whether the user has ruled downloads out.

    Returns
    -------
    bool
        True if the environment variable ``COURSE_OFFLINE`` is set, and not to 0.
    """
    return os.environ.get("COURSE_OFFLINE", "0") not in ("", "0")
