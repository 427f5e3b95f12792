"""The page's WAV and ZIP files against what Python reads and writes."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import soundfile
from web_scripts import needs_node, run_scripts

from fsdd_lightning.data.integer_features import to_int16
from fsdd_lightning.data.wav import BadWavError, decoded, encode_wav

pytestmark = needs_node

KINDS = {"PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64}
RESAMPLER = ["arrays.js", "wav.js", "resampler.js"]


def noise(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """(samples, channels) float64 in [-1, 1], the ends among them."""
    values = np.random.default_rng(seed).uniform(-1, 1, (samples, channels))
    values[:2] = [[-1], [1]]
    return values


def written(values: np.ndarray, rate_hz: int, subtype: str, container: str = "WAV") -> bytes:
    content = io.BytesIO()
    soundfile.write(content, values, rate_hz, subtype=subtype, format=container)
    return content.getvalue()


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def fmt(tag: int = 1, channels: int = 1, rate_hz: int = 8000, bits: int = 16) -> tuple[bytes, bytes]:
    width = channels * bits // 8
    return b"fmt ", struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * width % 2**32, width, bits)


def read_in_page(files: Sequence[bytes]) -> list[dict[str, Any]]:
    """{sampleRateHz, samples, steps} of each file, or {error}."""
    code = """
    answer(data.map((bytes) => {
      try {
        const { sampleRateHz, samples } = readWav(bytes);
        return { sampleRateHz, samples, steps: toInt16(samples) };
      } catch (error) {
        return { error: error.message, kind: error.constructor.name };
      }
    }));
    """
    return run_scripts(RESAMPLER, code, list(files))


def mono(content: bytes) -> np.ndarray:
    """As the package mixes what it reads."""
    samples, _ = decoded(content)
    return samples.mean(axis=1, dtype=np.float64).astype(np.float32)


# --- WAV ---


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
@pytest.mark.parametrize("container", ["WAV", "WAVEX"])
def test_every_kind_is_read_as_in_python(container: str, channels: int) -> None:
    files = [written(noise(501, channels), 44_100, kind, container) for kind in KINDS]
    for content, got in zip(files, read_in_page(files), strict=True):
        assert got["sampleRateHz"] == 44_100
        assert got["samples"].dtype == np.float32 and (got["samples"] == mono(content)).all()


@pytest.mark.parametrize("bits", [5, 12, 20])
def test_odd_bits_stand_at_the_top_of_their_bytes(bits: int) -> None:
    content = riff(fmt(bits=bits), (b"data", np.random.default_rng(0).bytes(60)))
    (got,) = read_in_page([content])
    assert (got["samples"] == mono(content)).all()


def test_every_step_of_16_bits_comes_back() -> None:
    steps = np.arange(-(2**15), 2**15).astype(np.int16)
    (got,) = read_in_page([encode_wav(steps, 8000)])
    assert (got["steps"] == steps).all()


def test_chunks_around_the_sound_are_skipped_to_even_places() -> None:
    steps = np.arange(100, dtype="<i2")
    sound = (b"data", steps.tobytes())
    files = [
        riff((b"LIST", b"odd"), fmt(), (b"fact", b"1234"), (b"junk", b""), sound, (b"LIST", b"behind")),
        riff(fmt(), (b"data", steps.tobytes() + b"\1")),  # half a sample at the end
        riff(fmt(), sound, (b"data", b"another")),
    ]
    for got in read_in_page(files):
        assert (got["steps"] == steps).all()


@pytest.mark.parametrize("stated", [0xFFFFFFFF, 0x7FFF0000, 1_000_000])
def test_sound_that_ends_early_is_taken_as_far_as_it_goes(stated: int) -> None:
    steps = np.arange(100, dtype=np.int16)
    content = bytearray(encode_wav(steps, 8000))
    content[4:8] = content[40:44] = struct.pack("<I", stated)
    (got,) = read_in_page([bytes(content)])
    assert (got["steps"] == steps).all()


def test_a_view_into_a_larger_buffer_is_read() -> None:
    steps = np.arange(100, dtype=np.int16)
    code = "answer(toInt16(readWav(data.subarray(3)).samples))"
    assert (run_scripts(RESAMPLER, code, b"abc" + encode_wav(steps, 8000)) == steps).all()


SOUND = (b"data", bytes(64))
REFUSED = {
    b"": "empty file",
    b"RIFF": "not a WAV file: no RIFF/WAVE header",
    b"ID3\3" + bytes(60): "not a WAV file: no RIFF/WAVE header",
    riff(fmt())[:40]: "truncated: the file ends before its sound",
    riff(fmt()): "truncated: the file ends before its sound",
    riff(SOUND): "not a WAV file: no format before its sound",
    riff(fmt(), fmt(), SOUND): "not a WAV file: more than one format",
    riff((b"fmt ", bytes(14)), SOUND): "not a WAV file: its format is cut off",
    riff(fmt(), (b"data", b"")): "holds no samples",
    riff(fmt(), (b"data", b"1")): "holds no samples",
    riff(fmt(tag=2, bits=4), SOUND): "ADPCM is not read: convert it to PCM",
    riff(fmt(tag=6, bits=8), SOUND): "A-law is not read: convert it to PCM",
    riff(fmt(tag=7, bits=8), SOUND): "mu-law is not read: convert it to PCM",
    riff(fmt(tag=0x1234), SOUND): "WAV format 0x1234 is not read: convert it to PCM",
    riff(fmt(bits=0), SOUND): "PCM of 0 bits is not read: convert it to PCM",
    riff(fmt(bits=64), SOUND): "PCM of 64 bits is not read: convert it to PCM",
    riff(fmt(tag=3, bits=16), SOUND): "float of 16 bits is not read: convert it to PCM",
    riff(fmt(rate_hz=0), SOUND): "sample rate of 0 Hz is too low for speech",
    riff(fmt(rate_hz=999), SOUND): "sample rate of 999 Hz is too low for speech",
    riff(fmt(rate_hz=2**32 - 1), SOUND): "sample rate of 4294967295 Hz is more than 768000 Hz",
    riff(fmt(channels=0), SOUND): "has 0 channels, not 1 to 64",
    riff(fmt(channels=65), SOUND): "has 65 channels, not 1 to 64",
    riff(fmt(rate_hz=1000), (b"data", bytes(2 * 600_001))): "longer than 600 s: cut it",
    **{
        riff(fmt(tag=3, bits=32), (b"data", struct.pack("<2f", 0, bad))): (
            "holds samples that are no numbers or far too loud"
        )
        for bad in (np.nan, np.inf, -np.inf, 2.0**21)
    },
}


def test_what_cannot_be_read_says_why() -> None:
    got = read_in_page(list(REFUSED))
    assert [each.get("error") for each in got] == list(REFUSED.values())


def mutants(count: int) -> Iterator[bytes]:
    """Files with one to four bytes of their beginning changed, some cut."""
    random = np.random.default_rng(0)
    values = noise(50, 2)
    wholes = [written(values, 8000, kind, form) for kind in KINDS for form in ("WAV", "WAVEX")]
    for number in range(count):
        content = bytearray(wholes[number % len(wholes)])
        for place in random.integers(0, 90, random.integers(1, 5)):
            content[place] = random.choice([0, 1, 0x7F, 0x80, 0xFF, random.integers(256)])
        yield bytes(content[: random.integers(len(content))] if number % 4 == 0 else content)


def read_in_python(content: bytes) -> np.ndarray | None:
    try:
        return mono(content)
    except BadWavError:
        return None


def test_damaged_files_are_read_as_in_python_or_refused_in_one_line() -> None:
    files = list(mutants(3000))
    for content, got in zip(files, read_in_page(files), strict=True):
        if "error" in got:
            assert got["kind"] == "Error" and got["error"] and "\n" not in got["error"]
        else:
            assert 0 < len(got["samples"]) <= len(content) and np.isfinite(got["samples"]).all()
            theirs = read_in_python(content)  # which refuses more of the damaged ones
            assert theirs is None or np.array_equal(got["samples"], theirs)


@pytest.mark.parametrize("samples", [0, 1, 1001])
def test_wav_is_written_as_by_python(samples: int) -> None:
    steps = np.random.default_rng(0).integers(-(2**15), 2**15, samples).astype(np.int16)
    got = run_scripts(["wav.js"], "answer(writeWav(data.steps, 44100))", {"steps": steps})
    assert got.tobytes() == encode_wav(steps, 44_100)


# --- ZIP ---


def test_zip_is_read_by_python() -> None:
    random = np.random.default_rng(0)
    files = {"zwölf/grün_ß_0.wav": random.bytes(70_000), "empty": b"", "日本/😀.wav": b"x", "a b": bytes(range(256))}
    data = [{"name": name, "bytes": content} for name, content in files.items()]
    got = run_scripts(["arrays.js", "zip.js"], "answer(writeZip(data))", data)
    with zipfile.ZipFile(io.BytesIO(got.tobytes())) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files
        assert all(info.date_time == (1980, 1, 1, 0, 0, 0) for info in archive.infolist())


def test_zip_of_no_files_and_of_too_many() -> None:
    code = """
    const many = Array.from({ length: 65536 }, (_, i) => ({ name: `${i}`, bytes: new Uint8Array(0) }));
    const most = writeZip(many.slice(1));
    answer({ none: writeZip([]), most, error: errorOf(() => writeZip(many)) });
    """
    got = run_scripts(["arrays.js", "zip.js"], code)
    assert zipfile.ZipFile(io.BytesIO(got["none"].tobytes())).namelist() == []
    assert len(zipfile.ZipFile(io.BytesIO(got["most"].tobytes())).namelist()) == 65535
    assert got["error"] == "a ZIP file holds at most 65535 files"


# --- steps of 16 bits ---


def test_steps_are_those_of_the_package() -> None:
    """Every step, the halves between them, and the floats next to both; beyond full scale, too."""
    halves = np.arange(-2 * 2**15 - 8, 2 * 2**15 + 8, dtype=np.float32) / np.float32(2**16)
    values = np.concatenate([halves, np.nextafter(halves, np.float32(-9)), np.nextafter(halves, np.float32(9))])
    values = np.concatenate([values, np.array([-0.0, 1e-45, -1e-45, 3.0, -3.0, 1e30, -1e30], np.float32)])
    got = run_scripts(RESAMPLER, "answer(toInt16(data))", values)
    assert got.dtype == np.int16 and (got == to_int16(values)).all()
