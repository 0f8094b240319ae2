"""The one door to tensorflow-addons, which is end-of-life: each use here has an equal of core operations behind it."""

import importlib
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
