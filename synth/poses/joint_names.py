"""Which joint of a motion file is which of ours, by name: a table of the words that motion capture programs use.

A name is a side and a word: `LeftUpLeg`, `UpperLeg_L`, `mixamorig:LeftUpLeg`, `Bip01 L Thigh`, `lThigh`, `thigh.L`. The
same word means different joints in different namings (`LeftShoulder` is the collar bone of CMU and the upper arm of
Xsens), so each part takes the first of its words that exists and is not taken. The trunk is found by the tree.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from synth.body.joints import JOINT_NAMES, NUM_BODY_JOINTS
from synth.poses.builder import SIDES
from synth.poses.bvh import Motion

# Words of each part, in order of preference; parts in the order in which they choose. CMU, LAFAN1 and Mixamo (UpLeg,
# Leg, ToeBase, Shoulder, Arm), Xsens and 100STYLE (Hip, Knee, Ankle, Collar, Shoulder, Elbow, Wrist), Xsens' segments
# and Bandai-Namco (UpperLeg, LowerLeg, UpperArm, LowerArm or ForeArm), Biped (Thigh, Calf, Clavicle), ASF (femur,
# tibia, humerus, radius), Poser (Shin, Shldr), Blender (shin, upper_arm), Kinect (HipLeft, KneeLeft).
_LIMB_WORDS = {
    "hip": ("upleg", "upperleg", "thigh", "femur", "hip", "leg"),
    "knee": ("lowleg", "lowerleg", "shin", "calf", "tibia", "knee", "leg"),
    "ankle": ("ankle", "foot"),
    "foot": ("toebase", "toe", "toes", "ball", "foot"),
    "shoulder": ("upperarm", "uparm", "humerus", "shldr", "arm", "shoulder"),
    "collar": ("clavicle", "collar", "collarbone", "shoulder"),
    "elbow": ("forearm", "lowerarm", "lowarm", "elbow", "radius"),
    "wrist": ("wrist", "hand"),
}
_TRUNK_WORDS = {"pelvis": ("hips", "pelvis", "hip", "hipcenter"), "neck": ("neck", "lowerneck"), "head": ("head",)}
_WORDS = {word for words in _LIMB_WORDS.values() for word in words}
_LETTER_SIDE = re.compile(r"^([LRlr])(?=[A-Z])|(?:^|[\W_])([LRlr])(?=[\W_]|$)|(?<=[a-z])([LR])$")
_WORD_SIDE = re.compile(r"^(left|right)|(left|right)$|[\W_](left|right)(?=[\W_])", re.IGNORECASE)
LIMBS = (("hip", "knee", "ankle", "foot"), ("shoulder", "elbow", "wrist"))
REQUIRED = ("pelvis", *(f"{side}_{part}" for side in SIDES for part in ("hip", "knee", "shoulder", "elbow")))


def read_file(path: str) -> dict[str, str]:
    """Returns our joint name -> the motion files' joint name of a user's JSON file.

    Raises:
        UserError: it is not an object of our joint names and theirs.
    """
    value = files.read_json(path, 'joint names, such as {"left_hip": "Thigh.L", "left_knee": "Shin.L"}')
    ours = JOINT_NAMES[:NUM_BODY_JOINTS]
    if not isinstance(value, dict) or not value or not all(isinstance(name, str) for name in value.values()):
        raise UserError(f'--joint_names={path} must hold a JSON object such as {{"left_hip": "Thigh.L"}}')
    unknown = [name for name in value if name not in ours]
    if unknown:
        raise UserError(f"--joint_names={path}: {', '.join(unknown)} is not one of our joints {', '.join(ours)}")
    return value


def from_file(path: Path, motion: Motion, given: dict[str, str]) -> dict[str, int]:
    """Returns our joint name -> joint of the motion; empty if the file of names is for other skeletons.

    Raises:
        UserError: some of the named joints exist and others do not.
    """
    index = {name: j for j, name in reversed(list(enumerate(motion.names)))}
    missing = [name for name in given.values() if name not in index]
    if 0 < len(missing) < len(given):
        names = ", ".join(name for name in motion.names if name)
        raise UserError(f"{path}: it has no joint {', '.join(missing)}, which --joint_names names; it has {names}")
    return {} if missing else {ours: index[theirs] for ours, theirs in given.items()}


def side_of(name: str) -> tuple[str, str]:
    """Returns (side or "", the rest of the name in lower-case letters)."""
    for pattern in (_WORD_SIDE, _LETTER_SIDE):
        match = pattern.search(name)
        if match:
            letter = next(group for group in match.groups() if group)[0].lower()
            return ("left" if letter == "l" else "right"), _letters(name[: match.start()] + " " + name[match.end() :])
    word = _letters(name)
    if word[:1] in ("l", "r") and word[1:] in _WORDS:  # ASF: lfemur
        return ("left" if word[0] == "l" else "right"), word[1:]
    return "", word


def _letters(name: str) -> str:
    return re.sub(r"[\W\d_]+", "", name).lower()


def _common_start(names: Sequence[str]) -> str:
    first, last = min(names, default=""), max(names, default="")  # alphabetically, so all others lie between
    return next((first[:i] for i, pair in enumerate(zip(first, last)) if pair[0] != pair[1]), first)


def match(names: Sequence[str]) -> dict[str, int]:
    """Returns our joint name -> joint, for limbs, pelvis, neck and head whose names are known.

    Args:
        names: [J] joint names, parents first; "" is nobody.
    """
    short = [re.split(r"[:|]", name)[-1] for name in names]
    prefix = _common_start([name for name in short[1:] if name])
    first: dict[tuple[str, str], int] = {}
    for j, name in enumerate(short):
        if names[j]:
            first.setdefault(side_of(name.removeprefix(prefix)), j)
    found: dict[str, int] = {}
    for side in SIDES:
        for part, words in _LIMB_WORDS.items():
            _take(found, f"{side}_{part}", [first[side, word] for word in words if (side, word) in first])
    for part, words in _TRUNK_WORDS.items():
        _take(found, part, [first["", word] for word in words if ("", word) in first])
    return found


def _take(found: dict[str, int], ours: str, candidates: Sequence[int]) -> None:
    free = [j for j in candidates if j not in found.values()]
    if free:
        found[ours] = free[0]
