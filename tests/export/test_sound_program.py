"""Front end and listener in C answer as numpy does, zero tolerance, however they are compiled."""

from __future__ import annotations

import shutil
from pathlib import Path

import c_programs
import numpy as np
import pytest
from example_listening import FRONT_ENDS, deployment, model, to_int16
from sound_programs import Script, SoundProgram
from sound_scripts import whole_script

from fsdd_lightning.arithmetic.endpointer import Endpointer

USUAL = ("deltas", "128, no overlap")
BUILDS = {
    **{level: (level,) for level in ("-O0", "-O1", "-O2", "-O3", "-Os")},
    "for this processor": ("-O3", "-march=native"),
    "sanitizers": c_programs.SANITIZED,
    "narrow products": ("-O2", "-DFSDD_NARROW_PRODUCTS", *c_programs.SANITIZED),
    "no builtins": ("-O2", "-DFSDD_NO_BUILTINS"),
    "linked as one": ("-O2", "-flto"),
}
LONGEST = 2**15 - 1


def assert_right(program: SoundProgram, built: Path) -> None:
    finished = program.run(built)
    assert finished.returncode == 0, finished.stderr.decode()


def makes_programs(folder: Path, *flags: str) -> bool:
    empty = folder / "empty.c"
    empty.write_text("#include <stdio.h>\nint main(void) { return 0; }\n")
    return c_programs.compile_c(*flags, empty, "-o", folder / "empty").returncode == 0


@pytest.fixture(scope="module", params=USUAL)
def usual(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SoundProgram:
    c_programs.compiler()
    return SoundProgram(whole_script(request.param, count=10), tmp_path_factory.mktemp("sounds"))


def test_usual_front_ends(usual: SoundProgram) -> None:
    assert_right(usual, usual.build("usual", "-O2", *c_programs.SANITIZED))


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("flags", BUILDS.values(), ids=BUILDS)
def test_every_build(
    flags: tuple[str, ...], compiler: str, usual: SoundProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    monkeypatch.setenv("CC", compiler)
    if not makes_programs(tmp_path, *flags):
        pytest.skip(f"{compiler} lacks the libraries for {' '.join(flags)}")
    assert_right(usual, usual.build("built", *flags))


@pytest.mark.slow
def test_pointers_of_32_bits(usual: SoundProgram, tmp_path: Path) -> None:
    if not makes_programs(tmp_path, "-m32"):
        pytest.skip("the compiler makes no 32-bit programs: apt-get install gcc-multilib")
    assert_right(usual, usual.build("narrow", "-m32", "-O2"))


@pytest.mark.slow
@pytest.mark.parametrize("name", FRONT_ENDS)
def test_all_front_ends(name: str, tmp_path: Path) -> None:
    c_programs.compiler()
    program = SoundProgram(whole_script(name), tmp_path)
    assert_right(program, program.build("all", "-O2", *c_programs.SANITIZED))


def test_a_wrong_byte_is_noticed(usual: SoundProgram) -> None:
    built, expected = usual.build("usual", "-O1"), usual.folder / "expected.bin"
    right = expected.read_bytes()
    try:
        for at in (0, len(right) // 2, len(right) - 1):
            expected.write_bytes(right[:at] + bytes([right[at] ^ 1]) + right[at + 1 :])
            assert usual.run(built).returncode == 5
    finally:
        expected.write_bytes(right)


@pytest.mark.slow
def test_no_counter_wraps(tmp_path: Path) -> None:
    """Nothing counts further than a word's frames or the settling: here both as far as an endpointer allows."""
    c_programs.compiler()
    front_end = FRONT_ENDS["128, no overlap"]
    endpointer = Endpointer(768, 96, 128, 0, 0, 8, LONGEST, LONGEST - 1, LONGEST - 1, LONGEST)
    script = Script([deployment(model(front_end), front_end, endpointer)])
    random = np.random.default_rng(0)
    sound = random.normal(0, 10, (2 * LONGEST + 9000) * front_end.hop)
    sound[1000 : (LONGEST + 3000) * front_end.hop] *= 500
    script.listen(to_int16(sound))
    program = SoundProgram(script, tmp_path)
    assert_right(program, program.build("long", "-O2", "-fsanitize=undefined", "-fno-sanitize-recover=all"))
    events = np.frombuffer(script.expected, "<i4").reshape(-1, 6)
    assert events[:2, 0].tolist() == [1, 2]
    assert events[1, 3:5].tolist() == [LONGEST, LONGEST - 1]
