"""Augmentation as one affine map per sample.

Order and ranges: docs/reference/method.md section 2.3 (scale, rotate, crop with offset, flip), lengths scaled by
input_size / 368. All of it happens in one resampling, so nothing is blurred twice and no joint leaves its pixel.
"""

import dataclasses
import math

import tensorflow as tf

from openpose_tf.config import MAX_OFFSET, MAX_ROTATION_DEG, MAX_ZOOM, MIN_ZOOM, NETWORK_SIZE, STRIDE, TARGET_HEIGHT

NUM_RANDOM = 5  # uniform numbers per sample


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Ranges of the augmentation (docs/reference/method.md section 2.3) and how pixels are moved.

    Attributes:
        input_size: S, side of the network input in pixels, a multiple of 8.
        min_zoom, max_zoom: the sampled person becomes 250 * U(min, max) * S / 368 pixels tall.
        max_rotation_deg: rotation is U(-max, max) degrees.
        num_offsets: the crop's centre is objpos + randint[0, num_offsets) * S / 368 in x and y (one-sided as released).
        flip_probability: of a mirrored sample.
        padding_valid: True counts the area outside of the image in the loss (CMU); False ignores it (paper, release).
        backend: "cv2" (twice as fast on a CPU; needs the Python process) or "tf".
    """

    input_size: int = NETWORK_SIZE
    min_zoom: float = MIN_ZOOM
    max_zoom: float = MAX_ZOOM
    max_rotation_deg: float = MAX_ROTATION_DEG
    num_offsets: int = MAX_OFFSET + 1
    flip_probability: float = 0.5
    padding_valid: bool = False
    backend: str = "cv2"

    def __post_init__(self) -> None:
        if self.input_size < STRIDE or self.input_size % STRIDE:
            raise ValueError(f"input_size {self.input_size} is not a multiple of {STRIDE}")
        if self.backend not in ("cv2", "tf"):
            raise ValueError(f"backend {self.backend!r} is not cv2 or tf")
        if not 0 < self.min_zoom <= self.max_zoom:
            raise ValueError(f"zoom from {self.min_zoom} to {self.max_zoom} is not a range above 0")


@dataclasses.dataclass(frozen=True)
class Affine:
    """Maps between crop pixels and network input pixels, of one sample or of a batch of any shape [...].

    Attributes:
        forward: [..., 2, 3] float32, crop to input.
        inverse: [..., 2, 3] float32, input to crop.
        zoom: [...] float32, input pixels per crop pixel.
        flip: [...] bool.
    """

    forward: tf.Tensor
    inverse: tf.Tensor
    zoom: tf.Tensor
    flip: tf.Tensor


def sample_turn(uniform: tf.Tensor, augmentation: Augmentation) -> tf.Tensor:
    """Returns cosine and sine of the rotation, [..., 2] float32.

    Their last bit depends on the number of samples that are computed at once: a stream asks for one at a time, so that
    a sample is the same in every batch.

    Args:
        uniform: [..., NUM_RANDOM] as in `sample_affine`.
        augmentation: the ranges.
    """
    angle = (2 * uniform[..., 1] - 1) * math.radians(augmentation.max_rotation_deg)
    return tf.stack([tf.cos(angle), tf.sin(angle)], -1)


def sample_affine(
    objpos: tf.Tensor,
    scale: tf.Tensor,
    uniform: tf.Tensor,
    augmentation: Augmentation,
    turn: tf.Tensor | None = None,
) -> Affine:
    """Returns the map of each sample.

    Args:
        objpos: [..., 2] float32, crop pixels.
        scale: [...] float32, height of the person in crop pixels / 200.
        uniform: [..., NUM_RANDOM] float32 in [0, 1): zoom, rotation, offset x, offset y, flip.
        augmentation: the ranges.
        turn: `sample_turn`, if it is known.
    """
    turn = sample_turn(uniform, augmentation) if turn is None else turn
    unit = augmentation.input_size / NETWORK_SIZE
    height = TARGET_HEIGHT * (augmentation.min_zoom + (augmentation.max_zoom - augmentation.min_zoom) * uniform[..., 0])
    zoom = height * unit / (200.0 * scale)
    offset = tf.floor(uniform[..., 2:4] * augmentation.num_offsets) * unit
    flip = uniform[..., 4] < augmentation.flip_probability

    mirror = tf.where(flip, -1.0, 1.0)
    cosine, sine = zoom * turn[..., 0], zoom * turn[..., 1]
    last = augmentation.input_size - 1.0
    x, y = (
        last / 2 - offset[..., 0],
        last / 2 - offset[..., 1],
    )  # where objpos goes; the crop lies around objpos + offset
    goal = tf.stack([tf.where(flip, last - x, x), y], -1)
    linear = tf.stack([tf.stack([mirror * cosine, -mirror * sine], -1), tf.stack([sine, cosine], -1)], -2)
    back = tf.linalg.matrix_transpose(linear) / tf.square(zoom)[..., None, None]  # of a scaled rotation or reflection
    forward = tf.concat([linear, (goal - _times(linear, objpos))[..., None]], -1)
    inverse = tf.concat([back, (objpos - _times(back, goal))[..., None]], -1)
    return Affine(forward, inverse, zoom, flip)


def apply_affine(points: tf.Tensor, affine: tf.Tensor) -> tf.Tensor:
    """Returns points [..., 2] moved by affine maps [..., 2, 3] that broadcast against them."""
    return _times(affine[..., :2], points) + affine[..., 2]


def _times(matrices: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
    """Returns the products of [..., 2, 2] and [..., 2], to the last bit the same in every batch, as matmul is not."""
    return tf.reduce_sum(matrices * vectors[..., None, :], -1)
