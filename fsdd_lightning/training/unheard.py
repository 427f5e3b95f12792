"""A second network by the recipe of a run, without one voice: how well strangers are recognized.

It leaves a float network in the store and its number in the record. Its subfolder holds what a killed run resumes from,
and its own curves; it is removed at the end of the run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from fsdd_lightning.config.schema import Config, QuantizationConfig
from fsdd_lightning.data.unheard_voice import UnheardVoice
from fsdd_lightning.evaluation.backends import backend_without_folder
from fsdd_lightning.evaluation.evaluate import evaluate_backends
from fsdd_lightning.model.checkpoint import Checkpoint
from fsdd_lightning.runs.results import IN_SECOND, SECOND
from fsdd_lightning.training.context import RunContext
from fsdd_lightning.training.logger import DashboardLogger
from fsdd_lightning.training.resume import clear_folder, discard_foreign_checkpoints


@contextmanager
def second_run(voice: UnheardVoice, context: RunContext) -> Iterator[RunContext]:
    """A run within a run, with a record that is thrown away; checkpoints of an interrupted one stay."""
    folder = context.folder / SECOND
    folder.mkdir(exist_ok=True)
    owned = [name.removeprefix(f"{SECOND}/") for name in IN_SECOND & set(context.record.owns or ())]
    clear_folder(folder, owned)
    plan = dataclasses.replace(context.plan, config=_config(voice, context.config))
    record = dataclasses.replace(context.record, training={}, notes=[], owns=owned)
    with closing(DashboardLogger(folder)) as logger:
        second = RunContext(plan, record, voice.data, folder, logger)
        discard_foreign_checkpoints(second)
        yield second


def _config(voice: UnheardVoice, config: Config) -> Config:
    """That of the run with the other split, and without displays that show nothing new."""
    return dataclasses.replace(
        config, split=voice.split, callbacks=config.callbacks | {"model_summary": None}, logger={}
    )


def unheard_record(
    checkpoint: Checkpoint, float_key: str, voice: UnheardVoice, mode: QuantizationConfig
) -> dict[str, Any]:
    """How the second network, as it would be deployed, recognizes all clips of the voice."""
    backend = backend_without_folder(checkpoint, mode, voice.data)
    score = evaluate_backends({backend.name: backend}, voice.data, voice.data.split.test).scores[backend.name]
    return {
        "speaker": voice.speaker,
        "correct": score.correct,
        "total": score.total,
        "accuracy": score.accuracy,
        "ci95": list(score.ci95),
        "float_key": float_key,
    }
