"""Training curves of a run, read off its folder: scalars of its TensorBoard events, or a logger's metrics.csv.

Only the short records of an event file are parsed: histograms, pictures and sound, which are most of its bytes, are
skipped, so that a run takes milliseconds.
"""

from __future__ import annotations

import csv
import io
import os
import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from fsdd_lightning.files import EVENTS_BYTES, TEXT_BYTES, open_regular, read_regular

CURVES = ("train/loss", "val/loss", "train/accuracy", "val/accuracy")
_LONGEST_RECORD = 512  # bytes; a scalar takes about 30, and up to 250 with a description
_HEADER = struct.Struct("<QI")  # of a record: its length, and a checksum of that; another one follows the record
_MOST_EVENTS = 200_000  # of a run: a thousandth of a second each hundred
_LARGEST = 1e12  # of a value; what is larger is no accuracy and no loss
_LARGEST_EPOCH = 2**53
_DEEPEST, _MOST_FOLDERS = 3, 200  # in which a logger's file is looked for
_METRICS = "metrics.csv"  # of Lightning's CSVLogger
_ALIASES = {"/".join(reversed(name.split("/"))): name for name in CURVES} | {name: name for name in CURVES}

Curve = dict[int, float]  # value by epoch
Curves = dict[str, Curve]


def curves_of(folder: Path, float_run: str | None = None) -> Curves:
    """Those of CURVES that are found, of the run in `folder` and of the run whose float network it began with.

    Files that can't be read, cut off or of something else give what could be read of them.
    """
    found: Curves = {}
    for place in (*_float_folder(folder, float_run), folder):
        for name, epoch, value in _scalars(place):
            found.setdefault(name, {})[epoch] = value
    return {name: dict(sorted(found[name].items())) for name in CURVES if name in found}


def _float_folder(folder: Path, float_run: str | None) -> list[Path]:
    """Where it was recorded, or beside `folder` when the sweep has moved."""
    if not float_run:
        return []
    places = [Path(float_run), folder.parent / Path(float_run).name]
    return [place for place in places if place != folder and place.is_dir()][:1]


def _scalars(folder: Path) -> Iterator[tuple[str, int, float]]:
    events = sorted(folder.glob("events.out.tfevents.*"))
    for path in events:
        yield from _of_events(path)
    if not events:
        for path in (folder / _METRICS, *_of_logger(folder)[:1]):
            yield from _of_csv(path)


def _of_logger(folder: Path) -> list[Path]:
    """Its files below the run folder, sorted; links are not followed."""
    found = []
    for count, (place, inside, files) in enumerate(os.walk(folder)):
        path = Path(place)
        if _METRICS in files and path != folder:
            found.append(path / _METRICS)
        if count == _MOST_FOLDERS or len(path.relative_to(folder).parts) == _DEEPEST:
            inside.clear()
    return sorted(found)


def _of_events(path: Path) -> Iterator[tuple[str, int, float]]:
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    try:
        with open_regular(path, EVENTS_BYTES) as file:
            for content in islice(_short_records(file), _MOST_EVENTS):
                event = Event.FromString(content)
                for value in event.summary.value:
                    if value.tag in _ALIASES and value.HasField("simple_value") and _is_usable(value.simple_value):
                        yield _ALIASES[value.tag], int(event.step), float(value.simple_value)
    except (OSError, DecodeError):
        return


def _short_records(file: BinaryIO) -> Iterator[bytes]:
    """Contents of the records of a TFRecord file; one that is cut off ends it."""
    while len(header := file.read(_HEADER.size)) == _HEADER.size:
        length, _ = _HEADER.unpack(header)
        if length > _LONGEST_RECORD:
            file.seek(min(length, EVENTS_BYTES) + 4, 1)
            continue
        content = file.read(length + 4)
        if len(content) < length + 4:
            return
        yield content[:-4]


def _of_csv(path: Path) -> Iterator[tuple[str, int, float]]:
    try:
        text = read_regular(path, TEXT_BYTES).decode()
        for row in islice(csv.DictReader(io.StringIO(text, newline="")), _MOST_EVENTS):
            yield from _of_row(row)
    except (OSError, ValueError, csv.Error):
        return


def _of_row(row: dict[str, Any]) -> Iterator[tuple[str, int, float]]:
    epoch = row.get("epoch") or row.get("step")
    for tag, text in row.items():
        if tag in _ALIASES and text and epoch and _is_usable(float(text)) and abs(float(epoch)) < _LARGEST_EPOCH:
            yield _ALIASES[tag], int(float(epoch)), float(text)


def _is_usable(value: float) -> bool:
    """NaN is not, either."""
    return abs(value) < _LARGEST


def thinned(curve: Curve, most: int) -> Curve:
    """At most `most` points at about equal distances, the last one among them."""
    epochs = list(curve)
    if len(epochs) <= most:
        return curve
    kept = sorted({round(at * (len(epochs) - 1) / (most - 1)) for at in range(most)})
    return {epochs[at]: curve[epochs[at]] for at in kept}
