"""A network twice as wide that computes the same: where a wide student starts from a narrow trained one.

Each hidden channel stands twice, and what reads it shares its weight out between the two (Net2WiderNet: Chen,
Goodfellow and Shlens, ICLR 2016). The shares are random, so that the two get different gradients and grow apart.
"""

import numpy as np

from openpose_tf.network.openpose import BRANCHES
from openpose_tf.weights.weight_files import LayerWeights

SPREAD = 0.35  # a share is 0.5 +- U(0, SPREAD): neither copy is left without gradient
NUM_COLOURS = 3
NUM_MAPS = sum(channels for _, channels in BRANCHES)


def widened(weights: LayerWeights, seed: int = 0) -> LayerWeights:
    """Returns the weights of a network of twice the width whose maps are those of `weights`, up to rounding.

    Args:
        weights: kernels [h, w, in, out] and biases [out] of a network of ours, by layer.
        seed: of the shares.
    """
    rng = np.random.default_rng(seed)
    return {name: _widened(name, layer["kernel"], layer["bias"], rng) for name, layer in weights.items()}


def _widened(name: str, kernel: np.ndarray, bias: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    if not name.startswith(("conv5_5_CPM", "Mconv7")):  # maps stay as many as they are
        kernel, bias = np.concatenate([kernel, kernel], -1), np.concatenate([bias, bias])
    kept, hidden = np.split(kernel, [_num_kept_inputs(name)], axis=2)
    share = 0.5 + rng.uniform(-SPREAD, SPREAD, hidden.shape)
    kernel = np.concatenate([kept, hidden * share, hidden * (1 - share)], axis=2)
    return {"kernel": kernel.astype(np.float32), "bias": bias}


def _num_kept_inputs(name: str) -> int:
    """Returns how many of a layer's first input channels are not hidden ones: the image's, or maps."""
    if name == "conv1_1":
        return NUM_COLOURS
    return NUM_MAPS if name.startswith("Mconv1_") else 0
