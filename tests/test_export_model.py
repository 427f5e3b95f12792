"""fsdd-export as a user meets it: files from a run folder alone, and one line where there is nothing to export."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from commands import Call

from fsdd_lightning import export_model
from fsdd_lightning.config.schema import Target
from fsdd_lightning.model.inference import float_logits
from fsdd_lightning.runs.folder import read_run, recorded_data
from fsdd_lightning.runs.record import RunRecord

RunTrial = Callable[[Sequence[str], Path], RunRecord]


@pytest.fixture
def fsdd_export(call: Call) -> Call:
    return partial(call, export_model)


@pytest.fixture
def moved_run(finished_run: Path, tmp_path: Path) -> Path:
    """A run folder in another place, without its export."""
    folder = shutil.copytree(finished_run, tmp_path / "moved")
    shutil.rmtree(folder / "export")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_export_is_made_again_byte_for_byte(fsdd_export: Call, finished_run: Path, moved_run: Path) -> None:
    code, out, err = fsdd_export(moved_run)
    assert (code, err) == (0, "")
    made = files(moved_run / "export")
    assert made == files(finished_run / "export") and "example/main.c" in made
    place, command = out.splitlines()
    assert str(moved_run / "export") in place
    assert command.split() == ["make", "-C", str(moved_run / "export")]


def test_output_and_name_are_the_users(fsdd_export: Call, moved_run: Path, tmp_path: Path) -> None:
    code, _, _ = fsdd_export(moved_run, "--output", tmp_path / "a" / "b", "--name", "Door bell")
    assert code == 0
    assert not (moved_run / "export").exists()
    assert "door_bell_step" in (tmp_path / "a" / "b" / "fsdd_model.h").read_text()


@pytest.mark.parametrize("mode", ["float32", "torch_dynamic"])
def test_what_has_no_integer_network_has_no_c_but_onnx(
    fsdd_export: Call, finished_overrides: list[str], tmp_path: Path, run_trial: RunTrial, mode: str
) -> None:
    pytest.importorskip("onnx")
    run_trial([*finished_overrides, f"quantization={mode}"], tmp_path)
    code, out, err = fsdd_export(tmp_path)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert f"is {mode}, which has no integer network to export as C: use --format onnx" in line
    code, out, _ = fsdd_export(tmp_path, "--format", "onnx")
    assert (code, out) == (0, f"the float network is in {tmp_path / 'export' / 'digits.onnx'}\n")


def test_the_onnx_file_of_a_run_gives_its_float_logits(fsdd_export: Call, moved_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    ort = pytest.importorskip("onnxruntime")
    code, _, _ = fsdd_export(moved_run, "--format", "onnx", "--output", tmp_path, "--name", "mine")
    assert code == 0
    run = read_run(moved_run)
    data = recorded_data(run, None)
    session = ort.InferenceSession(tmp_path / "mine.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"features": 16 * data.features, "lengths": data.lengths})
    expected = float_logits(run.checkpoint.float_network, data.features, data.lengths)
    assert np.abs(logits - expected).max() <= 1e-5


@pytest.mark.parametrize("name", ["", "a/b", "..\\x"])
def test_a_name_that_is_no_file_name_is_refused(fsdd_export: Call, finished_run: Path, name: str) -> None:
    code, _, err = fsdd_export(finished_run, "--format", "onnx", "--name", name)
    assert code == 2 and err.startswith("error: --name must be fit for a file")


@pytest.mark.parametrize("form", ["c", "onnx", "web"])
def test_a_folder_that_cannot_be_written_is_reported_in_one_line(
    fsdd_export: Call, finished_run: Path, tmp_path: Path, form: str
) -> None:
    pytest.importorskip("onnx")
    (tmp_path / "file").touch()
    code, out, err = fsdd_export(finished_run, "--format", form, "--output", tmp_path / "file" / "x")
    assert (code, out) == (1, "")
    assert err == f"error: cannot write to {tmp_path / 'file' / 'x'}: Not a directory\n"


def test_a_folder_that_is_no_run_is_refused(fsdd_export: Call, tmp_path: Path) -> None:
    code, _, err = fsdd_export(tmp_path)
    assert code == 2 and "is not a run folder" in err


def test_damaged_golden_clips_are_reported_in_one_line(fsdd_export: Call, moved_run: Path) -> None:
    (moved_run / "golden_clips.npz").write_bytes(b"PK")
    code, out, err = fsdd_export(moved_run)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1 and "golden_clips.npz is damaged" in err


@pytest.mark.parametrize(
    ("target", "layouts"),
    [("portable", {"columns"}), ("arm_dsp", {"pairs"}), ("arm_mve", {"rows"}), ("host", {"rows"})],
)
def test_one_family_of_processors_alone(
    fsdd_export: Call, moved_run: Path, tmp_path: Path, target: str, layouts: set[str]
) -> None:
    code, _, err = fsdd_export(moved_run, "--output", tmp_path / target, "--target", target)
    assert (code, err) == (0, "")
    written = {path.stem.removeprefix("fsdd_weights_") for path in (tmp_path / target).glob("fsdd_weights_*.h")}
    assert written == layouts


@pytest.mark.parametrize("form", ["onnx", "web"])
def test_a_target_is_of_c_alone(fsdd_export: Call, moved_run: Path, form: str) -> None:
    code, _, err = fsdd_export(moved_run, "--format", form, "--target", "host")
    assert (code, err) == (2, f"error: --target is for C files, not for --format {form}\n")


# ---- pages


def test_a_page_is_one_file_that_is_made_again_byte_for_byte(
    fsdd_export: Call, finished_run: Path, moved_run: Path, tmp_path: Path
) -> None:
    code, out, err = fsdd_export(moved_run, "--format", "web")
    assert (code, err) == (0, "")
    page = moved_run / "export" / "listen.html"
    assert list(files(moved_run / "export")) == ["listen.html"]
    place, *rest = out.splitlines()
    assert place == f"the page is {page} ({page.stat().st_size / 1000:.0f} kB): open it in a browser"
    assert rest[-2:] == [
        f"  python -m http.server --bind localhost --directory {page.parent}",
        "  and open http://localhost:8000/listen.html",
    ]
    fsdd_export(finished_run, "--format", "web", "--output", tmp_path / "again")
    again = (tmp_path / "again" / "listen.html").read_bytes()
    assert again == page.read_bytes().replace(b"fsdd-export moved ", f"fsdd-export {finished_run.name} ".encode())
    assert page.stat().st_size < 150_000


def test_the_title_of_a_page_is_the_users(fsdd_export: Call, moved_run: Path) -> None:
    fsdd_export(moved_run, "--format", "web", "--name", "Door <bell> & </script>")
    text = (moved_run / "export" / "listen.html").read_text()
    assert "<title>Door &lt;bell&gt; &amp; &lt;/script&gt;</title>" in text
    assert '"title":"Door \\u003cbell\\u003e \\u0026 \\u003c/script\\u003e"' in text


def test_two_networks_on_one_page(
    fsdd_export: Call, moved_run: Path, finished_overrides: list[str], tmp_path: Path, run_trial: RunTrial
) -> None:
    (tmp_path / "float").mkdir()
    run_trial([*finished_overrides, "quantization=float32"], tmp_path / "float")
    code, out, _ = fsdd_export(moved_run, tmp_path / "float", "--format", "web")
    assert code == 0 and str(moved_run / "export" / "compare.html") in out
    data = page_data(moved_run / "export" / "compare.html")
    integer, float_network = data["networks"]
    assert [network["mode"] for network in (integer, float_network)] == ["int8_ptq", "float32"]
    assert integer["float"] is None and len(float_network["float"]["layers"]) == 2
    assert float_network["golden"]["clips"] == integer["golden"]["clips"], "both check themselves by the same sounds"
    assert data["command"] == "fsdd-export moved float --format web"
    records = [read_run(folder).record for folder in (moved_run, tmp_path / "float")]
    for network, record in zip(data["networks"], records, strict=True):
        assert network["flash_bytes"] == record.memory["flash_bytes"]
        assert network["command"].startswith("fsdd-train ")


def test_networks_of_one_mode_and_size_are_told_apart_by_their_folders(
    fsdd_export: Call, moved_run: Path, finished_run: Path
) -> None:
    fsdd_export(moved_run, finished_run, "--format", "web")
    names = [network["name"] for network in page_data(moved_run / "export" / "compare.html")["networks"]]
    assert names == [f"int8_ptq 2x8, {folder.name}" for folder in (moved_run, finished_run)]


def test_a_page_without_kept_clips_checks_itself_by_noise(fsdd_export: Call, moved_run: Path) -> None:
    (moved_run / "golden_clips.npz").unlink()
    record = json.loads((moved_run / "run.json").read_text())
    del record["digests"]["golden_clips.npz"]
    (moved_run / "run.json").write_text(json.dumps(record))
    code, _, err = fsdd_export(moved_run, "--format", "web")
    assert (code, err) == (0, "")
    (network,) = page_data(moved_run / "export" / "listen.html")["networks"]
    assert len(network["golden"]["clips"]) == 3


def test_more_runs_than_a_format_takes(fsdd_export: Call, finished_run: Path, moved_run: Path) -> None:
    for form, most in (("c", "1 run at most"), ("onnx", "1 run at most"), ("web", "2 runs at most")):
        runs = [finished_run, moved_run, finished_run][: 3 if form == "web" else 2]
        code, _, err = fsdd_export(*runs, "--format", form)
        assert (code, err) == (2, f"error: --format {form} takes {most}, not {len(runs)}\n")
    code, _, err = fsdd_export(moved_run, moved_run / ".", "--format", "web")
    assert code == 2 and err == f"error: {moved_run} is the same run: name another one to hear beside it\n"


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ("quantization=torch_dynamic", "is torch_dynamic, which PyTorch alone computes: export a run with"),
        ("features=mfcc", "has features=mfcc, which need float and whole clips, and a page hears samples: export"),
    ],
)
def test_what_a_page_cannot_compute_is_refused_in_one_line(
    fsdd_export: Call, finished_overrides: list[str], tmp_path: Path, run_trial: RunTrial, override: str, why: str
) -> None:
    run_trial([*finished_overrides, override], tmp_path)
    code, out, err = fsdd_export(tmp_path, "--format", "web")
    assert (code, out) == (2, "") and len(err.splitlines()) == 1 and why in err
    assert not (tmp_path / "export" / "listen.html").exists()


def page_data(page: Path) -> dict[str, Any]:
    """What the page's script reads."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_parsers_targets_are_the_configs() -> None:
    assert get_args(Target) == export_model.TARGETS
