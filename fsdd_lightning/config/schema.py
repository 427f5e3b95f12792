"""What can be configured: one frozen dataclass per group of conf/, each refusing impossible values by itself.

Defaults live in conf/, not here: a value is written in one place. The checks below raise `ValueError` with a message
that says what is wrong and how to mend it; `config/load.py` adds the key's full name.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_SEEDS = 2**32  # numpy and scikit-learn take no larger ones


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _require_seed(seed: int) -> None:
    _require(0 <= seed < _SEEDS, f"seed must lie in 0..{_SEEDS - 1}, not {seed}")


@dataclass(frozen=True, config=STRICT)
class SyntheticConfig:
    """The synthetic corpus: `speakers` voices say each digit `takes` times."""

    speakers: int
    takes: int
    seed: int

    def __post_init__(self) -> None:
        _require(self.speakers >= 2, f"speakers must be at least 2, not {self.speakers}")
        _require(
            self.takes >= 6,
            f"takes must be at least 6 (takes 0-4 are the official test set), not {self.takes}",
        )
        _require_seed(self.seed)


@dataclass(frozen=True, config=STRICT)
class DataConfig:
    """Which recordings, and what to do with bad ones. `root`: None means look for them (see data/locate.py)."""

    name: str
    source: Literal["fsdd", "synthetic"]
    root: str | None
    cache_dir: str | None
    archive_url: str
    archive_digest: str  # content digest of the recordings in the archive
    fallback: Literal["none", "synthetic"]
    on_bad_file: Literal["error", "skip"]
    synthetic: SyntheticConfig

    def __post_init__(self) -> None:
        _require(
            self.source != "synthetic" or self.root is None,
            "root names a folder of recordings, but source=synthetic makes its own: leave one of them out",
        )


@dataclass(frozen=True, config=STRICT)
class SplitConfig:
    """How recordings are divided. `seed` is the data seed; it never depends on the training seed."""

    name: Literal["random", "official", "unseen_speaker"]
    seed: int
    test_fraction: float  # random
    validation_fraction: (
        float  # random, official, unseen_speaker without validation speakers: of the training part
    )
    test_takes: int  # official: takes below this number are the test set
    held_out: str | None  # unseen_speaker: the speaker of the test set
    validation_speakers: int  # unseen_speaker: speakers cut from the training part; 0: clips of all of them

    def __post_init__(self) -> None:
        for key in ("test_fraction", "validation_fraction"):
            value = getattr(self, key)
            _require(0.0 < value < 1.0, f"{key} must lie between 0 and 1, not {value}")
        _require_seed(self.seed)
        _require(self.test_takes >= 1, f"test_takes must be at least 1, not {self.test_takes}")
        speakers = self.validation_speakers
        _require(speakers >= 0, f"validation_speakers must not be negative, but is {speakers}")
        _require(
            self.name != "unseen_speaker" or bool(self.held_out), "unseen_speaker needs held_out=SPEAKER"
        )


@dataclass(frozen=True, config=STRICT)
class FeatureConfig:
    """MFCC extraction; the names are librosa's. Lengths are in samples, frequencies in hertz."""

    sample_rate_hz: int
    n_mfcc: int
    n_mels: int
    n_fft: int
    win_length: int | None  # None: n_fft
    hop_length: int
    f_min_hz: float
    f_max_hz: float | None  # None: half the sample rate
    top_db: float | None  # None: no floor
    max_frames: int
    peak_normalize: bool
    band_pass_hz: tuple[float, float] | None
    deltas: bool  # each coefficient's change since the frame before, as further channels

    @property
    def channels(self) -> int:
        """What a network has for inputs: n_mfcc, or with deltas twice as many."""
        return 2 * self.n_mfcc if self.deltas else self.n_mfcc

    def __post_init__(self) -> None:
        for key in ("sample_rate_hz", "n_mfcc", "n_mels", "n_fft", "hop_length", "max_frames"):
            _require(getattr(self, key) >= 1, f"{key} must be at least 1, not {getattr(self, key)}")
        window = self.n_fft if self.win_length is None else self.win_length
        nyquist_hz = self.sample_rate_hz / 2
        _require(1 <= window <= self.n_fft, f"win_length must lie in 1..n_fft={self.n_fft}, not {window}")
        _require(
            self.hop_length <= window,
            f"hop_length {self.hop_length} exceeds win_length {window}: sound between frames would be lost",
        )
        _require(self.n_mfcc <= self.n_mels, f"n_mfcc {self.n_mfcc} exceeds n_mels {self.n_mels}")
        f_max_hz = nyquist_hz if self.f_max_hz is None else self.f_max_hz
        _require(
            0.0 <= self.f_min_hz < f_max_hz <= nyquist_hz,
            f"need 0 <= f_min_hz < f_max_hz <= {nyquist_hz:g}, not {self.f_min_hz:g}..{f_max_hz:g}",
        )
        _require(
            self.top_db is None or self.top_db > 0, f"top_db must be positive or null, not {self.top_db}"
        )
        if self.band_pass_hz is not None:
            low_hz, high_hz = self.band_pass_hz
            _require(
                0.0 < low_hz < high_hz < nyquist_hz,
                f"band_pass_hz needs 0 < low < high < {nyquist_hz:g}, not {list(self.band_pass_hz)}",
            )


@dataclass(frozen=True, config=STRICT)
class FeatureAugmentationConfig:
    """Training-time changes to standardised features (one unit = one standard deviation of a channel)."""

    name: str
    noise_std: float  # Gaussian noise on every value
    gain_std: float  # per clip and channel: x * (1 + gain)
    offset_std: float  # per clip and channel: x + offset
    time_shift_frames: int  # per clip: start up to this many frames later or earlier
    time_masks: int
    time_mask_frames: int  # widest time mask
    frequency_masks: int
    frequency_mask_channels: int  # widest channel mask

    def __post_init__(self) -> None:
        for key, value in vars(self).items():
            _require(key == "name" or value >= 0, f"{key} must not be negative, but is {value}")


@dataclass(frozen=True, config=STRICT)
class WaveformAugmentationConfig:
    """Copies of each waveform in other voices, rooms and channels, for training only."""

    name: str
    copies: int  # of each training clip; 0: none, and the rest has no effect
    clean_share: float  # of all training clips that are taken unchanged
    seed: int  # of the copies: they are the same for every training seed, and made once
    speed: float  # resampled by exp(-speed..speed): pitch, formants and tempo
    tempo: float  # frames moved closer or apart by exp(-tempo..tempo): tempo alone
    equalizer_db: float  # standard deviation of the gain at each of a few frequencies
    room_share: float  # of copies with an echo
    snr_db: tuple[float, float] | None  # of added noise, from..to; None: none

    def __post_init__(self) -> None:
        for key in ("copies", "speed", "tempo", "equalizer_db"):
            _require(getattr(self, key) >= 0, f"{key} must not be negative, but is {getattr(self, key)}")
        for key in ("speed", "tempo"):
            _require(
                getattr(self, key) <= 0.7,
                f"{key} must be at most 0.7 (half or twice), not {getattr(self, key)}",
            )
        for key in ("clean_share", "room_share"):
            _require(0.0 <= getattr(self, key) <= 1.0, f"{key} must lie in 0..1, not {getattr(self, key)}")
        _require_seed(self.seed)
        if self.snr_db is not None:
            low, high = self.snr_db
            _require(low <= high, f"snr_db must rise, not {list(self.snr_db)}")


@dataclass(frozen=True, config=STRICT)
class ModelConfig:
    """The size of the LSTM classifier."""

    layers: int
    hidden_size: int | Literal["fit"]  # fit: the largest that fits the memory budget
    dropout: float

    def __post_init__(self) -> None:
        _require(self.layers >= 1, f"layers must be at least 1, not {self.layers}")
        size = self.hidden_size
        _require(size == "fit" or size >= 1, f"hidden_size must be at least 1, or fit, not {size}")
        _require(0.0 <= self.dropout < 1.0, f"dropout must lie in [0, 1), not {self.dropout}")


@dataclass(frozen=True, config=STRICT)
class MemoryBudgetConfig:
    """How much flash the network may take: all of it, or any one layer at a time."""

    name: str
    flash_bytes: int | None  # None: no limit
    scope: Literal["network", "layer"]

    def __post_init__(self) -> None:
        limit = self.flash_bytes
        _require(limit is None or limit >= 1, f"flash_bytes must be at least 1 or null, not {limit}")


@dataclass(frozen=True, config=STRICT)
class TrainerConfig:
    """How the network is trained."""

    max_epochs: int
    batch_size: int
    learning_rate: float  # the peak of the one-cycle schedule
    weight_decay: float
    label_smoothing: float
    gradient_clip_val: float
    weight_averaging: float  # validated and kept is a moving average over this share of all steps; 0: off
    checkpoint: Literal[
        "best", "last"
    ]  # the epoch whose weights are kept: by validation loss, or the last one

    def __post_init__(self) -> None:
        for key in ("max_epochs", "batch_size"):
            _require(getattr(self, key) >= 1, f"{key} must be at least 1, not {getattr(self, key)}")
        _require(self.learning_rate > 0, f"learning_rate must be positive, not {self.learning_rate}")
        _require(self.weight_decay >= 0, f"weight_decay must not be negative, but is {self.weight_decay}")
        _require(
            0.0 <= self.label_smoothing < 1.0,
            f"label_smoothing must lie in [0, 1), not {self.label_smoothing}",
        )
        share = self.weight_averaging
        _require(0.0 <= share < 1.0, f"weight_averaging must lie in [0, 1), not {share}")
        _require(
            self.gradient_clip_val > 0, f"gradient_clip_val must be positive, not {self.gradient_clip_val}"
        )


@dataclass(frozen=True, config=STRICT)
class QuantizationConfig:
    """A quantisation mode, as data: which weights, and from when on the network is seen through the arithmetic.

    `start`: never; after_fit (post-training quantisation: the trained weights, looked at); epoch (quantisation-aware
    training: `epochs` more epochs on the trained weights, seen through the arithmetic from `start_epoch` on, which
    counts from 0 within them).
    """

    name: str
    weight_code: str | None  # one of arithmetic/weight_codes.py; None: float32
    start: Literal["never", "after_fit", "epoch"]
    start_epoch: int
    epochs: int
    learning_rate: float  # the peak of the one-cycle schedule of these epochs
    baseline: str | None  # one of baselines/: PyTorch's own quantisation, for comparison

    def __post_init__(self) -> None:
        never = self.start == "never"
        _require(
            never == (self.weight_code is None), "weight_code and start belong together: null with never only"
        )
        _require(
            never or self.baseline is None, "a baseline takes the place of a weight_code: set that to null"
        )
        trains = self.start == "epoch"
        _require(
            not trains or self.epochs >= 1, f"epochs must be at least 1 with start=epoch, not {self.epochs}"
        )
        inside = 0 <= self.start_epoch < self.epochs
        _require(
            not trains or inside, f"start_epoch must lie in 0..{self.epochs - 1}, not {self.start_epoch}"
        )
        _require(self.learning_rate > 0, f"learning_rate must be positive, not {self.learning_rate}")


@dataclass(frozen=True, config=STRICT)
class CallbacksConfig:
    """What watches a training."""

    early_stopping_patience: int | None  # epochs without a better validation accuracy; None: off
    progress_bar: bool
    model_summary: bool

    def __post_init__(self) -> None:
        patience = self.early_stopping_patience
        wrong = f"early_stopping_patience must be at least 1 or null, not {patience}"
        _require(patience is None or patience >= 1, wrong)


@dataclass(frozen=True, config=STRICT)
class LoggerConfig:
    """What goes to TensorBoard beside the scalars."""

    histogram_every_epochs: int  # weight histograms; 0: never
    misclassified_clips: int  # how many wrongly recognised test clips to store as audio

    def __post_init__(self) -> None:
        _require(self.histogram_every_epochs >= 0, "histogram_every_epochs must not be negative")
        _require(self.misclassified_clips >= 0, "misclassified_clips must not be negative")


@dataclass(frozen=True, config=STRICT)
class Config:
    """One experiment, whole."""

    name: str
    seed: int  # the training seed: initial weights, batch order, augmentation, dropout
    output_root: str
    torch_threads: int
    fail_fast: bool  # a sweep begins no further trial after one has failed
    data: DataConfig
    split: SplitConfig
    features: FeatureConfig
    feature_augmentation: FeatureAugmentationConfig
    waveform_augmentation: WaveformAugmentationConfig
    model: ModelConfig
    memory_budget: MemoryBudgetConfig
    quantization: QuantizationConfig
    trainer: TrainerConfig
    callbacks: CallbacksConfig
    logger: LoggerConfig

    def __post_init__(self) -> None:
        _require_seed(self.seed)
        _require(
            self.name not in ("", ".", "..") and not set(self.name) & set("/\\\0"),
            f"name must be fit for a folder, not {self.name!r}",
        )
        _require(self.torch_threads >= 1, f"torch_threads must be at least 1, not {self.torch_threads}")
        _require(self.output_root != "", "output_root must name a folder; . is the current one")
