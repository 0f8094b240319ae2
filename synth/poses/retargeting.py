"""Turns the frames of a motion file into poses of the 52-joint body.

Upper and lower limbs point exactly where the file's joints lie. What positions do not tell, the turn of a bone about
itself and the turn of trunk, hands and toes, comes from the file's rotations: relative to its rest pose if that one stands
(T, A, hanging arms), else relative to what the motion does on average, with elbows and knees bending as ours do. Poses are
angles, so the file's unit does not matter. NumPy and SciPy only.
"""

import dataclasses
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from openpose_tf.common.errors import UserError
from synth.body import rotations
from synth.body.joints import JOINT, JOINT_NAMES, NUM_BODY_JOINTS, PARENTS
from synth.poses import joint_inference, joint_names, joint_trees
from synth.poses.builder import SIDES
from synth.poses.bvh import Motion

# The next joint of ours on a bone whose direction is taken over. Collar bones and feet have other ends in every skeleton,
# so they only turn as much as the file's do.
_BONE_ENDS = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist"}
_FEET = {"ankle": "foot"}
# Axis about which our T pose's knee or elbow bends, so that it is the cross product of upper and lower bone.
_HINGES = {"left_hip": (1, 0, 0), "right_hip": (1, 0, 0), "left_shoulder": (0, -1, 0), "right_shoulder": (0, 1, 0)}
_LEAST_BEND = 0.15  # mean sine of a bent joint whose axis can be trusted (9 degrees)
_LEAST_AGREEMENT = 0.8  # length of the mean of the frames' axes, 1 = all the same
_SNAP_DEG = 40.0  # the trunk's local axes are taken as right angles to the body's if they are that near
_UPRIGHT = 0.7  # cosine between a standing leg's bones and down
_Y, _Z = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
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
    up = _standing_up(rest, joint_of)
    if up is None:
        axes = rotations.between(_motion_up(points, joint_of, _Y), _Y)
        local = _local_of_motion(axes @ turns, points @ axes.T, joint_of, rest_joints)
    else:
        stands, axes = True, rotations.between(_motion_up(points, joint_of, up), _Y)
        local = _local_of_rest(rest, up, joint_of, rest_joints)
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
            ours[:, j] = _along_bone(name, turned, points, skeleton.joint_of, rest_joints)
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
        if not found or _standing_up(motion.rest(), found) is None:
            found = joint_inference.infer(parents, names, motion.world()[1])
    elif not from_file:
        found = joint_inference.infer(parents, names, motion.world()[1])
    if not found:
        raise UserError(
            f"{path}: its joints {', '.join(name for name in names if name)} have unknown names, and its tree is not "
            'clearly a person\'s: give --joint_names=FILE, JSON such as {"left_hip": "ITS_NAME"} (synth/README.md)'
        )
    found |= from_file
    if not joint_trees.hangs_together(parents, found):
        raise UserError(
            f"{path}: with --joint_names a limb's joints do not hang from each other, such as a knee from the hip: correct it"
        )
    return joint_trees.complete(parents, names, found), True


def _standing_up(points: np.ndarray, joint_of: dict[str, int]) -> np.ndarray | None:
    """Returns the axis [3] that points up in a pose [J, 3] of a standing person; None for other poses."""
    at = {name: points[j] for name, j in joint_of.items()}
    shoulders = (at["left_shoulder"] + at["right_shoulder"]) / 2
    trunk = shoulders - (at["left_hip"] + at["right_hip"]) / 2
    up = _snap(trunk)
    bones = [trunk]
    for side in SIDES:
        leg = [at[f"{side}_{part}"] for part in ("hip", "knee", "ankle") if f"{side}_{part}" in at]
        bones += [a - b for a, b in zip(leg, leg[1:])]
    across = at["left_hip"] - at["right_hip"]
    flat = np.linalg.norm(across - up * (across @ up)) > _UPRIGHT * np.linalg.norm(across) > 0
    upright = all(bone @ up > _UPRIGHT * np.linalg.norm(bone) for bone in bones)
    return up if flat and upright and (at["left_shoulder"] - at["right_shoulder"]) @ across > 0 else None


def _motion_up(points: np.ndarray, joint_of: dict[str, int], rest_up: np.ndarray) -> np.ndarray:
    """Returns the axis [3] that points up in the frames [N, J, 3].

    The rest pose's, unless people stand along y or z instead and the root's height says that they stand: rest poses with y
    up in worlds with z up are common.
    """
    at = {name: points[:, j] for name, j in joint_of.items()}
    trunk = at["left_shoulder"] + at["right_shoulder"] - at["left_hip"] - at["right_hip"]
    legs = at["left_hip"] + at["right_hip"] - at["left_knee"] - at["right_knee"]
    thigh = np.linalg.norm(at["left_hip"] - at["left_knee"], axis=1).mean()
    for axis in (_Y, _Z):
        upright = [np.mean(bones @ axis / np.linalg.norm(bones, axis=1)) for bones in (trunk, legs)]
        height = np.mean(at["pelvis"] @ axis) / thigh
        if min(upright) > _UPRIGHT and 1.2 < height < 3.0 and abs(axis @ rest_up) < 0.5:
            return axis
    return rest_up


def _local_of_rest(
    rest: np.ndarray, up: np.ndarray, joint_of: dict[str, int], ours: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns the turns [3, 3] from our T pose to the file's standing rest pose."""
    across = rest[joint_of["left_hip"]] - rest[joint_of["right_hip"]]
    left = across - up * (across @ up)  # a slightly bent rest spine must not tilt everybody
    left = left / np.linalg.norm(left)
    frame = np.stack([left, up, np.cross(left, up)], 1)
    out = {}
    for name in _body_joints(joint_of):
        side, _, part = name.partition("_")
        # Hands and toes rest straight on the forearm and foot, so they share its difference; soles are level.
        bone = {"wrist": f"{side}_elbow", "foot": f"{side}_ankle"}.get(part, name)
        end = f"{side}_{(_BONE_ENDS | _FEET).get(bone.partition('_')[2])}"
        out[name] = frame
        if end in joint_of and bone in joint_of:
            level = np.eye(3) - np.outer(up, up) if end.endswith("foot") else np.eye(3)
            mine, wanted = frame @ (ours[JOINT[end]] - ours[JOINT[bone]]), rest[joint_of[end]] - rest[joint_of[bone]]
            out[name] = rotations.between(level @ mine, level @ wanted) @ frame
    return out


def _local_of_motion(
    turns: np.ndarray, points: np.ndarray, joint_of: dict[str, int], rest_joints: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns the turns [3, 3] from our T pose to the file's joint axes, from what the motion does on average.

    Args:
        turns: [N, J, 3, 3] world rotations, y up.
        points: [N, J, 3] joint positions, y up.
        joint_of: our joint name -> joint.
        rest_joints: [52, 3] joints of our T pose.
    """
    out: dict[str, np.ndarray] = {}
    world = {"": _pelvis(points, joint_of)}
    for name in _body_joints(joint_of):
        j = joint_of[name]
        above = JOINT_NAMES[PARENTS[JOINT[name]]] if name != "pelvis" else ""
        while above not in world:
            above = JOINT_NAMES[PARENTS[JOINT[above]]]
        straight = _along_bone(name, world[above], points, joint_of, rest_joints, _BONE_ENDS | _FEET)
        local = Rotation.from_matrix(np.swapaxes(turns[:, j], -1, -2) @ straight).mean().as_matrix()
        if name in _HINGES:
            local = _with_hinge(name, local, turns[:, j], points, joint_of, rest_joints)
        elif name.endswith("ankle"):
            local = local @ _level_sole(name, points, joint_of, rest_joints)
        elif "_" not in name:
            local = _snap_turn(local)
        out[name] = local
        world[name] = _along_bone(name, turns[:, j] @ local, points, joint_of, rest_joints)
    return out


def _pelvis(points: np.ndarray, joint_of: dict[str, int]) -> np.ndarray:
    """Returns the turn [N, 3, 3] of the pelvis by hips and shoulders."""
    at = {name: points[:, j] for name, j in joint_of.items()}
    across = at["left_hip"] - at["right_hip"]
    trunk = at["left_shoulder"] + at["right_shoulder"] - at["left_hip"] - at["right_hip"]
    left = across / np.linalg.norm(across, axis=1, keepdims=True)
    front = np.cross(left, trunk)
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    return np.stack([left, np.cross(front, left), front], -1)


def _with_hinge(
    name: str, local: np.ndarray, turns: np.ndarray, points: np.ndarray, joint_of: dict[str, int], ours: np.ndarray
) -> np.ndarray:
    """Returns the turn of an upper limb, turned about its bone so that its elbow or knee bends about our axis."""
    side, _, part = name.partition("_")
    middle = f"{side}_{_BONE_ENDS[part]}"
    end = f"{side}_{_BONE_ENDS[_BONE_ENDS[part]]}"
    if end not in joint_of:
        return local
    a, b, c = (points[:, joint_of[joint]] for joint in (name, middle, end))
    bends = np.cross(_unit(b - a), _unit(c - b))
    axis = np.einsum("nji,nj->i", turns, bends)  # in the joint's own axes
    total = np.linalg.norm(bends, axis=1).sum()
    if total < _LEAST_BEND * len(points) or np.linalg.norm(axis) < _LEAST_AGREEMENT * total:
        return local
    bone = _unit(local @ (ours[JOINT[middle]] - ours[JOINT[name]]))
    wanted, now = (v - bone * (v @ bone) for v in (axis, local @ np.array(_HINGES[name], float)))
    angle = np.arctan2(np.cross(now, wanted) @ bone, now @ wanted)
    return rotations.to_matrix(bone * angle) @ local


def _level_sole(name: str, points: np.ndarray, joint_of: dict[str, int], ours: np.ndarray) -> np.ndarray:
    """Returns the turn of a foot about our x axis after which the sole is level where the foot usually is.

    The line from ankle to toes slopes differently in every skeleton. Where the shank is upright, the median slope is that
    of a standing foot.
    """
    end, knee = name.replace("ankle", "foot"), name.replace("ankle", "knee")
    if end not in joint_of:
        return np.eye(3)
    shank = _unit(points[:, joint_of[knee]] - points[:, joint_of[name]])
    slopes = np.arcsin(_unit(points[:, joint_of[end]] - points[:, joint_of[name]])[shank @ _Y > _UPRIGHT] @ _Y)
    if not len(slopes):
        return np.eye(3)
    return rotations.about(
        0, np.degrees(np.median(slopes) - np.arcsin(_unit(ours[JOINT[end]] - ours[JOINT[name]]) @ _Y))
    )


def _along_bone(
    name: str,
    turned: np.ndarray,
    points: np.ndarray,
    joint_of: dict[str, int],
    ours: np.ndarray,
    ends: dict[str, str] = _BONE_ENDS,
) -> np.ndarray:
    """Returns turns [N, 3, 3], swung so that the joint's bone points where the file's does."""
    side, _, part = name.partition("_")
    end = f"{side}_{ends.get(part)}"
    if end not in joint_of:
        return turned
    wanted = points[:, joint_of[end]] - points[:, joint_of[name]]
    return rotations.between(turned @ (ours[JOINT[end]] - ours[JOINT[name]]), wanted) @ turned


def _body_joints(joint_of: dict[str, int]) -> list[str]:
    return [name for name in JOINT_NAMES[:NUM_BODY_JOINTS] if name in joint_of]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-30)


def _snap(vector: np.ndarray) -> np.ndarray:
    axis = int(np.argmax(np.abs(vector)))
    return np.eye(3)[axis] * np.sign(vector[axis])


def _snap_turn(turn: np.ndarray) -> np.ndarray:
    """Returns the turn by right angles that is nearest, or the turn itself if none is near."""
    first = _snap(turn[:, 0])
    second = _snap(turn[:, 1] * (first == 0))
    near = np.stack([first, second, np.cross(first, second)], 1)
    return near if np.linalg.norm(rotations.to_rotvec(near.T @ turn)) < np.deg2rad(_SNAP_DEG) else turn
