"""Reads layer weights by OpenPose layer name from the files they come in: VGG-19, OpenPose MPI, our checkpoints."""

import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from openpose_tf.common.checkpoint_files import latest_checkpoint
from openpose_tf.common.errors import UserError
from openpose_tf.data.records import npz_files
from openpose_tf.network.openpose import VGG_LAYERS
from openpose_tf.weights import bundled
from openpose_tf.weights.checkpoints import load_checkpoint

LayerWeights = dict[str, dict[str, np.ndarray]]  # layer -> {"kernel": ..., "bias": ...}
KINDS = {
    "kernel": ("kernel", "kernels", "weight", "weights", "w"),
    "bias": ("bias", "biases", "b"),
}
WHAT_FILES = (
    "a Keras VGG-19 file (.h5), a .npy or .npz of weights by OpenPose layer name, a checkpoint or model_dir of ours, "
    f"or the name of a bundled student ({', '.join(bundled.FILES)})"
)
# What a pickled dict of arrays needs, and nothing that could run code.
SAFE_PICKLE = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    ("collections", "OrderedDict"),
}


def read_weights(path: str | Path) -> LayerWeights:
    """Returns the weights in a file, by OpenPose layer name; kernels as they are stored.

    Args:
        path: a file, checkpoint or model_dir, or the name of a bundled student.

    Raises:
        UserError: the file is missing, of no known kind, or damaged.
    """
    source = bundled.find(path) or Path(path)
    if source.is_dir() or Path(f"{source}.index").exists():
        return _read_checkpoint(source)
    if not source.is_file():
        raise UserError(f"{source} does not exist: expected {WHAT_FILES}")
    reader = _READERS.get(source.suffix.lower())
    if reader is None:
        raise UserError(f"{source} has an unknown format: expected {WHAT_FILES}")
    try:
        weights = reader(source)
    except (OSError, ValueError, EOFError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise UserError(f"{source} cannot be read ({error}): expected {WHAT_FILES}") from None
    if not weights:
        raise UserError(f"{source} holds no layer weights: expected {WHAT_FILES}")
    return weights


def is_vgg_file(weights: Mapping[str, Any]) -> bool:
    """Whether weights are those of an image classifier: VGG layers and none of OpenPose's own."""
    return {name for name, _ in VGG_LAYERS} <= set(weights) and not any("CPM" in name for name in weights)


def _read_checkpoint(path: Path) -> LayerWeights:
    checkpoint = latest_checkpoint(path) if path.is_dir() else str(path)
    if checkpoint is None:
        raise UserError(f"{path} holds no checkpoint: expected {WHAT_FILES}")
    model, _ = load_checkpoint(checkpoint)
    weights: LayerWeights = {}
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            weights[layer.name] = {"kernel": kernel, "bias": bias}
    return weights


def _read_h5(path: Path) -> LayerWeights:
    """Returns the arrays of a Keras weight file; block1_conv1 becomes conv1_1."""
    arrays: dict[str, np.ndarray] = {}
    with h5py.File(path, "r") as file:

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.ndim in (1, 4):
                layer = name.split("/")[0] if name.split("/")[0] != "model_weights" else name.split("/")[1]
                arrays[f"{_openpose_name(layer)}/{'kernel' if item.ndim == 4 else 'bias'}"] = item[()]

        file.visititems(visit)
    return _by_layer(arrays)


def _read_npz(path: Path) -> LayerWeights:
    return _by_layer(npz_files.read_arrays(path))


def _read_npy(path: Path) -> LayerWeights:
    """Returns the arrays of a pickled dict {layer: {"weights": ..., "biases": ...}} or {layer: [weights, biases]}."""
    with path.open("rb") as file:
        content = _unpickle_array(file)
    if not isinstance(content, dict):
        raise ValueError("it is not a dictionary of layers")
    arrays: dict[str, np.ndarray] = {}
    for layer, value in content.items():
        items = value.items() if isinstance(value, dict) else ((None, part) for part in _parts(value))
        for kind, part in items:
            array = np.asarray(part)
            key = layer if kind is None and array.ndim not in (1, 4) else f"{layer}/{kind or _kind_of(array)}"
            arrays[key] = array
    return _by_layer(arrays)


def _parts(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _kind_of(array: np.ndarray) -> str:
    return "kernel" if array.ndim == 4 else "bias"


class _SafeUnpickler(pickle.Unpickler):
    """Unpickles dictionaries of arrays; a pickle that would call anything else is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in SAFE_PICKLE:
            raise pickle.UnpicklingError(f"it wants to run {module}.{name}, which a file of weights does not need")
        return super().find_class(module, name)


def _unpickle_array(file: BinaryIO) -> Any:
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if not dtype.hasobject:
        raise ValueError("it is a plain array, not a dictionary of layers")
    # Files of Python 2, as the original ones are, hold their strings as bytes.
    content = _SafeUnpickler(file, encoding="latin1").load()
    return content.item() if shape == () else content


def _by_layer(arrays: Mapping[str, np.ndarray]) -> LayerWeights:
    """Returns arrays named `layer/kind`, `layer_W`, `layer.weight` and the like, by layer and kind."""
    weights: LayerWeights = {}
    for name, array in arrays.items():
        layer, kind = _split_name(name)
        if kind is not None and array.dtype.kind in "iuf":
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds NaN or infinite numbers")
            weights.setdefault(layer, {})[kind] = array
    return weights


def _split_name(name: str) -> tuple[str, str | None]:
    clean = name.split(":")[0]
    for separator in ("/", ".", "_"):
        layer, found, suffix = clean.rpartition(separator)
        for kind, names in KINDS.items():
            if found and suffix.lower() in names:
                return layer, kind
    return clean, None


def _openpose_name(keras_name: str) -> str:
    """Returns conv1_1 of Keras' block1_conv1; other names stay."""
    block, found, index = keras_name.partition("_conv")
    return f"conv{block.removeprefix('block')}_{index}" if found and block.startswith("block") else keras_name


_READERS: dict[str, Callable[[Path], LayerWeights]] = {
    ".h5": _read_h5,
    ".hdf5": _read_h5,
    ".npz": _read_npz,
    ".npy": _read_npy,
}
