"""Reads the MPII Human Pose annotation file (mpii_human_pose_v1_u12_1.mat, struct RELEASE).

Oddities of the file that are read as what they mean: people without joints, position or scale; one person or point
instead of a list; visibility that is a number, text or empty (head top and upper neck always). Coordinates are taken as
they stand in the file, so that predictions compare with it directly.
"""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.file_names import find_file
from openpose_tf.common.imaging import images
from openpose_tf.data.annotations import pixels
from openpose_tf.data.annotations.mat_files import as_list, field, load_variable, number, rows
from openpose_tf.data.annotations.types import AnnotatedImage, Person, in_image, with_distances
from openpose_tf.skeleton import NUM_MPII_JOINTS, JointState

WHAT = "the MPII annotation file mpii_human_pose_v1_u12_1.mat"
REQUIRED = ("annolist", "img_train", "single_person")
# Where a person's joints are not annotated: the region taken out of the loss, in heights, around the position.
IGNORED_HALF_WIDTH, IGNORED_HALF_HEIGHT = 0.3, 0.55


@dataclasses.dataclass(frozen=True)
class MpiiPerson:
    """One rectangle (annorect) of an image.

    Attributes:
        keypoints: [16, 3] float64 (x, y, JointState) by MPII id; all missing for a person without joints.
        is_visible: [16] float64, the file's flag: 1, 0, or NaN where it is empty or the joint is missing.
        objpos: [2] float64, NaN where missing.
        scale: height / 200 px, NaN where missing.
        head_box: [4] float64 (x1, y1, x2, y2), or None.
    """

    keypoints: np.ndarray
    is_visible: np.ndarray
    objpos: np.ndarray
    scale: float
    head_box: np.ndarray | None

    @property
    def has_joints(self) -> bool:
        """True where at least one joint is annotated."""
        return bool((self.keypoints[:, 2] != JointState.MISSING).any())


@dataclasses.dataclass(frozen=True)
class MpiiImage:
    """One image of the release.

    Attributes:
        name: file name.
        is_train: True where img_train is 1.
        people: the rectangles in order; the benchmark counts them from 1.
        single_person: rectangle numbers, from 1, of people who stand apart.
        video: number of the video in video_list, or None.
    """

    name: str
    is_train: bool
    people: tuple[MpiiPerson, ...]
    single_person: tuple[int, ...] = ()
    video: int | None = None

    @property
    def has_joints(self) -> bool:
        """True where somebody has a joint that is annotated."""
        return any(person.has_joints for person in self.people)


def read_release(path: str | Path) -> tuple[MpiiImage, ...]:
    """Returns all images of the annotation file, training and test, in its order.

    Raises:
        UserError: the file is missing, is not a MATLAB file, or is not this release.
    """
    release = load_variable(path, "RELEASE", WHAT)
    held = (release.dtype.names or ()) if release.size == 1 else ()
    missing = [name for name in REQUIRED if name not in held]
    if missing:
        raise UserError(f"{path}: RELEASE has no field {', '.join(missing)}: expected {WHAT}, another version?")
    annolist, train, single = (as_list(release[name].item()) for name in REQUIRED)
    if not len(annolist) == len(train) == len(single):
        raise UserError(
            f"{path}: annolist, img_train and single_person have {len(annolist)}, {len(train)} and {len(single)} "
            f"entries, which must be equal: expected {WHAT}"
        )
    return tuple(
        dataclasses.replace(
            read_entry(entry, f"{path}: annolist({k + 1})"),
            is_train=number(train[k]) == 1,
            single_person=tuple(int(one) for value in as_list(single[k]) if math.isfinite(one := number(value))),
        )
        for k, entry in enumerate(annolist)
    )


def read_entry(entry: Any, where: str) -> MpiiImage:
    """Returns one element of annolist as an image that is not (yet) known to be a training image.

    Raises:
        UserError: it has no image name.
    """
    name = field(field(entry, "image"), "name")
    if not isinstance(name, str):
        raise UserError(f"{where} has no image.name: expected {WHAT}")
    video = number(field(entry, "vidx"))
    people = tuple(_person(rect) for rect in as_list(field(entry, "annorect")))
    return MpiiImage(name, False, people, video=int(video) if math.isfinite(video) else None)


def _person(rect: Any) -> MpiiPerson:
    keypoints = np.zeros((NUM_MPII_JOINTS, 3))
    is_visible = np.full(NUM_MPII_JOINTS, np.nan)
    for point in rows(field(field(rect, "annopoints"), "point"), ("id", "x", "y", "is_visible")):
        joint, x, y = (number(point.get(name)) for name in ("id", "x", "y"))
        if not (joint in range(NUM_MPII_JOINTS) and math.isfinite(x) and math.isfinite(y)):
            continue
        if keypoints[int(joint), 2] != JointState.MISSING:
            continue  # the first point of a repeated id counts, as in the benchmark's toolkit
        is_visible[int(joint)] = number(point.get("is_visible"))
        hidden = is_visible[int(joint)] == 0
        keypoints[int(joint)] = x, y, JointState.SELF_OCCLUDED if hidden else JointState.VISIBLE
    box = np.array([number(field(rect, name)) for name in ("x1", "y1", "x2", "y2")])
    return MpiiPerson(
        keypoints=keypoints,
        is_visible=is_visible,
        objpos=np.array([number(field(field(rect, "objpos"), name)) for name in "xy"]),
        scale=number(field(rect, "scale")),
        head_box=box if np.isfinite(box).all() else None,
    )


def annotated_images(
    chosen: Sequence[MpiiImage],
    images_dir: str | Path,
    masks_dir: str | Path | None = None,
    orientation: images.Orientation = "stored",
) -> list[AnnotatedImage]:
    """Returns the annotated images of the release.

    People without joints are un-annotated: `mask_NAME` of masks_dir where there is one, else a box around their
    position. Images without anybody annotated are left out.

    Args:
        chosen: images of `read_release`.
        images_dir: folder of the images.
        masks_dir: folder of masks of un-annotated people, or None.
        orientation: of photographs with an EXIF orientation, of which the file says no size.

    Raises:
        UserError: images are missing (the first ten and the count), or a folder is.
    """
    root = files.require_dir(images_dir, "the images of the MPII data set")
    masks = None if masks_dir is None else files.require_dir(masks_dir, "masks of un-annotated people, mask_NAME")
    chosen = [image for image in chosen if image.has_joints]
    paths = [find_file(root, image.name) for image in chosen]
    pixels.require_pictures(paths)
    return [_annotated(image, path, masks, orientation) for image, path in zip(chosen, paths)]


def _annotated(image: MpiiImage, path: Path, masks: Path | None, orientation: images.Orientation) -> AnnotatedImage:
    width, height = pixels.size_in_file(path, orientation)
    mask = None if masks is None else find_file(masks, f"mask_{image.name}")
    mask = mask if mask is not None and mask.is_file() else None
    unknown = [_box(person) for person in image.people if not person.has_joints and mask is None]
    return AnnotatedImage(
        image_id=Path(image.name).stem,
        image_path=path,
        width=width,
        height=height,
        people=with_distances([_to_person(one, width, height) for one in image.people if one.has_joints]),
        ignore_mask_path=mask,
        ignore_segmentations=tuple(box for box in unknown if box is not None),
        size_is_annotated=False,
    )


def _to_person(person: MpiiPerson, width: int, height: int) -> Person:
    keypoints = person.keypoints.copy()
    known = keypoints[:, 2] != JointState.MISSING
    keypoints[known & ~in_image(keypoints, width, height), 2] = JointState.TRUNCATED
    return Person(keypoints, person.objpos, person.scale, person.head_box)


def _box(person: MpiiPerson) -> list[list[float]] | None:
    """A person without joints as a polygon, if position and scale are known."""
    half_width = IGNORED_HALF_WIDTH * 200 * person.scale
    half_height = IGNORED_HALF_HEIGHT * 200 * person.scale
    x, y = person.objpos
    corners = [x - half_width, y - half_height, x + half_width, y - half_height]
    corners += [x + half_width, y + half_height, x - half_width, y + half_height]
    return [corners] if np.isfinite(corners).all() else None
