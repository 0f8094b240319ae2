"""The 52 joints of SMPL+H, which both body models share, and what the annotations call them. NumPy only."""

import numpy as np

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")
JOINT_NAMES: tuple[str, ...] = (
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    *(f"{side}_{finger}{i}" for side in ("left", "right") for finger in _FINGERS for i in (1, 2, 3)),
)
NUM_JOINTS = len(JOINT_NAMES)
JOINT = {name: i for i, name in enumerate(JOINT_NAMES)}
NUM_BODY_JOINTS = 22  # the joints before the fingers: 66 of the 78 pose numbers
HAND_JOINTS = {"left": slice(22, 37), "right": slice(37, 52)}

_TRUNK_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
PARENTS = np.array(
    [
        *_TRUNK_PARENTS,
        *(20 if i % 3 == 0 else 21 + i for i in range(15)),
        *(21 if i % 3 == 0 else 36 + i for i in range(15)),
    ]
)

HEAD_TOP = -1  # stands for the head top, which is a vertex and no joint
# Joint of each MPII joint in MPII's order, as the release maps them: thorax = neck, upper neck = head.
MPII_SOURCES = (8, 5, 2, 1, 4, 7, 0, 12, 15, HEAD_TOP, 21, 19, 17, 16, 18, 20)
CENTRE_JOINT = JOINT["spine3"]  # its projection is the person's objpos (release)
