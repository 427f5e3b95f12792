"""The scales of `WeightCode.row_scales`, found fast enough for every training step.

A candidate scale is ratio * max|w| / largest, so a weight's squared error depends on |w| / max|w| alone. One
table, made by the code itself, holds it for every ratio; summing its rows ranks all candidates at once. The
table is coarse, so the best few are then compared exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from fsdd_lightning.arithmetic.fixed_point import Float64Array
from fsdd_lightning.arithmetic.weight_codes import SMALLEST_SCALE, WeightCode

TABLE_SIZE = 4096  # positions of |w| / max|w|; with 22 ratios 360 KB, which stays in the processor's cache
# Candidates compared exactly. With 1, one row in 300 got its second-best scale; with 2, none of 108,000.
SHORTLIST = 2


@dataclass(frozen=True)
class FastSearch(WeightCode):
    """`code` with a faster `row_scales`, for quantizing only."""

    code: WeightCode
    errors: Tensor = field(init=False, compare=False)  # (TABLE_SIZE, ratios) float32

    def __post_init__(self) -> None:
        object.__setattr__(self, "errors", _error_table(self.code))
        object.__setattr__(self, "narrow_rows", self.code.narrow_rows)

    def nearest_levels(self, ratios: Float64Array) -> Float64Array:
        return self.code.nearest_levels(ratios)

    def row_scales(self, weights: NDArray[Any]) -> Float64Array:
        magnitudes = np.abs(np.ascontiguousarray(weights, dtype=np.float64))
        peaks = magnitudes.max(axis=1)
        ratios = np.array(self.code.scale_ratios)
        widest = peaks / self.code.largest
        if not np.isfinite(peaks).all() or widest.min() * ratios.min() < SMALLEST_SCALE:
            return self.code.row_scales(weights)  # raises, or limits a scale, which the table does not do
        candidates = widest * ratios[self._shortlist(magnitudes, peaks)]  # (SHORTLIST, rows)
        errors = [self._error(magnitudes, scales) for scales in candidates]
        best: Float64Array = candidates[np.argmin(errors, axis=0), np.arange(len(peaks))]
        return best

    def _shortlist(self, magnitudes: Float64Array, peaks: Float64Array) -> NDArray[np.int64]:
        """(SHORTLIST, rows) positions in `scale_ratios`, ascending: the first one wins a tie."""
        positions = magnitudes * ((TABLE_SIZE - 1) / peaks)[:, None] + 0.5
        sums = F.embedding_bag(torch.from_numpy(positions.astype(np.int32)), self.errors, mode="sum")
        shortlist = sums.topk(min(SHORTLIST, sums.shape[1]), dim=1, largest=False, sorted=False).indices
        ascending: NDArray[np.int64] = shortlist.sort(dim=1).values.t().numpy()
        return ascending

    def _error(self, magnitudes: Float64Array, scales: Float64Array) -> Float64Array:
        """(rows,) as WeightCode computes it, operation by operation."""
        ratios = magnitudes / scales[:, None]
        ratios -= self.code.nearest_levels(ratios)
        error: Float64Array = np.square(ratios, out=ratios).sum(axis=1) * np.square(scales)
        return error


def with_fast_search(code: WeightCode) -> WeightCode:
    """`code` with a fast search; `code` itself if it has a single ratio or its own `row_scales`."""
    searches = len(code.scale_ratios) > 1 and type(code).row_scales is WeightCode.row_scales
    return FastSearch(code) if searches else code


def _error_table(code: WeightCode) -> Tensor:
    relative = np.linspace(0.0, 1.0, TABLE_SIZE)[:, None]
    ratios = np.array(code.scale_ratios)
    levels = relative * (code.largest / ratios)
    errors = np.square((levels - code.nearest_levels(levels)) * ratios)
    return torch.from_numpy(errors.astype(np.float32))
