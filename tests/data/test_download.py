"""Downloads from a local HTTP server: whatever goes wrong, the destination is whole or absent."""

from __future__ import annotations

import io
import logging
import os
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fsdd_lightning.data.download import Patience, download_fsdd
from fsdd_lightning.data.recordings import content_digest, folder_digest, load_recordings
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
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1.0.10.tar.gz"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.release.set()
        self._http.shutdown()
        self._http.server_close()


def content(body: bytes) -> Answer:
    return partly(body, len(body))


def partly(body: bytes, sent: int) -> Answer:
    """Promise the whole body, send the beginning, hang up."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:sent])

    return answer


def status(code: int) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def held_back(server: Server, body: bytes) -> Answer:
    """Send half of the body, and the rest when the server's `release` is set."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        partly(body, len(body) // 2)(handler)
        handler.wfile.flush()
        server.release.wait(DEADLINE_S)
        handler.wfile.write(body[len(body) // 2 :])

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def tar_gz(members: dict[str, bytes], *extra: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
        for info in extra:
            tar.addfile(info)
    return buffer.getvalue()


def wav_bytes(frequency_hz: float) -> bytes:
    buffer = io.BytesIO()
    samples = 0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(800) / 8000)
    soundfile.write(buffer, samples, 8000, subtype="PCM_16", format="WAV")
    return buffer.getvalue()


WAVS = {
    f"{digit}_ann_{take}.wav": wav_bytes(300 + 50 * digit + take) for digit in range(3) for take in range(2)
}
MEMBERS = {f"{TOP}/README.md": b"# FSDD", **{f"{TOP}/recordings/{name}": body for name, body in WAVS.items()}}
ARCHIVE = tar_gz(MEMBERS)


@pytest.fixture
def digest(tmp_path: Path) -> str:
    folder = tmp_path / "expected"
    folder.mkdir()
    for name, body in WAVS.items():
        (folder / name).write_bytes(body)
    return folder_digest(folder)


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "fsdd"


def left_in(folder: Path) -> list[str]:
    """What a download left behind, the lock file apart."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def refused(server: Server, digest: str, destination: Path, reason: str) -> str:
    """The message of a failing download, which must name the URL and the way out and leave nothing behind."""
    with pytest.raises(RunFailedError, match=reason) as caught:
        download_fsdd(server.url, digest, destination, NOW)
    message = str(caught.value)
    assert server.url in message and "FSDD_ROOT" in message and "data.root" in message
    assert "\n" not in message
    assert left_in(destination.parent) == []
    return message


def test_a_good_archive_becomes_the_dataset(server: Server, digest: str, destination: Path) -> None:
    server.answers = [content(ARCHIVE)]
    assert download_fsdd(server.url, digest, destination, NOW) == destination
    loaded = load_recordings(destination, "fsdd", 8000, "error")
    assert loaded.digest == digest
    assert len(loaded.recordings) == len(WAVS)
    assert (destination / "README.md").read_bytes() == b"# FSDD"
    assert left_in(destination.parent) == ["fsdd"]


def test_a_dataset_that_is_there_is_used_without_network(
    server: Server, digest: str, destination: Path
) -> None:
    server.answers = [content(ARCHIVE)]
    for _ in range(2):
        download_fsdd(server.url, digest, destination, NOW)
    assert server.requests == 1


def test_a_server_that_does_not_say_the_size(server: Server, digest: str, destination: Path) -> None:
    def chunked(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(ARCHIVE), ARCHIVE))

    server.answers = [chunked]
    download_fsdd(server.url, digest, destination, NOW)
    assert folder_digest(destination / "recordings") == digest


def test_a_redirect_is_followed(server: Server, digest: str, destination: Path) -> None:
    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.answers = [elsewhere, content(ARCHIVE)]
    download_fsdd(server.url, digest, destination, NOW)
    assert folder_digest(destination / "recordings") == digest


# passing troubles


@pytest.mark.parametrize(
    "trouble", [partly(ARCHIVE, 900), status(503), status(429), content(ARCHIVE[:-200]), lambda handler: None]
)
def test_passing_trouble_is_overcome(trouble: Answer, server: Server, digest: str, destination: Path) -> None:
    server.answers = [trouble, trouble, content(ARCHIVE)]
    download_fsdd(server.url, digest, destination, NOW)
    assert server.requests == 3
    assert folder_digest(destination / "recordings") == digest


def test_waits_between_attempts_double(
    server: Server, digest: str, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits_s: list[float] = []
    monkeypatch.setattr("time.sleep", waits_s.append)
    server.answers = [status(500)]
    with pytest.raises(RunFailedError, match="4 attempts"):
        download_fsdd(server.url, digest, destination, Patience(attempts=4, backoff_s=0.5))
    assert [wait_s for wait_s in waits_s if wait_s >= 0.5] == [0.5, 1.0, 2.0]


# lasting troubles


@pytest.mark.parametrize(
    ("answer", "reason", "requests"),
    [
        (partly(ARCHIVE, 900), "3 attempts, the last: the connection broke before the end", 3),
        (content(ARCHIVE[:-200]), "3 attempts, the last: damaged archive", 3),
        (content(b"<html>please log in</html>"), "3 attempts, the last: damaged archive", 3),
        (content(ARCHIVE[:400] + b"\x55" * 40 + ARCHIVE[440:]), "damaged archive", 3),
        (status(503), "HTTP 503 Service Unavailable", 3),
        (status(404), r"\(HTTP 404 Not Found\)", 1),
        (status(403), r"\(HTTP 403 Forbidden\)", 1),
    ],
)
def test_lasting_trouble_ends_in_one_line(
    answer: Answer, reason: str, requests: int, server: Server, digest: str, destination: Path
) -> None:
    server.answers = [answer]
    refused(server, digest, destination, reason)
    assert server.requests == requests


def test_a_refused_connection_ends_in_one_line(server: Server, digest: str, destination: Path) -> None:
    server.close()
    refused(server, digest, destination, "3 attempts, the last: Connection refused")


def test_a_silent_server_is_given_up(server: Server, digest: str, destination: Path) -> None:
    server.answers = [lambda handler: server.release.wait(DEADLINE_S) and None]
    with pytest.raises(RunFailedError, match=r"2 attempts, the last: no answer within 0\.2 s"):
        download_fsdd(server.url, digest, destination, Patience(attempts=2, backoff_s=0.0, timeout_s=0.2))
    assert left_in(destination.parent) == []


def test_a_download_that_stalls_is_given_up(server: Server, digest: str, destination: Path) -> None:
    server.answers = [held_back(server, ARCHIVE)]
    with pytest.raises(
        RunFailedError, match=r"2 attempts, the last: (.*timed out|no answer within)"
    ) as caught:
        download_fsdd(server.url, digest, destination, Patience(attempts=2, backoff_s=0.0, timeout_s=0.2))
    assert "\n" not in str(caught.value)
    assert left_in(destination.parent) == []


@pytest.mark.parametrize("url", ["file:///etc/fsdd.tar.gz", "ftp://host/fsdd.tar.gz", "fsdd.tar.gz", ""])
def test_a_url_that_is_none_is_the_users_error(url: str, destination: Path) -> None:
    with pytest.raises(UserError, match=r"data\.archive_url must start with http"):
        download_fsdd(url, "0" * 64, destination)


def test_a_cache_folder_that_cannot_be_written_is_said(server: Server, digest: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunFailedError, match=r"cannot write .* set data\.cache_dir"):
        download_fsdd(server.url, digest, tmp_path / "file" / "fsdd", NOW)


# archives with other content than expected


def test_a_wrong_digest_is_refused(server: Server, digest: str, destination: Path) -> None:
    server.answers = [content(ARCHIVE)]
    message = refused(server, "f" * 64, destination, "holds other recordings")
    assert digest in message and "f" * 64 in message
    assert server.requests == 1


@pytest.mark.parametrize("change", ["one byte", "one file less", "one file more"])
def test_every_change_of_the_recordings_is_noticed(
    change: str, server: Server, digest: str, destination: Path
) -> None:
    members = dict(MEMBERS)
    name = f"{TOP}/recordings/1_ann_1.wav"
    if change == "one byte":
        members[name] = members[name][:-1] + bytes([members[name][-1] ^ 1])
    elif change == "one file less":
        del members[name]
    else:
        members[f"{TOP}/recordings/1_ann_9.wav"] = wav_bytes(1234)
    server.answers = [content(tar_gz(members))]
    refused(server, digest, destination, "holds other recordings")


@pytest.mark.parametrize(
    "members",
    [
        {},
        {f"{TOP}/README.md": b"nothing else"},
        {f"recordings/{name}": body for name, body in WAVS.items()},
        {**MEMBERS, "second-top/README.md": b""},
    ],
)
def test_another_layout_is_refused(
    members: dict[str, bytes], server: Server, destination: Path, digest: str
) -> None:
    server.answers = [content(tar_gz(members))]
    refused(server, digest, destination, "has no recordings in its one top folder")


@pytest.mark.parametrize("name", ["../evil.wav", "/tmp/fsdd-evil.wav", f"{TOP}/recordings/../../../evil.wav"])
def test_a_member_that_leaves_the_folder_is_refused(
    name: str, server: Server, digest: str, destination: Path, tmp_path: Path
) -> None:
    server.answers = [content(tar_gz({**MEMBERS, name: b"evil"}))]
    refused(server, digest, destination, "would leave the folder")
    assert not list(tmp_path.rglob("*evil*"))
    assert not Path("/tmp/fsdd-evil.wav").exists()
    assert server.requests == 1


def test_a_link_is_refused(server: Server, digest: str, destination: Path) -> None:
    link = tarfile.TarInfo(f"{TOP}/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    server.answers = [content(tar_gz(MEMBERS, link))]
    refused(server, digest, destination, "is a link or device")


# several processes, and killed ones


def start_download(server: Server, digest: str, destination: Path) -> subprocess.Popen[str]:
    program = (
        "import logging, sys; from pathlib import Path; logging.basicConfig(level='INFO');"
        "from fsdd_lightning.data.download import download_fsdd;"
        "download_fsdd(*sys.argv[1:3], Path(sys.argv[3]))"
    )
    command = [sys.executable, "-c", program, server.url, digest, str(destination)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_two_processes_at_once_download_once(server: Server, digest: str, destination: Path) -> None:
    server.answers = [held_back(server, ARCHIVE)]
    first = start_download(server, digest, destination)
    assert server.arrived.wait(DEADLINE_S)
    second = start_download(server, digest, destination)
    assert second.stderr is not None
    assert any("waiting for it" in line for line in second.stderr)  # reads until that line comes
    assert not destination.exists()
    server.release.set()
    for process in (first, second):
        _, errors = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, errors
    assert server.requests == 1
    assert folder_digest(destination / "recordings") == digest


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_download_leaves_no_dataset_and_the_next_one_works(
    kill: signal.Signals, server: Server, digest: str, destination: Path
) -> None:
    server.answers = [held_back(server, ARCHIVE), content(ARCHIVE)]
    process = start_download(server, digest, destination)
    assert server.arrived.wait(DEADLINE_S)
    process.send_signal(kill)
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode != 0
    assert not destination.exists()
    assert (kill == signal.SIGINT) == (left_in(destination.parent) == [])  # Ctrl-C still tidies up
    download_fsdd(server.url, digest, destination, NOW)
    assert folder_digest(destination / "recordings") == digest
    assert left_in(destination.parent) == ["fsdd"]


def test_whatever_lies_in_the_way_of_the_dataset_is_not_taken_for_it(
    server: Server, digest: str, destination: Path
) -> None:
    (destination / "recordings").mkdir(parents=True)
    (destination / "notes.txt").write_text("someone's")
    server.answers = [content(ARCHIVE)]
    with pytest.raises(RunFailedError, match=r"cannot write .*not empty"):
        download_fsdd(server.url, digest, destination, NOW)
    assert (destination / "notes.txt").read_text() == "someone's"


# what is printed


@pytest.mark.parametrize("environment", [{}, {"FORCE_COLOR": "1"}])
def test_no_bar_is_drawn_where_no_one_looks(
    environment: dict[str, str],
    server: Server,
    digest: str,
    destination: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    server.answers = [content(ARCHIVE)]
    download_fsdd(server.url, digest, destination, NOW)
    assert capfd.readouterr() == ("", "")


def test_a_terminal_gets_a_bar(server: Server, digest: str, destination: Path) -> None:
    pty = pytest.importorskip("pty")
    server.answers = [content(ARCHIVE)]
    leader, follower = pty.openpty()
    program = "import sys; from pathlib import Path; from fsdd_lightning.data.download import download_fsdd;"
    command = [sys.executable, "-c", program + "download_fsdd(*sys.argv[1:3], Path(sys.argv[3]))"]
    subprocess.run(
        [*command, server.url, digest, str(destination)], stderr=follower, check=True, timeout=DEADLINE_S
    )
    assert b"downloading FSDD" in os.read(leader, 65536)
    os.close(leader)
    os.close(follower)


def test_the_log_says_what_is_going_on(
    server: Server, digest: str, destination: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers = [status(503), content(ARCHIVE)]
    with caplog.at_level(logging.INFO, logger="fsdd_lightning"):
        download_fsdd(server.url, digest, destination, NOW)
    assert [record.getMessage() for record in caplog.records] == [
        f"downloading the dataset from {server.url}",
        "download failed (HTTP 503 Service Unavailable); trying again in 0 s",
    ]


def test_the_digest_of_the_archive_is_that_of_its_recordings_alone(digest: str) -> None:
    import hashlib

    assert digest == content_digest((name, hashlib.sha256(body).hexdigest()) for name, body in WAVS.items())
