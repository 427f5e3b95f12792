"""From the config's tool groups to objects: optimizer, schedule, callbacks, loggers.

Called while training, with what was composed just now, and for nothing that is read from a run folder. A class may be
one of your own: modules are looked up in the working folder, too.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from fsdd_lightning.config.tools import RUN_FOLDER
from fsdd_lightning.errors import UserError

Kind = TypeVar("Kind")
# What a tool asks for, and what brings it.
_PACKAGES = {"mlflow": "mlflow", "wandb": "wandb", "comet_ml": "comet-ml", "neptune": "neptune"}


def make_tool(key: str, tool: Mapping[str, Any], kind: type[Kind], folder: Path) -> Kind:
    """The object of a config mapping; `folder` takes the place of ${run_folder:}.

    Raises:
        UserError: no such class, a missing package, wrong arguments, or another kind of object.
    """
    made = _made(key, _in_folder(dict(tool), folder))
    if not isinstance(made, kind):
        raise UserError(f"{key}: {tool['_target_']} is no {kind.__module__.partition('.')[0]} {kind.__name__}")
    return made


def make_partial(key: str, tool: Mapping[str, Any]) -> Callable[..., Any]:
    """The function of a mapping with `_partial_`.

    Raises:
        UserError: no such class.
    """
    made: Callable[..., Any] = _made(key, dict(tool))
    return made


def _made(key: str, tool: dict[str, Any]) -> Any:
    try:
        with _working_folder_importable():
            return instantiate(tool, _convert_="all")
    except InstantiationException as error:
        raise UserError(f"{key}: {_why(error)}") from error


def _why(error: BaseException) -> str:
    """One line: Hydra's own message names the call, its cause what went wrong in it."""
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    text = next(iter(str(root).splitlines()), type(root).__name__)
    package = next((pip for name, pip in _PACKAGES.items() if re.search(rf"['`]{name}\b", text)), None)
    if isinstance(root, ImportError) and package is not None:
        return f"needs a package that is not installed: pip install {package}"
    return text if isinstance(root, ImportError | InstantiationException) else f"{type(root).__name__}: {text}"


def _in_folder(value: Any, folder: Path) -> Any:
    if isinstance(value, str):
        return value.replace(RUN_FOLDER, str(folder))
    if isinstance(value, Mapping):
        return {key: _in_folder(inner, folder) for key, inner in value.items()}
    return [_in_folder(inner, folder) for inner in value] if isinstance(value, list | tuple) else value


@contextmanager
def _working_folder_importable() -> Iterator[None]:
    """An installed command does not look there by itself."""
    here = str(Path.cwd())
    if here in sys.path:
        yield
        return
    sys.path.append(here)
    try:
        yield
    finally:
        sys.path.remove(here)
