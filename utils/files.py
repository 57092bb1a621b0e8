"""Files: find what installed packages ship, and replace a file as a whole or not."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path


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
