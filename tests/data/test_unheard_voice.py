"""A speaker is left out of the clips of a run: who, and where nobody can be."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsdd_lightning.config.schema import Config
from fsdd_lightning.data.preparation import PreparedData, prepare_data, redivided
from fsdd_lightning.data.unheard_voice import leave_out
from fsdd_lightning.errors import UserError
from fsdd_lightning.sweeps.compose import compose_trials


@pytest.fixture(scope="module")
def config(tiny_overrides: list[str]) -> Config:
    ((_, config),) = compose_trials(tiny_overrides, multirun=False)
    return config


def prepared(config: Config) -> PreparedData:
    return prepare_data(config.data, config.split, config.features, listener=config.listener)


@pytest.fixture(scope="module")
def data(config: Config) -> PreparedData:
    return prepared(config)


def speakers(data: PreparedData, part: str) -> set[str]:
    return {data.recordings.recordings[at].speaker for at in getattr(data.split, part)}


def rooted(config: Config, *roots: Path) -> Config:
    return replace(config, data=replace(config.data, source="fsdd", root=tuple(map(str, roots))))


def some_clips(data: PreparedData, folder: Path, *patterns: str) -> Path:
    """Copies of recordings of the synthetic corpus."""
    folder.mkdir()
    for pattern in patterns:
        for path in Path(data.recordings.folder).glob(pattern):
            (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_the_last_speaker_by_name_or_the_one_who_is_named(config: Config, data: PreparedData) -> None:
    for choice, speaker, other in (("any", "basil", "ada"), ("ada", "ada", "basil")):
        voice, note = leave_out(choice, data, config.split)
        assert voice is not None and note is None
        assert (voice.speaker, voice.split.held_out) == (speaker, speaker)
        assert speakers(voice.data, "test") == {speaker} and len(voice.data.split.test) == 60
        assert speakers(voice.data, "train") == speakers(voice.data, "val") == {other}
    assert leave_out(None, data, config.split) == (None, None)


def test_another_split_of_the_same_clips_is_as_if_they_were_prepared_with_it(
    config: Config, data: PreparedData
) -> None:
    split = replace(config.split, name="unseen_speaker", held_out="ada", validation_speakers=0)
    again, expected = redivided(data, split), prepared(replace(config, split=split))
    for part in ("train", "val", "test"):
        assert np.array_equal(getattr(again.split, part), getattr(expected.split, part))
    assert np.array_equal(again.features, expected.features) and not np.array_equal(again.features, data.features)
    assert np.array_equal(again.statistics.mean, expected.statistics.mean)


def test_where_nobody_can_be_left_out_there_is_a_line(config: Config, data: PreparedData, tmp_path: Path) -> None:
    unseen = replace(config.split, name="unseen_speaker", held_out="ada")
    for choice in ("any", "ada"):
        voice, note = leave_out(choice, data, unseen)
        assert voice is None and "tests a voice that is never heard already" in str(note)
    alone = prepared(rooted(config, some_clips(data, tmp_path / "alone", "*_ada_*.wav")))
    for choice in ("any", "ada"):
        assert leave_out(choice, alone, config.split) == (
            None,
            "no second network without a voice: all recordings are ada's",
        )


def test_too_few_clips_of_the_others_are_an_error_for_a_name_alone(
    config: Config, data: PreparedData, tmp_path: Path
) -> None:
    folder = some_clips(data, tmp_path / "few", "*_basil_*.wav", "*_ada_0.wav")
    few = prepared(rooted(config, folder))
    voice, note = leave_out("any", few, config.split)
    assert voice is None and re.match(
        r"no second network without basil's voice: split=unseen_speaker: .*cut", str(note)
    )
    with pytest.raises(UserError, match=r"cannot cut"):
        leave_out("basil", few, config.split)
    other, _ = leave_out("ada", few, config.split)
    assert other is not None and len(other.data.split.test) == 10


def test_a_name_that_nobody_has_is_the_users_error(config: Config, data: PreparedData, tmp_path: Path) -> None:
    """Of several corpora, a name does without that of the corpus where one alone has it."""
    with pytest.raises(UserError, match=r"^evaluation\.unheard_speaker=zoe: no such speaker; .* ada, basil$"):
        leave_out("zoe", data, config.split)
    both = some_clips(data, tmp_path / "both", "*.wav")
    one = some_clips(data, tmp_path / "one", "*_ada_*.wav")
    several = prepared(rooted(config, both, one))
    voice, _ = leave_out("basil", several, config.split)
    assert voice is not None and voice.speaker == voice.split.held_out == "both-basil"
    with pytest.raises(UserError, match="several corpora have this speaker; choose one of both-ada, one-ada"):
        leave_out("ada", several, config.split)
