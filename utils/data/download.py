"""Fetch the published archives: download, verify, unpack once, trust only the whole."""

import contextlib
import errno
import functools
import gzip
import itertools
import json
import os
import re
import shutil
import stat
import tarfile
import time
import zipfile
import zlib
from pathlib import Path, PureWindowsPath
from urllib.parse import urlsplit

import pooch
import requests
import urllib3
from tqdm.auto import tqdm

from utils.data.registry import ARCHIVES
from utils.files import DATA, offline

CHUNK = 1 << 18  # bytes
CONNECT_TIMEOUT, READ_TIMEOUT = 5, 30  # seconds
TRIES = 3  # in a row without a new byte, before a mirror is given up
PAUSE = 1  # seconds between two tries
MARKER = ".unpacked.json"
MAGIC = {".zip": b"PK\x03\x04", ".gz": b"\x1f\x8b"}
DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error),
    *(EOFError, NotImplementedError),
)
FULL_DISK = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


class ArchiveError(RuntimeError):
    """An archive cannot be had; the message names it, the mirrors and what to do."""


class NoNetwork(ArchiveError):
    """No mirror gave any answer, or `COURSE_OFFLINE` forbids to ask."""


_silent: dict[str, str] = {}  # hosts that gave no answer in this process, and why


def fetch(name, folder=DATA):
    """Return the folder of an unpacked archive; download and unpack it if needed.

    An archive that lies in `folder` already, put there by hand, is verified and used.
    A broken download goes on where it stopped. Safe to interrupt or kill at any
    moment, and to call from several processes at once.

    Parameters
    ----------
    name : str
        A key of `ARCHIVES`.
    folder : str or Path
        Where the archive and its pictures are kept.

    Returns
    -------
    Path
        The unpacked folder, complete.

    Raises
    ------
    NoNetwork
        No mirror answered, or `COURSE_OFFLINE=1`.
    ArchiveError
        Anything else: wrong hash, full disk, a web page instead of the archive,
        a member that does not belong into an archive of pictures.
    """
    archive, folder = _registered(name), Path(folder)
    if not _is_whole(archive, folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _one_process(archive, folder):
                _provide(archive, folder)
        except OSError as error:
            raise ArchiveError(_disk_trouble(archive, folder, error)) from error
    return folder / archive.folder


def is_unpacked(name, folder=DATA):
    """Tell whether an archive was unpacked here and all its files are still there.

    Parameters
    ----------
    name : str
        A key of `ARCHIVES`.
    folder : str or Path
        Where the archive and its pictures are kept.

    Returns
    -------
    bool
        True if `fetch` would return at once.
    """
    return _is_whole(_registered(name), Path(folder))


def _registered(name):
    """Return the archive of that name."""
    if name not in ARCHIVES:
        raise ValueError(f"no archive {name!r}; choose from {', '.join(ARCHIVES)}")
    return ARCHIVES[name]


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
    names = itertools.chain.from_iterable(files for _, _, files in os.walk(folder))
    return sum(not name.startswith(".") for name in names)


def _provide(archive, folder):
    """Leave the unpacked folder; the caller sees to it that nobody else does."""
    if _is_whole(archive, folder):  # another process was faster
        return
    packed = folder / archive.file
    if not packed.exists():
        _download(archive, folder)
    elif wrong := _mismatch(archive, packed):
        raise ArchiveError(
            f"{packed} is not the published archive: it {wrong}.\n"
            f"Next step: delete it and run again, or replace it by {archive.file} "
            f"from {archive.home}"
        )
    _unpack(archive, folder)


# ------------------------------------------------------------------- one at a time


@contextlib.contextmanager
def _one_process(archive, folder):
    """Hold the archive's lock file; the system frees it when a process dies."""
    with (folder / f".{archive.file}.lock").open("ab") as file:
        if not _try_lock(file):
            print(f"{archive.file}: waiting for another process that fetches it")
            while not _try_lock(file):
                time.sleep(0.2)
        yield


def _try_lock(file):
    """Lock an open file against other processes; closing it unlocks."""
    try:
        import fcntl as system
    except ImportError:  # Windows
        import msvcrt as system
    try:
        if system.__name__ == "fcntl":
            system.flock(file, system.LOCK_EX | system.LOCK_NB)
        else:
            file.seek(0)
            system.locking(file.fileno(), system.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    return True


# ----------------------------------------------------------------------- download


class _Refused(Exception):
    """The mirror cannot serve the archive: ask the next one."""


class _BrokenOff(Exception):
    """The connection broke or the server is busy: ask again for the rest."""


class _NoAnswer(_BrokenOff):
    """The server could not be reached, or said nothing."""


def _download(archive, folder):
    """Download from the first mirror that serves the published bytes."""
    part = folder / f"{archive.file}.part"
    if offline():
        reason = f"{archive.file} is not here and COURSE_OFFLINE forbids to download it"
        raise NoNetwork(f"{reason}.\n{_advice(archive, folder)}")
    # Photographs need about as much room unpacked as packed.
    _need_space(archive, folder, 2 * archive.size - _size(part))
    about = f"{_human(archive.size)}, {archive.licence}"
    print(f"Downloading {archive.file} ({about}) to {folder.name}/")
    failures = {}
    for url in archive.urls:
        try:
            ResumingDownloader(archive)(url, part)
            os.replace(part, folder / archive.file)
            return
        except (_Refused, _NoAnswer) as failure:
            failures[url] = failure
    raise _no_mirror(archive, folder, failures)


def _no_mirror(archive, folder, failures):
    """Say what each mirror did, as NoNetwork if none of them gave an answer."""
    tried = "\n".join(f"  {url}: {failure}" for url, failure in failures.items())
    silent = all(isinstance(failure, _NoAnswer) for failure in failures.values())
    kind, what = (NoNetwork, "no network") if silent else (ArchiveError, "no download")
    return kind(f"{archive.file}: {what}.\n{tried}\n{_advice(archive, folder)}")


class ResumingDownloader:
    """A downloader in the form that pooch takes, which goes on where one broke off.

    `pooch.retrieve` would hand over a temporary file with another name each time and
    delete it after an error; `fetch` hands over the same part file again.
    """

    def __init__(self, archive):
        self.archive = archive

    def __call__(self, url, output_file, pooch=None):
        """Download what is missing of a part file, and verify the whole.

        Parameters
        ----------
        url : str
            One mirror.
        output_file : str or Path
            The part file, which may hold a beginning.
        pooch : pooch.Pooch, optional
            Not used; pooch passes it.
        """
        part = Path(output_file)
        while True:
            resumed = _size(part) > 0
            self._receive_all(url, part)
            wrong = _mismatch(self.archive, part)
            if not wrong:
                _source(part).unlink(missing_ok=True)
                return
            _forget(part)
            if not resumed:  # else the old beginning may be the bad one
                raise _Refused(f"sent a file that {wrong}; it was deleted")

    def _receive_all(self, url, part):
        """Ask again after each break, while new bytes come."""
        tries, answered = TRIES, False
        with self._bar(part) as bar:
            while (before := _size(part)) < self.archive.size:
                try:
                    self._receive(url, part, bar)
                except _BrokenOff as trouble:
                    answered |= not isinstance(trouble, _NoAnswer)
                    if not answered:
                        _silent.setdefault(urlsplit(url).netloc, str(trouble))
                        raise
                    tries = TRIES if _size(part) > before else tries - 1
                    if not tries:
                        raise _Refused(self._state(trouble, part)) from trouble
                    time.sleep(PAUSE)

    def _bar(self, part):
        """Return a progress bar that appears with the first byte."""
        size, done = self.archive.size, _size(part)
        title = {"desc": self.archive.file, "unit": "B", "unit_scale": True}
        return tqdm(total=size, initial=done, delay=1e-6, **title)

    def _receive(self, url, part, bar):
        """Write what one answer brings behind the part file."""
        with _ask(url, part) as response:
            start = self._first_byte(response, part)
            chunks = self._chunks(response, start)
            if start == 0:
                chunks = itertools.chain([self._beginning(chunks)], chunks)
                _write_source(part, url, response)
            bar.update(start - bar.n)
            with part.open("ab" if start else "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                    bar.update(len(chunk))

    def _first_byte(self, response, part):
        """Return the place of the answer's first byte, if it is the archive."""
        status = response.status_code
        if status == 429 or status >= 500:
            raise _BrokenOff(f"answered {status} {response.reason}")
        start, total = _range(response)
        if status == 416 or (status == 206 and start != _size(part)):
            _forget(part)
            raise _BrokenOff("does not have the rest of this file; starting over")
        if status not in (200, 206):
            raise _Refused(f"answered {status} {response.reason}")
        if "html" in response.headers.get("Content-Type", "").lower():
            raise _Refused("sent a web page instead of the archive (a dead link?)")
        if total not in (None, self.archive.size):
            raise _Refused(f"offers {total:,} bytes instead of {self.archive.size:,}")
        return start

    def _chunks(self, response, start):
        """Yield the raw bytes as they come, never more than the archive has."""
        left = self.archive.size - start
        try:
            read = functools.partial(response.raw.read1, decode_content=False)
            while left and (chunk := read(min(CHUNK, left))):
                left -= len(chunk)
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _BrokenOff(f"broke off ({error})") from error
        if left:
            raise _BrokenOff("broke off")

    def _beginning(self, chunks):
        """Return the first chunk, if an archive can begin like this."""
        first = next(chunks, b"")
        magic = MAGIC[Path(self.archive.file).suffix]
        if first.lstrip()[:1] == b"<":
            raise _Refused("sent a web page instead of the archive (a dead link?)")
        if not first.startswith(magic[: len(first)]):
            raise _Refused(f"sent a file that does not begin like a {magic!r} archive")
        return first

    def _state(self, trouble, part):
        """Say how far a download came before it was given up."""
        came, size = _human(_size(part)), _human(self.archive.size)
        return f"{trouble}; {came} of {size} are kept in {part.name}"


def _ask(url, part):
    """Send the request for what is missing of the part file."""
    host = urlsplit(url).netloc
    if host in _silent:
        raise _NoAnswer(f"{_silent[host]}, asked before: restart Python to ask again")
    headers = {"Accept-Encoding": "identity"} | _range_headers(url, part)
    timeout = (CONNECT_TIMEOUT, READ_TIMEOUT)
    try:
        return requests.get(url, headers=headers, stream=True, timeout=timeout)
    except requests.exceptions.SSLError as error:
        raise _Refused(f"no secure connection ({_cause(error)})") from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise _NoAnswer(f"no answer ({_cause(error)})") from error
    except requests.RequestException as error:
        raise _Refused(f"cannot be asked ({error})") from error


def _cause(error):
    """Return the words of the innermost reason that urllib3 gives."""
    inner = error.args[0] if error.args else error
    inner = getattr(inner, "reason", None) or inner
    return str(getattr(inner, "args", (inner,))[-1]).split(": ", 1)[-1]


def _range_headers(url, part):
    """Ask for the rest, if the file at the same mirror has not changed since."""
    if not _size(part):
        return {}
    headers = {"Range": f"bytes={_size(part)}-"}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        source = json.loads(_source(part).read_text(encoding="utf-8"))
        if source["url"] == url and source["version"]:
            headers["If-Range"] = source["version"]
    return headers


def _write_source(part, url, response):
    """Note where a part file came from, and the version that the server named."""
    version = response.headers.get("ETag", "W/")
    if version.startswith("W/"):  # weak: RFC 9110, section 13.1.5, forbids it here
        version = response.headers.get("Last-Modified")
    text = json.dumps({"url": url, "version": version})
    _source(part).write_text(text, encoding="utf-8")


def _source(part):
    """Return the path of the note beside a part file."""
    return part.with_name(f"{part.name}.json")


def _forget(part):
    """Delete a part file that is of no use, and its note."""
    part.unlink(missing_ok=True)
    _source(part).unlink(missing_ok=True)


def _range(response):
    """Return the first byte of an answer and the size of the whole, if told."""
    found = re.match(
        r"bytes (\d+)-\d+/(\d+)?", response.headers.get("Content-Range", "")
    )
    if response.status_code == 206:
        return (int(found[1]), found[2] and int(found[2])) if found else (-1, None)
    length = response.headers.get("Content-Length")
    return 0, length and int(length)


# ------------------------------------------------------------------------- unpack


def _unpack(archive, folder):
    """Unpack into a temporary folder, mark it as whole and move it into place."""
    target, work = folder / archive.folder, folder / f".{archive.file}.unpacking"
    if work.exists():  # of a killed process: the lock says that nobody else is here
        shutil.rmtree(work)
    _need_space(archive, folder, archive.size)
    try:
        _Unpacking(archive, folder / archive.file, work).run()
        fresh = work / target.name
        if not fresh.is_dir():
            raise ArchiveError(_refusal(archive, f"holds no folder {target.name}"))
        marker = {"hash": archive.hash, "files": _count_files(fresh)}
        (fresh / MARKER).write_text(json.dumps(marker), encoding="utf-8")
        _set_aside(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(fresh, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _set_aside(target):
    """Rename a folder that is in the way: it may hold somebody's own pictures."""
    if not target.exists():
        return
    names = (target.with_name(f"{target.name}.old{n}") for n in itertools.count(1))
    aside = next(name for name in names if not name.exists())
    print(f"{target.name} was not whole, so not trusted: kept as {aside.name}")
    os.replace(target, aside)


class _Unpacking:
    """An archive on its way into a folder, and how much it may still bring."""

    def __init__(self, archive, packed, work):
        self.archive, self.packed, self.work = archive, packed, work
        self.size = packed.stat().st_size
        self.members = archive.limits.members
        self.bytes = min(archive.limits.bytes, archive.limits.ratio * self.size)

    def run(self):
        """Write every member, each one checked."""
        read = self._zip if self.packed.suffix == ".zip" else self._tar
        bar = {"total": self.size, "unit": "B", "unit_scale": True}
        try:
            with (
                self.packed.open("rb") as file,
                tqdm(desc=f"Unpacking {self.archive.file}", **bar) as bar,
            ):
                for name, stream in read(file):
                    self.spend(members=1)
                    _write(self._place(name), stream)
                    bar.update(file.tell() - bar.n)
                bar.update(self.size - bar.n)
        except DAMAGE as error:
            self.refuse(f"is damaged ({error})")

    def _zip(self, file):
        """Yield the name of each member of a zip file, and a stream if it is a file."""
        with zipfile.ZipFile(file) as bundle:
            for info in bundle.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    self.refuse(f"holds {info.filename!r}, a link or device")
                if info.is_dir():
                    yield info.filename, None
                else:
                    with bundle.open(info) as stream:
                        yield info.filename, _Metered(stream, self)

    def _tar(self, file):
        """Yield the name of each member of a tar.gz file, and a stream for a file."""
        stream = _Metered(gzip.GzipFile(fileobj=file), self)
        with tarfile.open(fileobj=stream, mode="r|", bufsize=CHUNK) as bundle:
            for member in bundle:
                if not (member.isdir() or member.isreg()) or member.issparse():
                    self.refuse(f"holds {member.name!r}, a link, device or sparse file")
                if hasattr(tarfile, "data_filter"):  # Python 3.11.4 and later
                    tarfile.data_filter(member, str(self.work))
                yield member.name, bundle.extractfile(member)

    def _place(self, name):
        """Return the path of a member; no system may read its name as one outside."""
        parts = PureWindowsPath(name).parts  # knows the separators of all systems
        climbs = any(not part.strip(". ") for part in parts)
        if climbs or name.startswith("/") or set(name) & set("\\:\0"):
            self.refuse(f"holds {name!r}, which lies outside its folder")
        return self.work.joinpath(*parts)

    def spend(self, data=0, members=0):
        """Count what came out; a header may lie about it."""
        self.bytes -= data
        self.members -= members
        if self.bytes < 0 or self.members < 0:
            self.refuse(f"grows past its limits, {self.archive.limits}")

    def refuse(self, why):
        """Raise the error that names the archive."""
        raise ArchiveError(_refusal(self.archive, why))


class _Metered:
    """A stream that reports each byte that it gives."""

    def __init__(self, stream, unpacking):
        self.stream, self.unpacking = stream, unpacking

    def read(self, size=-1):
        data = self.stream.read(size)
        self.unpacking.spend(data=len(data))
        return data


def _write(path, stream):
    """Write one member: a folder where there is no stream."""
    if stream is None:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file, CHUNK)


# ----------------------------------------------------------------- shared by both


def _mismatch(archive, path):
    """Say how a file differs from the published archive; "" if it does not."""
    size = path.stat().st_size
    if size != archive.size:
        return f"has {size:,} bytes instead of {archive.size:,}"
    algorithm, _, published = archive.hash.partition(":")
    found = pooch.file_hash(path, alg=algorithm)
    if found != published:
        return f"has the {algorithm} {found} instead of {published}"
    return ""


def _need_space(archive, folder, needed):
    """Raise before a long job that a full disk would end."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ArchiveError(
            f"{archive.file}: the disk is too full, {_human(needed)} are needed in "
            f"{folder} and {_human(free)} are free.\nNext step: make room and run again"
        )


def _disk_trouble(archive, folder, error):
    """Say what the disk did, and that nothing is lost."""
    what = "the disk is full" if error.errno in FULL_DISK else f"disk trouble ({error})"
    return (
        f"{archive.file}: {what} in {folder}.\nNext step: make room or repair it and "
        f"run again; what was downloaded is kept and used ({archive.home})"
    )


def _refusal(archive, why):
    """Say why an archive is not unpacked."""
    return (
        f"{archive.file} {why}. Nothing of it was used.\nNext step: delete it, run "
        f"again, and compare with {archive.home} if that does not help"
    )


def _advice(archive, folder):
    """Say how to get on without the download."""
    return (
        f"Next step: run again later, or download {archive.file} in a browser from "
        f"{archive.home}, put it at {folder / archive.file} and run again.\n"
        "COURSE_DATA=sample needs no download."
    )


def _size(path):
    """Return the size of a file in bytes, 0 if there is none."""
    return path.stat().st_size if path.exists() else 0


def _human(size):
    """Write a number of bytes for people."""
    return tqdm.format_sizeof(size, "B")
