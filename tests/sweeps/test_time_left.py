"""The time that is left knows which trials train and which only look at weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsdd_lightning.runs.record import RunRecord, new_record
from fsdd_lightning.sweeps.compose import check_command
from fsdd_lightning.sweeps.plan import plan_sweep, running_order
from fsdd_lightning.sweeps.time_left import TimeLeft, float_work
from fsdd_lightning.sweeps.trial import Trial

TRAINING_S, LOOKING_S = 100.0, 4.0


@pytest.fixture
def trials(tmp_path: Path) -> list[Trial]:
    """Two float networks of one size, each seen in three ways, one of them after more training."""
    words = ["seed=1,2", "quantization=int8_ptq,int8_pot_scale,int8_qat", "quantization.epochs=30"]
    composed = check_command(["-m", *words, f"output_root={tmp_path}"])
    return running_order(plan_sweep(composed.trials))


def ended(trial: Trial, trained: bool, tuned_s: float = 0.0) -> RunRecord:
    record = new_record(trial.plan, list(trial.overrides))
    record.status, record.training = "done", {"float": {"reused": not trained}}
    training_s = TRAINING_S if trained else 0.5
    waiting_s = 0.0 if trained else 0.5
    record.timings_s = {"total": LOOKING_S + training_s + tuned_s, "training": training_s, "waiting": waiting_s}
    record.timings_s["quantization"] = tuned_s
    return record


def test_looking_is_cheap_and_training_is_not(trials: list[Trial]) -> None:
    left = TimeLeft()
    first = [trial.plan.config.quantization.name for trial in trials[:2]]
    assert first == ["int8_qat", "int8_qat"]  # they train first
    assert left.seconds(trials, {}, 1.0) is None
    left.note(trials[0], ended(trials[0], trained=True, tuned_s=60.0))
    one, two = TRAINING_S + 60 + LOOKING_S, 4 * LOOKING_S
    assert left.seconds(trials[1:], {}, 1e9) == pytest.approx(one + two)
    left.note(trials[1], ended(trials[1], trained=True, tuned_s=60.0))
    assert left.seconds(trials[2:], {}, 1e9) == pytest.approx(two)
    left.note(trials[2], ended(trials[2], trained=False))
    assert left.seconds(trials[3:], {}, 1e9) == pytest.approx(3 * LOOKING_S)
    assert left.seconds([], {}, 1e9) == 0


def test_networks_of_trials_that_were_done_before_are_not_trained_again(trials: list[Trial]) -> None:
    left = TimeLeft()
    left.know(trials[:2])
    left.note(trials[2], ended(trials[2], trained=False))
    assert left.seconds(trials[3:], {}, 1e9) == pytest.approx(3 * LOOKING_S)


def test_a_larger_network_takes_longer_and_what_runs_at_once_less(tmp_path: Path) -> None:
    composed = check_command(["-m", "model.hidden_size=16,32,64", f"output_root={tmp_path}"])
    small, middle, large = plan_sweep(composed.trials)
    left = TimeLeft()
    left.note(small, ended(small, trained=True))
    expected = LOOKING_S + TRAINING_S * float_work(large.plan) / float_work(small.plan)
    assert expected > 5 * TRAINING_S
    assert left.seconds([large], {}, 1e9) == pytest.approx(expected)
    assert left.seconds([large], {large.label: 50.0}, 1e9) == pytest.approx(expected - 50)
    both = left.seconds([middle, large], {}, (TRAINING_S + LOOKING_S) / 2)  # two at once so far
    assert both == pytest.approx(expected)  # the larger one ends last


def test_what_does_not_fit_or_fails_costs_nothing(tmp_path: Path) -> None:
    words = ["-m", "model.hidden_size=16,200", "memory_budget=kb8", f"output_root={tmp_path}"]
    fits, too_large = plan_sweep(check_command(words).trials)
    left = TimeLeft()
    failed = ended(fits, trained=True)
    failed.status = "failed"
    left.note(fits, failed)
    assert left.seconds([too_large], {}, 1.0) == 0
    assert left.seconds([fits], {}, 1.0) is None  # a failure tells nothing
