"""Poses from the user's motion files: .npz of SMPL+H and BVH .bvh, split by sequence.

An .npz holds `poses` [frames, 156], the 52 joints of AMASS in axis-angle, or [frames, 78], the paper's theta: 66
numbers of the body, 6 + 6 coefficients of the hands (`smplh.pose_from_theta`; zeros are a flat hand). Worlds are z-up
in both. `betas` [10 or more] and `gender` are of the person whose motion it is; `--shapes=clip` needs the betas.
"""

import dataclasses
import functools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from absl import logging

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.name_splits import SPLITS, check_split, split_of
from openpose_tf.data.records import npz_files
from synth.body import rotations, smplh
from synth.body.joints import NUM_BODY_JOINTS, NUM_JOINTS
from synth.body.model import BodyModel
from synth.poses import bvh, joint_names, retargeting
from synth.poses.builder import SIDES, PoseBuilder

_AMASS_NUMBERS = 3 * NUM_JOINTS  # 156
_LARGEST_TURN = 1e6  # radians; more is damage


@dataclasses.dataclass(frozen=True)
class Pose:
    """One pose.

    Attributes:
        pose: [52, 3] float64 axis-angle, radians, body axes (y up).
        tag: kind of pose, such as "walk"; "motion" for motion files.
        source: where it comes from, for the annotation.
        num_rejected: draws thrown away before this one because the body passed through itself.
        betas: shape numbers of the motion file's person, empty where not known.
        gender: of that person, or "".
    """

    pose: np.ndarray
    tag: str
    source: str
    num_rejected: int = 0
    betas: tuple[float, ...] = ()
    gender: str = ""


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
        body: that will be posed.
        joint_names: our joint name -> BVH files' joint name, where the user says it.
    """

    files: tuple[MotionFile, ...]
    frame_step: int
    body: BodyModel
    joint_names: dict[str, str]

    @classmethod
    def load(cls, folder: str, frame_step: int, body: BodyModel, names_path: str = "") -> "MotionPoses":
        """Returns the motions of a folder and its subfolders; reads only the files' headers.

        Raises:
            UserError: no folder, no motion file, or a file that is not a motion file; the message names it.
        """
        if frame_step < 1:
            raise UserError(f"the frame step must be 1 or more, not {frame_step}")
        root = files.require_dir(folder, "AMASS .npz or BVH .bvh motion files")
        found = []
        for path in sorted(_walk(root)):
            count = _count_frames(path, body)
            if count is not None:
                name = path.relative_to(root).as_posix()
                found.append(MotionFile(path, name, -(-count // frame_step), split_of(name)))
        if not found:
            raise UserError(f"{root} holds no motion file: expected AMASS .npz (key 'poses') or .bvh files")
        given = joint_names.read_file(names_path) if names_path else {}
        out = cls(tuple(found), frame_step, body, given)
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
        return Pose(pose, "motion", f"{chosen[k].name}#{frame}", 0, *_person(chosen[k].path))

    def check(self, with_shapes: bool = False) -> None:
        """Reads every file whole; raises UserError for the first that is damaged or holds NaN; says how BVH is read.

        Args:
            with_shapes: also for files that do not hold the shape of their person.
        """
        if with_shapes:
            self._check_shapes()
        kinds: dict[str, list[MotionFile]] = {}
        for file in self.files:
            self._frames(file, slice(0, None, self.frame_step))
            if _is_bvh(file.path):
                kinds.setdefault(str(self._skeleton(file)), []).append(file)
        for alike in kinds.values():
            skeleton = self._skeleton(alike[0])
            log = logging.warning if skeleton.inferred else logging.info
            log("%d BVH files such as %s: %s", len(alike), alike[0].name, skeleton)

    def _check_shapes(self) -> None:
        """Raises UserError for the first file without the shape of its person; logs genders the body does not have."""
        if self.body.kind != "smplh":
            raise UserError("--shapes=clip: the betas of motion files are of SMPL+H: give --body=PATH, too")
        people = {file.name: _person(file.path) for file in self.files}
        without = [name for name, (betas, _) in people.items() if len(betas) < self.body.num_betas]
        if without:
            raise UserError(
                f"--shapes=clip: {len(without)} of {len(people)} motion files hold no betas [{self.body.num_betas} or "
                f"more], such as {without[0]} (BVH never does): leave them out, or --shapes=normal"
            )
        other = sum(gender not in self.body.genders for _, gender in people.values())
        if other:
            logging.warning(
                "%d of %d clips are of a gender that --body has not: any other is taken", other, len(people)
            )

    @property
    def _rest_joints(self) -> np.ndarray:
        return self.body.models[self.body.genders[0]].j_template.astype(np.float64)

    def _frames(self, file: MotionFile, frames: slice) -> np.ndarray:
        if _is_bvh(file.path):
            return retargeting.to_poses(self._skeleton(file), bvh.read(file.path, frames), self._rest_joints)
        return _read_smplh(file.path, frames, self.body)

    def _skeleton(self, file: MotionFile) -> retargeting.Skeleton:
        return retargeting.find_skeleton(file.path, bvh.read(file.path, None), self._rest_joints, self.joint_names)


def _is_bvh(path: Path) -> bool:
    return path.suffix.lower() == ".bvh"


def _walk(root: Path) -> list[Path]:
    return [
        Path(folder) / name
        for folder, _, names in os.walk(root, followlinks=True)
        for name in names
        if name.lower().endswith((".npz", ".bvh"))
    ]


def _count_frames(path: Path, body: BodyModel) -> int | None:
    """Returns the number of frames, or None for AMASS's shape.npz, which holds no motion."""
    if _is_bvh(path):
        return bvh.count_frames(path)
    try:
        shapes = npz_files.read_shapes(path)
    except (OSError, npz_files.UnreadableNpz) as error:
        raise _unreadable(path, error) from None
    if "poses" not in shapes:
        if path.name == "shape.npz" or path.name.endswith("stagei.npz"):
            return None
        raise UserError(f"{path} is not an AMASS motion: it has no key 'poses' (keys: {', '.join(shapes)})")
    _check_width(path, shapes["poses"], body)
    return shapes["poses"][0]


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} is not a readable npz file ({error}); remove it or download it again")


def _check_width(path: Path, shape: tuple[int, ...], body: BodyModel) -> None:
    if len(shape) == 2 and shape[0] < 1:
        raise UserError(f"{path}: poses has shape {shape}, which is a motion without frames: remove it")
    if len(shape) != 2 or shape[1] not in (_AMASS_NUMBERS, smplh.NUM_THETA):
        raise UserError(
            f"{path}: poses has shape {shape}, SMPL+H motions have (frames, {_AMASS_NUMBERS}) or (frames, "
            f"{smplh.NUM_THETA}): take the 'SMPL+H G' download of AMASS (SMPL-X has 165, SMPL 72)"
        )
    if shape[1] == smplh.NUM_THETA and body.hands is None:
        raise UserError(
            f"{path}: poses of {smplh.NUM_THETA} numbers hold coefficients of SMPL+H's hands: give --body=SMPL+H files "
            "with hands_componentsl, hands_meanl and their right counterparts"
        )


def _read_smplh(path: Path, frames: slice, body: BodyModel) -> np.ndarray:
    """Returns poses [n, 52, 3] float64 with y up."""
    rows = _read_npz(path, ("poses",))["poses"]
    _check_width(path, rows.shape, body)
    if rows.dtype.kind not in "iuf" or not (np.abs(rows[frames]) < _LARGEST_TURN).all():
        raise UserError(f"{path}: poses holds numbers that are not finite (NaN); repair or remove the file")
    rows = rows[frames].astype(np.float64)
    is_theta = rows.shape[1] == smplh.NUM_THETA
    poses = smplh.pose_from_theta(body, rows) if is_theta else rows.reshape(-1, NUM_JOINTS, 3)
    # AMASS worlds are z-up; ours is y-up until the person is placed.
    poses[:, 0] = rotations.to_rotvec(rotations.Y_UP_TO_Z_UP.T @ rotations.to_matrix(poses[:, 0]))
    return poses


def _read_npz(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    try:
        return npz_files.read_arrays(path, names)
    except (OSError, npz_files.UnreadableNpz) as error:
        raise _unreadable(path, error) from None


@functools.lru_cache(maxsize=256)
def _person(path: Path) -> tuple[tuple[float, ...], str]:
    """Returns (betas, gender) of the person of a motion file; empty where it does not say."""
    if path.suffix.lower() == ".bvh":
        return (), ""
    arrays = _read_npz(path, ("betas", "gender"))
    betas, gender = arrays.get("betas", np.zeros(0)), str(arrays.get("gender", np.array(""))).lower()
    betas = betas[0] if betas.ndim == 2 and len(betas) else betas
    usable = betas.ndim == 1 and betas.dtype.kind in "iuf" and np.isfinite(betas).all()
    gender = next((name for name in smplh.GENDERS if name in gender), "")  # AMASS has b'male', too
    return tuple(float(beta) for beta in betas) if usable else (), gender


def _random_hands(rng: np.random.Generator) -> np.ndarray:
    """Returns a pose [52, 3] whose hands are randomly closed; BVH files of CMU have no fingers."""
    builder = PoseBuilder(rng)
    for side in SIDES:
        builder.hand(side, 80 * float(rng.beta(2, 3)), builder.normal(3, -5, 6))
    return builder.build()
