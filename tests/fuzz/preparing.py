"""What `fsdd-train` does with its words and data before it trains, a tenth of its time: a `main` for the zygote."""

from __future__ import annotations

import logging
import sys

from fsdd_lightning.console.command_line import run_command


def main() -> None:
    """Compose, find or download the recordings, read them all, and their features."""
    logging.getLogger().addHandler(logging.NullHandler())  # as fsdd-train, whose log is a file
    run_command(_prepare)


def _prepare() -> None:
    from fsdd_lightning.config.load import register_resolvers
    from fsdd_lightning.data.preparation import prepare_data
    from fsdd_lightning.runs.plan import plan_run
    from fsdd_lightning.sweeps.compose import compose_trials, hydra_errors

    register_resolvers()
    with hydra_errors():
        ((_, config),) = compose_trials(sys.argv[1:], multirun=False)
        config = plan_run(config).config
    data = prepare_data(config.data, config.split, config.features, listener=config.listener)
    for note in data.notes:
        print(f"note: {note}", file=sys.stderr)
