"""Guided filter whose window statistics see the person only, at a fraction of the resolution.

He, Sun and Tang, "Guided image filtering", ECCV 2010; sub-sampling from He and Sun, "Fast guided filter", 2015. The
output is locally a linear function of the content's colours, so it keeps the content's edges and texture.
"""

import cv2
import numpy as np


def masked_guided_filter(
    stylized: np.ndarray,
    content: np.ndarray,
    mask: np.ndarray,
    radius: int = 35,
    eps: float = 1e-3,
    subsample: int = 4,
) -> np.ndarray:
    """Returns the stylized image with the content's structure, inside the mask.

    Args:
        stylized: [H, W, 3] float32 RGB in 0..1.
        content: [H, W, 3] float32 RGB in 0..1, the guide.
        mask: [H, W] bool; pixels outside neither influence the result nor change.
        radius: half the window's side in pixels (FastPhotoStyle's 35).
        eps: ridge on the guide's covariance, for colours in 0..1.
        subsample: the linear maps are fitted on a grid this many times coarser; 1 = exact.

    Returns:
        [H, W, 3] float32 in 0..1; outside the mask a copy of `stylized`.
    """
    out = stylized.astype(np.float32, copy=True)
    if not mask.any():
        return out
    crop = _bounding_box(mask)
    weight = mask[crop].astype(np.float32)
    guide = content[crop].astype(np.float32)
    fit = _fit_windows(guide, out[crop], weight, radius, eps, subsample)
    fit = _resize(fit, weight.shape[::-1], cv2.INTER_LINEAR)
    filtered = np.stack([(fit[..., 3 * k : 3 * k + 3] * guide).sum(-1) for k in range(3)], -1) + fit[..., 9:]
    out[crop] = np.where(mask[crop][..., None], np.clip(filtered, 0, 1), out[crop])
    return out


def _fit_windows(
    guide: np.ndarray, target: np.ndarray, weight: np.ndarray, radius: int, eps: float, subsample: int
) -> np.ndarray:
    """Returns [h, w, 12] float32: per coarse cell the averaged 3x3 gain (row = output channel) and the offset."""
    size = (max(1, round(weight.shape[1] / subsample)), max(1, round(weight.shape[0] / subsample)))
    share = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    both = np.concatenate([guide, target], -1) * weight[..., None]
    both = _resize(both, size, cv2.INTER_AREA) / np.maximum(share, 1e-6)[..., None]
    half_window = max(1, round(radius / subsample))
    norm = np.maximum(_box(share, half_window), 1e-6)[..., None]

    def mean(values: np.ndarray) -> np.ndarray:
        return _box(values * share[..., None], half_window) / norm

    x, y = both[..., :3], both[..., 3:]
    x_mean, y_mean = mean(x), mean(y)
    cov = mean(_outer(x, x)) - _outer(x_mean, x_mean)
    cross = mean(_outer(y, x)) - _outer(y_mean, x_mean)
    cov = cov.reshape(*share.shape, 3, 3) + eps * np.eye(3)
    gain = cross.reshape(*share.shape, 3, 3) @ np.linalg.inv(cov)
    offset = y_mean - np.einsum("hwkc,hwc->hwk", gain, x_mean)
    return mean(np.concatenate([gain.reshape(*share.shape, 9), offset], -1)).astype(np.float32)


def _outer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a[..., :, None] * b[..., None, :]).reshape(*a.shape[:2], 9)


def _box(values: np.ndarray, half_window: int) -> np.ndarray:
    """Sum over a square window; nothing beyond the border."""
    side = 2 * half_window + 1
    planes = values[..., None] if values.ndim == 2 else values
    summed = [
        cv2.boxFilter(
            np.ascontiguousarray(planes[..., i], np.float64),
            -1,
            (side, side),
            normalize=False,
            borderType=cv2.BORDER_CONSTANT,
        )
        for i in range(planes.shape[-1])
    ]
    stacked = np.stack(summed, -1)
    return stacked[..., 0] if values.ndim == 2 else stacked


def _resize(planes: np.ndarray, size: tuple[int, ...], interpolation: int) -> np.ndarray:
    """Resizes [h, w, 3 n] in threes: OpenCV takes at most four channels here."""
    parts = [planes[..., i : i + 3] for i in range(0, planes.shape[-1], 3)]
    resized = [cv2.resize(np.ascontiguousarray(part), size, interpolation=interpolation) for part in parts]
    return np.concatenate([part.reshape(size[1], size[0], 3) for part in resized], -1)


def _bounding_box(mask: np.ndarray) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
