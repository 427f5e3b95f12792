"""Our own Hydra plugins, known to Hydra without a top-level `hydra_plugins` folder beside the package."""

from __future__ import annotations

from hydra.core.plugins import Plugins

from fsdd_lightning.sweeps.compose import BASIC_SWEEPER, ComposedSweep
from fsdd_lightning.sweeps.launchers import LimitedLocalLauncher
from fsdd_lightning.sweeps.search.sweeper import ParetoSweeper
from fsdd_lightning.sweeps.sweeper import ResumingSweeper

# Hydra instantiates only classes of this namespace and of its own, and looks them up by name.
_NAMESPACE = "hydra_plugins.fsdd_lightning"


def register_plugins(sweep: ComposedSweep) -> None:
    """Register our launcher and sweepers; `ResumingSweeper` replaces Hydra's basic one. Both sweepers run `sweep`."""
    ResumingSweeper.composed = sweep  # Hydra creates the sweeper itself, from its config alone
    known = Plugins.instance().class_name_to_class
    known[BASIC_SWEEPER] = ResumingSweeper
    for plugin in (LimitedLocalLauncher, ParetoSweeper):
        known[f"{_NAMESPACE}.{plugin.__name__}"] = plugin
