"""No trial is proposed twice, and a replay proposes the same trials."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="the extra [search] is not installed")

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from fsdd_lightning.sweeps.search.front import Objective
from fsdd_lightning.sweeps.search.space import Space, Values, search_space
from fsdd_lightning.sweeps.search.study import JOURNAL, ParetoStudy

SPACE = search_space({"model.hidden_size": "range(4,65,4)", "quantization": "choice(a,b,c)"}, [])


def reached(values: Values) -> Objective:
    hidden = int(values[0])
    return Objective(1 - 1 / hidden - 0.1 * (values[1] == "c"), hidden * (10 if values[1] == "a" else 20))


def proposals(study: ParetoStudy, count: int) -> list[Values]:
    found = []
    for _ in range(count):
        values = study.propose()
        assert values is not None
        found.append(values)
        if int(values[0]) > 48:
            study.prune(values)
        elif int(values[0]) == 12:
            study.report(values, None)
        else:
            study.report(values, reached(values))
    return found


@pytest.fixture(scope="module")
def thirty(tmp_path_factory: pytest.TempPathFactory) -> list[Values]:
    return proposals(ParetoStudy(SPACE, 3, tmp_path_factory.mktemp("study")), 30)


def test_no_trial_is_proposed_twice(thirty: list[Values]) -> None:
    assert len(set(thirty)) == 30


def test_a_replay_proposes_the_same_and_continues(thirty: list[Values], tmp_path: Path) -> None:
    assert proposals(ParetoStudy(SPACE, 3, tmp_path), 12) == thirty[:12]
    assert proposals(ParetoStudy(SPACE, 3, tmp_path), 30) == thirty


def test_another_seed_chooses_other_trials(thirty: list[Values], tmp_path: Path) -> None:
    assert proposals(ParetoStudy(SPACE, 4, tmp_path), 5) != thirty[:5]


def test_a_small_space_is_exhausted_and_then_nothing_is_proposed(tmp_path: Path) -> None:
    space: Space = search_space({"model.hidden_size": "range(4,13,4)", "quantization": "choice(a,b)"}, [])
    study = ParetoStudy(space, 1, tmp_path)
    assert set(proposals(study, 6)) == set(space.points())
    assert study.propose() is None


def test_running_trials_are_not_proposed_again(tmp_path: Path) -> None:
    study = ParetoStudy(SPACE, 1, tmp_path)
    assert len({study.propose() for _ in range(20)}) == 20


def test_optunas_own_tools_read_the_journal(tmp_path: Path) -> None:
    proposed = proposals(ParetoStudy(SPACE, 3, tmp_path), 20)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / JOURNAL)))
    study = optuna.load_study(study_name="accuracy_vs_bytes", storage=storage)
    done = [trial for trial in study.trials if trial.state is TrialState.COMPLETE]
    pruned = [trial for trial in study.trials if trial.state is TrialState.PRUNED]
    assert {(str(trial.params["model.hidden_size"]), trial.params["quantization"]) for trial in pruned} == {
        values for values in proposed if int(values[0]) > 48
    }
    assert [list(values.values) for values in done] == [
        [reached(values).accuracy, reached(values).flash_bytes]
        for values in proposed
        if int(values[0]) <= 48 and values[0] != "12"
    ]
