"""The page: one file that needs no other and no network, in which one or two networks hear a microphone.

Nothing from outside is markup: what a page tells of a run is JSON, whose texts its script sets as text. The
Content-Security-Policy allows the one script and the one style sheet whose hashes it names, and no connection at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.listener import Listening
from fsdd_lightning.escaping import embedded_json, policy_hash, visible
from fsdd_lightning.export.web.golden import WebGolden
from fsdd_lightning.export.web.pack import Pack, Place

_PACKAGE = "fsdd_lightning.export.web"
WASM = "fsdd.wasm"
SCRIPTS = (  # one after another they are the page's script
    *("arrays.js", "wav.js", "zip.js", "resampler.js", "float_network.js", "recognizer.js", "network.js"),
    *("listener.js", "microphone.js", "pictures.js", "meters.js", "cards.js", "words.js", "hearing.js", "page.js"),
)
_BESIDE_CODE = re.compile(r"^ *(/\*\*[\s\S]*?\*/|//.*)?\n|^ +", re.MULTILINE)
CAPTURE = "capture.js"  # what the audio thread runs


@dataclass(frozen=True, eq=False)
class FloatLayer:
    """One LSTM layer as PyTorch has it, gates i f g o; both biases are one sum."""

    weight_ih: NDArray[np.float32]  # (4H, I)
    weight_hh: NDArray[np.float32]  # (4H, H)
    bias: NDArray[np.float32]  # (4H,)


@dataclass(frozen=True, eq=False)
class FloatWeights:
    """A float network, which the page computes in JavaScript."""

    layers: tuple[FloatLayer, ...]
    output_weight: NDArray[np.float32]  # (classes, H)
    output_bias: NDArray[np.float32]  # (classes,)


@dataclass(frozen=True, eq=False)
class WebNetwork:
    """A network of a page. `facts` are shown as they are: see the keys in evaluation/web.py."""

    name: str
    labels: tuple[str, ...]
    none: tuple[int, ...]  # labels that are none of the user's words
    listening: Listening
    longest_frames: int  # that the network listens to of a clip
    image: bytes  # of image.py
    logit_step: float  # the value of one unit of the logits
    temperature: float  # of the probabilities
    golden: WebGolden
    facts: Mapping[str, Any]
    float_weights: FloatWeights | None = None  # then the image is an ear's


def render_page(networks: Sequence[WebNetwork], *, title: str, command: str, file: str, version: str) -> str:
    """The page, whose name will be `file`. `command` made it."""
    data, pack = page_data(networks, title=title, command=command, file=file, version=version)
    script = Markup("".join(map(script_text, SCRIPTS)))
    style = Markup(_text("page.css"))
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            title=visible(title),
            data=Markup(embedded_json(data)),
            pack=Markup(pack.text()),
            style=style,
            script=script,
            capture=Markup(script_text(CAPTURE)),
            style_hash=policy_hash(style),
            script_hash=policy_hash(script),
        )
    )


def page_data(
    networks: Sequence[WebNetwork], *, title: str, command: str, file: str, version: str
) -> tuple[dict[str, Any], Pack]:
    """What the page's script reads: JSON values, and the bytes whose places are in them."""
    pack = Pack()
    data = {"version": version, "title": visible(title), "command": visible(command), "file": visible(file)}
    networks_data = [_described(network, pack) for network in networks]
    return {**data, "wasm": pack.add(_bytes(WASM)), "networks": networks_data}, pack


def _described(network: WebNetwork, pack: Pack) -> dict[str, Any]:
    """One of `networks` in the page's data."""
    front_end, endpointer = network.listening.front_end, network.listening.endpointer
    return {
        "name": visible(network.name),
        "labels": list(map(visible, network.labels)),
        "none": list(network.none),
        "rate_hz": front_end.sample_rate_hz,
        "hop": front_end.hop,
        "window": front_end.window,
        "bands": front_end.bands,
        "channels": front_end.channels,
        "quiet": endpointer.quiet,
        "loud": endpointer.loud,
        "settle_frames": endpointer.settle_frames,
        "hangover_frames": endpointer.hangover_frames,
        "longest_frames": network.longest_frames,
        "least_margin": network.listening.least_margin,
        "logit_step": network.logit_step,
        "temperature": network.temperature,
        "image": pack.add(network.image),
        "float": None if network.float_weights is None else _floats(network.float_weights, pack),
        "golden": _golden(network.golden, pack),
        **_visible(network.facts),
    }


def _visible(value: Any) -> Any:
    """A JSON value whose texts are visible ones."""
    if isinstance(value, Mapping):
        return {key: _visible(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_visible(each) for each in value]
    return visible(value) if isinstance(value, str) else value


def _floats(weights: FloatWeights, pack: Pack) -> dict[str, Any]:
    def place(array: NDArray[np.float32]) -> Place:
        return pack.add(array.astype("<f4").tobytes())

    layers = [
        {
            "inputs": layer.weight_ih.shape[1],
            "hidden": layer.weight_hh.shape[1],
            "weight_ih": place(layer.weight_ih),
            "weight_hh": place(layer.weight_hh),
            "bias": place(layer.bias),
        }
        for layer in weights.layers
    ]
    return {"layers": layers, "output_weight": place(weights.output_weight), "output_bias": place(weights.output_bias)}


def _golden(golden: WebGolden, pack: Pack) -> dict[str, Any]:
    return {
        "clips": [pack.add(clip.astype("<i2").tobytes()) for clip in golden.clips],
        "logits": golden.logits.tolist(),
        "pause": golden.pause,
        "events": list(golden.events),
    }


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader(_PACKAGE, "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _text(name: str) -> str:
    return (files(_PACKAGE) / "page" / name).read_text(encoding="utf-8")


def script_text(name: str) -> str:
    """Without lines of comment and indentation, a sixth of a page. No script has a text of several lines."""
    return _BESIDE_CODE.sub("", _text(name))


def _bytes(name: str) -> bytes:
    return (files(_PACKAGE) / name).read_bytes()
