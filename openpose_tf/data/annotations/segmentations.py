"""COCO's masks: polygons and run lengths in, bool arrays out, and back. What is no mask is never drawn as one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from openpose_tf.common.errors import UserError

LEAST_AREA = 0.5  # square pixels; polygons below are lines or points
FARTHEST = 100  # image sides; corners farther away are no pixels of this image
Polygon = list[float]


def rasterize(
    segmentation: Any, width: int, height: int, name: object = "an image", box: Sequence[float] | None = None
) -> np.ndarray:
    """Returns a segmentation as [height, width] bool; where no part of it is usable, the box; else nothing.

    Args:
        segmentation: list of polygons [x1, y1, x2, y2, ...], or run lengths {"size", "counts"}, compressed or not.
        width, height: of its image in pixels.
        name: of the image, for the error message.
        box: (x, y, width, height) of the person in pixels, or None.

    Raises:
        UserError: run lengths of another size.
    """
    region, _ = usable(segmentation, width, height, name)
    if isinstance(region, dict):
        return _draw_runs(region["counts"], width, height)
    polygons = region or ([] if box is None else [box_polygon(box)])
    if not polygons:
        return np.zeros((height, width), bool)
    return np.asarray(coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width)))).astype(bool)


def usable(
    segmentation: Any, width: int, height: int, name: object
) -> tuple[list[Polygon] | dict[str, Any] | None, bool]:
    """Returns the part of a segmentation that is a mask of an image of this size, or None, and whether it is all of it.

    Usable are polygons of at least three finite corners and some area, also as (x, y) pairs or not wrapped in a list,
    and run lengths that fill the image. Two corners, which pycocotools takes for a box, are not.

    Raises:
        UserError: run lengths of another size.
    """
    if isinstance(segmentation, dict):
        runs = _usable_runs(segmentation, width, height, name)
        return runs, runs is not None
    parts = _parts(segmentation)
    polygons = [polygon for polygon in map(_polygon, parts) if polygon is not None]
    polygons = [polygon for polygon in polygons if max(map(abs, polygon)) <= FARTHEST * max(width, height)]
    return polygons or None, 0 < len(polygons) == len(parts)


def _parts(segmentation: Any) -> list[Any]:
    """The polygons of a list; a list of numbers, or of three or more (x, y) pairs, is one polygon."""
    if not isinstance(segmentation, (list, tuple)):
        return []
    if all(_is_number(value) for value in segmentation):
        return [segmentation]
    pairs = all(isinstance(part, (list, tuple)) and len(part) == 2 for part in segmentation)
    pairs = pairs and all(_is_number(value) for part in segmentation for value in part)
    return [segmentation] if pairs else [*segmentation]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _polygon(part: Any) -> Polygon | None:
    """Flat coordinates [x1, y1, ...] of a polygon, given so or as pairs, possibly nested; None if it is none."""
    try:
        corners = np.asarray(part, np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    if corners.ndim > 1 and corners.shape[-1] != 2:
        return None
    if corners.size < 6 or corners.size % 2 or not np.isfinite(corners).all():
        return None
    x, y = corners.reshape(-1, 2).T
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    return corners.ravel().tolist() if area >= LEAST_AREA else None


def _usable_runs(segmentation: dict[str, Any], width: int, height: int, name: object) -> dict[str, Any] | None:
    try:
        rows, columns = (int(side) for side in segmentation["size"])
        counts = segmentation["counts"]
        counts = _uncompressed(counts) if isinstance(counts, (str, bytes)) else [int(count) for count in counts]
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    if (rows, columns) != (height, width):
        found, expected = f"{columns}x{rows}", f"{width}x{height}"
        raise UserError(f"{name}: a segmentation is made for {found} pixels, the image has {expected}: export it again")
    fills = all(count >= 0 for count in counts) and sum(counts) == width * height
    return {"size": [rows, columns], "counts": counts} if fills and sum(counts[1::2]) else None


def _uncompressed(text: str | bytes) -> list[int]:
    """Returns the runs of COCO's compressed form: 5 bits per character from 48 on, the sixth says that more follow.

    From the third run on each is the difference to the last but one.
    """
    counts: list[int] = []
    value = shift = 0
    for code in text.encode("ascii") if isinstance(text, str) else text:
        bits = code - 48
        if not 0 <= bits < 64 or shift > 50:
            raise ValueError("not compressed run lengths")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        value -= (bits & 16) << (shift - 4)  # the sign
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("run lengths are cut short")
    return counts


def _draw_runs(counts: Sequence[int], width: int, height: int) -> np.ndarray:
    """Runs of empty and filled pixels in turn, down the columns, as [height, width] bool."""
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T


def box_polygon(box: Sequence[float]) -> Polygon:
    """Returns a box (x, y, width, height) as a polygon."""
    x, y, width, height = box
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def run_length(mask: np.ndarray) -> dict[str, Any]:
    """Returns a mask in COCO's compressed run-length form: {"size": [height, width], "counts": str}."""
    encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(side) for side in encoded["size"]], "counts": encoded["counts"].decode("ascii")}
