"""The emulated boards: how a bare-metal program is built for one and run on it.

Nothing is linked but the program, `board/` and libgcc. QEMU is not cycle accurate: what is counted is instructions.
"""

from __future__ import annotations

import atexit
import filecmp
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

BOARD_FOLDER = Path(__file__).parent / "board"
SUPPORT = ("startup.c", "semihosting.c", "measure.c")
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")  # what is exported must pass
LENIENT = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")  # start-up and measuring code can't be strict C99
FREESTANDING = ("-ffreestanding", "-mthumb", "-mfloat-abi=soft", "-ffunction-sections", "-fdata-sections")
TOOLS = ("arm-none-eabi-gcc", "arm-none-eabi-nm", "arm-none-eabi-size", "qemu-system-arm")
BUILD_TIMEOUT_S = 60
RUN_TIMEOUT_S = 120

EXIT_DONE, EXIT_MISMATCH, EXIT_FILE, EXIT_HARD_FAULT = 0, 1, 2, 64 + 3  # as in board/semihosting.h


@dataclass(frozen=True)
class Board:
    """A machine of QEMU's, its processor as GCC calls it, and which memories it has."""

    machine: str
    cpu: str
    memories: str
    dsp: bool  # has SMLAD


M0 = Board("microbit", "cortex-m0", "microbit.ld", dsp=False)
M3 = Board("mps2-an385", "cortex-m3", "mps2.ld", dsp=False)
M4 = Board("mps2-an386", "cortex-m4", "mps2.ld", dsp=True)
M7 = Board("mps2-an500", "cortex-m7", "mps2.ld", dsp=True)
M33 = Board("mps2-an505", "cortex-m33", "mps2_an505.ld", dsp=True)
BOARDS = (M0, M3, M4, M7, M33)


def board_id(board: Board) -> str:
    """Such as M4, for the names of tests and rows of tables."""
    return board.cpu.removeprefix("cortex-").upper()


@dataclass(frozen=True)
class TrialEnd:
    """How a program ended and what it printed, numbers by name."""

    status: int
    numbers: dict[str, int]
    lines: tuple[str, ...] = ()  # all that was printed


def missing_tools() -> list[str]:
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def require_tools() -> None:
    """Skips, with the remedy, where a tool is not installed."""
    missing = missing_tools()
    if missing:
        pytest.skip(
            f"{', '.join(missing)} not installed: apt-get install gcc-arm-none-eabi qemu-system-arm",
            allow_module_level=True,
        )


def compile_object(
    source: Path,
    board: Board,
    level: str,
    target: Path,
    *,
    options: Sequence[str] = (),
    warnings: Sequence[str] = STRICT,
) -> Path:
    """One object file at optimization `level` (-Os, -O3), any warning an error."""
    flags = [f"-mcpu={board.cpu}", *FREESTANDING, *warnings, level, f"-I{BOARD_FOLDER}", *options]
    _tool("arm-none-eabi-gcc", *flags, "-c", str(source), "-o", str(target))
    return target


@cache
def support_objects(board: Board) -> tuple[Path, ...]:
    """Start-up, semihosting and measuring code, compiled once in a session."""
    folder = Path(tempfile.mkdtemp(prefix="fsdd-board-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return tuple(
        compile_object(BOARD_FOLDER / name, board, "-Os", folder / f"{name}.o", warnings=LENIENT) for name in SUPPORT
    )


@cache
def data_object(source: Path, board: Board, options: tuple[str, ...]) -> Path:
    """A file of constants, which no optimization level changes: compiled once, beside the source."""
    return compile_object(source, board, "-Os", source.with_suffix(f".{board.cpu}.o"), options=options)


def build(
    code: Sequence[Path], data: Sequence[Path], board: Board, level: str, folder: Path, *, options: tuple[str, ...] = ()
) -> Path:
    """Compiles code and constants and links them with the board's own to `folder`/program.elf; it starts at reset.

    What nothing calls is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    objects = [compile_object(source, board, level, folder / f"{source.stem}.o", options=options) for source in code]
    objects += [data_object(source, board, options) for source in data]
    target, script = folder / "program.elf", BOARD_FOLDER / board.memories
    flags = [f"-mcpu={board.cpu}", "-mthumb", "-nostdlib", f"-L{BOARD_FOLDER}", f"-T{script}"]
    inputs = map(str, [*objects, *support_objects(board)])
    _tool("arm-none-eabi-gcc", *flags, "-Wl,--gc-sections", *inputs, "-lgcc", "-o", str(target))
    return target


def run(elf: Path, board: Board, folder: Path, *, count_instructions: bool = False) -> TrialEnd:
    """Runs to the end; the program's files are in `folder`. A lock-up ends QEMU with a negative status (abort)."""
    command = ["qemu-system-arm", "-M", board.machine, "-nographic", "-monitor", "none", "-serial", "none"]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", str(elf.resolve())]
    command += ["-icount", "shift=0"] if count_instructions else []
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=RUN_TIMEOUT_S)
    lines = tuple(done.stderr.splitlines())
    numbers = {pair[0]: int(pair[1]) for pair in map(str.split, lines) if _is_number(pair)}
    return TrialEnd(done.returncode, numbers, lines)


@dataclass(frozen=True)
class Symbol:
    """A function or variable as nm shows it."""

    kind: str  # nm's letter: t and T code, r and R constants, b and B variables
    address: int
    bytes: int


def symbols(path: Path) -> dict[str, Symbol]:
    """Every symbol with a size that an object or ELF defines. Local names of several files may repeat."""
    lines = _tool("arm-none-eabi-nm", "--print-size", "--defined-only", str(path)).splitlines()
    sized = (line.split() for line in lines if len(line.split()) == 4)
    return {name: Symbol(kind, int(address, 16), int(size, 16)) for address, size, kind, name in sized}


def assert_expected(elf: Path, board: Board, folder: Path) -> None:
    """The program runs to its end in `folder`, and writes the expected output, byte for byte."""
    (folder / "output.bin").unlink(missing_ok=True)
    assert run(elf, board, folder).status == EXIT_DONE
    assert filecmp.cmp(folder / "output.bin", folder / "expected.bin", shallow=False)


def undefined_symbols(path: Path) -> set[str]:
    """What an object needs from elsewhere."""
    return {line.split()[-1] for line in _tool("arm-none-eabi-nm", "-u", str(path)).splitlines()}


def section_sizes(path: Path) -> dict[str, int]:
    """Bytes of text (code and constants), data and bss, as `arm-none-eabi-size` prints them."""
    header, numbers = (line.split() for line in _tool("arm-none-eabi-size", str(path)).splitlines())
    return dict(zip(header[:3], map(int, numbers[:3]), strict=True))


def _is_number(pair: list[str]) -> bool:
    return len(pair) == 2 and pair[1].isdecimal()


def _tool(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    return done.stdout
