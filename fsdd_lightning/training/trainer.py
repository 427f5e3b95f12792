"""What Lightning's trainer gets of the config: arguments, callbacks, loggers; and which device there is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelSummary, ProgressBar
from pytorch_lightning.profilers import AdvancedProfiler, PassThroughProfiler, Profiler, PyTorchProfiler, SimpleProfiler

from fsdd_lightning.config.schema import Config, TrainerConfig
from fsdd_lightning.console.terminal import console
from fsdd_lightning.data.datamodule import batches_per_epoch, evaluation_batches
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.errors import UserError
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.training.instantiate import make_tool
from fsdd_lightning.training.optimization import Optimization
from fsdd_lightning.training.progress import ProgressLine

# Passed on as they are where they are set; the others are translated below or shown by callbacks.
_PASSED = (
    *("accelerator", "devices", "precision", "accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm"),
    *("num_sanity_val_steps", "log_every_n_steps", "detect_anomaly", "inference_mode"),
)
_WORTH_IT = 5_000_000  # parameters times clips of a step
_PROFILERS: dict[str, type[Profiler]] = {
    "simple": SimpleProfiler,
    "advanced": AdvancedProfiler,
    "pytorch": PyTorchProfiler,
}


def trainer_arguments(config: TrainerConfig, epochs: int, data: PreparedData, batch_size: int) -> dict[str, Any]:
    """Keyword arguments of `pl.Trainer` for a stage of so many epochs; what is None stays Lightning's default."""
    passed = {name: getattr(config, name) for name in _PASSED if getattr(config, name) is not None}
    if isinstance(config.devices, tuple):
        passed["devices"] = list(config.devices)
    training = training_batches(config, data, batch_size)
    validation = training if config.overfit_batches else evaluation_batches(len(data.split.val))
    limits = {
        "limit_train_batches": training,
        "limit_val_batches": _limited(config.limit_val_batches, config, validation),
    }
    if config.min_epochs is not None:
        passed["min_epochs"] = min(config.min_epochs, epochs)
    # On a CPU all that is used here is deterministic anyway.
    deterministic = {} if config.accelerator == "cpu" else {"deterministic": True}
    return passed | limits | deterministic | {"max_epochs": epochs}


def stage_epochs(config: TrainerConfig, epochs: int) -> int:
    """How many of a stage's epochs are trained: all, or one as a fast development run."""
    return 1 if config.fast_dev_run else epochs


def training_batches(config: TrainerConfig, data: PreparedData, batch_size: int) -> int:
    """Of an epoch."""
    whole = batches_per_epoch(data, batch_size)
    return _limited(config.limit_train_batches, config, min(config.overfit_batches or whole, whole))


def steps_per_epoch(config: TrainerConfig, data: PreparedData, batch_size: int) -> int:
    """Of the optimizer."""
    return -(-training_batches(config, data, batch_size) // (config.accumulate_grad_batches or 1))


def _limited(limit: float | None, config: TrainerConfig, whole: int) -> int:
    """Batches of `whole`: so many, or that share, though at least one."""
    limited = whole if limit is None else int(limit * whole) if isinstance(limit, float) else min(limit, whole)
    return max(1, min(limited, int(config.fast_dev_run) or whole))


def make_callbacks(config: Config, folder: Path) -> list[pl.Callback]:
    """Those of the group `callbacks`; without a terminal, none that only displays.

    Raises:
        UserError: a class that does not exist, is no callback, or does not take its arguments.
    """
    on_terminal = sys.stdout.isatty() and not console.quiet
    tools = {name: tool for name, tool in config.callbacks.items() if tool is not None}
    made = [make_tool(f"callbacks.{name}", tool, pl.Callback, folder) for name, tool in tools.items()]
    bars, summaries = config.trainer.enable_progress_bar, on_terminal and config.trainer.enable_model_summary
    hidden: tuple[type, ...] = () if summaries else (ModelSummary,)
    made = [callback for callback in made if not isinstance(callback, hidden)]
    # Our own line knows what to do without a terminal.
    return [one for one in made if not isinstance(one, ProgressBar) or (bars and (on_terminal or _is_ours(one)))]


def _is_ours(callback: pl.Callback) -> bool:
    return isinstance(callback, ProgressLine)


def shows_progress(callbacks: Sequence[pl.Callback]) -> bool:
    """Whether one of them is a progress bar."""
    return any(isinstance(callback, ProgressBar) for callback in callbacks)


class NoProfiler(PassThroughProfiler):
    """Lightning's own makes a generator for each of a step's hundred actions."""

    def profile(self, action_name: str) -> nullcontext[None]:  # type: ignore[override]
        """Nothing, once for all."""
        return _UNWATCHED


_UNWATCHED = nullcontext()


def make_profiler(config: TrainerConfig, folder: Path, stage: str) -> Profiler:
    """It writes its report to the run folder, where one is asked for."""
    if config.profiler is None:
        return NoProfiler()
    return _PROFILERS[config.profiler](dirpath=folder, filename=f"profile_{stage}")


def gpu_note(config: TrainerConfig, shape: NetworkShape, batch_size: int) -> str | None:
    """Why an accelerator is not worth it here, if it is not.

    A step of 2x24 and 64 clips takes one core 9 ms, of 2x64 19 ms, of 2x128 54 ms, of 2x512 426 ms, at 36 frames: what
    is below is the starting of thousands of small operations rather than their arithmetic.
    """
    parameters = shape.parameters
    if config.accelerator == "cpu" or parameters * batch_size >= _WORTH_IT:
        return None
    return (
        f"trainer.accelerator={config.accelerator} is hardly worth it: with {parameters:,} parameters and {batch_size} "
        "clips a step takes one CPU core 10 to 20 ms, most of it to start operations, which a GPU does not shorten; "
        "trials side by side (hydra/launcher=joblib) gain more"
    )


def debug_note(config: TrainerConfig) -> str | None:
    """That a run on a part of the data shows nothing of a network but that it trains."""
    parts = ("fast_dev_run", "overfit_batches", "limit_train_batches")
    set_here = [f"trainer.{name}={getattr(config, name)}" for name in parts if getattr(config, name)]
    return f"{', '.join(set_here)}: to look for errors; its numbers are no result" if set_here else None


def check_tools(config: Config, folder: Path) -> None:
    """Reject what would only fail once the data are there: a device, a class, a package, an argument.

    Raises:
        UserError: naming the config key.
    """
    check_accelerator(config.trainer)
    Optimization.of(config).check()
    make_callbacks(config, folder)


def check_accelerator(config: TrainerConfig) -> None:
    """Reject an accelerator that torch does not find here.

    Raises:
        UserError: saying what to do.
    """
    kind, number = config.accelerator, config.devices[0] if isinstance(config.devices, tuple) else 0
    found = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    devices = max(found["cuda"], found["mps"]) if kind == "gpu" else found[kind]
    if number < devices:
        return
    if devices and kind != "cpu":
        raise UserError(f"trainer.devices=[{number}]: there is no such device, torch finds {devices} (from 0)")
    if kind == "cpu":
        raise UserError(f"trainer.devices=[{number}] is about GPUs: a CPU is devices=1")
    raise UserError(
        f"trainer.accelerator={kind}: torch {torch.__version__} finds none here; leave it out to train on the CPU, or "
        "install a torch that knows your GPU (https://pytorch.org/get-started)"
    )
