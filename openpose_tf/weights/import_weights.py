"""Sets a network's weights from a file, and reports every layer that matched, is missing or was not used."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from absl import logging

from openpose_tf.common.errors import UserError
from openpose_tf.keras_api import keras
from openpose_tf.network.openpose import VGG_LAYERS, layer_of_stage, stage_of_layer
from openpose_tf.weights.net2wider import widened
from openpose_tf.weights.weight_files import LayerWeights, is_vgg_file, read_weights

FIRST_LAYER = "conv1_1"
FIRST_OWN_LAYER = "conv5_1_CPM_L1"  # that no image classifier has
# Mean colour (BGR, 0 to 255) that VGG-19 was trained to have taken off its input.
VGG_MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)


@dataclasses.dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Attributes:
        matched: layers set from the file.
        copied: layers of a stage that the file lacks, set from the file's last stage.
        missing: layers of the network that the file lacks; they keep their random start.
        unused: layers of the file that the network lacks.
    """

    matched: tuple[str, ...]
    copied: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]

    @property
    def has_features(self) -> bool:
        """Whether the whole VGG part was set."""
        return {name for name, _ in VGG_LAYERS} <= set(self.matched)

    def log(self, path: str | Path) -> None:
        """Logs each list."""
        for title in ("matched", "copied", "missing", "unused"):
            names = getattr(self, title)
            logging.info("weights of %s: %d layers %s: %s", path, len(names), title, ", ".join(names) or "-")


def import_weights(
    model: keras.Model,
    path: str | Path,
    scales_input: bool = True,
    copy_stages: bool = False,
    widen: bool = False,
) -> ImportReport:
    """Sets the layers of `model` that `path` has, and reports all of them.

    Args:
        model: of `build_openpose`.
        path: see `weight_files.read_weights`.
        scales_input: VGG files expect BGR in 0 to 255 less the mean colour; True folds that into conv1_1, so that the
            features are VGG's own on our x / 256 - 0.5 input. False takes the numbers as they are (the release), which
            starves the first layers: their input is 256 times smaller than they were trained for, and they may be
            frozen.
        copy_stages: later stages that the file lacks start as its last one. All later stages have one form (maps and
            features in, maps out), so a copy refines the maps once more; from random numbers it first has to learn to.
        widen: the file is of half the network's width; its channels are doubled so that the maps stay (`widened`).

    Raises:
        UserError: the file cannot be read, nothing matches, a layer has another shape, `copy_stages` and the file has
            no stage after the first, or `widen` and the file is not a trained student.
    """
    weights = read_weights(path)
    if widen:
        weights = widened(_trained(weights, path))
    if scales_input and is_vgg_file(weights):
        weights[FIRST_LAYER] = _for_our_input(weights[FIRST_LAYER], path)
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    values = {name: _fitted(weights, name, layers[name], path) for name in layers if name in weights}
    if not values:
        raise UserError(f"{path} has none of the network's layers (it has {', '.join(sorted(weights)[:5])}, ...)")
    sources = _stage_sources(weights, list(layers), path) if copy_stages else {}
    copies = {name: values[source] for name, source in sources.items()}
    for name, arrays in (values | copies).items():
        layers[name].set_weights(arrays)
    report = ImportReport(
        tuple(name for name in layers if name in values),
        tuple(copies),
        tuple(name for name in layers if name not in values | copies),
        tuple(name for name in weights if name not in layers),
    )
    report.log(path)
    return report


def _trained(weights: LayerWeights, path: str | Path) -> LayerWeights:
    """Returns the weights if they are those of a network of ours, kernels and biases whole."""
    if FIRST_OWN_LAYER not in weights or any(set(layer) != {"kernel", "bias"} for layer in weights.values()):
        raise UserError(f"{path} is not a trained student, whose layers --widen could double: leave the flag out")
    return weights


def _stage_sources(weights: LayerWeights, names: Sequence[str], path: str | Path) -> dict[str, str]:
    """Returns, for each layer of a stage after the file's last one, the layer of that last stage."""
    last = max((stage_of_layer(name) for name in names if name in weights), default=1)
    if last < 2:
        raise UserError(f"{path} has no stage after the first that later ones could copy: leave out --copy_stages")
    return {name: layer_of_stage(name, last) for name in names if stage_of_layer(name) > last}


def _fitted(
    weights: LayerWeights, name: str, layer: keras.layers.Layer, path: str | Path
) -> tuple[np.ndarray, np.ndarray]:
    """Returns kernel [h, w, in, out] and bias [out] of a layer."""
    if set(weights[name]) != {"kernel", "bias"}:
        raise UserError(f"{path}: layer {name} has {sorted(weights[name])}, expected kernel and bias")
    kernel, bias = weights[name]["kernel"], np.ravel(weights[name]["bias"])
    shape = tuple(layer.kernel.shape)
    if kernel.ndim == 4 and kernel.shape != shape and kernel.transpose(2, 3, 1, 0).shape == shape:
        kernel = kernel.transpose(2, 3, 1, 0)  # Caffe: [out, in, h, w]
    if kernel.shape != shape or bias.shape != (shape[-1],):
        raise UserError(
            f"{path}: layer {name} has kernel {list(kernel.shape)} and bias {list(bias.shape)}, the network needs "
            f"{list(shape)}: give weights of the same --width, or another --width"
        )
    return kernel, bias


def _for_our_input(layer: dict[str, np.ndarray], path: str | Path) -> dict[str, np.ndarray]:
    """Returns conv1_1 for u = x / 256 - 0.5 instead of x - mean: x - mean = 256 u + (128 - mean)."""
    kernel = layer["kernel"]
    if kernel.ndim != 4 or kernel.shape[2] != 3:
        raise UserError(f"{path}: conv1_1 has kernel {list(kernel.shape)}, expected [3, 3, 3, 64]")
    shift = np.einsum("hwio,i->o", kernel, 128.0 - VGG_MEAN_BGR)
    return {"kernel": kernel * 256.0, "bias": np.ravel(layer["bias"]) + shift}
