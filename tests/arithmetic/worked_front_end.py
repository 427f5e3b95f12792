"""The example of the front end in the specification: its constants, and the results of the code."""

from __future__ import annotations

import numpy as np

from fsdd_lightning.arithmetic import endpointer, front_end

FRONT_END = front_end.FrontEnd(
    sample_rate_hz=8000,
    window=128,
    hop=64,
    bands=8,
    coefficients=2,
    floor_octaves=2,
    quietest_level=9000,
    decay=10,
    deltas=True,
)
MULTIPLIER, BIAS = [1500000, 3000000, 3000000, 9000000], [-3000, 500, -2000, 100]
ENDPOINTER = endpointer.Endpointer(
    margin=100,
    quiet=40,
    loud=60,
    rise=8,
    rise_in_word=1,
    fall=8,
    settle_frames=2,
    hangover_frames=1,
    shortest_frames=1,
    longest_frames=9,
)


def samples() -> np.ndarray:
    """(192,) int16: two frames."""
    n = np.arange(FRONT_END.samples(2))
    return ((n + 40) * (n * n % 86 - 43) + 100).astype(np.int16)


def example() -> dict[str, list[int]]:
    """Name to numbers, in the order of the page."""
    x = samples()
    frames = np.stack([x[:128], x[64:]])
    z, bits = front_end.windowed(FRONT_END, frames)
    c = front_end.transform(FRONT_END, z)
    p = front_end.power(FRONT_END, c)
    e = front_end.mel_energies(FRONT_END, p)
    level = front_end.levels(FRONT_END, x)
    y = front_end.relative(FRONT_END, level)
    channels = front_end.channels(FRONT_END, level)
    features = front_end.standardized(channels, np.array(MULTIPLIER, np.int32), np.array(BIAS, np.int32))
    numbers = tables() | {"multiplier": MULTIPLIER, "bias": BIAS}
    for t in (0, 1):
        values = {
            "x": frames[t][:8],
            "mean": [int(np.floor(frames[t].sum() / 128 + 0.5))],
            "bits": [bits[t]],
            "z": z[t][40:46],
            "C": np.stack([c[[1, 2, 62, 63], t].real, c[[1, 2, 62, 63], t].imag], -1).ravel(),
            "P": p[[1, 2, 62, 63], t],
            "E": e[:, t],
            "L": level[t],
            "R": [front_end.references(FRONT_END, level)[t]],
            "y": y[t],
            "A": channels[t][:2],
            "D": channels[t][2:],
            "features": features[t],
        }
        numbers |= {f"{name}{t + 1}": [int(value) for value in row] for name, row in values.items()}
    return numbers | endpoints(front_end.audible(FRONT_END, level))


def tables() -> dict[str, list[int]]:
    made = FRONT_END.tables
    return {
        "cosine": made.cosine_q14[:6].tolist(),
        "segment_bins": made.segment_bins.tolist(),
        "rise": made.rise_q8[:12].tolist(),
        "width": made.width_q8.tolist(),
        "log": made.log_q8[[0, 1, 2, 126, 127]].tolist(),
    }


def endpoints(level: np.ndarray) -> dict[str, list[int]]:
    """Of the two frames as the first ones of a stream."""
    state = endpointer.reset_endpointer(ENDPOINTER, 8)
    numbers = {}
    for t in (0, 1):
        floor = level[0].astype(np.int16) if t == 0 else state.floor
        numbers[f"excess{t + 1}"] = [int(endpointer.excess(ENDPOINTER, floor, level[t]))]
        state, endpoint = endpointer.endpointer_step(ENDPOINTER, state, level[t])
        numbers[f"floor{t + 1}"] = state.floor.tolist()
        numbers[f"length{t + 1}"] = [int(state.length)]
        numbers[f"begins{t + 1}"] = [int(endpoint.begins)]
    return numbers
