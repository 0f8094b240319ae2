"""Reads `joints.mat` of Leeds Sports Pose (LSP) and LSP extended: one annotated person per photograph, 14 joints.

Both axis orders are understood: [14, 3, N] (LSP extended) and [3, 14, N] (LSP). Column k belongs to photograph number
k + 1, im00001.jpg or im0001.jpg. Choices:
* The third number of LSP extended is 1 for a labelled joint; of another joint nothing is known, so it is kept out of
  the loss of its photograph (`labelled_joints`) instead of counting as absent. LSP labels all joints; its third number
  is read as "hidden", which changes no label, only the state.
* neck is MPII's upper neck, as with the other 14-joint files; thorax and pelvis are the middles of shoulders and hips.
* objpos = center of the joints' box; scale = standing height / 200, estimated as for COCO from the box and the torso.
* A column without a labelled joint is left out and counted.
"""

from pathlib import Path

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.data.annotations import mat_files, pixels
from openpose_tf.data.annotations.mpii_joints import estimate_height, to_mpii_joints
from openpose_tf.data.annotations.types import AnnotatedImage, Person, ReadRequest, ReadResult, with_distances
from openpose_tf.skeleton import JointState

LSP_JOINTS = (
    *("r_ankle", "r_knee", "r_hip", "l_hip", "l_knee", "l_ankle", "r_wrist", "r_elbow", "r_shoulder"),
    *("l_shoulder", "l_elbow", "l_wrist", "upper_neck", "head_top"),
)
_WHAT = "joints.mat of LSP or LSP extended (variable joints, 14 x 3 x N or 3 x 14 x N)"
_BOX_MARGIN = 0.1  # joints end before the body does: this share of the box's sides on each side


def read(request: ReadRequest) -> ReadResult:
    """Returns the photographs with a labelled joint, in the order of the file.

    Photographs that are not there are left out if they have no labelled joint.

    Raises:
        UserError: not such a file, or photographs are missing.
    """
    joints, extended = _load(request.annotations)
    root = files.require_dir(str(request.images), "the photographs im00001.jpg or im0001.jpg and so on of joints.mat")
    usable = [k for k in range(len(joints)) if (joints[k, :, 2] != JointState.MISSING).any()]
    if not usable:
        raise UserError(f"{request.annotations} holds no labelled joint: expected {_WHAT}")
    digits = 5 if extended or not (root / "im0001.jpg").is_file() else 4
    paths = [root / f"im{k + 1:0{digits}d}.jpg" for k in usable]
    pixels.require_pictures(paths)
    found = [_image(path, joints[k], extended) for path, k in zip(paths, usable)]
    empty = [f"im{k + 1:0{digits}d}" for k in sorted(set(range(len(joints))) - set(usable))]
    return ReadResult(
        found,
        left_out={"column without a labelled joint": len(empty)} if empty else {},
        left_out_images=frozenset(name for stem in empty for name in (stem, f"{stem}.jpg")),
    )


def _load(path: str | Path) -> tuple[np.ndarray, bool]:
    """Returns [N, 14, 3] (x, y, JointState) in LSP order, and whether the file is LSP extended."""
    values = np.asarray(mat_files.load_variable(path, "joints", _WHAT))
    if values.ndim == 2:  # a single photograph: the axis of length 1 was removed
        values = values[..., None]
    if values.ndim != 3 or set(values.shape[:2]) != {3, len(LSP_JOINTS)} or values.dtype.kind not in "fiu":
        raise UserError(f"{path}: joints has shape {' x '.join(map(str, values.shape))}: expected {_WHAT}")
    extended = values.shape[0] == len(LSP_JOINTS)
    joints = np.moveaxis(values, -1, 0) if extended else np.transpose(values, (2, 1, 0))
    joints = joints.astype(np.float64)
    known = np.isfinite(joints).all(-1) & (joints[..., :2] != 0).any(-1)
    if extended:
        states = np.where(joints[..., 2] > 0, JointState.VISIBLE, JointState.MISSING)
    else:
        states = np.where(joints[..., 2] > 0, JointState.SELF_OCCLUDED, JointState.VISIBLE)
    joints[..., 2] = np.where(known, states, JointState.MISSING)
    return joints, extended


def _image(path: Path, joints: np.ndarray, extended: bool) -> AnnotatedImage:
    width, height = images.image_size(path, orientation="stored")
    keypoints = to_mpii_joints(dict(zip(LSP_JOINTS, joints)), width, height)
    labelled = keypoints[:, 2] != JointState.MISSING
    return AnnotatedImage(
        image_id=path.stem,
        image_path=path,
        width=width,
        height=height,
        people=with_distances([_person(keypoints)]),
        labelled_joints=tuple(bool(known) for known in labelled | (not extended)),
    )


def _person(keypoints: np.ndarray) -> Person:
    known = keypoints[keypoints[:, 2] != JointState.MISSING, :2]
    low, high = known.min(0), known.max(0)
    width, height = (high - low) * (1 + 2 * _BOX_MARGIN)
    return Person(
        keypoints=keypoints, objpos=(low + high) / 2, scale=max(estimate_height(keypoints, width, height), 1.0) / 200.0
    )
