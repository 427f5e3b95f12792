"""What goes into the programs and what must come out, as programs/streams.h says; numpy is the reference."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import example_models
import numpy as np

from fsdd_lightning.arithmetic.integer_lstm import classify, network_trace, output_logits
from fsdd_lightning.arithmetic.integer_model import IntegerModel


class Clips(NamedTuple):
    """Padded features (clips, frames, inputs) int8, and how many of their frames are valid, (clips,)."""

    features_q4: np.ndarray
    lengths: np.ndarray


def whole(features_q4: np.ndarray) -> Clips:
    """Clips without padding."""
    return Clips(features_q4, np.full(len(features_q4), features_q4.shape[1]))


def input_stream(clips: Clips) -> bytes:
    """The clips of one model."""
    parts = [np.uint16(len(clips.lengths)).tobytes()]
    for features, length in zip(clips.features_q4, clips.lengths, strict=True):
        parts += [np.uint8(length).tobytes(), features[:length].tobytes()]
    return b"".join(parts)


def expected_stream(model: IntegerModel, clips: Clips) -> bytes:
    """Every state, then logits and class, of every clip."""
    traces = network_trace(model, clips.features_q4)
    states = example_models.state_words(clips.features_q4, traces)
    parts = []
    for k, length in enumerate(clips.lengths):
        logits = output_logits(model.output, traces[-1].hidden_q7[k, length - 1])
        parts += [states[k, :length].tobytes(), logits.astype("<i4").tobytes()]
        parts.append(np.int32(classify(logits)).tobytes())
    return b"".join(parts)


def write_c_arrays(path: Path, arrays: dict[str, bytes]) -> Path:
    """A C file that holds the bytes as `name` and their number as `name`_size."""
    lines = ["#include <stdint.h>"]
    for name, data in arrays.items():
        lines += [f"extern const uint8_t {name}[];", f"extern const uint32_t {name}_size;"]
        lines.append(f"const uint8_t {name}[] = {{{','.join(map(str, data))}}};")
        lines.append(f"const uint32_t {name}_size = {len(data)}u;")
    path.write_text("\n".join(lines) + "\n")
    return path
