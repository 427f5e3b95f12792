"""Every deliberate bug in the kernels for M55's vectors is caught by the adversarial networks on the emulated board."""

from __future__ import annotations

from pathlib import Path

import boards
import mve_networks
import pytest
from test_cortex_m_mutants import copied, mutated
from vectors import VectorProgram, status_of, vector_program

boards.require(boards.M55)
pytestmark = pytest.mark.slow
KERNELS = "fsdd_lstm_arm_mve.h"
MUTANTS = [  # text, its replacement, which occurrence
    # bytes and words
    ("wlstp.16", "wlstp.8", 0),
    ("[%[from]], #16", "[%[from]], #8", 0),
    ("[%[from]], #16", "[%[from]], #8", 1),
    ("[%[to]], #8", "[%[to]], #16", 0),
    ("[%[to]], #16", "[%[to]], #8", 0),
    ("[%[to]], #16", "[%[to]], #8", 1),
    ("vldrb.s16 q0", "vldrb.u16 q0", 0),
    ("q0, q0, %[feature_shift]", "q0, q0, #2", 0),
    # sums
    ("(0u - inputs) & 15u", "(0u - inputs) & 7u", 0),
    ("(0u - columns) & 15u", "(0u - columns) & 7u", 0),
    ("row_bytes = inputs + columns", "row_bytes = inputs + columns + 1u", 0),
    ("vmladava.s8", "vmladava.u8", 0),
    ('("i", "row_i"', '("i", "row_f"', 0),
    ('("f", "row_f"', '("f", "row_g"', 0),
    ('("g", "row_g"', '("g", "row_o"', 0),
    ('("o", "row_o"', '("o", "row_g"', 0),
    ("wlstp.8 lr", "wlstp.16 lr", 0),
    ("mov %[i], #0", "mov %[i], #1", 0),
    ("mov %[f], #0", "mov %[f], #1", 0),
    ("mov %[g], #0", "mov %[g], #1", 0),
    ("mov %[o], #0", "mov %[o], #1", 0),
    ("%[i], lsl %[feature_shift]", "%[i], lsl #2", 0),
    ("%[f], lsl %[feature_shift]", "%[f], lsl #2", 0),
    ("%[g], lsl %[feature_shift]", "%[g], lsl #4", 0),
    ("%[o], lsl %[feature_shift]", "%[o], lsl #4", 0),
    ("sub %[row_i], lr", "add %[row_i], lr", 0),
    ("sub %[row_f], lr", "add %[row_f], lr", 0),
    ("sub %[row_g], lr", "add %[row_g], lr", 0),
    ("sub %[row_o], lr", "add %[row_o], lr", 0),
    ("sub %[row_i], %[row_o], lr", "sub %[row_i], %[row_g], lr", 0),
    ("[%[input], %[hidden]]", "[%[input], %[frame]]", 0),
    ("vldrwq_s32(bias)", "vldrwq_s32(sum)", 0),
    # activations
    ("vqmovunbq_s32(vreinterpretq_u16_s32(value), value)", "vreinterpretq_u16_s32(value)", 0),
    ("vqmovnbq_s32(vreinterpretq_s16_s32(value), value)", "vreinterpretq_s16_s32(value)", 0),
    ("vqmovnbq_s16(vreinterpretq_s8_s32(value), vreinterpretq_s16_s32(value))", "vreinterpretq_s8_s32(value)", 0),
    ("(offset_q8, 8)", "(offset_q8, 9)", 0),
    ("(offset_q8, 24)", "(offset_q8, 23)", 0),
    ("table + 1", "table", 0),
    ("table + 1", "table + 2", 0),
    ("vrmulhq_u32", "vmulhq_u32", 0),
    ("32768", "32767", 0),
    ("32768", "32769", 0),
    ("32768", "32767", 1),
    ("32768", "32769", 1),
    ("vqaddq_n_s32", "vaddq_n_s32", 0),
    ("vshlq_n_s32(z_q11, 1)", "z_q11", 0),
    # a layer
    ("(accumulator + gate", "(accumulator", 0),
    ("(const int8_t *)multiplier + gate", "(const int8_t *)multiplier", 0),
    ("(const int32_t *)multiplier + gate", "(const int32_t *)multiplier", 0),
    ("vrshlq_s32", "vshlq_s32", 0),
    ("vnegq_s32", "", 0),
    ("vrmulhq_s32", "vmulhq_s32", 0),
    ("vshlq_r_s32(sum, (int32_t)lanes.left)", "sum", 0),
    ("multiplier, 0))", "multiplier, 1))", 0),
    ("multiplier, 2))", "multiplier, 1))", 0),
    ("multiplier, 1))", "multiplier, 3))", 0),
    ("multiplier, 3))", "multiplier, 1))", 0),
    ("vrshrq_n_s32", "vshrq_n_s32", 0),
    ("vrshrq_n_s32", "vshrq_n_s32", 1),
    ("vrshrq_n_s32", "vshrq_n_s32", 2),
    ("FSDD_INPUT_SHIFT", "20", 0),
    ("FSDD_FORGET_SHIFT", "16", 0),
    ("FSDD_HIDDEN_SHIFT", "22", 0),
    ("? rest : FSDD_MVE_UNITS", "? FSDD_MVE_UNITS : FSDD_MVE_UNITS", 0),
    ("(uint32_t)units - 1u", "(uint32_t)units", 0),
    ("vidupq_n_u32(0, 1)", "vidupq_n_u32(0, 2)", 0),
    ("(lanes.units, 2)", "(lanes.units, 1)", 0),
    ("left = 32u", "left = 31u", 0),
    ("? sizeof(int8_t)", "? sizeof(int32_t)", 0),
    (": sizeof(int32_t)", ": sizeof(int8_t)", 0),
    # a network
    ("k + 1u < model", "k + 2u < model", 0),
    (": scratch;", ": hidden_q7;", 0),
    ("hidden_q7 + hidden - input.columns", "hidden_q7", 0),
    ("FSDD_EVEN(model->inputs + hidden)", "model->inputs + hidden", 0),
    ("FSDD_EVEN(hidden)", "hidden", 0),
    ("2u * hidden", "hidden", 0),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> VectorProgram:
    return vector_program(mve_networks.adversarial_networks(), tmp_path_factory.mktemp("mve"), clips=3, frames=24)


def test_without_a_bug_all_is_well(program: VectorProgram, tmp_path: Path) -> None:
    assert status_of(copied(program, tmp_path), boards.M55, "-O1", tmp_path) == boards.EXIT_DONE


@pytest.mark.parametrize(("old", "new", "occurrence"), MUTANTS)
def test_mutant_is_caught(old: str, new: str, occurrence: int, program: VectorProgram, tmp_path: Path) -> None:
    changed = copied(program, tmp_path)
    kernels = changed.sources.runtime.with_name(KERNELS)
    kernels.write_text(mutated(kernels.read_text(), old, new, occurrence))
    assert status_of(changed, boards.M55, "-O1", tmp_path) != boards.EXIT_DONE
