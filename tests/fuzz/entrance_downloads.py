"""Servers and archives that are broken or hostile, when the dataset has to be downloaded."""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import lzma
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import hostile
import seeds
from room import Case, Room

SECRET = "s3cret-of-the-user"
PIECE = b"\0" * 2**16
Answer = Callable[[BaseHTTPRequestHandler], object]

_answer: Answer | None = None
_stop = threading.Event()


@functools.cache
def _address() -> str:
    """Of the one server of this process."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.close_connection = True
            try:
                if _answer is not None:
                    _answer(self)
            except OSError:  # who asked is gone
                pass

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return f"127.0.0.1:{server.server_port}"


def stop_answers() -> None:
    """Let go of answers without end."""
    global _answer
    _answer = None
    _stop.set()


def case(room: Room) -> Case:
    """A training without recordings, and a server that has them, or something else."""
    global _answer
    random = room.random
    archive = (room.seeds / "fsdd.tar.gz").read_bytes()
    digest = (room.seeds / "digest.txt").read_text()
    url = f"http://{_address()}/v1.tar.gz"
    _stop.clear()
    kind = random.randrange(10)
    _answer, note = _send(archive), "good"
    if kind < 5:
        content, note = random.choice(_ARCHIVES)(random, archive)
        _answer = _send(content)
    elif kind < 8:
        _answer, note = _answers(random, archive)
    elif kind == 8:
        url = random.choice(_urls(_address()))
        note = "url"
    else:
        digest = random.choice((*hostile.TEXTS, "0" * 64, digest.upper(), digest[:-1], digest + "0", "../" * 21 + "x"))
        note = "digest"
    words = [word for word in seeds.TINY if not word.startswith("data")]
    words += [f"data.archive_url={_quoted(url)}", f"data.archive_digest={_quoted(digest)}"]
    if random.random() < 0.2:
        words += [random.choice(("data.fallback=synthetic", "data.on_bad_file=skip", "data.cache_dir=here"))]
    created = ("work/here", "work/here/*", "home/.cache/*")
    whole = random.random() < 0.1 or kind == 8
    return Case(
        "sketched_train" if whole else "preparing", words, note, terminable=whole, created=created, secret=SECRET
    )


def _quoted(text: str) -> str:
    return "'{}'".format(text.replace("\\", "\\\\").replace("'", "\\'"))


def _urls(address: str) -> tuple[str, ...]:
    return (
        *(
            f"http://user:{SECRET}@{address}/v1.tar.gz",
            f"http://{SECRET}@{address}/x?token={SECRET}",
            f"http://{address}",
        ),
        *("http://", "https://", "http:///x", "http://[::1", "http://127.0.0.1:99999/x", "http://127.0.0.1:1/x.tar.gz"),
        *("ftp://127.0.0.1/x", "file:///etc/passwd", "http://127.0.0.1:x/", "", " ", f"http://{address}/\x1b[31m"),
        *(
            f"http://{address}/{'a' * 5000}",
            f"http://{address}/x.zip",
            f"http://{address}/a b\nc",
            f"http://{address}/\u65e5",
        ),
        *(
            f"HTTP://{address}/x",
            f"http://{address}:80/x",
            "http://127.0.0.1.:1/",
            "http://./",
            f"http://{address}/%00",
        ),
    )


# --- archives ---


def _tar(members: list[tuple[tarfile.TarInfo, bytes]], mode: str = "w:gz", **more: object) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode, **more) as tar:  # type: ignore[call-overload]
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def _info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", **pax: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.pax_headers = kind, link, pax
    return info


_INSIDE = f"{seeds.TOP}/recordings/0_x_0.wav"
_LINKS = ("../../outside/users_file.txt", "/etc/passwd", "../../../home", "nowhere", "0_x_1.wav")
_KINDS = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE, b"Z")
_NAMES = (
    *(
        "/canary",
        "../canary",
        "../../outside/canary",
        f"{seeds.TOP}/../../canary",
        "a\nb",
        "\x1b[31m",
        "",
        ".",
        "..",
        "a//b",
    ),
    *(
        "a" * 300,
        "/".join(["a"] * 300),
        _INSIDE,
        f"{seeds.TOP}/recordings",
        seeds.TOP,
        "C:\\x",
        "other/x.wav",
        "\u202e",
    ),
)


def _members(random: Random, archive: bytes) -> tuple[bytes, str]:
    """The good ones, and one more that is not."""
    members = _good(archive)
    kind = random.choice((tarfile.REGTYPE, tarfile.REGTYPE, *_KINDS))
    name = random.choice(_NAMES)
    link = random.choice(_LINKS) if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    extra = (_info(name, kind, link), b"x" * 20 if kind == tarfile.REGTYPE else b"")
    members.insert(random.choice((0, len(members))), extra)
    return _tar(members), f"member {ascii(name)[:60]} of kind {kind!r} {link}"


def _good(archive: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = [(info, tar.extractfile(info)) for info in tar.getmembers()]
        return [(_info(info.name), file.read()) for info, file in found if file is not None]


def _only(random: Random, archive: bytes) -> tuple[bytes, str]:
    name, kind = random.choice(_NAMES), random.choice((tarfile.REGTYPE, *_KINDS))
    return _tar([(_info(name, kind, "x"), b"")]), f"only {ascii(name)[:60]} of kind {kind!r}"


def _header(random: Random, archive: bytes) -> tuple[bytes, str]:
    """Headers that promise what is not there, in a plain tar with a right checksum."""
    plain = bytearray(gzip.decompress(archive))
    at = 512 * random.choice((0, 2)) if random.random() < 0.5 else 0
    fields = {
        "name": (0, 100),
        "mode": (100, 8),
        "size": (124, 12),
        "time": (136, 12),
        "kind": (156, 1),
        "link": (157, 100),
    }
    name = random.choice(sorted(fields))
    start, length = fields[name]
    given = random.choice((b"\xff", b"\x80", b"7", b"\0", b" ", b"x", b"9", b"-")) * length
    plain[at + start : at + start + length] = given
    plain[at + 148 : at + 156] = b" " * 8
    plain[at + 148 : at + 156] = b"%06o\0 " % (sum(plain[at : at + 512]) % 0o1000000)
    return bytes(plain), f"header {name} {given[:1]!r}"


def _pax(random: Random, archive: bytes) -> tuple[bytes, str]:
    key, value = random.choice(
        (
            *(
                ("size", "99999999999"),
                ("size", "-1"),
                ("size", "x"),
                ("path", "/canary"),
                ("path", "../" * 20 + "canary"),
            ),
            *(("GNU.sparse.size", "9" * 12), ("GNU.sparse.map", "0,9999999999"), ("mtime", "nan"), ("uid", "9" * 30)),
            *(("path", "a\0b"), ("linkpath", "x"), ("comment", "a" * 2_000_000), ("GNU.sparse.realsize", "1" * 13)),
        )
    )
    return _tar([(_info(_INSIDE, **{key: value}), b"RIFF" * 100)], format=tarfile.PAX_FORMAT), f"pax {key}={value[:20]}"


def _pax_length(random: Random, archive: bytes) -> tuple[bytes, str]:
    """A header for the next member that says to be gigabytes long."""
    info = _info("././@PaxHeader", tarfile.XHDTYPE)
    info.size = random.choice((2**31, 2**33, 10**15, 2**20))
    kind = random.choice((tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK))
    info.type = kind
    body = info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 2**20
    return gzip.compress(body, 1), f"{kind!r} of {info.size} bytes"


def _bomb(random: Random, archive: bytes) -> tuple[bytes, str]:
    """Much in little: zeros, or members without end."""
    if random.random() < 0.5:
        info = _info(_INSIDE)
        info.size = 2**21 * 40
        return gzip.compress(info.tobuf() + b"\0" * info.size, 1), "80 MB of zeros"
    header = _info(_INSIDE).tobuf()
    return gzip.compress(header * 30_000, 1), "30,000 members"


def _packed(random: Random, archive: bytes) -> tuple[bytes, str]:
    plain = gzip.decompress(archive)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr(_INSIDE, b"RIFF")
    ways: dict[str, Callable[[], bytes]] = {
        "bz2": lambda: bz2.compress(plain[: 2**20], 1),
        "xz": lambda: lzma.compress(plain[: 2**19], preset=0),
        "plain": lambda: plain,
        "zip": lambda: file.getvalue(),
        "gzip twice": lambda: gzip.compress(archive, 1),
        "empty": lambda: b"",
        "html": lambda: b"<html>\x1b[31msign in</html>",
        "gzip of nothing": lambda: gzip.compress(b""),
        "cut": lambda: archive[: random.randrange(len(archive))],
        "bz2 cut": lambda: bz2.compress(plain[: 2**19], 1)[:-50],
    }
    name = random.choice(sorted(ways))
    return ways[name](), name


def _bytes(random: Random, archive: bytes) -> tuple[bytes, str]:
    if random.random() < 0.5:
        return hostile.spoil_bytes(random, archive)
    spoiled, how = hostile.spoil_bytes(random, gzip.decompress(archive))
    return spoiled, f"plain {how}"


_ARCHIVES = (_members, _members, _only, _header, _pax, _pax_length, _bomb, _packed, _packed, _bytes, _bytes)


# --- servers ---


def _send(body: bytes, status: str = "200 OK", headers: bytes | None = None) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        lines = b"Content-Length: %d\r\n" % len(body) if headers is None else headers
        handler.wfile.write(f"HTTP/1.1 {status}\r\n".encode("latin-1") + lines + b"\r\n" + body)

    return answer


def _raw(content: bytes) -> Answer:
    return lambda handler: bool(handler.wfile.write(content))


def _without_end(piece: bytes, wait_s: float, head: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + head)
        while not _stop.is_set():
            handler.wfile.write(piece)
            handler.wfile.flush()
            time.sleep(wait_s)

    return answer


def _answers(random: Random, archive: bytes) -> tuple[Answer, str]:
    here, small = _address(), archive[:2000]
    statuses = (
        "404 \x1b[31mred",
        "500 a",
        "403",
        "418 I'm a teapot",
        "999 x",
        "200",
        "204 No",
        "304 x",
        "503 x",
        "100 x",
    )
    lengths = (
        "abc",
        "-1",
        "0",
        "99999999999999999999",
        "5, 5",
        "",
        " 7 ",
        "0x10",
        str(len(archive) + 9),
        "1e3",
        "\xff",
    )
    places = ("file:///etc/passwd", "/v1.tar.gz", "", "http://127.0.0.1:1/", "//", "\x1b[31m", "ftp://127.0.0.1/x")
    found: dict[str, Callable[[], Answer]] = {
        "status": lambda: _send(b"no", random.choice(statuses)),
        "length": lambda: _send(archive, headers=f"Content-Length: {random.choice(lengths)}\r\n".encode("latin-1")),
        "two lengths": lambda: _send(archive, headers=b"Content-Length: 1\r\nContent-Length: 2\r\n"),
        "redirect": lambda: _send(b"", "302 x", f"Location: {random.choice(places)}\r\nContent-Length: 0\r\n".encode()),
        "redirect to itself": lambda: _send(
            b"", "301 x", f"Location: http://{here}/x\r\nContent-Length: 0\r\n".encode()
        ),
        "no length": lambda: _send(archive, headers=b""),
        "encoding": lambda: _send(small, headers=b"Content-Encoding: gzip\r\nContent-Length: 2000\r\n"),
        "odd encoding": lambda: _send(small, headers=b"Content-Encoding: deflate, br\r\nContent-Length: 2000\r\n"),
        "chunks": lambda: _send(
            random.choice((b"zz\r\nabc", b"-5\r\n", b"ffffffffffffffff\r\nabc", b"5\r\nab", b"")),
            headers=b"Transfer-Encoding: chunked\r\n",
        ),
        "many headers": lambda: _send(b"", headers=b"".join(b"X-%d: y\r\n" % at for at in range(500))),
        "long header": lambda: _send(b"", headers=b"X: " + b"y" * 100_000 + b"\r\n"),
        "no HTTP": lambda: _raw(
            random.choice((b"SSH-2.0-x\r\n", b"", b"\x1b[31m\r\n\r\n", b"HTTP/9 200\r\n\r\n", b"\0" * 99))
        ),
        "dripping": lambda: _without_end(b"x", 0.3, b"Content-Length: 99999999\r\n\r\n"),
        "dripping headers": lambda: _without_end(b"X: y\r\n", 0.3, b""),
        "silent": lambda: lambda handler: _stop.wait(30),
        "cut": lambda: _send(archive[:5000], headers=b"Content-Length: 99999\r\n"),
    }
    if random.random() < 0.03:
        return _without_end(PIECE, 0.0, b"\r\n"), "without end"
    name = random.choice(sorted(found))
    return found[name](), name
