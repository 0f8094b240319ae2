"""COCO person keypoints as annotated images: 17 joints, and the 14 to 19 of its relatives, by the names of the joints.

Choices (COCO has no MPII scale, position, neck or head top):
* limbs map directly; thorax = middle of the shoulders; upper neck = the file's neck, or the
  middle of the shoulders; pelvis = middle of the hips; head top = the file's, or never labelled (no loss there).
* objpos = centre of the person's box.
* scale = height / 200, where the height is the largest of: longer side of the box (lying people), shoulders to hips
  over 0.288, shoulder width over 0.259 (Drillis and Contini's body proportions). The last two are lower bounds by
  foreshortening; they correct boxes that end at the image border or at a table.
* visible flag 2 = visible, 1 = self-occluded (COCO does not say by whom), outside of the image = truncated.
* crowds and people without keypoints are un-annotated: the usable part of their segmentation, or else their box, is out
  of the loss; who has neither is left out.
"""

import collections
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.file_names import find_file
from openpose_tf.common.images import Orientation
from openpose_tf.data.annotations import coco_file, pixels, segmentations
from openpose_tf.data.annotations.coco_file import LIMB_JOINTS, CocoImage, CocoPerson
from openpose_tf.data.annotations.types import AnnotatedImage, Person, ReadRequest, ReadResult, in_image, with_distances
from openpose_tf.skeleton import MPII_JOINTS, NUM_MPII_JOINTS, JointState

# MPII joints that are the middle of two others where the file does not name them.
MIDDLES = {
    "thorax": ("l_shoulder", "r_shoulder"),
    "upper_neck": ("l_shoulder", "r_shoulder"),
    "pelvis": ("l_hip", "r_hip"),
}
TORSO_OF_HEIGHT, SHOULDERS_OF_HEIGHT = 0.288, 0.259
UNUSABLE = "unusable segmentation: the box of the person counts"
PARTLY_USABLE = "partly unusable segmentation: the rest of it counts"
STATE_OF_FLAG = {0: JointState.MISSING, 1: JointState.SELF_OCCLUDED, 2: JointState.VISIBLE}


def read(request: ReadRequest) -> ReadResult:
    """Returns the images of a COCO keypoint file that show a person with keypoints, in the order of the file.

    A picture is looked for in the folder by its file_name, then by the name's last part, see `find_file`.

    Raises:
        UserError: not such a file, or its joints cannot be mapped.
    """
    content = coco_file.parse(request.annotations)
    root = files.require_dir(str(request.images), "the pictures of the annotation file")
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
    """The image, whose size the picture says where the file does not; counts what is left out or read otherwise."""
    path = find_file(root, entry.file_name)
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
        ignore_segmentations=tuple(region for region in regions if region is not None),
        size_is_annotated=size_is_annotated,
    )


def _keypoints(person: CocoPerson, width: int, height: int) -> np.ndarray:
    """[16, 3] (x, y, JointState) of a person; MPII joints that the file does not name are derived or missing."""
    result = np.zeros((NUM_MPII_JOINTS, 3))
    named = {name: point for name, point in zip(person.joints, person.keypoints) if name in MPII_JOINTS}
    for name, (x, y, flag) in named.items():
        result[MPII_JOINTS.index(name)] = (x, y, STATE_OF_FLAG[int(flag)])
    for name, pair in MIDDLES.items():
        if name not in named:
            ends = result[[MPII_JOINTS.index(end) for end in pair]]
            known = (ends[:, 2] != JointState.MISSING).all()
            result[MPII_JOINTS.index(name)] = (*ends[:, :2].mean(0), ends[:, 2].max()) if known else 0
    known = result[:, 2] != JointState.MISSING
    result[known & ~in_image(result, width, height), 2] = JointState.TRUNCATED
    return np.where(known[:, None], result, 0.0)


def _person(person: CocoPerson, keypoints: np.ndarray) -> Person:
    assert person.box is not None  # where joints are labelled, there is one
    x, y, width, height = person.box
    return Person(
        keypoints=keypoints,
        objpos=np.array([x + width / 2, y + height / 2]),
        scale=estimate_height(keypoints, width, height) / 200.0,
        area=person.area,
    )


def estimate_height(keypoints: np.ndarray, box_width: float, box_height: float) -> float:
    """Returns a person's standing height in pixels, estimated from the box and the torso (module docstring).

    Args:
        keypoints: [16, 3] (x, y, JointState), MPII order.
        box_width, box_height: of the person's box.
    """

    def length(first: str, second: str) -> float:
        ends = keypoints[[MPII_JOINTS.index(first), MPII_JOINTS.index(second)]]
        known = (ends[:, 2] != JointState.MISSING).all()
        return float(np.linalg.norm(ends[0, :2] - ends[1, :2])) if known else 0.0

    torso = max(length("l_shoulder", "l_hip"), length("r_shoulder", "r_hip"))
    shoulders = length("l_shoulder", "r_shoulder")
    return max(box_width, box_height, torso / TORSO_OF_HEIGHT, shoulders / SHOULDERS_OF_HEIGHT)


def _region(person: CocoPerson, width: int, height: int, path: Path, notes: collections.Counter[str]) -> Any:
    """Segmentation of an un-annotated person in an image of this size, else its box as a polygon, else None."""
    region, is_whole = segmentations.usable(person.segmentation or [], width, height, path)
    if person.segmentation and not is_whole:
        notes[UNUSABLE if region is None else PARTLY_USABLE] += 1
    if region is not None:
        return person.segmentation
    return None if person.box is None else [segmentations.box_polygon(person.box)]
