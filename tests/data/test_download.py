"""Downloads from a local HTTP server: whatever goes wrong, the destination is whole or absent."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import logging
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sounds import tone, wav_bytes

from fsdd_lightning.data import fetch, unpack
from fsdd_lightning.data.download import check_downloaded, download_fsdd
from fsdd_lightning.data.fetch import AttemptError, Patience
from fsdd_lightning.data.recordings import content_digest, load_recordings
from fsdd_lightning.errors import RunFailedError, UserError

NOW = Patience(attempts=3, backoff_s=0.0, timeout_s=5.0)
TOP = "free-spoken-digit-dataset-1.0.10"
DEADLINE_S = 60.0  # for waits on threads and processes; never reached unless something hangs

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers the n-th GET with the n-th answer, and further ones with the last."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests = 0
        self.release = threading.Event()  # lets go of answers that hold back
        self.arrived = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                answer = server.answers[min(server.requests, len(server.answers) - 1)]
                server.requests += 1
                server.arrived.set()
                self.close_connection = True
                answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.ended = self.release  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1.0.10.tar.gz"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.release.set()
        self._http.shutdown()
        self._http.server_close()


def reply(code: int, body: bytes = b"", sent: int | None = None, **headers: str) -> Answer:
    """Promise the whole body, send its first `sent` bytes (None: all), hang up."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in ({"Content-Length": str(len(body)), "Connection": "close"} | headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body[:sent])

    return answer


def content(body: bytes) -> Answer:
    return reply(200, body)


def chunked_content(body: bytes) -> Answer:
    """The body without its size in advance."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))

    return answer


def raw(*parts: bytes, pause_s: float = 0.0, endless: bool = False) -> Answer:
    """Bytes as they are, each part after a pause; the last one again and again, until nobody listens."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        server_ended = handler.server.ended  # type: ignore[attr-defined]
        for part in chain(parts, repeat(parts[-1]) if endless else ()):
            server_ended.wait(pause_s)
            if server_ended.is_set():
                return
            try:
                handler.wfile.write(part)
                handler.wfile.flush()
            except OSError:  # the client has left
                return

    return answer


@contextmanager
def kept_small(limit: int) -> Iterator[None]:
    """Fails where the Python code within takes more bytes than that at a time."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit, peak


def held_back(server: Server, body: bytes) -> Answer:
    """Send half of the body, and the rest when the server's `release` is set."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        reply(200, body, len(body) // 2)(handler)
        handler.wfile.flush()
        server.release.wait(DEADLINE_S)
        handler.wfile.write(body[len(body) // 2 :])

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def tar_bytes(members: dict[str, bytes], *extra: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, body in members.items():
            info = member(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
        for info in extra:
            tar.addfile(info)
    return buffer.getvalue()


WAVS = {f"{digit}_ann_{take}.wav": wav_bytes(tone(300 + 50 * digit + take)) for digit in range(3) for take in range(2)}
DIGEST = content_digest((name, hashlib.sha256(body).hexdigest()) for name, body in WAVS.items())
MEMBERS = {f"{TOP}/README.md": b"# FSDD", **{f"{TOP}/recordings/{name}": body for name, body in WAVS.items()}}
TAR = tar_bytes(MEMBERS)
ARCHIVE = gzip.compress(TAR)


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "fsdd"


def left_in(folder: Path) -> list[str]:
    """What a download left behind, except for the lock file."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def assert_whole(destination: Path) -> None:
    files = {str(path.relative_to(destination)): path.read_bytes() for path in destination.rglob("*") if path.is_file()}
    assert {f"{TOP}/{name}": body for name, body in files.items()} == MEMBERS
    assert left_in(destination.parent) == ["fsdd"]


def failure(server: Server, destination: Path, reason: str, patience: Patience = NOW) -> str:
    """The message of a failing download, which names the URL and the way out and leaves nothing behind."""
    with pytest.raises(RunFailedError, match=reason) as caught:
        download_fsdd(server.url, DIGEST, destination, patience)
    message = str(caught.value)
    assert server.url in message
    assert all(way_out in message for way_out in ("FSDD_ROOT", "data.root", "data=synthetic"))
    assert "\n" not in message
    assert left_in(destination.parent) == []
    assert {path.name for path in destination.parent.parent.iterdir()} == {"cache"}
    return message


@pytest.mark.parametrize(
    "answers",
    [
        [content(ARCHIVE)],
        [content(TAR)],
        [content(bz2.compress(TAR))],
        [chunked_content(ARCHIVE)],
        [reply(302, Location="/elsewhere"), content(ARCHIVE)],
    ],
    ids=["gzip", "plain", "bzip2", "size unknown", "redirect"],
)
def test_a_good_archive_becomes_the_dataset(
    answers: list[Answer], server: Server, destination: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server.answers = answers
    assert download_fsdd(server.url, DIGEST, destination, NOW) == destination
    assert_whole(destination)
    loaded = load_recordings(destination, "fsdd", 8000, "error")
    assert loaded.digest == DIGEST and len(loaded.recordings) == len(WAVS)
    download_fsdd(server.url, DIGEST, destination, NOW)
    assert server.requests == len(answers)  # what is there is used without the network
    assert capfd.readouterr() == ("", "")  # no progress bar outside a terminal


def test_other_users_can_read_what_was_unpacked(server: Server, destination: Path) -> None:
    private, folder = member(f"{TOP}/private.wav"), member(f"{TOP}/folder", tarfile.DIRTYPE)
    private.mode = folder.mode = 0
    server.answers = [content(tar_bytes(MEMBERS, private, folder))]
    download_fsdd(server.url, DIGEST, destination, NOW)
    (destination / "usual").mkdir()
    (destination / "usual" / "file").write_bytes(b"")
    for unpacked, usual in (("private.wav", "usual/file"), ("folder", "usual"), ("recordings", "usual")):
        assert (destination / unpacked).stat().st_mode == (destination / usual).stat().st_mode


# ---- network trouble


@pytest.mark.parametrize(
    "trouble",
    [reply(200, ARCHIVE, 900), reply(503), reply(429), content(ARCHIVE[:-200]), lambda handler: None],
    ids=["broken connection", "503", "429", "damaged", "no answer"],
)
def test_transient_trouble_is_overcome(trouble: Answer, server: Server, destination: Path) -> None:
    server.answers = [trouble, trouble, content(ARCHIVE)]
    download_fsdd(server.url, DIGEST, destination, NOW)
    assert server.requests == 3
    assert_whole(destination)


DAMAGED = [
    *(ARCHIVE[:-200], ARCHIVE[:400] + b"\x55" * 40 + ARCHIVE[440:], bz2.compress(TAR)[:-20]),
    *(b"", b"<html>please log in</html>"),
    tar_bytes({TOP: b"a file where a folder is needed", f"{TOP}/a": b""}),
    tar_bytes({f"{TOP}/a/b": b"", f"{TOP}/a": b""}),
]


@pytest.mark.parametrize(
    ("answer", "reason", "requests"),
    [
        (reply(200, ARCHIVE, 900), r"3 attempts, the last: IncompleteRead\(900 bytes read", 3),
        *((content(damaged), "3 attempts, the last: damaged archive", 3) for damaged in DAMAGED),
        (reply(503), r"\(3 attempts, the last: HTTP 503 Service Unavailable\)", 3),
        (reply(404), r"\(HTTP 404 Not Found\)", 1),
        (reply(403), r"\(HTTP 403 Forbidden\)", 1),
        (reply(302, Location="/again"), r"\(Exceeded 10 redirects", 11),
    ],
)
def test_lasting_trouble_ends_in_one_line(
    answer: Answer, reason: str, requests: int, server: Server, destination: Path
) -> None:
    server.answers = [answer]
    failure(server, destination, reason)
    assert server.requests == requests


def test_a_refused_connection_ends_in_one_line(server: Server, destination: Path) -> None:
    server.close()
    failure(server, destination, "3 attempts, the last: Connection refused")


@pytest.mark.parametrize("sent", [0, len(ARCHIVE) // 2])
def test_a_server_that_stalls_is_given_up(sent: int, server: Server, destination: Path) -> None:
    wait: Answer = lambda handler: server.release.wait(DEADLINE_S) and None  # noqa: E731
    server.answers = [held_back(server, ARCHIVE) if sent else wait]
    impatient = Patience(attempts=2, backoff_s=0.0, timeout_s=0.2)
    failure(server, destination, "2 attempts, the last: (.*timed out)", impatient)


def test_waits_between_attempts_double_and_are_logged(
    server: Server, destination: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waits_s: list[float] = []
    monkeypatch.setattr("time.sleep", waits_s.append)
    server.answers = [reply(500)]
    with caplog.at_level(logging.INFO, logger="fsdd_lightning"):
        failure(server, destination, "4 attempts", Patience(attempts=4, backoff_s=0.5))
    assert [wait_s for wait_s in waits_s if wait_s >= 0.5] == [0.5, 1.0, 2.0]
    first, *others = [record.getMessage() for record in caplog.records]
    assert first == f"downloading the dataset from {server.url}"
    failed = "download failed (HTTP 500 Internal Server Error); trying again in {} s"
    assert others == [failed.format(wait_s) for wait_s in ("0.5", "1", "2")]


@pytest.mark.parametrize("url", ["file:///etc/fsdd.tar.gz", "ftp://host/fsdd.tar.gz", "fsdd.tar.gz", ""])
def test_another_kind_of_url_is_the_users_error(url: str, destination: Path) -> None:
    with pytest.raises(UserError, match=r"data\.archive_url: it must start with http"):
        download_fsdd(url, "0" * 64, destination)


SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"https://me:{SECRET}@host/a.tar.gz", "a user or a password"),
        (f"https://{SECRET}@host/a.tar.gz", "a user or a password"),
        (f"ftp://me:{SECRET}@host/a.tar.gz?token={SECRET}", "must start with http:// or https://, not 'ftp://host/"),
        (f"https://host/a.tar.gz?X-Amz-Signature={SECRET}", "'X-Amz-Signature' may be a secret"),
        (f"https://host/a.tar.gz?raw=1&access_token={SECRET}", "'access_token' may be a secret"),
        (f"https://host:{SECRET}/a.tar.gz", "no address"),
        ("https://host/a\n.tar.gz", "cannot be shown"),
        ("https://host/a\x1b[2J.tar.gz", "cannot be shown"),
        ("https://host/a b.tar.gz", "spaces"),
        ("https://[host/a.tar.gz", "no address"),
        ("https:///a.tar.gz", "no host"),
    ],
)
def test_an_address_with_a_secret_or_nonsense_is_refused_without_repeating_it(
    url: str, reason: str, destination: Path
) -> None:
    with pytest.raises(UserError, match=reason) as caught:
        download_fsdd(url, DIGEST, destination)
    message = str(caught.value).replace("cast as 'hunter2'", "")
    assert message.isprintable() and (SECRET not in message or "no address" in reason)
    assert not destination.parent.exists()


@pytest.mark.parametrize("query", ["", "?download=1", "#part"])
def test_an_ordinary_address_is_accepted(query: str, server: Server, destination: Path) -> None:
    server.answers = [content(ARCHIVE)]
    download_fsdd(server.url + query, DIGEST, destination, NOW)


# ---- servers that do not keep to the rules

OK_HEAD = b"HTTP/1.1 200 OK\r\n"
HURRIED = Patience(attempts=2, backoff_s=0.0, timeout_s=5.0, start_s=0.5, whole_s=2.0)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (raw(OK_HEAD + b"Content-Length: 99999\r\n\r\n", b"x", pause_s=0.05, endless=True), "too slow"),
        (raw(OK_HEAD + b"\r\n", b"x" * 500, pause_s=0.1, endless=True), "too slow"),
        (raw(OK_HEAD, b"X: y\r\n", pause_s=0.05, endless=True), "too slow"),
        (raw(b"HTTP/1.1 100 Continue\r\n\r\n", pause_s=0.05, endless=True), "too slow"),
        (raw(OK_HEAD + b"\r\n", b"x" * 2000, pause_s=0.05, endless=True), "not done after 2 s"),
    ],
    ids=["body", "body without size", "header", "continue", "just fast enough"],
)
def test_a_server_that_drips_is_given_up(answer: Answer, reason: str, server: Server, destination: Path) -> None:
    server.answers = [answer]
    failure(server, destination, reason, HURRIED)
    assert server.requests == 1


@pytest.mark.parametrize("head", [OK_HEAD + b"\r\n", OK_HEAD + b"Content-Encoding: gzip\r\n\r\n"])
def test_a_body_without_end_is_given_up(
    head: bytes, server: Server, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 2**22)
    server.answers = [raw(head, gzip.compress(bytes(2**20)) * 100, endless=True)]
    with kept_small(2**24):
        failure(server, destination, "has more than 4,194,304 bytes")


def test_the_body_of_a_redirect_is_not_read(server: Server, destination: Path) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n"
    server.answers = [raw(head, bytes(2**16), endless=True), content(ARCHIVE)]
    download_fsdd(server.url, DIGEST, destination, NOW)
    assert_whole(destination)


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/a", "gopher://127.0.0.1/a", "https://"])
def test_a_redirect_leads_to_no_other_kind_of_address(place: str, server: Server, destination: Path) -> None:
    server.answers = [reply(302, Location=place)]
    failure(server, destination, r"No connection adapters|No host")
    assert server.requests == 1


@pytest.mark.parametrize("length", ["abc", "-1", "1e3", "", "9" * 30, " "])
def test_a_length_that_is_no_number_does_not_matter(length: str, server: Server, destination: Path) -> None:
    head = OK_HEAD + b"Content-Length: " + length.encode() + b"\r\nConnection: close\r\n\r\n"
    server.answers = [raw(head + ARCHIVE)]
    if length == "9" * 30:
        failure(server, destination, "IncompleteRead")
    else:
        download_fsdd(server.url, DIGEST, destination, NOW)
        assert_whole(destination)


@pytest.mark.parametrize("status", [204, 206, 300, 304, 400, 999])
def test_only_200_brings_the_file(status: int, server: Server, destination: Path) -> None:
    server.answers = [reply(status, b"" if status in (204, 304) else ARCHIVE)]
    failure(server, destination, f"HTTP {status}")


@pytest.mark.parametrize(
    "nonsense",
    [
        *(b"\x1b[2Jhello\r\n\r\n", b"\xff" * 99, b"HTTP/9.9 200\r\n\r\n", OK_HEAD + b"X" * 70_000 + b"\r\n\r\n"),
        *(b"HTTP/1.1 404 \x1b]0;owned\x07\xe2\x80\xae\r\n\r\n", OK_HEAD + b"A: b\r\n" * 200 + b"\r\n"),
        OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        OK_HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ],
)
def test_what_is_no_http_ends_in_one_line(nonsense: bytes, server: Server, destination: Path) -> None:
    server.answers = [raw(nonsense)]
    message = failure(server, destination, "cannot download the dataset")
    assert message.isprintable() and len(message) < 800


def test_a_downloaded_dataset_is_checked_at_each_use(server: Server, destination: Path) -> None:
    server.answers = [content(ARCHIVE)]
    download_fsdd(server.url, DIGEST, destination, NOW)
    check_downloaded(destination, DIGEST)
    first, *_ = sorted((destination / "recordings").iterdir())
    sound = first.read_bytes()
    for change in (lambda: first.write_bytes(sound[:-1]), first.unlink, lambda: first.symlink_to("nowhere")):
        change()
        with pytest.raises(UserError, match=rf"not those that were downloaded.*remove {destination}, and"):
            check_downloaded(destination, DIGEST)
    first.unlink()
    first.write_bytes(sound)
    check_downloaded(destination, DIGEST)
    (first.parent / "9_ann_99.wav").write_bytes(sound)
    with pytest.raises(UserError, match="lost, changed or added"):
        check_downloaded(destination, DIGEST)
    assert len(list(first.parent.iterdir())) == len(WAVS) + 1  # nothing is removed


# ---- trouble on the disk


def test_an_unwritable_cache_folder_is_reported(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunFailedError, match=r"cannot write .* set data\.cache_dir"):
        download_fsdd(server.url, DIGEST, tmp_path / "file" / "fsdd", NOW)


def test_a_full_disk_is_not_taken_for_a_damaged_archive(
    server: Server, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "extract", full)
    server.answers = [content(ARCHIVE)]
    with pytest.raises(RunFailedError, match=r"cannot write .*No space left on device"):
        download_fsdd(server.url, DIGEST, destination, NOW)
    assert server.requests == 1 and left_in(destination.parent) == []


def test_a_folder_in_the_way_is_neither_used_nor_removed(server: Server, destination: Path) -> None:
    (destination / "recordings").mkdir(parents=True)
    (destination / "notes.txt").write_text("someone's")
    server.answers = [content(ARCHIVE)]
    with pytest.raises(RunFailedError, match=r"cannot write .*not empty"):
        download_fsdd(server.url, DIGEST, destination, NOW)
    assert (destination / "notes.txt").read_text() == "someone's"


# ---- archives with other content than expected

CHANGED = f"{TOP}/recordings/1_ann_1.wav"
OTHER_RECORDINGS = {
    "one byte": MEMBERS | {CHANGED: MEMBERS[CHANGED][:-1] + bytes([MEMBERS[CHANGED][-1] ^ 1])},
    "one file less": {name: body for name, body in MEMBERS.items() if name != CHANGED},
    "one file more": MEMBERS | {f"{TOP}/recordings/1_ann_9.wav": wav_bytes(tone(1234))},
}
OTHER_LAYOUTS: dict[str, dict[str, bytes]] = {
    "empty": {},
    "no recordings": {f"{TOP}/README.md": b"nothing else"},
    "no top folder": {f"recordings/{name}": body for name, body in WAVS.items()},
    "two top folders": {**MEMBERS, "second-top/README.md": b""},
}


@pytest.mark.parametrize("change", [*OTHER_RECORDINGS, *OTHER_LAYOUTS])
def test_another_archive_is_refused(change: str, server: Server, destination: Path) -> None:
    server.answers = [content(tar_bytes((OTHER_RECORDINGS | OTHER_LAYOUTS)[change]))]
    if change in OTHER_RECORDINGS:
        assert DIGEST in failure(server, destination, r"holds other recordings: digest \w{64}, not \w{64}")
    else:
        failure(server, destination, "has no recordings in its one top folder")
    assert server.requests == 1


HOSTILE = [
    member("../evil"),
    member("../evil", tarfile.DIRTYPE),
    member(f"{TOP}/../../evil"),
    member(f"{TOP}/recordings/../../../evil.wav"),
    member("/evil"),
    member("/tmp/fsdd-evil.wav"),
    member("//server/evil"),
    member("..\\evil"),
    member("C:\\evil"),
    member("C:evil"),
    member(f"{TOP}/link", tarfile.SYMTYPE, "README.md"),
    member(f"{TOP}/link", tarfile.SYMTYPE, "/etc"),
    member(f"{TOP}/link", tarfile.LNKTYPE, f"{TOP}/README.md"),
    member(f"{TOP}/device", tarfile.CHRTYPE),
    member(f"{TOP}/device", tarfile.BLKTYPE),
    member(f"{TOP}/pipe", tarfile.FIFOTYPE),
]


@pytest.mark.parametrize("bad", HOSTILE, ids=lambda info: f"{info.name}-{info.type.decode()}")
def test_hostile_members_are_refused_and_nothing_leaves_the_folder(
    bad: tarfile.TarInfo, server: Server, destination: Path, tmp_path: Path
) -> None:
    server.answers = [content(gzip.compress(tar_bytes(MEMBERS, bad)))]
    # The data filter strips a leading slash; such a member then stands beside the top folder.
    message = failure(server, destination, "outside the destination|is a link or device|one top folder")
    assert ("link or device" in message) == (bad.type not in (tarfile.REGTYPE, tarfile.DIRTYPE))
    assert not list(tmp_path.rglob("*evil*")) and not Path("/tmp/fsdd-evil.wav").exists()
    assert server.requests == 1


@pytest.mark.parametrize(
    ("limit", "value", "reason", "unwritten"),
    [
        ("MAX_UNPACKED_BYTES", len(TAR), "bytes", 0),
        ("MAX_MEMBERS", len(MEMBERS), "members", 1),
        ("MAX_BYTES", len(ARCHIVE), "bytes", len(MEMBERS)),
    ],
)
@pytest.mark.parametrize("answer", [content, chunked_content], ids=["size known", "size unknown"])
def test_a_bomb_is_refused_before_it_fills_the_disk(
    answer: Callable[[bytes], Answer],
    limit: str,
    value: int,
    reason: str,
    unwritten: int,
    server: Server,
    destination: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names: list[str] = []
    extract = tarfile.TarFile.extract

    def counting(self: tarfile.TarFile, info: tarfile.TarInfo, *arguments: object, **options: object) -> None:
        names.append(info.name)
        extract(self, info, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(tarfile.TarFile, "extract", counting)
    server.answers = [answer(ARCHIVE)]
    module = fetch if limit == "MAX_BYTES" else unpack
    monkeypatch.setattr(module, limit, value - 1)
    failure(server, destination, rf"(holds|has) more than .*{value - 1:,} {reason}")
    assert len(names) <= len(MEMBERS) - unwritten and server.requests == 1
    monkeypatch.setattr(module, limit, value)
    download_fsdd(server.url, DIGEST, destination, NOW)


MEMBERS_END = sum(512 + -(-len(body) // 512) * 512 for body in MEMBERS.values())


def described_in(size: int, kind: bytes) -> bytes:
    """A header that announces so many bytes of description; as many zeros follow as gzip makes nothing of."""
    info = member("description", kind)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(min(size, 2**22))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
@pytest.mark.parametrize("size", [2**15 + 2**14, 2**31])
@pytest.mark.parametrize("begun", [b"", TAR[:MEMBERS_END]], ids=["first", "later"])
def test_long_descriptions_of_members_are_not_read(
    begun: bytes, size: int, kind: bytes, server: Server, destination: Path
) -> None:
    server.answers = [content(gzip.compress(begun + described_in(size, kind)))]
    with kept_small(2**23):
        failure(server, destination, "describes a member in more than 16,384 bytes")
    assert server.requests == 1


def test_a_chain_of_descriptions_is_not_followed(server: Server, destination: Path) -> None:
    link = described_in(1, tarfile.GNUTYPE_LONGNAME) + bytes(511)
    server.answers = [content(gzip.compress(link * 5000))]
    failure(server, destination, "describes a member in more than")


@pytest.mark.parametrize("version", ["old", "1.0"])
def test_files_with_holes_are_refused(version: str, server: Server, destination: Path) -> None:
    info = member(f"{TOP}/holes", tarfile.GNUTYPE_SPARSE)
    headers = info.tobuf(tarfile.GNU_FORMAT)
    if version == "1.0":
        info = member(f"{TOP}/holes")
        info.size = 512
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(2**40)}
        headers = info.tobuf(tarfile.PAX_FORMAT) + b"1\n0\n0\n".ljust(512, b"\0")
    server.answers = [content(headers + TAR)]
    failure(server, destination, "is a file with holes")


@pytest.mark.parametrize("bomb", [gzip.compress, bz2.compress], ids=["gzip", "bzip2"])
def test_what_grows_while_it_is_unpacked_is_given_up(
    bomb: Callable[[bytes], bytes], server: Server, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "MAX_UNPACKED_BYTES", 2**20)
    huge = member(f"{TOP}/huge")
    huge.size = 2**33
    server.answers = [content(bomb(huge.tobuf() + bytes(2**24)))]
    with kept_small(2**22):
        failure(server, destination, "holds more than 1,048,576 bytes")


def test_unpacking_is_not_followed_for_ever(server: Server, destination: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "MAX_UNPACKING_S", -1.0)
    server.answers = [content(gzip.compress(b"") * 1000 + ARCHIVE)]
    failure(server, destination, "unpacking the archive takes more than")


@pytest.mark.parametrize("name", [f"{TOP}/{'n' * 300}", f"{TOP}/{'deep/' * 2000}x", "nul\x00", f"{TOP}/\x1b[2J"])
def test_names_that_no_file_may_have_end_in_one_line(name: str, server: Server, destination: Path) -> None:
    server.answers = [content(tar_bytes({f"{TOP}/a": b""}, member(name)))]
    assert failure(server, destination, "archive").isprintable()


def test_a_python_without_the_data_filter_unpacks_nothing(
    server: Server, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(tarfile, "data_filter")
    server.answers = [content(ARCHIVE)]
    failure(server, destination, r"use 3\.11\.4 or later")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 255)), min_size=1, max_size=4), st.booleans())
def test_damage_anywhere_is_unpacked_or_refused(
    tmp_path: Path, changes: list[tuple[int, int]], compressed: bool
) -> None:
    damaged = bytearray(ARCHIVE if compressed else TAR)
    for position, value in changes:
        damaged[position % len(damaged)] = value
    with tempfile.TemporaryDirectory(dir=tmp_path) as inner:
        (Path(inner) / "archive").write_bytes(damaged)
        try:
            unpack.unpack(Path(inner) / "archive", Path(inner) / "folder")
        except AttemptError as error:
            assert str(error) and "\n" not in str(error)
        assert left_in(Path(inner)) == ["archive", "folder"]
    assert left_in(tmp_path) == []


# ---- several processes, and killed ones

PROGRAM = (
    "import logging, sys; from pathlib import Path; logging.basicConfig(level='INFO');"
    "from fsdd_lightning.data.download import download_fsdd;"
    "download_fsdd(*sys.argv[1:3], Path(sys.argv[3]))"
)


def command(server: Server, destination: Path) -> list[str]:
    return [sys.executable, "-c", PROGRAM, server.url, DIGEST, str(destination)]


def start_download(server: Server, destination: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(command(server, destination), stderr=subprocess.PIPE, text=True)


def test_two_processes_at_once_download_once(server: Server, destination: Path) -> None:
    server.answers = [held_back(server, ARCHIVE)]
    first = start_download(server, destination)
    assert server.arrived.wait(DEADLINE_S)
    second = start_download(server, destination)
    assert second.stderr is not None
    assert any("waiting for it" in line for line in second.stderr)  # reads until that line comes
    assert not destination.exists()
    server.release.set()
    for process in (first, second):
        _, errors = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, errors
    assert server.requests == 1
    assert_whole(destination)


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_download_leaves_no_dataset_and_the_next_one_works(
    kill: signal.Signals, server: Server, destination: Path
) -> None:
    server.answers = [held_back(server, ARCHIVE), content(ARCHIVE)]
    process = start_download(server, destination)
    assert server.arrived.wait(DEADLINE_S)
    process.send_signal(kill)
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode != 0
    assert not destination.exists()
    assert (kill == signal.SIGINT) == (left_in(destination.parent) == [])  # Ctrl-C cleans up
    download_fsdd(server.url, DIGEST, destination, NOW)
    assert_whole(destination)


def test_a_terminal_gets_a_progress_bar(server: Server, destination: Path) -> None:
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    server.answers = [content(ARCHIVE)]
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 80))
    subprocess.run(command(server, destination), stderr=follower, check=True, timeout=DEADLINE_S)
    assert b"100%" in os.read(leader, 65536)
    os.close(leader)
    os.close(follower)


def zip_bytes() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, body in MEMBERS.items():
            archive.writestr(name, body)
    return buffer.getvalue()


def test_a_zip_is_the_wrong_kind_and_fetched_once(server: Server, destination: Path) -> None:
    server.answers = [content(zip_bytes())]
    message = failure(server, destination, r"it is a \.zip, and only \.tar archives are read: name the \.tar\.gz")
    assert "attempts" not in message


@pytest.mark.parametrize("query", ["", "?raw=1"])
def test_an_address_of_a_zip_is_refused_before_it_is_fetched(destination: Path, query: str) -> None:
    url = f"http://127.0.0.1:1/archive/master.ZIP{query}"
    with pytest.raises(UserError, match=r"is a \.zip, and only \.tar archives are read: name the \.tar\.gz"):
        download_fsdd(url, DIGEST, destination)
    assert not destination.parent.exists()
