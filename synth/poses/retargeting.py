"""Turns the frames of a motion file into poses of the 52-joint body.

Upper and lower limbs point exactly where the file's joints lie. The turn of a bone about itself and the turns of trunk,
hands and feet come from the file's rotations. Poses are angles, so the file's unit does not matter.
"""

import dataclasses
from pathlib import Path

import numpy as np

from openpose_tf.common.errors import UserError
from synth.body import rotations
from synth.body.joints import JOINT_NAMES, NUM_BODY_JOINTS, PARENTS
from synth.poses import joint_inference, joint_names, joint_trees, neutral_pose
from synth.poses.builder import SIDES
from synth.poses.bvh import Motion

_UNITS_M = (0.001, 0.01, 0.0254, 0.0254 / 0.45, 0.3048, 1.0)  # mm, cm, inch, CMU's own, foot, metre
_LEGS_OF_HEIGHT = 0.491  # thigh and shank of the height (Drillis and Contini)
_TYPICAL_HEIGHT_M = 1.7


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """How a motion file's joints move ours.

    Attributes:
        names: of the file's joints.
        joint_of: our joint name -> joint of the file.
        axes: [3, 3] turn from the file's axes to ours, y up.
        local: our joint name -> [3, 3] turn from our T pose to the file's joint axes.
        inferred: names were not known.
        rest_stands: the rest pose is one of a standing person.
        metres_per_unit: guessed from the height.
    """

    names: tuple[str, ...]
    joint_of: dict[str, int]
    axes: np.ndarray
    local: dict[str, np.ndarray]
    inferred: bool
    rest_stands: bool
    metres_per_unit: float

    def __str__(self) -> str:
        found = "joints inferred from the tree, --joint_names=FILE corrects them" if self.inferred else "joints by name"
        which = ", ".join(f"{ours}={self.names[j] or 'an end site'}" for ours, j in self.joint_of.items())
        rest = "from its rest pose" if self.rest_stands else "from its motion, for its rest pose does not stand"
        return f"{found} ({which}); zero angles {rest}; one unit is about {self.metres_per_unit:.3g} m"


def find_skeleton(path: Path, motion: Motion, rest_joints: np.ndarray, given: dict[str, str]) -> Skeleton:
    """Returns how to read the poses of a motion file.

    Args:
        path: for messages.
        motion: frames of all of it.
        rest_joints: [52, 3] joints of the body's T pose.
        given: our joint name -> the file's, of --joint_names.

    Raises:
        UserError: the joints cannot be found.
    """
    joint_of, inferred = _find_joints(path, motion, given)
    turns, points = motion.world()
    stands, rest = False, motion.rest()
    up = neutral_pose.standing_up(rest, joint_of)
    if up is None:
        usable = neutral_pose.shows_pelvis(points, joint_of)
        if not usable.any():
            raise UserError(
                f"{path}: its hips are at one place, or in line with its shoulders, so that nothing tells where the "
                "person faces; repair or remove it"
            )
        turns, points = turns[usable], points[usable]
        axes = rotations.between(neutral_pose.motion_up(points, joint_of, neutral_pose.Y_AXIS), neutral_pose.Y_AXIS)
        local = neutral_pose.local_of_motion(axes @ turns, points @ axes.T, joint_of, rest_joints)
    else:
        stands, axes = True, rotations.between(neutral_pose.motion_up(points, joint_of, up), neutral_pose.Y_AXIS)
        local = neutral_pose.local_of_rest(rest, up, joint_of, rest_joints)
    legs = [np.linalg.norm(points[0, joint_of[f"{s}_hip"]] - points[0, joint_of[f"{s}_knee"]]) for s in SIDES]
    metres = _TYPICAL_HEIGHT_M * _LEGS_OF_HEIGHT / max(2 * float(np.mean(legs)), 1e-12)
    unit = min(_UNITS_M, key=lambda size: abs(np.log(size / metres)))
    return Skeleton(motion.names, joint_of, axes, local, inferred, stands, unit)


def to_poses(skeleton: Skeleton, motion: Motion, rest_joints: np.ndarray) -> np.ndarray:
    """Returns poses [N, 52, 3] float64 axis-angle of a motion; the fingers stay straight.

    Args:
        skeleton: of the file.
        motion: the chosen frames.
        rest_joints: [52, 3] joints of the body's T pose.
    """
    turns, points = motion.world()
    turns, points = skeleton.axes @ turns, points @ skeleton.axes.T
    ours = np.tile(np.eye(3), (len(turns), len(JOINT_NAMES), 1, 1))
    for j, name in enumerate(JOINT_NAMES):
        if name in skeleton.local:
            turned = turns[:, skeleton.joint_of[name]] @ skeleton.local[name]
            ours[:, j] = neutral_pose.along_bone(name, turned, points, skeleton.joint_of, rest_joints)
        elif j:  # a joint that the file does not have moves with its parent
            ours[:, j] = ours[:, PARENTS[j]]
    local = ours.copy()
    local[:, 1:] = np.swapaxes(ours[:, PARENTS[1:]], -1, -2) @ ours[:, 1:]
    out = rotations.to_rotvec(local)
    out[:, NUM_BODY_JOINTS:] = 0.0
    return out


def _find_joints(path: Path, motion: Motion, given: dict[str, str]) -> tuple[dict[str, int], bool]:
    """Returns (our joint name -> joint of the file, whether the tree had to tell)."""
    parents, names = motion.parents, motion.names
    from_file = joint_names.from_file(path, motion, given)
    found = {k: j for k, j in joint_names.match(names).items() if j not in from_file.values()} | from_file
    known = set(joint_names.REQUIRED[1:]) <= set(found)
    if known and joint_trees.hangs_together(parents, found):
        return joint_trees.complete(parents, names, found), False
    if not known:
        found = joint_inference.infer(parents, names, motion.rest()[None])
        if not found or neutral_pose.standing_up(motion.rest(), found) is None:
            found = joint_inference.infer(parents, names, motion.world()[1])
    elif not from_file:
        found = joint_inference.infer(parents, names, motion.world()[1])
    if not found:
        raise UserError(
            f"{path}: its joints {', '.join(name for name in names if name)} have unknown names, and its tree is not "
            'clearly a person\'s: give --joint_names=FILE, JSON such as {"left_hip": "ITS_NAME"} '
            "(docs/reference/datasets.md)"
        )
    found |= from_file
    if not joint_trees.hangs_together(parents, found):
        raise UserError(
            f"{path}: with --joint_names a limb's joints do not hang from each other: correct the file of names"
        )
    return joint_trees.complete(parents, names, found), True
