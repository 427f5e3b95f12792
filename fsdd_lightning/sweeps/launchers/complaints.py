"""Errors and warnings of launchers: in one line that says how to mend it, or not at all."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from fsdd_lightning.errors import RunFailedError, UserError

# what an error's text contains: what to raise
_MENDABLE: dict[str, UserError | RunFailedError] = {
    "Could not find any running Ray instance": UserError(
        "hydra/launcher=ray: no Ray cluster runs here; start one with `ray start --head`"
    ),
    'Could not detect "srun"': UserError(
        "hydra/launcher=submitit_slurm: there is no Slurm on this machine (no srun on PATH); "
        "hydra/launcher=submitit_local runs the same way without"
    ),
    "A worker process managed by the executor was unexpectedly terminated": RunFailedError(
        "a worker process of joblib was killed, perhaps for want of memory; run fewer at once with "
        "hydra.launcher.n_jobs"
    ),
}


@contextmanager
def launcher_errors() -> Iterator[None]:
    """Raise what the user can mend as one line; all else goes on upwards as it is.

    Raises:
        UserError: the launcher can't work here at all.
        RunFailedError: it has lost its workers.
    """
    try:
        yield
    except Exception as error:
        for text, answer in _MENDABLE.items():
            if text in str(error):
                raise type(answer)(str(answer)) from error
        raise


def silence_schema_matching() -> None:
    """Hydra warns that it checks conf/hydra/launcher/X.yaml against the schema of the plugin of that name: welcome."""
    warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/\w+' is validated against")
