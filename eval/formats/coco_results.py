"""Reads COCO keypoint result lists, such as `openpose_tf.predict --format=coco` writes, as predictions of images."""

import collections
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.formats.prediction_json import ImagePrediction
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations.formats.coco_file import id_key
from openpose_tf.skeleton import COCO_JOINTS, COCO_PERSON, COCO_TO_PART, MPI

LEAST_SCORE = 1e-9  # of a joint that was found by somebody with a score of 0 or less
WHAT = 'a COCO keypoint result list ([{"image_id", "category_id", "keypoints", "score"}])'


def parse(rows: Sequence[Any], path: Path, names: Mapping[str, str]) -> dict[str, ImagePrediction]:
    """Returns the people of a result list by image key; those of unknown images under their image id.

    Joints at (0, 0) are not found, as `predict` writes them; the 12 limb joints are read, and people are ranked by
    their own score. A joint without a score above 0, as some programs write them, has that of the person.

    Args:
        rows: content of the file.
        path: for messages.
        names: image key by `id_key` of the image's id.

    Raises:
        UserError: it is not such a list.
    """
    people: dict[str, list[np.ndarray]] = collections.defaultdict(list)
    scores: dict[str, list[float]] = collections.defaultdict(list)
    for number, row in enumerate(rows):
        image, keypoints, score = _entry(row, f"{path}: entry {number}")
        if keypoints is not None:
            key = names.get(image, f"image id {image}")
            people[key].append(keypoints)
            scores[key].append(score)
    return {key: ImagePrediction(key, np.array(people[key]), np.array(scores[key]), is_ranked=True) for key in people}


def _entry(row: Any, where: str) -> tuple[str, np.ndarray | None, float]:
    """Returns (image id, [15, 3] parts or None for another category than the person, score) of a row."""
    image = id_key(row.get("image_id")) if isinstance(row, dict) else None
    if image is None:
        raise UserError(f"{where} has no image_id: expected {WHAT}")
    if id_key(row.get("category_id", COCO_PERSON)) != str(COCO_PERSON):
        return image, None, 0.0
    try:
        joints = np.array(row["keypoints"], np.float64).reshape(len(COCO_JOINTS), 3)
        score = float(row["score"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise UserError(
            f"{where} needs 'keypoints' as {len(COCO_JOINTS)} triples (x, y, score) and a 'score'"
        ) from None
    if not (np.isfinite(joints).all() and np.isfinite(score)):
        raise UserError(f"{where} holds NaN or infinite numbers: predict this image again")
    found = (joints[:, :2] != 0).any(-1)
    joints[:, 2] = np.where(found, np.where(joints[:, 2] > 0, joints[:, 2], max(score, LEAST_SCORE)), 0)
    parts = np.zeros((MPI.num_parts, 3))
    parts[list(COCO_TO_PART.values())] = joints[list(COCO_TO_PART)]
    return image, parts, score
