"""Every integer run ends in C files: compiled, tested on all clips, made again from the run folder alone."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.evaluation import backends as opening
from fsdd_lightning.evaluation.backends import open_backends
from fsdd_lightning.evaluation.deployment import export_notes, export_run, kept_golden_clips
from fsdd_lightning.evaluation.evaluate import evaluate_backends
from fsdd_lightning.export import CompilerMissing, HostNetwork
from fsdd_lightning.runs.folder import Run
from fsdd_lightning.runs.record import RunRecord, read_record

RunTrial = Callable[[Sequence[str], Path], RunRecord]


@pytest.fixture(scope="module")
def deployment(run: Run) -> Deployment:
    assert run.deployment is not None
    return run.deployment


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")


class Flipped(HostNetwork):
    """Compiled C with a defect: the lowest bit of one logit of one clip is wrong."""

    def clip_logits(self, clips: Any) -> Any:
        """The second clip's last logit is off by one."""
        logits = super().clip_logits(clips)
        logits[1, -1] += 1
        return logits


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_example_of_a_run_builds_and_recognizes_its_golden_clips(finished_run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(finished_run / "export", tmp_path / "export")
    made = subprocess.run(["make", "-C", str(folder)], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert "all logits are as expected" in made.stdout
    assert sum(line.startswith("clip ") for line in made.stdout.splitlines()) == 10


def test_golden_clips_are_the_first_test_clips_of_every_digit(
    run: Run, data: PreparedData, deployment: Deployment
) -> None:
    golden = kept_golden_clips(deployment, run.folder)
    labels = data.labels[data.split.test]
    assert golden is not None and len(golden.lengths) == 10
    first = [int(np.flatnonzero(labels == digit)[0]) for digit in range(10)]
    assert np.array_equal(golden.lengths, data.lengths[data.split.test][first])


def test_an_export_from_the_folder_alone_gives_the_same_bytes(run: Run, deployment: Deployment, tmp_path: Path) -> None:
    golden = kept_golden_clips(deployment, run.folder)
    export_run(deployment, golden, run.record, tmp_path)
    assert files(tmp_path) == files(run.folder / "export")


def test_the_readme_of_the_c_files_states_how_good_they_are(run: Run) -> None:
    notes, score = export_notes(run.record), run.record.views["integer"]
    assert notes["accuracy of these integers"].startswith(f"{100 * score['accuracy']:.2f} % of 24 test clips")
    assert notes["experiment"] == "default, int8_ptq, seed 1"
    assert run.record.dataset["digest"][:12] in notes["recordings"]
    readme = (run.folder / "export" / "README.md").read_text()
    assert all(f"| {key} | {value} |" in readme for key, value in notes.items())


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_the_c_backend_is_absent_and_a_note_states_it(
    finished_overrides: list[str], tmp_path: Path, run_trial: RunTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    record = run_trial(finished_overrides, tmp_path)
    assert (record.status, list(record.views)) == ("done", ["float", "quantized", "integer"])
    assert "integer_c" not in record.agreement
    note = record.notes[-1]
    assert note.startswith("no c backend of the network: there is no C compiler")
    assert f"note: {note}" in capsys.readouterr().out
    readme = (tmp_path / "export" / "README.md").read_text()  # the files themselves need no compiler
    assert "not tested where it was made: there was no C compiler" in readme
    golden = (tmp_path / "export" / "fsdd_golden.h").read_bytes()
    assert golden == files(Path(record.training["float"]["run"]) / "export")["fsdd_golden.h"]


def test_a_single_wrong_logit_of_the_c_fails_the_run(
    finished_overrides: list[str], tmp_path: Path, run_trial: RunTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_host = opening.compile_host

    def compile_flawed(deployment: Any) -> HostNetwork:
        host = compile_host(deployment)
        host.__class__ = Flipped
        return host

    monkeypatch.setattr(opening, "compile_host", compile_flawed)
    with pytest.raises(RunFailedError, match="the c backend and the integer model differ on 1 of"):
        run_trial(finished_overrides, tmp_path)
    assert read_record(tmp_path).status == "failed"
    assert not (tmp_path / "export").exists()


def test_a_compiler_that_fails_is_no_missing_compiler(
    run: Run, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "false")
    with pytest.raises(RunFailedError, match="false failed") as caught, open_backends(run.checkpoint, deployment):
        pass
    assert not isinstance(caught.value, CompilerMissing)


def test_a_float32_run_has_nothing_to_compile_or_export(
    finished_overrides: list[str], tmp_path: Path, run_trial: RunTrial
) -> None:
    record = run_trial([*finished_overrides, "quantization=float32"], tmp_path)
    assert list(record.views) == ["float"]
    assert not any("compiler" in note for note in record.notes)
    assert not (tmp_path / "export").exists() and not (tmp_path / "golden_clips.npz").exists()


def test_the_c_backend_comes_last_and_counts_all_clips(run: Run, data: PreparedData, deployment: Deployment) -> None:
    with open_backends(run.checkpoint, deployment) as backends:
        scores = evaluate_backends(backends.by_name, data, data.split.test)
    assert list(scores.logits) == ["float", "quantized", "integer", "c"]
    assert scores.logits["c"].dtype == np.int32
    assert np.array_equal(scores.logits["c"], scores.logits["integer"])


@pytest.mark.parametrize("content", [b"PK", b"", None])
def test_damaged_golden_clips_are_the_users_to_mend(
    deployment: Deployment, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "golden_clips.npz"
    if content is None:
        np.savez(path, samples=np.zeros(100, np.int16), counts=np.array([100]))
    else:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"golden_clips\.npz is damaged"):
        kept_golden_clips(deployment, tmp_path)


def test_a_run_of_an_earlier_version_kept_none(deployment: Deployment, tmp_path: Path) -> None:
    assert kept_golden_clips(deployment, tmp_path) is None
