"""Loads a TensorFlow.js graph model (model.json and its weight shards) as a TensorFlow function.

A graph model is a GraphDef written as JSON whose Const nodes lie in separate files, perhaps quantized. The converter
also fuses ops for which TensorFlow has no CPU kernel; they are taken apart here. No other package is needed.
"""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format  # type: ignore[import-untyped]

from openpose_tf.common import files
from openpose_tf.common.errors import UserError

_FUSED = {"_FusedConv2D": "Conv2D", "_FusedMatMul": "MatMul", "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative"}
_ACTIVATIONS = ("Relu", "Relu6", "Elu", "Sigmoid", "Tanh", "LeakyRelu")
_KEPT_ATTRIBUTES = {
    "MatMul": ("T", "transpose_a", "transpose_b"),
    "Conv2D": ("T", "strides", "padding", "data_format", "dilations", "explicit_paddings"),
    "DepthwiseConv2dNative": ("T", "strides", "padding", "data_format", "dilations", "explicit_paddings"),
}
_STORED_TYPES = {"float32": "<f4", "float16": "<f2", "int32": "<i4", "uint8": "u1", "uint16": "<u2", "bool": "?"}


@dataclasses.dataclass(frozen=True)
class GraphModel:
    """A loaded model.

    Attributes:
        function: takes the inputs in order, returns a list of output tensors in order.
        inputs: names of the placeholders.
        outputs: names of the output tensors, with the output index ("detections:0").
    """

    function: Callable[..., Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def load(path: Path, outputs: tuple[str, ...] | None = None) -> GraphModel:
    """Returns the model of a model.json.

    Args:
        path: the model.json; its shards lie beside it.
        outputs: tensor names to compute; by default those of the model's signature.

    Raises:
        UserError: not such a file, a shard is missing or too short, or an op cannot be expressed.
    """
    spec = files.read_json(path, "a TensorFlow.js graph model (model.json)")
    if not isinstance(spec, dict) or "modelTopology" not in spec or "weightsManifest" not in spec:
        raise UserError(f"{path} is not a TensorFlow.js graph model: it has no modelTopology or weightsManifest")
    graph = to_graph_def(spec["modelTopology"], read_weights(spec["weightsManifest"], path.parent), path)
    inputs = tuple(node.name for node in graph.node if node.op == "Placeholder")
    outputs = outputs or tuple(_tensor_name(entry["name"]) for entry in spec.get("signature", {})["outputs"].values())
    whole = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    pruned = whole.prune([_tensor_name(name) for name in inputs], list(outputs))
    return GraphModel(pruned, inputs, outputs)


def _tensor_name(name: str) -> str:
    return name if ":" in name else name + ":0"


def read_weights(manifest: list[dict[str, Any]], folder: Path) -> dict[str, np.ndarray]:
    """Returns every weight by name, dequantised to the type that the graph expects.

    Args:
        manifest: the list "weightsManifest" of a model.json: groups of shard paths and weight descriptions.
        folder: folder of the shards.

    Raises:
        UserError: a shard is missing, or the shards do not hold as many bytes as described.
    """
    weights = {}
    for group in manifest:
        paths = [folder / name for name in group["paths"]]
        for path in paths:
            if not path.is_file():
                raise UserError(f"{path} is missing: the weights of the model.json beside it")
        data = b"".join(path.read_bytes() for path in paths)
        offset = 0
        for entry in group["weights"]:
            values, size = _read_one(entry, data, offset)
            weights[entry["name"]] = values
            offset += size
        if offset != len(data):
            raise UserError(f"{paths[0]}: {len(data)} bytes of weights, expected {offset}; the file is damaged")
    return weights


def _read_one(entry: dict[str, Any], data: bytes, offset: int) -> tuple[np.ndarray, int]:
    """Returns one weight and the number of bytes it takes."""
    quantization = entry.get("quantization")
    stored = np.dtype(_STORED_TYPES[quantization["dtype"] if quantization else entry["dtype"]])
    count = math.prod(entry["shape"])
    if offset + count * stored.itemsize > len(data):
        raise UserError(f"the weights end within {entry['name']}: the file is damaged")
    values = np.frombuffer(data, stored, count, offset)
    if quantization and "scale" in quantization:
        values = values.astype(np.float32) * quantization["scale"] + quantization["min"]
        if entry["dtype"] == "int32":
            values = np.rint(values)
    return values.astype(entry["dtype"]).reshape(entry["shape"]), count * stored.itemsize


def to_graph_def(topology: dict[str, Any], weights: dict[str, np.ndarray], path: Path) -> Any:
    """Returns a GraphDef with the weights filled in and the fused ops taken apart.

    Args:
        topology: "modelTopology" of a model.json.
        weights: see `read_weights`.
        path: named in errors.
    """
    source, graph = tf.compat.v1.GraphDef(), tf.compat.v1.GraphDef()
    without_functions = {key: value for key, value in topology.items() if key != "library"}
    json_format.ParseDict(without_functions, source, ignore_unknown_fields=True)
    graph.versions.CopyFrom(source.versions)
    for node in source.node:
        if node.op == "Const":
            _add_const(graph, node, weights, path)
        elif node.op in _FUSED:
            _add_unfused(graph, node, path)
        else:
            graph.node.add().CopyFrom(node)
    return graph


def _add_const(graph: Any, node: Any, weights: dict[str, np.ndarray], path: Path) -> None:
    if node.name not in weights:
        raise UserError(f"{path}: the weight {node.name} is not in the weight files")
    dtype = node.attr["dtype"].type
    value = weights[node.name].astype(tf.dtypes.as_dtype(dtype).as_numpy_dtype)
    const = graph.node.add(name=node.name, op="Const")
    const.attr["dtype"].type = dtype
    const.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, shape=value.shape))


def _add_unfused(graph: Any, node: Any, path: Path) -> None:
    """Adds op(x, w), then BiasAdd and the activation as listed in `fused_ops`; the last takes the node's name."""
    fused = [name.decode() for name in node.attr["fused_ops"].list.s]
    names = [f"{node.name}/part{i}" for i in range(len(fused))] + [node.name]
    base = graph.node.add(name=names[0], op=_FUSED[node.op], input=node.input[:2])
    for key in _KEPT_ATTRIBUTES[base.op]:
        if key in node.attr and (key != "explicit_paddings" or node.attr["padding"].s == b"EXPLICIT"):
            base.attr[key].CopyFrom(node.attr[key])
    extra = list(node.input[2:])
    for i, name in enumerate(fused):
        if name != "BiasAdd" and name not in _ACTIVATIONS:
            raise UserError(f"{path}: the fused op {name} of {node.name} is not supported")
        inputs = [names[i], extra.pop(0)] if name == "BiasAdd" else [names[i]]
        part = graph.node.add(name=names[i + 1], op=name, input=inputs)
        part.attr["T"].CopyFrom(node.attr["T"])
        if name == "LeakyRelu" and "leakyrelu_alpha" in node.attr:
            part.attr["alpha"].f = node.attr["leakyrelu_alpha"].f
