"""Every deliberate bug in the C of front end and listener is noticed by the scripts, but for those listed here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import c_mutation
import c_programs
import pytest
from sound_programs import RUNTIME, SoundProgram
from sound_scripts import whole_script

LOOSE = ("-O1", "-w")
FRONT_END, LISTEN = "fsdd_front_end.c", "fsdd_listen.c"
NARROW = "-DFSDD_NARROW_PRODUCTS"
TARGETS = {"wide": (FRONT_END, ()), "narrow": (FRONT_END, (NARROW,)), "listen": (LISTEN, ())}
PROGRAMS = (
    "deltas",
    "128",
    "512, 16 bands",
    "decay",
    "256, 64 bands",
    "128, no overlap",
)  # the first that notices ends a mutant

# Changes of more than a token, in text that is no number: file, text, its replacement.
TEXT_MUTANTS = [
    (FRONT_END, "{0, 4, 2, 6, 1, 5, 3, 7}", "{0, 4, 2, 6, 1, 5, 7, 3}"),
    (FRONT_END, "(FSDD_WINDOW / 4u)", "(FSDD_WINDOW / 4u + 1u)"),
    (FRONT_END, "& (FSDD_WINDOW - 1u)", "& (FSDD_WINDOW - 2u)"),
    (FRONT_END, "front_end->fresh = 0;", ""),
    (FRONT_END, "front_end->fresh = 1;", ""),
    (FRONT_END, "front_end->before[k] = coefficient;", ""),
    (FRONT_END, "reference_q8 -= FSDD_DECAY_Q8;", ""),
    (FRONT_END, "fsdd_front_end_begin_word(front_end);\n", ""),
    (FRONT_END, "low->im - high->im;", "low->im + high->im;"),
    (FRONT_END, "a - b;", "a + b;"),
    (LISTEN, "state->length = state->loud = 0;", "state->length = 0;"),
    (LISTEN, "state->length = state->loud = 0;", "state->loud = 0;"),
    (LISTEN, "config->fall, config->rise_in_word", "config->fall, config->rise"),
    (LISTEN, "fsdd_front_end_begin_word(&listener->front_end);", ""),
    (LISTEN, "listener->state[k] = 0;", ";"),
    (LISTEN, "second = best, best = logit", "best = logit"),
    (LISTEN, "endpoint |= FSDD_BEGINS", "endpoint = FSDD_BEGINS"),
    (LISTEN, "while (event.kind == FSDD_NOTHING && ", "while ("),
]

# Mutants that compute the same: file, part of the source line, the change, and why it is no bug.
EQUIVALENT: dict[tuple[str, str, str], str] = {}


class Mutated:
    """The programs of all scripts, in which one file may be changed."""

    def __init__(self, programs: list[SoundProgram], file: str, flags: tuple[str, ...]) -> None:
        self.programs, self.file, self.flags = programs, file, (*LOOSE, "-DMUTANT", *flags)
        self.source = (programs[0].runtime / file).read_text()
        self.lines = lines_of(self.source, flags)
        for program in programs:
            (program.folder / "mutated").mkdir(exist_ok=True)
            for source in self._units(program)[1:]:
                c_programs.compiled(
                    *self._all_flags(program), "-c", source, "-o", self._object(program, source), strict=False
                )

    def _units(self, program: SoundProgram) -> list[Path]:
        """What is compiled: the first one depends on the changed file."""
        main, models = c_programs.HERE / "sound_program.c", program.folder / "models.c"
        runtime = {file: program.runtime / file for file in RUNTIME}
        first = program.folder / "mutated" / self.file if self.file in RUNTIME else main
        others = [source for file, source in runtime.items() if file != self.file]
        return [first, models, *others, *([main] if first != main else [])]

    def _all_flags(self, program: SoundProgram) -> tuple[object, ...]:
        return (*self.flags, "-I", program.folder / "mutated", "-I", program.runtime, "-I", program.folder)

    def _object(self, program: SoundProgram, source: Path) -> Path:
        return program.folder / f"{source.stem}.o"

    def notice(self, text: str, numbers: int = 1) -> list[bool]:
        """Of the bugs 1, 2, ... that `text` holds: whether a script notices it, or a sanitizer."""
        noticed = [False] * numbers
        for sanitized in ((), c_programs.SANITIZED):
            for program in self.programs:
                if not all(noticed):
                    built = self.build(program, text, sanitized)
                    for k in range(numbers):
                        noticed[k] = noticed[k] or not program.is_right(built, k + 1)
        return noticed

    def build(self, program: SoundProgram, text: str, sanitized: tuple[str, ...] = ()) -> Path:
        (program.folder / "mutated" / self.file).write_text(text)
        first, *others = self._units(program)
        objects = [self._object(program, source) for source in others]
        target = program.folder / "mutant"
        c_programs.compiled(*self._all_flags(program), *sanitized, first, *objects, "-o", target, strict=False)
        return target


def lines_of(source: str, flags: tuple[str, ...]) -> set[int]:
    """The lines, from 0, that are compiled with these flags and not without, or all the others."""
    every, narrow = set(range(len(source.splitlines()))), c_mutation.guarded_lines(source, "FSDD_NARROW_PRODUCTS")
    return narrow if flags else every - narrow


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> list[SoundProgram]:
    c_programs.compiler()
    return [SoundProgram(whole_script(name), tmp_path_factory.mktemp("sounds")) for name in PROGRAMS]


@pytest.fixture(params=TARGETS.values(), ids=TARGETS)
def mutated(request: pytest.FixtureRequest, programs: list[SoundProgram]) -> Mutated:
    return Mutated(programs, *request.param)


def survivors(mutated: Mutated) -> Iterator[c_mutation.Mutant]:
    text, mutants = c_mutation.number_mutants(mutated.source, mutated.lines)
    noticed = mutated.notice(text, len(mutants))
    yield from (mutant for mutant, caught in zip(mutants, noticed, strict=True) if not caught)
    for text, mutant in c_mutation.operator_mutants(mutated.source, mutated.lines):
        if not mutated.notice(text)[0]:
            yield mutant


def is_equivalent(file: str, mutant: c_mutation.Mutant) -> bool:
    return any((file, mutant.change) == (of, change) and text in mutant.text for of, text, change in EQUIVALENT)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_mutant_is_noticed(mutated: Mutated) -> None:
    surviving = list(survivors(mutated))
    unexpected = [f"{m.line}: {m.text}   [{m.change}]" for m in surviving if not is_equivalent(mutated.file, m)]
    assert not unexpected, "\n".join(unexpected)
