"""Label maps of the transfer: which pairs of regions are large enough, and maps at the size of a feature grid."""

import numpy as np

MIN_PIXELS = 10
MAX_RATIO = 100


def is_usable(num_content: int, num_style: int) -> bool:
    """Returns True if a label has enough pixels in both images and neither dwarfs the other.

    FastPhotoStyle: more than 10 pixels in both, size ratio below 100 both ways (reference "FastPhotoStyle, exactly").
    """
    if min(num_content, num_style) <= MIN_PIXELS:
        return False
    return num_content < MAX_RATIO * num_style and num_style < MAX_RATIO * num_content


def resize_nearest(labels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns the map at another size by nearest neighbour with half-pixel centres.

    This is Pillow's NEAREST, which FastPhotoStyle uses; OpenCV's INTER_NEAREST samples at the corner of the cell.

    Args:
        labels: [H, W], any dtype.
        height, width: new size in pixels.

    Returns:
        [height, width], dtype of `labels`.
    """
    rows = _sample_positions(labels.shape[0], height)
    columns = _sample_positions(labels.shape[1], width)
    return labels[rows[:, None], columns[None, :]]


def _sample_positions(size: int, new_size: int) -> np.ndarray:
    return ((2 * np.arange(new_size, dtype=np.int64) + 1) * size) // (2 * new_size)
