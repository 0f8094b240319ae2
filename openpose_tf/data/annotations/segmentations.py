"""COCO's masks: polygons and run lengths in, bool arrays out, and back."""

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from openpose_tf.common.errors import UserError


def rasterize(segmentation: Any, width: int, height: int, name: object = "an image") -> np.ndarray:
    """Returns a segmentation as [height, width] bool.

    Args:
        segmentation: list of polygons [x1, y1, x2, y2, ...], or run lengths {"size", "counts"}, compressed or not.
        width, height: of its image in pixels.
        name: of the image, for the error message.

    Raises:
        UserError: run lengths of another size.
    """
    if not isinstance(segmentation, dict):
        runs = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        runs = coco_mask.frPyObjects(segmentation, height, width)
    else:
        runs = segmentation
    mask = coco_mask.decode(runs).astype(bool)
    if mask.shape != (height, width):
        found = f"{mask.shape[1]}x{mask.shape[0]}"
        raise UserError(f"{name}: a segmentation is made for {found} pixels, the image has {width}x{height}")
    return mask


def run_length(mask: np.ndarray) -> dict[str, Any]:
    """Returns a mask in COCO's compressed run-length form: {"size": [height, width], "counts": str}."""
    encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(side) for side in encoded["size"]], "counts": encoded["counts"].decode("ascii")}
