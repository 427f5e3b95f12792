"""`fsdd-train`: one experiment, or with -m a sweep of them. Settings and groups: `fsdd-train --help`."""

from __future__ import annotations

import os
import sys

from fsdd_lightning.command_line import run_command


def main() -> None:
    """Entry point of the command."""
    run_command(_launch)


def _launch() -> None:
    # Hydra would put its exceptions in its own words and exit with 1; this makes it hand them to us.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    import hydra

    from fsdd_lightning.cell_task import run_cell
    from fsdd_lightning.composition import check_command, hydra_errors
    from fsdd_lightning.configuration import CONFIG_NAME, config_directory, register_resolvers
    from fsdd_lightning.sweeping import register_sweeper

    register_resolvers()
    with hydra_errors():
        register_sweeper(check_command(sys.argv[1:]))
        hydra.main(config_path=str(config_directory()), config_name=CONFIG_NAME, version_base="1.3")(
            run_cell
        )()


if __name__ == "__main__":
    main()
