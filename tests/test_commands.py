"""The commands as a user meets them: processes in a foreign folder, exit codes, one line for each error."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import commands
import pytest
from commands import PATIENCE_S, Call, Process, environment, only_line, run
from sweep_processes import run_sweep

from fsdd_lightning import evaluate, predict
from fsdd_lightning.config import portable
from fsdd_lightning.console import terminal
from fsdd_lightning.console.command_line import run_command
from fsdd_lightning.data import download, locate
from fsdd_lightning.runs.record import RunRecord, read_record

RunTrial = Callable[[Sequence[str], Path], RunRecord]


# --- training ---


Sweep = tuple[Path, Process]


def widen() -> None:
    """No line of it is folded."""
    terminal.console.width = 200


@pytest.fixture(scope="module")
def sweep(tiny_overrides: list[str], once: Callable[[str, Callable[[Path], object]], Path]) -> Sweep:
    """A sweep of three trials from a foreign folder; the second one finds out late that it can't work."""
    changes = ["trainer.max_epochs=1", "split=unseen_speaker,random,official", "split.held_out=nobody"]

    def run_it(folder: Path) -> None:
        (folder / "foreign").mkdir()
        words = ["-m", *tiny_overrides, "name=grid", *changes]
        (folder / "ended.json").write_text(json.dumps([words, *run_sweep(words[1:], folder / "foreign", widen)]))

    folder = once("foreign-sweep", run_it)
    return folder / "foreign", Process(*json.loads((folder / "ended.json").read_text()))


def test_every_trial_of_a_sweep_has_its_turn_and_its_folder(sweep: Sweep) -> None:
    folder, _ = sweep
    records = [read_record(path.parent) for path in (folder / "multirun" / "grid").glob("*/run.json")]
    ends = {record.config["split"]["name"]: record.status for record in records}
    assert ends == {"unseen_speaker": "failed", "random": "done", "official": "done"}
    assert all("data=synthetic" in record.overrides for record in records)


def test_a_failed_trial_is_reported_in_one_line_and_in_the_exit_code(sweep: Sweep) -> None:
    _, process = sweep
    assert process.returncode == 1
    reason = "split.held_out=nobody: no such speaker; choose one of "
    assert only_line(process.stderr).startswith(f"error: 1 of 3 trials failed, the first with: {reason}")
    (listed,) = [line for line in process.stdout.splitlines() if line.startswith("failed: ")]
    assert reason in listed and "split=unseen_speaker" in listed


def test_the_traceback_of_a_failed_trial_is_in_its_log(sweep: Sweep) -> None:
    folder, _ = sweep
    logs = [path.read_text() for path in (folder / "multirun" / "grid").glob("*/run.log")]
    assert sum("Traceback" in text and "no such speaker" in text for text in logs) == 1


def test_every_trial_is_one_line_and_the_next_commands_are_printed(sweep: Sweep) -> None:
    folder, process = sweep
    done = [path.parent for path in (folder / "multirun" / "grid").glob("*/network.npz")]
    assert len(done) == 2
    for each in done:
        (line,) = [line for line in process.stdout.splitlines() if f"done    {label(each)}: " in line]
        assert f"float {100 * read_record(each).views['float']['accuracy']:.2f} %" in line
    assert "3 trials: 2 done, 1 failed" in process.stdout
    assert "tensorboard --logdir multirun/grid" in process.stdout


def label(run_folder: Path) -> str:
    """How a trial of that sweep is called: by what is its own."""
    return "split=" + read_record(run_folder).config["split"]["name"]


def test_nothing_is_written_beside_the_output_root(sweep: Sweep) -> None:
    folder, _ = sweep
    assert {path.name for path in folder.iterdir()} <= {"multirun", "out.txt", "err.txt"}


def started(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    """A training that would take hours, in the middle of its epochs."""
    child = subprocess.Popen(
        [sys.executable, "-m", "fsdd_lightning.train", *overrides, "trainer.max_epochs=100000"],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test runner in the background of a shell ignores SIGINT, and its children with it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # type: ignore[arg-type,return-value]
    )
    deadline = time.monotonic() + PATIENCE_S
    while not list(folder.glob("multirun/**/best_float.ckpt")):
        if child.poll() is not None or time.monotonic() > deadline:
            child.kill()
            pytest.fail(f"the training did not get going: {child.communicate()}")
        time.sleep(0.05)
    return child


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "overrides", "word"),
    [(signal.SIGINT, 130, ["-m", "seed=1,2"], "interrupted"), (signal.SIGTERM, 143, [], "terminated")],
    ids=["ctrl-c-in-a-sweep", "sigterm"],
)
def test_a_signal_ends_a_training_with_its_record(
    tiny_overrides: list[str], tmp_path: Path, number: signal.Signals, code: int, overrides: list[str], word: str
) -> None:
    child = started(tmp_path, *overrides, *tiny_overrides)
    child.send_signal(number)
    _, stderr = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == code
    assert only_line(stderr) == word
    (record_file,) = tmp_path.glob("multirun/**/run.json")  # no other trial was begun
    record = read_record(record_file.parent)
    assert record.status == "interrupted"
    assert record.error != "still running, or killed"
    assert record.timings_s["total"] > 0
    assert record.dataset["recordings"] == 120
    assert not list(record_file.parent.glob("*.tmp"))


@pytest.mark.parametrize("module", ["train", "plan", "evaluate", "predict", "listen", "export_model", "record"])
def test_help_answers_without_heavy_imports(tmp_path: Path, module: str) -> None:
    process = commands.run_command(tmp_path, module, "--help")
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.splitlines()[-1] == "HEAVY []"
    assert f"fsdd-{module.removesuffix('_model')}" in process.stdout
    assert not (tmp_path / "multirun").exists()


def test_a_wrong_command_line_is_refused_before_anything_is_loaded_or_written(tmp_path: Path) -> None:
    process = commands.run_command(tmp_path, "train", "-m", "model.hidden_size=8,0")
    assert process.returncode == 2
    assert only_line(process.stderr) == "error: model.hidden_size must be at least 1 or 'fit', not 0"
    assert process.stdout == "HEAVY []\n"
    assert not (tmp_path / "multirun").exists()


def test_the_composed_configuration_can_be_looked_at(tmp_path: Path) -> None:
    process = run(tmp_path, "-m", "fsdd_lightning.train", "--cfg", "job", "model=large")
    assert (process.returncode, process.stderr) == (0, "")
    assert "hidden_size: 128" in process.stdout


# --- no dataset anywhere ---


@pytest.fixture
def closed_port() -> Iterator[str]:
    """An archive's address where nobody answers."""
    with socket.socket() as bound:  # bound and not listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/fsdd.tar.gz"


@pytest.fixture
def no_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing beside the checkout or the current folder, nothing in the environment, no proxy in the way."""
    monkeypatch.setattr(locate, "nearby_folders", lambda: ())
    monkeypatch.setattr(download, "time", SimpleNamespace(sleep=lambda _: None))  # between attempts
    monkeypatch.delenv("FSDD_ROOT", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.mark.usefixtures("no_dataset")
def test_without_the_dataset_a_run_fails_in_one_line(
    tiny_overrides: list[str], tmp_path: Path, closed_port: str, capsys: pytest.CaptureFixture[str], run_trial: RunTrial
) -> None:
    tiny = [each for each in tiny_overrides if each != "data=synthetic" and "cache_dir" not in each]
    changes = [f"data.archive_url={closed_port}", f"data.cache_dir={tmp_path / 'cache'}"]
    words = [*tiny, *changes, f"output_root={tmp_path}"]
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as caught:
            run_command(lambda: run_trial(words, tmp_path) and None)
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert caught.value.code == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: cannot download the dataset from http://127.0.0.1")
    assert "FSDD_ROOT" in line and "data.root" in line
    record = read_record(tmp_path)
    assert (record.status, record.views) == ("failed", {})
    assert line == f"error: {record.error}"


@pytest.mark.usefixtures("no_dataset")
def test_without_the_dataset_the_quickstart_goes_on_with_synthetic_data_and_says_so(
    tiny_overrides: list[str],
    tmp_path: Path,
    closed_port: str,
    call: Call,
    capsys: pytest.CaptureFixture[str],
    run_trial: RunTrial,
) -> None:
    tiny = [each for each in tiny_overrides if each != "data=synthetic"]
    changes = ["experiment=quickstart", f"data.archive_url={closed_port}", "trainer.max_epochs=1", "data.others=[]"]
    run_trial([*tiny, *changes, f"output_root={tmp_path}"], tmp_path)
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "SYNTHETIC DATA: cannot download the dataset" in printed
    assert "The results are not those of FSDD." in printed
    record = read_record(tmp_path)
    assert (record.name, record.status) == ("quickstart", "done")
    assert (record.dataset["name"], record.dataset["source"]) == ("synthetic", "synthetic")
    assert record.config["data"]["source"] == "fsdd"
    assert (record.unheard["speaker"], record.unheard["total"]) == ("basil", 60)
    assert any(note.startswith("SYNTHETIC DATA") for note in record.notes)
    assert call(evaluate, tmp_path).code == 0  # and it is evaluated on the same


# --- evaluating and predicting ---


@pytest.fixture
def run_folder(finished_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


@pytest.fixture
def recordings(finished_run: Path) -> Path:
    return Path(read_record(finished_run).dataset["folder"])


def rewrite(folder: Path, **changes: Any) -> None:
    content = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**content, **changes}))


@pytest.mark.slow
def test_evaluate_makes_the_recorded_numbers_again_in_another_process(finished_run: Path, tmp_path: Path) -> None:
    process = run(tmp_path, "-m", "fsdd_lightning.evaluate", str(finished_run), "--json")
    assert process.returncode == 0
    assert json.loads(process.stdout) == read_record(finished_run).views
    assert only_line(process.stderr) == f"equal to the record of {finished_run}"


def test_evaluate_prints_tables(finished_run: Path, call: Call) -> None:
    code, out, _ = call(evaluate, finished_run)
    assert code == 0
    views = read_record(finished_run).views
    assert f"{views['float']['correct']}/{views['float']['total']}" in out
    assert "Confusion" in out and "recall" in out
    names = ("float", "quantized = integer = c")  # equal ones once
    assert [line for line in out.splitlines() if line.endswith(" %") and ": " in line] == [
        f"{name}: {100 * views[name.split()[0]]['accuracy']:.2f} %" for name in names
    ]
    assert out.count("Confusion") == 2


def test_evaluate_refuses_changed_recordings(run_folder: Path, recordings: Path, tmp_path: Path, call: Call) -> None:
    changed = Path(shutil.copytree(recordings, tmp_path / "changed"))
    assert call(evaluate, run_folder, "--data-root", changed).code == 0
    file = changed / "0_ada_0.wav"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    code, _, err = call(evaluate, run_folder, "--data-root", changed)
    assert code == 2
    assert "are not those of the run" in only_line(err)


@pytest.mark.parametrize("name", ["float", "quantized", "integer", "c"])
def test_evaluate_says_where_its_numbers_differ_from_the_record(run_folder: Path, call: Call, name: str) -> None:
    views = read_record(run_folder).views
    view = views[name]
    rewrite(run_folder, views={**views, name: {**view, "correct": view["correct"] + 1}})
    code, _, err = call(evaluate, run_folder)
    line = only_line(err)
    assert code == 1
    assert line.startswith(f"error: {name}: ")
    assert f"{view['correct']}/24 here, {view['correct'] + 1}/24 in the record" in line


@pytest.mark.parametrize("key", ["temperature", "expected_calibration_error_after"])
def test_evaluate_says_where_the_calibration_differs_from_the_record(run_folder: Path, call: Call, key: str) -> None:
    calibration = read_record(run_folder).calibration
    known = calibration["integer"]
    rewrite(run_folder, calibration={**calibration, "integer": {**known, key: known[key] + 0.01}})
    for options in ((), ("--backend", "c")):
        code, _, err = call(evaluate, run_folder, *options)
        line = only_line(err)
        assert code == 1
        assert line.startswith("error: calibration of ") and f": {key} is {known[key]} here, " in line
    assert call(evaluate, run_folder, "--backend", "float").code == 0


def test_evaluate_of_an_older_run_says_that_it_is_not_calibrated(run_folder: Path, call: Call) -> None:
    rewrite(run_folder, calibration={})
    code, _, err = call(evaluate, run_folder, "--backend", "integer")
    note, equal = err.splitlines()
    assert code == 0 and equal.startswith("equal to the record")
    assert note.startswith("note: this run is older than calibration: ")


@pytest.mark.parametrize("name", ["float", "quantized", "integer", "c"])
def test_evaluate_names_another_processor_where_float_numbers_differ(run_folder: Path, call: Call, name: str) -> None:
    record = read_record(run_folder)
    view, machine = record.views[name], {**record.machine, "vectors": "AVX10"}
    rewrite(run_folder, views={**record.views, name: {**view, "correct": view["correct"] + 1}}, machine=machine)
    code, _, err = call(evaluate, run_folder)
    if name != "float":  # integers are the same on every processor
        assert code == 1 and "processor" not in only_line(err)
        return
    note, end = err.splitlines()
    assert code == 0
    assert note.startswith(f"note: float: {view['correct']}/24 here, {view['correct'] + 1}/24 in the record: ")
    assert f"done on another processor (AVX10; this one: {record.machine['vectors']})" in note
    assert end == f"equal to the record of {run_folder} but for float"


def test_evaluate_of_a_portable_run_starts_with_its_kernels(
    run_folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = read_record(run_folder).config
    asked: list[str] = []
    monkeypatch.setattr(portable, "start_portable", lambda: asked.append("start"))
    assert call(evaluate, run_folder).code == 0
    assert asked == []
    rewrite(run_folder, config={**config, "trainer": {**config["trainer"], "portable": True}})
    assert call(evaluate, run_folder).code == 0
    assert asked == ["start"]


def test_evaluate_says_which_view_the_record_lacks(run_folder: Path, call: Call) -> None:
    rewrite(run_folder, views={"float": read_record(run_folder).views["float"]})
    code, _, err = call(evaluate, run_folder)
    assert code == 1
    assert "has no quantized backend" in only_line(err)


def test_evaluate_without_a_compiler_compares_the_other_views(
    finished_run: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    code, out, err = call(evaluate, finished_run, "--json")
    assert code == 0
    assert list(json.loads(out)) == ["float", "quantized", "integer"]
    note, equal = err.splitlines()
    assert note.startswith("note: no c backend of the network: there is no C compiler")
    assert equal.startswith("equal to the record")


def test_evaluate_adds_the_c_view_to_a_run_recorded_without_a_compiler(run_folder: Path, call: Call) -> None:
    views = read_record(run_folder).views
    rewrite(run_folder, views={name: view for name, view in views.items() if name != "c"})
    code, out, _ = call(evaluate, run_folder, "--json")
    assert code == 0
    assert json.loads(out)["c"] == views["integer"]


@pytest.mark.parametrize("command", ["evaluate", "predict"])
@pytest.mark.parametrize(
    "spoiled",
    [
        *("no folder", "failed", "no network", "damaged network", "damaged record"),
        *("no integer model", "damaged integer model"),
    ],
)
def test_a_folder_that_is_no_finished_run_is_refused(
    run_folder: Path, recordings: Path, call: Call, spoiled: str, command: str
) -> None:
    spoil: dict[str, Callable[[], object]] = {
        "no folder": lambda: shutil.rmtree(run_folder),
        "failed": lambda: rewrite(run_folder, status="failed", error="disk full"),
        "no network": lambda: (run_folder / "network.npz").unlink(),
        "damaged network": lambda: (run_folder / "network.npz").write_bytes(b"PK"),
        "no integer model": lambda: (run_folder / "integer_model.npz").unlink(),
        "damaged integer model": lambda: (run_folder / "integer_model.npz").write_bytes(b"PK"),
        "damaged record": lambda: (run_folder / "run.json").write_text("{"),
    }
    spoil[spoiled]()
    if command == "evaluate":
        code, out, err = call(evaluate, run_folder)
    else:
        code, out, err = call(predict, run_folder, recordings)
    assert (code, out) == (2, "")
    assert str(run_folder) in only_line(err)


def test_predict_prints_word_probability_and_file_in_another_process(
    finished_run: Path, recordings: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    for name in ("7_ada_1.wav", "0_ada_0.wav"):
        shutil.copy(recordings / name, tmp_path / "mine")
    single = str(recordings / "3_ada_2.wav")
    process = run(tmp_path, "-m", "fsdd_lightning.predict", str(finished_run), single, "mine")
    assert (process.returncode, process.stderr) == (0, "")
    lines = [line.split()[:3] for line in process.stdout.splitlines()]
    assert [file for _, _, file in lines] == [single, "mine/0_ada_0.wav", "mine/7_ada_1.wav"]
    assert all(word in tuple("-0123456789") and 0.1 <= float(share) <= 1 for word, share, _ in lines)


def test_predict_names_each_unreadable_file_and_still_hears_the_others(
    finished_run: Path, recordings: Path, tmp_path: Path, call: Call
) -> None:
    good, text, missing = recordings / "0_ada_0.wav", tmp_path / "text.wav", tmp_path / "missing.wav"
    text.write_text("seven")
    files = [str(text), str(good), str(missing)]
    code, out, err = call(predict, finished_run, *files)
    assert code == 1
    assert str(good) in only_line(out)
    first, second, summary = err.splitlines()
    assert first == f"{text}: not a sound file (no header that libsndfile knows)"
    assert second.startswith(f"{missing}: ") and "No such file" in second
    assert summary == "error: 2 of 3 files could not be read (see above)"

    code, out, _ = call(predict, finished_run, "--json", *files)
    answers = json.loads(out)
    assert code == 1
    assert [answer["file"] for answer in answers] == files
    assert [answer["status"] for answer in answers] == ["unreadable", "heard", "unreadable"]
    assert [answer.keys() for answer in answers] == [
        {"file", "status", "word", "error"},
        {"file", "status", "word", "probability", "margin", "logits"},
        {"file", "status", "word", "error"},
    ]


def test_predict_without_files_is_a_wrong_command_line(finished_run: Path, call: Call) -> None:
    code, _, err = call(predict, finished_run)
    assert code == 2
    assert "FILE" in err


def test_a_folder_named_like_markup_is_printed_as_it_is(
    tiny_overrides: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], run_trial: RunTrial
) -> None:
    folder = tmp_path / "[bold]" / "[/bold]:smile:"
    folder.mkdir(parents=True)
    run_trial([*tiny_overrides, "trainer.max_epochs=1", f"output_root={tmp_path}"], folder)
    printed = capsys.readouterr().out
    assert f"everything is in {folder}\n" in printed
    assert f"fsdd-evaluate '{folder}'\n" in printed  # a shell would expand it
