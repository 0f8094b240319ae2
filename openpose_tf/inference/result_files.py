"""Predictions as files: one JSON per image, or COCO's list of results. NumPy only."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from openpose_tf.skeleton import COCO_JOINTS, COCO_PERSON, COCO_TO_PART

DIGITS = 2  # 1/100 pixel


def image_result(
    name: str, shape: Sequence[int], keypoints: np.ndarray, scores: np.ndarray, exif_orientation: int = 1
) -> dict[str, Any]:
    """Returns the people of one image as a JSON object.

    Args:
        name: the image.
        shape: its (height, width, ...) in pixels.
        keypoints: [K, 15, 3] (x, y, score) in pixels.
        scores: [K]; people with score 0 are empty slots and left out.
        exif_orientation: the tag by which the image was turned upright before, 1 = not at all.

    Returns:
        {"image", "width", "height", "people": [{"keypoints": [[x, y, score] x 15], "score"}]}; with
        "exif_orientation" if the image was turned.
    """
    people = [
        {"keypoints": _rows(person), "score": round(float(score), 4)}
        for person, score in zip(keypoints, scores, strict=True)
        if score > 0
    ]
    turned = {"exif_orientation": exif_orientation} if exif_orientation != 1 else {}
    return {"image": name, "width": int(shape[1]), "height": int(shape[0]), **turned, "people": people}


def _rows(person: np.ndarray) -> list[list[float]]:
    return [[round(float(x), DIGITS), round(float(y), DIGITS), round(float(score), 4)] for x, y, score in person]


def coco_results(image_id: int | str, keypoints: np.ndarray, scores: np.ndarray) -> list[dict[str, Any]]:
    """Returns the people of one image as entries of a COCO keypoint result file.

    Args:
        image_id: COCO's number of the image.
        keypoints: [K, 15, 3] (x, y, score) in pixels, centres at integers as elsewhere.
        scores: [K]; people with score 0 are left out.
    """
    entries = []
    for person, score in zip(keypoints, scores, strict=True):
        if score <= 0:
            continue
        joints = np.zeros((len(COCO_JOINTS), 3))
        joints[list(COCO_TO_PART)] = person[list(COCO_TO_PART.values())]
        flat = [value for row in _rows(joints) for value in row]
        entry = {"image_id": image_id, "category_id": COCO_PERSON, "keypoints": flat, "score": round(float(score), 4)}
        entries.append(entry)
    return entries
