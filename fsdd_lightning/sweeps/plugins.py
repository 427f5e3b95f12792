"""Our own Hydra plugins, known to Hydra without a top-level `hydra_plugins` folder beside the package."""

from __future__ import annotations

# Hydra instantiates only what is called so, and looks the class up by that name.
_NAMESPACE = "hydra_plugins.fsdd_lightning"


def register_plugins() -> None:
    """Make our launcher and sweeper known. The packages that they build on are imported when they are used."""
    from hydra.core.plugins import Plugins

    from fsdd_lightning.sweeps.launchers.local_queue import LimitedLocalLauncher
    from fsdd_lightning.sweeps.search.sweeper import ParetoSweeper

    for plugin in (LimitedLocalLauncher, ParetoSweeper):
        Plugins.instance().class_name_to_class[f"{_NAMESPACE}.{plugin.__name__}"] = plugin
