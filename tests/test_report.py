"""fsdd-report as a user meets it: what it prints, and how it ends."""

from __future__ import annotations

import shutil
from pathlib import Path

import matplotlib as mpl
import pytest
from commands import Call, Process, only_line, run

from fsdd_lightning import report as command

HEAVY = {"torch", "pytorch_lightning", "hydra", "librosa", "sklearn"}


def report(folder: Path, *words: str | Path) -> Process:
    """The command, in `folder`; the last line of its output names the heavy modules that it imported."""
    program = (
        f"import sys; sys.argv = ['fsdd-report', *{[str(word) for word in words]!r}]\n"
        "from fsdd_lightning.report import main\n"
        f"try:\n    main()\nfinally:\n    print('HEAVY', sorted({HEAVY!r} & set(sys.modules)))"
    )
    return run(folder, "-c", program, MPLCONFIGDIR=mpl.get_cachedir())  # its list of fonts takes long to make


@pytest.fixture(scope="module")
def sweep(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run and a truncated one."""
    folder = tmp_path_factory.mktemp("sweeps") / "grid"
    shutil.copytree(finished_run, folder / "seed=1")
    (folder / "seed=2").mkdir()
    text = (finished_run / "run.json").read_text()
    (folder / "seed=2" / "run.json").write_text(text[: len(text) // 2])
    return folder


def test_a_report_names_what_it_found_and_where_it_is(sweep: Path, tmp_path: Path) -> None:
    process = report(tmp_path, sweep)
    assert (process.returncode, process.stderr) == (0, "")
    heading, broken, trials, files, place, heavy = process.stdout.splitlines()
    assert heading == "Could not be read (1):"
    assert broken.startswith("  seed=2: run.json can't be read (")
    assert trials == "trials: 1 done, 1 unreadable"
    assert files.startswith("results.csv, results.md, accuracy_vs_bytes.png") and files.endswith("report.html")
    assert place == f"in {sweep / 'report'}"
    assert heavy == "HEAVY []"
    text = (sweep / "report" / "report.html").read_text()
    assert "<title>grid</title>" in text and "<svg id=" in text
    assert '<a href="../seed%3D1/"' in text


def test_output_and_title_can_be_chosen(sweep: Path, tmp_path: Path, call: Call) -> None:
    words = (sweep, sweep / "seed=1", "--output", tmp_path / "here", "--title", "Mine", "--portable")
    assert call(command, *words).code == 0
    assert (tmp_path / "here" / "results.md").read_text().startswith("# Mine\n")
    assert "synthetic" in (tmp_path / "here" / "results.csv").read_text()
    page = (tmp_path / "here" / "report.html").read_text()
    assert 'href="..' not in page and '"href":"' not in page  # they would lead nowhere elsewhere
    assert 'href="#trial' in page


def test_a_folder_without_runs_is_an_error_of_one_line(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    process = report(tmp_path, empty)
    assert process.returncode == 2
    assert only_line(process.stderr).startswith(f"error: {empty} holds no runs: name a run folder")
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize("words", [("--help",), ()])
def test_help_and_usage_import_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    process = report(tmp_path, *words)
    assert process.returncode == (0 if words else 2)
    assert "FOLDER" in process.stdout + process.stderr
    assert process.stdout.endswith("HEAVY []\n")
