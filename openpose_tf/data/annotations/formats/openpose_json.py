"""Reads the JSON lists that OpenPose training code uses: one entry per person (img_paths, joint_self, joint_others).

Joints are in MPII's order; (0, 0) is a missing joint (docs/reference/method.md section 2.1), as is a flag of 2 or more;
flag 0 is occluded. A null place is a missing joint; a null objpos or scale, or [], as MATLAB writes it, is not known;
who has no joint is nobody. Where an image has several entries, everybody who appears in any of them is
labelled once. With `--is_synthetic` the people are rendered, as in the authors' published D_S and D_M, whose numbers
become features.
"""

import collections
import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.file_names import find_file, last_part
from openpose_tf.data.annotations import pixels
from openpose_tf.data.annotations.types import (
    VALIDATION,
    AnnotatedImage,
    Person,
    ReadRequest,
    ReadResult,
    in_image,
    with_distances,
)
from openpose_tf.skeleton import NUM_MPII_JOINTS, JointState

WHAT = "a list of people in the form of OpenPose's MPI.json (key root)"
LARGEST_SIDE = 10**6  # pixels; more is damage
# Columns of the entries of rendered people (docs/reference/method.md section 2.1); degrees, px, shares of the joints.
FEATURES = {
    "camera_pitch_deg": "camera_angle",
    "min_distance": "minDist",
    "visible_ratio": "visibility_person",
    "cropped_ratio": "cropped_person",
    "num_people": "nr_people",
}
REQUIRED = ("img_paths", "img_width", "img_height", "objpos", "scale_provided", "joint_self")


def read(request: ReadRequest) -> ReadResult:
    """Returns the training or the validation images.

    Raises:
        UserError: as `read_openpose_json`.
    """
    validation = request.split == VALIDATION
    images = read_openpose_json(
        request.annotations, str(request.images), validation, request.masks, request.is_synthetic
    )
    are_rendered = {person.is_synthetic for image in images for person in image.people}
    if are_rendered == {True} and not request.is_synthetic:
        raise UserError(f"{request.annotations}: everybody is rendered (isSynth): pass --is_synthetic")
    if not request.is_synthetic:
        return ReadResult(images)
    return ReadResult(images, kind="synthetic" if are_rendered == {True} else "mixed")


def read_openpose_json(
    path: str | Path,
    images_dir: str | Path,
    validation: bool | None = None,
    masks_dir: str | Path | None = None,
    is_synthetic: bool = False,
) -> list[AnnotatedImage]:
    """Returns the images of one JSON file, or of all JSON files of a folder.

    Args:
        path: file or folder.
        images_dir: folder that img_paths starts from.
        validation: False for training images (no entry has isValidation 1), True for the others, None for all.
        masks_dir: folder of masks of un-annotated people, `mask_NAME`, or None.
        is_synthetic: people of whom the file does not say it are rendered.

    Raises:
        UserError: not such a file, no entry left, or images are missing (the first ten and the count).
    """
    root = files.require_dir(images_dir, "the images of the annotation file")
    masks = None if masks_dir is None else files.require_dir(masks_dir, "masks of un-annotated people, mask_NAME")
    sources = files.list_json(Path(path)) if Path(path).is_dir() else [Path(path)]
    by_image: dict[str, list[Mapping[str, Any]]] = collections.defaultdict(list)
    for source in sources:
        for entry in _entries(source):
            by_image[entry["img_paths"]].append(entry)
    chosen = {
        name: entries
        for name, entries in sorted(by_image.items())
        if validation is None or any(entry.get("isValidation") == 1 for entry in entries) == validation
    }
    if not chosen:
        raise UserError(f"{path} holds no person of this split: expected {WHAT}")
    pixels.require_pictures([find_file(root, name) for name in chosen])
    return [_image(name, entries, root, masks, path, is_synthetic) for name, entries in chosen.items()]


def _entries(source: Path) -> list[Mapping[str, Any]]:
    content = files.read_json(source, WHAT)
    rows = content.get("root") if isinstance(content, dict) else content
    if isinstance(rows, dict):
        rows = [rows]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{source} has no list of people under root: expected {WHAT}")
    for number, row in enumerate(rows):
        missing = [name for name in REQUIRED if name not in row]
        if missing:
            raise UserError(f"{source}: entry {number} lacks {', '.join(missing)}: expected {WHAT}")
        _check_entry(row, f"{source}: entry {number} ({row['img_paths']!r})")
    return rows


def _check_entry(row: Mapping[str, Any], where: str) -> None:
    """Checks the values that say which image an entry is of; its people are checked where they are read."""
    if not isinstance(row["img_paths"], str) or not row["img_paths"]:
        raise UserError(f"{where}: img_paths must be text: expected {WHAT}")
    for name in ("img_width", "img_height"):
        if not _is_number(row[name]) or not 1 <= row[name] <= LARGEST_SIDE:
            raise UserError(f"{where}: {name} is {row[name]!r}, expected a number of pixels")
    for name in ("isValidation", "isSynth"):
        if name in row and row[name] not in (0, 1):
            raise UserError(f"{where}: {name} is {row[name]!r}, expected 0 or 1")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _image(
    name: str,
    entries: Sequence[Mapping[str, Any]],
    root: Path,
    masks: Path | None,
    source: str | Path,
    is_synthetic: bool,
) -> AnnotatedImage:
    width, height = int(entries[0]["img_width"]), int(entries[0]["img_height"])
    try:
        people: list[Person] = []
        for entry in entries:
            synthetic = bool(entry.get("isSynth", is_synthetic))
            _add(people, entry["joint_self"], entry["objpos"], entry["scale_provided"], synthetic, width, height)
        for entry in entries:
            _add_others(people, entry, width, height, is_synthetic)
        named = _with_features(with_distances(people), entries)
    except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
        raise UserError(f"{source}: {name} cannot be understood ({error!r}): expected {WHAT}") from None
    mask = None if masks is None else find_file(masks, f"mask_{last_part(name)}")
    return AnnotatedImage(
        image_id=str(Path(name).with_suffix("")),
        image_path=find_file(root, name),
        width=width,
        height=height,
        people=named,
        ignore_mask_path=mask if mask is not None and os.path.isfile(mask) else None,
    )


def _with_features(people: Sequence[Person], entries: Sequence[Mapping[str, Any]]) -> tuple[Person, ...]:
    """Returns the people with the features of the entries whose joint_self they are; the pitch is that of the image."""
    columns = [_features(entry) for entry in entries]
    pitch = {name: column[name] for name in ("camera_pitch_deg",) for column in columns if name in column}
    selves = [_joints(entry["joint_self"])[:, :2] for entry in entries]

    def of(person: Person) -> dict[str, float]:
        known = person.keypoints[:, 2] != JointState.MISSING
        own = [k for k, joints in enumerate(selves) if np.array_equal(joints[known], person.keypoints[known, :2])]
        return {**person.features, **pitch, **(columns[own[0]] if own else {})}

    return tuple(dataclasses.replace(person, features=of(person)) for person in people)


def _features(entry: Mapping[str, Any]) -> dict[str, float]:
    """Returns the features that an entry has; an empty list, as of the distance of somebody alone, is none."""
    values = {name: np.asarray(entry.get(key, []), np.float64).ravel() for name, key in FEATURES.items()}
    return {name: float(value[0]) for name, value in values.items() if value.size}


def _add_others(people: list[Person], entry: Mapping[str, Any], width: int, height: int, is_synthetic: bool) -> None:
    joints = np.asarray(entry.get("joint_others") or [], np.float64).reshape(-1, NUM_MPII_JOINTS, 3)
    positions = np.asarray(entry.get("objpos_other") or [], np.float64).reshape(-1, 2)
    scales = np.atleast_1d(np.asarray(entry.get("scale_provided_other") or [], np.float64))
    unsaid = np.full(len(joints), float(is_synthetic))
    synthetic = np.atleast_1d(np.asarray(entry.get("isSynth_other") or unsaid, np.float64))
    if not len(joints) == len(positions) == len(scales) == len(synthetic):
        raise ValueError("joint_others, objpos_other and scale_provided_other differ in length")
    for one, position, scale, flag in zip(joints, positions, scales, synthetic):
        _add(people, one, position, scale, bool(flag), width, height)


def _add(
    people: list[Person], joints: Any, objpos: Any, scale: Any, is_synthetic: bool, width: int, height: int
) -> None:
    """Adds a person who is not there yet: the same joints are the same person."""
    points = _joints(joints)
    flags = points[:, 2] if points.shape[1] > 2 else np.ones(NUM_MPII_JOINTS)
    missing = (points[:, :2] == 0).all(-1) | (flags >= 2) | ~np.isfinite(points[:, :2]).all(-1)
    keypoints = np.zeros((NUM_MPII_JOINTS, 3))
    keypoints[:, :2] = np.where(missing[:, None], 0, points[:, :2])
    keypoints[:, 2] = np.where(flags == 1, JointState.VISIBLE, JointState.SELF_OCCLUDED)
    keypoints[missing, 2] = JointState.MISSING
    keypoints[~missing & ~in_image(keypoints, width, height), 2] = JointState.TRUNCATED
    if missing.all() or any(np.array_equal(keypoints, person.keypoints) for person in people):
        return
    people.append(Person(keypoints, _numbers(objpos, 2), float(_numbers(scale)), is_synthetic=is_synthetic))


def _joints(value: Any) -> np.ndarray:
    """Returns [16, 2 or 3] joints, zeros where there are none."""
    joints = np.asarray(value, np.float64)
    return joints.reshape(NUM_MPII_JOINTS, -1) if value is not None and joints.size else np.zeros((NUM_MPII_JOINTS, 2))


def _numbers(value: Any, *shape: int) -> np.ndarray:
    """Returns numbers in a shape, NaN for null and an empty list."""
    numbers = np.asarray(value, np.float64)
    return numbers.reshape(shape) if value is not None and numbers.size else np.full(shape, np.nan)
