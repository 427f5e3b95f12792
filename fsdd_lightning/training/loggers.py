"""Loggers besides TensorBoard, as the group `logger` names them: what they get to know of a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytorch_lightning.loggers import Logger

from fsdd_lightning.config.load import flat_config
from fsdd_lightning.config.schema import Config
from fsdd_lightning.config.tools import own_loggers
from fsdd_lightning.console.summary import print_note
from fsdd_lightning.runs.metrics import final_metrics
from fsdd_lightning.runs.record import RunRecord
from fsdd_lightning.training.instantiate import make_tool

Loggers = tuple[Logger, ...]


def make_loggers(config: Config, folder: Path) -> Loggers:
    """Those of the group, without TensorBoard.

    Raises:
        UserError: a class that does not exist, a package that is missing, or arguments that do not fit.
    """
    tools = own_loggers(config.logger)
    return tuple(make_tool(f"logger.{name}", tool, Logger, folder) for name, tool in tools.items())  # type: ignore[type-abstract]


@contextmanager
def open_loggers(config: Config, record: RunRecord, folder: Path) -> Iterator[Loggers]:
    """The loggers of a run; at its end they get its final metrics, and are closed.

    What fails then is a note: the run itself is complete.
    """
    loggers = make_loggers(config, folder)
    try:
        yield loggers
    except BaseException:
        _finish(loggers, "failed")
        raise
    for logger in loggers:
        try:
            logger.log_metrics(final_metrics(record))
        except Exception as error:
            print_note(f"{type(logger).__name__} did not take the final metrics: {error}")
    _finish(loggers, "success")


def log_config(loggers: Loggers, record: RunRecord) -> None:
    """Every value of the config by its dotted name, and the hash of all that decides results."""
    for logger in loggers:
        logger.log_hyperparams(flat_config(record.config) | {"config_hash": record.config_hash})


def _finish(loggers: Loggers, status: str) -> None:
    for logger in loggers:
        try:
            logger.save()
            logger.finalize(status)
        except Exception as error:
            print_note(f"{type(logger).__name__} did not close: {error}")
    wandb = sys.modules.get("wandb")
    if loggers and getattr(wandb, "run", None) is not None:
        wandb.finish()  # type: ignore[union-attr]  # or the next run of this process would go on with this one
