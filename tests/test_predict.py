"""fsdd-predict as a user meets it: backends, long recordings, running decisions, and a line for each mistake."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from commands import Call, Ended

from fsdd_lightning import predict
from fsdd_lightning.runs.record import BACKENDS, RunRecord, read_record

RunTrial = Callable[[Sequence[str], Path], RunRecord]


class Prediction:
    """Calls fsdd-predict in this process."""

    def __init__(self, call: Call) -> None:
        self.call = call

    def __call__(self, *arguments: object) -> Ended:
        return self.call(predict, *arguments)

    def json(self, *arguments: object) -> Any:
        code, out, _ = self(*arguments, "--json")
        assert code == 0
        if "--stream" in arguments:  # a line a word
            return [json.loads(line) for line in out.splitlines()]
        return json.loads(out)


@pytest.fixture
def fsdd_predict(call: Call) -> Prediction:
    return Prediction(call)


@pytest.fixture(scope="module")
def recordings(finished_run: Path) -> Path:
    return Path(read_record(finished_run).dataset["folder"])


@pytest.fixture(scope="module")
def float_run(finished_overrides: list[str], run_trial: RunTrial, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("float32")
    run_trial([*finished_overrides, "quantization=float32"], folder)
    return folder


@pytest.fixture(scope="module")
def long_recording(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    parts = [np.zeros(4000)]
    for name in ("7_ada_1", "3_ada_2", "0_ada_0"):
        samples, _ = soundfile.read(recordings / f"{name}.wav")
        parts += [samples / np.abs(samples).max() / 2, np.zeros(4000)]
    path = tmp_path_factory.mktemp("long") / "long.wav"
    soundfile.write(path, np.concatenate(parts), 8000)
    return path


def test_the_command_names_all_backends_and_no_more() -> None:
    assert f"--backend {{{','.join(BACKENDS)}}}" in predict._parser().format_help()


def test_integers_are_the_default_and_float_is_the_float_network(
    fsdd_predict: Prediction, finished_run: Path, recordings: Path
) -> None:
    default = fsdd_predict.json(finished_run, recordings)
    integer = fsdd_predict.json(finished_run, recordings, "--backend", "integer")
    assert fsdd_predict.json(finished_run, recordings, "--backend", "quantized") == integer
    in_float = fsdd_predict.json(finished_run, recordings, "--backend", "float")
    assert default == integer
    assert len(default) == 120
    assert all(isinstance(value, int) for answer in integer for value in answer["logits"])
    assert all(isinstance(value, float) for answer in in_float for value in answer["logits"])
    alike = [one["digit"] == other["digit"] for one, other in zip(integer, in_float, strict=True)]
    assert np.mean(alike) > 0.8
    distance = [abs(a["probability"] - b["probability"]) for a, b in zip(integer, in_float, strict=True)]
    assert 0 < np.median(distance) < 0.05


def test_a_float32_run_has_the_float_backend_alone(fsdd_predict: Prediction, float_run: Path, recordings: Path) -> None:
    file = recordings / "7_ada_1.wav"
    assert fsdd_predict.json(float_run, file) == fsdd_predict.json(float_run, file, "--backend", "float")
    for backend in ("quantized", "integer", "c"):
        code, out, err = fsdd_predict(float_run, file, "--backend", backend)
        assert (code, out) == (2, "")
        assert f"is float32, which has no {backend} backend" in err and "--backend float" in err
        assert len(err.splitlines()) == 1


@pytest.mark.parametrize("way", [(), ("--segment",), ("--stream",)])
def test_integer_and_c_give_the_same_digits_and_logits(
    fsdd_predict: Prediction, finished_run: Path, recordings: Path, long_recording: Path, way: tuple[str, ...]
) -> None:
    files = [long_recording] if way else [long_recording, recordings]
    integer, compiled = (
        fsdd_predict.json(finished_run, *files, *way, "--backend", backend) for backend in ("integer", "c")
    )
    assert integer == compiled
    assert len(compiled) == {(): 121, ("--segment",): 3, ("--stream",): 3}[way]


def test_without_a_compiler_the_c_backend_is_refused_in_one_line(
    fsdd_predict: Prediction, finished_run: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    code, out, err = fsdd_predict(finished_run, recordings, "--backend", "c")
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("error: the c backend: there is no C compiler") and "no-such-compiler" in line


@pytest.mark.parametrize(
    ("option", "value", "answer"),
    [
        ("--backend", "cuda", "there is no backend 'cuda'; there are float, quantized, integer, c"),
        ("--backend", "torch", "--backend torch is now --backend float"),
        ("--engine", "torch", "--engine torch is now --backend float"),
        ("--engine", "c", "--engine c is now --backend c"),
    ],
)
def test_an_unknown_or_former_name_is_answered_in_one_line(
    fsdd_predict: Prediction, finished_run: Path, option: str, value: str, answer: str
) -> None:
    assert fsdd_predict(finished_run, "a.wav", option, value) == (2, "", f"error: {answer}\n")


def test_words_are_printed_with_their_times(fsdd_predict: Prediction, finished_run: Path, long_recording: Path) -> None:
    code, out, err = fsdd_predict(finished_run, long_recording, "--segment")
    assert (code, err) == (0, "")
    words = fsdd_predict.json(finished_run, long_recording, "--segment")
    assert len(words) == 3
    for word, line in zip(words, out.splitlines(), strict=True):
        digit, share, start, dash, end, unit, file = line.split(maxsplit=6)
        assert (digit, dash, unit, file) == (word["digit"], "-", "s", str(long_recording))
        assert float(share) == pytest.approx(word["probability"], abs=6e-4)
        assert (float(start), float(end)) == pytest.approx((word["start_s"], word["end_s"]), abs=6e-3)
    places = [time for word in words for time in (word["start_s"], word["end_s"])]
    assert places == sorted(places)


def test_a_long_recording_without_stream_is_remarked_upon(
    fsdd_predict: Prediction, finished_run: Path, long_recording: Path
) -> None:
    code, out, err = fsdd_predict(finished_run, long_recording)
    assert code == 0 and len(out.splitlines()) == 1
    assert err.startswith(f"{long_recording}: the longest word was heard, ") and "--stream" in err


def test_words_of_a_stream_are_printed_with_their_times(
    fsdd_predict: Prediction, finished_run: Path, long_recording: Path
) -> None:
    code, out, err = fsdd_predict(finished_run, long_recording, "--stream")
    assert (code, err) == (0, "")
    words = fsdd_predict.json(finished_run, long_recording, "--stream")
    for word, line in zip(words, out.splitlines(), strict=True):
        digit, start, dash, end, unit, rest = line.split(maxsplit=5)
        assert (digit, dash, unit) == (word.get("digit", "-"), "-", "s")
        assert rest == (str(long_recording) if "digit" in word else "none of these")
        assert (float(start), float(end)) == pytest.approx((word["start_s"], word["end_s"]), abs=6e-3)


def test_standard_input_is_a_stream_of_raw_samples(
    fsdd_predict: Prediction, finished_run: Path, long_recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, _ = soundfile.read(long_recording, dtype="int16")
    pipe = SimpleNamespace(buffer=io.BytesIO(samples.astype("<i2").tobytes()))
    monkeypatch.setattr(sys, "stdin", pipe)
    from_pipe = fsdd_predict.json(finished_run, "-", "--stream")
    from_file = fsdd_predict.json(finished_run, long_recording, "--stream")
    assert [{**word, "file": ""} for word in from_pipe] == [{**word, "file": ""} for word in from_file]
    code, out, err = fsdd_predict(finished_run, "-")
    assert (code, out, err) == (2, "", "error: standard input (-) is a stream: add --stream\n")


def test_only_one_file_can_be_followed(fsdd_predict: Prediction, finished_run: Path, recordings: Path) -> None:
    code, out, err = fsdd_predict(finished_run, recordings, "--stream")
    assert (code, out) == (2, "")
    assert err == "error: --stream follows one stream: name a single WAV file, or - for standard input\n"


def test_following_and_segmenting_exclude_each_other(fsdd_predict: Prediction, finished_run: Path) -> None:
    code, _, err = fsdd_predict(finished_run, "a.wav", "--stream", "--segment")
    assert code == 2 and "not allowed with" in err


def test_a_bad_file_is_named_with_segments(fsdd_predict: Prediction, finished_run: Path, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("seven")
    code, out, err = fsdd_predict(finished_run, tmp_path / "text.wav", "--segment")
    assert (code, out) == (2, "")
    reason, summary = err.splitlines()
    assert reason == f"{tmp_path / 'text.wav'}: not a WAV file (no RIFF/WAVE header)"
    assert summary == "error: 1 of 1 files could not be read (see above)"


def test_a_bad_stream_is_named(fsdd_predict: Prediction, finished_run: Path, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("seven")
    code, out, err = fsdd_predict(finished_run, tmp_path / "text.wav", "--stream")
    assert (code, out, err) == (2, "", f"error: {tmp_path / 'text.wav'}: not a WAV file (no RIFF/WAVE header)\n")
