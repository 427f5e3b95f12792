"""A whole experiment: its record, its best epoch, its repeatability, and its errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from fsdd_lightning.arithmetic.integer_lstm import network_logits, quantize_features
from fsdd_lightning.config.load import config_from_mapping, content_hash
from fsdd_lightning.data.datamodule import WordDataModule
from fsdd_lightning.data.preparation import PreparedData, prepare_data
from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.model.checkpoint import load_checkpoint
from fsdd_lightning.model.inference import float_logits
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.runs.folder import read_run, recorded_data
from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.sweeps.compose import compose_trials
from fsdd_lightning.training import fit as fitting
from fsdd_lightning.training.module import WordClassifier

Weights = dict[str, torch.Tensor]
RunTrial = Callable[[Sequence[str], Path], RunRecord]


class Laboratory:
    """Runs tiny experiments, each in a folder of its own and with a store of float networks of its own."""

    def __init__(self, overrides: Sequence[str], folder: Path, run_trial: RunTrial) -> None:
        self.overrides, self.folder, self.run_trial, self.runs = list(overrides), folder, run_trial, 0

    def run(self, *changes: str) -> tuple[RunRecord, Path]:
        self.runs += 1
        folder = self.folder / str(self.runs)
        folder.mkdir()
        words = [f"output_root={folder}-output", *self.overrides, *changes]
        return self.run_trial(words, folder), folder


@pytest.fixture
def laboratory(tiny_overrides: list[str], tmp_path: Path, run_trial: RunTrial) -> Laboratory:
    return Laboratory([*tiny_overrides, "logger.histogram_every_epochs=0"], tmp_path, run_trial)


def weights(folder: Path) -> Weights:
    return load_checkpoint(folder / "network.npz").network.state_dict()


def equal(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def lasting(record: RunRecord) -> dict[str, Any]:
    """What must not differ between two runs of one command but for the folder that they write to."""
    content: dict[str, Any] = json.loads(json.dumps(vars(record)))
    for moment in ("started", "timings_s", "overrides"):
        del content[moment]
    del content["config"]["output_root"], content["training"]["float"]["run"]
    return content


@pytest.fixture(scope="module")
def record(finished_run: Path) -> RunRecord:
    return read_record(finished_run)


@pytest.fixture(scope="module")
def content(finished_run: Path) -> dict[str, Any]:
    loaded = json.loads((finished_run / "run.json").read_text())
    assert isinstance(loaded, dict)
    return loaded


# --- the record of a finished run ---


def test_the_record_holds_what_others_read(content: dict[str, Any]) -> None:
    assert (content["schema_version"], content["status"], content["error"]) == (1, "done", None)
    assert (content["name"], content["seed"]) == ("default", 1)
    assert content["agreement"].keys() == {"float_integer", "quantized_integer", "integer_c"}
    assert content["agreement"]["quantized_integer"] == content["agreement"]["integer_c"] == 1.0
    assert content["dataset"].keys() >= {"name", "digest", "recordings"}
    assert (content["dataset"]["name"], content["dataset"]["source"]) == ("synthetic", "synthetic")
    assert (content["dataset"]["recordings"], len(content["dataset"]["digest"])) == (120, 64)
    people = {"train": 2, "val": 2, "test": 2}
    assert content["split"] == {"name": "random", "train": 86, "val": 10, "test": 24, "people": people}
    assert content["versions"].keys() >= {"python", "torch", "fsdd_lightning"}
    assert content["git"].keys() == {"commit", "dirty"}
    assert content["timings_s"].keys() >= {"data", "training", "quantization", "evaluation", "total"}
    assert all(seconds >= 0 for seconds in content["timings_s"].values())


def test_the_record_holds_the_memory_bill(content: dict[str, Any]) -> None:
    memory = content["memory"]
    parameters = 12 * 8**2 + 78 * 8 + 10
    first, second = (32 * (13 + 8) + 2 * 4 * 32 + 1, 32 * (8 + 8) + 2 * 4 * 32 + 1)  # weights, biases, multipliers
    shared = 10 * 8 + 4 * 10 + 2 * 2 * 257 + 32 + 2 * 12 + 12  # output layer, tables, structs
    front_end = 2 * 4 * 13 + 512 + 64 + 128 + 33 + 128 + 20 + 4  # standardization, tables, endpointer, margin
    assert (memory["parameters"], memory["float32_bytes"]) == (parameters, 4 * parameters + front_end)
    assert memory["flash_bytes"] == first + second + shared + front_end
    assert sum(line["bytes"] for line in memory["lines"] if line["memory"] == "flash") == memory["flash_bytes"]
    assert (memory["layers"], memory["hidden_size"], memory["budget"]) == (2, 8, "unlimited")
    assert (memory["budget_bytes"], memory["fits"]) == (None, True)
    assert sum(line["bytes"] for line in memory["lines"] if line["memory"] == "ram") == memory["ram_bytes"]
    assert memory["macs_per_clip"] == 36 * (4 * 8 * (13 + 8) + 4 * 8 * 16) + 80


def test_the_record_holds_the_views_in_the_order_of_the_data_flow(content: dict[str, Any]) -> None:
    assert list(content["views"]) == ["float", "quantized", "integer", "c"]
    assert content["views"]["quantized"] == content["views"]["integer"] == content["views"]["c"]


@pytest.mark.parametrize("name", ["float", "quantized", "integer", "c"])
def test_every_backend_has_its_interval(content: dict[str, Any], name: str) -> None:
    view = content["views"][name]
    assert view["accuracy"] == view["correct"] / view["total"]
    assert view["total"] == 24 == sum(map(sum, view["confusion"]))
    assert view["ci95"][0] <= view["accuracy"] <= view["ci95"][1]
    assert 0 <= view["macro_f1"] <= 1
    assert [row["label"] for row in view["classes"]] == list("0123456789")


def test_the_recorded_config_makes_the_same_run_again(content: dict[str, Any], finished_overrides: list[str]) -> None:
    ((overrides, config),) = compose_trials(finished_overrides, multirun=False)
    assert config_from_mapping(content["config"]) == config
    assert content["overrides"] == overrides
    assert content["config_hash"] == content_hash(content["config"])


def test_a_finished_folder_holds_everything_and_no_more(finished_run: Path) -> None:
    names = {path.name for path in finished_run.iterdir()}
    events = {name for name in names if name.startswith("events.out.tfevents")}
    assert sorted(Path(name).suffix == ".pictures" for name in events) == [False, True]
    figures = {f"confusion_{view}.png" for view in ("float", "quantized", "integer", "c")}
    files = {"run.json", "network.npz", "integer_model.npz", "golden_clips.npz"}
    assert names - events - figures == files | {"checkpoints", "export"}
    assert [path.name for path in (finished_run / "checkpoints").iterdir()] == ["best_float.ckpt"]
    for figure in figures:
        assert (finished_run / figure).read_bytes().startswith(b"\x89PNG")


# --- the best epoch is the one that is used ---


class RisingLoss(WordClassifier):
    """Its validation loss is lowest in epoch 1 by construction, while training goes on changing the weights."""

    losses = (0.9, 0.1, 0.5, 0.7)
    seen: dict[int, Weights] = {}  # noqa: RUF012 - emptied by the test

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Remember the weights that are validated in this epoch."""
        super().validation_step(batch, batch_idx)
        state = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        self.seen[self.current_epoch] = state

    def log(self, name: str, value: Any, **options: Any) -> None:
        """Replace the validation loss."""
        super().log(name, torch.tensor(self.losses[self.current_epoch]) if name == "val/loss" else value, **options)


@pytest.fixture
def rising(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[RisingLoss]]:
    monkeypatch.setattr(fitting, "WordClassifier", RisingLoss)
    RisingLoss.seen.clear()
    yield RisingLoss
    RisingLoss.seen.clear()


def test_the_test_set_meets_the_best_epochs_weights_not_the_lasts(
    laboratory: Laboratory, rising: type[RisingLoss], monkeypatch: pytest.MonkeyPatch
) -> None:
    tested: list[Weights] = []
    original = pl.Trainer.test

    def watched(trainer: pl.Trainer, module: RisingLoss, *arguments: Any, **options: Any) -> Any:
        tested.append({name: tensor.clone() for name, tensor in module.network.state_dict().items()})
        return original(trainer, module, *arguments, **options)

    monkeypatch.setattr(pl.Trainer, "test", watched)
    record, folder = laboratory.run("trainer.max_epochs=4")
    best, last = rising.seen[1], rising.seen[3]
    assert len(rising.seen) == 4
    assert not equal(best, last)
    assert equal(weights(folder), best)
    assert len(tested) == 1 and equal(tested[0], best)
    trained = record.training["float"]
    assert (trained["best_epoch"], trained["epochs"], trained["reused"]) == (1, 4, False)
    assert trained["val_loss"] == pytest.approx(0.1)
    assert record.views["float"]["correct"] == correct_with(folder, "test", best)
    assert record.training["val_accuracy"]["float"] == correct_with(folder, "val", best) / 10


def correct_with(folder: Path, part: str, state: Weights) -> int:
    """Right answers of the network with these weights on a part of the run's data."""
    config = config_from_mapping(read_record(folder).config)
    data = prepare_data(config.data, config.split, config.features, listener=config.listener)
    network = load_checkpoint(folder / "network.npz").network
    network.load_state_dict(state)
    positions = getattr(data.split, part)
    logits = float_logits(network, data.features[positions], data.lengths[positions])
    return int((logits.argmax(axis=1) == data.labels[positions]).sum())


def test_the_last_epoch_is_kept_where_it_is_asked_for(laboratory: Laboratory, rising: type[RisingLoss]) -> None:
    """Whatever its validation loss; that of the record is its own."""
    record, folder = laboratory.run("trainer.max_epochs=4", "training.checkpoint=last")
    assert record.training["float"]["best_epoch"] == 3
    assert record.training["float"]["val_loss"] == pytest.approx(0.7)
    assert equal(weights(folder), rising.seen[3])


def test_copies_take_part_in_training_alone(laboratory: Laboratory) -> None:
    """Other weights, the same feature statistics, and the same clips to be tested on."""
    plain, plain_folder = laboratory.run("trainer.max_epochs=2")
    copied, copied_folder = laboratory.run(
        "trainer.max_epochs=2", "waveform_augmentation=voices", "waveform_augmentation.copies=1"
    )
    assert not equal(weights(plain_folder), weights(copied_folder))
    means = [load_checkpoint(folder / "network.npz").mean for folder in (plain_folder, copied_folder)]
    assert np.array_equal(*means)
    assert plain.split == copied.split
    assert copied.views["integer"]["correct"] == correct_as_integers(copied_folder)


def correct_as_integers(folder: Path) -> int:
    """Right answers on the test clips, prepared as outside training."""
    run = read_run(folder)
    data = recorded_data(run, None)
    assert data.copies is None and run.integer_model is not None
    test = data.split.test
    logits = network_logits(run.integer_model, quantize_features(data.features[test]), data.lengths[test])
    return int((logits.argmax(axis=1) == data.labels[test]).sum())


def test_early_stopping_ends_the_training_and_keeps_the_best_epoch(
    laboratory: Laboratory, rising: type[RisingLoss]
) -> None:
    record, folder = laboratory.run(
        "trainer.max_epochs=4", "callbacks=early_stopping", "callbacks.early_stopping.patience=1"
    )
    assert (record.training["float"]["epochs"], record.training["float"]["best_epoch"]) == (3, 1)
    assert equal(weights(folder), rising.seen[1])


def test_the_first_of_equal_epochs_is_the_best(
    laboratory: Laboratory, rising: type[RisingLoss], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rising, "losses", (0.5, 0.5, 0.5))
    record, folder = laboratory.run()
    assert record.training["float"]["best_epoch"] == 0
    assert equal(weights(folder), rising.seen[0])


# --- the test set is for the end ---


def test_training_never_sees_validation_or_test_clips_and_only_training_is_augmented(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[torch.Tensor]] = {"train": [], "val": [], "test": []}

    class Watching(WordClassifier):
        def _shared_step(self, batch: Any, stage: str) -> Any:
            seen[stage].append(batch.features.clone())
            return super()._shared_step(batch, stage)

    monkeypatch.setattr(fitting, "WordClassifier", Watching)
    _, folder = laboratory.run("trainer.max_epochs=2", "feature_augmentation=none", "waveform_augmentation=none")
    config = config_from_mapping(read_record(folder).config)
    data = prepare_data(config.data, config.split, config.features, listener=config.listener)

    def clips(features: Any) -> list[bytes]:
        return sorted(np.asarray(array).tobytes() for array in features)

    assert clips(torch.cat(seen["train"])) == clips(np.repeat(data.features[data.split.train], 2, axis=0))
    assert clips(torch.cat(seen["val"])) == clips(np.repeat(data.features[data.split.val], 2, axis=0))
    assert clips(torch.cat(seen["test"])) == clips(data.features[data.split.test])  # once

    for stage in seen:
        seen[stage].clear()
    laboratory.run("trainer.max_epochs=2", "feature_augmentation=light")
    assert not set(clips(torch.cat(seen["train"]))) & set(clips(data.features))
    assert clips(torch.cat(seen["val"])) == clips(np.repeat(data.features[data.split.val], 2, axis=0))
    assert clips(torch.cat(seen["test"])) == clips(data.features[data.split.test])


# --- seeds ---


def test_the_same_command_gives_the_same_bits(
    tiny_overrides: list[str], tmp_path: Path, draw_trial: RunTrial, finished_run: Path
) -> None:
    _, folder = Laboratory(tiny_overrides, tmp_path, draw_trial).run()
    assert lasting(read_record(folder)) == lasting(read_record(finished_run))
    assert equal(weights(folder), weights(finished_run))
    for name in ("network.npz", "integer_model.npz", "confusion_float.png", "confusion_integer.png"):
        assert (folder / name).read_bytes() == (finished_run / name).read_bytes()


def test_what_ran_before_in_the_process_does_not_matter(laboratory: Laboratory, finished_run: Path) -> None:
    torch.manual_seed(999)
    np.random.seed(999)
    torch.set_num_threads(2)
    _, folder = laboratory.run()
    assert equal(weights(folder), weights(finished_run))


def test_zero_is_a_seed(laboratory: Laboratory, finished_run: Path) -> None:
    zero, folder = laboratory.run("seed=0")
    _, again = laboratory.run("seed=0")
    assert zero.seed == zero.config["seed"] == 0
    assert equal(weights(folder), weights(again))
    assert not equal(weights(folder), weights(finished_run))


def test_the_training_seed_changes_the_network_and_not_the_split(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits, initial = [], []

    class Watching(WordDataModule):
        def __init__(self, data: PreparedData, *arguments: Any) -> None:
            super().__init__(data, *arguments)
            splits.append({part: getattr(data.split, part).tolist() for part in ("train", "val", "test")})

    class Initial(WordClassifier):
        def __init__(self, network: Any, *arguments: Any) -> None:
            super().__init__(network, *arguments)
            initial.append({name: tensor.clone() for name, tensor in network.state_dict().items()})

    monkeypatch.setattr(fitting, "WordDataModule", Watching)
    monkeypatch.setattr(fitting, "WordClassifier", Initial)
    for seeds in (("seed=1", "split.seed=42"), ("seed=2", "split.seed=42"), ("seed=1", "split.seed=43")):
        laboratory.run("trainer.max_epochs=1", *seeds)
    splits, initial = splits[::2], initial[::2]  # the others are those of the test
    assert splits[0] == splits[1] != splits[2]
    assert equal(initial[0], initial[2]) and not equal(initial[0], initial[1])


@pytest.mark.parametrize("seed", [0, 7])
def test_weights_order_and_augmentation_start_from_the_training_seed(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    initial: list[Weights] = []
    drawn: list[int] = []

    class Watching(WordDataModule):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            drawn.extend((self.order.initial_seed(), self.noise.initial_seed()))

    class Initial(WordClassifier):
        def __init__(self, network: Any, *arguments: Any) -> None:
            super().__init__(network, *arguments)
            initial.append({name: tensor.clone() for name, tensor in network.state_dict().items()})

    monkeypatch.setattr(fitting, "WordDataModule", Watching)
    monkeypatch.setattr(fitting, "WordClassifier", Initial)
    _, folder = laboratory.run("trainer.max_epochs=1", f"seed={seed}")
    shape = load_checkpoint(folder / "network.npz").network.shape
    torch.manual_seed(seed)
    assert equal(initial[0], LSTMClassifier(shape).state_dict())
    assert drawn[:2] == [seed, seed + 1]


def test_the_largest_seed_works(laboratory: Laboratory) -> None:
    record, _ = laboratory.run(f"seed={2**32 - 1}", f"split.seed={2**32 - 1}", "trainer.max_epochs=1")
    assert record.status == "done"


# --- config values that reach the trainer ---


@pytest.mark.parametrize(
    "change",
    [
        *("trainer.gradient_clip_val=0.001", "optimizer.weight_decay=5", "training.label_smoothing=0.5"),
        *("optimizer.lr=0.01", "training.batch_size=20", "model.dropout=0.5", "feature_augmentation=strong"),
        "training.weight_averaging=0",
    ],
)
def test_a_config_value_of_training_changes_the_network(
    laboratory: Laboratory, finished_run: Path, change: str
) -> None:
    _, folder = laboratory.run(change)
    assert not equal(weights(folder), weights(finished_run))


def test_torch_has_as_many_threads_as_the_config_asks_for(laboratory: Laboratory) -> None:
    laboratory.run("trainer.max_epochs=1", "torch_threads=2")
    assert torch.get_num_threads() == 2
    laboratory.run("trainer.max_epochs=1")
    assert torch.get_num_threads() == 1


# --- endings ---


def test_a_single_step_is_a_training(laboratory: Laboratory) -> None:
    record, _ = laboratory.run(
        "trainer.max_epochs=1", "training.batch_size=50000", "model.layers=1", "model.dropout=0.5"
    )
    assert record.status == "done"


def test_a_training_that_diverges_fails_in_one_line(laboratory: Laboratory) -> None:
    with pytest.raises(RunFailedError, match=r"diverged.*lower optimizer\.lr"):
        laboratory.run("optimizer.lr=1000", "trainer.gradient_clip_val=1e9", "quantization=int8_ptq")
    record = read_record(laboratory.folder / "1")
    assert (record.status, record.views) == ("failed", {})
    assert "diverged" in str(record.error)


def test_a_wrong_input_found_late_is_recorded_too(laboratory: Laboratory) -> None:
    with pytest.raises(UserError, match="no such speaker"):
        laboratory.run("split=unseen_speaker", "split.held_out=nobody")
    assert "no such speaker" in str(read_record(laboratory.folder / "1").error)


@pytest.mark.parametrize("stage", ["training", "validation", "test"])
def test_ctrl_c_at_any_stage_is_an_interrupt_and_nothing_else(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    import signal

    class Interrupted(WordClassifier):
        pass

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Interrupted, f"{stage}_step", interrupt)
    monkeypatch.setattr(fitting, "WordClassifier", Interrupted)
    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            laboratory.run()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # a second Ctrl-C still works
    finally:
        signal.signal(signal.SIGINT, handler)
    assert read_record(laboratory.folder / "1").status == "interrupted"


# --- folders ---


def test_a_relative_data_root_is_recorded_absolutely(
    laboratory: Laboratory, record: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "voices").symlink_to(record.dataset["folder"])
    monkeypatch.chdir(tmp_path)
    rooted, _ = laboratory.run("data=fsdd", "data.root=voices", "trainer.max_epochs=1")
    assert rooted.dataset["folder"] == str(Path(record.dataset["folder"]).resolve())
    assert (rooted.dataset["source"], rooted.dataset["digest"]) == ("fsdd", record.dataset["digest"])


def test_nothing_is_written_into_the_current_folder(
    laboratory: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    laboratory.run("trainer.max_epochs=1")
    assert list(here.iterdir()) == []


# --- the real recordings ---


@pytest.mark.fsdd
def test_two_epochs_on_the_real_recordings(real_overrides: list[str], tmp_path: Path, run_trial: RunTrial) -> None:
    tiny = [*real_overrides, "trainer.max_epochs=2", "training.batch_size=16"]
    record, _ = Laboratory(tiny, tmp_path, run_trial).run()
    people = {"train": 6, "val": 6, "test": 6}
    assert record.split == {"name": "random", "train": 2160, "val": 240, "test": 600, "people": people}
    assert record.dataset["recordings"] == 3000
    assert record.dataset["digest"] == "1801eae019c063377d98f831d3f93574f259475df7332bb0e3d1b080fb5e6959"
    assert record.memory["parameters"] == 8_794
    assert record.views["float"]["accuracy"] > 0.6
    assert record.views["integer"]["accuracy"] > 0.6
