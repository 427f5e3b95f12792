"""The exported folder: what is in it, and that it builds, runs, and notices a wrong number."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import c_programs
import directed_models
import example_models
import numpy as np
import pytest
from example_deployment import any_deployment
from hostile_texts import squeezed, texts, unseen
from markdown_it import MarkdownIt

from fsdd_lightning.arithmetic import quantize
from fsdd_lightning.arithmetic.device_arrays import Deployment, FloatInput, device_arrays
from fsdd_lightning.arithmetic.integer_lstm import network_logits
from fsdd_lightning.arithmetic.integer_model import IntegerLayer
from fsdd_lightning.arithmetic.ranges import RangeError
from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.errors import UserError
from fsdd_lightning.escaping import visible
from fsdd_lightning.export import ExportedModel, GoldenVectors, export_c
from fsdd_lightning.memory.bill import POT_TABLE_BYTES

RUNTIME = {"fsdd_lstm.c", "fsdd_lstm.h", "fsdd_lstm_avx2.h"}
FILES = RUNTIME | {"fsdd_model.c", "fsdd_model.h", "fsdd_golden.h", "main.c", "Makefile", "README.md"}
NASTY = ('"', "\\", "??/", "*/ int x;", "a\nb", "zéro", "日本", "%s%n", "")
NOTES = {"accuracy": "99.3 %", "a|b": "line\nline *é*"}


def deployment(code: str = "int8") -> Deployment:
    return any_deployment(directed_models.all_models()[f"{code}, (13, 24, 2)"])


def nasty_deployment() -> Deployment:
    floats = example_models.random_float_model(quantize, 3, classes=len(NASTY), inputs=3)
    model = quantize.convert(floats, WEIGHT_CODES["int4"])
    return replace(any_deployment(model), labels=NASTY)


def export(folder: Path, name: str = "digits", code: str = "int8", **options: str) -> ExportedModel:
    return export_c(deployment(code), folder, name=name, golden=None, notes=NOTES, **options)


def make(exported: ExportedModel, *words: str) -> subprocess.CompletedProcess[str]:
    c_programs.compiler()
    command = " ".join([exported.build_command, *words])
    return subprocess.run(command, shell=True, capture_output=True, text=True, check=False)


STRICT = "CFLAGS='-std=c99 -Wall -Wextra -Wconversion -Werror -pedantic'"


@pytest.mark.parametrize("target", ("auto", *c_programs.TARGETS))
@pytest.mark.parametrize("code", sorted(WEIGHT_CODES))
def test_the_example_builds_and_finds_every_logit(code: str, target: str, tmp_path: Path) -> None:
    finished = make(export(tmp_path / "a folder's name", code=code, target=target), STRICT)
    assert finished.returncode == 0, finished.stderr
    assert "all logits are as expected" in finished.stdout


@pytest.mark.parametrize(
    ("file", "array", "printed"),
    [
        ("fsdd_golden.h", "{\n    ", "1 logits differ"),  # the last array: logits
        ("fsdd_model.c", "digits_output_bias[4] = {\n    ", "logits differ"),
    ],
)
def test_the_example_notices_one_wrong_number(file: str, array: str, printed: str, tmp_path: Path) -> None:
    exported = export(tmp_path)
    before, numbers = (tmp_path / file).read_text().rsplit(array, 1)
    first = int(numbers.split(",")[0])
    (tmp_path / file).write_text(f"{before}{array}{numbers.replace(str(first), str(first + 1), 1)}")
    finished = make(exported)
    assert finished.returncode != 0
    assert printed in finished.stdout


@pytest.mark.parametrize("name", ['7 of "9"', "int", "*/ #error", "fsdd", "ünï", "??/", ""])
def test_no_name_and_no_label_breaks_the_text(name: str, tmp_path: Path) -> None:
    exported = export_c(nasty_deployment(), tmp_path, name=name, golden=None, notes=NOTES)
    finished = make(exported, STRICT)
    assert finished.returncode == 0, finished.stderr


def test_labels_arrive_as_they_are_but_steer_no_terminal(tmp_path: Path) -> None:
    export_c(nasty_deployment(), tmp_path, name="x", golden=None, notes={})
    (tmp_path / "print.c").write_text(
        '#include <stdio.h>\n#include "fsdd_model.h"\n'
        "int main(void)\n{\n    static const char *const labels[X_CLASSES] = X_LABELS;\n    size_t k;\n"
        "    for (k = 0; k < X_CLASSES; k++)\n        fwrite(labels[k], 1, 1 + __builtin_strlen(labels[k]), stdout);\n"
        "    return 0;\n}\n"
    )
    sources = [tmp_path / name for name in ("print.c", "fsdd_model.c", "fsdd_lstm.c")]
    c_programs.compiled(*sources, "-o", tmp_path / "print")
    printed = subprocess.run([tmp_path / "print"], capture_output=True, check=True).stdout
    assert printed.decode().split("\0")[:-1] == list(map(visible, NASTY))


def test_an_export_has_these_files_in_ascii_and_nothing_else(tmp_path: Path) -> None:
    export_c(nasty_deployment(), tmp_path, name="ünï", golden=None, notes=NOTES)
    written = {path.name for path in tmp_path.iterdir()}
    assert written >= FILES and all(name.startswith(("fsdd_lstm_", "fsdd_weights_")) for name in written - FILES)
    assert all(path.read_bytes().isascii() for path in tmp_path.iterdir())


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    export(tmp_path / "a"), export(tmp_path / "b")
    export(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_nothing_is_written_for_a_network_that_could_overflow(tmp_path: Path) -> None:
    model = directed_models.all_models()["ties"]
    layer = model.layers[0]
    wild = IntegerLayer(layer.weights, np.full(len(layer.bias), 2**31 - 1, np.int32), layer.multiplier, 29)
    broken = replace(model, layers=(wild, *model.layers[1:]))
    with pytest.raises(RangeError, match="layer 1, gate i, unit 0"):
        export_c(any_deployment(broken), tmp_path, name="x", golden=None, notes={})
    assert not list(tmp_path.iterdir())


def test_a_network_with_too_many_layers_is_refused(tmp_path: Path) -> None:
    model = directed_models.random_model("int8", (1, 1, 256))
    with pytest.raises(UserError, match="counts inputs, units and classes to 65535, layers to 255"):
        export_c(any_deployment(model), tmp_path, name="x", golden=None, notes={})


@pytest.mark.parametrize("target", ("auto", *c_programs.TARGETS))
@pytest.mark.parametrize("code", sorted(WEIGHT_CODES))
def test_the_compilers_sizes_are_the_bills(code: str, target: str, tmp_path: Path) -> None:
    """Arrays byte for byte; the structs, which hold pointers, only where these have 4 bytes (tests/firmware)."""
    bill = export(tmp_path, code=code, target=target).bill
    model = tmp_path / "model.o"
    c_programs.compiled("-c", "-fdata-sections", tmp_path / "fsdd_model.c", "-o", model)
    listed = subprocess.run(["nm", "-S", "--defined-only", model], capture_output=True, text=True, check=True)
    sizes = {line.split()[3]: int(line.split()[1], 16) for line in listed.stdout.splitlines()}
    stored = {f"digits_{name}": array.nbytes for name, array in device_arrays(deployment(code)).items()}
    assert {name: sizes[name] for name in stored} == stored
    assert set(sizes) - set(stored) == {"digits_layers", "digits_model"}
    in_runtime = POT_TABLE_BYTES if (code, target) == ("pot", "arm_dsp") else 0
    assert sum(stored.values()) + 32 + 2 * 12 + in_runtime == bill.flash_bytes
    header = (tmp_path / "fsdd_model.h").read_text()
    assert f"DIGITS_FLASH_BYTES {bill.flash_bytes} " in header
    assert f"DIGITS_RAM_BYTES {bill.ram_bytes} " in header  # fsdd_model.c does not compile where sizeof differs


@pytest.mark.parametrize("name", ["FLASH", "RAM"])
def test_a_wrong_bill_does_not_compile(name: str, tmp_path: Path) -> None:
    export(tmp_path)
    flags = ("-fsyntax-only", "-m32", "-ffreestanding") if name == "FLASH" else ("-fsyntax-only",)
    if c_programs.compile_c(*flags, tmp_path / "fsdd_model.c").returncode:
        pytest.skip("this compiler knows no processor with pointers of 32 bits")
    header = tmp_path / "fsdd_model.h"
    lines = header.read_text().splitlines(keepends=True)
    header.write_text("".join(line.replace("BYTES ", "BYTES 1 + ") if f"_{name}_" in line else line for line in lines))
    finished = c_programs.compile_c(*flags, tmp_path / "fsdd_model.c")
    assert finished.returncode != 0 and "is_the_bill" in finished.stderr


def test_feature_constants_are_exact(tmp_path: Path) -> None:
    mean, std = np.float32([1 / 3, -1e-8, 0, 123456.7]), np.float32([1e-20, 1, 3.4e38, 0.1])
    model = directed_models.random_model("int8", (4, 2, 1))
    export_c(Deployment(model, FloatInput(mean, std), {}, ("a",) * 4), tmp_path, name="x", golden=None, notes={})
    c_programs.compiled("-c", tmp_path / "fsdd_model.c", "-o", tmp_path / "model.o")
    content = (tmp_path / "model.o").read_bytes()
    assert mean.tobytes() in content and std.tobytes() in content


def test_golden_vectors_are_numpys(tmp_path: Path) -> None:
    one = deployment()
    golden = GoldenVectors.random(one)
    np.testing.assert_array_equal(golden.logits, network_logits(one.model, golden.features_q4, golden.lengths))
    assert golden.lengths.tolist() == [1, 10, 20]
    assert golden.valid_frames_q4.shape == (31, 13)
    np.testing.assert_array_equal(golden.valid_frames_q4[1:11], golden.features_q4[1, :10])
    with pytest.raises(ValueError, match=r"must be int8 \(\.\.\., 13\)"):
        GoldenVectors.of(one, golden.features_q4[..., :2], golden.lengths)


def test_given_clips_are_the_golden_ones(tmp_path: Path) -> None:
    features = np.full((1, 2, 13), 77, np.int8)
    golden = GoldenVectors.of(deployment(), features, np.array([2]))
    exported = export_c(deployment(), tmp_path, name="digits", golden=golden, notes={})
    text = (tmp_path / "fsdd_golden.h").read_text()
    assert text.count("77") == 26
    assert ", ".join(map(str, golden.logits[0])) in text
    assert make(exported).stdout.count("clip ") == 1


def test_the_readme_states_what_is_needed(tmp_path: Path) -> None:
    config = {"sample_rate_hz": 8000}
    exported = export_c(replace(deployment(), feature_config=config), tmp_path, name="digits", golden=None, notes=NOTES)
    text = (tmp_path / "README.md").read_text()
    assert "| accuracy | 99.3 % |" in text and "| a&#124;b | line\\\\nline \\*&#233;\\* |" in text
    assert '"sample_rate_hz": 8000' in text
    assert f"**{exported.bill.flash_bytes}** | **{exported.bill.ram_bytes}**" in text
    assert all(line.detail in text for line in exported.bill.lines)
    given = deployment().input
    assert isinstance(given, FloatInput)
    mean, std = given.mean[3], given.std[3]
    assert f"| 3 | {float(mean)} | {float(std)} |" in text
    assert "A frame is 13 MFCCs. " in text
    assert text.splitlines()[2].startswith("2 LSTM layers of ")


@texts
def test_a_text_from_outside_is_no_more_than_that_in_any_file(text: str, tmp_path: Path) -> None:
    export_c(replace(deployment(), labels=(text, "a", "b", "c")), tmp_path, name=text, golden=None, notes={text: text})
    for path in tmp_path.iterdir():
        assert (
            unseen(path.read_text("ascii").replace("\t", "") if path.name == "Makefile" else path.read_text()) == set()
        )
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse((tmp_path / "README.md").read_text())
    inside = [child for token in tokens for child in token.children or ()]
    shown = "".join(child.content for child in inside)
    assert squeezed(shown).count(squeezed(text)) >= 4  # title, both cells of the note, class
    assert [token.tag for token in tokens].count("h1") == 2  # begun and ended
    assert not {"image", "link_open", "html_inline", "em_open", "s_open"} & {child.type for child in inside}


def test_the_readme_explains_deltas(tmp_path: Path) -> None:
    with_deltas = replace(deployment(), feature_config={"deltas": True})
    export_c(with_deltas, tmp_path, name="digits", golden=None, notes={})
    half = with_deltas.model.input_size // 2
    assert f"A frame is {half} MFCCs and then their changes since" in (tmp_path / "README.md").read_text()
