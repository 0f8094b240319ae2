"""Coloured stick people, the made-up people of most tests."""

import numpy as np

from openpose_tf.skeleton import MPI, NUM_MPII_JOINTS, PART_TO_MPII

# A standing person in units of its height, (x, y) per MPI part, centre of the body at (0, 0).
POSE = np.array(
    [
        *((0, -0.5), (0, -0.33), (-0.1, -0.3), (-0.15, -0.12), (-0.16, 0.05)),  # head top, neck, right arm
        *((0.1, -0.3), (0.15, -0.12), (0.16, 0.05)),  # left arm
        *((-0.06, 0.02), (-0.07, 0.25), (-0.07, 0.48), (0.06, 0.02), (0.07, 0.25), (0.07, 0.48), (0, -0.1)),
    ]
)


def stick_person(rng, centre, height):
    """Returns [15, 2] float64 pixels: the parts of a standing person of `height` px, no two quite alike."""
    return centre + height * (POSE + rng.normal(0, 0.02, POSE.shape))


def mpii_joints(parts):
    """Returns [16, 3] float32: the parts as MPII joints, all visible; pelvis and thorax at the centre of the body."""
    joints = np.ones((NUM_MPII_JOINTS, 3), np.float32)
    joints[list(PART_TO_MPII), :2] = parts[: len(PART_TO_MPII)]
    joints[6:8, :2] = parts[14]
    return joints


def draw_person(image, keypoints):
    """Draws each limb in its own colour."""
    for limb, (a, b) in enumerate(MPI.limbs):
        colour = 80 + np.array([(limb * 37) % 176, (limb * 91) % 176, (limb * 53) % 176])
        for t in np.linspace(0, 1, 24):
            x, y = np.round(keypoints[a, :2] * (1 - t) + keypoints[b, :2] * t).astype(int)
            image[max(y - 1, 0) : max(y + 2, 0), max(x - 1, 0) : max(x + 2, 0)] = colour
