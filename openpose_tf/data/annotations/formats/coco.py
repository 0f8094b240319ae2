"""COCO person keypoints as annotated images: 17 joints, and the 14 to 19 of its relatives, by the names of the joints.

Choices (COCO has no MPII scale, position, neck or head top):
* limbs map directly; thorax = middle of the shoulders; upper neck = the file's neck, or the
  middle of the shoulders; pelvis = middle of the hips; head top = the file's, or never labelled (no loss there).
* objpos = centre of the person's box.
* scale = height / 200, the height being estimated by `mpii_joints.estimate_height`.
* visible flag 2 = visible, 1 = self-occluded (COCO does not say by whom), outside of the image = truncated.
* crowds and people without keypoints are un-annotated: the usable part of their segmentation, or else their box, is out
  of the loss; who has neither is left out.
"""

import collections
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.file_names import find_file
from openpose_tf.common.imaging.images import Orientation
from openpose_tf.data.annotations import pixels, segmentations
from openpose_tf.data.annotations.formats import coco_file
from openpose_tf.data.annotations.formats.coco_file import LIMB_JOINTS, CocoFile, CocoImage, CocoPerson
from openpose_tf.data.annotations.mpii_joints import estimate_height, to_mpii_joints
from openpose_tf.data.annotations.types import AnnotatedImage, Person, ReadRequest, ReadResult, with_distances
from openpose_tf.skeleton import MPII_JOINTS, NUM_MPII_JOINTS, JointState

UNUSABLE = "unusable segmentation: the box of the person counts"
PARTLY_USABLE = "partly unusable segmentation: the rest of it counts"
OCCLUDED_BY_OTHER = 3  # a flag that no COCO file has, but OCHuman
STATE_OF_FLAG = {
    0: JointState.MISSING,
    1: JointState.SELF_OCCLUDED,
    2: JointState.VISIBLE,
    OCCLUDED_BY_OTHER: JointState.OCCLUDED_BY_OTHER,
}


def read(request: ReadRequest) -> ReadResult:
    """Returns the images of a COCO keypoint file that show a person with keypoints, in the order of the file.

    An image is looked for in the folder by its file_name, see `find_picture`.

    Raises:
        UserError: not such a file, or its joints cannot be mapped.
    """
    return annotated_images(coco_file.parse(request.annotations), request)


def annotated_images(content: CocoFile, request: ReadRequest) -> ReadResult:
    """Returns `read` of a file that was parsed.

    Raises:
        UserError: its joints cannot be mapped, or it holds no person with keypoints.
    """
    root = files.require_dir(str(request.images), "the images of the annotation file")
    for names in content.categories:
        _check_joints(names, request.annotations)
    left_out, notes = collections.Counter(content.left_out), collections.Counter(content.notes)
    images: list[AnnotatedImage] = []
    empty: list[AnnotatedImage] = []
    for entry in content.images:
        image = _image(entry, root, request.orientation, left_out, notes)
        (images if image.people else empty).append(image)
    if not images:
        raise UserError(f"{request.annotations} holds no person with keypoints")
    left_out |= collections.Counter({"image without a person with keypoints": len(empty)} if empty else {})
    names_of_empty = frozenset(name for image in empty for name in (image.image_id, image.image_path.name))
    return ReadResult(images, left_out=dict(left_out), left_out_images=names_of_empty, notes=dict(notes))


def _check_joints(names: Sequence[str], path: str) -> None:
    missing = [name for name in LIMB_JOINTS if name not in names]
    if missing:
        raise UserError(f"{path}: the category's keypoints lack {', '.join(missing)} (found: {', '.join(names)})")


def _image(
    entry: CocoImage,
    root: Path,
    orientation: Orientation,
    left_out: collections.Counter[str],
    notes: collections.Counter[str],
) -> AnnotatedImage:
    """The image, whose size its file says where the annotation does not; counts what is left out or read otherwise."""
    path = find_picture(root, entry.file_name)
    if size_is_annotated := bool(entry.width and entry.height):
        width, height = int(entry.width or 0), int(entry.height or 0)
    else:
        width, height = pixels.size_in_file(path, orientation)
    people, ignored = [], []
    labelled = np.ones(NUM_MPII_JOINTS, bool)
    for person in entry.people:
        keypoints = _keypoints(person, width, height)
        if person.is_crowd or not (keypoints[:, 2] != JointState.MISSING).any():
            ignored.append(person)
            continue
        people.append(_person(person, keypoints))
        labelled[MPII_JOINTS.index("head_top")] &= "head_top" in person.joints
    regions = [_region(person, width, height, path, notes) for person in ignored] if people and width else []
    if None in regions:
        left_out["person without joints, box and usable segmentation"] += regions.count(None)
    return AnnotatedImage(
        image_id=entry.image_id,
        image_path=path,
        width=width,
        height=height,
        people=with_distances(people),
        labelled_joints=tuple(bool(known) for known in labelled),
        ignore_segmentations=(*(region for region in regions if region is not None), *entry.ignored),
        size_is_annotated=size_is_annotated,
    )


def find_picture(root: Path, file_name: str) -> Path:
    """Returns `find_file`, else the file of a nested name (images/val/video/0.jpg) in a folder that nests less.

    Looked for are val/video/0.jpg, video/0.jpg, and images_val_video_0.jpg, val_video_0.jpg, video_0.jpg.
    """
    path, parts = find_file(root, file_name), Path(file_name).parts
    tails = [parts[start:] for start in range(len(parts) - 1)]
    names = [root / separator.join(tail) for separator in "/_" for tail in tails]
    # os.path, because a Path raises for a name that is too long
    return path if os.path.isfile(path) else next((name for name in names if os.path.isfile(name)), path)


def _keypoints(person: CocoPerson, width: int, height: int) -> np.ndarray:
    """[16, 3] (x, y, JointState) of a person; MPII joints that the file does not name are derived or missing."""
    named = {name: (x, y, STATE_OF_FLAG[int(flag)]) for name, (x, y, flag) in zip(person.joints, person.keypoints)}
    return to_mpii_joints(named, width, height)


def _person(person: CocoPerson, keypoints: np.ndarray) -> Person:
    assert person.box is not None  # where joints are labelled, there is one
    x, y, width, height = person.box
    return Person(
        keypoints=keypoints,
        objpos=np.array([x + width / 2, y + height / 2]),
        scale=estimate_height(keypoints, width, height) / 200.0,
        area=person.area,
    )


def _region(person: CocoPerson, width: int, height: int, path: Path, notes: collections.Counter[str]) -> Any:
    """Segmentation of an un-annotated person in an image of this size, else its box as a polygon, else None."""
    region, is_whole = segmentations.usable(person.segmentation or [], width, height, path)
    if person.segmentation and not is_whole:
        notes[UNUSABLE if region is None else PARTLY_USABLE] += 1
    if region is not None:
        return person.segmentation
    return None if person.box is None else [segmentations.box_polygon(person.box)]
