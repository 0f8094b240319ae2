"""PhotoWCT in TensorFlow with a user's `photo_wct.pth`: encoders, un-pooling decoders, the cascade over four levels.

Li, Liu, Li, Yang and Kautz, "A closed-form solution to photorealistic image stylization", ECCV 2018. The weights (80
tensors, 33.4 MB, CC BY-NC-SA 4.0) are in NVIDIA's FastPhotoStyle repository, PhotoWCTModels/photo_wct.pth.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from openpose_tf.common.errors import UserError
from synth.stylization import regions, torch_weights, whitening

LEVELS = (4, 3, 2, 1)
_POOL, _UNPOOL = "pool", "unpool"
# The encoder of level L is the first L rows; the decoder of level L the last L, read from the wide end to the image.
_ENCODER = (
    ("conv1_1",),
    ("conv1_2", _POOL, "conv2_1"),
    ("conv2_2", _POOL, "conv3_1"),
    ("conv3_2", "conv3_3", "conv3_4", _POOL, "conv4_1"),
)
_DECODER = (
    ("conv1_1",),
    ("conv2_1", _UNPOOL, "conv1_2"),
    ("conv3_1", _UNPOOL, "conv2_2"),
    ("conv4_1", _UNPOOL, "conv3_4", "conv3_3", "conv3_2"),
)
# Widths (input, output) of the encoder's convolutions; a decoder's layer of the same name has them swapped.
_WIDTHS = {
    "conv1_1": (3, 64),
    "conv1_2": (64, 64),
    "conv2_1": (64, 128),
    "conv2_2": (128, 128),
    "conv3_1": (128, 256),
    "conv3_2": (256, 256),
    "conv3_3": (256, 256),
    "conv3_4": (256, 256),
    "conv4_1": (256, 512),
}

Pools = Sequence[tuple[tf.Tensor, tf.Tensor]]


def expected_shapes() -> dict[str, tuple[int, ...]]:
    """Returns the names and PyTorch shapes (output, input, 3, 3) of the 80 tensors."""
    shapes: dict[str, tuple[int, ...]] = {}
    for level in LEVELS:
        shapes |= {f"e{level}.conv0.weight": (3, 3, 1, 1), f"e{level}.conv0.bias": (3,)}
        for row in range(level):
            for name in _ENCODER[row]:
                if name != _POOL:
                    width_in, width_out = _WIDTHS[name]
                    shapes |= _layer_shapes(f"e{level}.{name}", width_in, width_out)
            for name in _DECODER[row]:
                if name != _UNPOOL:
                    width_out, width_in = _WIDTHS[name]
                    shapes |= _layer_shapes(f"d{level}.{name}", width_in, width_out)
    return shapes


def _layer_shapes(name: str, width_in: int, width_out: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width_out, width_in, 3, 3), f"{name}.bias": (width_out,)}


class PhotoWCT:
    """The network.

    Args:
        tensors: the 80 tensors by their PyTorch names.
        transferred_labels: labels that are transferred; FastPhotoStyle takes all, background (0) included. Ours leaves
            the background's features as they are, because only people are pasted back.
        source: named in errors.
    """

    def __init__(
        self, tensors: Mapping[str, np.ndarray], transferred_labels: Sequence[int] = (1,), source: str = "the weights"
    ) -> None:
        _check_tensors(tensors, source)
        self._weights = {
            name: tf.constant((value.transpose(2, 3, 1, 0) if value.ndim == 4 else value).astype(np.float32))
            for name, value in tensors.items()
        }
        self._transferred_labels = tuple(transferred_labels)

    @classmethod
    def from_file(cls, path: Path) -> "PhotoWCT":
        """Returns the network of a photo_wct.pth."""
        return cls(torch_weights.read_tensors(path), source=str(path))

    def __call__(
        self, content: np.ndarray, style: np.ndarray, content_mask: np.ndarray, style_mask: np.ndarray
    ) -> np.ndarray:
        """Returns the content with its masked pixels in the style's look, not clipped (see `pipeline.Stylizer`)."""
        return self.stylize(content, style, content_mask.astype(np.uint8), style_mask.astype(np.uint8))

    def stylize(
        self, content: np.ndarray, style: np.ndarray, content_labels: np.ndarray | None, style_labels: np.ndarray | None
    ) -> np.ndarray:
        """Runs the cascade from level 4 to level 1, re-encoding the image at every level.

        Args:
            content: [H, W, 3] float32 RGB in 0..1; sides at least 16.
            style: [h, w, 3] float32 RGB in 0..1.
            content_labels: [H, W] uint8, or None (both): one transfer of everything.
            style_labels: [h, w] uint8.

        Returns:
            [H, W, 3] float32, not clipped.
        """
        style_features = self.encode(4, tf.constant(style[None]))[2]
        image = tf.constant(content[None], tf.float32)
        for level in LEVELS:
            features, pools, _ = self.encode(level, image)
            moved = self._transfer(
                features.numpy()[0], style_features[level - 1].numpy()[0], content_labels, style_labels
            )
            image = self.decode(level, tf.constant(moved[None]), pools)
        return image.numpy()[0]

    def encode(self, level: int, image: tf.Tensor) -> tuple[tf.Tensor, Pools, list[tf.Tensor]]:
        """Returns the features of a level, what the decoder needs to un-pool, and the features of every level passed.

        Args:
            level: 1..4.
            image: [1, H, W, 3] float32.

        Returns:
            features [1, h, w, c]; per pooling its flat argmax indices and the shape before it; `level` feature maps.
        """
        x = self._convolve(f"e{level}.conv0", image, padded=False)
        pools, passed = [], []
        for row in range(level):
            for name in _ENCODER[row]:
                if name == _POOL:
                    shape = tf.shape(x)
                    x, indices = tf.nn.max_pool_with_argmax(x, 2, 2, "VALID", include_batch_in_index=True)
                    pools.append((indices, shape))
                else:
                    x = tf.nn.relu(self._convolve(f"e{level}.{name}", x))
            passed.append(x)
        return x, pools, passed

    def decode(self, level: int, features: tf.Tensor, pools: Pools) -> tf.Tensor:
        """Returns the image [1, H, W, 3] of features; `pools` come from `encode` of the same image and level."""
        x, remaining = features, list(pools)
        for row in reversed(range(level)):
            for name in _DECODER[row]:
                if name == _UNPOOL:
                    x = unpool(x, *remaining.pop())
                else:
                    x = self._convolve(f"d{level}.{name}", x)
                    x = x if row == 0 else tf.nn.relu(x)
        return x

    def _convolve(self, name: str, x: tf.Tensor, padded: bool = True) -> tf.Tensor:
        if padded:
            x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")
        return tf.nn.conv2d(x, self._weights[f"{name}.weight"], 1, "VALID") + self._weights[f"{name}.bias"]

    def _transfer(
        self, content: np.ndarray, style: np.ndarray, content_labels: np.ndarray | None, style_labels: np.ndarray | None
    ) -> np.ndarray:
        """[h, w, c] features of content and style -> [h, w, c]."""
        if content_labels is None or style_labels is None:
            flat = whitening.whiten_and_colour(
                content.reshape(-1, content.shape[-1]), style.reshape(-1, style.shape[-1])
            )
            return flat.reshape(content.shape)
        content_grid = regions.resize_nearest(content_labels, *content.shape[:2])
        style_grid = regions.resize_nearest(style_labels, *style.shape[:2])
        out = content.copy()
        for label in self._transferred_labels:
            # The size rule looks at the full maps, as FastPhotoStyle does.
            if not regions.is_usable(int((content_labels == label).sum()), int((style_labels == label).sum())):
                continue
            here, there = content_grid == label, style_grid == label
            if here.any() and there.any():
                out[here] = whitening.whiten_and_colour(content[here], style[there])
        return out


def unpool(x: tf.Tensor, indices: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """Returns zeros of `shape` with the values of `x` at the flat indices of a max-pooling's maxima."""
    size = tf.reduce_prod(tf.cast(shape, tf.int64), keepdims=True)
    return tf.reshape(tf.scatter_nd(tf.reshape(indices, [-1, 1]), tf.reshape(x, [-1]), size), shape)


def _check_tensors(tensors: Mapping[str, np.ndarray], source: str) -> None:
    expected = expected_shapes()
    problems = (
        [f"missing: {', '.join(sorted(expected.keys() - tensors.keys())[:5])}"]
        if expected.keys() - tensors.keys()
        else []
    )
    unknown = sorted(tensors.keys() - expected.keys())
    if unknown:
        problems.append(f"unknown: {', '.join(unknown[:5])}")
    for name in sorted(expected.keys() & tensors.keys()):
        if tensors[name].shape != expected[name]:
            problems.append(f"{name} is {tensors[name].shape}, expected {expected[name]}")
    if problems:
        raise UserError(f"{source} is not photo_wct.pth of FastPhotoStyle: {'; '.join(problems[:5])}")
