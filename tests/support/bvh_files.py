"""BVH files in the namings of motion capture programs with known poses, and a forward kinematics of its own."""

import dataclasses

import numpy as np
from scipy.spatial.transform import Rotation

from synth.body.joints import JOINT, JOINT_NAMES, NUM_BODY_JOINTS, PARENTS

_LEG_AND_ARM = ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist")
_TRUNK = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
BONES = [
    (f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right")
    for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
]


@dataclasses.dataclass(frozen=True)
class Naming:
    """How a program names and builds its skeletons.

    Attributes:
        sides: patterns of a left and a right name.
        limbs: words of hip, knee, ankle, foot, collar, shoulder, elbow, wrist.
        trunk: names of pelvis, three spine joints, neck, head.
        order: rotation channels.
        unit_m: metres per unit.
        along_bones: the joints' x axes lie along their bones, so the rest pose is folded up; else it is a T pose.
        places: every joint has position channels.
        root: name of a joint above the pelvis, or "".
        z_up: the world's z axis points up.
    """

    sides: tuple[str, str]
    limbs: str
    trunk: str
    order: str = "ZYX"
    unit_m: float = 0.01
    along_bones: bool = False
    places: bool = False
    root: str = ""
    z_up: bool = False

    def names(self) -> dict[str, str]:
        """Returns our joint name -> theirs."""
        out = dict(zip(_TRUNK, self.trunk.split(",")))
        for side, pattern in zip(("left", "right"), self.sides):
            out |= {f"{side}_{ours}": pattern.format(word) for ours, word in zip(_LEG_AND_ARM, self.limbs.split(","))}
        return out


LEFT_RIGHT = ("Left{}", "Right{}")
_CMU = "UpLeg,Leg,Foot,ToeBase,Shoulder,Arm,ForeArm,Hand"
_MIXAMO_TRUNK = ("Hips", "Spine", "Spine1", "Spine2", "Neck", "Head")
_HIP_KNEE = "Hip,Knee,Ankle,Toe,Collar,Shoulder,Elbow,Wrist"
_BIPED = "Thigh,Calf,Foot,Toe0,Clavicle,UpperArm,Forearm,Hand"
_BIPED_TRUNK = "Bip01 Pelvis,Bip01 Spine,Bip01 Spine1,Bip01 Spine2,Bip01 Neck,Bip01 Head"
NAMINGS = {
    "cmu": Naming(LEFT_RIGHT, _CMU, "Hips,LowerBack,Spine,Spine1,Neck,Head", unit_m=0.0254 / 0.45),
    "left_hip": Naming(LEFT_RIGHT, _HIP_KNEE, "Hips,lowerback,Chest,Chest2,Neck,Head", "ZXY", 0.0254),
    "bandai_namco": Naming(
        ("{}_L", "{}_R"),
        "UpperLeg,LowerLeg,Foot,Toes,Shoulder,UpperArm,LowerArm,Hand",
        "Hips,Spine,Chest,Chest1,Neck,Head",
        "ZXY",
        along_bones=True,
        places=True,
        root="joint_Root",
    ),
    "mixamo": Naming(
        ("mixamorig:Left{}", "mixamorig:Right{}"), _CMU, ",".join(f"mixamorig:{name}" for name in _MIXAMO_TRUNK)
    ),
    "mixamo_without_colon": Naming(
        ("mixamorigLeft{}", "mixamorigRight{}"), _CMU, ",".join(f"mixamorig{name}" for name in _MIXAMO_TRUNK)
    ),
    "lafan1": Naming(
        LEFT_RIGHT, _CMU.replace("ToeBase", "Toe"), "Hips,Spine,Spine1,Spine2,Neck,Head", along_bones=True
    ),
    "100style": Naming(LEFT_RIGHT, _HIP_KNEE, "Hips,Chest,Chest2,Chest4,Neck,Head", "YXZ"),
    "xsens": Naming(LEFT_RIGHT, _HIP_KNEE, "Hips,Chest,Chest2,Chest3,Neck,Head", "YXZ", 1.0),
    "xsens_segments": Naming(
        LEFT_RIGHT, "UpperLeg,LowerLeg,Foot,Toe,Shoulder,UpperArm,ForeArm,Hand", "Pelvis,L5,L3,T8,Neck,Head", "YXZ"
    ),
    "biped": Naming(("Bip01 L {}", "Bip01 R {}"), _BIPED, _BIPED_TRUNK, "ZXY", root="Bip01", z_up=True),
    "biped_along_bones": Naming(
        ("Bip01_L_{}", "Bip01_R_{}"),
        _BIPED,
        _BIPED_TRUNK.replace(" ", "_"),
        "XYZ",
        along_bones=True,
        root="Bip01",
        z_up=True,
    ),
    "smpl": Naming(
        ("L_{}", "R_{}"),
        "Hip,Knee,Ankle,Foot,Collar,Shoulder,Elbow,Wrist",
        "Pelvis,Spine1,Spine2,Spine3,Neck,Head",
        unit_m=1.0,
    ),
    "blender": Naming(
        ("{}.L", "{}.R"),
        "thigh,shin,foot,toe,shoulder,upper_arm,forearm,hand",
        "hips,spine,spine.001,chest,neck,head",
        z_up=True,
    ),
    "poser": Naming(
        ("l{}", "r{}"), "Thigh,Shin,Foot,Toe,Collar,Shldr,ForeArm,Hand", "hip,waist,abdomen,chest,neck,head"
    ),
    "asf": Naming(
        ("l{}", "r{}"),
        "femur,tibia,foot,toes,clavicle,humerus,radius,wrist",
        "root,lowerback,upperback,thorax,lowerneck,head",
    ),
    "kinect": Naming(
        ("{}Left", "{}Right"),
        _HIP_KNEE.replace("Toe", "Foot"),
        "HipCenter,Spine,SpineMid,SpineShoulder,Neck,Head",
        "XYZ",
        0.001,
    ),
}
UNKNOWN = Naming(("a{}", "b{}"), "1,2,3,4,5,6,7,8", "c1,c2,c3,c4,c5,c6")


def moving_poses(rng: np.random.Generator, count: int) -> np.ndarray:
    """Returns poses [count, 22, 3] axis-angle of a person who turns and walks with bent knees and elbows."""
    poses = rng.normal(0, 0.12, (count, NUM_BODY_JOINTS, 3))
    for sign, side in ((1, "left"), (-1, "right")):
        poses[:, JOINT[f"{side}_shoulder"]] += [0, 0, -1.1 * sign]
        poses[:, JOINT[f"{side}_hip"], 0] += rng.normal(0, 0.4, count)
        poses[:, JOINT[f"{side}_knee"]] = np.outer(rng.uniform(0.1, 1.2, count), [1, 0, 0])
        poses[:, JOINT[f"{side}_elbow"]] = np.outer(rng.uniform(0.2, 1.5, count), [0, -sign, 0])
        bend = poses[:, JOINT[f"{side}_hip"], :1] + poses[:, JOINT[f"{side}_knee"], :1]
        poses[:, JOINT[f"{side}_ankle"]] = bend * [-1, 0, 0]  # the soles stay level
        poses[:, JOINT[f"{side}_foot"]] = poses[:, JOINT[f"{side}_wrist"]] = 0.0
    poses[:, 0] = np.outer(np.linspace(-1.5, 1.5, count), [0, 1, 0])
    return poses


def write(naming: Naming, rest: np.ndarray, poses: np.ndarray) -> str:
    """Returns a BVH file's text.

    Args:
        naming: of the joints.
        rest: [52, 3] T pose in metres, y up.
        poses: [N, 22, 3] axis-angle, relative to the T pose.
    """
    names, unit = naming.names(), naming.unit_m
    up = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]) if naming.z_up else np.eye(3)
    points = rest[:NUM_BODY_JOINTS] @ up.T / unit
    tree = {j: [k for k in range(NUM_BODY_JOINTS) if PARENTS[k] == j] for j in range(-1, NUM_BODY_JOINTS)}
    axes = [_axes(points, tree, j) if naming.along_bones else np.eye(3) for j in range(NUM_BODY_JOINTS)]
    local = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(*poses.shape, 3)
    turned = local.copy()  # world turns relative to the T pose, in the file's axes
    for j in range(1, NUM_BODY_JOINTS):
        turned[:, j] = turned[:, PARENTS[j]] @ local[:, j]
    turned = up @ turned @ up.T @ np.array(axes)
    lines, columns = ["HIERARCHY"], []
    rotation = " ".join(f"{axis}rotation" for axis in naming.order)
    if naming.root:
        lines += [f"ROOT {naming.root}", "{", "OFFSET 0 0 0", f"CHANNELS 3 {rotation}"]
        columns.append(np.zeros((len(poses), 3)))

    def joint(j: int) -> None:
        parent = PARENTS[j]
        offset = np.array([0, 0, 0]) if parent < 0 else axes[parent].T @ (points[j] - points[parent])
        with_place = naming.places or parent < 0
        lines.extend([f"{'JOINT' if parent >= 0 or naming.root else 'ROOT'} {names[JOINT_NAMES[j]]}", "{"])
        lines.append("OFFSET " + " ".join(f"{x:.9f}" for x in offset))
        place = "Xposition Yposition Zposition " if with_place else ""
        lines.append(f"CHANNELS {6 if with_place else 3} {place}{rotation}")
        if with_place:
            columns.append(np.tile(offset if parent >= 0 else up @ [0.3, 0.95, -0.2] / unit, (len(poses), 1)))
        relative = turned[:, j] if parent < 0 else np.swapaxes(turned[:, parent], -1, -2) @ turned[:, j]
        columns.append(Rotation.from_matrix(relative).as_euler(naming.order, degrees=True))
        for child in tree[j]:
            joint(child)
        if not tree[j]:
            lines.extend(["End Site", "{", "OFFSET 0 0 0", "}"])
        lines.append("}")

    joint(0)
    lines += ["}"] * bool(naming.root) + ["MOTION", f"Frames: {len(poses)}", "Frame Time: 0.0333"]
    return "\n".join(lines + [" ".join(f"{x:.9f}" for x in row) for row in np.concatenate(columns, 1)]) + "\n"


def _axes(points: np.ndarray, tree: dict[int, list[int]], j: int) -> np.ndarray:
    """Returns axes [3, 3] of a joint whose x axis lies along its bone, as bone-aligned rigs have them."""
    side = JOINT_NAMES[j].partition("_")[0]
    if side not in ("left", "right"):  # trunk: x up, y to the front
        up, front = points[JOINT["head"]] - points[0], points[JOINT["left_foot"]] - points[JOINT["left_ankle"]]
        x, y = (np.eye(3)[np.argmax(np.abs(v * (1, 1.0001, 1)))] for v in (up, front))
        y = y * np.sign(y @ front)
    else:
        end = tree[j][0] if tree[j] else j
        bone = points[end] - points[PARENTS[j]] if end == j else points[end] - points[j]
        x = bone / np.linalg.norm(bone) * (1 if side == "left" else -1)
        y = np.cross(x, np.eye(3)[np.argmin(np.abs(x))])
        y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], 1)


def forward_kinematics(text: str) -> list[dict[str, np.ndarray]]:
    """Returns the joint positions [3] of every frame by name, by textbook formulas.

    Args:
        text: of `write`: one bracket or keyword a line.
    """
    head, motion = text.split("MOTION\n")
    rows = [[float(x) for x in line.split()] for line in motion.splitlines()[2:]]
    return [_frame(head.splitlines(), iter(row)) for row in rows]


def _frame(lines: list[str], values) -> dict[str, np.ndarray]:
    stack: list[np.ndarray] = [np.eye(4)]
    found, name, offset = {}, "", np.zeros(3)
    for line in (line.strip() for line in lines):
        word, _, rest = line.partition(" ")
        if word in ("ROOT", "JOINT", "End"):
            name = rest if word != "End" else ""
        elif word == "OFFSET":
            offset = np.array([float(x) for x in rest.split()])
            if not name:
                stack.append(stack[-1])
        elif word == "CHANNELS":
            turn = np.eye(3)
            for channel in rest.split()[1:]:
                axis, value = "XYZ".index(channel[0]), next(values)
                if channel.endswith("position"):
                    offset[axis] = value
                else:
                    turn = turn @ _turn(axis, np.deg2rad(value))
            matrix = np.eye(4)
            matrix[:3, :3], matrix[:3, 3] = turn, offset
            stack.append(stack[-1] @ matrix)
            found[name] = stack[-1][:3, 3]
        elif word == "}":
            stack.pop()
    return found


def _turn(axis: int, angle: float) -> np.ndarray:
    out = np.eye(3)
    a, b = [i for i in range(3) if i != axis]
    sine = np.sin(angle) * (-1 if axis == 1 else 1)
    out[a, a] = out[b, b] = np.cos(angle)
    out[a, b], out[b, a] = -sine, sine
    return out
