"""Launchers and searches are extras: what they need, and one clear line where it is not installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from fsdd_lightning.errors import UserError

# Hydra option: (package that brings it, extra of ours that installs it)
_LAUNCHERS = {
    "joblib": ("hydra_plugins.hydra_joblib_launcher", "parallel"),
    "submitit_local": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "submitit_slurm": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "ray": ("hydra_plugins.hydra_ray_launcher", "ray"),
}
_ABOUT_SWEEPS = ("hparams_search", "hydra/launcher", "hydra/sweeper")


def check_launcher(overrides: Sequence[str]) -> None:
    """Reject a command line that chooses a launcher whose package is missing.

    Raises:
        UserError: naming the extra to install.
    """
    for text in overrides:
        key, _, value = text.lstrip("+").partition("=")
        if key == "hydra/launcher" and value in _LAUNCHERS:
            package, extra = _LAUNCHERS[value]
            require(package, extra, what=text.lstrip("+"))


def check_alone(overrides: Sequence[str]) -> None:
    """Reject a command line without -m that chooses what is about sweeps: Hydra would ignore it silently.

    Raises:
        UserError: naming the choice.
    """
    for text in overrides:
        key, _, value = text.lstrip("+").partition("=")
        if key in _ABOUT_SWEEPS and value != "null":
            raise UserError(f"{text} is about sweeps: add -m")


def require(package: str, extra: str, what: str) -> None:
    """Reject `what` where `package` is not installed.

    Raises:
        UserError: naming the extra to install.
    """
    if not _is_installed(package):
        raise UserError(f"{what} needs an extra that is not installed: pip install 'fsdd_lightning[{extra}]'")


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # the namespace package that it would stand in
        return False
