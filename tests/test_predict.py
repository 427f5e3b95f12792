"""fsdd-predict as a user meets it: backends, long recordings, running decisions, and a line for each mistake."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from commands import Call, Ended, only_line

from fsdd_lightning import predict
from fsdd_lightning.runs.record import BACKENDS, RunRecord, read_record

RunTrial = Callable[[Sequence[str], Path], RunRecord]
Feed = Callable[[bytes], None]


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


def label(answer: dict[str, Any]) -> str:
    """The one that leads, rejected or not."""
    return str(answer["word"] or answer["nearest"])


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
    alike = [label(one) == label(other) for one, other in zip(integer, in_float, strict=True)]
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
        said, share, start, dash, end, unit, file = line.split(maxsplit=6)
        assert (said, dash, unit) == (word["word"] or "-", "-", "s") and file.startswith(str(long_recording))
        assert float(share) == pytest.approx(word["probability"], abs=6e-4)
        assert (float(start), float(end)) == pytest.approx((word["start_s"], word["end_s"]), abs=6e-3)
    places = [time for word in words for time in (word["start_s"], word["end_s"])]
    assert places == sorted(places)


def test_a_long_recording_without_stream_is_remarked_upon(
    fsdd_predict: Prediction, finished_run: Path, long_recording: Path
) -> None:
    code, out, err = fsdd_predict(finished_run, long_recording)
    assert (code, err) == (0, "")
    (line,) = out.splitlines()
    assert f"{long_recording}  (3 words found; --stream gives every one; the longest word was heard, " in line
    (answer,) = fsdd_predict.json(finished_run, long_recording)
    assert answer["words_found"] == 3 and 0.3 < answer["end_s"] - answer["start_s"] < 1.0
    assert " - ".join(f"{answer[key]:.2f}" for key in ("start_s", "end_s")) in line


def test_words_of_a_stream_are_printed_with_their_times(
    fsdd_predict: Prediction, finished_run: Path, long_recording: Path
) -> None:
    code, out, err = fsdd_predict(finished_run, long_recording, "--stream")
    assert (code, err) == (0, "")
    words = fsdd_predict.json(finished_run, long_recording, "--stream")
    for word, line in zip(words, out.splitlines(), strict=True):
        said, share, start, dash, end, unit, rest = line.split(maxsplit=6)
        assert (said, dash, unit) == (word["word"] or "-", "-", "s")
        assert float(share) == pytest.approx(word["probability"], abs=6e-4)
        assert rest.startswith(str(long_recording)) and ("none of these" in rest) is (word["word"] is None)
        assert (float(start), float(end)) == pytest.approx((word["start_s"], word["end_s"]), abs=6e-3)


WAYS = [(), ("--segment",), ("--stream",)]


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Feed:
    """`feed(content)`: what standard input holds."""

    def put(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: False))

    return put


def without_file(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in answer.items() if key != "file"} for answer in answers]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["raw", "WAV", "FLAC"])
def test_standard_input_is_a_file_of_any_kind_or_raw_samples(
    fsdd_predict: Prediction, finished_run: Path, long_recording: Path, feed: Feed, kind: str, way: tuple[str, ...]
) -> None:
    samples, _ = soundfile.read(long_recording, dtype="int16")
    feed(samples.astype("<i2").tobytes() if kind == "raw" else sound_bytes(samples, 8000, kind))
    from_pipe = fsdd_predict.json(finished_run, "-", *way)
    assert {answer["file"] for answer in from_pipe} == {"-"}
    assert without_file(from_pipe) == without_file(fsdd_predict.json(finished_run, long_recording, *way))


def sound_bytes(samples: np.ndarray, rate_hz: int, kind: str, subtype: str | None = None) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, samples, rate_hz, format=kind, subtype=subtype)
    return content.getvalue()


@pytest.mark.parametrize("way", WAYS)
def test_raw_samples_at_another_rate_are_resampled_as_a_file_is(
    fsdd_predict: Prediction, finished_run: Path, long_recording: Path, feed: Feed, tmp_path: Path, way: tuple[str, ...]
) -> None:
    samples, _ = soundfile.read(long_recording, dtype="int16")
    soundfile.write(tmp_path / "slow.wav", samples, 11_025)
    expected = fsdd_predict.json(finished_run, tmp_path / "slow.wav", *way)
    assert all(answer["source_rate_hz"] == 11_025 for answer in expected)
    feed(samples.astype("<i2").tobytes())
    found = fsdd_predict.json(finished_run, "-", "--rate", 11_025, *way)
    numbers = ("word", "logits", "margin", "probability", "start_s", "end_s")
    assert [[each.get(key) for key in numbers] for each in found] == [
        [each.get(key) for key in numbers] for each in expected
    ]


def test_raw_samples_may_begin_like_a_file_where_their_rate_is_given(
    fsdd_predict: Prediction, finished_run: Path, long_recording: Path, feed: Feed
) -> None:
    samples, _ = soundfile.read(long_recording, dtype="int16")
    content = b"RIFF" + samples.astype("<i2").tobytes()
    feed(content)
    (refused,) = without_file(json.loads(fsdd_predict(finished_run, "-", "--json").out))
    assert refused == {"status": "unreadable", "word": None, "error": "not a WAV file (no RIFF/WAVE header)"}
    feed(content)
    (heard,) = fsdd_predict.json(finished_run, "-", "--json", "--rate", 8000)
    assert heard["words_found"] == 3


EXACT = [
    *(("WAV", subtype) for subtype in ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
    *((kind, "PCM_16") for kind in ("FLAC", "AIFF", "AU", "CAF", "W64", "RF64")),
    *(("FLAC", "PCM_24"), ("AIFF", "FLOAT")),
]
LOSSY = [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("WAV", "PCM_U8"), ("AU", "ULAW")]


def test_files_of_any_kind_and_depth_in_stereo_say_the_same(
    fsdd_predict: Prediction, finished_run: Path, recordings: Path, tmp_path: Path
) -> None:
    wav = recordings / "7_ada_1.wav"
    (expected,) = fsdd_predict.json(finished_run, wav)
    samples, rate = soundfile.read(wav)
    for kind, subtype in EXACT + LOSSY:
        content = sound_bytes(np.stack([samples, samples], axis=1), rate, kind, subtype)
        (tmp_path / f"{subtype}.{kind.lower()}").write_bytes(content)
    answers = {Path(answer["file"]).name: answer for answer in fsdd_predict.json(finished_run, tmp_path)}
    assert len(answers) == len(EXACT + LOSSY)
    assert {answer["source_channels"] for answer in answers.values()} == {2}
    for kind, subtype in EXACT:
        answer = answers[f"{subtype}.{kind.lower()}"]
        assert (answer["logits"], answer["word"]) == (expected["logits"], expected["word"])
    for kind, subtype in LOSSY:
        answer = answers[f"{subtype}.{kind.lower()}"]
        assert np.corrcoef(answer["logits"], expected["logits"])[0, 1] > 0.9


def test_standard_input_and_files_may_come_together(
    fsdd_predict: Prediction, finished_run: Path, recordings: Path, feed: Feed
) -> None:
    wav = recordings / "7_ada_1.wav"
    feed(wav.read_bytes())
    first, second = fsdd_predict.json(finished_run, "-", wav)
    assert (first["file"], second["file"]) == ("-", str(wav))
    assert without_file([first]) == without_file([second])


def test_several_files_can_be_followed_one_after_another(
    fsdd_predict: Prediction, finished_run: Path, long_recording: Path, tmp_path: Path
) -> None:
    one = fsdd_predict.json(finished_run, long_recording, "--stream")
    (tmp_path / "text.wav").write_text("seven")
    code, out, err = fsdd_predict(
        finished_run, long_recording, tmp_path / "text.wav", long_recording, "--stream", "--json"
    )
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[:3] == lines[4:] == one and lines[3]["status"] == "unreadable"
    assert (code, err) == (1, "error: 1 of 3 files could not be read (see above)\n")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("-", "-"), "there is one standard input: name - once"),
        (("a.wav", "--rate", "8000"), "--rate belongs to raw samples from standard input (-): a file states its own"),
        (("-", "--rate", "8"), "--rate must be at least 1000 Hz, not 8"),
    ],
)
def test_a_wrong_use_of_standard_input_is_answered_in_one_line(
    fsdd_predict: Prediction, finished_run: Path, arguments: tuple[str, ...], answer: str
) -> None:
    assert fsdd_predict(finished_run, *arguments) == (2, "", f"error: {answer}\n")


def test_a_terminal_is_no_sound(fsdd_predict: Prediction, finished_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    code, out, err = fsdd_predict(finished_run, "-")
    assert (code, out) == (2, "") and err.startswith("error: - reads sound, not a terminal: arecord ")


def test_what_was_not_heard_is_said_and_is_no_failure(
    fsdd_predict: Prediction, finished_run: Path, tmp_path: Path
) -> None:
    tone = np.sin(np.arange(24_000) / 5)
    sounds = {"silent": np.zeros(8000), "too short": tone[:200], "no word": tone}
    for name, samples in sounds.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, 8000)
    files = [tmp_path / f"{name}.wav" for name in sounds]
    code, out, err = fsdd_predict(finished_run, *files)
    assert (code, err) == (0, "")
    notes = ("silent", "too short (200 samples; one frame takes 256)", "no word found in 3.00 s")
    assert out.splitlines() == [f"-      -  {file}  ({note})" for file, note in zip(files, notes, strict=True)]
    assert [answer["status"] for answer in fsdd_predict.json(finished_run, *files)] == list(sounds)


def test_a_run_without_calibration_says_so_and_has_temperature_1(
    fsdd_predict: Prediction, finished_run: Path, recordings: Path, tmp_path: Path
) -> None:
    old = shutil.copytree(finished_run, tmp_path / "old")
    content = json.loads((old / "run.json").read_text())
    temperature = content.pop("calibration")["integer"]["temperature"]
    (old / "run.json").write_text(json.dumps(content))
    code, out, err = fsdd_predict(old, recordings / "7_ada_1.wav", "--json")
    assert code == 0 and only_line(err).startswith(
        "note: this run is older than calibration: its probabilities are not"
    )
    (before,), (after,) = json.loads(out), fsdd_predict.json(finished_run, recordings / "7_ada_1.wav")
    assert {**before, "probability": 0} == {**after, "probability": 0}
    assert temperature != 1 and before["probability"] != after["probability"]


def test_following_and_segmenting_exclude_each_other(fsdd_predict: Prediction, finished_run: Path) -> None:
    code, _, err = fsdd_predict(finished_run, "a.wav", "--stream", "--segment")
    assert code == 2 and "not allowed with" in err


def test_a_bad_file_is_named_with_segments(fsdd_predict: Prediction, finished_run: Path, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("seven")
    code, out, err = fsdd_predict(finished_run, tmp_path / "text.wav", "--segment")
    assert (code, out) == (1, "")
    reason, summary = err.splitlines()
    assert reason == f"{tmp_path / 'text.wav'}: not a sound file (no header that libsndfile knows)"
    assert summary == "error: 1 of 1 files could not be read (see above)"


@pytest.mark.parametrize("way", WAYS)
def test_bad_standard_input_is_named(
    fsdd_predict: Prediction, finished_run: Path, feed: Feed, way: tuple[str, ...]
) -> None:
    feed(b"fLaC" + bytes(100))
    code, out, err = fsdd_predict(finished_run, "-", *way)
    reason, summary = err.splitlines()
    assert (code, out, summary) == (1, "", "error: 1 of 1 files could not be read (see above)")
    assert reason.startswith("-: cannot be decoded (")
