"""Colour transfer without weights: the Monge-Kantorovich linear map between two colour clouds in Lab.

The map carries the Gaussian of the content pixels onto the Gaussian of the style pixels with the least displacement
(Pitie and Kokaram, "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer", 2007).
"""

import dataclasses

import cv2
import numpy as np


@dataclasses.dataclass(frozen=True)
class MkConfig:
    """Limits of the map, chosen by eye (reference "Transfer inside the masks"); Lab units, lightness 0..100.

    Attributes:
        min_gain, max_gain: bounds of the map's singular values: how much a contrast may shrink or grow.
        max_chroma_gain: upper bound for the gain of the two colour axes; a stronger one makes skin patchy.
        ridge: variance added to both clouds, so that an even surface does not blow up noise.
        max_lightness_shift, max_chroma_shift: bounds of the change of the mean colour. A single real person in a red
            coat would otherwise turn all skin red, the failure that the paper names.
    """

    min_gain: float = 0.5
    max_gain: float = 2.0
    max_chroma_gain: float = 1.5
    ridge: float = 4.0
    max_lightness_shift: float = 30.0
    max_chroma_shift: float = 18.0


def transfer(
    content: np.ndarray,
    style: np.ndarray,
    content_mask: np.ndarray,
    style_mask: np.ndarray,
    config: MkConfig | None = None,
) -> np.ndarray:
    """Returns the content image with the colours inside its mask moved to those inside the style's mask.

    Args:
        content: [H, W, 3] float32 RGB in 0..1.
        style: [h, w, 3] float32 RGB in 0..1, any size.
        content_mask: [H, W] bool, at least one pixel; only these pixels change.
        style_mask: [h, w] bool, at least one pixel.
        config: limits of the map.

    Returns:
        [H, W, 3] float32 RGB in 0..1.
    """
    pixels = _to_lab(content[content_mask])  # [n, 3]
    matrix, offset = linear_map(pixels, _to_lab(style[style_mask]), config or MkConfig())
    out = content.astype(np.float32, copy=True)
    out[content_mask] = _to_rgb(pixels @ matrix.T.astype(np.float32) + offset.astype(np.float32))
    return out


def linear_map(content: np.ndarray, style: np.ndarray, config: MkConfig) -> tuple[np.ndarray, np.ndarray]:
    """Returns the limited map `x -> matrix x + offset` between two colour clouds.

    Args:
        content: [n, 3] Lab.
        style: [m, 3] Lab.
        config: limits.

    Returns:
        matrix [3, 3] float64 and offset [3] float64.
    """
    content_mean, content_cov = _moments(content, config.ridge)
    style_mean, style_cov = _moments(style, config.ridge)
    matrix = _limit_gains(monge_kantorovich(content_cov, style_cov), config)
    shift = style_mean - content_mean
    shift[0] = np.clip(shift[0], -config.max_lightness_shift, config.max_lightness_shift)
    chroma = np.hypot(shift[1], shift[2])
    shift[1:] *= min(1.0, config.max_chroma_shift / max(chroma, 1e-9))
    return matrix, content_mean + shift - matrix @ content_mean


def monge_kantorovich(content_cov: np.ndarray, style_cov: np.ndarray) -> np.ndarray:
    """Returns T with T A T = B: T = A^-1/2 (A^1/2 B A^1/2)^1/2 A^-1/2, for covariances A and B, [3, 3] each."""
    root, inverse_root = _power(content_cov, 0.5), _power(content_cov, -0.5)
    return inverse_root @ _power(root @ style_cov @ root, 0.5) @ inverse_root


def _moments(pixels: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    pixels = pixels.astype(np.float64)
    mean = pixels.mean(0)
    centred = pixels - mean
    return mean, centred.T @ centred / len(pixels) + ridge * np.eye(3)


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.maximum(values, 1e-8) ** exponent) @ vectors.T


def _limit_gains(matrix: np.ndarray, config: MkConfig) -> np.ndarray:
    u, gains, vt = np.linalg.svd(matrix)
    limited = (u * np.clip(gains, config.min_gain, config.max_gain)) @ vt
    u, gains, vt = np.linalg.svd(limited[:, 1:], full_matrices=False)  # what becomes of the two colour axes
    limited[:, 1:] = (u * np.minimum(gains, config.max_chroma_gain)) @ vt
    return limited


def _to_lab(pixels: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(pixels[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]


def _to_rgb(pixels: np.ndarray) -> np.ndarray:
    rgb = cv2.cvtColor(pixels[None].astype(np.float32), cv2.COLOR_LAB2RGB)[0]
    return np.clip(rgb, 0, 1)
