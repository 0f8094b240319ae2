"""Joint tables that only tests need."""

import numpy as np

from openpose_tf.skeleton import MPII_JOINTS, NUM_MPII_JOINTS, PART_TO_MPII_OUTPUT
from synth.body.joints import JOINT_NAMES


def mirrored(names):
    """Returns the index of each name's other side, `l_knee` for `r_knee` or `left_hip` for `right_hip`."""
    other = {"l": "r", "r": "l", "left": "right", "right": "left"}
    parts = [name.partition("_") for name in names]
    return [
        names.index(other[side] + line + rest) if side in other else k for k, (side, line, rest) in enumerate(parts)
    ]


MPII_FLIP = mirrored(MPII_JOINTS)
BODY_FLIP = mirrored(JOINT_NAMES)


def parts_to_mpii(parts: np.ndarray) -> np.ndarray:
    """Returns 16 MPII joints [..., 16, C] of predicted parts [..., 15, C]; the thorax (7) stays zero."""
    joints = np.zeros((*parts.shape[:-2], NUM_MPII_JOINTS, parts.shape[-1]), parts.dtype)
    joints[..., list(PART_TO_MPII_OUTPUT), :] = parts
    return joints
