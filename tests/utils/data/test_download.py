"""Downloads and unpacking, against a server on this machine that misbehaves on call."""

import contextlib
import errno
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pooch
import pytest

from utils.data import archives, download
from utils.data.archives import ArchiveError, NoNetwork, fetch
from utils.data.registry import ARCHIVES, Archive

ROOT = Path(__file__).resolve().parents[3]
HALF = 150_000
PICTURES = {
    f"PetImages/{species}/{n}.jpg": np.random.default_rng(n).bytes(30_000)
    for species in ("Cat", "Dog")
    for n in range(5)
}


def make_zip(members):
    """Return a zip file of the members."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in members.items():
            bundle.writestr(name, data)
    return packed.getvalue()


def make_tar(members):
    """Return a tar.gz file of the members; one that is text is a link to it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as bundle:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(data, str):
                info.type, info.linkname = tarfile.SYMTYPE, data
                bundle.addfile(info)
            else:
                info.size = len(data)
                bundle.addfile(info, io.BytesIO(data))
    return packed.getvalue()


ZIP, TAR = make_zip(PICTURES), make_tar(PICTURES)


class Page:
    """What the server has at one address, and how it misbehaves."""

    def __init__(self, body, status=200, kind="application/octet-stream", **flaws):
        self.body, self.status, self.kind = body, status, kind
        self.ranges = flaws.get("ranges", True)  # False, "refused" or "wrong"
        self.busy = flaws.get("busy", 0)  # answers with 503 before the first good one
        self.breaks = flaws.get("breaks", [])  # bytes of each answer before it breaks
        self.told = flaws.get("told", True)  # the length
        self.encoding = flaws.get("encoding")  # what some servers say of any .gz
        self.hold_at = flaws.get("hold_at")  # bytes before it waits for `release`
        self.release = threading.Event()
        self.requests, self.sent = [], 0


class Handler(BaseHTTPRequestHandler):
    """Serve the pages of the server, with ranges."""

    def do_GET(self):
        """Answer one request."""
        page = self.server.pages[self.path]
        page.requests.append(dict(self.headers))
        if len(page.requests) <= page.busy:
            return self.send_error(503)
        start, whole = 0, len(page.body)
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and page.ranges == "refused":
            return self.send_error(416)
        if asked and page.ranges:
            start = int(asked[1]) - (page.ranges == "wrong")
        self.send_response(206 if start else page.status)
        self.send_header("Content-Type", page.kind)
        if page.told:
            self.send_header("Content-Length", whole - start)
        self.send_header("ETag", '"one"')
        if page.encoding:
            self.send_header("Content-Encoding", page.encoding)
        if start:
            total = whole if page.told else "*"
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{total}")
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            return self.send_body(page, page.body[start:])

    def send_body(self, page, body):
        """Send the bytes, with the page's breaks and pauses."""
        end = page.breaks.pop(0) if page.breaks else len(body)
        pause = end if page.hold_at is None else page.hold_at
        for piece, wait in ((body[:pause], True), (body[pause:end], False)):
            self.wfile.write(piece)
            page.sent += len(piece)
            if wait and page.hold_at is not None:
                page.release.wait(20)

    def log_message(self, *_):
        """Keep the tests' output clean."""


@pytest.fixture
def server():
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.pages = {}
    threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
    yield httpd
    for page in httpd.pages.values():
        page.release.set()
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
    monkeypatch.setattr(download, "RETRY_PAUSE", 0)
    monkeypatch.setattr(download, "_silent", {})


@pytest.fixture
def publish(monkeypatch, server):
    """Register an archive of these bytes; its mirrors serve the pages."""

    def register(body, *pages, suffix="zip"):
        urls = []
        for page in pages:
            address = page if isinstance(page, str) else f"/{len(server.pages)}"
            if address is not page:
                server.pages[address] = page
                address = f"http://127.0.0.1:{server.server_port}{address}"
            urls.append(address)
        archive = Archive(
            file=f"pets.{suffix}",
            urls=tuple(urls),
            size=len(body),
            hash="sha256:" + hashlib.sha256(body).hexdigest(),
            licence="CC0",
            folder="pets/PetImages",
            home="http://home.example",
        )
        monkeypatch.setitem(ARCHIVES, "tiny", archive)
        return archive

    return register


def is_trusted(folder):
    """Return whether `fetch` would return at once."""
    return archives._is_whole(ARCHIVES["tiny"], folder)


def assert_complete(folder):
    """Check that all pictures are there, byte for byte, and nothing is left over."""
    found = folder / "pets"
    for name, data in PICTURES.items():
        assert (found / name).read_bytes() == data
    assert is_trusted(folder)
    assert not list(folder.glob("*.part*"))
    assert not list(folder.glob(".*unpacking"))


def nothing_trusted(folder):
    return not (folder / "pets/PetImages").exists()


# ------------------------------------------------------------------- the straight way


@pytest.mark.parametrize(("suffix", "body"), [("zip", ZIP), ("tar.gz", TAR)])
def test_downloads_once_with_progress(
    publish, tmp_path, capsys, monkeypatch, suffix, body
):
    bars = []

    class Bar(download.tqdm):
        def close(self):
            bars.append((self.n, self.total, self.desc))
            super().close()

    monkeypatch.setattr(download, "tqdm", Bar)
    page = Page(body, encoding=None if suffix == "zip" else "gzip")
    archive = publish(body, page, suffix=suffix)
    assert fetch("tiny", tmp_path) == tmp_path / "pets/PetImages"
    assert_complete(tmp_path)
    told = capsys.readouterr().out
    assert archive.file in told
    assert "CC0" in told
    assert (len(body), len(body), archive.file) in bars
    assert len(page.requests) == 1
    fetch("tiny", tmp_path)
    assert len(page.requests) == 1


def test_archive_put_there_by_hand_needs_no_network(publish, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    archive = publish(ZIP, page := Page(ZIP))
    (tmp_path / archive.file).write_bytes(ZIP)
    fetch("tiny", tmp_path)
    assert_complete(tmp_path)
    assert not page.requests


def test_wrong_archive_put_there_by_hand_is_kept_and_named(publish, tmp_path):
    archive = publish(ZIP, page := Page(ZIP))
    (tmp_path / archive.file).write_bytes(ZIP[:-1] + b"?")
    with pytest.raises(ArchiveError, match="not the published archive.*sha256"):
        fetch("tiny", tmp_path)
    assert (tmp_path / archive.file).exists()
    assert not page.requests
    assert nothing_trusted(tmp_path)


def test_downloader_also_serves_pooch(publish, tmp_path):
    archive = publish(ZIP, Page(ZIP, breaks=[HALF]))
    options = {"known_hash": archive.hash, "fname": archive.file, "path": tmp_path}
    downloader = download.ResumingDownloader(archive)
    pooch.retrieve(archive.urls[0], downloader=downloader, **options)
    assert [path.name for path in tmp_path.iterdir()] == [archive.file]


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="cats-vs-dogs, pets-images"):
        fetch("horses")


# ------------------------------------------------------------------- broken downloads


def test_goes_on_where_the_connection_broke(publish, tmp_path):
    publish(ZIP, page := Page(ZIP, breaks=[HALF, 20_000]))
    fetch("tiny", tmp_path)
    assert_complete(tmp_path)
    asked = [request.get("Range") for request in page.requests]
    assert asked == [None, f"bytes={HALF}-", f"bytes={HALF + 20_000}-"]
    assert page.requests[1]["If-Range"] == '"one"'
    assert page.sent == len(ZIP)


def test_length_that_the_server_does_not_tell(publish, tmp_path):
    publish(ZIP, Page(ZIP + b"and more", told=False, breaks=[HALF]))
    fetch("tiny", tmp_path)
    assert_complete(tmp_path)


def test_busy_server_is_asked_again(publish, tmp_path):
    publish(ZIP, page := Page(ZIP, busy=2))
    fetch("tiny", tmp_path)
    assert_complete(tmp_path)
    assert len(page.requests) == 3


@pytest.mark.parametrize("ranges", [False, "refused", "wrong"])
def test_starts_over_where_the_server_cannot_go_on(publish, tmp_path, ranges):
    publish(ZIP, page := Page(ZIP, breaks=[HALF], ranges=ranges))
    fetch("tiny", tmp_path)
    assert_complete(tmp_path)
    assert "Range" in page.requests[1]


def test_goes_on_at_another_mirror(publish, tmp_path):
    first = Page(ZIP, breaks=[HALF, 0, 0, 0])
    publish(ZIP, first, second := Page(ZIP))
    fetch("tiny", tmp_path)
    assert_complete(tmp_path)
    assert second.requests[0]["Range"] == f"bytes={HALF}-"
    assert "If-Range" not in second.requests[0]
    assert first.sent + second.sent == len(ZIP)


def test_bad_beginning_is_thrown_away(publish, tmp_path):
    archive = publish(ZIP, page := Page(ZIP))
    (tmp_path / f"{archive.file}.part").write_bytes(bytes(HALF))
    fetch("tiny", tmp_path)
    assert_complete(tmp_path)
    assert [request.get("Range") for request in page.requests] == [
        f"bytes={HALF}-",
        None,
    ]


@pytest.mark.parametrize("told", [True, False])
def test_truncated_for_good_keeps_what_came(publish, tmp_path, told):
    archive = publish(ZIP, Page(ZIP, breaks=[HALF, 0, 0, 0], told=told))
    with pytest.raises(ArchiveError, match=r"150kB of .* are kept") as caught:
        fetch("tiny", tmp_path)
    assert not isinstance(caught.value, NoNetwork)
    assert (tmp_path / f"{archive.file}.part").read_bytes() == ZIP[:HALF]
    assert nothing_trusted(tmp_path)


def test_interrupt_keeps_the_part_file(publish, tmp_path, monkeypatch):
    class Interrupted(download.tqdm):
        def update(self, n=1):
            super().update(n)
            if self.n >= HALF:
                raise KeyboardInterrupt

    archive = publish(ZIP, page := Page(ZIP, breaks=[HALF]))
    with monkeypatch.context() as patch:
        patch.setattr(download, "tqdm", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch("tiny", tmp_path)
    assert (tmp_path / f"{archive.file}.part").stat().st_size == HALF
    fetch("tiny", tmp_path)
    assert_complete(tmp_path)
    assert page.sent == len(ZIP)


# ------------------------------------------------------------------ what servers send


def assert_says(error, archive, folder):
    """Check that the message names the file, each mirror and the next step."""
    text = str(error.value)
    assert archive.file in text
    assert all(url in text for url in archive.urls)
    assert archive.home in text
    assert str(folder / archive.file) in text


BAD_PAGES = {
    "wrong hash": ({"body": ZIP[:-1] + b"?"}, "sha256"),
    "other size": ({"body": ZIP + b"?"}, "offers"),
    "html": ({"body": b"<html>gone</html>", "kind": "Text/HTML"}, "web page"),
    "untold html": ({"body": b"\n<!doctype html>".ljust(len(ZIP))}, "web page"),
    "not a zip": ({"body": TAR[: len(ZIP)].ljust(len(ZIP))}, "sha256"),
    "404": ({"body": b"gone", "status": 404}, "404"),
    "503": ({"body": b"busy", "status": 503}, "503"),
}


@pytest.mark.parametrize("flaw", BAD_PAGES)
def test_next_mirror_is_asked(publish, tmp_path, flaw):
    publish(ZIP, Page(**BAD_PAGES[flaw][0]), Page(ZIP))
    fetch("tiny", tmp_path)
    assert_complete(tmp_path)


@pytest.mark.parametrize("flaw", BAD_PAGES)
def test_bad_answer_is_one_clear_error(publish, tmp_path, flaw):
    page, words = BAD_PAGES[flaw]
    archive = publish(ZIP, Page(**page), Page(**page))
    with pytest.raises(ArchiveError, match=words) as error:
        fetch("tiny", tmp_path)
    assert not isinstance(error.value, NoNetwork)
    assert_says(error, archive, tmp_path)
    assert not list(tmp_path.glob("pets*"))


def nobody_listens(port=0):
    """Return an address of this machine where no server is."""
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as closed:
        return f"http://127.0.0.1:{closed.server_port}/x"


def test_no_network_is_remembered(publish, tmp_path, monkeypatch):
    archive = publish(ZIP, nobody_listens(), "http://no-such-host.invalid/x")
    with pytest.raises(NoNetwork) as error:
        fetch("tiny", tmp_path)
    assert_says(error, archive, tmp_path)

    def asked(*_, **__):
        raise AssertionError("asked a second time")

    monkeypatch.setattr(download.requests, "get", asked)
    with pytest.raises(NoNetwork, match="asked before"):
        fetch("tiny", tmp_path)


def test_one_answer_is_enough_to_have_a_network(publish, tmp_path):
    publish(ZIP, nobody_listens(), Page(b"gone", status=404))
    with pytest.raises(ArchiveError) as error:
        fetch("tiny", tmp_path)
    assert not isinstance(error.value, NoNetwork)


def test_network_lost_midway_is_not_no_network(publish, tmp_path, monkeypatch):
    publish(ZIP, Page(ZIP, breaks=[HALF]))
    ask = iter([download.requests.get])

    def get(*arguments, **options):
        for real in ask:
            return real(*arguments, **options)
        raise download.requests.ConnectionError("gone")

    monkeypatch.setattr(download.requests, "get", get)
    with pytest.raises(ArchiveError, match="kept") as error:
        fetch("tiny", tmp_path)
    assert not isinstance(error.value, NoNetwork)


def test_course_offline_asks_nobody(publish, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    publish(ZIP, page := Page(ZIP))
    with pytest.raises(NoNetwork, match="COURSE_OFFLINE"):
        fetch("tiny", tmp_path)
    assert not page.requests


# --------------------------------------------------------------------------- full disk


def test_full_disk_is_seen_before_the_download(publish, tmp_path, monkeypatch):
    publish(ZIP, page := Page(ZIP))
    free = SimpleNamespace(free=len(ZIP))
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: free)
    with pytest.raises(ArchiveError, match="too full.*are needed.*are free"):
        fetch("tiny", tmp_path)
    assert not page.requests


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_during_the_download(publish, tmp_path):
    archive = publish(ZIP, Page(ZIP))
    (tmp_path / f"{archive.file}.part").symlink_to("/dev/full")
    with pytest.raises(ArchiveError, match=r"disk is full[\s\S]*is kept") as error:
        fetch("tiny", tmp_path)
    assert not isinstance(error.value, NoNetwork)


def test_full_disk_while_unpacking_keeps_the_download(publish, tmp_path, monkeypatch):
    publish(ZIP, page := Page(ZIP))
    with monkeypatch.context() as patch:
        full = OSError(errno.ENOSPC, "No space left on device")
        copy = fail_at(3, shutil.copyfileobj, full)
        patch.setattr(archives.shutil, "copyfileobj", copy)
        with pytest.raises(ArchiveError, match="the disk is full"):
            fetch("tiny", tmp_path)
    assert nothing_trusted(tmp_path)
    assert not list(tmp_path.glob(".*unpacking"))
    fetch("tiny", tmp_path)
    assert_complete(tmp_path)
    assert len(page.requests) == 1


def fail_at(turn, function, error):
    """Return the function, which raises the error when called that many times."""
    calls = iter(range(1, turn))

    def failing(*arguments, **options):
        for _ in calls:
            return function(*arguments, **options)
        raise error

    return failing


# ------------------------------------------------------- names that leave the folder

OUTSIDE = {
    "climbs": {"PetImages/../../../evil": b"x"},
    "absolute": {"{absolute}/evil": b"x"},
    "link": {"PetImages/up": "../../..", "PetImages/up/evil": b"x"},
}


@pytest.mark.parametrize("python", ["new", "old"])
@pytest.mark.parametrize("way", OUTSIDE)
def test_no_member_of_a_tar_is_written_outside(
    publish, tmp_path, monkeypatch, way, python
):
    if python == "old":  # before 3.11.4
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    names = {
        name.format(absolute=tmp_path): data for name, data in OUTSIDE[way].items()
    }
    body = make_tar(PICTURES | names)
    publish(body, Page(body), suffix="tar.gz")
    folder = tmp_path / "inner/data"
    with contextlib.suppress(tarfile.TarError):  # some are put inside instead
        fetch("tiny", folder)
    assert not list(folder.glob(".*unpacking"))
    assert not list(tmp_path.glob("evil")) + list(tmp_path.glob("inner/evil"))


@pytest.mark.parametrize("way", ["climbs", "absolute"])
def test_no_member_of_a_zip_is_written_outside(publish, tmp_path, way):
    [(name, data)] = OUTSIDE[way].items()
    body = make_zip(PICTURES | {name.format(absolute=tmp_path): data})
    publish(body, Page(body))
    fetch("tiny", tmp_path / "inner/data")
    assert not list(tmp_path.glob("evil")) + list(tmp_path.glob("inner/evil"))


# -------------------------------------------------------------------- what is trusted


def test_folder_without_marker_is_not_trusted_and_not_lost(publish, tmp_path):
    publish(ZIP, Page(ZIP))
    own = tmp_path / "pets/PetImages/Cat"
    own.mkdir(parents=True)
    (own / "mine.jpg").write_bytes(b"mine")
    fetch("tiny", tmp_path)
    assert_complete(tmp_path)
    assert (tmp_path / "pets/PetImages.old1/Cat/mine.jpg").read_bytes() == b"mine"


@pytest.mark.parametrize("marker", ["", "[]", '{"hash": "sha256:0", "files": 1}'])
def test_other_marker_is_not_trusted(publish, tmp_path, marker):
    publish(ZIP, Page(ZIP))
    path = fetch("tiny", tmp_path) / archives.MARKER
    path.write_text(marker)
    assert not is_trusted(tmp_path)


def test_missing_picture_is_brought_back(publish, tmp_path):
    publish(ZIP, page := Page(ZIP))
    (fetch("tiny", tmp_path) / "Cat/0.jpg").unlink()
    (tmp_path / "pets/PetImages/.DS_Store").write_bytes(b"")
    fetch("tiny", tmp_path)
    assert_complete(tmp_path)
    assert len(page.requests) == 1


# ----------------------------------------------------------- killed, or two at a time

CHILD = """
import json, pkgutil, sys
from utils.data import archives, registry

archive = registry.Archive(**json.loads(sys.argv[1]))
registry.ARCHIVES["tiny"] = archive
calls = 0

def pause(module, path, turn):
    *owners, name = path.split(".")
    owner = pkgutil.resolve_name(":".join([module, ".".join(owners)]))
    real = getattr(owner, name)
    def paused(*arguments):
        global calls
        calls += 1
        if calls == turn:
            print("paused", flush=True)
            sys.stdin.read()
        return real(*arguments)
    setattr(owner, name, paused)

if sys.argv[3:]:
    pause(*sys.argv[3].split(":"), int(sys.argv[4]))
print(archives.fetch("tiny", sys.argv[2]), flush=True)
"""


@pytest.fixture
def start(tmp_path):
    """Start a process that fetches, and optionally pauses where it calls a function.

    What it writes to stderr goes to the tests', which pytest shows when one fails.
    """
    children = []

    def child(archive, *pause):
        command = [sys.executable, "-u", "-c", CHILD, json.dumps(archive._asdict())]
        process = subprocess.Popen(
            [*command, str(tmp_path), *pause],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        children.append(process)
        return process

    yield child
    for process in children:
        process.kill()
        process.communicate()


def wait_for(condition):
    """Wait until something happened; fail the test when it does not."""
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("waited 20 s in vain")


def read_until(process, words):
    """Read a process's lines until one holds the words."""
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"the process ended without saying {words!r}")


def test_killed_during_the_download(publish, start, tmp_path):
    archive = publish(ZIP, page := Page(ZIP, hold_at=HALF))
    part = tmp_path / f"{archive.file}.part"
    process = start(archive)
    wait_for(lambda: part.exists() and part.stat().st_size == HALF)
    process.kill()
    process.wait()
    assert nothing_trusted(tmp_path)
    page.hold_at = None
    fetch("tiny", tmp_path)
    assert_complete(tmp_path)
    assert page.requests[1]["Range"] == f"bytes={HALF}-"
    assert page.requests[1]["If-Range"] == '"one"'


EXTRACT = {"zip": "zipfile:ZipFile.extract", "tar.gz": "tarfile:TarFile.extract"}
MOMENTS = {
    "download complete, not verified": ("utils.data.registry:Archive.mismatch", "1"),
    "verified, not moved": ("os:replace", "1"),
    "archive in place, not unpacked": ("utils.data.archives:_unpack", "1"),
    "third picture": (EXTRACT, "3"),
    "before the last move": ("os:replace", "2"),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("suffix", "body"), [("zip", ZIP), ("tar.gz", TAR)])
def test_killed_after_the_download(publish, start, tmp_path, moment, suffix, body):
    archive = publish(body, page := Page(body), suffix=suffix)
    function, turn = MOMENTS[moment]
    if function is EXTRACT:
        function = EXTRACT[suffix]
    process = start(archive, function, turn)
    read_until(process, "paused")
    process.kill()
    process.wait()
    assert nothing_trusted(tmp_path)
    for left in tmp_path.glob(".*unpacking/PetImages"):
        (left / "half.jpg").write_bytes(b"half a picture")
    fetch("tiny", tmp_path)
    assert_complete(tmp_path)
    assert not list(tmp_path.rglob("half.jpg"))
    assert page.sent == len(body)


def test_two_processes_download_once(publish, start, tmp_path):
    archive = publish(ZIP, page := Page(ZIP, hold_at=HALF))
    first = start(archive)
    wait_for(lambda: page.requests)
    second = start(archive)
    read_until(second, "waiting for another process")
    page.release.set()
    for process in (first, second):
        read_until(process, "PetImages")
        assert process.wait() == 0
    assert_complete(tmp_path)
    assert page.sent == len(ZIP)
    assert not list(tmp_path.glob("pets/*.old*"))  # unpacked once


def test_the_next_process_takes_over_from_a_killed_one(publish, start, tmp_path):
    archive = publish(ZIP, Page(ZIP))
    first = start(archive, EXTRACT["zip"], "3")
    read_until(first, "paused")
    second = start(archive)
    read_until(second, "waiting for another process")
    assert list(tmp_path.glob(".*unpacking"))  # of a living process: left alone
    first.kill()
    read_until(second, "PetImages")
    assert second.wait() == 0
    assert_complete(tmp_path)


# --------------------------------------------------------------------------- registry


@pytest.mark.parametrize("name", ARCHIVES)
def test_registry_and_readme_agree(name):
    archive, readme = ARCHIVES[name], (ROOT / "data/README.md").read_text("utf-8")
    algorithm, digest = archive.hash.split(":")
    assert len(digest) == 2 * hashlib.new(algorithm).digest_size
    assert Path(archive.file).suffix in (".zip", ".gz")
    for fact in (archive.file, digest, f"{archive.size:,}", archive.licence):
        assert fact in readme
    for fact in (archive.folder, archive.home, *archive.urls):
        assert fact in readme
    assert all(url.startswith("https://") for url in archive.urls)
