"""Share of correct keypoints (PCK) at 0.2 of the torso; pure functions on arrays.

The torso is the distance from a shoulder to the opposite hip (PCK@0.2 of the Leeds Sports Pose literature: left
shoulder to right hip; the other diagonal where that one is not annotated). Each annotated person is judged by the
predicted person of highest OKS, however far away; a joint which that person lacks is a miss.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eval.metrics import oks
from eval.metrics.oks import OksImage

SHARE = 0.2
VISIBLE = 2  # COCO's flag
DIAGONALS = (("l_shoulder", "r_hip"), ("r_shoulder", "l_hip"))


class ImagePck(NamedTuple):
    """The people of one image that can be judged.

    Attributes:
        right: [G, K] bool, joints found within SHARE of the torso.
        labelled: [G, K] bool, annotated joints.
        visible_share: [G] float64, visible of the annotated joints.
        num_left_out: people without an annotated torso.
    """

    right: np.ndarray
    labelled: np.ndarray
    visible_share: np.ndarray
    num_left_out: int


def torso_length(keypoints: np.ndarray, joints: Sequence[str]) -> float:
    """Returns the length of the torso diagonal in pixels, NaN where none is annotated or it has no length.

    Args:
        keypoints: [K, 3] (x, y, v), v = 0 not labelled.
        joints: K names.
    """
    for pair in DIAGONALS:
        if set(pair) <= set(joints):
            first, second = keypoints[[joints.index(name) for name in pair]]
            length = float(np.hypot(*(first - second)[:2]))
            if first[2] > 0 and second[2] > 0 and length > 0:
                return length
    return float("nan")


def judge(image: OksImage, joints: Sequence[str], sigmas: np.ndarray) -> ImagePck:
    """Returns which joints of the counted people of an image are found.

    Args:
        image: ground truth and predictions of the joints.
        joints: K names.
        sigmas: [K] of the joints, for the choice of the predicted person.
    """
    names = list(joints)
    lengths = {person: torso_length(image.gt_keypoints[person], names) for person in np.flatnonzero(image.gt_counted)}
    judged = [person for person, length in lengths.items() if not np.isnan(length)]
    right = np.zeros((len(judged), len(names)), bool)
    for row, person in zip(right, judged):
        truth, area = image.gt_keypoints[person], float(image.gt_areas[person])
        if len(image.dt_keypoints):
            similar = [np.nanmean(oks.similarity(found, truth, area, sigmas)) for found in image.dt_keypoints]
            found = image.dt_keypoints[int(np.argmax(similar))]
            distance = np.hypot(*(found - truth)[:, :2].T)
            row[:] = (found[:, 2] > 0) & (truth[:, 2] > 0) & (distance <= SHARE * lengths[person])
    flags = image.gt_keypoints[judged][..., 2].reshape(right.shape)
    labelled = flags > 0
    return ImagePck(right, labelled, (flags == VISIBLE).sum(1) / labelled.sum(1), len(lengths) - len(judged))


def shares(images: Sequence[ImagePck], weights: np.ndarray) -> np.ndarray:
    """Returns the percentage of annotated joints that are found, where images occur several times.

    Args:
        images: of each image.
        weights: [draws, images] int, how often each occurs.

    Returns:
        [draws] float64; NaN without an annotated joint.
    """
    right = weights @ np.array([image.right.sum() for image in images], np.int64)
    labelled = weights @ np.array([image.labelled.sum() for image in images], np.int64)
    return np.where(labelled > 0, 100 * right / np.maximum(labelled, 1), np.nan)
