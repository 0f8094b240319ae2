"""Reads BVH motion files and turns their frames into poses of the 52-joint body.

The joint names are those of the CMU motion capture conversions (Hips, LeftUpLeg, ..., LeftForeArm); prefixes such as
"mixamorig:" are ignored. The skeleton's rest pose may differ from the T pose: each bone's rest direction is compared
with ours, and the difference goes into the joint. NumPy and SciPy only.
"""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from openpose_tf.common.errors import UserError
from synth.body import rotations
from synth.body.joints import JOINT, JOINT_NAMES, NUM_BODY_JOINTS, PARENTS

LARGEST = 1e9  # of an offset or a channel; more is damage
_CMU_SIDE = {"hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "foot": "ToeBase"}
_CMU_SIDE |= {"collar": "Shoulder", "shoulder": "Arm", "elbow": "ForeArm", "wrist": "Hand"}
_CMU_SPINES = ("lowerback", "spine", "spine1", "spine2")
# Our joint whose direction from the joint itself defines the bone, for bones that may rest in another direction.
_BONE_ENDS = {"hip": "knee", "knee": "ankle", "ankle": "foot", "collar": "shoulder", "shoulder": "elbow"}
_BONE_ENDS |= {"elbow": "wrist"}
_REQUIRED = ("pelvis", *(f"{s}_{part}" for s in ("left", "right") for part in ("hip", "knee", "shoulder", "elbow")))


@dataclasses.dataclass(frozen=True)
class Motion:
    """A BVH file.

    Attributes:
        names: joint names, parents first.
        parents: [J] parent joint; -1 for the root.
        offsets: [J, 3] offset from the parent in the rest pose.
        turns: [N, J, 3, 3] float64 relative rotation per frame.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    turns: np.ndarray


@dataclasses.dataclass
class _Node:
    name: str
    parent: int
    offset: tuple[float, ...] = (0.0, 0.0, 0.0)
    channels: tuple[str, ...] = ()


def count_frames(path: Path) -> int:
    """Returns the number of frames that the file announces and has.

    Raises:
        UserError: the file is not BVH, or the two numbers differ.
    """
    text = _text(path)
    match = re.search(r"^\s*Frames:\s*([0-9]{1,18})\b", text, re.MULTILINE)
    if match is None:
        raise UserError(f"{path} is not a BVH motion file: it has no 'Frames:' line")
    found = len(_frame_lines(text.partition("MOTION")[2]))
    if found != int(match.group(1)):
        raise UserError(f"{path} announces {int(match.group(1))} frames and holds {found}: correct its 'Frames:' line")
    return found


def _frame_lines(motion: str) -> list[str]:
    return [line for line in motion.splitlines() if line.strip()][2:]  # after "Frames:" and "Frame Time:"


def read(path: Path, frames: slice | list[int]) -> Motion:
    """Returns the chosen frames of a BVH file.

    Raises:
        UserError: the file is not BVH, is cut off, or holds numbers that are not finite.
    """
    header, _, motion = _text(path).partition("MOTION")
    nodes = _parse_hierarchy(path, header)
    lines = _frame_lines(motion)
    num_channels = sum(len(node.channels) for node in nodes)
    chosen = lines[frames] if isinstance(frames, slice) else [lines[i] for i in frames if i < len(lines)]
    try:
        rows = np.array([[float(x) for x in line.split()] for line in chosen]).reshape(len(chosen), num_channels)
    except ValueError as error:
        raise UserError(f"{path}: a frame does not hold {num_channels} numbers ({error})") from None
    if not len(rows) or not (np.abs(rows) <= LARGEST).all():
        raise UserError(f"{path}: it has no frames, or frames with numbers that are not finite; repair or remove it")
    names = tuple(node.name for node in nodes)
    offsets = np.array([node.offset for node in nodes])
    if not (np.abs(offsets) <= LARGEST).all():
        raise UserError(f"{path}: its skeleton holds numbers that are not finite; repair or remove it")
    return Motion(names, tuple(node.parent for node in nodes), offsets, _turns(path, nodes, rows))


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="strict")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a BVH motion file: it is not text") from None
    if not text.lstrip().startswith("HIERARCHY"):
        raise UserError(f"{path} is not a BVH motion file: it does not begin with HIERARCHY")
    return text


def _parse_hierarchy(path: Path, header: str) -> list[_Node]:
    nodes: list[_Node] = []
    stack: list[int] = []  # open joints; an end site is -1
    pending = -1
    tokens: Iterator[str] = iter(header.replace("{", " { ").replace("}", " } ").split()[1:])
    try:
        for token in tokens:
            if token in ("ROOT", "JOINT"):
                nodes.append(_Node(next(tokens), stack[-1] if stack else -1))
                pending = len(nodes) - 1
            elif token == "End":
                next(tokens)
                pending = -1
            elif token == "{":
                stack.append(pending)
            elif token == "}":
                stack.pop()
            elif token == "OFFSET":
                offset = tuple(float(next(tokens)) for _ in range(3))
                if stack[-1] >= 0:
                    nodes[stack[-1]].offset = offset
            elif token == "CHANNELS":
                nodes[stack[-1]].channels = tuple(next(tokens) for _ in range(int(next(tokens))))
    except (StopIteration, RuntimeError, IndexError, ValueError) as error:
        raise UserError(f"{path}: its HIERARCHY is damaged ({error})") from None
    if not nodes or stack:
        raise UserError(f"{path}: its HIERARCHY is damaged (a bracket is missing)")
    return nodes


def _turns(path: Path, nodes: list[_Node], rows: np.ndarray) -> np.ndarray:
    out = np.tile(np.eye(3), (len(rows), len(nodes), 1, 1))
    column = 0
    for j, node in enumerate(nodes):
        axes, columns = "", []
        for channel in node.channels:
            if channel.endswith("rotation"):
                axes += channel[0]
                columns.append(column)
            elif not channel.endswith("position"):
                raise UserError(f"{path}: unknown channel {channel} of joint {node.name}")
            column += 1
        if axes:  # channels are applied in file order about the moving axes
            try:
                out[:, j] = Rotation.from_euler(axes.upper(), rows[:, columns], degrees=True).as_matrix()
            except ValueError:
                raise UserError(f"{path}: joint {node.name} cannot turn about the axes {axes}") from None
    return out


def _joint_map(path: Path, names: tuple[str, ...]) -> dict[str, int]:
    """Returns our joint name -> BVH joint."""
    by_name = {name.rpartition(":")[2].lower(): i for i, name in enumerate(names)}
    spines = [name for name in _CMU_SPINES if name in by_name][:3]
    wanted = {"pelvis": "hips", "neck": "neck", "head": "head"}
    wanted |= dict(zip(("spine1", "spine2", "spine3"), spines))
    for side in ("left", "right"):
        wanted |= {f"{side}_{ours}": (side + cmu).lower() for ours, cmu in _CMU_SIDE.items()}
    found = {ours: by_name[cmu] for ours, cmu in wanted.items() if cmu in by_name}
    missing = [wanted[name] for name in _REQUIRED if name not in found]
    if missing:
        raise UserError(
            f"{path}: its skeleton lacks the joints {', '.join(missing)} (CMU names); it has {', '.join(names)}"
        )
    return found


def to_poses(path: Path, motion: Motion, rest_joints: np.ndarray) -> np.ndarray:
    """Returns poses [N, 52, 3] float64 axis-angle of a motion; the fingers stay straight.

    Args:
        path: for messages.
        motion: the chosen frames.
        rest_joints: [52, 3] joints of the body's T pose.

    Raises:
        UserError: joints are missing, or the rest pose does not stand.
    """
    joint_of = _joint_map(path, motion.names)
    world, rest = motion.turns.copy(), motion.offsets.copy()
    for j, parent in enumerate(motion.parents):
        if parent >= 0:
            world[:, j] = world[:, parent] @ motion.turns[:, j]
            rest[j] = rest[parent] + motion.offsets[j]
    frame = _body_frame(path, rest, joint_of)
    world, rest = frame @ world @ frame.T, rest @ frame.T
    ours = np.tile(np.eye(3), (len(world), len(JOINT_NAMES), 1, 1))
    for j, name in enumerate(JOINT_NAMES):
        if name in joint_of:
            ours[:, j] = world[:, joint_of[name]] @ _rest_difference(name, rest, joint_of, rest_joints)
        elif j:  # a joint that the file does not have moves with its parent
            ours[:, j] = ours[:, PARENTS[j]]
    local = ours.copy()
    local[:, 1:] = np.swapaxes(ours[:, PARENTS[1:]], -1, -2) @ ours[:, 1:]
    out = rotations.to_rotvec(local)
    out[:, NUM_BODY_JOINTS:] = 0.0
    return out


def _body_frame(path: Path, rest: np.ndarray, joint_of: dict[str, int]) -> np.ndarray:
    """Returns the turn [3, 3] that makes the rest pose's left +x and its up +y, whatever the file's axes are."""
    left = rest[joint_of["left_hip"]] - rest[joint_of["right_hip"]]
    shoulders = (rest[joint_of["left_shoulder"]] + rest[joint_of["right_shoulder"]]) / 2
    up = shoulders - (rest[joint_of["left_hip"]] + rest[joint_of["right_hip"]]) / 2
    if min(np.linalg.norm(left), np.linalg.norm(up)) < 1e-9:
        raise UserError(f"{path}: the hips or shoulders of its rest pose coincide")
    # Snap to the file's axes: a slightly bent rest spine must not tilt everybody.
    up = _snap(up)
    left = left - up * (left @ up)
    if np.linalg.norm(left) < 1e-9:
        raise UserError(f"{path}: the hips of its rest pose stand above each other")
    left = _snap(left)
    return np.stack([left, up, np.cross(left, up)])


def _snap(vector: np.ndarray) -> np.ndarray:
    axis = int(np.argmax(np.abs(vector)))
    return np.eye(3)[axis] * np.sign(vector[axis])


def _rest_difference(name: str, rest: np.ndarray, joint_of: dict[str, int], ours: np.ndarray) -> np.ndarray:
    """Returns the turn [3, 3] from our rest bone of a joint to the file's."""
    side, _, part = name.partition("_")
    end = f"{side}_{_BONE_ENDS[part]}" if part in _BONE_ENDS else ""
    if end not in joint_of:
        return np.eye(3) if part not in ("wrist", "foot") else _rest_difference_of_parent(name, rest, joint_of, ours)
    bone = rest[joint_of[end]] - rest[joint_of[name]]
    if np.linalg.norm(bone) < 1e-9:
        return np.eye(3)
    return rotations.between(ours[JOINT[end]] - ours[JOINT[name]], bone)


def _rest_difference_of_parent(name: str, rest: np.ndarray, joint_of: dict[str, int], ours: np.ndarray) -> np.ndarray:
    """Hands and toes rest straight on the forearm and foot, so they share its difference."""
    parent = JOINT_NAMES[PARENTS[JOINT[name]]]
    return _rest_difference(parent, rest, joint_of, ours) if parent in joint_of else np.eye(3)
