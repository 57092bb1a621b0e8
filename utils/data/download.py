"""Download a published archive from a mirror, and go on where one broke off."""

import contextlib
import functools
import itertools
import json
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3
from tqdm.auto import tqdm

CHUNK = 1 << 18  # bytes
CONNECT_TIMEOUT, READ_TIMEOUT = 5, 30  # seconds
TRIES = 3  # in a row without a new byte, before a mirror is given up
RETRY_PAUSE = 1  # seconds between two tries
human_size = functools.partial(tqdm.format_sizeof, suffix="B")  # bytes, for people
WEB_PAGE = "sent a web page instead of the archive (a dead link?)"


class Refused(Exception):
    """The mirror cannot serve the archive: ask the next one."""


class BrokenOff(Exception):
    """The connection broke or the server is busy: ask again for the rest."""


class NoAnswer(BrokenOff):
    """The server could not be reached, or said nothing."""


_silent: dict[str, str] = {}  # hosts that gave no answer in this process, and why


class ResumingDownloader:
    """A downloader in the form that pooch takes, which goes on where one broke off.

    `pooch.retrieve` would hand over another temporary file each time and delete it
    after an error; `utils.data.archives` hands over the same one again.
    """

    def __init__(self, archive):
        self.archive = archive

    def __call__(self, url, output_file, pooch=None):
        """Download what is missing of a part file, and verify the whole.

        Parameters
        ----------
        url : str, one mirror
        output_file : str or Path, the part file, which may hold a beginning
        pooch : pooch.Pooch, optional, not used; pooch passes it

        Raises
        ------
        Refused
            The mirror does not serve the archive, or not to its end; what came is kept.
        NoAnswer
            The mirror cannot be reached.
        """
        part = Path(output_file)
        while True:
            resumed = _size(part) > 0
            self._receive_all(url, part)
            if not (mismatch := self.archive.mismatch(part)):
                _source(part).unlink(missing_ok=True)
                return
            _forget(part)
            if not resumed:  # else the old beginning may be the bad one
                raise Refused(f"sent a file that {mismatch}; it was deleted")

    def _receive_all(self, url, part):
        """Ask again after each break, while new bytes come."""
        name, size = self.archive.file, self.archive.size
        title = {"initial": _size(part), "unit": "B", "unit_scale": True}
        tries, answered = TRIES, False
        # The delay keeps the bar away until the first byte.
        with tqdm(None, name, size, delay=1e-6, **title) as bar:
            while (before := _size(part)) < size:
                try:
                    self._receive(url, part, bar)
                except BrokenOff as trouble:
                    answered = answered or not isinstance(trouble, NoAnswer)
                    if not answered:
                        _silent.setdefault(urlsplit(url).netloc, str(trouble))
                        raise
                    tries = TRIES if _size(part) > before else tries - 1
                    if tries == 0:
                        came = f"{human_size(_size(part))} of {human_size(size)}"
                        raise Refused(
                            f"{trouble}; {came} are kept in {part.name}"
                        ) from trouble
                    time.sleep(RETRY_PAUSE)

    def _receive(self, url, part, bar):
        """Write what one answer brings behind the part file."""
        with _ask(url, part) as response:
            start = self._first_byte(response, part)
            chunks = self._chunks(response, start)
            if start == 0:
                first = next(chunks, b"")
                if first.lstrip().startswith(b"<"):
                    raise Refused(WEB_PAGE)
                chunks = itertools.chain([first], chunks)
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
            raise BrokenOff(f"answered {status} {response.reason}")
        start, total = _range(response)
        if status == 416 or (status == 206 and start != _size(part)):
            _forget(part)
            raise BrokenOff("does not have the rest of this file; starting over")
        if status not in (200, 206):
            raise Refused(f"answered {status} {response.reason}")
        if "html" in response.headers.get("Content-Type", "").lower():
            raise Refused(WEB_PAGE)
        if total not in (None, self.archive.size):
            raise Refused(f"offers {total:,} bytes instead of {self.archive.size:,}")
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
            raise BrokenOff(f"broke off ({error})") from error
        if left:
            raise BrokenOff("broke off")


def _ask(url, part):
    """Send the request for what is missing of the part file."""
    host = urlsplit(url).netloc
    if host in _silent:
        raise NoAnswer(f"{_silent[host]}, asked before: restart Python to ask again")
    headers = {"Accept-Encoding": "identity"} | _range_headers(url, part)
    timeout = (CONNECT_TIMEOUT, READ_TIMEOUT)
    try:
        return requests.get(url, headers=headers, stream=True, timeout=timeout)
    except requests.exceptions.SSLError as error:
        raise Refused(f"no secure connection ({_cause(error)})") from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise NoAnswer(f"no answer ({_cause(error)})") from error
    except requests.RequestException as error:
        raise Refused(f"cannot be asked ({error})") from error


def _cause(error):
    """Return the words of the innermost reason that urllib3 gives."""
    inner = error.args[0] if error.args else error
    inner = getattr(inner, "reason", None) or inner
    return str(getattr(inner, "args", (inner,))[-1]).split(": ", 1)[-1]


def _range_headers(url, part):
    """Return what asks for the rest, if the mirror's file has not changed since."""
    if not _size(part):
        return {}
    headers = {"Range": f"bytes={_size(part)}-"}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        source = json.loads(_source(part).read_text(encoding="utf-8"))
        if source["url"] == url and source["version"]:
            headers["If-Range"] = source["version"]
    return headers


def _range(response):
    """Return the first byte of an answer, and the size of the whole or None."""
    if response.status_code != 206:
        length = response.headers.get("Content-Length")
        return 0, int(length) if length else None
    told = response.headers.get("Content-Range", "")
    found = re.match(r"bytes (\d+)-\d+/(\d*)", told)
    return (int(found[1]), int(found[2] or 0) or None) if found else (-1, None)


def _write_source(part, url, response):
    """Note where a part file came from, and the version that the server named."""
    version = response.headers.get("ETag", "W/")
    if version.startswith("W/"):  # weak: RFC 9110, section 13.1.5, forbids it here
        version = response.headers.get("Last-Modified")
    text = json.dumps({"url": url, "version": version})
    _source(part).write_text(text, encoding="utf-8")


def _source(part):
    return part.with_name(f"{part.name}.json")


def _forget(part):
    """Delete a part file that is of no use, and its note."""
    part.unlink(missing_ok=True)
    _source(part).unlink(missing_ok=True)


def _size(part):
    """Return the size of a part file in bytes, 0 if there is none."""
    return part.stat().st_size if part.exists() else 0
