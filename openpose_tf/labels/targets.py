"""Labels drawn on the device: confidence maps and PAFs from keypoints, inside the train step.

Sources: OpenPose, whose labels the paper uses, and the released code. The drawing is defined at every pixel of the
network input; a map cell takes its value at the cell's centre or as the mean over its 8 x 8 pixels
(`TargetConfig.sampling`).

Example:
    targets = draw_targets(batch["keypoints"], config.model.map_size, config.target)
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from openpose_tf.config import STRIDE, TargetConfig
from openpose_tf.labels.loss_masks import loss_masks
from openpose_tf.labels.types import FIRST_PARTS, SECOND_PARTS, Targets
from openpose_tf.skeleton import MPI

CUT_EXPONENT = 4.6052  # a Gaussian ends where it falls to 0.01
FAR = 1e9  # stands for "no joint", in squared pixels and pixels


def draw_labels(batch: Mapping[str, tf.Tensor], config: TargetConfig) -> tuple[tf.Tensor, ...]:
    """Returns labels and weights of a batch: (pafs, confidence_maps, paf weights, confidence weights).

    Args:
        batch: the pipeline's batch (docs/reference/records.md, "Batch").
        config: how to draw.
    """
    map_size = batch["loss_mask"].shape[1]
    synthetic = batch["is_synthetic_person"] if config.masked_synthetic_loss else None
    targets = draw_targets(batch["keypoints"], map_size, config, synthetic)
    masks = loss_masks(batch["loss_mask"], batch["labelled_parts"], targets, config)
    return targets.pafs, targets.confidence_maps, masks.pafs, masks.confidence_maps


def draw_targets(
    keypoints: tf.Tensor, map_size: int, config: TargetConfig, is_synthetic_person: tf.Tensor | None = None
) -> Targets:
    """Returns the labels of a batch.

    Args:
        keypoints: [B, P, 15, 3] float32 (x, y, labelled 0/1), MPI parts in network input pixels; P is static.
        map_size: g, height and width of the maps.
        config: how to draw.
        is_synthetic_person: [B, P] bool, for the "+ masks" condition: what synthetic people would have is drawn apart,
            and in mode `paper` the labels hold real people only.
    """
    scene = _Scene(keypoints, is_synthetic_person, map_size * STRIDE, config)
    maps = _area_means(scene, map_size) if config.is_area_sampled else scene.draw(*_cell_centres(map_size))
    batch_last = [tf.transpose(m, [0, 2, 3, 1]) for m in maps]  # [B, C, g, g] -> [B, g, g, C]
    return Targets(*batch_last)


def inside_input(keypoints: tf.Tensor, input_size: int, config: TargetConfig) -> tf.Tensor:
    """Returns which joints are labelled and inside the network input, so that they get a confidence map.

    The release skips a joint left of or above the input, and one that is beyond both its right and its lower edge.

    Args:
        keypoints: [B, P, 15, 3] float32 (x, y, labelled).
        input_size: height and width of the input in pixels.
        config: the mode.

    Returns:
        [B, P, 15] bool.
    """
    x, y, labelled = tf.unstack(keypoints, axis=-1)
    right, below = x >= input_size, y >= input_size
    beyond = right & below if config.is_release else right | below
    return (labelled > 0) & (x >= 0) & (y >= 0) & ~beyond


def _cell_centres(map_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns x and y of the cell centres: 3.5, 11.5, ... (pixel centres at integers)."""
    centres = np.arange(map_size, dtype=np.float32) * STRIDE + (STRIDE - 1) / 2
    return centres, centres


def _area_means(scene: "_Scene", map_size: int) -> list[tf.Tensor]:
    """Returns the means over each cell's 8 x 8 pixels: 64 drawings, one per place inside a cell, added up."""
    corners = tf.range(map_size, dtype=tf.float32) * STRIDE
    num_places = STRIDE * STRIDE

    def add(place: tf.Tensor, *sums: tf.Tensor) -> list[tf.Tensor]:
        dx, dy = tf.cast(place % STRIDE, tf.float32), tf.cast(place // STRIDE, tf.float32)
        return [place + 1, *(a + b for a, b in zip(sums, scene.draw(corners + dx, corners + dy)))]

    zeros = [tf.zeros([scene.batch_size, channels, map_size, map_size]) for channels in scene.num_channels]
    _, *sums = tf.while_loop(
        lambda place, *_: place < num_places, add, [tf.constant(0), *zeros], maximum_iterations=num_places
    )
    return [total / num_places for total in sums]


class _Scene:
    """The people of a batch, ready to be drawn at any set of columns and rows.

    All values are differences to columns or to rows, so a drawing needs one outer sum per person and channel. People
    are taken one after another (running minimum, running sums): no tensor has both a people and two space axes.
    """

    def __init__(
        self, keypoints: tf.Tensor, is_synthetic: tf.Tensor | None, input_size: int, config: TargetConfig
    ) -> None:
        self._config = config
        self._num_people = keypoints.shape[1]
        self._joints = keypoints
        self._has_map = inside_input(keypoints, input_size, config)[..., None]  # [B, P, 15, 1]
        self._synthetic = is_synthetic
        self._limbs = _limbs(keypoints, config.limb_half_width)
        self.batch_size = tf.shape(keypoints)[0]
        self.num_channels = [MPI.num_pafs, MPI.num_confidence_maps] * (1 if is_synthetic is None else 2)

    def draw(self, xs: tf.Tensor | np.ndarray, ys: tf.Tensor | np.ndarray) -> list[tf.Tensor]:
        """Returns the maps at columns `xs` [g] and rows `ys` [g]: each [B, C, g, g], PAFs first."""
        all_confidence, synthetic_confidence = self._confidence_maps(xs, ys)
        all_pafs, synthetic_pafs = self._pafs(xs, ys)
        if self._synthetic is None:
            return [all_pafs, all_confidence]
        return [all_pafs, all_confidence, synthetic_pafs, synthetic_confidence]

    def _confidence_maps(self, xs: tf.Tensor, ys: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        dx2 = tf.where(self._has_map, tf.square(xs - self._joints[..., 0:1]), FAR)  # [B, P, 15, g]
        dy2 = tf.square(ys - self._joints[..., 1:2])
        nearest = nearest_synthetic = tf.constant(FAR)
        for person in range(self._num_people):
            # The maximum of Gaussians of one width is the Gaussian of the smallest distance.
            distance2 = dy2[:, person, :, :, None] + dx2[:, person, :, None, :]  # [B, 15, g, g]
            if self._synthetic is not None:
                synthetic = self._synthetic[:, person, None, None, None]
                nearest_synthetic = tf.minimum(nearest_synthetic, tf.where(synthetic, distance2, FAR))
                if not self._config.is_release:
                    distance2 = tf.where(synthetic, FAR, distance2)
            nearest = tf.minimum(nearest, distance2)
        shape = [self.batch_size, MPI.num_parts, tf.shape(ys)[0], tf.shape(xs)[0]]
        return self._gaussian(nearest, shape), self._gaussian(nearest_synthetic, shape)

    def _gaussian(self, distance2: tf.Tensor, shape: list) -> tf.Tensor:
        """Returns [B, 16, g, g]: the cut Gaussian of squared distances, and background."""
        exponent = tf.broadcast_to(distance2, shape) / (2 * self._config.sigma**2)
        values = tf.where(exponent <= CUT_EXPONENT, tf.exp(-exponent), 0.0)
        return tf.concat([values, 1.0 - tf.reduce_max(values, 1, keepdims=True)], 1)

    def _pafs(self, xs: tf.Tensor, ys: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        limbs = self._limbs
        in_x = limbs.is_valid & (xs >= limbs.low_x) & (xs <= limbs.high_x)  # [B, P, 14, g]
        in_y = (ys >= limbs.low_y) & (ys <= limbs.high_y)
        # Distance to the limb's line = |u_x (y - y_a) - u_y (x - x_a)|; infinite outside of the box.
        across_x = tf.where(in_x, limbs.unit_y * (xs - limbs.x), FAR)
        across_y = tf.where(in_y, limbs.unit_x * (ys - limbs.y), -FAR)
        count = num_synthetic = tf.constant(0.0)
        vectors, synthetic_vectors = _Vectors(self._config.is_release), _Vectors(self._config.is_release)
        for person in range(self._num_people):
            across = across_y[:, person, :, :, None] - across_x[:, person, :, None, :]  # [B, 14, g, g]
            inside = tf.abs(across) <= self._config.limb_half_width
            unit_x, unit_y = limbs.unit_x[:, person, :, :, None], limbs.unit_y[:, person, :, :, None]
            if self._synthetic is not None:
                synthetic = inside & self._synthetic[:, person, None, None, None]
                if self._config.is_release:
                    synthetic_vectors.add(synthetic, unit_x, unit_y)
                else:
                    num_synthetic += tf.cast(synthetic, tf.float32)
                    inside &= ~synthetic
            count += tf.cast(inside, tf.float32)
            vectors.add(inside, unit_x, unit_y)
        if self._synthetic is None or self._config.is_release:
            return vectors.divided_by(count), synthetic_vectors.divided_by(count)
        return vectors.divided_by(count), tf.repeat(num_synthetic, 2, 1)


class _Vectors:
    """PAF vectors taken person by person: their sum (`paper`), or the last one (`release`, Q4)."""

    def __init__(self, keeps_last: bool) -> None:
        self._keeps_last = keeps_last
        self._x = self._y = tf.constant(0.0)

    def add(self, inside: tf.Tensor, unit_x: tf.Tensor, unit_y: tf.Tensor) -> None:
        """Takes the limbs of one person: `inside` [B, 14, g, g], unit vectors [B, 14, 1, 1]."""
        rest_x, rest_y = (self._x, self._y) if self._keeps_last else (0.0, 0.0)
        x, y = tf.where(inside, unit_x, rest_x), tf.where(inside, unit_y, rest_y)
        self._x, self._y = (x, y) if self._keeps_last else (self._x + x, self._y + y)

    def divided_by(self, count: tf.Tensor) -> tf.Tensor:
        """Returns [B, 28, g, g] (x, y of limb 0, x, y of limb 1, ...): the vectors over the number of people there."""
        if self._x.shape.rank == 0:
            return self._x
        share = 1.0 / tf.maximum(count, 1.0)
        both = tf.stack([self._x * share, self._y * share], 2)  # [B, 14, 2, g, g]
        shape = tf.shape(both)
        return tf.reshape(both, [shape[0], MPI.num_pafs, shape[3], shape[4]])


class _Limbs(NamedTuple):
    """Geometry of all limbs, each [B, P, 14, 1]: start, unit vector, grown bounding box."""

    x: tf.Tensor
    y: tf.Tensor
    unit_x: tf.Tensor
    unit_y: tf.Tensor
    low_x: tf.Tensor
    high_x: tf.Tensor
    low_y: tf.Tensor
    high_y: tf.Tensor
    is_valid: tf.Tensor


def _limbs(keypoints: tf.Tensor, half_width: float) -> _Limbs:
    """Returns the limbs of keypoints [B, P, 15, 3]; joints outside of the input count, missing ones do not."""
    first, second = tf.gather(keypoints, FIRST_PARTS, axis=2), tf.gather(keypoints, SECOND_PARTS, axis=2)
    x1, y1, labelled1 = (first[..., i, None] for i in range(3))
    x2, y2, labelled2 = (second[..., i, None] for i in range(3))
    dx, dy = x2 - x1, y2 - y1
    length = tf.sqrt(dx * dx + dy * dy)
    return _Limbs(
        x=x1,
        y=y1,
        unit_x=tf.math.divide_no_nan(dx, length),
        unit_y=tf.math.divide_no_nan(dy, length),
        low_x=tf.minimum(x1, x2) - half_width,
        high_x=tf.maximum(x1, x2) + half_width,
        low_y=tf.minimum(y1, y2) - half_width,
        high_y=tf.maximum(y1, y2) + half_width,
        is_valid=(labelled1 > 0) & (labelled2 > 0) & (length > 0),
    )
