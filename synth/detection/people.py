"""People found in photographs: the interfaces of detectors and segmenters, and what is common to all kinds."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

_TILE_STARTS, _TILE_SHARE = (0.0, 0.4), 0.6


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
    views = [image, *(tile_views(image) if tiles else [])]
    return max((float(detector.detect(view).scores.max(initial=0.0)) for view in views), default=0.0)


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
