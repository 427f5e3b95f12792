"""The end of a run in TensorBoard: its row on the HParams page, its final metrics, the layout of the charts.

No torch here, so that a trial over budget has its row within a second.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import socket
import struct
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

from fsdd_lightning.artifacts import replace_file
from fsdd_lightning.config.load import config_types, flat_config
from fsdd_lightning.escaping import visible
from fsdd_lightning.files import EVENTS_BYTES, is_regular
from fsdd_lightning.runs.metrics import FINAL_METRICS, final_metrics
from fsdd_lightning.runs.record import RUN_FILE, RunRecord
from fsdd_lightning.training.event_records import record as event_record

if TYPE_CHECKING:
    import numpy as np
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

STATUS_COLUMN = "status"
_ENDS = (".trial_end", ".outcome")  # of the names of event files with nothing but a run's end; the second: of old runs
_written = itertools.count()  # numbers the event files of this process
_PICTURES = ".pictures"  # of an event file that is written when the run is done, and again where that was interrupted
_PNG_SIZE, _PNG_RGBA = struct.Struct(">16xII"), 4  # of the first bytes of a PNG; as TensorBoard numbers color spaces
# Declared to differ between runs, so that TensorBoard puts them first; it shows five columns unless asked for more.
_SHOWN_COLUMNS = (STATUS_COLUMN, "quantization.name", "model.hidden_size", "memory_budget.name", "seed")
_RESULTS = "results/"  # the last group of charts, and closed: a run has one dot in each, which the HParams page reads
# TensorBoard sorts charts by their tags and opens the first groups: accuracy and loss, training beside validation.
_TAGS = {
    "train/accuracy": "accuracy/train",
    "val/accuracy": "accuracy/val",
    "train/macro_f1": "macro_f1/train",
    "val/macro_f1": "macro_f1/val",
    "train/loss": "loss/train",
    "val/loss": "loss/val",
    "train/learning_rate": "optimizer/learning_rate",
}
_Charts = dict[str, tuple[str, ...]]  # title: tags
_RESULT_CHARTS: _Charts = {
    "accuracy: float and integer": ("accuracy/float", "accuracy/integer", "accuracy/c"),
    "accuracy drop, float to integer": ("accuracy/drop",),
    "flash and RAM, bytes": ("memory/flash_bytes", "memory/ram_bytes"),
    "multiply-accumulates a clip": ("memory/macs_per_clip",),
}
_CURVES: _Charts = {
    "loss: training and validation": ("loss/train", "loss/val"),
    "accuracy: training and validation": ("accuracy/train", "accuracy/val"),
    "gradient norm before clipping, and learning rate": ("optimizer/gradient_norm", "optimizer/learning_rate"),
}


def tag_of(name: str) -> str:
    """The tag in TensorBoard of a metric that is logged; `train/loss` and `val/loss` stay what callbacks monitor."""
    if name.startswith("lr-"):  # of Lightning's LearningRateMonitor
        return visible(f"optimizer/{name}")
    if name.startswith("test/"):
        return visible(_RESULTS + name.replace("/", "_"))
    return visible(_TAGS.get(name, name))


def result_tag(name: str) -> str:
    """The tag of one of FINAL_METRICS, or of a picture of the test clips."""
    return _RESULTS + name


def final_summaries(record: RunRecord, status: str, trial: str) -> list[Summary]:
    """All summaries of a run at its end. Every run has the same columns, whatever its mode or end.

    A metric that does not apply has no value. `trial` is the name under which HParams lists the run.
    """
    from tensorboard.plugins.hparams import summary_v2

    row = {STATUS_COLUMN: status, **hyperparameters(record.config)}
    return [
        _columns(),
        summary_v2.hparams_pb(row, trial_id=trial),
        _end(status),
        _layout(),
        metrics_summary(final_metrics(record)),
    ]


def metrics_step(record: RunRecord) -> int:
    """The step of the final metrics: the hidden size, so that a sweep's scalar charts show accuracy against size."""
    return int(record.memory.get("hidden_size", 0))


@contextmanager
def trial_end_of_failure(record: RunRecord, folder: Path) -> Iterator[None]:
    """Write the row of a run that ends in an exception, too, and raise the exception again."""
    try:
        yield
    except BaseException:
        known = (folder / RUN_FILE).exists()  # else it would be a folder of which nobody knows whose it is
        if known and record.status != "done":
            with suppress(OSError):  # a full disk must not hide what went wrong first
                write_trial_end(record, folder)
        raise


def write_trial_end(record: RunRecord, folder: Path) -> None:
    """Write the end of a run that did not log it, to a separate event file in `folder`."""
    step, summaries = metrics_step(record), final_summaries(record, record.status, trial_name(folder))
    _write_events([(step, summary) for summary in summaries], folder, _ENDS[0], instead_of=_ENDS)


def picture_summary(name: str, png: bytes) -> Summary:
    """A picture of the test clips, from the content of its file."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    width, height = _PNG_SIZE.unpack_from(png)
    image = Summary.Image(width=width, height=height, colorspace=_PNG_RGBA, encoded_image_string=png)
    return Summary(value=[Summary.Value(tag=visible(result_tag(name)), image=image)])


def clip_summary(tag: str, pixels: np.ndarray) -> Summary:
    """A picture, uint8 (height, width, 3), compressed as fast as it can be: torch takes three times as long for it."""
    from PIL import Image
    from tensorboard.compat.proto.summary_pb2 import Summary

    buffer, (height, width, channels) = io.BytesIO(), pixels.shape
    Image.fromarray(pixels).save(buffer, "png", compress_level=1)
    image = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=buffer.getvalue())
    return Summary(value=[Summary.Value(tag=tag, image=image)])


def write_pictures(summaries: Iterable[Summary], folder: Path) -> None:
    """Write pictures and sounds, in place of those of before, to an event file of their own in `folder`."""
    _write_events([(0, summary) for summary in summaries], folder, _PICTURES, instead_of=(_PICTURES,))


def write_curve(points: Mapping[int, Mapping[str, float]], folder: Path) -> None:
    """An event file with final metrics by hidden size, in a `folder` that is made: a run of its own in TensorBoard."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_events([(size, metrics_summary(metrics)) for size, metrics in points.items()], folder)


def _write_events(
    steps: Iterable[tuple[int, Summary]], folder: Path, suffix: str = "", instead_of: Collection[str] = ()
) -> None:
    """A whole event file or none, in place of those whose names end with one of `instead_of`.

    TensorBoard's own writer has a thread, and says nothing of what that could not write last.
    """
    from tensorboard.compat.proto.event_pb2 import Event

    now = time.time()
    events = [Event(wall_time=now, file_version="brain.Event:2")]
    events += [Event(wall_time=now, step=step, summary=summary) for step, summary in steps]
    earlier = [path for path in folder.glob("events.out.tfevents.*") if path.suffix in instead_of]
    # A page of TensorBoard that is open goes on to the next file in the order of names.
    name = f"events.out.tfevents.{int(now):010d}.{socket.gethostname()}.{os.getpid()}.{next(_written)}{suffix}"
    replace_file(folder / name, b"".join(event_record(event.SerializeToString()) for event in events))
    for path in earlier:
        path.unlink()


def event_files(folder: Path) -> list[Path]:
    """The event files of a run's curves, without those of `write_trial_end` and `write_pictures`."""
    found = sorted(folder.glob("events.out.tfevents.*"))
    return [path for path in found if path.suffix not in (*_ENDS, _PICTURES) and is_regular(path, EVENTS_BYTES)]


def training_events(files: Iterable[Path]) -> dict[tuple[int, str], Event]:
    """Curves and histograms of training by step and tag, of equal ones the last; truncated events are skipped."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    found = {}
    for path in files:
        for content in RawEventFileLoader(str(path)).Load():
            event = Event.FromString(content)
            for value in event.summary.value:
                if value.HasField("histo") or (value.HasField("simple_value") and not value.tag.startswith(_RESULTS)):
                    found[event.step, value.tag] = event
    return found


def trial_name(folder: Path) -> str:
    """Sweep and trial: unique below multirun/, and readable."""
    return visible(f"{folder.parent.name}/{folder.name}")


def hyperparameters(config: dict[str, Any]) -> dict[str, Any]:
    """Every config value by its dotted name.

    A column has one type, so what may be null is text. Lists, and mappings with keys of a user's own, are JSON, as in
    results.csv. All runs have the same columns: an argument of a tool that only some take has none.
    """
    kinds = dict(column_kinds())
    found = flat_config(config) | {"callbacks": config.get("callbacks", {})}
    kept = {name: value for name, value in found.items() if name in kinds}
    return {name: value if kinds[name] in (bool, float) else _text(value) for name, value in kept.items()}


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list | tuple | dict) else visible(value)


@cache
def column_kinds() -> tuple[tuple[str, type], ...]:
    """Names of all config values with the kind of their column, bool, float or str."""
    types = config_types()
    groups = {key.rpartition(".")[0] for key in types}
    return tuple((key, _kind(type_)) for key, type_ in types.items() if key not in groups)


def _kind(type_: Any) -> type:
    alternatives = get_args(type_) or (type_,)
    if bool in alternatives:
        return bool if len(alternatives) == 1 else str
    numbers = {int, float} & set(alternatives) and not any(get_origin(each) is tuple for each in alternatives)
    return float if numbers and type(None) not in alternatives else str


def _columns() -> Summary:
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2, summary_v2

    types = {bool: api_pb2.DATA_TYPE_BOOL, float: api_pb2.DATA_TYPE_FLOAT64, str: api_pb2.DATA_TYPE_STRING}
    columns = [(STATUS_COLUMN, str), *column_kinds()]
    experiment = api_pb2.Experiment(
        hparam_infos=[
            api_pb2.HParamInfo(name=name, type=types[kind], differs=name in _SHOWN_COLUMNS) for name, kind in columns
        ],
        metric_infos=[summary_v2.Metric(result_tag(name), display_name=name).as_proto() for name in FINAL_METRICS],
    )
    content = plugin_data_pb2.HParamsPluginData(experiment=experiment)
    return _plugin_summary(metadata.EXPERIMENT_TAG, metadata.create_summary_metadata(content))


def _end(status: str) -> Summary:
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    ended = api_pb2.STATUS_SUCCESS if status == "done" else api_pb2.STATUS_FAILURE
    info = plugin_data_pb2.SessionEndInfo(status=ended, end_time_secs=time.time())
    content = plugin_data_pb2.HParamsPluginData(session_end_info=info)
    return _plugin_summary(metadata.SESSION_END_INFO_TAG, metadata.create_summary_metadata(content))


def _plugin_summary(tag: str, description: Any) -> Summary:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.metadata import NULL_TENSOR

    return Summary(value=[Summary.Value(tag=tag, metadata=description, tensor=NULL_TENSOR)])


def _layout() -> Summary:
    """The Custom Scalars page: float and integer accuracy in one chart."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING
    from tensorboard.plugins.custom_scalar import metadata
    from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

    results = {title: tuple(map(result_tag, names)) for title, names in _RESULT_CHARTS.items()}
    pages = [_category("results over hidden size", results), _category("training", _CURVES)]
    layout = Layout(category=pages)
    tensor = TensorProto(dtype=DT_STRING, string_val=[layout.SerializeToString()])
    description = metadata.create_summary_metadata()
    value = Summary.Value(tag=metadata.CONFIG_SUMMARY_TAG, metadata=description, tensor=tensor)
    return Summary(value=[value])


def _category(title: str, charts: _Charts) -> Any:
    from tensorboard.plugins.custom_scalar.layout_pb2 import Category, Chart, MultilineChartContent

    return Category(
        title=title,
        chart=[
            Chart(title=name, multiline=MultilineChartContent(tag=[f"^{tag}$" for tag in tags]))
            for name, tags in charts.items()
        ],
    )


def metrics_summary(metrics: Mapping[str, float]) -> Summary:
    """Those of FINAL_METRICS that there are, as scalars."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=result_tag(name), simple_value=value) for name, value in metrics.items()])
