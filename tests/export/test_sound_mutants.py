"""Every deliberate bug in the C of front end and listener is noticed by the scripts, but for those listed here."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import c_mutation
import c_programs
import pytest
from sound_programs import RUNTIME, SoundProgram
from sound_scripts import whole_script

from fsdd_lightning.export.c_export import runtime_files

LOOSE = ("-O1", "-w")
FRONT_END, LISTEN = "fsdd_front_end.c", "fsdd_listen.c"
NARROW, NO_BUILTINS = "-DFSDD_NARROW_PRODUCTS", "-DFSDD_NO_BUILTINS"
GUARDS = {NARROW: "FSDD_NARROW_PRODUCTS", NO_BUILTINS: "FSDD_NO_BUILTINS"}
TARGETS = {"usual": (FRONT_END, None), "narrow": (FRONT_END, NARROW), "no builtins": (FRONT_END, NO_BUILTINS)}
TARGETS |= {"listener": (LISTEN, None)}
# The first one that notices a bug ends its trial.
PROGRAMS = ("deltas", "128", "512, 16 bands", "decay", "256, 64 bands", "128, no overlap")

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
    (LISTEN, "FSDD_QUIETEST_LEVEL_Q8 - FSDD_AUDIBLE", "FSDD_QUIETEST_LEVEL_Q8 + FSDD_AUDIBLE"),
    (LISTEN, "(int16_t)fsdd_audible_q8(z[band])", "(int16_t)z[band].im"),
    (LISTEN, "(fsdd_audible_q8(z[band]) - floor_q8)", "(z[band].im - floor_q8)"),
    (LISTEN, "distance = fsdd_audible_q8(z[band])", "distance = z[band].im"),
    (LISTEN, "fsdd_front_end_begin_word(&listener->front_end);", ""),
    (LISTEN, "listener->state[k] = 0;", ";"),
    (LISTEN, "second = best, best = logit", "best = logit"),
    (LISTEN, "endpoint |= FSDD_BEGINS", "endpoint = FSDD_BEGINS"),
    (LISTEN, "while (event.kind == FSDD_NOTHING && ", "while ("),
]

# Mutants that compute the same: file, part of the source line, the change, and why it is no bug.
EQUIVALENT = {
    (FRONT_END, "(a ^ (a >> 15))", "15 -> 16"): "of an int16 the sign alone is left",
    (FRONT_END, "(a ^ (a >> 15))", "15 -> 14"): "the lowest bits of a large number don't change its length",
    (FRONT_END, "FSDD_POINTS / 32u", "32 -> 31"): "the same for 64, 128 and 256 points",
    (FRONT_END, "(energy >> 32)", "32 -> 31"): "the 8 highest bits are kept either way",
    (FRONT_END, "fsdd_segment sum = {0, 0}", "0 -> 1"): "rising is subtracted again from the next band",
    (FRONT_END, "uint32_t high = 0, low = 0", "0 -> 1"): "as rising is subtracted again",
    (FRONT_END, "fsdd_sum_of_bins(z, 1, end)", "1 -> 0"): "bin 0 does not rise",
    (FRONT_END, "feature > 127 ? 127", "127 -> 126"): "127 itself becomes 127",
    (FRONT_END, "feature > 127 ? 127", "128 -> 127"): "-128 itself becomes -128",
    (FRONT_END, "feature > 127 ? 127", "> -> >="): "127 itself becomes 127",
    (FRONT_END, "feature > 127 ? 127", "< -> <="): "-128 itself becomes -128",
    (FRONT_END, "fresh != 0u ? 0 :", "0 -> 1"): "a change of 1 is less than half a step of every multiplier",
    (FRONT_END, "fresh = 1;", "1 -> 2"): "not 0",
    (FRONT_END, "*count < wanted ?", "< -> <="): "both are the same then",
    (FRONT_END, "reference_q8 < FSDD_QUIETEST", "< -> <="): "it becomes what it is",
    (FRONT_END, "z[band].im > reference_q8", "> -> >="): "it becomes what it is",
    (FRONT_END, "below_q8 < -(FSDD", "< -> <="): "it becomes what it is",
    (FRONT_END, "low < high;", "< -> <="): "the number of bands is even",
    (LISTEN, "label = 0;", "0 -> 1"): "the first logit is larger than INT32_MIN",
    (LISTEN, "for (k = 0; k < FSDD_STATE_WORDS_IN", "0 -> 1"): "a step writes its input before it reads it",
    (LISTEN, "above > 0 ?", "> -> >="): "0 is 0",
    (LISTEN, "band.im < least_q8", "< -> <="): "it becomes what it is",
    (LISTEN, "slow = distance < -fall", "< -> <="): "it becomes what it is",
    (LISTEN, "slow = distance < -fall", "> -> >="): "it becomes what it is",
    (LISTEN, "logit > second", "> -> >="): "it becomes what it is",
    (LISTEN, "lead > (uint32_t)INT32_MAX", "> -> >="): "INT32_MAX either way",
    (LISTEN, "before > 0u &&", "> -> >="): "the decision is not asked for before a word",
    (LISTEN, "if (state->length > 0u)", "> -> >="): "a word forgets the network's steps in a pause",
}


class Mutated:
    """The programs of all scripts, in which one file may be changed."""

    def __init__(self, programs: list[SoundProgram], file: str, flag: str | None) -> None:
        self.programs, self.file, self.flags = programs, file, (*LOOSE, "-DMUTANT", *([flag] if flag else []))
        self.source = (programs[0].runtime / file).read_text()
        self.lines = lines_of(self.source, flag)
        for program in programs:
            shutil.rmtree(program.folder / "mutated", ignore_errors=True)  # another file may have been changed before
            (program.folder / "mutated").mkdir()
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


def lines_of(source: str, flag: str | None) -> set[int]:
    """The lines, from 0, that are compiled with this flag and not without; None: all others."""
    guarded = {flag: c_mutation.guarded_lines(source, guard) for flag, guard in GUARDS.items()}
    if flag is not None:
        return guarded[flag]
    return set(range(len(source.splitlines()))).difference(*guarded.values())


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


@pytest.mark.parametrize(("file", "text", "change"), EQUIVALENT)
def test_no_exception_is_out_of_date(file: str, text: str, change: str) -> None:
    source = runtime_files(listening=True)[file]
    lines = set(range(len(source.splitlines())))
    mutants = c_mutation.number_mutants(source, lines)[1]
    mutants += [mutant for _, mutant in c_mutation.operator_mutants(source, lines)]
    assert any(change == mutant.change and text in mutant.text for mutant in mutants)


@pytest.mark.slow
@pytest.mark.parametrize("file", [FRONT_END, LISTEN])
def test_larger_mutants_are_noticed(file: str, programs: list[SoundProgram]) -> None:
    mutated = Mutated(programs, file, None)
    changes = [(text, other) for of, text, other in TEXT_MUTANTS if of == file]
    assert all(text in mutated.source for text, _ in changes)
    assert all(program.is_right(mutated.build(program, mutated.source)) for program in programs)
    assert [text for text, other in changes if not mutated.notice(mutated.source.replace(text, other, 1))[0]] == []
