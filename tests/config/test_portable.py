"""`trainer.portable`: the environment that a process starts with, and the processors it is made for."""

from __future__ import annotations

import os
import sys

import pytest
import torch

from fsdd_lightning.config import portable
from fsdd_lightning.config.earlier_tools import ADDED_ARGUMENTS
from fsdd_lightning.config.load import config_from_mapping, config_to_mapping, content_hash
from fsdd_lightning.config.portable import SETTINGS, is_portable, start_portable, wants_portable
from fsdd_lightning.config.processor import Processor, processor_of, this_processor, vectors_in_use
from fsdd_lightning.data.feature_cache import cache_key
from fsdd_lightning.errors import UserError
from fsdd_lightning.sweeps.compose import compose_config

XEON = """processor : 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) Gold 6132
flags\t\t: fpu sse2 avx2 fma avx512f avx512bw avx512dq avx512vl avx512_vnni
processor : 1
model name\t: another
"""
EPYC = "vendor_id : AuthenticAMD\ncpu family : 23\nmodel : 49\nmodel name : AMD EPYC 7R32\nflags : sse2 avx2 fma\n"
ARM = "CPU implementer : 0x41\nCPU part : 0xd40\nFeatures : fp asimd sve\n"
OLD = "vendor_id : GenuineIntel\ncpu family : 6\nmodel : 26\nmodel name : Xeon X5570\nflags : sse2 sse4_2\n"


@pytest.mark.parametrize(
    ("cpuinfo", "kind", "vectors", "instructions"),
    [
        (XEON, "GenuineIntel 6 85", "AVX-512", ("AVX2", "FMA", "AVX-512", "AVX-512-VNNI")),
        (EPYC, "AuthenticAMD 23 49", "AVX2", ("AVX2", "FMA")),
        (ARM, "0x41 0xd40", "SVE", ("NEON", "SVE")),
        (OLD, "GenuineIntel 6 26", "baseline", ()),
        ("", "unknown", "baseline", ()),
    ],
)
def test_a_processor_is_read_from_cpuinfo(cpuinfo: str, kind: str, vectors: str, instructions: tuple[str, ...]) -> None:
    found = processor_of(cpuinfo, "x86_64")
    assert (found.kind, found.vectors, found.instructions) == (kind, vectors, instructions)
    assert found.name


def test_the_first_cores_name_counts() -> None:
    assert processor_of(XEON, "x86_64").name == "Intel(R) Xeon(R) Gold 6132"


@pytest.mark.skipif(this_processor().architecture != "x86_64", reason="torch names other kernels on this processor")
def test_the_vectors_are_those_that_torch_dispatches_to() -> None:
    names = {"DEFAULT": "baseline", "AVX2": "AVX2", "AVX512": "AVX-512"}
    assert vectors_in_use(this_processor()) == names[torch.backends.cpu.get_cpu_capability()]


def test_fewer_vectors_can_be_asked_for() -> None:
    xeon = processor_of(XEON, "x86_64")
    assert vectors_in_use(xeon, {}) == "AVX-512"
    assert vectors_in_use(xeon, {"ATEN_CPU_CAPABILITY": "avx2"}) == "AVX2"


def use(monkeypatch: pytest.MonkeyPatch, processor: Processor) -> list[list[str]]:
    """The commands that would have replaced this process."""
    started: list[list[str]] = []
    monkeypatch.setattr(portable, "this_processor", lambda: processor)
    monkeypatch.setattr(portable, "_replace_process", started.append)
    for name in SETTINGS:
        monkeypatch.setenv(name, "")
    return started


def test_a_command_starts_itself_again_once(monkeypatch: pytest.MonkeyPatch) -> None:
    started = use(monkeypatch, processor_of(EPYC, "x86_64"))
    assert not is_portable()
    start_portable()
    assert started == [[sys.executable, *sys.orig_argv[1:]]]
    assert {name: os.environ[name] for name in SETTINGS} == SETTINGS
    start_portable()
    assert len(started) == 1


@pytest.mark.parametrize("cpuinfo", [OLD, ARM])
def test_a_processor_without_the_instructions_is_refused(monkeypatch: pytest.MonkeyPatch, cpuinfo: str) -> None:
    started = use(monkeypatch, processor_of(cpuinfo, "x86_64"))
    with pytest.raises(UserError, match="needs an x86-64 processor with AVX2 and FMA"):
        start_portable()
    assert started == []


def test_a_sweep_has_one_value() -> None:
    assert wants_portable([True, True])
    assert not wants_portable([False])
    assert not wants_portable([])
    with pytest.raises(UserError, match="holds for a whole sweep"):
        wants_portable([True, False])


def test_it_decides_results_and_earlier_runs_had_it_not() -> None:
    with_it, without = (config_to_mapping(compose_config(f"trainer.portable={value}")) for value in ("true", "false"))
    assert content_hash(with_it) != content_hash(without)
    assert config_to_mapping(compose_config()) == without
    earlier = {**without, "trainer": {key: value for key, value in without["trainer"].items() if key != "portable"}}
    assert config_from_mapping(earlier).trainer.portable is False
    assert ADDED_ARGUMENTS["portable"] is False  # which comparisons with those runs take


def test_features_that_other_kernels_made_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    config = compose_config().features
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    plain = cache_key("digest", config)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    assert cache_key("digest", config) != plain


@pytest.mark.parametrize("words", ["trainer.accelerator=gpu", "trainer.precision=bf16-mixed"])
def test_it_is_for_processors_in_full_precision(words: str) -> None:
    with pytest.raises(UserError, match="portable=true is for accelerator=cpu in full precision"):
        compose_config("trainer.portable=true", words)
