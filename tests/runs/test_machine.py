"""The machine in run.json, and what is said of a run that was done on another processor."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from fsdd_lightning.runs import machine
from fsdd_lightning.runs.machine import describe_machine, other_processor
from fsdd_lightning.runs.plan import plan_run
from fsdd_lightning.runs.record import RunRecord, new_record, write_record
from fsdd_lightning.runs.state import Environment, RunState, run_state
from fsdd_lightning.sweeps.compose import compose_config

HERE = {"processor": "Xeon", "kind": "GenuineIntel 6 85", "architecture": "x86_64", "vectors": "AVX-512"}


def test_the_processor_is_described_without_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    monkeypatch.setenv("MKL_CBWR", "AVX2")
    found = describe_machine()
    assert found.keys() == {*("processor", "kind", "architecture", "instructions", "vectors", "cores", "variables")}
    assert found["processor"] and found["cores"] >= 1
    assert found["variables"]["MKL_CBWR"] == "AVX2"


@pytest.mark.parametrize(
    ("then", "text"),
    [
        ({}, None),
        (HERE, None),
        (HERE | {"cores": 64, "threads": 1, "instructions": "AVX2 SVE"}, None),
        (HERE | {"vectors": "AVX2"}, "done on another processor (AVX2; this one: AVX-512)"),
        (HERE | {"architecture": "aarch64"}, "done on another processor (aarch64; this one: x86_64)"),
        (
            HERE | {"processor": "EPYC", "kind": "AuthenticAMD 25 1"},
            "done on another processor (EPYC, AuthenticAMD 25 1; this one: Xeon, GenuineIntel 6 85)",
        ),
        (HERE | {"variables": {"MKL_CBWR": "AVX2"}}, "done with other kernels (MKL_CBWR=AVX2; here: no variables)"),
    ],
)
def test_what_decides_the_bits_of_float_sums(then: dict[str, Any], text: str | None) -> None:
    assert other_processor(then, HERE) == text


def state_of(folder: Path, *words: str, **changes: Any) -> RunState:
    """Of a finished run on a processor with AVX2, seen from one with AVX-512."""
    plan = plan_run(compose_config(*words))
    record: RunRecord = new_record(plan, list(words))
    record.status, record.error = "done", None
    record.dataset = {"digest": "unknown"}
    record.machine = HERE | {"vectors": "AVX2"}
    for name, value in changes.items():
        setattr(record, name, value)
    write_record(record, folder)
    (folder / "network.npz").touch()
    environment = Environment(machine=HERE)
    environment.dataset_digest = lambda plan: None  # type: ignore[method-assign]
    return run_state(plan, folder, environment)


ELSEWHERE = "done on another processor (AVX2; this one: AVX-512): a rerun may differ in float training"


def test_a_run_of_another_processor_stays_valid_and_is_named(tmp_path: Path) -> None:
    state = state_of(tmp_path)
    assert (state.name, state.reason, state.elsewhere) == ("done", None, ELSEWHERE)


def test_a_run_without_a_machine_is_valid_without_a_word(tmp_path: Path) -> None:
    state = state_of(tmp_path, machine={})
    assert (state.name, state.elsewhere) == ("done", None)


def test_a_portable_run_is_the_same_everywhere(tmp_path: Path) -> None:
    assert state_of(tmp_path, "trainer.portable=true").elsewhere is None


def test_a_rerun_for_another_reason_names_the_processor_too(tmp_path: Path) -> None:
    state = state_of(tmp_path, code_digest="before")
    assert state.name == "to run"
    assert state.reason is not None and state.reason.startswith("code changed: before -> ")
    assert state.reason.endswith(f"; {ELSEWHERE}")


def test_a_machine_is_in_every_new_record() -> None:
    assert new_record(plan_run(compose_config()), []).machine == machine.describe_machine()
