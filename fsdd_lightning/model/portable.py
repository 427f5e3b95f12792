"""`trainer.portable` within torch: what variables of the environment do not reach (see `config/portable.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from fsdd_lightning.errors import UserError

# Their steps are products, sums and torch's own square root.
_WITH_FUSED_STEP = (torch.optim.Adam, torch.optim.AdamW)
_WITHOUT_SQUARE_ROOT = (torch.optim.SGD,)


@contextmanager
def portable_kernels(portable: bool) -> Iterator[None]:
    """Within, `nn.LSTM` takes torch's own kernels instead of oneDNN's, which are made to fit a processor's caches."""
    if not portable:
        yield
        return
    with torch.backends.mkldnn.flags(enabled=False, allow_tf32=None):
        yield


def portable_optimizer(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """The same, with steps that give the same bits everywhere.

    `torch.sqrt` is MKL's, which starts from an approximation that every maker's processors compute differently. The
    fused steps have an exact square root.

    Raises:
        UserError: an optimizer of which that is not known.
    """
    if type(optimizer) in _WITH_FUSED_STEP:
        for group in optimizer.param_groups:
            group["fused"], group["foreach"] = True, False
    elif type(optimizer) not in _WITHOUT_SQUARE_ROOT:
        known = ", ".join(kind.__name__ for kind in (*_WITH_FUSED_STEP, *_WITHOUT_SQUARE_ROOT))
        raise UserError(f"trainer.portable=true knows the optimizers {known}, not {type(optimizer).__name__}")
    return optimizer
