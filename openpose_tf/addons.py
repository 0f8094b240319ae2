"""The only module that imports tensorflow-addons, which is end-of-life: each use has an equal of core operations.

On the stack of Python 3.11 it is there and used by default: it filters the confidence maps of the
full-resolution decoder (`gaussian_filter`) and warps crops with `--warp=tf` (`transform`). Elsewhere core operations
do the same.
"""

import importlib
import math
import warnings
from types import ModuleType

import tensorflow as tf


def tensorflow_addons() -> ModuleType | None:
    """Returns the package tensorflow_addons, or None where it cannot be imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its end-of-life and version notices
        try:
            return importlib.import_module("tensorflow_addons")
        except (ImportError, AttributeError, RuntimeError):
            return None


def transform(
    images: tf.Tensor,
    transforms: tf.Tensor,
    output_shape: tf.Tensor,
    interpolation: str = "BILINEAR",
    fill_value: float = 0.0,
    use_addons: bool = True,
) -> tf.Tensor:
    """Returns images warped by projective transforms.

    Args:
        images: [B, H, W, C] uint8 or float.
        transforms: [B, 8] float32; output pixel (x, y) takes input pixel ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) /
            k), k = c0 x + c1 y + 1, pixel centres at integers.
        output_shape: [2] int32, height and width.
        interpolation: "BILINEAR" or "NEAREST".
        fill_value: value outside of the input.
        use_addons: False takes the core operation in any case.

    Returns:
        [B, height, width, C] of the type of `images`.
    """
    addons = tensorflow_addons() if use_addons else None
    if addons is not None:
        return addons.image.transform(
            images, transforms, interpolation, fill_mode="constant", output_shape=output_shape, fill_value=fill_value
        )
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=output_shape,
        interpolation=interpolation,
        fill_mode="CONSTANT",
        fill_value=fill_value,
    )


def gaussian_filter(maps: tf.Tensor, sigma: float, radius: int, use_addons: bool = True) -> tf.Tensor:
    """Returns maps filtered by a Gaussian; outside of them counts as 0.

    Args:
        maps: [N, h, w, C] float.
        sigma: standard deviation in cells, above 0.
        radius: the filter has 2 * radius + 1 taps along each axis.
        use_addons: False takes the core operations in any case.

    Returns:
        [N, h, w, C] of the type of `maps`.
    """
    taps = 2 * radius + 1
    addons = tensorflow_addons() if use_addons else None
    if addons is not None:  # one axis at a time: its two-dimensional kernel would cost taps / 2 times as much
        for shape in ((taps, 1), (1, taps)):
            maps = addons.image.gaussian_filter2d(maps, shape, sigma, "CONSTANT")
        return maps
    kernel = tf.repeat(tf.constant(gaussian_taps(sigma, radius), maps.dtype)[:, None], maps.shape[-1], 1)  # [taps, C]
    maps = tf.nn.depthwise_conv2d(maps, kernel[:, None, :, None], [1, 1, 1, 1], "SAME")
    return tf.nn.depthwise_conv2d(maps, kernel[None, :, :, None], [1, 1, 1, 1], "SAME")


def gaussian_taps(sigma: float, radius: int) -> list[float]:
    """Returns the 2 * radius + 1 taps of a Gaussian filter, with sum 1."""
    taps = [math.exp(-((i / sigma) ** 2) / 2) for i in range(-radius, radius + 1)]
    return [tap / sum(taps) for tap in taps]
