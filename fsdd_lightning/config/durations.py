"""Durations of frames: a config gives them in milliseconds and seconds, the arithmetic counts samples and frames.

So a sample rate is one setting. Numbers of samples and frames are rounded half up. Records and commands of earlier
versions have them in samples and frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from math import floor
from typing import Any, Self, TypeGuard

# The keys of earlier versions in `features`, with their unit.
OLD_KEYS = {
    "window": ("window_ms", "samples"),
    "n_fft": ("window_ms", "samples"),
    "win_length": ("window_ms", "samples"),
    "hop": ("hop_ms", "samples"),
    "hop_length": ("hop_ms", "samples"),
    "max_frames": ("max_seconds", "frames"),
}


def samples_of(milliseconds: float, sample_rate_hz: int) -> int:
    """The nearest number of samples."""
    return floor(milliseconds * sample_rate_hz / 1000 + 0.5)


def milliseconds_of(samples: int, sample_rate_hz: int) -> float:
    """What `samples_of` makes the same number of samples of: 256 samples at 8000 Hz are 32 ms."""
    return 1000 * samples / sample_rate_hz


def short_milliseconds_of(samples: int, sample_rate_hz: int) -> float:
    """The same with as few digits as possible, for people."""
    exact = milliseconds_of(samples, sample_rate_hz)
    shorter = (round(exact, digits) for digits in range(12))
    return next((ms for ms in shorter if samples_of(ms, sample_rate_hz) == samples), exact)


@dataclass(frozen=True)
class Framed:
    """Of a config of features: how long frames are, how far apart, and how many a network hears at most.

    The config gives window_ms, hop_ms and max_seconds. With half_up(x) = floor(x + 1/2):

        window = half_up(window_ms * sample_rate_hz / 1000)         samples
        hop = half_up(hop_ms * sample_rate_hz / 1000)               samples
        max_frames = half_up(max_seconds * sample_rate_hz / hop)    frames, so many hops fill max_seconds

    At 8000 Hz, 32 ms are 256 samples and 20 ms are 160, and with these 0.72 s are 36 frames and a second is 50.
    """

    sample_rate_hz: int
    window_ms: float
    hop_ms: float
    max_seconds: float

    @property
    def window(self) -> int:
        """Samples of a frame."""
        return samples_of(self.window_ms, self.sample_rate_hz)

    @property
    def hop(self) -> int:
        """Samples from a frame to the next."""
        return samples_of(self.hop_ms, self.sample_rate_hz)

    @property
    def max_frames(self) -> int:
        """Of a clip that a network hears; what is longer is cut."""
        return floor(self.max_seconds * self.sample_rate_hz / self.hop + 0.5)

    def spaced(self, hop: int) -> Self:
        """The same, also in max_frames, with another distance between frames in samples, within 1..window."""
        hop = min(max(hop, 1), self.window)
        seconds = self.max_frames * hop / self.sample_rate_hz
        return replace(self, hop_ms=milliseconds_of(hop, self.sample_rate_hz), max_seconds=seconds)

    def described(self) -> dict[str, Any]:
        """The config, and its durations as the arithmetic counts them: what another program needs to compute it."""
        return {**asdict(self), "window": self.window, "hop": self.hop, "max_frames": self.max_frames}


def framing_problem(config: Framed) -> str | None:
    """What is wrong with these durations at this sample rate, whatever is computed from the frames."""
    if config.window < 1 or config.hop < 1:
        key = "window_ms" if config.window < 1 else "hop_ms"
        return f"{key}={getattr(config, key):g} is less than a sample at {config.sample_rate_hz} Hz"
    if config.hop > config.window:
        return f"hop_ms={config.hop_ms:g} exceeds window_ms={config.window_ms:g}: sound between frames would be lost"
    if config.max_frames < 1:
        return f"max_seconds={config.max_seconds:g} is less than a frame, of which one comes every {config.hop_ms:g} ms"
    return None


def window_problem(config: Framed, windows: tuple[int, ...]) -> str | None:
    """Why a front end that computes windows of these numbers of samples alone can't compute this one."""
    rate, window_ms = config.sample_rate_hz, config.window_ms
    if config.window in windows:
        return None
    nearest = min(windows, key=lambda samples: abs(samples - config.window))
    too_far = " and hop_ms to no more than that" if config.hop > nearest else ""
    rate_hz = 1000 * nearest / window_ms
    usual = rate_hz.is_integer() and 4000 <= rate_hz <= 48000
    resampled = f", or sample_rate_hz={rate_hz:g}: recordings are resampled to it" if usual else ""
    return (
        f"window_ms={window_ms:g} is {config.window} samples at {rate} Hz, but the integer front end computes "
        f"{', '.join(map(str, windows[:-1]))} or {windows[-1]}: set window_ms="
        f"{short_milliseconds_of(nearest, rate):g} ({nearest} samples){too_far}{resampled}"
    )


# ---- earlier versions


def with_durations(features: Mapping[str, Any]) -> dict[str, Any]:
    """A config of features whose lengths are in samples and frames, as in earlier records; others are unchanged.

    The conversion is exact: the result has the same numbers of samples and frames.
    """
    current, rate = dict(features), features.get("sample_rate_hz")
    if not _is_count(rate) or any(not _is_count(current[key]) for key in OLD_KEYS if current.get(key) is not None):
        return current  # what is no number is refused as it is
    window, whole = _popped(current, "win_length", "window"), _popped(current, "n_fft")
    hop, frames = _popped(current, "hop_length", "hop"), _popped(current, "max_frames")
    if window is not None or whole is not None:
        current["window_ms"] = milliseconds_of(window or whole, rate)
    if whole is not None:
        current["fft_ms"] = None if window in (None, whole) else milliseconds_of(whole, rate)
    if hop is not None:
        current["hop_ms"] = milliseconds_of(hop, rate)
    if frames is not None and "hop_ms" in current:
        current["max_seconds"] = frames * samples_of(current["hop_ms"], rate) / rate
    return current


def answers_for_old_keys(features: Mapping[str, Any]) -> Iterator[str]:
    """One line for each key of an earlier version, with the new one and what its value is there."""
    converted = with_durations(features)
    for old in (key for key in OLD_KEYS if key in features):
        new, unit = OLD_KEYS[old]
        if old == "n_fft" and converted.get("fft_ms") is not None:
            new = "fft_ms"
        said = ""
        if _is_count(features[old]) and old not in converted:
            rate, value = features["sample_rate_hz"], f"{converted[new]:g}"
            to = f" at {rate} Hz = {value} ms" if unit == "samples" else f" = {value} s"
            said = f" ({features[old]} {unit}{to})"
        yield f"'features.{old}' is called 'features.{new}' now{said}"


def _popped(features: dict[str, Any], *keys: str) -> Any:
    """The first of these values that is given; all are removed."""
    values = [features.pop(key, None) for key in keys]
    return next((value for value in values if value is not None), None)


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
