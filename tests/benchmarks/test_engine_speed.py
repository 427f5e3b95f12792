"""The C on this machine against ONNX Runtime's dynamic int8 and torch's float:
`pytest tests/benchmarks/test_engine_speed.py --benchmark-only -s`.

One clip of 36 frames, one thread, the same network; all take turns of ten calls, so that whatever else the machine does
slows down all of them, and all find their own weights in the processor's caches after the first call of a turn. Every
call starts with a numpy array or tensor and ends with logits; where it starts with floats, as the rivals' do, numpy
quantizes them first.

The C is timed three times: as the `c` backend compiles it for this processor, and the exported files by their own
Makefile, which only gets another program than main.c and is told to make a library: as it is, and with CFLAGS for this
processor.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib import resources
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from example_deployment import any_deployment

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.integer_lstm import quantize_features
from fsdd_lightning.arithmetic.quantize import convert, float_model
from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.export import compile_host, export_c
from fsdd_lightning.export.host import HostNetwork
from fsdd_lightning.runs.machine import describe_machine

FRAMES, FEATURES, CLASSES = 36, 13, 10
ROUNDS, CALLS = 300, 10
THIS_PROCESSOR = "-O3 -march=native -std=c99"
ENGINE = "C backend"


class FloatNetwork(torch.nn.Module):
    """Plain `nn.LSTM` and `nn.Linear`: the logits after the last frame of one clip (1, T, F)."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.lstm = torch.nn.LSTM(FEATURES, hidden_size, 2, batch_first=True)
        self.output = torch.nn.Linear(hidden_size, CLASSES)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.output(self.lstm(features)[0][:, -1])


def arrays(module: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in module.state_dict().items()}


def deployment_of(network: FloatNetwork) -> Deployment:
    return any_deployment(convert(float_model(arrays(network.lstm), arrays(network.output)), weight_code("int8")))


def onnx_graph(network: FloatNetwork, path: Path) -> None:
    """ONNX's LSTM has the gates in the order i, o, f, g and a direction axis in front; time comes first."""
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    weights, nodes, below = {}, [helper.make_node("Transpose", ["x"], ["x0"], perm=[1, 0, 2])], "x0"
    lstm, hidden = arrays(network.lstm), network.lstm.hidden_size
    for k in range(2):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ih, hh, bi, bh = (_onnx_gates(lstm[f"{name}_l{k}"]) for name in names)
        weights |= {f"w{k}": ih[None], f"r{k}": hh[None], f"b{k}": np.concatenate([bi, bh])[None]}
        outputs = [f"y{k}", f"h{k}"]
        nodes.append(helper.make_node("LSTM", [below, f"w{k}", f"r{k}", f"b{k}"], outputs, hidden_size=hidden))
        nodes.append(helper.make_node("Squeeze", [f"y{k}", "one"], [f"x{k + 1}"]))
        below = f"x{k + 1}"
    weights |= {"one": np.array([1]), "zero": np.array([0])}
    weights |= {"wo": np.ascontiguousarray(arrays(network.output)["weight"].T), "bo": arrays(network.output)["bias"]}
    nodes.append(helper.make_node("Squeeze", ["h1", "zero"], ["top"]))
    nodes += [helper.make_node("MatMul", ["top", "wo"], ["m"]), helper.make_node("Add", ["m", "bo"], ["logits"])]
    float32 = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", float32, [1, FRAMES, FEATURES])],
        [helper.make_tensor_value_info("logits", float32, [1, CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def _onnx_gates(rows: np.ndarray) -> np.ndarray:
    i, f, g, o = np.split(rows, 4)
    return np.concatenate([i, o, f, g])


def onnxruntime_int8(network: FloatNetwork, folder: Path, features: np.ndarray) -> Callable[[], np.ndarray]:
    """Dynamic int8, one scale a tensor; the float graph must give torch's logits first."""
    runtime = pytest.importorskip("onnxruntime")
    quantization = pytest.importorskip("onnxruntime.quantization")
    onnx_graph(network, folder / "float.onnx")
    quantization.quantize_dynamic(folder / "float.onnx", folder / "int8.onnx", per_channel=False)

    def call(file: str) -> Callable[[], np.ndarray]:
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = runtime.InferenceSession(folder / file, options, providers=["CPUExecutionProvider"])
        return lambda: session.run(None, {"x": features})[0]

    with torch.no_grad():
        np.testing.assert_allclose(call("float.onnx")(), network(torch.from_numpy(features)).numpy(), atol=1e-5)
    return call("int8.onnx")


def torch_float(network: FloatNetwork, features: np.ndarray) -> Callable[[], np.ndarray]:
    clip = torch.from_numpy(features)

    def run() -> np.ndarray:
        with torch.no_grad():
            return network(clip).numpy()

    return run


def seconds(run: Callable[[], np.ndarray]) -> list[float]:
    """Of all calls of one turn."""
    times = [time.perf_counter()]
    for _ in range(CALLS):
        run()
        times.append(time.perf_counter())
    return [after - before for before, after in pairwise(times)]


def exported(deployment: Deployment, folder: Path, *variables: str) -> HostNetwork:
    """The files of an export, compiled by its Makefile."""
    export_c(deployment, folder, name="host", golden=None, notes={})
    program = resources.files("fsdd_lightning.export") / "host" / "fsdd_host.c"
    (folder / "fsdd_host.c").write_text(program.read_text("ascii"))
    as_library = ("SOURCES=fsdd_host.c fsdd_model.c fsdd_lstm.c", "LDFLAGS=-shared -fPIC")
    subprocess.run(["make", "-s", "-C", folder, "golden_test", *as_library, *variables], check=True)
    return HostNetwork(deployment, folder / "golden_test")


def engines(deployment: Deployment, folder: Path, stack: ExitStack) -> dict[str, HostNetwork]:
    made = {
        ENGINE: compile_host(deployment),
        "exported, Makefile": exported(deployment, folder / "as_it_is"),
        f"exported, {THIS_PROCESSOR[:17]}": exported(deployment, folder / "native", f"CFLAGS={THIS_PROCESSOR}"),
    }
    return {name: stack.enter_context(engine) for name, engine in made.items()}


def all_runs(network: FloatNetwork, folder: Path, stack: ExitStack) -> dict[str, Callable[[], np.ndarray]]:
    features = np.random.default_rng(0).normal(size=(1, FRAMES, FEATURES)).astype(np.float32)
    features_q4, lengths = quantize_features(features), np.array([FRAMES])
    made = engines(deployment_of(network), folder, stack)
    runs = {name: partial(engine.logits, features_q4, lengths) for name, engine in made.items()}
    logits = [run() for run in runs.values()]
    assert all(np.array_equal(logits[0], other) for other in logits)
    runs[f"{ENGINE}, from floats"] = lambda: made[ENGINE].logits(quantize_features(features), lengths)
    runs["onnxruntime int8"] = onnxruntime_int8(network, folder, features)
    runs["torch float"] = torch_float(network, features)
    return runs


@pytest.mark.parametrize("hidden_size", [24, 48])
def test_one_clip(benchmark: Any, hidden_size: int, tmp_path: Path) -> None:
    with ExitStack() as stack:
        runs = all_runs(FloatNetwork(hidden_size).eval(), tmp_path, stack)
        for run in runs.values():
            seconds(run)
        rounds = []
        benchmark.pedantic(lambda: rounds.append([seconds(run) for run in runs.values()]), rounds=ROUNDS)
    sides = (chain.from_iterable(side) for side in zip(*rounds, strict=True))
    microseconds = {name: 1e6 * statistics.median(side) for name, side in zip(runs, sides, strict=True)}
    ratios = {name: value / microseconds[ENGINE] for name, value in microseconds.items()}
    benchmark.extra_info.update(microseconds=microseconds, ratios=ratios)
    machine = describe_machine()
    print(f"\n2x{hidden_size} on {machine['processor']} ({machine['kind']}; {machine['instructions']}):")
    print("\n".join(f"  {name:36}{value:6.0f} us ({ratios[name]:.2f} x)" for name, value in microseconds.items()))
