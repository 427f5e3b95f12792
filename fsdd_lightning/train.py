"""`fsdd-train`: one experiment, or with -m a sweep of them. Settings and groups: `fsdd-train --help`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.command_line import run_command

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from fsdd_lightning.experiments.cell import Cell
    from fsdd_lightning.experiments.record import RunRecord


def main() -> None:
    """Entry point of the command."""
    run_command(_launch)


def _launch() -> None:
    # Hydra would put its exceptions in its own words and exit with 1; this makes it hand them to us.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    import hydra

    from fsdd_lightning.composition import check_command, hydra_errors
    from fsdd_lightning.configuration import CONFIG_NAME, config_directory, register_resolvers

    register_resolvers()
    failures: list[Exception] = []

    def task(config: DictConfig) -> float | None:
        try:
            return _task(config)
        except Exception as error:  # Hydra would end a sweep at its first failure; its record tells of it
            failures.append(error)
            return None

    with hydra_errors():
        check_command(sys.argv[1:])
        hydra.main(config_path=str(config_directory()), config_name=CONFIG_NAME, version_base="1.3")(task)()
    _raise_first(failures)


def _raise_first(failures: list[Exception]) -> None:
    from fsdd_lightning.errors import RunFailedError

    if len(failures) > 1:
        raise RunFailedError(f"{len(failures)} runs failed, the first with: {failures[0]}")
    if failures:
        raise failures[0]


def _task(config: DictConfig) -> float | None:
    """Run one cell; the answer is what a search maximises: its validation accuracy, None where it was refused."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from fsdd_lightning.configuration import to_settings
    from fsdd_lightning.experiments.cell import plan_cell
    from fsdd_lightning.experiments.console import configure_console
    from fsdd_lightning.experiments.record import new_record

    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir).resolve()
    cell = plan_cell(to_settings(config))
    record = new_record(cell, list(hydra_config.overrides.task))
    if not cell.fits:  # before torch is imported or data are touched
        _refuse(cell, record, folder, is_sweep=hydra_config.mode is RunMode.MULTIRUN)
        return None
    configure_console()
    from fsdd_lightning.training import run_experiment

    accuracies = run_experiment(cell, record, folder).training["val_accuracy"]
    return float(accuracies.get("integer", accuracies["float"]))


def _refuse(cell: Cell, record: RunRecord, folder: Path, is_sweep: bool) -> None:
    from fsdd_lightning.errors import UserError
    from fsdd_lightning.experiments.outcome_events import write_outcome
    from fsdd_lightning.experiments.record import write_record
    from fsdd_lightning.experiments.summary import print_refusal

    record.status, record.error = "refused", cell.refusal
    write_record(record, folder)
    write_outcome(record, folder)
    print_refusal(cell)
    if not is_sweep:
        raise UserError(f"refused: {cell.refusal}")
    print(f"refused: {cell.refusal}")


if __name__ == "__main__":
    main()
