"""`fsdd-train`: one experiment, or with -m a sweep of them. Settings and groups: `fsdd-train --help`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.command_line import run_command

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main() -> None:
    """Entry point of the command."""
    run_command(_launch)


def _launch() -> None:
    # Hydra would print exceptions in its own words and exit with 1; with this variable it hands them to us.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    import hydra

    from fsdd_lightning.composition import check_command, hydra_errors
    from fsdd_lightning.configuration import CONFIG_NAME, config_directory, register_resolvers

    register_resolvers()
    with hydra_errors():
        check_command(sys.argv[1:])
        run = hydra.main(config_path=str(config_directory()), config_name=CONFIG_NAME, version_base="1.3")
        run(_task)()


def _task(config: DictConfig) -> float:
    from hydra.core.hydra_config import HydraConfig

    from fsdd_lightning.configuration import to_settings
    from fsdd_lightning.experiments.console import configure_console
    from fsdd_lightning.training import run_experiment

    configure_console()
    runtime = HydraConfig.get()
    record = run_experiment(
        to_settings(config), list(runtime.overrides.task), Path(runtime.runtime.output_dir).resolve()
    )
    return float(record.training["val_accuracy"])


if __name__ == "__main__":
    main()
