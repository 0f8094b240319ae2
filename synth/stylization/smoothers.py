"""The smoothers to choose from; each takes (stylized, content, mask), [H, W, 3] float RGB in 0..1 and [H, W] bool."""

import functools
from collections.abc import Callable

import numpy as np

from synth.stylization import guided_filter, matting

Smoother = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def unchanged(stylized: np.ndarray, _content: np.ndarray, _mask: np.ndarray) -> np.ndarray:
    """Returns the stylized image as it is."""
    return stylized


SMOOTHERS: dict[str, Smoother] = {
    "gif_masked": guided_filter.masked_guided_filter,
    "matting_cg": matting.propagate_per_region,
    "matting_direct": functools.partial(matting.propagate_per_region, direct=True),
    "none": unchanged,
}
