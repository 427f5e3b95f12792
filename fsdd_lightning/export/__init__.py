"""The integer network as C: files for a firmware project, and the same C compiled for this machine."""

from __future__ import annotations

from fsdd_lightning.config.schema import Target
from fsdd_lightning.export.c_export import ExportedModel, export_c
from fsdd_lightning.export.compiler import CompilerMissing
from fsdd_lightning.export.golden import GoldenVectors
from fsdd_lightning.export.host import HostNetwork, compile_host

__all__ = ["CompilerMissing", "ExportedModel", "GoldenVectors", "HostNetwork", "Target", "compile_host", "export_c"]
