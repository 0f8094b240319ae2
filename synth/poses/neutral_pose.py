"""How a motion file's joints are turned in our T pose: by its rest pose, or by its motion.

Only limbs' directions follow from positions. What a joint's zero is, comes from the rest pose if that one stands (T, A,
hanging arms). Rest poses with all bones along one axis tell nothing: there, zero is the motion's average, with
right angles between trunk and joint axes, elbows and knees that bend as ours do, and level soles.
"""

import itertools

import numpy as np
from scipy.spatial.transform import Rotation

from synth.body import rotations
from synth.body.joints import JOINT, JOINT_NAMES, NUM_BODY_JOINTS, PARENTS
from synth.poses.builder import SIDES

# The next joint of ours on a bone whose direction is taken over. Collar bones and feet have other ends in every
# skeleton, so they only turn as much as the file's do.
_BONE_ENDS = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist"}
_FEET = {"ankle": "foot"}
# Axis about which our T pose's knee or elbow bends, so that it is the cross product of upper and lower bone.
_HINGES = {"left_hip": (1, 0, 0), "right_hip": (1, 0, 0), "left_shoulder": (0, -1, 0), "right_shoulder": (0, 1, 0)}
_LEAST_BEND = 0.15  # mean sine of a bent joint whose axis can be trusted (9 degrees)
_LEAST_AGREEMENT = 0.8  # length of the mean of the frames' axes, 1 = all the same
_SNAP_DEG = 40.0  # the trunk's local axes are taken as right angles to the body's if they are that near
_UPRIGHT = 0.7  # cosine between a standing leg's bones and down
_LEAST_SINE = 1e-6  # between hips and trunk; below it rounding decides where the person faces
Y_AXIS, _Z = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])


def standing_up(points: np.ndarray, joint_of: dict[str, int]) -> np.ndarray | None:
    """Returns the axis [3] that points up in a pose [J, 3] of a standing person; None for other poses."""
    at = {name: points[j] for name, j in joint_of.items()}
    shoulders = (at["left_shoulder"] + at["right_shoulder"]) / 2
    trunk = shoulders - (at["left_hip"] + at["right_hip"]) / 2
    up = _snap(trunk)
    bones = [trunk]
    for side in SIDES:
        leg = [at[f"{side}_{part}"] for part in ("hip", "knee", "ankle") if f"{side}_{part}" in at]
        bones += [a - b for a, b in itertools.pairwise(leg)]
    across = at["left_hip"] - at["right_hip"]
    flat = np.linalg.norm(across - up * (across @ up)) > _UPRIGHT * np.linalg.norm(across) > 0
    upright = all(bone @ up > _UPRIGHT * np.linalg.norm(bone) for bone in bones)
    return up if flat and upright and (at["left_shoulder"] - at["right_shoulder"]) @ across > 0 else None


def motion_up(points: np.ndarray, joint_of: dict[str, int], rest_up: np.ndarray) -> np.ndarray:
    """Returns the axis [3] that points up in the frames [N, J, 3].

    The rest pose's, unless people stand along y or z instead and the root's height says that they stand: rest poses
    with y up in worlds with z up are common.
    """
    at = {name: points[:, j] for name, j in joint_of.items()}
    trunk = at["left_shoulder"] + at["right_shoulder"] - at["left_hip"] - at["right_hip"]
    legs = at["left_hip"] + at["right_hip"] - at["left_knee"] - at["right_knee"]
    thigh = np.linalg.norm(at["left_hip"] - at["left_knee"], axis=1).mean()
    for axis in (Y_AXIS, _Z):
        upright = [np.mean(bones @ axis / np.linalg.norm(bones, axis=1)) for bones in (trunk, legs)]
        height = np.mean(at["pelvis"] @ axis) / thigh
        if min(upright) > _UPRIGHT and 1.2 < height < 3.0 and abs(axis @ rest_up) < 0.5:
            return axis
    return rest_up


def local_of_rest(
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


def local_of_motion(
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
    world = {"": _pelvis(points, joint_of)}  # of frames that `shows_pelvis`
    for name in _body_joints(joint_of):
        j = joint_of[name]
        above = JOINT_NAMES[PARENTS[JOINT[name]]] if name != "pelvis" else ""
        while above not in world:
            above = JOINT_NAMES[PARENTS[JOINT[above]]]
        straight = along_bone(name, world[above], points, joint_of, rest_joints, _BONE_ENDS | _FEET)
        local = Rotation.from_matrix(np.swapaxes(turns[:, j], -1, -2) @ straight).mean().as_matrix()
        if name in _HINGES:
            local = _with_hinge(name, local, turns[:, j], points, joint_of, rest_joints)
        elif name.endswith("ankle"):
            local = local @ _level_sole(name, points, joint_of, rest_joints)
        elif "_" not in name:
            local = _snap_turn(local)
        out[name] = local
        world[name] = along_bone(name, turns[:, j] @ local, points, joint_of, rest_joints)
    return out


def shows_pelvis(points: np.ndarray, joint_of: dict[str, int]) -> np.ndarray:
    """Returns [N] bool: the hips lie apart, and not in line with what leads to the shoulders."""
    across, trunk = _hips_and_trunk(points, joint_of)
    lengths = np.linalg.norm(across, axis=1) * np.linalg.norm(trunk, axis=1)
    return np.linalg.norm(np.cross(across, trunk), axis=1) > _LEAST_SINE * np.maximum(lengths, 1e-300)


def _hips_and_trunk(points: np.ndarray, joint_of: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the vectors [N, 3] from right to left hip, and twice that from between the hips to the shoulders."""
    at = {name: points[:, j] for name, j in joint_of.items()}
    across = at["left_hip"] - at["right_hip"]
    return across, at["left_shoulder"] + at["right_shoulder"] - at["left_hip"] - at["right_hip"]


def _pelvis(points: np.ndarray, joint_of: dict[str, int]) -> np.ndarray:
    """Returns the turn [N, 3, 3] of the pelvis by hips and shoulders."""
    across, trunk = _hips_and_trunk(points, joint_of)
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

    The line from ankle to toes slopes differently in every skeleton. Where the shank is upright, the median slope is
    that of a standing foot.
    """
    end, knee = name.replace("ankle", "foot"), name.replace("ankle", "knee")
    if end not in joint_of:
        return np.eye(3)
    shank = _unit(points[:, joint_of[knee]] - points[:, joint_of[name]])
    slopes = np.arcsin(_unit(points[:, joint_of[end]] - points[:, joint_of[name]])[shank @ Y_AXIS > _UPRIGHT] @ Y_AXIS)
    if not len(slopes):
        return np.eye(3)
    mine = np.arcsin(_unit(ours[JOINT[end]] - ours[JOINT[name]]) @ Y_AXIS)
    return rotations.about(0, float(np.degrees(np.median(slopes) - mine)))


def along_bone(
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
