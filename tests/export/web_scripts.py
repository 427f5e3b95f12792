"""Runs the page's scripts under Node, with data from Python and answers to it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Sequence
from importlib.resources import files as package_files
from typing import Any

import numpy as np
import pytest

PAGE = package_files("fsdd_lightning.export") / "web" / "page"
NODE = shutil.which("node")
LONGEST_S = 120

needs_node = pytest.mark.skipif(NODE is None, reason="Node.js is not installed: apt-get install nodejs")

# In front of the scripts: how arrays come from Python as typed arrays, and go back.
EXCHANGE = """"use strict";
const typedArrays = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array,
  uint32: Uint32Array, float32: Float32Array, float64: Float64Array };
function fromBase64(text, type = "uint8") {
  const bytes = Uint8Array.from(Buffer.from(text, "base64")); // a copy, which begins where any type may
  return new typedArrays[type](bytes.buffer);
}
function toBase64(array) {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");
}
function answer(value) {
  const packed = JSON.stringify(value, (_, each) => {
    const type = Object.keys(typedArrays).find((name) => each instanceof typedArrays[name]);
    return type === undefined ? each : { type, base64: toBase64(each) };
  });
  process.stdout.write(packed === undefined ? "null" : packed);
}
function errorOf(action) {
  try { action(); } catch (error) { return error.message; }
  return null;
}
const data = JSON.parse(%s, (_, each) => each?.base64 === undefined ? each : fromBase64(each.base64, each.type));
"""


def script(name: str) -> str:
    """The text of one of the page's scripts."""
    return (PAGE / name).read_text(encoding="utf-8")


def run_scripts(files: Sequence[str], code: str, data: Any = None) -> Any:
    """What `code`, behind the page's scripts `files`, gives to `answer(value)`; it may await.

    `data` is there by that name. Beside what JSON knows, arrays (typed arrays there) and bytes (Uint8Array) travel in
    both directions; arrays come back flat. `errorOf(action)` is the message of what an action throws, or null.
    """
    assert NODE is not None, "mark the test with needs_node"
    beginning = EXCHANGE % json.dumps(json.dumps(data, default=_packed))
    scripts = [script(name) for name in files]
    whole = "\n".join([beginning, *scripts, "(async () => {", code, "})();"])
    command = [NODE, "--input-type=commonjs", "--unhandled-rejections=strict", "-"]
    done = subprocess.run(command, input=whole, capture_output=True, text=True, encoding="utf-8", timeout=LONGEST_S)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout, object_hook=_unpacked)


def _packed(value: Any) -> dict[str, str]:
    if isinstance(value, bytes):
        value = np.frombuffer(value, np.uint8)
    array = np.ascontiguousarray(value)
    return {"type": array.dtype.name, "base64": base64.b64encode(array.tobytes()).decode("ascii")}


def _unpacked(value: dict[str, Any]) -> Any:
    if value.keys() != {"type", "base64"}:
        return value
    return np.frombuffer(base64.b64decode(value["base64"]), value["type"])
