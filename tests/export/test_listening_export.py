"""The exported folder of a deployment that hears samples."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import c_programs
import numpy as np
import pytest
from example_listening import DEFAULT, ENDPOINTER, FRONT_ENDS, deployment, model, words

from fsdd_lightning.arithmetic.device_arrays import device_arrays
from fsdd_lightning.export import ExportedModel, GoldenVectors, export_c

FRONT_END_FILES = {"fsdd_front_end.c", "fsdd_front_end.h", "fsdd_front_end_config.h", "fsdd_front_end_tables.h"}
FILES = FRONT_END_FILES | {"fsdd_listen.c", "fsdd_listen.h"}
DEPLOYMENT = deployment(model(DEFAULT, hidden=24, classes=10), least_margin=1234)
STRICT = "CFLAGS='-std=c99 -Wall -Wextra -Wconversion -Werror -pedantic'"


def export(folder: Path, name: str = "default", golden: GoldenVectors | None = None) -> ExportedModel:
    heard = replace(DEPLOYMENT) if name == "default" else deployment(model(FRONT_ENDS[name]), FRONT_ENDS[name])
    return export_c(heard, folder, name="digits", golden=golden, notes={})


def make(exported: ExportedModel) -> subprocess.CompletedProcess[str]:
    c_programs.compiler()
    command = f"{exported.build_command} {STRICT}"
    return subprocess.run(command, shell=True, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["default", "512, 16 bands"])
def test_the_example_recognizes_samples(name: str, tmp_path: Path) -> None:
    exported = export(tmp_path, name)
    assert {path.name for path in tmp_path.iterdir()} > FILES
    finished = make(exported)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("clip ") == 3 and "all logits are as expected" in finished.stdout


def test_the_example_notices_a_wrong_sample(tmp_path: Path) -> None:
    golden = GoldenVectors.of_samples(DEPLOYMENT, [words(DEFAULT, 1)[-4000:]])
    export(tmp_path, golden=golden)
    header = tmp_path / "fsdd_golden.h"
    samples = ", ".join(map(str, golden.samples[0][:8]))
    assert samples in header.read_text()
    wrong = ", ".join(map(str, golden.samples[0][:8] + np.int16(5000)))
    header.write_text(header.read_text().replace(samples, wrong, 1))
    finished = make(replace(export(tmp_path / "again"), folder=tmp_path))
    assert finished.returncode != 0 and "differ from the expected" in finished.stdout


def test_the_tables_are_the_archives(tmp_path: Path) -> None:
    export(tmp_path)
    c_programs.compiled("-c", tmp_path / "fsdd_front_end.c", "-o", tmp_path / "front_end.o")
    c_programs.compiled("-c", tmp_path / "fsdd_model.c", "-o", tmp_path / "model.o")
    arrays = device_arrays(DEPLOYMENT)
    front_end, network = (tmp_path / "front_end.o").read_bytes(), (tmp_path / "model.o").read_bytes()
    assert all(array.tobytes() in front_end for name, array in arrays.items() if name.startswith("front_end_"))
    for name in ("feature_multiplier", "feature_bias", "endpointer", "least_margin"):
        assert arrays[name].tobytes() in network


@pytest.mark.parametrize(
    "constant", ["WINDOW 256u", "HOP 160u", "BANDS 32u", "DEPTH_Q8 4096", "DECAY_Q8 0", "COEFFICIENTS 13u"]
)
def test_a_model_refuses_another_front_end(constant: str, tmp_path: Path) -> None:
    export(tmp_path)
    config = tmp_path / "fsdd_front_end_config.h"
    name, value = constant.split()
    other = f"{name} {int(value.rstrip('u')) + 1}{'u' if value.endswith('u') else ''}"
    assert f"FSDD_{constant}" in config.read_text()
    config.write_text(config.read_text().replace(f"FSDD_{constant}", f"FSDD_{other}"))
    finished = c_programs.compile_c("-c", tmp_path / "fsdd_model.c", "-o", tmp_path / "model.o")
    assert "front_end_is_its_own" in finished.stderr


def test_the_readme_says_how_to_feed_it(tmp_path: Path) -> None:
    exported = export(tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "\n\n## Feed it samples\n" in text and "Feed it frames" not in text
    assert "leads the second one by less than 1234" in text
    assert f"/* {exported.bill.ram_bytes} bytes, yours" in text
    assert f"{ENDPOINTER.hangover_frames + 1} frames of silence" in text
    assert "\n\n\n" not in text


def test_it_needs_little_memory(tmp_path: Path) -> None:
    assert export(tmp_path).bill.ram_bytes <= 2048
