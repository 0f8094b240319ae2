"""PCA-distilled PhotoWCT in TensorFlow: a 0.3 million parameter encoder and decoder, features moved at four depths.

Chiu and Gurari, "PCA-based knowledge distillation towards lightweight and content-style balanced photorealistic style
transfer models", CVPR 2022. Weights: GitHub chiutaiyin/PCA-Knowledge-Distillation (MIT), TensorFlow object checkpoints
`sencoder` and `sdecoder` of the VGG or the MobileNet backbone. Unlike PhotoWCT there is no re-encoding between depths.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from openpose_tf.common.errors import UserError
from synth.stylization import regions, whitening

_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
_VGG_ENCODER = (("0", "1"), ("0", "pool", "1"), ("0", "pool", "1"), ("0", "1", "2", "pool", "3"))
_VGG_DECODER = (("concat", "0"), ("0", "up", "skip", "1"), ("0", "up", "skip", "1"), ("0", "up", "1", "2", "skip", "3"))
_MOBILENET_ENCODER = (("0",), ("1", "2", "3"), ("4", "5", "6", "7"), ("8", "9", "10", "11"))
_MOBILENET_DECODER = (("up", "concat", "0"), *[("up", "0", "skip", "1")] * 3)
_STRIDE_2 = ("0", "3", "7", "11")  # of the MobileNet encoder

Block = Sequence[str]


class PcaKd:
    """The network of one backbone.

    Args:
        encoder, decoder: variables by their checkpoint keys, without the suffix.
        source: named in errors.
    """

    def __init__(
        self, encoder: Mapping[str, np.ndarray], decoder: Mapping[str, np.ndarray], source: str = "the weights"
    ) -> None:
        self._is_mobilenet = any(name.startswith("se_model/") for name in encoder)
        self._multiple = 16 if self._is_mobilenet else 8
        self._encoder_blocks: Sequence[Block] = _MOBILENET_ENCODER if self._is_mobilenet else _VGG_ENCODER
        self._decoder_blocks: Sequence[Block] = _MOBILENET_DECODER if self._is_mobilenet else _VGG_DECODER
        self._encoder = {name: tf.constant(value) for name, value in encoder.items()}
        self._decoder = {name: tf.constant(value) for name, value in decoder.items()}
        self._check(source)

    @classmethod
    def from_folder(cls, folder: Path) -> "PcaKd":
        """Returns the network of a folder with the checkpoints `sencoder` and `sdecoder`."""
        return cls(_read_checkpoint(folder / "sencoder"), _read_checkpoint(folder / "sdecoder"), str(folder))

    def __call__(
        self, content: np.ndarray, style: np.ndarray, content_mask: np.ndarray, style_mask: np.ndarray
    ) -> np.ndarray:
        """Returns the content with its masked pixels in the style's look (see `pipeline.Stylizer`)."""
        style_features = [features for features, _ in self.encode(self._to_batch(style))]
        content_levels = self.encode(self._to_batch(content))
        masks = self._pad(content_mask), self._pad(style_mask)
        x = content_levels[-1][0]
        for b in (3, 2, 1, 0):
            x = _move_features(x, style_features[b], *masks)
            x = self.decode_block(b, x, content_levels[b][1])
        return self._to_image(x, content.shape)

    def encode(self, x: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Returns per block its features and the skip (fine detail of the block's input) that its decoder needs.

        Args:
            x: [1, H, W, 3] float32 RGB in 0..1, sides multiples of 8 (VGG) or 16 (MobileNet).
        """
        levels = []
        for b, steps in enumerate(self._encoder_blocks):
            skip = x - _local_mean(x)
            if b == 0 and self._is_mobilenet:
                x = x * (255 / 127.5) - 1
            for step in steps:
                if step == "pool":
                    x = tf.nn.max_pool2d(x, 2, 2, "VALID")
                elif self._is_mobilenet:
                    x = tf.nn.relu(self._convolve(self._encoder, f"se_model/layer_with_weights-{step}", x, step))
                else:
                    x = self._convolve(self._encoder, f"btnecks/{b}/layer_with_weights-{step}", x)
                    x = x if (b, step) == (0, "0") else tf.nn.relu(x)
            levels.append((x, skip))
        return levels

    def decode_block(self, b: int, x: tf.Tensor, skip: tf.Tensor) -> tf.Tensor:
        """Returns the features of block b - 1 (the image for b = 0) from those of block b."""
        for step in self._decoder_blocks[b]:
            if step == "up":
                x = tf.image.resize(x, tf.shape(x)[1:3] * 2, "bilinear")
            elif step == "skip":
                x = x + skip
            elif step == "concat":
                x = tf.concat([x, skip], -1)
            else:
                x = self._convolve(self._decoder, f"btnecks/{b}/layer_with_weights-{step}", x)
                x = x if b == 0 else tf.nn.relu(x)
        return x

    def _convolve(self, weights: Mapping[str, tf.Tensor], name: str, x: tf.Tensor, step: str = "") -> tf.Tensor:
        halves = self._is_mobilenet and step in _STRIDE_2
        depthwise = weights.get(f"{name}/depthwise_kernel")
        kernel = weights[f"{name}/kernel"] if depthwise is None else depthwise
        if kernel.shape[0] == 3:
            before = 0 if halves else 1
            x = tf.pad(x, [[0, 0], [before, 1], [before, 1], [0, 0]], "REFLECT")
        stride = 2 if halves else 1
        if depthwise is None:
            x = tf.nn.conv2d(x, kernel, stride, "VALID")
        else:
            x = tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], "VALID")
        return x + weights[f"{name}/bias"]

    def _pad(self, image: np.ndarray) -> np.ndarray:
        """Mirrors the right and lower border up to the next multiple of the coarsest stride."""
        rest = [(0, -size % self._multiple) for size in image.shape[:2]]
        if image.ndim == 2:  # a mask: nobody beyond the border
            return np.pad(image, rest)
        return np.pad(image, [*rest, (0, 0)], mode="symmetric")

    def _to_batch(self, image: np.ndarray) -> tf.Tensor:
        return tf.constant(self._pad(image)[None], tf.float32)

    @staticmethod
    def _to_image(x: tf.Tensor, shape: Sequence[int]) -> np.ndarray:
        return np.clip(x.numpy()[0, : shape[0], : shape[1]], 0, 1)

    def _check(self, source: str) -> None:
        encoder_names = [
            f"se_model/layer_with_weights-{s}" if self._is_mobilenet else f"btnecks/{b}/layer_with_weights-{s}"
            for b, steps in enumerate(self._encoder_blocks)
            for s in steps
            if s.isdigit()
        ]
        decoder_names = [
            f"btnecks/{b}/layer_with_weights-{s}"
            for b, steps in enumerate(self._decoder_blocks)
            for s in steps
            if s.isdigit()
        ]
        for part, names, found in (
            ("sencoder", encoder_names, self._encoder),
            ("sdecoder", decoder_names, self._decoder),
        ):
            missing = [n for n in names if f"{n}/bias" not in found or not _has_kernel(found, n)]
            known = {f"{n}/{kind}" for n in names for kind in ("kernel", "depthwise_kernel", "bias")}
            unknown = sorted(name for name in found if name not in known)
            if missing or unknown:
                words = [f"missing {', '.join(missing[:5])}"] if missing else []
                words += [f"unknown {', '.join(unknown[:5])}"] if unknown else []
                raise UserError(
                    f"{source}/{part} is not a checkpoint of PCA-Knowledge-Distillation: {'; '.join(words)}"
                )


def _has_kernel(weights: Mapping[str, tf.Tensor], name: str) -> bool:
    return f"{name}/kernel" in weights or f"{name}/depthwise_kernel" in weights


def _local_mean(x: tf.Tensor) -> tf.Tensor:
    """Mean over 3x3 pixels, mirrored at the border."""
    padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    return tf.nn.avg_pool2d(padded, 3, 1, "VALID")


def _move_features(content: tf.Tensor, style: tf.Tensor, content_mask: np.ndarray, style_mask: np.ndarray) -> tf.Tensor:
    """Whitens and colours the masked features; both covariances plus identity, divided by n, as the authors do."""
    features, style_array = content.numpy()[0], style.numpy()[0]
    here = regions.resize_nearest(content_mask, *features.shape[:2])
    there = regions.resize_nearest(style_mask, *style_array.shape[:2])
    if here.any() and there.any():
        features = features.copy()
        features[here] = whitening.whiten_and_colour(
            features[here], style_array[there], style_ridge=1.0, unbiased=False
        )
    return tf.constant(features[None])


def _read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Returns the layer variables of a TensorFlow object checkpoint; `conv_aux` (for training only) is left out."""
    if not path.with_name(path.name + ".index").is_file():
        raise UserError(
            f"{path}.index does not exist: expected the checkpoints sencoder and sdecoder of "
            "PCA-Knowledge-Distillation (the folder `ckpts` of its VGG or MobileNet backbone)"
        )
    try:
        reader = tf.train.load_checkpoint(str(path))
        names = [name for name in reader.get_variable_to_shape_map() if name.endswith(_SUFFIX)]
        found = {name.removesuffix(_SUFFIX): reader.get_tensor(name) for name in names}
    except (tf.errors.OpError, RuntimeError) as error:
        raise UserError(f"{path} is damaged or no TensorFlow checkpoint: {str(error).splitlines()[0]}") from None
    return {name: value for name, value in found.items() if not name.startswith("conv_aux/")}
