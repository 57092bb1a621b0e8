"""Fetch the published archives: download, verify, unpack once, trust only the whole."""

import errno
import itertools
import json
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import filelock
from tqdm.auto import tqdm

from utils.data.download import NoAnswer, Refused, ResumingDownloader, human_size
from utils.data.registry import ARCHIVES
from utils.files import DATA, offline

MARKER = ".unpacked.json"
FULL_DISK = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


class ArchiveError(RuntimeError):
    """An archive cannot be had; the message names it, the mirrors and what to do."""


class NoNetwork(ArchiveError):
    """No mirror gave any answer, or `COURSE_OFFLINE` forbids to ask."""


def fetch(name, folder=DATA):
    """Return the folder of an unpacked archive; download and unpack it if needed.

    An archive that lies in `folder` already, put there by hand, is verified and used.
    A broken download goes on where it stopped. Safe to interrupt or kill at any
    moment, and to call from several processes at once.

    Parameters
    ----------
    name : str, a key of `ARCHIVES`
    folder : str or Path, where the archive and its pictures are kept

    Returns
    -------
    Path of the unpacked folder, complete

    Raises
    ------
    ValueError
        No archive has that name.
    NoNetwork
        No mirror answered, or `COURSE_OFFLINE=1`.
    ArchiveError
        Anything else: wrong hash, full disk, a web page instead of the archive.
    """
    if name not in ARCHIVES:
        raise ValueError(f"no archive {name!r}; choose from {', '.join(ARCHIVES)}")
    archive, folder = ARCHIVES[name], Path(folder)
    if _is_whole(archive, folder):
        return folder / archive.folder
    if offline() and not (folder / archive.file).exists():  # nothing to lock or write
        _download(archive, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(archive, folder):
            if not _is_whole(archive, folder):  # another process may have been faster
                _provide(archive, folder)
    except OSError as error:
        full = error.errno in FULL_DISK
        what = "the disk is full" if full else f"disk trouble ({error})"
        raise ArchiveError(
            f"{archive.file}: {what} in {folder}.\nNext step: make room or repair it "
            f"and run again; what was downloaded is kept and used ({archive.home})"
        ) from error
    return folder / archive.folder


def _is_whole(archive, folder):
    """Compare the marker with the registry and with the files on disk."""
    target = folder / archive.folder
    try:
        marker = json.loads((target / MARKER).read_text(encoding="utf-8"))
        same = marker["hash"] == archive.hash
        return same and _count_files(target) >= marker["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _count_files(folder):
    """Count the files in a folder, without hidden ones that desktops add."""
    return sum(not n.startswith(".") for _, _, names in os.walk(folder) for n in names)


def _lock(archive, folder):
    """Let one process work at a time; the system frees the lock when it dies."""
    lock = filelock.FileLock(folder / f".{archive.file}.lock")
    try:
        return lock.acquire(blocking=False)
    except filelock.Timeout:
        print(f"{archive.file}: waiting for another process that fetches it")
        return lock.acquire()


def _provide(archive, folder):
    packed = folder / archive.file
    if not packed.exists():
        _download(archive, folder)
    elif mismatch := archive.mismatch(packed):
        raise ArchiveError(
            f"{packed} is not the published archive: it {mismatch}.\n"
            f"Next step: delete it and run again, or replace it by {archive.file} "
            f"from {archive.home}"
        )
    _unpack(archive, folder)


def _download(archive, folder):
    """Download from the first mirror that serves the published bytes."""
    advice = (
        f"Next step: run again later, or download {archive.file} in a browser from "
        f"{archive.home}, put it at {folder / archive.file} and run again.\n"
        "COURSE_DATA=sample needs no download."
    )
    if offline():
        reason = f"{archive.file} is not here and COURSE_OFFLINE forbids to download it"
        raise NoNetwork(f"{reason}.\n{advice}")
    part = folder / f"{archive.file}.part"
    kept = part.stat().st_size if part.exists() else 0
    # Photographs need about as much room unpacked as packed.
    _require_space(archive, folder, 2 * archive.size - kept)
    about = f"{human_size(archive.size)}, {archive.licence}"
    print(f"Downloading {archive.file} ({about}) to {folder.name}/")
    failures = {}
    for url in archive.urls:
        try:
            ResumingDownloader(archive)(url, part)
            os.replace(part, folder / archive.file)
            return
        except (Refused, NoAnswer) as failure:
            failures[url] = failure
    tried = "\n".join(f"  {url}: {failure}" for url, failure in failures.items())
    if all(isinstance(failure, NoAnswer) for failure in failures.values()):
        raise NoNetwork(f"{archive.file}: no network.\n{tried}\n{advice}")
    raise ArchiveError(f"{archive.file}: no download.\n{tried}\n{advice}")


def _require_space(archive, folder, needed):
    if (free := shutil.disk_usage(folder).free) < needed:
        raise ArchiveError(
            f"{archive.file}: the disk is too full, {human_size(needed)} are needed in "
            f"{folder} and {human_size(free)} are free.\nNext step: make room and run "
            "again"
        )


def _unpack(archive, folder):
    """Unpack into a temporary folder, mark it as whole and move it into place."""
    target, work = folder / archive.folder, folder / f".{archive.file}.unpacking"
    if work.exists():  # of a killed process: the lock says that nobody else is here
        shutil.rmtree(work)
    _require_space(archive, folder, archive.size)
    try:
        _extract(folder / archive.file, work)
        fresh = work / target.name
        marker = {"hash": archive.hash, "files": _count_files(fresh)}
        (fresh / MARKER).write_text(json.dumps(marker), encoding="utf-8")
        _set_aside(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(fresh, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _extract(packed, work):
    """Write all members of a zip or tar.gz file whose hash is the published one."""
    size, is_zip = packed.stat().st_size, packed.suffix == ".zip"
    with (
        packed.open("rb") as file,
        zipfile.ZipFile(file) if is_zip else tarfile.open(fileobj=file) as bundle,
        tqdm(None, f"Unpacking {packed.name}", size, unit="B", unit_scale=True) as bar,
    ):
        # zipfile keeps its members inside the folder by itself.
        for member in bundle.infolist() if is_zip else _members_inside(bundle, work):
            bundle.extract(member, work)
            bar.update(file.tell() - bar.n)
        bar.update(bar.total - bar.n)


def _members_inside(bundle, work):
    """Yield a tar file's members; none may be written outside the folder."""
    if hasattr(tarfile, "data_filter"):  # Python 3.11.4 and later
        bundle.extraction_filter = tarfile.data_filter
        yield from bundle
        return
    for member in bundle:
        inside = (work / member.name).resolve().is_relative_to(work.resolve())
        if not inside or not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"{member.name!r} lies outside or is a link")
        yield member


def _set_aside(target):
    """Rename a folder that is in the way: it may hold somebody's own pictures."""
    if target.exists():
        names = (target.with_name(f"{target.name}.old{n}") for n in itertools.count(1))
        aside = next(name for name in names if not name.exists())
        print(f"{target.name} was not whole, so not trusted: kept as {aside.name}")
        os.replace(target, aside)
