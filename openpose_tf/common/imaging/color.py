"""The sRGB transfer curve (IEC 61966-2-1) and back, for colours 0 to 1 and for 8-bit images."""

import cv2
import numpy as np


def to_linear(srgb: np.ndarray) -> np.ndarray:
    """Returns linear light 0 to 1 of sRGB values 0 to 1, of any shape, in their floating-point type."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


_LINEAR_OF_LEVEL = to_linear(np.arange(256) / 255.0).astype(np.float32)


def levels_to_linear(image: np.ndarray) -> np.ndarray:
    """Returns linear light, float32 0 to 1, of uint8 sRGB of any shape."""
    return _LINEAR_OF_LEVEL[image]


def linear_to_levels(linear: np.ndarray) -> np.ndarray:
    """Returns uint8 sRGB of linear light [H, W, channels], float32, clipped to 0 to 1."""
    clipped = np.clip(linear, 0.0, 1.0).astype(np.float32)
    curved = 1.055 * cv2.pow(clipped, 1 / 2.4) - 0.055
    return (np.where(clipped <= 0.0031308, clipped * 12.92, curved) * 255 + 0.5).astype(np.uint8)
