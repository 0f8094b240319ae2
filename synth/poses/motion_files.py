"""Poses from the user's motion files: AMASS .npz (SMPL+H) and BVH .bvh, split by sequence."""

import dataclasses
import os
import zipfile
from pathlib import Path

import numpy as np
from absl import logging

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.name_splits import SPLITS, check_split, split_of
from synth.body import rotations
from synth.body.joints import NUM_BODY_JOINTS, NUM_JOINTS
from synth.body.model import BodyModel
from synth.poses import bvh, joint_names, retargeting
from synth.poses.builder import SIDES, PoseBuilder

_AMASS_NUMBERS = 3 * NUM_JOINTS  # 156


@dataclasses.dataclass(frozen=True)
class Pose:
    """One pose.

    Attributes:
        pose: [52, 3] float64 axis-angle, radians, body axes (y up).
        tag: kind of pose, such as "walk"; "motion" for motion files.
        source: where it comes from, for the annotation.
        num_rejected: draws thrown away before this one because the body passed through itself.
    """

    pose: np.ndarray
    tag: str
    source: str
    num_rejected: int = 0


@dataclasses.dataclass(frozen=True)
class MotionFile:
    """A motion file: path, name relative to the folder (its identity), number of used frames, split."""

    path: Path
    name: str
    num_frames: int
    split: str


@dataclasses.dataclass(frozen=True)
class MotionPoses:
    """Poses of motion files; frames are read when they are drawn.

    Attributes:
        files: the motion files of all splits.
        frame_step: every n-th frame is used.
        rest_joints: [52, 3] T-posed joints of the body that will be posed.
        joint_names: our joint name -> BVH files' joint name, where the user says it.
    """

    files: tuple[MotionFile, ...]
    frame_step: int
    rest_joints: np.ndarray
    joint_names: dict[str, str]

    @classmethod
    def load(cls, folder: str, frame_step: int, body: BodyModel, names_path: str = "") -> "MotionPoses":
        """Returns the motions of a folder and its subfolders; reads only the files' headers.

        Raises:
            UserError: no folder, no motion file, or a file that is no motion file; the message names it.
        """
        if frame_step < 1:
            raise UserError(f"the frame step must be 1 or more, not {frame_step}")
        root = files.require_dir(folder, "AMASS .npz or BVH .bvh motion files")
        found = []
        for path in sorted(_walk(root)):
            count = _count_frames(path)
            if count is not None:
                name = path.relative_to(root).as_posix()
                found.append(MotionFile(path, name, -(-count // frame_step), split_of(name)))
        if not found:
            raise UserError(f"{root} holds no motion file: expected AMASS .npz (key 'poses') or .bvh files")
        model = body.models[body.genders[0]]
        given = joint_names.read_file(names_path) if names_path else {}
        out = cls(tuple(found), frame_step, model.j_template.astype(np.float64), given)
        logging.info("%s: %s", root, ", ".join(f"{out.num_frames(s)} {s} frames" for s in SPLITS))
        return out

    def num_frames(self, split: str) -> int:
        """Returns the number of frames of a split."""
        return sum(file.num_frames for file in self.files if file.split == split)

    def sample(self, rng: np.random.Generator, split: str = "train") -> Pose:
        """Returns a frame of a split, every frame with the same probability, with randomly closed hands for BVH.

        Raises:
            UserError: the split has no sequence, or the file holds numbers that are not finite.
        """
        check_split(split)
        chosen = [file for file in self.files if file.split == split]
        if not chosen:
            raise UserError(f"no motion file falls into the split '{split}' (80/10/10 by name): give more files")
        bounds = np.cumsum([file.num_frames for file in chosen])
        row = int(rng.integers(bounds[-1]))
        k = int(np.searchsorted(bounds, row, side="right"))
        frame = (row - (int(bounds[k - 1]) if k else 0)) * self.frame_step
        pose = self._frames(chosen[k], slice(frame, frame + 1))[0]
        if _is_bvh(chosen[k].path):
            pose[NUM_BODY_JOINTS:] = _random_hands(rng)[NUM_BODY_JOINTS:]
        return Pose(pose, "motion", f"{chosen[k].name}#{frame}")

    def check(self) -> None:
        """Reads every file whole; raises UserError for the first that is damaged or holds NaN; says how BVH is read."""
        kinds: dict[str, list[MotionFile]] = {}
        for file in self.files:
            self._frames(file, slice(0, None, self.frame_step))
            if _is_bvh(file.path):
                kinds.setdefault(str(self._skeleton(file)), []).append(file)
        for alike in kinds.values():
            skeleton = self._skeleton(alike[0])
            log = logging.warning if skeleton.inferred else logging.info
            log("%d BVH files such as %s: %s", len(alike), alike[0].name, skeleton)

    def _frames(self, file: MotionFile, frames: slice) -> np.ndarray:
        if _is_bvh(file.path):
            return retargeting.to_poses(self._skeleton(file), bvh.read(file.path, frames), self.rest_joints)
        return _read_amass(file.path, frames)

    def _skeleton(self, file: MotionFile) -> retargeting.Skeleton:
        return retargeting.find_skeleton(file.path, bvh.read(file.path, None), self.rest_joints, self.joint_names)


def _is_bvh(path: Path) -> bool:
    return path.suffix.lower() == ".bvh"


def _walk(root: Path) -> list[Path]:
    return [
        Path(folder) / name
        for folder, _, names in os.walk(root, followlinks=True)
        for name in names
        if name.lower().endswith((".npz", ".bvh"))
    ]


def _count_frames(path: Path) -> int | None:
    """Returns the number of frames, or None for AMASS's shape.npz, which holds no motion."""
    if _is_bvh(path):
        return bvh.count_frames(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if "poses.npy" not in archive.namelist():
                if path.name == "shape.npz" or path.name.endswith("stagei.npz"):
                    return None
                keys = ", ".join(name.removesuffix(".npy") for name in archive.namelist())
                raise UserError(f"{path} is no AMASS motion: it has no key 'poses' (keys: {keys})")
            with archive.open("poses.npy") as member:
                version = np.lib.format.read_magic(member)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape = read(member)[0]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a readable npz file ({error}); remove it or download it again") from None
    _check_width(path, shape)
    return int(shape[0])


def _check_width(path: Path, shape: tuple[int, ...]) -> None:
    if len(shape) != 2 or shape[1] != _AMASS_NUMBERS or shape[0] < 1:
        raise UserError(
            f"{path}: poses has shape {shape}, SMPL+H motions have (frames, {_AMASS_NUMBERS}): take the 'SMPL+H G' "
            "download of AMASS (SMPL-X has 165, SMPL 72)"
        )


def _read_amass(path: Path, frames: slice) -> np.ndarray:
    """Returns poses [n, 52, 3] float64 with y up."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            rows = archive["poses"][frames].astype(np.float64)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a readable npz file ({error}); remove it or download it again") from None
    if not np.isfinite(rows).all():
        raise UserError(f"{path}: poses holds numbers that are not finite (NaN); repair or remove the file")
    poses = rows.reshape(-1, NUM_JOINTS, 3)
    # AMASS worlds are z-up; ours is y-up until the person is placed.
    poses[:, 0] = rotations.to_rotvec(rotations.Y_UP_TO_Z_UP.T @ rotations.to_matrix(poses[:, 0]))
    return poses


def _random_hands(rng: np.random.Generator) -> np.ndarray:
    """Returns a pose [52, 3] whose hands are randomly closed; BVH files of CMU have no fingers."""
    builder = PoseBuilder(rng)
    for side in SIDES:
        builder.hand(side, 80 * float(rng.beta(2, 3)), builder.normal(3, -5, 6))
    return builder.build()
