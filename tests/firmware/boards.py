"""The emulated boards: how a program is built for one and run on it.

Nothing is linked but the program, `board/` and libgcc, or under Linux the C library. QEMU is not cycle accurate: what
is counted is instructions.
"""

from __future__ import annotations

import atexit
import filecmp
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

BOARD_FOLDER = Path(__file__).parent / "board"
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")  # what is exported must pass
LENIENT = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")  # start-up and measuring code can't be strict C99
SECTIONS = ("-ffunction-sections", "-fdata-sections")
FREESTANDING = ("-ffreestanding", *SECTIONS)
BUILD_TIMEOUT_S = 60
RUN_TIMEOUT_S = 120

EXIT_DONE, EXIT_MISMATCH, EXIT_FILE, EXIT_FAULT = 0, 1, 2, 64  # as in board/semihosting.h


@dataclass(frozen=True)
class Kit:
    """What the boards of one kind of processor share: a cross compiler and a folder of `board/`."""

    folder: str
    prefix: str  # of the compiler's programs
    flags: tuple[str, ...]
    linking: tuple[str, ...]  # before the objects
    support: tuple[str, ...]  # of `board/`, or of the folder
    packages: str  # Debian's
    library: str = "libgcc.a"  # one that programs are linked with and that may be missing

    def tool(self, name: str) -> str:
        return self.prefix + name


@dataclass(frozen=True)
class Board:
    """A processor as GCC calls it, in an emulated machine."""

    name: str  # in the names of tests and rows of tables
    kit: Kit
    flags: tuple[str, ...]
    emulator: tuple[str, ...]  # the command before the program
    memories: str | None  # the linker script in the kit's folder
    fault_status: int  # of a read where no memory is


STARTED = ("startup.c", "counter.c", "program.c", "semihosting.c", "measure.c")
BARE = ("-nostdlib", f"-L{BOARD_FOLDER}", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments")
ARM = Kit("arm", "arm-none-eabi-", ("-mthumb", *FREESTANDING), BARE, STARTED, "gcc-arm-none-eabi qemu-system-arm")
RISCV = Kit(
    "riscv", "riscv64-unknown-elf-", (*FREESTANDING, "-mcmodel=medany"), BARE, STARTED,
    "gcc-riscv64-unknown-elf qemu-system-misc",
)  # fmt: skip
A64_BARE = Kit(
    "aarch64", "aarch64-linux-gnu-", (*FREESTANDING, "-fno-pie"), (*BARE, "-no-pie", "-static"), STARTED,
    "gcc-aarch64-linux-gnu qemu-system-arm",
)  # fmt: skip
A64_LINUX = Kit(
    "linux", "aarch64-linux-gnu-", SECTIONS, ("-static", "-Wl,--gc-sections"), ("files.c", "counter.c", "measure.c"),
    "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user", "libc.a",
)  # fmt: skip


def machine(emulator: str, name: str, *options: str) -> tuple[str, ...]:
    """The command that runs a program on a machine of QEMU's without an operating system."""
    command = (emulator, "-M", name, *options, "-nographic", "-monitor", "none", "-serial", "none")
    return (*command, "-semihosting-config", "enable=on,target=native", "-kernel")


def cortex_m(name: str, cpu: str, machine_name: str, memories: str, *flags: str) -> Board:
    """Of Arm's small processors; a HardFault is exception 3."""
    flags = (f"-mcpu={cpu}", *(flags or ("-mfloat-abi=soft",)))
    return Board(name, ARM, flags, machine("qemu-system-arm", machine_name), memories, EXIT_FAULT + 3)


def risc_v(name: str, bits: int, architecture: str, abi: str, *off: str) -> Board:
    """With the processor's extensions `off`; a load access fault is cause 5."""
    emulator, cpu = f"qemu-system-riscv{bits}", ",".join([f"rv{bits}", *(f"{letter}=off" for letter in off)])
    command = machine(emulator, "virt", "-cpu", cpu, "-bios", "none")
    return Board(name, RISCV, (f"-march={architecture}", f"-mabi={abi}"), command, "virt.ld", EXIT_FAULT + 5)


# Integer vectors alone: its float unit would hide float arithmetic from a search for routines.
MVE = ("-mfloat-abi=hard", "-DTIMER_MHZ=32u")
M0 = cortex_m("M0", "cortex-m0", "microbit", "microbit.ld")
M3 = cortex_m("M3", "cortex-m3", "mps2-an385", "mps2.ld")
M4 = cortex_m("M4", "cortex-m4", "mps2-an386", "mps2.ld")
M7 = cortex_m("M7", "cortex-m7", "mps2-an500", "mps2.ld")
M33 = cortex_m("M33", "cortex-m33", "mps2-an505", "mps2_an505.ld")
M55 = cortex_m("M55", "cortex-m55+nofp", "mps3-an547", "mps3_an547.ld", *MVE)
M55_DSP = cortex_m(
    "M55-nomve", "cortex-m55+nomve", "mps3-an547", "mps3_an547.ld", "-mfloat-abi=soft", "-DTIMER_MHZ=32u"
)
RV32 = risc_v("RV32IMC", 32, "rv32imc", "ilp32", "a", "f", "d")
RV32_NO_MULTIPLIER = risc_v("RV32IC", 32, "rv32ic", "ilp32", "m", "a", "f", "d")
RV64 = risc_v("RV64IMAC", 64, "rv64imac", "lp64", "f", "d")
A64 = Board("A64", A64_LINUX, ("-mcpu=cortex-a53",), ("qemu-aarch64",), None, -11)  # SIGSEGV
# Where instructions of these two can be counted: neither Linux nor M0's board has a counter of them for a program.
COUNTED_A64 = Board(
    "A64", A64_BARE, A64.flags, machine("qemu-system-aarch64", "virt", "-cpu", "cortex-a53", "-nic", "none"), "virt.ld",
    EXIT_FAULT + 0x25,
)  # fmt: skip
COUNTED_M0 = replace(M3, name="M0", flags=M0.flags)  # it knows all of M0's instructions, and has a timer for them
CORTEX_M = (M0, M3, M4, M7, M33, M55)
OF_EACH_KIND = (M3, M4, M55, RV32, RV64, A64)  # of what the runtime is compiled to
BOARDS = (*CORTEX_M, M55_DSP, RV32, RV32_NO_MULTIPLIER, RV64, A64)
COUNTED = (M4, M3, COUNTED_M0, M55, RV32, RV32_NO_MULTIPLIER, RV64, COUNTED_A64)
LEVELS = (*((board, "-O3") for board in BOARDS), *((board, "-Os") for board in CORTEX_M))  # for tests of every board


def board_id(board: object) -> str:
    """Such as M4, for the names of tests."""
    return board.name if isinstance(board, Board) else str(board)


@dataclass(frozen=True)
class TrialEnd:
    """How a program ended and what it printed, numbers by name."""

    status: int
    numbers: dict[str, int]
    lines: tuple[str, ...] = ()  # all that was printed


@cache
def missing_tools(board: Board) -> list[str]:
    """Programs and libraries that are not installed."""
    compiler = board.kit.tool("gcc")
    tools = [*map(board.kit.tool, ("gcc", "nm", "size", "objdump")), board.emulator[0]]
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if (
        compiler not in missing
        and not Path(run_tool(compiler, f"-print-file-name={board.kit.library}").strip()).exists()
    ):
        missing.append(f"{board.kit.library} of {compiler}")
    return missing


def remedy(board: Board) -> str:
    """One line on what is not installed."""
    return f"{', '.join(missing_tools(board))} not installed: apt-get install {board.kit.packages}"


def require(board: Board) -> None:
    """Skips, with the remedy, where a tool is not installed."""
    if missing_tools(board):
        pytest.skip(remedy(board), allow_module_level=True)


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
    require(board)
    folders = (f"-I{BOARD_FOLDER}", f"-I{BOARD_FOLDER / board.kit.folder}")
    flags = [*board.flags, *board.kit.flags, *warnings, level, *folders, *options]
    run_tool(board.kit.tool("gcc"), *flags, "-c", str(source), "-o", str(target))
    return target


@cache
def support_objects(board: Board) -> tuple[Path, ...]:
    """Start-up, semihosting and measuring code, compiled once in a session."""
    folder = Path(tempfile.mkdtemp(prefix="fsdd-board-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    own = BOARD_FOLDER / board.kit.folder
    sources = (own / name if (own / name).exists() else BOARD_FOLDER / name for name in board.kit.support)
    return tuple(
        compile_object(source, board, "-Os", folder / f"{source.name}.o", warnings=LENIENT) for source in sources
    )


@cache
def data_object(source: Path, board: Board, options: tuple[str, ...]) -> Path:
    """A file of constants, which no optimization level changes: compiled once, beside the source."""
    target = source.with_suffix(f".{board.name}.o")
    return compile_object(source, board, "-Os", target, options=options)


def build(
    code: Sequence[Path], data: Sequence[Path], board: Board, level: str, folder: Path, *, options: tuple[str, ...] = ()
) -> Path:
    """Compiles code and constants and links them with the board's own to `folder`/program.elf; it starts at reset.

    What nothing calls is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    objects = [compile_object(source, board, level, folder / f"{source.stem}.o", options=options) for source in code]
    objects += [data_object(source, board, options) for source in data]
    target = folder / "program.elf"
    script = [] if board.memories is None else [f"-T{BOARD_FOLDER / board.kit.folder / board.memories}"]
    inputs = map(str, [*objects, *support_objects(board)])
    run_tool(board.kit.tool("gcc"), *board.flags, *board.kit.linking, *script, *inputs, "-lgcc", "-o", str(target))
    return target


def run(elf: Path, board: Board, folder: Path, *, count_instructions: bool = False) -> TrialEnd:
    """Runs to the end; the program's files are in `folder`. A lock-up ends QEMU with a negative status (abort)."""
    counting = ("-icount", "shift=0") if count_instructions else ()
    command = [board.emulator[0], *counting, *board.emulator[1:], str(elf.resolve())]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=RUN_TIMEOUT_S)
    lines = tuple(done.stderr.splitlines())
    numbers = {pair[0]: int(pair[1]) for pair in map(str.split, lines) if _is_number(pair)}
    return TrialEnd(done.returncode, numbers, lines)


def assert_expected(elf: Path, board: Board, folder: Path) -> None:
    """The program runs to its end in `folder`, and writes the expected output, byte for byte."""
    (folder / "output.bin").unlink(missing_ok=True)
    assert run(elf, board, folder).status == EXIT_DONE
    assert filecmp.cmp(folder / "output.bin", folder / "expected.bin", shallow=False)


def _is_number(pair: list[str]) -> bool:
    return len(pair) == 2 and pair[1].isdecimal()


def run_tool(*command: str) -> str:
    """What it prints; fails with its complaints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    return done.stdout
