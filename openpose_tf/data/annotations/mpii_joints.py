"""MPII's 16 joints and the standing height of people who are annotated with other joints."""

from collections.abc import Mapping, Sequence

import numpy as np

from openpose_tf.data.annotations.types import in_image
from openpose_tf.skeleton import MPII_JOINTS, NUM_MPII_JOINTS, JointState

# MPII joints that are the middle of two others where a data set does not name them.
MIDDLES = {
    "thorax": ("l_shoulder", "r_shoulder"),
    "upper_neck": ("l_shoulder", "r_shoulder"),
    "pelvis": ("l_hip", "r_hip"),
}
TORSO_OF_HEIGHT, SHOULDERS_OF_HEIGHT = 0.288, 0.259  # Drillis and Contini's body proportions


def to_mpii_joints(named: Mapping[str, Sequence[float]], width: int, height: int) -> np.ndarray:
    """Returns [16, 3] (x, y, JointState) in MPII order; what is not named is derived from `MIDDLES`, or missing.

    Args:
        named: (x, y, JointState) by name of the joint; other names than MPII's are left out.
        width, height: of the image; joints outside of it become truncated.
    """
    result = np.zeros((NUM_MPII_JOINTS, 3))
    for name in set(named) & set(MPII_JOINTS):
        result[MPII_JOINTS.index(name)] = named[name]
    for name in MIDDLES.keys() - named.keys():
        ends = result[[MPII_JOINTS.index(end) for end in MIDDLES[name]]]
        if (ends[:, 2] != JointState.MISSING).all():
            result[MPII_JOINTS.index(name)] = (*ends[:, :2].mean(0), ends[:, 2].max())
    known = result[:, 2] != JointState.MISSING
    result[known & ~in_image(result, width, height), 2] = JointState.TRUNCATED
    return np.where(known[:, None], result, 0.0)


def estimate_height(keypoints: np.ndarray, box_width: float, box_height: float) -> float:
    """Returns a person's standing height in pixels: the longest of box, torso / 0.288, shoulders / 0.259.

    The longer side of the box serves people who lie; the other two, lower bounds by foreshortening, boxes that end at
    the image border or at a table.

    Args:
        keypoints: [16, 3] (x, y, JointState), MPII order.
        box_width, box_height: of the person's box.
    """

    def length(first: str, second: str) -> float:
        ends = keypoints[[MPII_JOINTS.index(first), MPII_JOINTS.index(second)]]
        known = (ends[:, 2] != JointState.MISSING).all()
        return float(np.linalg.norm(ends[0, :2] - ends[1, :2])) if known else 0.0

    torso = max(length("l_shoulder", "l_hip"), length("r_shoulder", "r_hip"))
    shoulders = length("l_shoulder", "r_shoulder")
    return max(box_width, box_height, torso / TORSO_OF_HEIGHT, shoulders / SHOULDERS_OF_HEIGHT)
