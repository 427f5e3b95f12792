"""Networks as a page has them, for the page's scripts under Node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from web_scripts import PAGE, run_scripts

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.front_end import features
from fsdd_lightning.arithmetic.integer_lstm import network_logits
from fsdd_lightning.arithmetic.listener import Listener, WordEvent
from fsdd_lightning.export.web import page
from fsdd_lightning.export.web.golden import WebGolden
from fsdd_lightning.export.web.image import network_image
from fsdd_lightning.export.web.page import WebNetwork

WASM = (PAGE.parent / "fsdd.wasm").read_bytes()
SCRIPTS = page.SCRIPTS[: page.SCRIPTS.index("microphone.js")]  # those that need no browser
EVENTS = """
const eventsOf = (frames) => frames.flatMap(({ event }, at) => event
  ? [[...eventNumbers(event, at), event.logits === null ? null : Array.from(event.logits)]] : []);
"""
RECOGNIZER = EVENTS + "const recognizer = new Recognizer(new WebAssembly.Module(data.wasm), data.image);"
NETWORK = EVENTS + "const network = await openedNetwork(data);"
OPENING = """
async function openedNetwork({ page, pack }) {
  const bytes = await openPack(pack);
  return new Network(page.networks[0], new WebAssembly.Module(bytesAt(bytes, page.wasm)), bytes);
}
"""


def recognized(deployment: Deployment, code: str, **data: Any) -> Any:
    """What `code` answers with `recognizer`, this network, and `data`."""
    data |= {"wasm": WASM, "image": network_image(deployment)}
    return run_scripts(["recognizer.js", "network.js"], RECOGNIZER + code, data)


def opened(network: WebNetwork, code: str, **data: Any) -> Any:
    """What `code` answers with `network` as a page opens it, and `data`."""
    described, pack = page.page_data([network], title="t", command="c", file="f", version="v")
    data |= {"page": described, "pack": pack.text()}
    return run_scripts(SCRIPTS, OPENING + NETWORK + code, data)


def logits_of(deployment: Deployment, clips: Sequence[np.ndarray]) -> np.ndarray:
    """(clips, classes) of numpy."""
    listening = deployment.listening
    assert listening is not None
    frames = [features(listening.front_end, listening.standardization, clip) for clip in clips]
    return np.array([network_logits(deployment.model, clip, len(clip)) for clip in frames]).astype(np.int64)


def events_of(deployment: Deployment, sound: np.ndarray) -> list[list[Any]]:
    """As `eventsOf` of the page's scripts."""
    assert deployment.listening is not None
    return list(map(numbers, Listener(deployment.model, deployment.listening).push(sound)))


def numbers(event: WordEvent) -> list[Any]:
    label = -1 if event.label is None else event.label
    logits = list(event.logits) or None
    return [event.kind, event.frame, event.first, event.frames, label, event.margin, logits]


def web_network(deployment: Deployment, clips: Sequence[np.ndarray], **more: Any) -> WebNetwork:
    listening = deployment.listening
    assert listening is not None
    stream = Listener(deployment.model, listening)
    golden = WebGolden.of(clips, stream)
    parts: dict[str, Any] = {
        "name": "a network",
        "labels": deployment.labels,
        "none": (),
        "listening": listening,
        "longest_frames": 60,
        "image": network_image(deployment),
        "logit_step": deployment.model.output.scale * 2.0**-7,
        "temperature": 0.5,
        "golden": golden,
        "facts": {},
    }
    return WebNetwork(**{**parts, **more})
