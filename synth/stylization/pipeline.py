"""Stylizes the synthetic people of one image after the real people of one photograph: pure functions on arrays."""

import dataclasses
from typing import Protocol

import cv2
import numpy as np

from openpose_tf.common.config_flags import option
from synth.stylization import regions
from synth.stylization.smoothers import Smoother


class Stylizer(Protocol):
    """Moves the look of the style's masked pixels onto the content's masked pixels."""

    def __call__(
        self, content: np.ndarray, style: np.ndarray, content_mask: np.ndarray, style_mask: np.ndarray
    ) -> np.ndarray:
        """Returns [H, W, 3] float32 RGB in 0..1.

        Args:
            content: [H, W, 3] float32 RGB in 0..1.
            style: [h, w, 3] float32 RGB in 0..1, any size.
            content_mask: [H, W] bool.
            style_mask: [h, w] bool.
        """


@dataclasses.dataclass(frozen=True)
class StyleConfig:
    """How the result of a stylizer is put back.

    Attributes:
        strength: share of the change that is taken over, 0..1.
        max_side: the paper says "re-scaled to 600 px" and leaves open which side; ours is the longer one.
        erode_px: the style mask shrinks by this much at transfer size; background inside it makes ghosts (paper).
    """

    strength: float = 0.7
    max_side: int = option(600, "longer side during the transfer in px (paper: 600)", low=64)
    erode_px: int = 1


def stylize_people(
    content: np.ndarray,
    content_mask: np.ndarray,
    style: np.ndarray,
    style_mask: np.ndarray,
    stylizer: Stylizer,
    smoother: Smoother,
    config: StyleConfig,
) -> np.ndarray | None:
    """Returns the image with its synthetic people in the look of the photograph's real people.

    Args:
        content: [H, W, 3] uint8 RGB.
        content_mask: [H, W] bool, visible pixels of the synthetic people; no other pixel changes.
        style: [h, w, 3] uint8 RGB.
        style_mask: [h, w] bool, real people of `style`.
        stylizer, smoother: the transfer and what follows it, both at transfer size.
        config: strength and sizes.

    Returns:
        [H, W, 3] uint8 RGB, or None where one of the two regions is too small for a transfer (`labels.is_usable`).
    """
    small_content, small_mask = _at_transfer_size(content, content_mask, config.max_side)
    small_style, small_style_mask = _at_transfer_size(style, style_mask, config.max_side)
    small_style_mask = erode(small_style_mask, config.erode_px)
    if not regions.is_usable(int(small_mask.sum()), int(small_style_mask.sum())):
        return None
    stylized = stylizer(small_content, small_style, small_mask, small_style_mask)
    stylized = smoother(np.clip(stylized, 0, 1), small_content, small_mask)
    change = (stylized - small_content).astype(np.float32)
    return add_change(content, content_mask, upsample_change(change, small_mask, content_mask), config.strength)


def _at_transfer_size(image: np.ndarray, mask: np.ndarray, max_side: int) -> tuple[np.ndarray, np.ndarray]:
    height, width = image.shape[:2]
    factor = min(1.0, max_side / max(height, width))
    size = max(1, round(height * factor)), max(1, round(width * factor))
    if factor < 1:
        image = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    return image.astype(np.float32) / 255, regions.resize_nearest(mask, *size)


def erode(mask: np.ndarray, radius: int) -> np.ndarray:
    """Returns the bool mask [H, W] without the pixels closer than `radius` to its border."""
    if radius == 0:
        return mask
    kernel = np.ones((2 * radius + 1,) * 2, np.uint8)
    return cv2.erode(mask.astype(np.uint8), kernel).astype(bool)


def upsample_change(change: np.ndarray, small_mask: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns the change at full size, interpolated from pixels inside the mask only.

    Adding an upsampled change keeps the full image's own detail, and averaging inside the mask keeps the background's
    change of zero from bleeding into the silhouette.

    Args:
        change: [h, w, 3] float32.
        small_mask: [h, w] bool.
        mask: [H, W] bool.

    Returns:
        [H, W, 3] float32.
    """
    size = mask.shape[::-1]
    if change.shape[:2] == mask.shape:
        return change
    weight = small_mask.astype(np.float32)
    weighted = change * weight[..., None]
    total, share = np.zeros((*mask.shape, 3), np.float32), np.zeros(mask.shape, np.float32)
    for side in (1, 3, 9, 2 * max(change.shape[:2]) + 1):  # wider windows only where the narrow ones saw nothing
        missing = mask & (share < 1e-3)
        if not missing.any():
            break
        near, near_share = weighted, weight
        if side > 1:
            near = cv2.blur(weighted, (side, side), borderType=cv2.BORDER_CONSTANT)
            near_share = cv2.blur(weight, (side, side), borderType=cv2.BORDER_CONSTANT)
            scale = 1 / max(float(near_share.max()), 1e-12)
            near, near_share = near * scale, near_share * scale
        near = cv2.resize(near, size, interpolation=cv2.INTER_LINEAR)
        near_share = cv2.resize(near_share, size, interpolation=cv2.INTER_LINEAR)
        total[missing], share[missing] = near[missing], near_share[missing]
    return total / np.maximum(share, 1e-6)[..., None]


def add_change(image: np.ndarray, mask: np.ndarray, change: np.ndarray, strength: float) -> np.ndarray:
    """Returns `image + strength * change` inside the mask, uint8; weaker on its rim, where pixels are part background.

    Args:
        image: [H, W, 3] uint8.
        mask: [H, W] bool.
        change: [H, W, 3] float32, in units of 255.
        strength: 0..1.
    """
    rim = cv2.blur(mask.astype(np.float32), (3, 3))  # about 2/3 on a straight edge
    weight = np.where(mask, rim, 0)[..., None] * (255 * strength)
    mixed = np.rint(np.clip(image + weight * change, 0, 255)).astype(np.uint8)
    return np.where(mask[..., None], mixed, image)
