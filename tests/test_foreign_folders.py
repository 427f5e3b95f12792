"""Run and sweep folders made by strangers: every command has its one line, and nothing is executed or written outside.

The judge is the same everywhere: exit code, one line of error, no traceback, and a home in which nothing has changed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from commands import Call, Ended, only_line

from fsdd_lightning import evaluate, export_model, plan, predict, report
from fsdd_lightning.data.wav import encode_wav
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.deployment import kept_golden_clips
from fsdd_lightning.files import RECORD_BYTES
from fsdd_lightning.model.checkpoint import NETWORK_FILE
from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.runs.folder import read_run

Change = Callable[[dict[str, Any]], object]
Damage = Callable[[Path], object]  # of a run folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The user's own files, which are the same after every test."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / ".bashrc").write_text("mine")
    return folder


@pytest.fixture
def sweep(finished_run: Path, tmp_path: Path) -> Path:
    """A stranger's sweep of one sound run, to be damaged."""
    folder = tmp_path / "grid"
    kept = shutil.ignore_patterns("confusion_*", "checkpoints", "events.*")
    shutil.copytree(finished_run, folder / "bad", ignore=kept)
    return folder


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "a.wav"
    path.write_bytes(encode_wav((9000 * np.sin(np.arange(8000) / 5)).astype(np.int16), 8000))
    return path


def rewrite(folder: Path, change: Change) -> None:
    content = json.loads((folder / "run.json").read_text())
    change(content)
    (folder / "run.json").write_text(json.dumps(content))


def rewritten(change: Change) -> Damage:
    return lambda folder: rewrite(folder, change)


def replaced(text: str, key: str = "notes") -> Damage:
    """With `text`, which need not be JSON, as the value of a key."""

    def damage(folder: Path) -> None:
        rewrite(folder, lambda record: record.update({key: "@"}))
        path = folder / "run.json"
        path.write_text(path.read_text().replace(f'"{key}": "@"', f'"{key}": {text}'))

    return damage


def instead(name: str, make: Callable[[Path], object]) -> Damage:
    """Something else in the place of a file."""

    def damage(folder: Path) -> None:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        make(path)

    return damage


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


def refused(ended: Ended) -> str:
    """The line of a refusal."""
    assert ended.code == 2, ended
    line = only_line("\n".join(text for text in ended.err.splitlines() if not text.startswith("note: ")))
    assert line.startswith("error: ") and "Traceback" not in ended.err
    return line


# ---- the record

NO_RECORDS: dict[str, Damage] = {
    "a pipe": instead("run.json", os.mkfifo),
    "a device": instead("run.json", lambda path: path.symlink_to("/dev/zero")),
    "a circle": instead("run.json", lambda path: path.symlink_to(path.name)),
    "a terabyte": instead("run.json", sparse),
    "too large": instead("run.json", lambda path: path.write_bytes(b" " * (RECORD_BYTES + 1))),
    "NaN": replaced("[NaN]"),
    "infinite": replaced("[1e999]"),
    "digits": replaced("9" * 5000),
    "deep": replaced("[" * 100_000),
    "deep but closed": replaced("[" * 900 + "]" * 900),
    "a million lists": replaced("[" + "[]," * 5_000_000 + "[]]"),
    "many fields": rewritten(lambda r: r["memory"].update({f"m{n}": 1 for n in range(6000)})),
    "status": rewritten(lambda r: r.update(status=[])),
    "started": rewritten(lambda r: r.update(started=None)),
    "a view": rewritten(lambda r: r.update(views={"float": None})),
    "an accuracy": rewritten(lambda r: r["views"]["float"].update(accuracy=True)),
    "a confusion": rewritten(lambda r: r["views"]["float"].update(confusion=[[0] * 10**4])),
    "a class": rewritten(lambda r: r["views"]["float"].update(classes=[{"label": 1}])),
    "an interval": rewritten(lambda r: r["views"]["float"].update(ci95=[0.5])),
    "timings": rewritten(lambda r: r["timings_s"].update(total="1")),
    "a folder": rewritten(lambda r: r["dataset"].update(folder=7)),
    "a temperature": rewritten(lambda r: r["calibration"]["float"].update(temperature=0)),
    "a group": rewritten(lambda r: r["config"].update(trainer=None)),
    "a root": rewritten(lambda r: r["config"]["data"].update(root=3)),
    "a machine": rewritten(lambda r: r["machine"].update(variables=3)),
    "a float run": rewritten(lambda r: r["training"].update(float=[1])),
    "other people": rewritten(lambda r: r.update(others={"x": {"heard": {"groups": 3}}})),
    "seed": rewritten(lambda r: r.update(seed="1")),
}
LACKING: dict[str, Damage] = {
    "memory": rewritten(lambda r: r.update(memory={})),
    "a config with nulls": rewritten(lambda r: r["config"].update(features=None)),
    "no config": rewritten(lambda r: r.update(config={})),
    "views": rewritten(lambda r: r.update(views={})),
    "layers": rewritten(lambda r: r["config"]["model"].update(layers=True)),
}


@pytest.mark.parametrize("how", NO_RECORDS)
def test_a_record_of_something_else_is_refused_in_one_line(sweep: Path, sound: Path, how: str, call: Call) -> None:
    NO_RECORDS[how](sweep / "bad")
    assert "run.json" in refused(call(predict, sweep / "bad", sound))
    (run,) = collect_runs([sweep])
    assert (run.status, run.record) == ("unreadable", None) and run.reason


@pytest.mark.parametrize("how", LACKING)
def test_a_record_that_lacks_something_is_refused_in_one_line(sweep: Path, sound: Path, how: str, call: Call) -> None:
    LACKING[how](sweep / "bad")
    refused(call(predict, sweep / "bad", sound))


def test_one_report_shows_what_it_can(sweep: Path, finished_run: Path, home: Path, call: Call) -> None:
    """Everything above beside a sound run, and what is no run at all."""
    damages = {**NO_RECORDS, **LACKING}
    for how, damage in damages.items():
        folder = sweep / how
        folder.mkdir()
        shutil.copyfile(finished_run / "run.json", folder / "run.json")
        damage(folder)
    os.mkfifo(sweep / "sweep.json")
    os.mkfifo(sweep / "bad" / "events.out.tfevents.1")
    (sweep / "bad" / "evaluations").mkdir()
    os.mkfifo(sweep / "bad" / "evaluations" / "a.json")
    (sweep / "bad" / "evaluations" / "b.json").write_text("[" * 10**5)
    (sweep / "again").symlink_to(sweep)
    (sweep / "circle").symlink_to("circle")
    code, out, err = call(report, sweep)
    assert (code, err) == (0, "")
    counts = dict(reversed(part.split(" ", 1)) for part in out.rpartition("trials: ")[2].splitlines()[0].split(", "))
    assert int(counts["unreadable"]) == len(NO_RECORDS) + 1  # and the sweep, which is in itself, too
    assert int(counts["incomplete"]) + int(counts["done"]) == len(LACKING) + 1


@pytest.mark.parametrize("seed", range(3))
def test_any_change_of_any_field_is_read_or_refused(sweep: Path, sound: Path, seed: int, call: Call) -> None:
    record, rng = json.loads((sweep / "bad" / "run.json").read_text()), random.Random(seed)
    values = [None, True, -1, 2**40, 1e308, "", "~nobody", "a\0b", "\ud800", [], {}, [[]], {"a": {}}, {"_target_": "x"}]
    places = list(_places(record))
    for _ in range(40):
        changed = json.loads(json.dumps(record))
        *groups, last = rng.choice(places)
        holder = changed
        for key in groups:
            holder = holder[key]
        holder[last] = rng.choice(values)
        (sweep / "bad" / "run.json").write_text(json.dumps(changed))
        ended = call(predict, sweep / "bad", sound)
        assert ended.code in (0, 2), (groups, last, holder[last], ended)
        if ended.code:
            refused(ended)
        collect_runs([sweep])


def _places(value: Any, place: tuple[Any, ...] = ()) -> Any:
    for key in value if isinstance(value, dict) else range(min(len(value), 2)) if isinstance(value, list) else ():
        yield (*place, key)
        yield from _places(value[key], (*place, key))


# ---- other files


@pytest.mark.parametrize("name", [NETWORK_FILE, "integer_model.npz", "golden_clips.npz"])
@pytest.mark.parametrize("make", [os.mkfifo, sparse, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_not_read(sweep: Path, name: str, make: Callable[[Path], object], call: Call) -> None:
    instead(name, make)(sweep / "bad")
    assert name in refused(call(export_model, sweep / "bad"))


def test_golden_clips_are_no_larger_than_their_file(sweep: Path) -> None:
    deployment = read_run(sweep / "bad").deployment
    assert deployment is not None
    path = sweep / "bad" / "golden_clips.npz"
    header = "{'descr': '<i2', 'fortran_order': False, 'shape': (1000000000000,), }".ljust(117) + "\n"
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("samples.npy", array)
        archive.writestr("counts.npy", array)
    with pytest.raises(UserError, match="another size than its header"):
        kept_golden_clips(deployment, sweep / "bad")
    np.savez_compressed(path, samples=np.zeros(10**7, np.int16), counts=np.array([10**7]))
    with pytest.raises(UserError, match="compressed"):
        kept_golden_clips(deployment, sweep / "bad")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 10**5,
        '{"schema_version": 3, "commands": 3, "trials": {}}',
        '{"schema_version": 3, "commands": [{"arguments": 3}], "trials": {"x": {}}}',
        '{"schema_version": 3, "commands": [], "trials": {"x": {"overrides": ["a"], "config_hash": 1, "roots": 3}}}',
        '{"schema_version": 3, "commands": [], "trials": {"x": {"overrides": [], "config_hash": 1, "roots": ["~no"]}}}',
        '{"schema_version": 3, "commands": [], "trials": {"' + "x" * 300 + '": {}, "a\\u0000b": {}, "\\ud800": {}}}',
    ],
)
def test_a_list_of_trials_may_be_anything(sweep: Path, content: str, call: Call) -> None:
    (sweep / "sweep.json").write_text(content)
    assert "done" in {run.status for run in collect_runs([sweep])}
    words = ["-m", "data=synthetic", "model.hidden_size=8,9", "name=grid", f"output_root={sweep.parent}"]
    assert call(plan, *words).code == 0


def test_what_is_no_sweep_is_not_searched_forever(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsdd_lightning.reports.collect._MOST_FOLDERS", 20)
    for number in range(30):
        (tmp_path / "all" / str(number)).mkdir(parents=True)
    assert "holds more than 20 folders" in refused(call(report, tmp_path / "all"))


# ---- links


@pytest.mark.parametrize(
    ("link", "command", "words"),
    [
        ("export", export_model, ()),
        ("export", export_model, ("--format", "onnx")),
        ("export", export_model, ("--format", "web")),
        ("report", report, ()),
        ("evaluations", evaluate, ("--data", "{sound}")),
        ("evaluations", evaluate, ("--others", "{sound}")),
    ],
)
@pytest.mark.parametrize("target", ["{home}", "{home}/new", "../../home", "{link}"])
def test_nothing_is_written_through_a_link_that_leads_out(
    sweep: Path,
    home: Path,
    sound: Path,
    link: str,
    command: ModuleType,
    words: tuple[str, ...],
    target: str,
    call: Call,
) -> None:
    instead(link, lambda path: path.symlink_to(target.format(home=home, link=link)))(sweep / "bad")
    line = refused(call(command, sweep / "bad", *(word.format(sound=sound.parent) for word in words)))
    assert f"{link} is a link that leads out of" in line
    assert [path.name for path in home.iterdir()] == [".bashrc"]


def test_a_place_that_the_user_names_may_be_a_link(sweep: Path, home: Path, call: Call) -> None:
    (sweep / "there").symlink_to(home)
    assert call(export_model, sweep / "bad", "--output", sweep / "there").code == 0
    assert (home / "README.md").exists()


def test_a_link_in_the_place_of_a_file_is_replaced(sweep: Path, home: Path, call: Call) -> None:
    shutil.rmtree(sweep / "bad" / "export")
    (sweep / "bad" / "export").mkdir()
    (sweep / "bad" / "export" / "README.md").symlink_to(home / ".bashrc")
    assert call(export_model, sweep / "bad").code == 0
    assert (home / ".bashrc").read_text() == "mine"
    (sweep / "bad" / "export" / "README.md").unlink()
    shutil.rmtree(sweep / "bad" / "export" / "example")
    (sweep / "bad" / "export" / "example").symlink_to(home)
    refused(call(export_model, sweep / "bad"))
    assert [path.name for path in home.iterdir()] == [".bashrc"]


def test_trials_are_not_run_through_links(sweep: Path, home: Path, call: Call) -> None:
    rewrite(sweep / "bad", lambda record: record.update(status="failed", error="x"))
    (sweep / "bad" / "run.log").symlink_to(home / ".bashrc")
    record = json.loads((sweep / "bad" / "run.json").read_text())
    kept = [word for word in record["overrides"] if not word.startswith("output_root=")]
    words = ["-m", *kept, "name=grid", f"output_root={sweep.parent}"]
    code, out, _ = call(plan, *words)
    assert code == 0 and "blocked" in out and "run.log is a link that leads out" in " ".join(out.split())


# ---- what a record makes a command do


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"archive_url": "http://127.0.0.1:9/x.tar.gz"}, "names another address"),
        ({"archive_digest": "0" * 64}, "names another address"),
        ({"noise": 10**9}, ""),
        ({"cache_dir": "{home}", "archive_url": "http://127.0.0.1:9/x.tar.gz"}, "names another address"),
    ],
    ids=str,
)
def test_no_address_and_no_cache_is_taken_from_a_record(
    sweep: Path, home: Path, change: dict[str, Any], said: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FSDD_ROOT", raising=False)
    monkeypatch.setattr("fsdd_lightning.data.locate.nearby_folders", lambda name="fsdd": ())
    monkeypatch.setattr("fsdd_lightning.data.locate.download_fsdd", pytest.fail)
    data = {key: value.format(home=home) if isinstance(value, str) else value for key, value in change.items()}

    def change_record(record: dict[str, Any]) -> None:
        record["dataset"].update(source="fsdd", name="fsdd", folder="/nowhere")
        record["config"]["data"].update(source="fsdd", **data)

    rewrite(sweep / "bad", change_record)
    assert said in refused(call(evaluate, sweep / "bad"))
    assert [path.name for path in home.iterdir()] == [".bashrc"]


def test_no_corpus_without_end_is_made_for_a_record(sweep: Path, call: Call) -> None:
    rewrite(sweep / "bad", lambda record: record["config"]["data"]["synthetic"].update(speakers=50, takes=50))
    assert "25,000 synthetic clips" in refused(call(evaluate, sweep / "bad"))
