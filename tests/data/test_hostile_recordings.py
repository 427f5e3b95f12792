"""Files and folders that stop, fill or mislead a reader: each ends in its one line, soon and in little memory."""

from __future__ import annotations

import io
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import tone, wav_bytes

from fsdd_lightning.data import audio, layouts, recordings, sound_sources, speech_engines, wav
from fsdd_lightning.data.audio import audio_paths, decode_audio, read_bytes
from fsdd_lightning.data.background_noise import noise_clips
from fsdd_lightning.data.layouts import find_folder, layout_of, list_folder
from fsdd_lightning.data.recordings import FSDD, folder_digest, load_recordings
from fsdd_lightning.data.sound_sources import chunks_of_pipe, sound_of_pipe, standard_input
from fsdd_lightning.data.speech_engines import Engine
from fsdd_lightning.data.unpack import is_archive
from fsdd_lightning.data.wav import BadWavError, waveform_of
from fsdd_lightning.data.words import Words
from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.files import RECORDING_BYTES

HUGE = 2**40  # bytes of a file with holes: no disk has them


def header(rate_hz: int = 8000, channels: int = 1, bits: int = 16, tag: int = 1, claimed: int = 0xFFFFFFFF) -> bytes:
    """Of a WAV file, with any numbers; its sound follows."""
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * frame & 0xFFFFFFFF, frame & 0xFFFF, bits)
    return b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + form + b"data" + struct.pack("<I", claimed)


def encoded(samples: np.ndarray, kind: str, rate_hz: int = 8000) -> bytes:
    samples = samples if samples.dtype == np.int16 else np.round(32768 * samples).astype(np.int16)
    if kind == "OGG":  # libsndfile crashes where a large one is written at once
        buffer = io.BytesIO()
        with soundfile.SoundFile(buffer, "w", rate_hz, samples[:1].size, format=kind) as file:
            for start in range(0, len(samples), 8000):
                file.write(samples[start : start + 8000])
        return buffer.getvalue()
    return wav_bytes(samples, rate_hz, subtype=None, format=kind)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def holes(path: Path) -> None:
    path.write_bytes(wav_bytes(tone()))
    os.truncate(path, HUGE)


SPECIAL: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe": (fifo, "it is not a regular file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "it is not a regular file"),
    "a folder": (lambda path: path.mkdir(), "Is a directory"),
    "a link to nothing": (lambda path: path.symlink_to("nothing"), "No such file"),
    "a link to itself": (lambda path: path.symlink_to(path), "Too many levels"),
    "holes": (holes, f"it has more than {RECORDING_BYTES:,} bytes"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for take in range(3):
        (tmp_path / f"1_ann_{take}.wav").write_bytes(wav_bytes(tone(300 + take)))
    return tmp_path


# ---- files


@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_no_ordinary_file_is_a_bad_one(kind: str, folder: Path) -> None:
    make, reason = SPECIAL[kind]
    before = folder_digest(folder)
    bad = folder / "1_bad_0.wav"
    make(bad)
    with pytest.raises(BadWavError, match=f"cannot be read .{reason}"):
        read_bytes(bad)
    with pytest.raises(UserError, match=rf"1 bad file\(s\) in .*e\.g\. 1_bad_0\.wav: cannot be read .{reason}"):
        load_recordings(folder, "some", 8000, "error")
    kept = load_recordings(folder, "some", 8000, "skip")
    assert [item.path for item in kept.bad] == [bad] and len(kept.recordings) == 3
    assert folder_digest(folder) == kept.digest == before
    with pytest.raises(UserError, match=f"noise in .*cannot be read .{reason}"):
        noise_clips([bad], 1, 8000)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (header(rate_hz=1) + bytes(1600), "too low"),
        (header(rate_hz=10**9) + bytes(1600), "more than 768000 Hz"),
        (header(rate_hz=0xFFFFFFFF) + bytes(1600), "cannot be decoded|more than"),
        (header(rate_hz=0) + bytes(1600), "cannot be decoded"),
        (header(channels=0) + bytes(1600), "cannot be decoded"),
        (header(channels=65) + bytes(130 * 800), "has 65 channels, not 1 to 64"),
        (header(channels=0xFFFF, bits=8) + bytes(70_000), "cannot be decoded"),
        (header(bits=64, tag=3) + np.full(800, np.nan).tobytes(), "800 NaN or infinite"),
        (header(bits=64, tag=3) + (1e300 * tone()).tobytes(), "beyond full scale"),
        (header(bits=32, tag=3) + np.float32(1e38 * tone()).tobytes(), "beyond full scale"),
        (header(claimed=1602) + tone().astype("<i2").tobytes(), "truncated"),
        (b"caff" + bytes(100), "not a sound file"),
        (b"MATLAB 5.0 MAT-file" + bytes(200), "not a sound file"),
        (b"\xf0\x7e\0\1" + bytes(200), "not a sound file"),  # SDS, whose decoder prints
    ],
)
def test_headers_with_absurd_numbers_are_refused(
    content: bytes, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadWavError, match=reason) as caught:
        decode_audio(content, 8000)
    assert str(caught.value).isprintable()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("rate_hz", [1_001, 7_919, 767_999])
def test_any_rate_of_a_real_converter_is_resampled(rate_hz: int) -> None:
    sound = decode_audio(wav_bytes(tone(400, rate_hz, rate_hz), rate_hz), 8000)
    assert len(sound.waveform) == pytest.approx(8000, abs=1)


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "WAV", "MP3"])
def test_a_small_file_does_not_become_hours(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wav, "MAX_DURATION_S", 300.0)
    with pytest.raises(BadWavError, match="longer than 300 s: cut it"):
        decode_audio(encoded(np.zeros(8000 * 301, np.int16), kind), 8000)
    with pytest.raises(BadWavError, match="silent"):  # the longest one that is heard
        decode_audio(encoded(np.zeros(8000 * 290, np.int16), kind), 8000)


def test_channels_count_in_the_size_of_a_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wav, "MAX_VALUES", 2 * 8000)
    stereo = np.stack([tone(300, 8001), tone(500, 8001)], axis=1).astype(np.float32)
    for refused in (lambda: decode_audio(wav_bytes(stereo), 8000), lambda: waveform_of(stereo, 8000, 8000)):
        with pytest.raises(BadWavError, match="longer than 1 s"):
            refused()
    assert len(decode_audio(wav_bytes(stereo[:8000]), 8000).waveform) == 8000


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF"])
def test_sound_is_decoded_to_the_bits_of_soundfile(kind: str, tmp_path: Path) -> None:
    samples = np.stack([tone(300, 9000), tone(500, 9000)], axis=1)
    content = encoded(samples, kind)
    (tmp_path / "sound").write_bytes(content)
    expected, _ = soundfile.read(tmp_path / "sound", dtype="float32", always_2d=True)
    found, _ = wav.decoded(content)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    "begun", [b"\xff\xe3H\xc4", b"ID3\x04", b"FORM\0\0\0\x09nine", b"caff\0\1\0\0none", b"riff" + bytes(20)]
)
def test_no_other_file_is_read_with_it(begun: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("._")  # where libsndfile looks for the rest of a Macintosh file: it would wait for ever
    with pytest.raises(BadWavError):
        decode_audio(begun + bytes(500), 8000)
    assert len(decode_audio(encoded(tone(samples=8000), "MP3"), 8000).waveform) == 8000


KINDS = {kind: encoded(tone(440, 4000), kind) for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "RF64", "CAF")}


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(sorted(KINDS)),
    st.lists(st.tuples(st.integers(0, 200), st.sampled_from([0, 1, 127, 128, 254, 255])), max_size=8),
    st.integers(0, 10_000),
)
def test_damage_in_a_header_gives_sound_or_one_line(kind: str, changes: list[tuple[int, int]], length: int) -> None:
    content = bytearray(KINDS[kind])
    for position, value in changes:
        content[position % len(content)] = value
    damaged = bytes(content[: max(length, 1)])
    pieces = lambda: np.concatenate(list(chunks_of_pipe(io.BytesIO(damaged), 8000)))  # noqa: E731
    for decode in (lambda: decode_audio(damaged, 8000).waveform, pieces):
        try:
            assert np.isfinite(decode()).all()
        except BadWavError as error:
            assert str(error).isprintable() and len(str(error)) < 300


# ---- standard input


class Endless(io.RawIOBase):
    """Gives zeros after its beginning, and remembers how many."""

    def __init__(self, beginning: bytes = b"") -> None:
        self.beginning, self.given, self.largest = beginning, 0, 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0
        content = self.beginning[self.given : self.given + size].ljust(size, b"\0")
        self.given += size
        self.largest = max(self.largest, size)
        return content


@pytest.mark.parametrize("beginning", [b"", b"fLaC", wav_bytes(tone())])
def test_a_pipe_without_end_is_given_up(beginning: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound_sources, "RECORDING_BYTES", 2**22)
    pipe = Endless(beginning)
    with pytest.raises(BadWavError, match="more than 4,194,304 bytes"):
        sound_of_pipe(pipe, 8000)  # type: ignore[arg-type]
    assert pipe.given == 2**22 + 1 and pipe.largest <= 2**20


@pytest.mark.parametrize("size", [2**20, 0xFFFFFFFF])
def test_a_header_without_end_is_given_up(size: int) -> None:
    pipe = Endless(b"RIFF\0\0\0\0WAVELIST" + struct.pack("<I", size))
    with pytest.raises(BadWavError, match="its header has more than 1,048,576 bytes"):
        list(chunks_of_pipe(pipe, 8000))  # type: ignore[arg-type]
    assert pipe.given < 100


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (header(channels=0xFFFF, bits=8), "cannot be heard|has 65535 channels"),
        (header(rate_hz=10**9), "more than 768000 Hz"),
        (header(bits=64, tag=3) + np.full(800, np.inf).tobytes(), "NaN or infinite"),
        (header(bits=64, tag=3) + (1e300 * tone()).tobytes(), "beyond full scale"),
    ],
)
def test_a_pipe_with_absurd_numbers_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(BadWavError, match=reason):
        list(chunks_of_pipe(io.BytesIO(content), 8000))


def test_a_pipe_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(BadWavError, match=r"cannot be read [(]Is a directory"):
        sound_of_pipe(_Broken(), 8000)  # type: ignore[arg-type]


class _Broken(io.RawIOBase):
    def read(self, size: int = -1) -> bytes:
        raise IsADirectoryError(21, "Is a directory")


def test_a_closed_standard_input_is_the_users_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UserError, match="standard input is closed"):
        standard_input()


# ---- folders


def test_a_folder_of_too_many_files_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "MAX_ENTRIES", 3)
    assert len(audio_paths(folder)) == 3
    (folder / "4.txt").touch()
    with pytest.raises(UserError, match="holds more than 3 files"):
        load_recordings(folder, "some", 8000, "error")


@pytest.mark.parametrize(("name", "limit"), [("MAX_WORDS", 2), ("MAX_ENTRIES", 5)])
def test_too_many_words_are_refused(name: str, limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for word in ("yes", "no", "up"):
        (tmp_path / word).mkdir()
        for take in range(2):
            (tmp_path / word / f"ann_nohash_{take}.wav").write_bytes(wav_bytes(tone()))
    words = Words("folders", None)
    assert len(list_folder(tmp_path, words).files) == 6
    monkeypatch.setattr(layouts, name, limit)
    with pytest.raises(UserError, match=f"holds more than {limit} "):
        list_folder(tmp_path, words)


def test_links_that_lead_nowhere_are_no_words(tmp_path: Path) -> None:
    (tmp_path / "yes").mkdir()
    (tmp_path / "yes" / "ann_nohash_0.wav").write_bytes(wav_bytes(tone()))
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "again").symlink_to(".")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "._ann.wav").touch()
    assert {file.label for file in list_folder(tmp_path, Words("folders", None)).files} == {"yes"}


@pytest.mark.parametrize("kind", SPECIAL)
def test_a_list_of_the_split_that_is_no_ordinary_file_is_refused(kind: str, tmp_path: Path) -> None:
    (tmp_path / "yes").mkdir()
    (tmp_path / "yes" / "ann_nohash_0.wav").write_bytes(wav_bytes(tone()))
    SPECIAL[kind][0](tmp_path / "testing_list.txt")
    with pytest.raises(UserError, match=r"lists of the official split in .* can't be read"):
        list_folder(tmp_path, Words("folders", None))


@pytest.mark.parametrize(
    "name", [b"1_ann_\xff\xfe.wav", b"1_ann\n_9.wav", b"1_\x1b[2J_9.wav", b"1_an\xe2\x80\xaen_9.wav"]
)
def test_names_that_cannot_be_shown_are_shown_escaped(name: bytes, folder: Path) -> None:
    (folder / os.fsdecode(name)).write_bytes(wav_bytes(tone()))
    with pytest.raises(UserError) as caught:
        load_recordings(folder, "some", 8000, "error")
    assert str(caught.value).isprintable() and len(str(caught.value).splitlines()) == 1
    assert len(load_recordings(folder, "some", 8000, "skip").recordings) == 3


def test_small_files_do_not_fill_the_memory_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = np.zeros(8000 * 20, np.int16)
    sound[::4000] = 900
    for take in range(5):
        (folder / f"2_ann_{take}.flac").write_bytes(encoded(sound, "FLAC"))
    assert len(load_recordings(folder, "some", 8000, "error").recordings) == 8
    monkeypatch.setattr(recordings, "_MEMORY_SAMPLES", 8000 * 20)
    monkeypatch.setattr(recordings, "_SAMPLES_OF_BYTE", 1)
    with pytest.raises(UserError, match=r"too long for the memory \(2_ann_\d\.flac is one of them\)"):
        load_recordings(folder, "some", 8000, "error")


@pytest.mark.parametrize(
    "place", ["n" * 300, "nul\0", "~no-such-user-here/x", "/dev/null", "/dev/null/x", "/proc/self/fd"]
)
def test_places_that_hold_no_recordings_are_the_users_error(place: str) -> None:
    with pytest.raises(UserError, match=r"holds no recordings|is not a folder|cannot look into"):
        layout_of(Path(place))
    with pytest.raises(UserError):
        load_recordings(Path(place), "some", 8000, "error")


def test_an_archive_is_told_without_unpacking_it(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.tar.gz"
    bomb.write_bytes(b"\x1f\x8b" + bytes(10))
    assert is_archive(bomb)
    bomb.write_bytes(b"a text")
    assert not is_archive(bomb)


def test_a_folder_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(place: Path) -> None:
        raise PermissionError(13, "Permission denied", str(place))

    monkeypatch.setattr(os, "scandir", forbidden)
    with pytest.raises(UserError, match=f"cannot look into {tmp_path} .Permission denied"):
        find_folder(tmp_path, FSDD)


# ---- programs that speak

ENGINES = {
    "hangs": "exec sleep 60",
    "leaves a child behind": "sleep 60 & wait",
    "closes its pipes and hangs": "exec sleep 60 >&- 2>&-",
    "talks without end": "exec yes >&2",
    "writes no sound": 'echo nonsense > "$2"',
    "writes a pipe": 'mkfifo "$2"',
    "complains": "printf '\\033[2Jno\\n'; exit 3",
}


@pytest.mark.parametrize("what", ENGINES)
def test_an_engine_that_misbehaves_is_ended(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_engines, "PATIENCE_S", 0.3)
    program = tmp_path / "engine"
    program.write_text(f"#!/bin/sh\n{ENGINES[what]}\n")
    program.chmod(0o755)
    engine = Engine(str(program), r"version (\S+)")
    with pytest.raises(RunFailedError, match="cannot speak") as caught:
        engine.speak(["-o", str(tmp_path / "word.wav")], tmp_path / "word.wav", 8000)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 800
    assert engine.version == "unknown"
    assert [path.name for path in tmp_path.iterdir()] == ["engine"]
