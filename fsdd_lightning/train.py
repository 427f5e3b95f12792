"""`fsdd-train`: one experiment, or with -m a sweep of them. Config groups and keys: `fsdd-train --help`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fsdd_lightning.console.command_line import run_command
from fsdd_lightning.console.lines import say_lines, visible_stdout

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from fsdd_lightning.runs.plan import RunPlan


def main() -> None:
    """Entry point of the command."""
    run_command(_launch)


def _launch() -> None:
    # Hydra would print its exceptions and exit with 1; this makes it raise them.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    from fsdd_lightning.config.load import register_resolvers
    from fsdd_lightning.config.portable import start_portable, wants_portable
    from fsdd_lightning.runs.state import check_folder
    from fsdd_lightning.sweeps.command_line.arguments import read_arguments
    from fsdd_lightning.sweeps.command_line.help import help_text
    from fsdd_lightning.sweeps.compose import check_command, config_errors, hydra_errors
    from fsdd_lightning.sweeps.launchers import check_alone, check_launcher, silence_schema_matching
    from fsdd_lightning.sweeps.plugins import register_plugins
    from fsdd_lightning.sweeps.resume import resumed
    from fsdd_lightning.sweeps.task import run_trial

    register_resolvers()
    silence_schema_matching()
    with hydra_errors():
        before = resumed(sys.argv[1:])
        arguments = read_arguments(before.words if before else sys.argv[1:])
        if arguments.help:
            with config_errors():
                say_lines(help_text(arguments.overrides, arguments.config_dir))
            return
        sys.argv[1:] = arguments.words  # Hydra reads them again
        check_launcher(arguments.words)
        composed = check_command(arguments.words)
        if wants_portable(plan.config.trainer.portable for _, plan in composed.trials):
            start_portable()
        register_plugins(composed)
        if arguments.is_question:
            with config_errors(), visible_stdout():
                _answer(run_trial)
            return
        if arguments.multirun:
            _hydra_main(run_trial)
            return
        for _, plan in composed.trials:
            check_alone(arguments.words)
            before.check(plan) if before else _name_twin(plan)
        if composed.folder is not None:
            check_folder(composed.folder)  # before Hydra writes to it
        _run_alone(run_trial)


def _hydra_main(task: Callable[[DictConfig], Any]) -> None:
    import hydra

    from fsdd_lightning.config.load import CONFIG_NAME, config_directory
    from fsdd_lightning.sweeps.launchers import Job

    hydra.main(str(config_directory()), CONFIG_NAME, version_base="1.3")(Job(task))()


def _answer(task: Callable[[DictConfig], Any]) -> None:
    """--cfg and the like. Where Hydra prints what is wrong and exits, that is our line."""
    import contextlib
    import io

    from fsdd_lightning.errors import UserError

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            _hydra_main(task)
    except SystemExit as end:
        if end.code:
            raise UserError(" ".join(said.getvalue().split())) from end
        raise


def _run_alone(run_trial: Callable[[DictConfig], Any]) -> None:
    """A single run. Hydra must not see its exception: it would print a hint of its own."""
    failures: list[Exception] = []

    def task(config: DictConfig) -> None:
        try:
            run_trial(config)
        except Exception as error:
            failures.append(error)
        except BaseException:  # Ctrl-C, SIGTERM, SIGHUP
            _name_resumption()
            raise

    _hydra_main(task)
    if failures:
        raise failures[0]


def _name_twin(plan: RunPlan) -> None:
    """Print that the same run was interrupted, if one was: it could go on instead of beginning again."""
    from pathlib import Path

    from fsdd_lightning.console.summary import print_note, short_path
    from fsdd_lightning.sweeps.resume import OPTION, interrupted_twins

    for folder in interrupted_twins(plan, Path(plan.config.output_root).resolve() / "single")[:1]:
        shown = short_path(folder)
        print_note(f"{shown} is the same run, interrupted: fsdd-train {OPTION} {shown} goes on with it")


def _name_resumption() -> None:
    """Print how the run that was just interrupted can go on; nothing where it is done but for its pictures."""
    from contextlib import suppress
    from pathlib import Path

    from hydra.core.hydra_config import HydraConfig

    from fsdd_lightning.console.summary import short_path
    from fsdd_lightning.console.terminal import console
    from fsdd_lightning.errors import UserError
    from fsdd_lightning.runs.record import read_record
    from fsdd_lightning.sweeps.resume import OPTION

    folder = Path(HydraConfig.get().runtime.output_dir).resolve()
    with suppress(UserError):
        if read_record(folder).status == "interrupted":
            console.print(f"fsdd-train {OPTION} {short_path(folder)} goes on with it", soft_wrap=True)


if __name__ == "__main__":
    main()
