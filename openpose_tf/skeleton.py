"""The joints, parts and limbs for every package: MPII's 16 joints and OpenPose's MPI skeleton (15 parts, 14 limbs).

NumPy only, so that render workers can use it. Sources: MPII annotation ids; Cao et al., CVPR 2017 (part and limb order
of the MPI model).
"""

import dataclasses
import enum

import numpy as np

MPII_JOINTS = (
    "r_ankle",
    "r_knee",
    "r_hip",
    "l_hip",
    "l_knee",
    "l_ankle",
    "pelvis",
    "thorax",
    "upper_neck",
    "head_top",
    "r_wrist",
    "r_elbow",
    "r_shoulder",
    "l_shoulder",
    "l_elbow",
    "l_wrist",
)
NUM_MPII_JOINTS = len(MPII_JOINTS)

COCO_JOINTS = (
    "nose",
    "l_eye",
    "r_eye",
    "l_ear",
    "r_ear",
    "l_shoulder",
    "r_shoulder",
    "l_elbow",
    "r_elbow",
    "l_wrist",
    "r_wrist",
    "l_hip",
    "r_hip",
    "l_knee",
    "r_knee",
    "l_ankle",
    "r_ankle",
)


class JointState(enum.IntEnum):
    """What is known of a joint in an image; the third number of a keypoint."""

    MISSING = 0  # not annotated; x and y mean nothing
    VISIBLE = 1
    SELF_OCCLUDED = 2
    OCCLUDED_BY_OTHER = 3
    TRUNCATED = 4  # outside of the image; x and y are where it would be


IN_IMAGE_STATES = (JointState.VISIBLE, JointState.SELF_OCCLUDED, JointState.OCCLUDED_BY_OTHER)


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """Parts and limbs that a network predicts.

    Attributes:
        name: short name.
        parts: names of the parts; part k is confidence map k, the background map follows the last part.
        limbs: ordered part pairs; limb k is PAF channels 2k (x) and 2k + 1 (y), a unit vector from first to second.
            Every limb stands after the limb that leads to its first part, so the limbs form a tree in root order.
        flip: for each part, the part it becomes in a mirrored image.
    """

    name: str
    parts: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    flip: tuple[int, ...]

    @property
    def num_parts(self) -> int:
        """Number of parts without the background."""
        return len(self.parts)

    @property
    def num_limbs(self) -> int:
        """Number of limbs."""
        return len(self.limbs)

    @property
    def num_confidence_maps(self) -> int:
        """Number of confidence maps: the parts and the background."""
        return len(self.parts) + 1

    @property
    def num_pafs(self) -> int:
        """Number of PAF channels: two per limb."""
        return 2 * len(self.limbs)

    @property
    def flip_limbs(self) -> tuple[int, ...]:
        """For each limb, the limb it becomes in a mirrored image."""
        return tuple(self.limbs.index((self.flip[first], self.flip[second])) for first, second in self.limbs)


MPI = Skeleton(
    name="mpi",
    parts=(
        "head_top",
        "neck",
        "r_shoulder",
        "r_elbow",
        "r_wrist",
        "l_shoulder",
        "l_elbow",
        "l_wrist",
        "r_hip",
        "r_knee",
        "r_ankle",
        "l_hip",
        "l_knee",
        "l_ankle",
        "centre",
    ),
    limbs=(
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 4),
        (1, 5),
        (5, 6),
        (6, 7),
        (1, 14),
        (14, 8),
        (8, 9),
        (9, 10),
        (14, 11),
        (11, 12),
        (12, 13),
    ),
    flip=(0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 14),
)

# Part k of MPI is MPII joint PART_TO_MPII[k]; the centre (last part) is the mean of thorax (7) and pelvis (6).
PART_TO_MPII = (9, 8, 12, 11, 10, 13, 14, 15, 2, 1, 0, 3, 4, 5)
CENTRE_PART, CENTRE_JOINTS = 14, (7, 6)
# Where a predicted part goes in MPII's 16 joints; the centre is reported as the pelvis (6), as the release does.
PART_TO_MPII_OUTPUT = (*PART_TO_MPII, 6)


def mpii_to_parts(keypoints: np.ndarray) -> np.ndarray:
    """Returns the 15 MPI parts of people given as 16 MPII joints.

    Args:
        keypoints: [..., 16, 3] (x, y, JointState) in pixels.

    Returns:
        [..., 15, 3] of the same dtype; the centre is the mean of thorax and pelvis, missing if either is missing, and
        its state is the larger (less visible) of the two.
    """
    parts = np.empty((*keypoints.shape[:-2], MPI.num_parts, 3), keypoints.dtype)
    parts[..., : len(PART_TO_MPII), :] = keypoints[..., list(PART_TO_MPII), :]
    pair = keypoints[..., list(CENTRE_JOINTS), :]  # [..., 2, 3]
    parts[..., CENTRE_PART, :2] = pair[..., :2].mean(-2)
    states = pair[..., 2]
    missing = (states == JointState.MISSING).any(-1)
    parts[..., CENTRE_PART, 2] = np.where(missing, JointState.MISSING, states.max(-1))
    return parts


# COCO joint <- MPI part; nose, eyes and ears have no part and stay (0, 0, 0).
COCO_TO_PART = {
    index: MPI.parts.index(name)
    for index, name in enumerate(COCO_JOINTS)
    if name in MPI.parts  # both name the sides r_ and l_
}
COCO_PERSON = 1  # category of a COCO result
