"""Pictures of clips: the spectrogram of what is played, over the features that the network sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.image import AxesImage

_WINDOW_S, _WINDOWS_A_HOP = 0.032, 4
_DYNAMIC_RANGE_DB = 60.0  # below the loudest point, where everything is black
_FULL_SCALE = 32768.0  # of 16-bit samples
_MOST_DEVIATIONS = 3.0  # of a standardized feature, where colors end


class ClipPainter:
    """Paints one clip after the other on one figure, which takes half of the time of a figure each."""

    def __init__(self) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.0, 4.4), dpi=100)
        self._canvas = FigureCanvasAgg(figure)
        above, below = figure.add_axes((0.1, 0.58, 0.88, 0.35)), figure.add_axes((0.1, 0.1, 0.88, 0.35))
        above.set(title="what is played: kHz over seconds")
        below.set(title="what the network sees: channels over frames")
        empty = np.zeros((1, 1))
        self._above = above.imshow(empty, origin="lower", aspect="auto", cmap="magma")
        self._below = below.imshow(empty, origin="lower", aspect="auto", cmap="RdBu_r")
        self._below.set_clim(-_MOST_DEVIATIONS, _MOST_DEVIATIONS)

    def picture(self, samples: np.ndarray, sample_rate_hz: int, features: np.ndarray) -> np.ndarray:
        """uint8 (height, width, 3). samples (count,) in [-1, 1]; features (frames, channels), standardized."""
        levels, (frames, channels) = spectrogram_db(samples, sample_rate_hz), features.shape
        self._above.set_clim(levels.max() - _DYNAMIC_RANGE_DB, levels.max())
        _show(self._above, levels, (0.0, len(samples) / sample_rate_hz, 0.0, sample_rate_hz / 2000))
        _show(self._below, features, (-0.5, frames - 0.5, -0.5, channels - 0.5))
        self._canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(self._canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        return pixels[..., :3].copy()


def _show(image: AxesImage, values: np.ndarray, extent: tuple[float, float, float, float]) -> None:
    """values (time, channels)."""
    image.set_data(values.T)
    image.set_extent(extent)


def spectrogram_db(samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Power in dB, float64 (frames, bins), in Hann windows of 32 ms every 8 ms; a shorter clip is filled up to one."""
    window = max(int(_WINDOW_S * sample_rate_hz), 2)
    padded = np.pad(samples.astype(np.float64) * _FULL_SCALE, (0, max(window - len(samples), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[:: max(window // _WINDOWS_A_HOP, 1)]
    power = np.abs(np.fft.rfft(frames * np.hanning(window))) ** 2
    return np.asarray(10.0 * np.log10(power + 1.0))  # one step of a sample squared: silence is 0 dB
