"""What all readers of a record rely on: the types of its fields. A record may come from a stranger.

Fields may be missing, since earlier versions had fewer, and further ones may be there; those that are here have the
type that is here, so that no reader has to look again.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

_MOST_FIELDS = 5_000  # each is a column of a report; a record has some 400
KEPT_WHOLE = frozenset({"by_speaker", "accents"})  # mappings that are one column of JSON, of many speakers or languages
_MOST_CLASSES = 1_024  # as many words as a config may have, and two more classes

_Count = Annotated[int, Field(ge=0)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Seconds = Annotated[float, Field(ge=0, le=10**10)]
_Interval = Annotated[list[_Share], Field(min_length=2, max_length=2)]
_Row = Annotated[list[Annotated[int, Field(ge=0, le=10**12)]], Field(max_length=_MOST_CLASSES)]
_Matrix = Annotated[list[_Row], Field(max_length=_MOST_CLASSES)]


class _Block(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Named(_Block):
    name: str = ""


class _Split(_Named):
    train: _Count = 0
    val: _Count = 0
    test: _Count = 0
    people: dict[str, _Count] = {}
    train_speakers: list[str] = []


class _ConfigOfSplit(_Named):
    held_out: str | None = None
    train_speakers: _Count | None = None


class _ConfigOfData(_Named):
    root: str | list[str] | dict[str, str] | None = None
    others: str | list[str] = ""


class _Config(_Block):
    """Checked as a whole where a run is opened: records of earlier versions are only reported."""

    name: str = ""
    data: _ConfigOfData = _ConfigOfData()
    split: _ConfigOfSplit = _ConfigOfSplit()
    quantization: _Named = _Named()
    trainer: dict[str, Any] = {}
    callbacks: dict[str, Any] = {}


class _Dataset(_Named):
    source: str = ""
    digest: str = ""
    folder_digest: str = ""
    folder: str = ""
    folders: dict[str, str] = {}
    recordings: _Count = 0
    labels: list[str] = []


class _Memory(_Block):
    parameters: _Count = 0
    flash_bytes: _Count = 0
    largest_layer_flash_bytes: _Count = 0
    ram_bytes: _Count = 0
    macs_per_clip: _Count = 0
    float32_bytes: _Count = 0
    hidden_size: _Count = 0
    layers: _Count = 0
    budget: str = ""
    budget_scope: str = ""
    budget_bytes: _Count | None = None


class _Stage(_Block):
    run: str | None = None
    reused: bool = False
    epochs: _Count = 0
    best_epoch: _Count | None = None
    val_loss: float | None = None


class _Training(_Block):
    float: _Stage = _Stage()
    quantized: _Stage = _Stage()
    val_accuracy: dict[str, _Share | None] = {}


class _Class(_Block):
    label: str = ""
    clips: _Count = 0
    precision: _Share = 0.0
    recall: _Share = 0.0
    f1: _Share = 0.0


class _Score(_Block):
    accuracy: _Share = 0.0
    correct: _Count = 0
    total: _Count = 0
    macro_f1: _Share | None = None
    ci95: _Interval | None = None
    classes: Annotated[list[_Class], Field(max_length=_MOST_CLASSES)] = []
    confusion: _Matrix | None = None


class _Unheard(_Score):
    speaker: str = ""


class _Confidence(_Block):
    ece: float | None = None
    aurc: float | None = None
    accuracy_at: dict[str, _Share | None] = {}


class _Calibration(_Block):
    temperature: Annotated[float, Field(ge=1e-3, le=1e3)] = 1.0
    expected_calibration_error_before: _Share | None = None
    expected_calibration_error_after: _Share | None = None
    clips: _Count = 0
    test_clips: _Count = 0


class _Means(_Block):
    count: _Count = 0
    mean: _Share | None = None
    ci95: list[float] | None = None
    worst: _Share | None = None
    worst_name: str | None = None


class _Rejecting(_Block):
    groups: _Means = _Means()
    people: _Means = _Means()


class _Way(_Confidence):
    recordings: _Count = 0
    found: _Count = 0
    groups: _Means = _Means()
    people: _Means = _Means()
    rejecting: _Rejecting = _Rejecting()


class _Corpus(_Block):
    folder_digest: str = ""
    heard: _Way = _Way()
    alone: _Way = _Way()


class _Git(_Block):
    commit: str | None = None
    dirty: bool | None = None


class _Machine(_Block):
    processor: str | None = None
    kind: str | None = None
    architecture: str | None = None
    vectors: str | None = None
    threads: int | str | None = None
    variables: dict[str, str] = {}


class _Record(_Block):
    name: str
    overrides: list[str]
    config: _Config
    config_hash: str
    seed: int
    status: str = ""
    error: str | None = None
    started: str = ""
    dataset: _Dataset = _Dataset()
    split: _Split = _Split()
    memory: _Memory = _Memory()
    training: _Training = _Training()
    views: dict[str, _Score] = {}
    agreement: dict[str, _Share] = {}
    confidence: _Confidence = _Confidence()
    calibration: dict[str, _Calibration] = {}
    others: dict[str, _Corpus] = {}
    unheard: _Unheard = _Unheard()
    timings_s: dict[str, _Seconds] = {}
    versions: dict[str, str] = {}
    git: _Git = _Git()
    machine: _Machine = _Machine()
    code_digest: str = ""
    digests: dict[str, str] = {}
    owns: list[str] | None = None
    notes: list[str] = []


@cache
def _adapter() -> TypeAdapter[_Record]:
    """Made once: for the thousands of records of a report it would take longer than reading them."""
    return TypeAdapter(_Record)


def check_fields(content: dict[str, Any]) -> None:
    """Check the content of a record, under the names of today.

    Raises:
        ValueError: naming the first field that is missing or of another type.
    """
    try:
        _adapter().validate_python(content)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise ValueError(f"{place}: {problem['msg']}") from error
    count = _fields(content)
    if count > _MOST_FIELDS:
        raise ValueError(f"it has {count:,} fields, more than {_MOST_FIELDS:,}")


def _fields(mapping: dict[str, Any]) -> int:
    inside = [value for key, value in mapping.items() if isinstance(value, dict) and key not in KEPT_WHOLE]
    return len(mapping) + sum(map(_fields, inside))
