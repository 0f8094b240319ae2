"""Moves the pixels of samples by their affine maps, in two ways: OpenCV (CPU default) and TensorFlow ops.

Zooming out by more than 2 would alias under bilinear sampling. The JPEG decoder shrinks by 2, 4 or 8 while decoding
(it averages in the frequency domain), so at most a factor of 2 is left to the bilinear step; that also saves time.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import tensorflow as tf

from openpose_tf import addons
from openpose_tf.common.imaging import images
from openpose_tf.config import STRIDE
from openpose_tf.data.input.augmentation import Affine, Augmentation

BORDER_GREY = 128
# The release ignores a cell whose area-averaged mask of un-annotated people (0 to 255) is above 30.
MIN_VALID_LEVEL = 255 - 30
# The mask is sampled on every second pixel before the average over the cell, 16 samples per cell.
MASK_STEP = 2
REDUCTIONS = (1, 2, 4, 8)


def warp_images(encoded: tf.Tensor, affine: Affine, augmentation: Augmentation) -> tf.Tensor:
    """Returns the network inputs of a batch, [B, S, S, 3] uint8 RGB, grey 128 outside of the image.

    Args:
        encoded: [B] string, JPEG.
        affine: the map of each sample.
        augmentation: size and backend.
    """
    size = augmentation.input_size
    if augmentation.backend == "cv2":

        def warp(encoded: np.ndarray, inverse: np.ndarray, zoom: np.ndarray) -> np.ndarray:
            pixels = np.empty((len(encoded), size, size, 3), np.uint8)
            factors = np.array([reduction(one) for one in zoom.tolist()])
            for sample in zip(encoded, factors.tolist(), _to_reduced(inverse.astype(np.float64), factors), pixels):
                _warp_image_cv2(*sample)
            return pixels

        pixels = tf.numpy_function(warp, [encoded, affine.inverse, affine.zoom], tf.uint8, stateful=False)
    else:
        pixels = _each(lambda one, *maps: _warp_image_tf(one, Affine(*maps), size), encoded, *_fields(affine))
    return tf.ensure_shape(pixels, [None, size, size, 3])


def warp_masks(encoded: tf.Tensor, shapes: tf.Tensor, affine: Affine, augmentation: Augmentation) -> tf.Tensor:
    """Returns the loss masks of a batch, [B, S/8, S/8] uint8, 1 where the loss counts.

    Args:
        encoded: [B] string, PNG mask of the crop (255 counts); empty = all of it counts.
        shapes: [B, 2] int64, height and width of the crop.
        affine: the map of each sample.
        augmentation: size, backend and whether padding counts.
    """
    side = augmentation.input_size // STRIDE
    if augmentation.backend == "cv2":

        def warp(encoded: np.ndarray, shapes: np.ndarray, inverse: np.ndarray) -> np.ndarray:
            return _warp_masks_cv2(encoded, shapes, inverse.astype(np.float64), augmentation)

        masks = tf.numpy_function(warp, [encoded, shapes, affine.inverse], tf.uint8, stateful=False)
    else:

        def one(data: tf.Tensor, shape: tf.Tensor, *maps: tf.Tensor) -> tf.Tensor:
            return _warp_mask_tf(data, shape, Affine(*maps), augmentation)

        masks = _each(one, encoded, shapes, *_fields(affine))
    return tf.ensure_shape(masks, [None, side, side])


def _fields(affine: Affine) -> Sequence[tf.Tensor]:
    return affine.forward, affine.inverse, affine.zoom, affine.flip


def _each(warp: Callable[..., tf.Tensor], *batch: tf.Tensor) -> tf.Tensor:
    return tf.map_fn(lambda sample: warp(*sample), batch, fn_output_signature=tf.uint8)


def reduction(zoom: float) -> int:
    """Returns by how much the JPEG decoder shrinks: the largest of 1, 2, 4, 8 that loses nothing at this zoom."""
    return max(value for value in REDUCTIONS if value == 1 or zoom * value <= 1)


def _warp_image_cv2(data: bytes, factor: int, inverse: np.ndarray, result: np.ndarray) -> None:
    """Writes the input of one sample into `result`, [S, S, 3] uint8, by the map to its image shrunk by `factor`."""
    pixels = images.decode_record_bgr(data, factor)
    if pixels is None:
        raise ValueError("the image of a record cannot be decoded")
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    grey = (BORDER_GREY,) * 3
    warped = cv2.warpAffine(
        pixels, inverse, result.shape[:2], flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=grey
    )
    cv2.cvtColor(warped, cv2.COLOR_BGR2RGB, dst=result)


def _to_reduced(inverse: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """The maps [B, 2, 3] to images shrunk by `factors` [B]: their pixel k is the mean of the pixels k * f + [0, f)."""
    inverse = inverse / factors[:, None, None]
    inverse[:, :, 2] -= ((factors - 1) / (2 * factors))[:, None]
    return inverse


def _mask_inverse(inverse: np.ndarray) -> np.ndarray:
    """The maps [B, 2, 3] from the mask's grid, pixel k at MASK_STEP * k + (MASK_STEP - 1) / 2, to the crop."""
    shift = (MASK_STEP - 1) / 2
    moved = inverse[:, :, 2] + (inverse[:, :, 0] * shift + inverse[:, :, 1] * shift)
    return np.concatenate([inverse[:, :, :2] * MASK_STEP, moved[:, :, None]], 2)


def _warp_masks_cv2(
    encoded: np.ndarray, shapes: np.ndarray, inverse: np.ndarray, augmentation: Augmentation
) -> np.ndarray:
    """The loss masks of a batch; where all of a crop counts, and no padding is seen, there is nothing to warp."""
    masks = np.ones((len(encoded), augmentation.input_size // STRIDE, augmentation.input_size // STRIDE), np.uint8)
    inside = (
        np.ones(len(encoded), bool)
        if augmentation.padding_valid
        else _sees_no_padding(shapes, inverse, augmentation.input_size)
    )
    for k, grid in enumerate(_mask_inverse(inverse)):
        if encoded[k] or not inside[k]:
            _warp_mask_cv2(encoded[k], tuple(shapes[k].tolist()), grid, augmentation, masks[k])
    return masks


def _sees_no_padding(shapes: np.ndarray, inverse: np.ndarray, size: int) -> np.ndarray:
    """[B] bool: all corners of the input lie in the crop."""
    x, y = (size - 1) * np.array([[0, 1, 0, 1], [0, 0, 1, 1]])
    corners = inverse[:, :, :1] * x + inverse[:, :, 1:2] * y + inverse[:, :, 2:]  # [B, 2, 4]
    return np.asarray(((corners >= 0) & (corners <= shapes[:, ::-1, None] - 1)).all((1, 2)))


def _warp_mask_cv2(
    data: bytes, shape: tuple[int, int], grid: np.ndarray, augmentation: Augmentation, result: np.ndarray
) -> None:
    """Writes the loss mask of one sample into `result`, [S/8, S/8] uint8."""
    if data:
        stored = images.decode_record_mask(data)
        if stored is None or stored.shape != shape:
            raise ValueError("the mask of a record cannot be decoded or is not of the image's size")
        mask = stored
    else:
        mask = np.full(shape, 255, np.uint8)
    outside = 255 if augmentation.padding_valid else 0
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    half = (augmentation.input_size // MASK_STEP,) * 2
    warped = cv2.warpAffine(mask, grid, half, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=outside)
    level = cv2.resize(warped, result.shape[::-1], interpolation=cv2.INTER_AREA)
    np.greater_equal(level, MIN_VALID_LEVEL, out=result, casting="unsafe")


def _warp_image_tf(encoded: tf.Tensor, affine: Affine, size: int) -> tf.Tensor:
    def branch(factor: int) -> tf.Tensor:
        pixels = tf.io.decode_jpeg(encoded, channels=3, ratio=factor, dct_method="INTEGER_ACCURATE")
        shift = tf.constant([[0.0, 0.0, (factor - 1) / (2 * factor)]] * 2)
        return _transform(pixels, affine.inverse / factor - shift, size, BORDER_GREY)

    choice = sum(tf.cast(affine.zoom * factor <= 1, tf.int32) for factor in REDUCTIONS[1:])
    return tf.switch_case(choice, [lambda factor=factor: branch(factor) for factor in REDUCTIONS])


def _warp_mask_tf(encoded: tf.Tensor, shape: tf.Tensor, affine: Affine, augmentation: Augmentation) -> tf.Tensor:
    mask = tf.cond(
        tf.strings.length(encoded) == 0,
        lambda: tf.fill(tf.concat([shape, [1]], 0), tf.constant(255, tf.uint8)),
        lambda: tf.io.decode_png(encoded, channels=1),
    )
    shift = (MASK_STEP - 1) / 2
    moved = affine.inverse[:, 2] + tf.linalg.matvec(affine.inverse[:, :2], tf.constant([shift, shift]))
    grid = tf.concat([affine.inverse[:, :2] * MASK_STEP, moved[:, None]], 1)
    outside = 255.0 if augmentation.padding_valid else 0.0
    warped = _transform(tf.cast(mask, tf.float32), grid, augmentation.input_size // MASK_STEP, outside)
    level = tf.nn.avg_pool2d(warped[None], STRIDE // MASK_STEP, STRIDE // MASK_STEP, "VALID")[0, ..., 0]
    return tf.cast(level >= MIN_VALID_LEVEL - 0.5, tf.uint8)


def _transform(pixels: tf.Tensor, inverse: tf.Tensor, size: int, fill: float) -> tf.Tensor:
    """Bilinear resampling of [h, w, c] to [size, size, c] by the map from result to source."""
    transform = tf.concat([tf.reshape(inverse, [6]), [0.0, 0.0]], 0)
    return addons.transform(pixels[None], transform[None], tf.constant([size, size]), fill_value=float(fill))[0]
