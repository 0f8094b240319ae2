"""Where the ground of a background photograph begins, so that nobody stands in its sky."""

import functools
from pathlib import Path

import cv2
import numpy as np

from openpose_tf.common.imaging import images
from synth.scene import builtin_places

LOWER_PART = 0.5  # without sky below it, the lower half is taken for the ground
LOWEST = 0.9  # of an estimate: a tenth of the photograph is always ground
WIDTH = 160  # px at which the sky is looked for
THRESHOLDS = np.geomspace(8.0, 400.0, 24)  # of the gradient where the sky ends, 8-bit levels
SKY_WEIGHT = 2.0  # of the sky's uniformity against that of the rest (the paper's gamma)
SKY_QUANTILE = 0.9  # of the columns; poles and trees that stand in the sky do not count


@functools.lru_cache(maxsize=256)
def ground_share(path: str) -> float:
    """Returns the share of a photograph's height, from the top, below which people can stand.

    Known for built-in photographs (`builtin_places.PHOTOS`), else estimated.

    Raises:
        UserError: the file is gone or cannot be decoded.
    """
    name = Path(path).stem
    if name in builtin_places.PHOTOS and Path(path) == builtin_places.photo_path(name):
        return builtin_places.PHOTOS[name].ground
    return estimate_ground(images.read_rgb(path, orientation="upright", hint="copy it again"))


def estimate_ground(image: np.ndarray) -> float:
    """Returns the estimated share of the height above the ground: the lower half, or less where the sky reaches lower.

    The sky is what lies above the first strong gradient of each column; of several thresholds of the gradient the one
    counts whose two parts are each of the most uniform colour (Shen and Wang, "Sky region detection in a single image
    for autonomous ground robot navigation", 2013).

    Args:
        image: [height, width, 3] uint8 RGB.
    """
    height = max(2, round(WIDTH * image.shape[0] / image.shape[1]))
    small = cv2.GaussianBlur(cv2.resize(image, (WIDTH, height), interpolation=cv2.INTER_AREA), (0, 0), 1.0)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    gradient = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    gradient[0] = 0  # a column's sky has at least one pixel
    rows = np.arange(height)[:, None]
    best, least = np.zeros(WIDTH, int), np.inf
    for threshold in THRESHOLDS:
        strong = gradient > threshold
        ends = np.where(strong.any(0), strong.argmax(0), height)
        sky = rows < ends
        if min(sky.sum(), (~sky).sum()) < 0.02 * sky.size:
            continue
        above, below = _spread(small[sky]), _spread(small[~sky])
        if SKY_WEIGHT * above < below and SKY_WEIGHT * above + below < least:  # a sky is the more uniform part
            best, least = ends, SKY_WEIGHT * above + below
    return float(np.clip(np.quantile(best, SKY_QUANTILE) / height, LOWER_PART, LOWEST))


def _spread(colours: np.ndarray) -> float:
    """Returns how far colours [n, 3] differ: determinant plus largest eigenvalue of their covariance."""
    values = np.linalg.eigvalsh(np.cov(colours.T.astype(np.float64)))
    return float(values.prod() + values[-1])
