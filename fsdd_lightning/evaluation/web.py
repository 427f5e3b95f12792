"""Runs as networks of a web page: what the page computes with, what it checks itself by, and what it tells of each."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import fsdd_lightning
from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.fixed_point import Int16Array
from fsdd_lightning.arithmetic.listener import Listener, Listening
from fsdd_lightning.arithmetic.ranges import NarrowRowsError
from fsdd_lightning.artifacts import replace_file
from fsdd_lightning.config.schema import Config
from fsdd_lightning.data.words import DIGITS, NO_WORDS
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.backends import logit_step, recorded_temperature, torch_backend
from fsdd_lightning.evaluation.deployment import kept_golden_clips, model_name
from fsdd_lightning.evaluation.stream import FLOAT_STEP, BackendListener
from fsdd_lightning.export.golden import random_clips
from fsdd_lightning.export.web.golden import WebGolden
from fsdd_lightning.export.web.image import ear_image, network_image
from fsdd_lightning.export.web.page import FloatLayer, FloatWeights, WebNetwork, render_page
from fsdd_lightning.memory.instructions import core_costs
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.runs.expected import expectations
from fsdd_lightning.runs.folder import Run

CORE, CORE_NAME = "M4", "Cortex-M4"  # whose instructions a page tells


def export_page(runs: Sequence[Run], path: Path, title: str | None = None) -> None:
    """Write a page on which these runs, one or two, hear the same sound.

    Raises:
        UserError: a run without a way from samples to words, or whose network a page can't compute.
    """
    networks = [web_network(run, clips) for run, clips in zip(runs, _golden_clips(runs), strict=True)]
    text = render_page(
        _distinct(networks, runs),
        title=title or model_name(runs[0].checkpoint.labels),
        command=shlex.join(["fsdd-export", *(run.folder.resolve().name for run in runs), "--format", "web"]),
        file=path.name,
        version=f"fsdd_lightning {fsdd_lightning.__version__}",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.encode("utf-8"))


def _distinct(networks: Sequence[WebNetwork], runs: Sequence[Run]) -> list[WebNetwork]:
    """With the names of their folders where they are of one mode and size."""
    if len({network.name for network in networks}) == len(networks):
        return list(networks)
    folders = [run.folder.resolve().name for run in runs]
    return [replace(one, name=f"{one.name}, {folder}") for one, folder in zip(networks, folders, strict=True)]


def _golden_clips(runs: Sequence[Run]) -> list[Sequence[Int16Array]]:
    """Of each run those that the first one of its rate has kept: what is the same takes room once. Else noise."""
    kept: dict[int, Sequence[Int16Array]] = {}
    for run in runs:
        golden = None if run.deployment is None else kept_golden_clips(run.deployment, run.folder)
        if golden is not None and golden.samples:
            kept.setdefault(run.config.features.sample_rate_hz, golden.samples)
    return [kept.get(run.config.features.sample_rate_hz) or random_clips(_listening(run).front_end) for run in runs]


def web_network(run: Run, clips: Sequence[Int16Array]) -> WebNetwork:
    """What a page needs of a run, see `export_page`. `clips`: (samples,) each, of which it checks itself by some."""
    listening = _listening(run)
    labels = run.checkpoint.labels
    deployment = run.deployment
    parts = _float_parts(run, listening, clips) if deployment is None else _integer_parts(run, deployment, clips)
    return WebNetwork(
        name=f"{run.config.quantization.name} {_size(run)}",
        labels=labels,
        none=tuple(at for at, label in enumerate(labels) if label in NO_WORDS),
        listening=listening,
        longest_frames=run.config.features.max_frames,
        facts=web_facts(run),
        **parts,
    )


def _listening(run: Run) -> Listening:
    mode = run.config.quantization
    if run.listening is None:
        raise UserError(
            f"the run in {run.folder} has features={run.config.features.kind}, which need float and whole clips, and a "
            "page hears samples: export a run with features=integer"
        )
    if mode.baseline is not None:
        raise UserError(
            f"the run in {run.folder} is {mode.name}, which PyTorch alone computes: "
            "export a run with quantization=int8_ptq or float32"
        )
    return run.listening


def _size(run: Run) -> str:
    shape = run.checkpoint.network.shape
    return f"{shape.layers}x{shape.hidden_size}"


# ---- what the page computes


def _integer_parts(run: Run, deployment: Deployment, clips: Sequence[Int16Array]) -> dict[str, Any]:
    listening, model = deployment.listening, deployment.model
    assert listening is not None

    try:
        image = network_image(deployment)
    except NarrowRowsError as error:
        raise UserError(f"no page of the run in {run.folder}: {error}") from error
    return {
        "image": image,
        "logit_step": logit_step(model),
        "temperature": recorded_temperature(run.record.calibration, "integer"),
        "golden": WebGolden.of(clips, Listener(model, listening)),
    }


def _float_parts(run: Run, listening: Listening, clips: Sequence[Int16Array]) -> dict[str, Any]:
    backend = torch_backend(run.checkpoint.float_network)
    return {
        "image": ear_image(listening),
        "float_weights": float_weights(run.checkpoint.float_network),
        "logit_step": FLOAT_STEP,
        "temperature": recorded_temperature(run.record.calibration, "float"),
        "golden": WebGolden.of(clips, BackendListener(listening, backend, FLOAT_STEP)),
    }


def float_weights(network: LSTMClassifier) -> FloatWeights:
    """Of a network, for the page's script."""
    arrays = {name: value.detach().numpy() for name, value in network.state_dict().items()}

    def layer(k: int) -> FloatLayer:
        bias = arrays[f"lstm.bias_ih_l{k}"] + arrays[f"lstm.bias_hh_l{k}"]
        return FloatLayer(arrays[f"lstm.weight_ih_l{k}"], arrays[f"lstm.weight_hh_l{k}"], bias)

    layers = tuple(map(layer, range(network.shape.layers)))
    return FloatWeights(layers, arrays["output.weight"], arrays["output.bias"])


# ---- what the page tells


def web_facts(run: Run) -> dict[str, Any]:
    """Of a run, for `networks` of the page's data: JSON values."""
    record, dataset = run.record, run.record.dataset
    return {
        "mode": run.config.quantization.name,
        "size": _size(run),
        "flash_bytes": record.memory["flash_bytes"],
        "ram_bytes": record.memory["ram_bytes"],
        "instructions": _instructions(run.config, run.checkpoint.network.shape, run.checkpoint.weight_code),
        "expected": [asdict(expectation) for expectation in expectations(record)],
        "experiment": f"{record.name}, seed {record.seed}",
        "recordings": f"{dataset['name']}, {dataset['recordings']:,} recordings, split {record.split['name']}",
        "command": shlex.join(["fsdd-train", *record.overrides]),
        "train_on": _train_on(run.checkpoint.labels),
    }


def _train_on(labels: Sequence[str]) -> str:
    """The command that adds recordings of the page to those of a training."""
    if set(labels) <= set(DIGITS):
        return "fsdd-train 'data.root=[fsdd,FOLDER]'"
    return "fsdd-train data=words data.layout=fsdd data.root=FOLDER"


def _instructions(config: Config, shape: NetworkShape, code_name: str | None) -> dict[str, Any] | None:
    """Of one frame of a word, to three digits, by the formulas of memory/; None where they don't know it."""
    core = next((core for core in core_costs() if core.name == CORE), None)
    if core is None or code_name not in core.networks:
        return None
    front_end = core.front_end(config.front_end)
    if front_end is None:
        return None
    network = core.networks[code_name].frame.instructions(shape)
    return {"core": CORE_NAME, "frame": int(float(f"{network + front_end.instructions:.3g}"))}
