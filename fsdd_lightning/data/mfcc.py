"""MFCC features with librosa's values, many clips at a time.

The steps and their constants are those of `librosa.feature.mfcc` (0.11): centered zero-padded frames, periodic
Hann window, power spectrum, Slaney mel bands, `power_to_db` (ref 1, amin 1e-10, `top_db` below the clip's own
maximum), orthonormal DCT-II. librosa rebuilds its mel bank for every clip and transforms in float64; here the
bank is built once, many frames go through one float32 FFT, and the mel product skips the bank's zeros.

With `deltas`, every coefficient's change since the previous frame follows (0 in a clip's first frame). Unlike
librosa's regression over nine frames it needs no future frame, so a device only remembers one frame. A constant
that the microphone adds to every frame cancels.

Measured over the 3,000 recordings of FSDD: largest difference from librosa 1.6e-4 (values reach 500); a clip
has the same bits alone and in a batch. Speed: tests/benchmarks/test_mfcc_speed.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from fsdd_lightning.config.schema import MfccConfig
from fsdd_lightning.data.features import Features, valid_frames

_CLIPS_PER_BLOCK = 64
_FRAMES_PER_FFT = 256  # frames and spectra stay in the L2 cache
_SMALLEST_POWER = np.float32(1e-10)  # amin of librosa.power_to_db
_DB_PER_NEPER = np.float32(10.0 / np.log(10.0))  # np.log is vectorized better than np.log10
_BAND_PASS_ORDER = 4


class MfccExtractor:
    """Waveforms of `config.sample_rate_hz` to MFCC. Creating the first one imports librosa: about a second."""

    def __init__(self, config: MfccConfig) -> None:
        from scipy.fft import dct, rfft

        self.config = config
        self._rfft, self._dct = rfft, dct
        self._window = _padded_hann_window(config)  # (n_fft,) float32
        self._mel_bank = _mel_bank(config)  # (n_mels, bins) float32, sparse
        self._band_pass = _band_pass(config)

    def clip(self, waveform: np.ndarray) -> np.ndarray:
        """(samples,) float32 -> (frames, channels) float32, at most max_frames: bit for bit as in a batch."""
        coefficients, _ = self._block([waveform])
        return coefficients[: self.config.max_frames]

    def __call__(self, waveforms: Sequence[np.ndarray]) -> Features:
        """Each waveform: (samples,) float32, not empty; 1 + samples // hop frames (n_fft even)."""
        max_frames = self.config.max_frames
        values = np.zeros((len(waveforms), max_frames, self.config.channels), np.float32)
        frames = np.zeros(len(waveforms), np.int64)
        for first in range(0, len(waveforms), _CLIPS_PER_BLOCK):
            block = slice(first, first + _CLIPS_PER_BLOCK)
            coefficients, frames[block] = self._block(waveforms[block])
            kept = _position_in_clip(frames[block]) < max_frames
            values[block][valid_frames(frames[block], max_frames)] = coefficients[kept]
        return Features(values, np.minimum(frames, max_frames), trimmed=int((frames > max_frames).sum()))

    def _block(self, waveforms: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Channels of all frames (frames of all clips, channels), and the number of frames per clip (clips,)."""
        samples, clip_samples = self._one_signal([_checked(waveform) for waveform in waveforms])
        starts, frames = _frame_starts(clip_samples, self.config)
        log_mel_db = self._log_mel_db(samples, starts)
        if self.config.top_db is not None:
            _limit_dynamic_range(log_mel_db, frames, self.config.top_db)
        cepstrum = self._dct(log_mel_db, axis=0, norm="ortho", overwrite_x=True)
        coefficients = cepstrum[: self.config.n_mfcc].T
        return _with_deltas(coefficients, frames) if self.config.deltas else coefficients, frames

    def _one_signal(self, waveforms: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Filtered, normalized clips in a row with n_fft // 2 zeros between them (n,); samples per clip (clips,).

        Band-pass first, then peak-normalize, so that every spectrum belongs to a signal of magnitude 1.
        """
        if self._band_pass is not None:
            waveforms = [self._band_pass(waveform) for waveform in waveforms]
        samples, clip_samples = _padded_concatenation(waveforms, self.config.n_fft // 2)
        if self.config.peak_normalize:
            _normalize_peaks(samples, clip_samples)
        return samples, clip_samples

    def _log_mel_db(self, samples: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """(n,) float32, first sample of every frame (frames,) -> (n_mels, frames) float32."""
        windows = sliding_window_view(samples, self.config.n_fft)
        mel = np.empty((self.config.n_mels, len(starts)), np.float32)
        for first in range(0, len(starts), _FRAMES_PER_FFT):
            part = slice(first, first + _FRAMES_PER_FFT)
            # Sparse, not BLAS, whose rounding depends on a row's place in the matrix and on the threads.
            mel[:, part] = self._mel_bank @ self._power(windows[starts[part]]).T
        np.maximum(mel, _SMALLEST_POWER, out=mel)
        np.log(mel, out=mel)
        mel *= _DB_PER_NEPER
        return mel

    def _power(self, frames: np.ndarray) -> np.ndarray:
        """(frames, n_fft) float32, overwritten -> power spectrum (frames, 1 + n_fft // 2) float32."""
        frames *= self._window
        spectrum = self._rfft(frames, overwrite_x=True)  # complex64
        power: np.ndarray = spectrum.real**2
        power += spectrum.imag**2
        return power


def _padded_hann_window(config: MfccConfig) -> np.ndarray:
    """Periodic Hann window of `window`, centered as `librosa.util.pad_center` does: (n_fft,) float32."""
    length = config.window
    # scipy.signal.get_window("hann", 1) is 1, where the formula gives 0.
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length) if length > 1 else np.ones(1)
    left = (config.n_fft - length) // 2
    return np.pad(hann, (left, config.n_fft - length - left)).astype(np.float32)


def _mel_bank(config: MfccConfig):  # type: ignore[no-untyped-def]  # scipy.sparse has no type hints
    """Slaney's triangles, a bin in at most two of them: (n_mels, 1 + n_fft // 2) float32, sparse by rows."""
    from librosa.filters import mel
    from scipy.sparse import csr_array

    weights = mel(
        sr=config.sample_rate_hz, n_fft=config.n_fft, n_mels=config.n_mels, fmin=config.f_min_hz, fmax=config.f_max_hz
    )
    return csr_array(weights)


def _band_pass(config: MfccConfig) -> Callable[[np.ndarray], np.ndarray] | None:
    """Butterworth band-pass with four poles at each edge: (samples,) float32 -> same; computed in float64.

    It runs forward only (`sosfilt`, initial state 0): causal, so a device can run it sample by sample. The price is
    a phase shift, which the power spectrum hardly shows. Filtering forward and back would need the whole clip.
    """
    if config.band_pass_hz is None:
        return None
    from scipy.signal import butter, sosfilt

    edges_hz = config.band_pass_hz
    sections = butter(_BAND_PASS_ORDER, edges_hz, btype="bandpass", fs=config.sample_rate_hz, output="sos")
    return lambda waveform: sosfilt(sections, waveform).astype(np.float32)


def _checked(waveform: np.ndarray) -> np.ndarray:
    waveform = np.asarray(waveform, np.float32)
    if waveform.ndim != 1 or not len(waveform):
        raise ValueError(f"a waveform must have the shape (samples,) with samples > 0, not {waveform.shape}")
    return waveform


def _padded_concatenation(waveforms: Sequence[np.ndarray], padding: int) -> tuple[np.ndarray, np.ndarray]:
    """Neighbors share the zeros between them: a centered frame reaches n_fft // 2 over its clip's ends."""
    silence = np.zeros(padding, np.float32)
    pieces = [silence]
    for waveform in waveforms:
        pieces += [waveform, silence]
    return np.concatenate(pieces), np.array([len(waveform) for waveform in waveforms])


def _normalize_peaks(samples: np.ndarray, clip_samples: np.ndarray) -> None:
    """Divide every clip by its largest magnitude, in place; a silent clip stays as it is."""
    padding = (len(samples) - clip_samples.sum()) // (len(clip_samples) + 1)
    spans = clip_samples + padding  # a clip and the zeros after it
    peaks = np.maximum.reduceat(np.abs(samples), padding + np.cumsum(spans) - spans)
    peaks[peaks == 0.0] = 1.0
    samples[padding:] /= np.repeat(peaks, spans)


def _frame_starts(clip_samples: np.ndarray, config: MfccConfig) -> tuple[np.ndarray, np.ndarray]:
    """Start of every frame in the padded concatenation (frames,), and the number of frames per clip (clips,)."""
    padding = config.n_fft // 2
    frames = 1 + (clip_samples + 2 * padding - config.n_fft) // config.hop
    spans = clip_samples + padding
    clip_starts = np.cumsum(spans) - spans
    return np.repeat(clip_starts, frames) + _position_in_clip(frames) * config.hop, frames


def _position_in_clip(frames: np.ndarray) -> np.ndarray:
    """[2, 3] -> [0, 1, 0, 1, 2]"""
    first_of_clip = np.cumsum(frames) - frames
    position: np.ndarray = np.arange(frames.sum()) - np.repeat(first_of_clip, frames)
    return position


def _limit_dynamic_range(log_mel_db: np.ndarray, frames: np.ndarray, top_db: float) -> None:
    """Raise values that lie more than top_db below the maximum of their clip, in place: (n_mels, frames)."""
    clip_maximum_db = np.maximum.reduceat(log_mel_db.max(axis=0), np.cumsum(frames) - frames)
    np.maximum(log_mel_db, np.repeat(clip_maximum_db - np.float32(top_db), frames), out=log_mel_db)


def _with_deltas(coefficients: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """(frames of all clips, n_mfcc) -> (frames of all clips, 2 n_mfcc): x[t], x[t] - x[t - 1]."""
    deltas = np.diff(coefficients, axis=0, prepend=coefficients[:1])
    deltas[np.cumsum(frames) - frames] = 0.0
    return np.concatenate([coefficients, deltas], axis=1)
