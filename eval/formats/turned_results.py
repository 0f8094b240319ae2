"""Results of photographs that were predicted upright, brought to the orientation that their annotation was made for.

`openpose_tf.predict` has no annotation and turns photographs by their EXIF tag; it writes the turned size and the tag.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from absl import logging

from eval.formats.prediction_json import ImagePrediction
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.common.imaging.images import Orientation
from openpose_tf.skeleton import MPI

SHOWN = 10
QUARTER_TURNS = (6, 8)  # EXIF orientations of cameras held upright
TURNED = "results of photographs turned back to the annotation's orientation"
GUESSED = "of them without their EXIF orientation: the quarter turn nearer to the annotated people counts"
DOUBTFUL = "photographs with an EXIF orientation that the annotated size does not decide (--orientation does)"
Size = tuple[int, int]


def as_annotated(
    predictions: Mapping[str, ImagePrediction],
    sizes: Mapping[str, Size | None],
    people: Mapping[str, np.ndarray],
    joints: Sequence[str],
    preferred: Orientation,
) -> dict[str, ImagePrediction]:
    """Returns the predictions in the pixels of the annotated images, and logs how many were turned.

    Args:
        predictions: by image.
        sizes: annotated (width, height) of the images in pixels; None = not known, as is a predicted size of 0.
        people: [G, K, 3] (x, y, v) annotated people of each image.
        joints: K names of MPI parts, or other names.
        preferred: orientation that annotations were made for where the size does not decide (180 degrees, squares).

    Raises:
        UserError: a result's size is neither the annotated nor the turned one; the first ten are named.
    """
    notes: collections.Counter[str] = collections.Counter()
    result, wrong = dict(predictions), []
    for key, found in predictions.items():
        size, shown = sizes.get(key), (found.width, found.height)
        if size is None or 0 in shown:
            continue
        if size not in (shown, shown[::-1]):
            wrong.append(f"{found.name}: predicted at {shown[0]}x{shown[1]}, annotated at {size[0]}x{size[1]}")
            continue
        tag = _turn_of(found, size, preferred, notes)
        if tag is None:
            tag = min(QUARTER_TURNS, key=lambda turn: _distance(_turned_back(found, turn), people[key], joints))
        result[key] = _turned_back(found, tag)
    if wrong:
        listed = "\n  ".join(wrong[:SHOWN])
        raise UserError(
            f"{len(wrong)} results are of images of another size:\n  {listed}\npredict the annotated images"
        )
    for reason in (TURNED, GUESSED, DOUBTFUL):
        if notes[reason]:
            logging.info("%d %s", notes[reason], reason)
    return result


def _turn_of(found: ImagePrediction, size: Size, preferred: Orientation, notes: collections.Counter[str]) -> int | None:
    """Returns the EXIF orientation to undo, 1 for none, None where the result does not tell it; counts."""
    tag = found.exif_orientation
    exchanged, same_size = tag in images.EXCHANGED, size == (found.width, found.height)
    if same_size and (tag == 1 or (exchanged and size[0] != size[1])):
        return 1
    notes[DOUBTFUL] += same_size
    if same_size and preferred == "upright":
        return 1
    notes[TURNED] += 1
    if not same_size and not exchanged:
        notes[GUESSED] += 1
        return None
    return tag


def _turned_back(found: ImagePrediction, tag: int) -> ImagePrediction:
    if tag == 1:
        return found
    keypoints = found.keypoints.copy()
    keypoints[..., :2] = images.stored_points(keypoints[..., :2], (found.width, found.height), tag)
    keypoints[found.keypoints[..., 2] <= 0, :2] = 0  # parts that were not found stay at the origin
    width, height = (found.height, found.width) if tag in images.EXCHANGED else (found.width, found.height)
    return dataclasses.replace(found, keypoints=keypoints, width=width, height=height, exif_orientation=1)


def _distance(found: ImagePrediction, people: np.ndarray, joints: Sequence[str]) -> float:
    """Sum over the annotated people of the mean distance of their joints to the nearest predicted person, pixels."""
    columns = [k for k, name in enumerate(joints) if name in MPI.parts]
    truth, predicted = people[:, columns], found.keypoints[:, [MPI.parts.index(joints[k]) for k in columns]]
    known = (truth[:, None, :, 2] > 0) & (predicted[None, :, :, 2] > 0)  # [G, P, K]
    away = np.linalg.norm(truth[:, None, :, :2] - predicted[None, :, :, :2], axis=-1)
    mean = np.where(known, away, 0).sum(-1) / np.maximum(known.sum(-1), 1)
    return float(np.where(known.any(-1), mean, np.inf).min(1, initial=found.width + found.height).sum())
