"""What launchers complain about: in one line that says how to mend it, or not at all."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from fsdd_lightning.errors import UserError

# what an error's text contains: what to tell
_MENDABLE = {
    "Could not find any running Ray instance": (
        "hydra/launcher=ray: no Ray cluster runs here; start one with `ray start --head`"
    ),
    'Could not detect "srun"': (
        "hydra/launcher=submitit_slurm: there is no Slurm on this machine (no srun on PATH); "
        "hydra/launcher=submitit_local runs the same way without"
    ),
}


@contextmanager
def launcher_errors() -> Iterator[None]:
    """Turn what the user can mend into a UserError; all else goes on upwards as it is."""
    try:
        yield
    except Exception as error:
        for text, told in _MENDABLE.items():
            if text in str(error):
                raise UserError(told) from error
        raise


def silence_schema_matching() -> None:
    """Hydra warns that it checks conf/hydra/launcher/X.yaml against the schema of the plugin of that name: welcome."""
    warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/\w+' is validated against")
