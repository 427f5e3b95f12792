"""What can be configured: one frozen dataclass per group of conf/, which refuses impossible values by itself.

Defaults live in conf/, not here: a value is written in one place. The types hold the bounds of single values, the
`__post_init__` methods check values against each other. `config/load.py` explains a failure in one line per key.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from fsdd_lightning.arithmetic.endpointer import Endpointer
from fsdd_lightning.arithmetic.front_end import WINDOWS, FrontEnd
from fsdd_lightning.config.addresses import address_problem
from fsdd_lightning.config.bounds import is_folder_name, longest_transform_problem, path_problem, synthetic_problem
from fsdd_lightning.config.durations import Framed, framing_problem, samples_of, window_problem
from fsdd_lightning.config.patterns import compiled
from fsdd_lightning.config.tools import CallbacksConfig, LoggerConfig, OptimizerConfig, SchedulerConfig
from fsdd_lightning.config.trainer import REFUSED

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

Seed = Annotated[int, Field(ge=0, lt=2**32)]  # numpy and scikit-learn take no larger ones
# Upper bounds keep the largest allowed run within what a machine can do: what is beyond is a typing error, or a record
# that somebody made to stop a machine. None is below ten times what any experiment here uses.
Count = Annotated[int, Field(ge=1, le=1_000_000)]  # of what takes neither memory nor time by itself
CountOrZero = Annotated[int, Field(ge=0, le=1_000_000)]
Epochs = Annotated[int, Field(ge=1, le=100_000)]
Copies = Annotated[int, Field(ge=1, le=100)]  # each is computed, and kept in memory
CopiesOrZero = Annotated[int, Field(ge=0, le=100)]
Masks = Annotated[int, Field(ge=0, le=100)]  # drawn one by one for every clip
Frames = Annotated[int, Field(ge=0, le=10_000)]
SampleRate = Annotated[int, Field(ge=1, le=384_000)]
Milliseconds = Annotated[float, Field(gt=0, le=1e6)]
Seconds = Annotated[float, Field(gt=0, le=1e6)]  # of a clip; config/bounds.py limits frames and samples
Positive = Annotated[float, Field(gt=0, le=1e9)]
NotNegative = Annotated[float, Field(ge=0, le=1e9)]
Deviation = Annotated[float, Field(ge=0, le=100)]  # in standard deviations: 100 times the signal
Decibels = Annotated[float, Field(ge=-200, le=200)]  # 32-bit samples have 192
Rate = Annotated[float, Field(gt=0, le=1000)]  # of learning; 1 is beyond what trains
Share = Annotated[float, Field(ge=0, le=1)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
InnerShare = Annotated[float, Field(gt=0, lt=1)]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Batches = Annotated[int, Field(ge=1, le=1_000_000)] | Annotated[float, Field(gt=0, le=1)]  # so many, or that share
LogFactor = Annotated[float, Field(ge=0, le=0.7)]  # of a factor between about a half and two


def _path(text: str) -> str:
    problem = path_problem(text)
    if problem is not None:
        raise ValueError(problem)
    return text


PathText = Annotated[str, AfterValidator(_path)]
FolderName = Annotated[str, Field(min_length=1), AfterValidator(_path)]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _label(value: object) -> object:
    """YAML reads 7 as a number, and yes, no, on, off as true and false, although words are meant."""
    if isinstance(value, bool):
        raise ValueError("YAML reads yes, no, on and off as true and false: quote them in the file, 'yes'")
    return str(value) if isinstance(value, int) else value


Label = Annotated[str, Field(min_length=1, max_length=100), BeforeValidator(_label)]
Labels = Annotated[tuple[Label, ...], Field(max_length=1000)]  # the outputs of a network; Speech Commands has 35
Others = Annotated[
    tuple[Annotated[PathText, Field(min_length=1), BeforeValidator(_label)], ...], Field(max_length=1000)
]
Words = Annotated[tuple[Text, ...], Field(max_length=1000)]
Noises = Annotated[int, Field(ge=0, le=20_000)]  # a second at 8 kHz takes 32 kB
Languages = Annotated[tuple[Text, ...], Field(min_length=1, max_length=100)]
Accents = Annotated[dict[str, Words], Field(max_length=100)]
Folders = Annotated[tuple[FolderName, ...], Field(max_length=100)]


def _has_speaker(pattern: str) -> tuple[bool, str]:
    """Whether it is a regular expression that tells the speaker; and what is wrong otherwise."""
    found, problem = compiled(pattern)
    if found is None:
        return False, f"speaker_pattern {problem}"
    return (
        "speaker" in found.groupindex,
        "speaker_pattern must have a group (?P<speaker>...), such as (?P<speaker>.+)_(?P<take>\\d+)",
    )


@dataclass(frozen=True, config=STRICT)
class SyntheticConfig:
    """The synthetic corpus: `speakers` voices speak every word `takes` times."""

    speakers: Annotated[int, Field(ge=2, le=1000)]
    takes: Annotated[int, Field(ge=6, le=1000)]  # takes 0-4 are the official test set
    seed: Seed

    def __post_init__(self) -> None:
        problem = synthetic_problem(self.speakers, self.takes)
        _require(problem is None, str(problem))


@dataclass(frozen=True, config=STRICT)
class DataConfig:
    """Which recordings to use, and what to do with bad files. `root` None: search for them (see data/locate.py).

    Several roots are corpora whose speakers are kept apart (see data/corpora.py); a mapping names the corpora.
    """

    name: str
    source: Literal["fsdd", "synthetic"]
    root: PathText | tuple[PathText, ...] | dict[str, PathText] | None
    cache_dir: PathText | None
    archive_url: str
    archive_digest: str  # content digest of the recordings in the archive
    fallback: Literal["none", "synthetic"]
    on_bad_file: Literal["error", "skip"]
    layout: Literal["fsdd", "folders"]  # of the files, see data/layouts.py
    labels: Labels | None  # the words, in the order of the network's outputs; None: all that are there
    other: Others | Literal["rest"]  # words, or folders elsewhere, that together are the class `other`
    noise: Noises  # clips of the class `noise`, of _background_noise_ or made; 0: no such class
    speaker_pattern: Text | None  # regular expression of file names with a group `speaker`; None: see data/layouts.py
    # Folders of people who are heard at the end of a run alone; nearby: those that are found beside the project.
    others: Folders | Literal["nearby"]
    synthetic: SyntheticConfig

    def __post_init__(self) -> None:
        _require(
            self.source != "synthetic" or self.root is None,
            "root names a folder of recordings, but source=synthetic makes its own: leave one of them out",
        )
        if not (self.root is None or isinstance(self.root, str)):
            _require(bool(self.roots) and all(self.roots), "root must name a folder, or several: data.root=[A,B]")
            _require(isinstance(self.root, tuple) or len(self.roots) > 1, "root={NAME: FOLDER} must name several")
        problem = address_problem(self.archive_url)
        _require(problem is None, f"archive_url: {problem}")
        is_digest = re.fullmatch("[0-9a-f]{64}", self.archive_digest)  # it becomes a part of a path
        _require(bool(is_digest), "archive_digest must be 64 hexadecimal digits (0-9, a-f)")
        self._check_words()

    def _check_words(self) -> None:
        labels = self.labels or ()
        twice = sorted({label for label in labels if labels.count(label) > 1})
        _require(self.labels is None or bool(labels), "labels must name words, or be null for all that are there")
        _require(not twice, f"labels names {', '.join(twice)} twice")
        _require(self.other != "rest" or self.labels is not None, "other=rest are the words that labels does not list")
        both = [label for label in labels if label in self.other] if self.other != "rest" else []
        _require(not both, f"{', '.join(both)} can't be in labels and in other")
        for name, asked in (("other", bool(self.other)), ("noise", self.noise > 0)):
            _require(
                not asked or name not in labels, f"{name!r} in labels is the class that {name} makes: leave one out"
            )
        if self.speaker_pattern is not None:
            _require(*_has_speaker(self.speaker_pattern))

    @property
    def roots(self) -> tuple[str, ...]:
        """The folders that `root` names; none if they are to be searched."""
        if isinstance(self.root, dict):
            return tuple(self.root.values())
        if isinstance(self.root, tuple):
            return self.root
        return (self.root,) if self.root else ()


@dataclass(frozen=True, config=STRICT)
class SplitConfig:
    """How recordings are divided. `seed` is the data seed, which never depends on the training seed."""

    name: Literal["random", "official", "unseen_speaker"]
    seed: Seed
    test_fraction: InnerShare  # random
    validation_fraction: InnerShare  # of the training part; not with validation_speakers
    test_takes: Count  # official: takes below this number are the test set
    held_out: Annotated[str, Field(max_length=1000)] | None  # unseen_speaker: the speaker of the test set
    validation_speakers: CountOrZero  # unseen_speaker: cut from the training part; 0: clips of all of them
    train_speakers: Count | None  # unseen_speaker: so many of the others train, drawn by `seed`; None: all

    def __post_init__(self) -> None:
        _require(self.name != "unseen_speaker" or bool(self.held_out), "unseen_speaker needs held_out=SPEAKER")
        _require(
            self.train_speakers is None or self.name == "unseen_speaker",
            f"train_speakers={self.train_speakers} is for split=unseen_speaker: set it to null",
        )


@dataclass(frozen=True, config=STRICT)
class EvaluationConfig:
    """What a run measures beside its own test clips."""

    # A second network by the same recipe never hears this speaker and is tested on nothing else; any: the last by name.
    unheard_speaker: Text | None


Target = Literal["auto", "portable", "arm_dsp", "arm_mve", "host"]


@dataclass(frozen=True, config=STRICT)
class ExportConfig:
    """What the C files of a run are for."""

    target: Target  # the family of processors that weights are laid out for; auto: all, and each takes its own


@dataclass(frozen=True, config=STRICT)
class MfccConfig(Framed):
    """librosa's MFCC, in float; frequencies are in hertz. `durations.py` says what is a window, a hop, a frame."""

    kind: Literal["mfcc"]
    sample_rate_hz: SampleRate
    window_ms: Milliseconds
    fft_ms: Milliseconds | None  # of the transform, where it is longer: zeros on both sides; None: window_ms
    hop_ms: Milliseconds
    max_seconds: Seconds
    n_mfcc: Annotated[int, Field(ge=1, le=512)]
    n_mels: Annotated[int, Field(ge=1, le=512)]
    f_min_hz: NotNegative
    f_max_hz: Positive | None  # None: half the sample rate
    top_db: Positive | None  # None: no floor
    peak_normalize: bool
    band_pass_hz: tuple[float, float] | None
    deltas: bool  # every coefficient's change since the previous frame, as further channels

    @property
    def static_channels(self) -> int:
        """Those that are no deltas; they come first."""
        return self.n_mfcc

    @property
    def channels(self) -> int:
        """The number of inputs of a network: n_mfcc, or with deltas twice as many."""
        return 2 * self.n_mfcc if self.deltas else self.n_mfcc

    @property
    def n_fft(self) -> int:
        """Samples of a transform."""
        return self.window if self.fft_ms is None else samples_of(self.fft_ms, self.sample_rate_hz)

    @property
    def least_samples(self) -> int:
        """Of a clip: what makes one frame."""
        return 1

    def samples(self, frames: int) -> int:
        """How many samples the first `frames` frames hear; frames are centered, the first at the first sample."""
        return (frames - 1) * self.hop + self.n_fft // 2

    def __post_init__(self) -> None:
        problem = framing_problem(self) or longest_transform_problem(self, self.n_fft)
        nyquist_hz = self.sample_rate_hz / 2
        _require(problem is None, str(problem))
        _require(self.window <= self.n_fft, f"fft_ms={self.fft_ms} is shorter than window_ms={self.window_ms:g}")
        _require(self.n_mfcc <= self.n_mels, f"n_mfcc {self.n_mfcc} exceeds n_mels {self.n_mels}")
        f_max_hz = nyquist_hz if self.f_max_hz is None else self.f_max_hz
        _require(
            self.f_min_hz < f_max_hz <= nyquist_hz,
            f"need f_min_hz < f_max_hz <= {nyquist_hz:g}, not {self.f_min_hz:g}..{f_max_hz:g}",
        )
        if self.band_pass_hz is not None:
            low_hz, high_hz = self.band_pass_hz
            _require(
                0.0 < low_hz < high_hz < nyquist_hz,
                f"band_pass_hz needs 0 < low < high < {nyquist_hz:g}, not {list(self.band_pass_hz)}",
            )


@dataclass(frozen=True, config=STRICT)
class IntegerFeatureConfig(Framed):
    """The integer front end, which a device computes from its samples. `durations.py` says what is a window, a hop.

    Levels are in steps of 2^-8 octave of power (0.0118 dB). What is computed: arithmetic/README.md.
    """

    kind: Literal["integer"]
    sample_rate_hz: SampleRate
    window_ms: Milliseconds  # of 128, 256 or 512 samples
    hop_ms: Milliseconds
    max_seconds: Seconds
    bands: Count  # of the mel scale, from 0 to half the sample rate
    coefficients: Count  # of the cosine transform of their levels
    floor_octaves: Count  # how far below the loudest level of a word a level still counts
    quietest_level: CountOrZero  # that loudest level is at least this
    decay: CountOrZero  # by which it falls from frame to frame
    deltas: bool  # every coefficient's change since the previous frame, as further channels

    @property
    def front_end(self) -> FrontEnd:
        """The constants of the arithmetic."""
        return FrontEnd(**{field.name: getattr(self, field.name) for field in fields(FrontEnd)})

    @property
    def static_channels(self) -> int:
        """Those that are no deltas; they come first."""
        return self.coefficients

    @property
    def channels(self) -> int:
        """The number of inputs of a network."""
        return self.front_end.channels

    @property
    def least_samples(self) -> int:
        """Of a clip: what makes one frame."""
        return self.window

    def samples(self, frames: int) -> int:
        """How many samples the first `frames` frames hear: whole windows."""
        return self.front_end.samples(frames)

    def __post_init__(self) -> None:
        problem = window_problem(self, WINDOWS) or framing_problem(self)
        _require(problem is None, str(problem))
        _ = self.front_end  # checks itself


FeatureConfig = Annotated[MfccConfig | IntegerFeatureConfig, Field(discriminator="kind")]


@dataclass(frozen=True, config=STRICT)
class ListenerConfig:
    """Where words begin and end in a stream, and what is rejected. Levels as above, times in frames."""

    margin: CountOrZero
    quiet: CountOrZero
    loud: CountOrZero
    rise: CountOrZero
    rise_in_word: CountOrZero
    fall: CountOrZero
    settle_frames: Count
    hangover_frames: CountOrZero
    shortest_frames: Count
    longest_frames: Count
    false_reject_rate: ShareBelowOne  # of validation words recognized right; 0: nothing is rejected

    @property
    def endpointer(self) -> Endpointer:
        """The constants of the arithmetic."""
        return Endpointer(**{field.name: getattr(self, field.name) for field in fields(Endpointer)})

    def __post_init__(self) -> None:
        _ = self.endpointer  # checks itself


@dataclass(frozen=True, config=STRICT)
class FeatureAugmentationConfig:
    """Training-time changes to standardized features (one unit = one standard deviation of a channel)."""

    name: str
    noise_std: Deviation  # Gaussian noise on every value
    gain_std: Deviation  # per clip and channel: x * (1 + gain)
    offset_std: Deviation  # per clip and channel: x + offset
    time_shift_frames: Frames  # per clip: start up to this many frames later or earlier
    time_masks: Masks
    time_mask_frames: Frames  # widest time mask
    frequency_masks: Masks
    frequency_mask_channels: Frames  # widest channel mask


@dataclass(frozen=True, config=STRICT)
class WaveformAugmentationConfig:
    """Copies of every waveform in other voices, rooms and channels, for training only."""

    name: str
    copies: CopiesOrZero  # per training clip; 0: none, and the other keys have no effect
    clean_share: Share  # of all training clips that are taken unchanged
    seed: Seed  # of the copies: they are the same for every training seed, and made once
    speed: LogFactor  # resampled by exp(-speed..speed): pitch, formants and tempo
    tempo: LogFactor  # frames moved closer or apart by exp(-tempo..tempo): tempo alone
    equalizer_db: Annotated[float, Field(ge=0, le=100)]  # standard deviation of the gain at a few frequencies
    room_share: Share  # of copies with an echo
    snr_db: tuple[Decibels, Decibels] | None  # of added noise, from..to; None: no noise
    babble_share: Share  # of the noises that are voices
    endpointed: bool  # in a pause, and cut out of it by the listener; MFCC, which it cannot read: the whole copy
    slack_frames: Frames  # of an endpointed copy: each end up to this many frames earlier or later

    def __post_init__(self) -> None:
        if self.snr_db is not None:
            low, high = self.snr_db
            _require(low <= high, f"snr_db must rise, not {list(self.snr_db)}")


@dataclass(frozen=True, config=STRICT)
class TextToSpeechConfig:
    """Synthetic speakers in training: what installed speech engines say."""

    name: str
    share: ShareBelowOne  # of each training batch; 0: none, and the other keys have no effect
    takes: Copies  # of each word by each voice
    copies: Copies  # of each take, with the settings of waveform_augmentation
    seed: Seed
    words: Words | Literal["labels"]  # of the data, in their order, as they are spelled; labels: as they are
    english: Languages  # of espeak-ng that read them as they are
    accented_share: Share  # of the takes of espeak-ng
    accents: Accents  # other languages of espeak-ng, and how they spell the same words

    def __post_init__(self) -> None:
        if self.words == "labels":
            return
        count = len(self.words)
        _require(self.share == 0.0 or count > 0, "words must name the words of the data, or be labels")
        for language, words in self.accents.items():
            _require(len(words) == count, f"accents.{language} spells {len(words)} words, but there are {count}")


HiddenSize = Annotated[int, Field(ge=1, le=4096)]


@dataclass(frozen=True, config=STRICT)
class ModelConfig:
    """The size of the LSTM classifier."""

    layers: Annotated[int, Field(ge=1, le=16)]
    hidden_size: HiddenSize | Literal["fit"]  # fit: the largest that fits the memory budget
    dropout: ShareBelowOne


@dataclass(frozen=True, config=STRICT)
class MemoryBudgetConfig:
    """How much flash the network may take: all of it, or any one layer at a time."""

    name: str
    flash_bytes: Annotated[int, Field(ge=1, le=2**30)] | None  # None: no limit
    scope: Literal["network", "layer"]
    front_end: bool  # whether what makes frames and words of samples is counted, too; MFCC in float never is


@dataclass(frozen=True, config=STRICT)
class TrainerConfig:
    """Keyword arguments of `pl.Trainer`, and `portable`; None: Lightning's own default.

    Those that are not here are refused, with the reason (config/trainer.py).
    """

    max_epochs: Epochs
    portable: bool = False  # the same bits on every x86-64 processor with AVX2, see config/portable.py
    min_epochs: Epochs | None = None
    accelerator: Literal["cpu", "gpu", "cuda", "mps"] = "cpu"
    devices: int | tuple[int, ...] = 1  # 1, or the number of one device: [0]
    precision: Literal[32, "32", "32-true", "16-mixed", "bf16-mixed"] | None = None
    fast_dev_run: bool | Count = False  # that many batches of one epoch, of every stage
    limit_train_batches: Batches | None = None
    limit_val_batches: Batches | None = None
    overfit_batches: CountOrZero = 0  # train and validate on the same few batches
    accumulate_grad_batches: Count | None = None
    gradient_clip_val: Positive | None = None
    gradient_clip_algorithm: Literal["norm", "value"] | None = None
    num_sanity_val_steps: CountOrZero = 0
    log_every_n_steps: Count | None = None
    enable_progress_bar: bool = True
    enable_model_summary: bool = True
    profiler: Literal["simple", "advanced", "pytorch"] | None = None
    detect_anomaly: bool = False
    inference_mode: bool | None = None

    def __post_init__(self) -> None:
        one = self.devices == 1 or (isinstance(self.devices, tuple) and len(self.devices) == 1)
        _require(one, f"devices must be 1, or [N] for the one of number N, not {self.devices}: {REFUSED['strategy']}")
        _require(self.min_epochs is None or self.min_epochs <= self.max_epochs, "min_epochs exceeds max_epochs")
        half = self.precision == "16-mixed" and self.accelerator == "cpu"
        _require(not half, "precision=16-mixed is for a GPU; a CPU has bf16-mixed")
        exact = self.accelerator == "cpu" and self.precision in (None, 32, "32", "32-true")
        _require(exact or not self.portable, "portable=true is for accelerator=cpu in full precision")


@dataclass(frozen=True, config=STRICT)
class TrainingConfig:
    """How the network is trained, beyond what `pl.Trainer` knows."""

    batch_size: Annotated[int, Field(ge=1, le=100_000)]
    label_smoothing: ShareBelowOne
    weight_averaging: ShareBelowOne  # evaluate and keep a moving average over this share of all steps; 0: off
    checkpoint: Literal["best", "last"]  # the epoch whose weights are kept: by validation loss, or the last one


@dataclass(frozen=True, config=STRICT)
class QuantizationConfig:
    """A quantization mode, as data: which weights, and from when on the network runs through the integer arithmetic.

    `start`: never; after_fit (post-training quantization of the trained weights); epoch (quantization-aware training:
    `epochs` more epochs on the trained weights, through the arithmetic from `start_epoch` on, which counts from 0
    within them).
    """

    name: str
    weight_code: str | None  # one of arithmetic/weight_codes.py; None: float32
    start: Literal["never", "after_fit", "epoch"]
    start_epoch: int
    epochs: Annotated[int, Field(le=100_000)]
    learning_rate: Rate  # the peak of the one-cycle schedule of these epochs
    baseline: str | None  # one of baselines/: PyTorch's own quantization, for comparison

    def __post_init__(self) -> None:
        never = self.start == "never"
        _require(never == (self.weight_code is None), "weight_code must be null if start=never, and only then")
        _require(never or self.baseline is None, "a baseline replaces the weight_code: set weight_code to null")
        if self.start == "epoch":
            _require(self.epochs >= 1, f"epochs must be at least 1 with start=epoch, not {self.epochs}")
            _require(
                0 <= self.start_epoch < self.epochs,
                f"start_epoch must lie in 0..{self.epochs - 1}, not {self.start_epoch}",
            )


@dataclass(frozen=True, config=STRICT)
class Config:
    """The whole config of one experiment."""

    name: str
    seed: Seed  # the training seed: initial weights, batch order, augmentation, dropout
    output_root: FolderName
    torch_threads: Annotated[int, Field(ge=1, le=256)]  # 100,000 of them stop a machine
    fail_fast: bool  # a sweep starts no further trial after one has failed
    quiet: bool  # nothing but the result is printed
    data: DataConfig
    split: SplitConfig
    features: FeatureConfig
    listener: ListenerConfig | None  # None: only with features that are no integers, in runs of the version before
    feature_augmentation: FeatureAugmentationConfig
    waveform_augmentation: WaveformAugmentationConfig
    text_to_speech: TextToSpeechConfig
    model: ModelConfig
    memory_budget: MemoryBudgetConfig
    quantization: QuantizationConfig
    trainer: TrainerConfig
    training: TrainingConfig
    optimizer: OptimizerConfig
    scheduler: SchedulerConfig
    callbacks: CallbacksConfig
    logger: LoggerConfig
    evaluation: EvaluationConfig
    export: ExportConfig

    def __post_init__(self) -> None:
        _require(
            is_folder_name(self.name),
            f"name must be usable as a folder name, not {self.name!r}"
            if len(self.name) < 80
            else "name must have at most 200 bytes, as a folder name",
        )
        _require(
            self.features.kind == "mfcc" or self.listener is not None,
            "listener: features=integer needs one, such as listener=default",
        )

    @property
    def front_end(self) -> FrontEnd | None:
        """The integer front end; None where features are made elsewhere, in float."""
        return None if self.features.kind == "mfcc" else self.features.front_end


# pydantic annotates `self` with a type that exists for type checkers alone; documentation tools evaluate annotations.
for _class in [each for each in list(vars().values()) if hasattr(each, "__pydantic_fields__")]:
    _class.__init__.__annotations__.clear()
