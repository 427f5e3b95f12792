"""The float network as ONNX, for runtimes on hosts: features and lengths in, logits out.

The graph standardizes MFCCs itself: mean and std belong to the network, so a caller cannot forget them. Features of the
integer front end come standardized, in steps of 2^-4 (arithmetic/README.md). The LSTM operator gets the lengths, so the
logits are those of each clip's last valid frame, and padding is never read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

import fsdd_lightning
from fsdd_lightning.arithmetic.fixed_point import FEATURE_BITS
from fsdd_lightning.artifacts import replace_file
from fsdd_lightning.errors import UserError
from fsdd_lightning.escaping import visible
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.checkpoint import Checkpoint

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, ValueInfoProto

OPSET = 17
IR_VERSION = 8  # ONNX Runtime 1.12 and later read it
_GATES = (0, 3, 1, 2)  # ONNX stacks i, o, f, c where PyTorch stacks i, f, g, o

Arrays = dict[str, NDArray[Any]]


def export_onnx(checkpoint: Checkpoint, feature_config: Mapping[str, Any], path: Path, *, name: str) -> Path:
    """Write the float network to `path`, atomically; the same network gives the same bytes.

    Inputs: `mfcc` float32 (batch, frames, channels), not standardized, or `features`, those of the integer front end as
    float32; `lengths` int64 (batch,) in 1..frames.
    Output: `logits` float32 (batch, classes). Labels, the MFCC config, mean and std are in its metadata.

    Raises:
        UserError: the package onnx is not installed.
    """
    model = onnx_model(checkpoint, feature_config, name)
    replace_file(path, model.SerializeToString(deterministic=True))
    return path


def onnx_model(checkpoint: Checkpoint, feature_config: Mapping[str, Any], name: str) -> ModelProto:
    """What `export_onnx` writes, checked by ONNX's own checker."""
    onnx = _onnx()
    shape = checkpoint.float_network.shape
    prepared = _integer_input if feature_config.get("kind") == "integer" else _mfcc_input
    source, nodes, arrays = prepared(checkpoint)
    constants = [onnx.numpy_helper.from_array(array, name) for name, array in (arrays | _constants(checkpoint)).items()]
    graph = onnx.helper.make_graph([*nodes, *_nodes(shape)], visible(name), *_interface(shape, source), constants)
    model: ModelProto = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="fsdd_lightning",
        producer_version=fsdd_lightning.__version__,
        doc_string="The float network; see the metadata for its front end",
    )
    onnx.helper.set_model_props(model, _metadata(checkpoint, feature_config))
    onnx.checker.check_model(model, full_check=True)
    return model


def _onnx() -> Any:
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError:
        raise UserError("the export to ONNX needs the package onnx: pip install 'fsdd_lightning[onnx]'") from None
    return onnx


def _mfcc_input(checkpoint: Checkpoint) -> tuple[str, list[NodeProto], Arrays]:
    """The name of the input, the nodes that make `standardized` of it, and their constants."""
    node = _onnx().helper.make_node
    nodes = [
        node("Sub", ["mfcc", "feature_mean"], ["centered"]),
        node("Div", ["centered", "feature_std"], ["standardized"]),
    ]
    return "mfcc", nodes, {"feature_mean": checkpoint.mean, "feature_std": checkpoint.std}


def _integer_input(checkpoint: Checkpoint) -> tuple[str, list[NodeProto], Arrays]:
    """The same for features that the integer front end has standardized, in steps of 2^-4."""
    node = _onnx().helper.make_node("Mul", ["features", "feature_step"], ["standardized"])
    return "features", [node], {"feature_step": np.array([2.0**-FEATURE_BITS], np.float32)}


def _interface(shape: NetworkShape, source: str) -> tuple[list[ValueInfoProto], list[ValueInfoProto]]:
    onnx = _onnx()
    info, types = onnx.helper.make_tensor_value_info, onnx.TensorProto
    features = info(source, types.FLOAT, ["batch", "frames", shape.inputs])
    lengths = info("lengths", types.INT64, ["batch"])
    return [features, lengths], [info("logits", types.FLOAT, ["batch", shape.classes])]


def _nodes(shape: NetworkShape) -> list[NodeProto]:
    """Put time first, run the layers, classify the top layer's state after the last valid frame."""
    node = _onnx().helper.make_node
    nodes = [
        node("Transpose", ["standardized"], ["inputs_0"], perm=[1, 0, 2]),
        node("Cast", ["lengths"], ["lengths_int32"], to=_onnx().TensorProto.INT32),
    ]
    for k in range(shape.layers):
        operands = [f"{name}_{k}" for name in ("inputs", "input_weights", "hidden_weights", "biases")]
        states = [f"every_state_{k}", f"last_state_{k}"]  # (T, 1, B, H), (1, B, H)
        nodes += [
            node("LSTM", [*operands, "lengths_int32"], states, f"layer_{k}", hidden_size=shape.hidden_size),
            node("Squeeze", [states[0], "direction_axis_of_all"], [f"inputs_{k + 1}"]),
        ]
    last = f"last_state_{shape.layers - 1}"
    return [
        *nodes[:-1],  # no layer reads the top layer's other states
        node("Squeeze", [last, "direction_axis_of_last"], ["state"]),
        node("Gemm", ["state", "output_weights", "output_bias"], ["logits"], "output", transB=1),
    ]


def _constants(checkpoint: Checkpoint) -> Arrays:
    network = checkpoint.float_network
    constants: Arrays = {}
    for k in range(network.shape.layers):
        constants |= _layer_constants(network.lstm, k)
    return constants | {
        "direction_axis_of_all": np.array([1], np.int64),
        "direction_axis_of_last": np.array([0], np.int64),
        "output_weights": _array(network.output.weight),
        "output_bias": _array(network.output.bias),
    }


def _layer_constants(lstm: nn.LSTM, k: int) -> Arrays:
    """W (1, 4H, I), R (1, 4H, H) and B (1, 8H) of layer k, in ONNX's order of gates."""

    def reordered(name: str) -> NDArray[Any]:
        gates = np.split(_array(getattr(lstm, f"{name}_l{k}")), len(_GATES))
        return np.concatenate([gates[gate] for gate in _GATES])[None]

    biases = np.concatenate([reordered("bias_ih"), reordered("bias_hh")], axis=1)
    weights = {f"input_weights_{k}": reordered("weight_ih"), f"hidden_weights_{k}": reordered("weight_hh")}
    return {**weights, f"biases_{k}": biases}


def _array(tensor: Tensor) -> NDArray[Any]:
    return tensor.detach().numpy()


def _metadata(checkpoint: Checkpoint, feature_config: Mapping[str, Any]) -> dict[str, str]:
    """Values are JSON, except plain text."""
    return {
        "format": "fsdd_lightning float network",
        "labels": json.dumps(list(checkpoint.labels)),
        "feature_settings": json.dumps(dict(feature_config), sort_keys=True),
        "feature_mean": json.dumps(checkpoint.mean.tolist()),
        "feature_std": json.dumps(checkpoint.std.tolist()),
        "input": "mfcc: not standardized, the graph does that; features: of the integer front end, as they are; "
        "lengths: valid frames of each clip, at least 1",
    }
