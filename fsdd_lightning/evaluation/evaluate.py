"""Every view of a network on the same clips: what it recognises, how well, and whether the views agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from fsdd_lightning.arithmetic.integer_lstm import network_logits, quantize_features
from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.baselines.torch_ao import BASELINES, Baseline
from fsdd_lightning.data.digits import CLASSES
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.evaluation.scores import ViewScore, score
from fsdd_lightning.export import HostNetwork
from fsdd_lightning.model.checkpoint import Checkpoint
from fsdd_lightning.model.fake_quantization import QuantizedView
from fsdd_lightning.model.inference import float_logits
from fsdd_lightning.runs.record import RunRecord


@dataclass(frozen=True, eq=False)
class Clips:
    """features float32 (N, T, C) standardised, lengths and labels int64 (N,)."""

    features: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Evaluation:
    """logits (clips, classes) and scores of each view by name, over the same clips in the same order."""

    logits: dict[str, np.ndarray]
    scores: dict[str, ViewScore]

    def predictions(self, view: str) -> np.ndarray:
        """Recognised classes, int64 (clips,); the lowest index wins a tie."""
        return np.asarray(np.argmax(self.logits[view], axis=1))

    def agreement(self) -> dict[str, float]:
        """Share of clips that neighbouring views, in the order of the data flow, recognise alike."""
        pairs = (("float", "integer"), ("quantized", "integer"), ("integer", "c"))
        return {
            f"{one}_{other}": float((self.predictions(one) == self.predictions(other)).mean())
            for one, other in pairs
            if one in self.logits and other in self.logits
        }

    def write_to(self, record: RunRecord) -> None:
        """Fill the record's `views` and `agreement`."""
        record.views = {name: each.as_record() for name, each in self.scores.items()}
        record.agreement = self.agreement()


def baseline_of(name: str | None, checkpoint: Checkpoint, data: PreparedData) -> Baseline | None:
    """PyTorch's own quantisation of the float network, calibrated on the training clips; None where none is asked for.

    Raises:
        UserError: an unknown name.
    """
    if name is None:
        return None
    if name not in BASELINES:
        raise UserError(f"quantization.baseline: there is no {name!r}; there are {', '.join(BASELINES)}")
    clips = clips_at(data, data.split.train)
    return BASELINES[name](
        checkpoint.float_network, torch.from_numpy(clips.features), torch.from_numpy(clips.lengths)
    )


def clips_at(data: PreparedData, positions: np.ndarray) -> Clips:
    """The clips at these positions of the recordings."""
    return Clips(data.features[positions], data.lengths[positions], data.labels[positions])


View = Callable[[Clips], np.ndarray]  # logits (N, classes)


def views_of(
    checkpoint: Checkpoint,
    model: IntegerModel | None,
    baseline: Baseline | None = None,
    host: HostNetwork | None = None,
) -> dict[str, View]:
    """Every way to look at a network, by name and in the order of the data flow.

    `model` is the integer model that is deployed, None for float32; `host` its C, where it could be compiled;
    `baseline` stands for the quantised view of a network that PyTorch itself has quantised.
    """
    views: dict[str, View] = {"float": partial(_network_logits, checkpoint.float_network)}
    if baseline is not None:
        views["quantized"] = partial(_network_logits, baseline.network)
    if model is not None:
        views["quantized"] = partial(quantized_logits, checkpoint)
        views["integer"] = partial(integer_logits, model)
    if host is not None:
        views["c"] = partial(c_logits, host)
    return views


def evaluate_views(views: dict[str, View], clips: Clips) -> Evaluation:
    """Run all views on the same clips.

    Raises:
        RunFailedError: two views that must be equal differ in a single logit of a single clip.
    """
    logits = {name: view(clips) for name, view in views.items()}
    if "integer" in logits:
        for name in {"quantized", "c"} & logits.keys():
            _require_equal(name, logits[name], logits["integer"])
    scores = {name: score(np.argmax(each, axis=1), clips.labels, CLASSES) for name, each in logits.items()}
    return Evaluation(logits, scores)


def _network_logits(network: nn.Module, clips: Clips) -> np.ndarray:
    return float_logits(network, clips.features, clips.lengths)


def quantized_logits(checkpoint: Checkpoint, clips: Clips) -> np.ndarray:
    """int32 (N, classes): what torch computes while it looks through the arithmetic."""
    assert checkpoint.weight_code is not None
    view = QuantizedView(checkpoint.network, weight_code(checkpoint.weight_code)).eval()
    return view.integer_logits(torch.from_numpy(clips.features), torch.from_numpy(clips.lengths)).numpy()


def integer_logits(model: IntegerModel, clips: Clips) -> np.ndarray:
    """int32 (N, classes): numpy and integers only, from the quantised features on."""
    return numpy_logits(model, clips.features, clips.lengths)


def numpy_logits(model: IntegerModel, features: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """int32 (N, classes) for float32 features (N, T, C) standardised and lengths (N,).

    On one thread: matrices this small gain nothing from a second one, and on a busy machine threads that wait for each
    other cost a hundred times the work (600 clips of 2x24 units: 0.07 s of processor time, or 2 to 10 s).
    """
    with threadpool_limits(1):
        return network_logits(model, quantize_features(features), lengths)


def c_logits(host: HostNetwork, clips: Clips) -> np.ndarray:
    """int32 (N, classes): the exported C, compiled for this machine."""
    return host.logits(quantize_features(clips.features), clips.lengths)


def _require_equal(name: str, logits: np.ndarray, integer: np.ndarray) -> None:
    unequal = int((logits != integer).any(axis=1).sum())
    if unequal:
        raise RunFailedError(
            f"the {name} view and the integer model differ on {unequal} of {len(integer)} clips: this is a defect of "
            "fsdd_lightning, please report it with the run folder"
        )
