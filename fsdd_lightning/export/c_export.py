"""Writes a deployment as a folder of C: constants, runtime, golden clips with a self-test, an example, a README."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.device_arrays import Deployment, FloatInput
from fsdd_lightning.arithmetic.ranges import check_model
from fsdd_lightning.artifacts import place_within, replace_file
from fsdd_lightning.config.schema import Target
from fsdd_lightning.errors import UserError
from fsdd_lightning.escaping import json_text, markdown, visible
from fsdd_lightning.export.c_text import C_TYPES, c_identifier, c_string, c_values
from fsdd_lightning.export.golden import GoldenVectors
from fsdd_lightning.export.listening import is_in_model_file, listening_context
from fsdd_lightning.export.weight_layout import (
    Layout,
    arranged_arrays,
    arranged_weights,
    is_read_in_words,
    target_layouts,
)
from fsdd_lightning.memory.bill import MemoryBill, memory_bill, uses_pot_table
from fsdd_lightning.memory.shape import NetworkShape

TEMPLATES = ("fsdd_model.h", "fsdd_model.c", "fsdd_golden.h", "main.c", "Makefile", "README.md")
LISTENING_TEMPLATES = ("fsdd_front_end_config.h", "fsdd_front_end_tables.h")
LISTENING_RUNTIME = ("fsdd_front_end", "fsdd_listen")  # what only a program that hears samples needs
HALF_RATE, HALVED_HZ = "half_rate.h", 8000  # of the 16,000 samples a second of usual microphones
EXAMPLE, TEMPLATE = "example", ".j2"  # a folder, of the package and of an export; what is to be filled in
WEIGHTS = "fsdd_weights"  # what all headers with weights have in common
LARGEST_SIZE, MOST_LAYERS = 2**16 - 1, 2**8 - 1  # uint16_t and uint8_t of fsdd_model


@dataclass(frozen=True)
class ExportedModel:
    """What was written."""

    folder: Path
    name: str  # the prefix of all names in the C text
    bill: MemoryBill
    formats: str  # what the C macro FSDD_FORMATS must contain

    @property
    def build_command(self) -> str:
        """For a shell: builds the example and runs it on the golden clips."""
        return f"make -C {shlex.quote(str(self.folder))}"


def export_c(
    deployment: Deployment,
    folder: Path,
    *,
    name: str,
    golden: GoldenVectors | None,
    notes: Mapping[str, str],
    target: Target = "auto",
) -> ExportedModel:
    """Make all files, then put every one in its place in one step; `folder` is made where it is missing.

    Without `golden` clips, the example gets noise. `notes` (such as the accuracy) stand on top of the README. `target` is
    the family of processors that the weights are laid out for; `auto` writes one header for each.

    Raises:
        RangeError: the model could overflow.
        UserError: the model is too large for the runtime's 16-bit sizes.
    """
    check_model(deployment.model)
    shape = _shape(deployment)
    listening, golden = deployment.listening, golden or GoldenVectors.random(deployment)
    front_end = listening.front_end if listening else None
    bill = memory_bill(shape, deployment.model.weight_code, 1, front_end, target)
    context = _context(deployment, shape, bill, name, target)
    context |= {"golden": golden, "notes": _table_rows(notes)} | listening_context(listening, golden)
    templates = TEMPLATES + (LISTENING_TEMPLATES if listening else ())
    files = {file: _render(f"templates/{file}", context) for file in templates} | runtime_files(listening is not None)
    files |= _weight_files(deployment, context)
    if listening is not None:
        files |= _example_files(context)
        place_within(folder, EXAMPLE).mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        replace_file(folder / file, text.encode("ascii"))
    return ExportedModel(folder, context["id"], bill, context["formats"])


def runtime_files(listening: bool) -> dict[str, str]:
    """The hand-written C by file name; without `listening` that of the network alone."""
    folder = resources.files("fsdd_lightning.export") / "runtime"
    sources = sorted(folder.iterdir(), key=lambda source: source.name)
    texts = {source.name: source.read_text("ascii") for source in sources if source.name.endswith((".c", ".h"))}
    return {name: text for name, text in texts.items() if listening or not name.startswith(LISTENING_RUNTIME)}


def _example_files(context: Mapping[str, Any]) -> dict[str, str]:
    """The program that hears a microphone, for a computer or a board."""
    files = {}
    for source in sorted((resources.files("fsdd_lightning.export") / EXAMPLE).iterdir(), key=lambda file: file.name):
        file = f"{EXAMPLE}/{source.name}"
        if source.name == HALF_RATE and context["front_end"].sample_rate_hz != HALVED_HZ:
            continue
        if file.endswith(TEMPLATE):
            files[file.removesuffix(TEMPLATE)] = _render(file.removesuffix(TEMPLATE), context)
        elif source.is_file():
            files[file] = source.read_text("ascii")
    return files


def _shape(deployment: Deployment) -> NetworkShape:
    model = deployment.model
    shape = NetworkShape(model.input_size, model.layers[0].hidden_size, len(model.layers), model.classes)
    if max(shape.inputs, shape.hidden_size, shape.classes) > LARGEST_SIZE or shape.layers > MOST_LAYERS:
        raise UserError(f"the C runtime counts inputs, units and classes to {LARGEST_SIZE}, layers to {MOST_LAYERS}")
    return shape


def _context(
    deployment: Deployment, shape: NetworkShape, bill: MemoryBill, name: str, target: Target
) -> dict[str, Any]:
    identifier, code = c_identifier(name), deployment.model.weight_code
    layouts, has_table = target_layouts(target, deployment.model), uses_pot_table(code, target)
    plural = "s" if shape.layers > 1 else ""
    return {
        "id": identifier,
        "ID": identifier.upper(),
        "title": _markdown(name),
        "summary": f"{shape.layers} LSTM layer{plural} of {shape.hidden_size} units on {shape.inputs} features, "
        f"{shape.classes} classes, {code} weights",
        "shape": shape,
        "bill": bill,
        "flash_bytes": bill.flash_bytes,
        "ram_bytes": bill.ram_bytes,
        "target": target,
        "layouts": layouts,
        "format": _format(f"FSDD_{code.upper()}", layouts),
        "formats": _format(f"FSDD_{code.upper()}", layouts) + (" | FSDD_POT_TABLE" if has_table else ""),
        "pot_table": has_table,
        "labels": [c_string(visible(label)) for label in deployment.labels],  # a board prints them on a terminal
        "classes": ", ".join(f'"{_markdown(label)}"' for label in deployment.labels),
        "arrays": _arrays(deployment, identifier),
        "features": _features(deployment),
        "frame_content": _frame_content(deployment),
        "feature_settings": json_text(deployment.feature_config, indent=2),
    }


def _format(code: str, layouts: Sequence[Layout]) -> str:
    """Code and layout as C has them; of several layouts the compiler takes one."""
    if len(layouts) == 1:
        return f"{code} | FSDD_{layouts[0].upper()}"
    return f"{code} | FSDD_FASTEST{'' if 'pairs' in layouts else '_UNPAIRED'}({code})"


def _weight_files(deployment: Deployment, context: Mapping[str, Any]) -> dict[str, str]:
    """A header for each layout of the weights."""
    files = {}
    for layout in context["layouts"]:
        arrays = [_array(context["id"], *item) for item in arranged_weights(deployment, layout).items()]
        text = _render(f"templates/{WEIGHTS}.h", {**context, "layout": layout, "arrays": arrays})
        files[f"{WEIGHTS}_{layout}.h"] = text
    return files


def _arrays(deployment: Deployment, identifier: str) -> list[dict[str, Any]]:
    """What the template needs to define each array, those of wide types first, so that a compiler pads nothing."""
    arrays = arranged_arrays(deployment)
    widest_first = sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize)
    return [_array(identifier, name, array) for name, array in widest_first if is_in_model_file(name)]


def _array(identifier: str, name: str, array: NDArray[Any]) -> dict[str, Any]:
    return {
        "name": f"{identifier}_{name}",
        "in_words": is_read_in_words(name, array),
        "storage": "" if name.startswith("feature_") else "static ",
        "type": C_TYPES[array.dtype.str],
        "length": array.size,
        "numbers": c_values(array),
    }


def _features(deployment: Deployment) -> list[tuple[float, float]]:
    """Mean and std of every feature, where the firmware makes them; else nothing."""
    if isinstance(deployment.input, FloatInput):
        return list(zip(deployment.input.mean.tolist(), deployment.input.std.tolist(), strict=True))
    return []


def _frame_content(deployment: Deployment) -> str:
    inputs = deployment.model.input_size
    if deployment.feature_config.get("deltas"):
        return f"{inputs // 2} MFCCs and then their changes since the frame before, which are 0 in a clip's first"
    return f"{inputs} MFCCs"


def _table_rows(notes: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(_markdown(key), _markdown(value)) for key, value in notes.items()]


def _markdown(text: str) -> str:
    """The same in plain ASCII, as all files of an export are."""
    return markdown(text).encode("ascii", "xmlcharrefreplace").decode()


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fsdd_lightning.export", "."),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["c_values"] = lambda array: c_values(np.asarray(array))
    return environment


def _render(file: str, context: Mapping[str, Any]) -> str:
    return _environment().get_template(file + TEMPLATE).render(context)
