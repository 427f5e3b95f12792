"""How Lightning writes checkpoints here: like all other files, in one step and beside their place."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from fsdd_lightning.artifacts import replace_file


class WholeCheckpoints(TorchCheckpointIO):
    """Lightning's own way leads through the folder of temporary files.

    It may be full or missing, and from another disk a file is moved by copying it: a kill then leaves half of one.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Replace it in one step."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        replace_file(Path(path), content.getvalue())
