"""Images of a training batch for TensorBoard: input, labels, predictions, loss mask."""

from collections.abc import Mapping

import cv2
import numpy as np
import tensorflow as tf

Maps = tuple[tf.Tensor, tf.Tensor]


def training_pictures(
    batch: Mapping[str, tf.Tensor], labels: tuple[tf.Tensor, ...], prediction: Maps
) -> dict[str, np.ndarray]:
    """Returns images [N, S, S, 3] uint8 by name.

    Args:
        batch: images [N, S, S, 3] uint8 and loss_mask [N, g, g].
        labels: of `targets.draw_labels`.
        prediction: (pafs [N, g, g, 28], confidence_maps [N, g, g, 16]) of the last stage.
    """
    images = np.asarray(batch["images"])
    pafs, confidence_maps = labels[0], labels[1]
    mask = np.asarray(batch["loss_mask"], np.float32)
    return {
        "1_input": images,
        "2_confidence_label": _overlay(images, _parts(confidence_maps)),
        "3_confidence_prediction": _overlay(images, _parts(prediction[1])),
        "4_paf_label": _overlay(images, _limbs(pafs)),
        "5_paf_prediction": _overlay(images, _limbs(prediction[0])),
        "6_loss_mask": _overlay(images, mask),
    }


def _parts(confidence_maps: tf.Tensor) -> np.ndarray:
    """Returns the strongest part of each cell [N, g, g] in [0, 1]."""
    return np.asarray(confidence_maps, np.float32)[..., :-1].max(-1)


def _limbs(pafs: tf.Tensor) -> np.ndarray:
    """Returns the longest limb vector of each cell [N, g, g] in [0, 1]."""
    vectors = np.asarray(pafs, np.float32)
    pairs = vectors.reshape(*vectors.shape[:-1], -1, 2)
    return np.hypot(pairs[..., 0], pairs[..., 1]).max(-1)


def _overlay(images: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Returns images with maps [N, g, g] in [0, 1] laid over them in colours."""
    height, width = images.shape[1:3]
    levels = (np.clip(np.nan_to_num(maps), 0, 1) * 255).astype(np.uint8)
    blended = []
    for image, level in zip(images, levels):
        coloured = cv2.applyColorMap(cv2.resize(level, (width, height)), cv2.COLORMAP_VIRIDIS)[..., ::-1]
        blended.append(cv2.addWeighted(image, 0.45, np.ascontiguousarray(coloured), 0.55, 0))
    return np.stack(blended)
