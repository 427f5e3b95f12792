"""A run with wider rows than today's is evaluated as ever, but for its C, which it no longer has."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from fsdd_lightning.arithmetic import quantize
from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.backends import integer_backend, open_backend, open_backends, quantized_backend
from fsdd_lightning.evaluation.clips import clips_at
from fsdd_lightning.evaluation.deployment import export_run
from fsdd_lightning.evaluation.evaluate import evaluate_backends
from fsdd_lightning.model.fake_quantization import arrays_of
from fsdd_lightning.runs.folder import Run

CODE = "int4"


@pytest.fixture
def earlier(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The run in 4 bits, quantized as an earlier version did."""
    with monkeypatch.context() as patch:
        patch.setattr(quantize, "narrow_rescaling", quantize.wide_rescaling)
        patch.setattr(quantize, "require_narrow_rows", lambda model: None)
        model = quantize.convert(arrays_of(run.checkpoint.network), weight_code(CODE))
    assert run.deployment is not None
    deployment = dataclasses.replace(run.deployment, model=model)
    return dataclasses.replace(
        run, checkpoint=dataclasses.replace(run.checkpoint, weight_code=CODE), deployment=deployment
    )


def test_torch_computes_the_archived_integers(earlier: Run, data: PreparedData) -> None:
    with open_backends(earlier.checkpoint, earlier.deployment) as backends:
        scores = evaluate_backends(backends.by_name, data, data.split.test)
    assert list(scores.logits) == ["float", "quantized", "integer"]
    np.testing.assert_array_equal(scores.logits["quantized"], scores.logits["integer"])
    assert backends.note is not None
    assert backends.note.startswith("no c backend of the network: layer 1, gate i, unit 0: bias")
    assert backends.note.endswith("run it again")


def test_torch_computes_the_integers_of_today_from_the_weights(run: Run, earlier: Run, data: PreparedData) -> None:
    """The positive control: it is not the archive that it reads."""
    model = quantize.convert(arrays_of(run.checkpoint.network), weight_code(CODE))
    assert earlier.deployment is not None
    clips, archived = clips_at(data, data.split.test), earlier.deployment.model
    before, now = (quantized_backend(earlier.checkpoint, one).logits(clips) for one in (archived, model))
    np.testing.assert_array_equal(now, integer_backend(model).logits(clips))
    assert (now != before).any()


def test_its_c_is_refused_in_one_line(earlier: Run, tmp_path: Path) -> None:
    assert earlier.deployment is not None
    with pytest.raises(UserError, match=r"the c backend: layer 1, .*: run it again"), open_backend(earlier, "c", None):
        pass
    with pytest.raises(UserError, match=r"no C files of this run: layer 1, .*: run it again"):
        export_run(earlier.deployment, None, earlier.record, tmp_path / "export")
    assert not (tmp_path / "export").exists()
