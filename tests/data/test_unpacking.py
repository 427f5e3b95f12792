"""Archives that are damaged, or that mean harm."""

from __future__ import annotations

import bz2
import gzip
import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsdd_lightning.data import unpacking
from fsdd_lightning.data.unpacking import DamagedArchiveError, HostileArchiveError, unpack_tar


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def tar_bytes(*members: tarfile.TarInfo, body: bytes = b"sound") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for info in members:
            info.size = len(body) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(body) if info.isreg() else None)
    return buffer.getvalue()


def unpack(content: bytes, tmp_path: Path) -> Path:
    (tmp_path / "archive").write_bytes(content)
    folder = tmp_path / "inner" / "folder"
    folder.mkdir(parents=True, exist_ok=True)
    unpack_tar(tmp_path / "archive", folder)
    return folder


GOOD = tar_bytes(member("top", tarfile.DIRTYPE), member("top/a.wav"), member("top/deep/b.wav"))


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress])
def test_a_good_archive_is_unpacked_however_compressed(
    compress: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    folder = unpack(compress(GOOD), tmp_path)
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert files == {"top/a.wav": b"sound", "top/deep/b.wav": b"sound"}


def test_others_may_read_what_was_unpacked(tmp_path: Path) -> None:
    private = member("top/private.wav")
    private.mode = 0
    folder = unpack(tar_bytes(member("top", tarfile.DIRTYPE), private), tmp_path)
    (tmp_path / "usual").mkdir()
    (tmp_path / "usual" / "file").write_bytes(b"")
    assert (folder / "top").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert (folder / "top" / "private.wav").stat().st_mode == (tmp_path / "usual" / "file").stat().st_mode


@pytest.mark.parametrize(
    "bad",
    [
        member("../evil"),
        member("top/../../evil"),
        member("/evil"),
        member("//server/evil"),
        member("..\\evil"),
        member("C:\\evil"),
        member("C:evil"),
        member("top/link", tarfile.SYMTYPE, "a.wav"),
        member("top/link", tarfile.SYMTYPE, "/etc"),
        member("top/link", tarfile.LNKTYPE, "top/a.wav"),
        member("top/device", tarfile.CHRTYPE),
        member("top/device", tarfile.BLKTYPE),
        member("top/pipe", tarfile.FIFOTYPE),
        member("../evil", tarfile.DIRTYPE),
    ],
    ids=lambda info: f"{info.name}-{info.type.decode()}",
)
def test_harmful_members_are_refused(bad: tarfile.TarInfo, tmp_path: Path) -> None:
    with pytest.raises(HostileArchiveError, match=r"would leave the folder|is a link or device") as caught:
        unpack(gzip.compress(tar_bytes(member("top/a.wav"), bad)), tmp_path)
    assert repr(bad.name) in str(caught.value)
    outside = {path for path in tmp_path.rglob("*") if tmp_path / "inner" / "folder" not in path.parents}
    assert outside == {tmp_path / "archive", tmp_path / "inner", tmp_path / "inner" / "folder"}


def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_UNPACKED_BYTES", 9)
    with pytest.raises(HostileArchiveError, match="more than 9 bytes"):
        unpack(GOOD, tmp_path)  # 2 x 5 bytes
    monkeypatch.setattr(unpacking, "MAX_UNPACKED_BYTES", 10)
    unpack(GOOD, tmp_path)
    monkeypatch.setattr(unpacking, "MAX_MEMBERS", 2)
    with pytest.raises(HostileArchiveError, match="2 files"):
        unpack(GOOD, tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html></html>",
        gzip.compress(GOOD, mtime=0)[:60],
        bz2.compress(GOOD)[:-20],
        tar_bytes(member("top"), member("top/a.wav")),  # a file where a folder is needed
        tar_bytes(member("top/a.wav/b.wav"), member("top/a.wav")),
    ],
)
def test_damaged_archives_are_told_apart_from_a_full_disk(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DamagedArchiveError):
        unpack(content, tmp_path)


def test_trouble_of_the_file_system_passes_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        unpack_tar(tmp_path / "nowhere", tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 255)), min_size=1, max_size=4), st.booleans())
def test_damage_anywhere_is_unpacked_or_refused(
    tmp_path: Path, changes: list[tuple[int, int]], compressed: bool
) -> None:
    content = bytearray(gzip.compress(GOOD) if compressed else GOOD[:4096])
    for position, value in changes:
        content[position % len(content)] = value
    try:
        unpack(bytes(content), tmp_path)
    except (DamagedArchiveError, HostileArchiveError) as error:
        assert str(error) and "\n" not in str(error)
    assert {path.name for path in tmp_path.iterdir()} == {"archive", "inner"}
    assert [path.name for path in (tmp_path / "inner").iterdir()] == ["folder"]
    shutil.rmtree(tmp_path / "inner")
