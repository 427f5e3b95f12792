"""The example that hears a microphone, built as its README says: it prints what the numpy reference hears."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import c_programs
import directed_models
import example_listening
import numpy as np
import phone_numbers
import pytest
from example_deployment import any_deployment

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.front_end import FrontEnd
from fsdd_lightning.export import export_c
from fsdd_lightning.runs.archive import INTEGER_MODEL, load_archive

WORDS = 8
STUBS = Path(__file__).parent / "stubs"  # of what the programs in the README include


@pytest.fixture(scope="module")
def deployment(finished_run: Path) -> Deployment:
    return load_archive(finished_run / INTEGER_MODEL)


@pytest.fixture
def example(finished_run: Path, tmp_path: Path) -> Path:
    """The folder example/ of a copy of a run's export."""
    shutil.copytree(finished_run / "export", tmp_path / "export")
    return tmp_path / "export" / "example"


@pytest.fixture(scope="module")
def number() -> np.ndarray:
    """Digits of two synthetic voices."""
    return phone_numbers.joined([phone_numbers.synthetic(k, k % 2, 3) for k in range(WORDS)])


@pytest.fixture(scope="module")
def program(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(finished_run / "export", folder / "export")
    return with_one_command(folder / "export" / "example")


def with_one_command(example: Path) -> Path:
    """Builds with the README's command."""
    (command,) = re.findall(r"`cc (.*?)`", (example / "README.md").read_text())
    compiler = " ".join(c_programs.compiler())
    subprocess.run(f"{compiler} {command}", shell=True, cwd=example, check=True)
    return example / "listen"


def with_cmake(example: Path) -> Path:
    """Builds with the README's commands."""
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    c_programs.compiler()
    (command,) = re.findall(r"^cmake -B .*$", (example / "README.md").read_text(), re.MULTILINE)
    subprocess.run(command, shell=True, cwd=example, check=True, stdout=subprocess.DEVNULL)
    return example / "build" / "listen"


def run(program: Path, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([program], input=stdin, capture_output=True, check=False, timeout=60)


def printed(program: Path, stdin: bytes) -> list[str]:
    finished = run(program, stdin)
    assert (finished.returncode, finished.stderr) == (0, b"")
    return finished.stdout.decode().splitlines()


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def wav(
    samples: bytes, *, form: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, before: bytes = b""
) -> bytes:
    size = channels * bits // 8
    head = struct.pack("<HHIIHH", form, channels, rate, rate * size, size, bits)
    content = b"WAVE" + chunk(b"fmt ", head) + before + chunk(b"data", samples)
    return b"RIFF" + struct.pack("<I", len(content)) + content


@pytest.mark.parametrize("build", [with_one_command, with_cmake])
def test_it_prints_what_the_listener_hears(
    build: Callable[[Path], Path], example: Path, deployment: Deployment, number: np.ndarray
) -> None:
    expected = phone_numbers.heard_words(deployment, number)
    assert WORDS // 2 <= len(expected) <= WORDS
    program = build(example)
    phone_numbers.write_samples(example / "number.wav", number)
    assert printed(program, (example / "number.wav").read_bytes()) == expected
    quiet = np.random.default_rng(0).normal(0, 10, 16000).astype(np.int16)
    assert printed(program, wav(quiet.tobytes())) == []


def test_every_kind_of_file_gives_the_same_words(program: Path, deployment: Deployment, number: np.ndarray) -> None:
    samples = number.astype("<i2").tobytes()
    expected = phone_numbers.heard_words(deployment, number)
    plain = wav(samples)
    unknown = plain.replace(b"data" + struct.pack("<I", len(samples)), b"data" + b"\xff" * 4)
    assert unknown != plain
    for content in (
        plain,
        samples,  # without a header
        wav(samples, before=chunk(b"LIST", b"odd")),
        wav(samples, form=0xFFFE),
        plain + chunk(b"LIST", bytes(8000)),  # is no sound
        plain[:-1],
        unknown,
    ):
        assert printed(program, content) == expected


def test_no_sound_no_words(program: Path) -> None:
    assert printed(program, b"") == printed(program, b"\1") == printed(program, b"RIFF") == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (wav(b"", channels=2), "more than one channel"),
        (wav(b"", rate=16000), "another sample rate"),
        (wav(b"", bits=8), "do not have 16 bits"),
        (wav(b"", bits=32, form=3), "do not have 16 bits"),
        (wav(b"")[:-8], "no samples"),
        (wav(b"")[:20], "broken header"),
        (b"RIFF\4\0\0\0WAVE" + chunk(b"data", bytes(4)), "no format"),
    ],
)
def test_what_it_cannot_hear_is_named(content: bytes, problem: str, program: Path) -> None:
    finished = run(program, content)
    assert finished.returncode == 1
    assert problem in finished.stderr.decode()


def test_the_code_is_strict_c99(example: Path) -> None:
    flags = ("-c", "-DFSDD_FORMATS=FSDD_INT8|FSDD_INTERLEAVED", "-I", example.parent)
    for name in ("main.c", "microphone_stdio.c"):
        c_programs.compiled(*flags, example / name, "-o", example / f"{name}.o")


HALVE = """
#include <stdio.h>
#include "half_rate.h"
int main(void)
{
    static half_rate filter;
    int16_t pairs[14];
    size_t count;
    while ((count = fread(pairs, 4, 7, stdin)) > 0)
        fwrite(pairs, 2, half_rate_samples(&filter, pairs, count, pairs), stdout);
    return 0;
}
"""


def halved(example: Path, samples: np.ndarray) -> np.ndarray:
    """Through half_rate.h, in pieces of seven pairs."""
    (example / "halve.c").write_text(HALVE)
    c_programs.compiled("-I", example, example / "halve.c", "-o", example / "halve")
    finished = subprocess.run(
        [example / "halve"], input=samples.astype("<i2").tobytes(), capture_output=True, check=True
    )
    return np.frombuffer(finished.stdout, "<i2")


@pytest.mark.parametrize(
    ("hertz", "least_db", "most_db"), [(300, -0.3, 0.3), (3000, -0.3, 0.3), (5000, -99, -30), (7500, -99, -30)]
)
def test_half_the_rate_keeps_speech_and_folds_nothing_back(
    hertz: int, least_db: float, most_db: float, example: Path
) -> None:
    tone = 20000 * np.sin(2 * np.pi * hertz / 16000 * np.arange(16000))
    out = halved(example, tone)
    assert len(out) == 8000
    gain_db = 20 * np.log10(np.std(out[100:].astype(np.float64)) / np.std(tone))
    assert least_db <= gain_db <= most_db


def test_half_the_rate_is_the_filter_in_numpy(example: Path) -> None:
    samples = np.random.default_rng(0).choice([-32768, 32767, 5], 2000).astype(np.int16)
    taps = np.array([-9, 0, 20, 0, -46, 0, 163, 256, 163, 0, -46, 0, 20, 0, -9])
    filtered = np.convolve(samples.astype(np.int64), taps)[1:2000:2]
    assert np.abs(filtered).max() > 32767 * 512  # some saturate
    np.testing.assert_array_equal(halved(example, samples), np.clip((filtered + 256) >> 9, -32768, 32767))


@pytest.fixture(scope="module")
def examples(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The folder example/ of the same network at 8 kHz and of one at 16 kHz."""
    faster = example_listening.deployment(
        deployment.model, FrontEnd(16000, 512, 320, 32, 13, 16, 11264, 0, deltas=False)
    )
    folders = {8000: tmp_path_factory.mktemp("slow"), 16000: tmp_path_factory.mktemp("fast")}
    for folder, one in zip(folders.values(), (deployment, faster), strict=True):
        export_c(one, folder, name="digits", golden=None, notes={})
    return {rate_hz: folder / "example" for rate_hz, folder in folders.items()}


def test_a_microphone_of_16_khz_is_halved_only_for_a_network_of_8_khz(examples: dict[int, Path]) -> None:
    assert (examples[8000] / "half_rate.h").exists() and not (examples[16000] / "half_rate.h").exists()
    for folder in examples.values():
        readme = (folder / "README.md").read_text()
        assert "PDM.begin(1, 16000)" in readme and "#define RATE_HZ 16000" in readme
        assert ("half_rate" in readme) == (folder == examples[8000])


@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize(("language", "compiler", "file"), [("cpp", "g++", "sketch.cpp"), ("c", "gcc", "zephyr.c")])
def test_the_programs_in_the_readme_compile(
    language: str, compiler: str, file: str, rate_hz: int, examples: dict[int, Path]
) -> None:
    """Against what their libraries declare, as far as they use it."""
    example = examples[rate_hz]
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    (text,) = re.findall(rf"```{language}\n(.*?)```", (example / "README.md").read_text(), re.DOTALL)
    (example / file).write_text(text)
    command = [
        compiler,
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fsyntax-only",
        "-I",
        STUBS,
        "-I",
        example.parent,
        example / file,
    ]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_a_network_that_gets_features_has_no_microphone(tmp_path: Path) -> None:
    model = directed_models.all_models()["ties"]
    export_c(any_deployment(model), tmp_path, name="x", golden=None, notes={})
    assert not (tmp_path / "example").exists()
