"""A report is written whole, on whatever there is, or one line says why not."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from fabricated_runs import blank_record, ended, finished, grid, run, write
from fsdd_lightning.reports.write import write_report

from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.reports import write as writing

FIGURES = ("accuracy_vs_bytes.png", "accuracy_vs_size.png", "accuracy_map.png", "drop_vs_size.png")


pytestmark = pytest.mark.usefixtures("undrawn")


def contents(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def test_everything_is_in_the_first_sweeps_folder(tmp_path: Path) -> None:
    sweep = grid(tmp_path / "a", seeds=1)
    report = write_report([sweep])
    assert report.output == sweep / "report"
    assert report.files == ("results.csv", "results.md", *FIGURES, "report.html")
    assert set(contents(report.output)) == set(report.files)
    assert b"<title>a</title>" in contents(report.output)["report.html"]


def test_a_second_report_is_the_same(tmp_path: Path) -> None:
    sweep = grid(tmp_path / "a", seeds=1)
    first = contents(write_report([sweep]).output)
    assert contents(write_report([sweep]).output) == first


def test_several_sweeps_elsewhere_with_a_title(tmp_path: Path) -> None:
    grid(tmp_path / "a", ("int8_ptq",), seeds=1)
    run(tmp_path / "b", "pot_qat", 8, 1, 570, "split=official")
    report = write_report([tmp_path / "a", tmp_path / "b"], tmp_path / "x" / "y", "Both of them")
    assert report.output == tmp_path / "x" / "y"
    assert [name for name in report.files if name.endswith("bytes.png")] == [
        "1_accuracy_vs_bytes.png",
        "2_accuracy_vs_bytes.png",
    ]
    assert not (tmp_path / "a" / "report").exists()
    assert b"<title>Both of them</title>" in contents(report.output)["report.html"]


def test_a_single_run(tmp_path: Path) -> None:
    folder = run(tmp_path, "int8_ptq", 8, 1, 600)
    assert "report.html" in write_report([folder]).files


def test_a_sweep_without_any_result(tmp_path: Path) -> None:
    write(tmp_path / "killed", blank_record())
    (tmp_path / "sweep.json").write_text('{"trials": {"later": {}}}')
    ended(tmp_path, "over_budget", "too large", "seed=2")
    ended(tmp_path, "failed", "x", "seed=3")
    (tmp_path / "broken").mkdir()
    report = write_report([tmp_path])
    assert report.files == ("results.csv", "results.md", "report.html")
    assert report.document.counts == (
        ("failed", 1),
        ("interrupted", 1),
        ("not started", 1),
        ("unreadable", 1),
        ("over_budget", 1),
    )


def test_one_bad_run_takes_no_other_with_it(tmp_path: Path) -> None:
    sweep = grid(tmp_path / "a", ("int8_ptq",), seeds=1)
    before = contents(write_report([sweep], tmp_path / "before").output)
    (sweep / "bad").mkdir()
    (sweep / "bad" / "run.json").write_text('{"schema_version": 1, "name"')
    after = contents(write_report([sweep], tmp_path / "after").output)
    for name in FIGURES:
        assert before[name] == after[name]
    rows = after["results.csv"].decode().splitlines()
    assert rows[:-1] == before["results.csv"].decode().splitlines()
    assert rows[-1].startswith("a,bad,unreadable,run.json can't be read")


def test_halves_of_surrogates_do_no_harm(tmp_path: Path) -> None:
    record = finished((), {"float": 590, "integer": 580})
    record.config["quantization"]["name"] = "\ud800"
    write(tmp_path / "trial", record)
    assert "report.html" in write_report([tmp_path]).files


def test_a_folder_that_can_not_be_written_is_one_line(tmp_path: Path) -> None:
    run(tmp_path / "a", "int8_ptq", 8, 1, 580)
    (tmp_path / "file").touch()
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match=r"can't be written to .*; name another folder with --output"):
            write_report([tmp_path / "a"], output)


def test_a_full_disk_is_one_line_and_keeps_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path / "a", "int8_ptq", 8, 1, 580)
    replace = writing.replace_file

    def fill(path: Path, content: bytes) -> None:
        if path.suffix == ".png":
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(path, content)

    monkeypatch.setattr(writing, "replace_file", fill)
    with pytest.raises(RunFailedError, match=r"no space left for the report in .*--output"):
        write_report([tmp_path / "a"])
    assert set(contents(tmp_path / "a" / "report")) == {"results.csv", "results.md"}
