"""The trials of a sweep: their names, their order, and sweep.json."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from fsdd_lightning.errors import UserError
from fsdd_lightning.sweeps.compose import check_command, hydra_errors
from fsdd_lightning.sweeps.manifest import planned_names, write_manifest
from fsdd_lightning.sweeps.plan import plan_sweep, running_order
from fsdd_lightning.sweeps.trial import Trial


def trials_of(*words: str) -> list[Trial]:
    with hydra_errors():
        composed = check_command(["-m", "output_root=nowhere", *words])
    return plan_sweep(composed.trials, composed.folder)


def test_an_experiment_can_hold_a_sweep() -> None:
    trials = trials_of("experiment=float_vs_int8")
    found = [
        (trial.plan.shape.hidden_size, trial.plan.config.quantization.name, trial.plan.config.seed) for trial in trials
    ]
    modes = ("float32", "int8_ptq", "int8_qat", "int8_pot_scale", "int4_qat", "pot_qat")
    assert found == [(size, mode, seed) for size in (16, 24, 32, 48, 64) for mode in modes for seed in (1, 2, 3)]
    assert {trial.plan.config.name for trial in trials} == {"float_vs_int8"}
    assert {trial.folder.parent.name for trial in trials} == {"float_vs_int8"}


def test_the_command_line_overrides_the_experiment_and_adds_axes() -> None:
    trials = trials_of("experiment=float_vs_int8", "model.hidden_size=4", "seed=1,2", "name=mine")
    assert len(trials) == 12
    assert {trial.plan.shape.hidden_size for trial in trials} == {4}
    assert {trial.plan.config.seed for trial in trials} == {1, 2}


def test_a_bad_value_in_the_sweep_of_an_experiment_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    text = "# @package _global_\nname: bad\nhydra:\n  sweeper:\n    params:\n      model.hidden_size: 8,0\n"
    (tmp_path / "experiment" / "bad.yaml").write_text(text)
    with pytest.raises(UserError, match="hidden_size must be at least 1"), hydra_errors():
        check_command(["--config-dir", str(tmp_path), "-m", "experiment=bad"])


def test_trials_are_labeled_by_the_overrides_they_do_not_share() -> None:
    trials = trials_of("trainer.max_epochs=2", "seed=1,2", "name=grid")
    assert [trial.label for trial in trials] == ["seed=1", "seed=2"]
    assert [trial.run_name for trial in trials] == ["seed=1", "seed=2"]
    assert [trial.label for trial in trials_of("seed=1")] == ["seed=1"]


def test_a_trial_that_is_written_twice_is_one() -> None:
    assert [trial.label for trial in trials_of("seed=1,2,1")] == ["seed=1", "seed=2"]


def test_a_folder_of_ones_own_is_kept(tmp_path: Path) -> None:
    trials = trials_of("seed=1,2", f"hydra.sweep.dir={tmp_path / 'mine'}")
    assert [trial.folder for trial in trials] == [tmp_path / "mine" / f"seed={seed}" for seed in (1, 2)]


def test_a_name_that_varies_makes_several_folders() -> None:
    trials = trials_of("name=a,b", "seed=1,2")
    assert [trial.folder.parent.name for trial in trials] == ["a", "a", "b", "b"]


def test_every_float_network_is_trained_before_any_is_reused() -> None:
    order = running_order(trials_of("experiment=float_vs_int8"))
    assert Counter(trial.label for trial in order) == Counter(
        trial.label for trial in trials_of("experiment=float_vs_int8")
    )
    sizes = [trial.plan.shape.hidden_size for trial in order]
    assert sizes == [size for size in (64, 48, 32, 24, 16) for _ in range(3)] * 6
    trains = [trial.plan.config.quantization.start == "epoch" for trial in order]
    assert trains == sorted(trains, reverse=True)


def write(folder: Path, trials: list[Trial], *arguments: str) -> None:
    write_manifest(folder, list(arguments), trials)


def read(folder: Path) -> dict[str, dict[str, object]]:
    loaded = json.loads((folder / "sweep.json").read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_the_manifest_lists_all_trials(tmp_path: Path) -> None:
    trials = trials_of("seed=1,2", "name=grid", "memory_budget=kb8", "model.hidden_size=4,200")
    write(tmp_path, trials, "-m", "seed=1,2")
    manifest = read(tmp_path)
    (command,) = manifest["commands"]
    assert command["arguments"] == ["-m", "seed=1,2"]
    assert command["trials"] == [trial.run_name for trial in trials] == list(manifest["trials"])
    assert command["code_digest"]
    assert [trial["fits"] for trial in manifest["trials"].values()] == [True, False] * 2
    assert len({trial["config_hash"] for trial in manifest["trials"].values()}) == 4
    first = next(iter(manifest["trials"].values()))
    assert first["overrides"] == ["seed=1", "model.hidden_size=4"]
    assert command["constants"] == ["output_root=nowhere", "name=grid", "memory_budget=kb8"]


def test_a_command_given_twice_is_written_once_and_another_one_is_added(tmp_path: Path) -> None:
    write(tmp_path, trials_of("seed=1,2"), "a")
    write(tmp_path, trials_of("seed=1,2"), "a")
    write(tmp_path, trials_of("seed=2,3"), "b")
    manifest = read(tmp_path)
    assert [command["arguments"] for command in manifest["commands"]] == [["a"], ["b"]]
    assert list(manifest["trials"]) == ["seed=1", "seed=2", "seed=3"]


@pytest.mark.parametrize("content", ['{"mine": 1}', "[]", '{"schema_version": 9, "commands": [], "trials": {}}'])
def test_a_foreign_or_newer_manifest_is_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(UserError, match=r"sweep\.json is (not a sweep of|of schema version 9)"):
        write(tmp_path, trials_of("seed=1,2"), "a")
    assert (tmp_path / "sweep.json").read_text() == content


def test_a_damaged_manifest_is_kept_aside(tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text('{"comm')
    write(tmp_path, trials_of("seed=1,2"), "a")
    assert (tmp_path / "sweep.json.damaged-1").read_text() == '{"comm'
    assert len(read(tmp_path)["trials"]) == 2


def test_a_manifest_of_the_version_before_is_read_and_written_in_the_current_version(tmp_path: Path) -> None:
    before = {"arguments": ["a"], "started": "2026", "code_digest": "12", "cells": ["seed=1"]}
    described = {"overrides": ["seed=1"], "config_hash": "ab", "fits": True}
    content = {"schema_version": 1, "commands": [before], "cells": {"seed=1": described}}
    (tmp_path / "sweep.json").write_text(json.dumps(content))
    assert planned_names(tmp_path) == {"seed=1"}
    write(tmp_path, trials_of("seed=2,3"), "b")
    manifest = read(tmp_path)
    assert manifest["schema_version"] == 3 and "cells" not in json.dumps(manifest)
    assert [command["trials"] for command in manifest["commands"]] == [["seed=1"], ["seed=2", "seed=3"]]
    assert manifest["trials"]["seed=1"] == described
    assert planned_names(tmp_path) == {"seed=1", "seed=2", "seed=3"}


UNUSABLE = ["", "{", "[1]", "7", '{"trials": 7}', '{"commands": []}', "\xff\xfe", "[" * 100_000]


@pytest.mark.parametrize("text", UNUSABLE, ids=lambda text: text[:9])
def test_names_of_an_unusable_manifest_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "sweep.json").write_bytes(text.encode("latin-1"))
    assert planned_names(tmp_path) == planned_names(tmp_path / "nowhere") == set()


def test_names_that_lead_elsewhere_are_left_out(tmp_path: Path) -> None:
    names = ["seed=1", "..", "", "../up", "/etc", "a/b", 3]
    (tmp_path / "sweep.json").write_text(json.dumps({"trials": names}))
    assert planned_names(tmp_path) == {"seed=1"}
