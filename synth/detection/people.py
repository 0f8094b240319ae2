"""People found in photographs: the interfaces of detectors and segmenters, and what is common to all kinds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

_TILE_STARTS, _TILE_SHARE = (0.0, 0.4), 0.6
_EDGE_PX = 2.0  # a box that comes this near to a tile's inner edge is taken as cut by it
_MAX_OVERLAP = 0.55  # of boxes from different views: beyond this they are one person


@dataclasses.dataclass(frozen=True)
class People:
    """People found in one image.

    Attributes:
        boxes: [N, 4] float32, (x1, y1, x2, y2) pixels.
        scores: [N] float32 in 0..1.
        masks: [N, H, W] bool, or None from a detector without masks.
    """

    boxes: np.ndarray
    scores: np.ndarray
    masks: np.ndarray | None = None


class PersonDetector(Protocol):
    """Finds boxes of people.

    Attributes:
        identity: tells one detector with its weights from another; part of the score cache's key.
    """

    @property
    def identity(self) -> str:
        """Name and version of the detector."""

    def detect(self, image: np.ndarray) -> People:
        """Returns the people of an image [H, W, 3] uint8 RGB, best score first."""


class PersonSegmenter(Protocol):
    """Finds masks of people."""

    def segment(self, image: np.ndarray, path: Path) -> People:
        """Returns the people, with masks, of an image [H, W, 3] uint8 RGB that was read from `path`."""


def person_score(detector: PersonDetector, image: np.ndarray, tiles: bool) -> float:
    """Returns the highest score of a person in the image, 0 where none is found.

    Args:
        detector: any detector.
        image: [H, W, 3] uint8 RGB.
        tiles: also look at four overlapping tiles (60 % of each side), which finds smaller people at 5 times the cost.
    """
    return highest_score(detect_views(detector, image, tiles))


def detect_views(detector: PersonDetector, image: np.ndarray, tiles: bool) -> list[People]:
    """Returns what a detector finds in an image and, with `tiles`, in each of its `tile_views`."""
    return [detector.detect(view) for view in (image, *(tile_views(image) if tiles else ()))]


def highest_score(views: Sequence[People]) -> float:
    """Returns the highest score of a person in `detect_views`, 0 where none is found."""
    return max(float(view.scores.max(initial=0.0)) for view in views)


def join_views(views: Sequence[People], image: np.ndarray) -> People:
    """Returns the people of `detect_views` in pixels of the image, best score first, without masks.

    A box that ends at a tile's inner edge is cut there and left out.
    """
    found, *parts = views
    boxes, scores = [found.boxes.reshape(-1, 4)], [found.scores]
    for (top, left), view, part in zip(tile_corners(image), tile_views(image), parts):
        whole = _ends_inside(part.boxes.reshape(-1, 4), view, (top, left), image)
        boxes.append(part.boxes.reshape(-1, 4)[whole] + np.array([left, top, left, top], np.float32))
        scores.append(part.scores[whole])
    all_boxes, all_scores = np.concatenate(boxes), np.concatenate(scores)
    kept = non_maximum_suppression(all_boxes, all_scores, _MAX_OVERLAP)
    return People(all_boxes[kept], all_scores[kept])


def _ends_inside(boxes: np.ndarray, tile: np.ndarray, corner: tuple[int, int], image: np.ndarray) -> np.ndarray:
    """Returns [N] bool: no side of the box lies on an edge of the tile that is not an edge of the image."""
    (height, width), (top, left) = tile.shape[:2], corner
    cut = np.zeros(len(boxes), bool)
    for is_inner, distance in (
        (left > 0, boxes[:, 0]),
        (top > 0, boxes[:, 1]),
        (left + width < image.shape[1], width - boxes[:, 2]),
        (top + height < image.shape[0], height - boxes[:, 3]),
    ):
        cut |= is_inner & (distance < _EDGE_PX)
    return ~cut


def tile_corners(image: np.ndarray) -> list[tuple[int, int]]:
    """Returns (top, left) of each of `tile_views`."""
    height, width = image.shape[:2]
    return [(round(top * height), round(left * width)) for top in _TILE_STARTS for left in _TILE_STARTS]


def tile_views(image: np.ndarray) -> list[np.ndarray]:
    """Returns the four overlapping tiles of an image [H, W, 3]: each 60 % of both sides, one per corner."""
    height, width = image.shape[:2]
    tiles = []
    for top in _TILE_STARTS:
        for left in _TILE_STARTS:
            rows = slice(round(top * height), round((top + _TILE_SHARE) * height))
            columns = slice(round(left * width), round((left + _TILE_SHARE) * width))
            tiles.append(image[rows, columns])
    return tiles


def union_mask(people: People, shape: tuple[int, int]) -> np.ndarray:
    """Returns [H, W] bool: pixels of any person; `shape` is (H, W) for the case of nobody."""
    if people.masks is None or len(people.masks) == 0:
        return np.zeros(shape, bool)
    return people.masks.any(0)


def non_maximum_suppression(boxes: np.ndarray, scores: np.ndarray, max_overlap: float) -> np.ndarray:
    """Returns the indices of the boxes to keep, best score first.

    Args:
        boxes: [N, 4] (x1, y1, x2, y2).
        scores: [N], above 0.
        max_overlap: a box goes where its intersection over union with a better kept box is larger.

    Returns:
        [K] int64.
    """
    rectangles = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    kept = cv2.dnn.NMSBoxes(rectangles.tolist(), scores.tolist(), score_threshold=0.0, nms_threshold=max_overlap)
    return np.array(kept, np.int64)
