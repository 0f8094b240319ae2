"""Ground truth for the OKS evaluation: an image dataset or a COCO keypoint file, as named joints."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.formats.prediction_json import ImagePrediction, image_key
from eval.metrics.oks import OksImage, person_scores
from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import readers
from openpose_tf.data.annotations.types import AnnotatedImage, Person, in_image
from openpose_tf.skeleton import COCO_JOINTS, MPI, NUM_MPII_JOINTS, JointState, mpii_to_parts

_COCO_WHAT = 'a COCO keypoint file ({"images": [...], "annotations": [...], "categories": [...]})'
BOX_TO_AREA = 0.53  # mask area / box area of a person, where there is no mask (evaluation.md section 12)
# Joint names of COCO-like data sets that are parts under another name.
_ALIASES = {"top_head": "head_top", "head": "head_top", "upper_neck": "neck", "head_bottom": "neck"}


@dataclasses.dataclass(frozen=True)
class ImageTruth:
    """The people of one image.

    Attributes:
        keypoints: [G, K, 3] float64 (x, y, v) of the data set's joints; v = 0 not labelled, 1 occluded, 2 visible.
        areas: [G] float64 square pixels.
        boxes: [G, 4] float64 (x, y, width, height).
        ignored: [G] bool, people who do not count.
    """

    keypoints: np.ndarray
    areas: np.ndarray
    boxes: np.ndarray
    ignored: np.ndarray


@dataclasses.dataclass(frozen=True)
class Truth:
    """A data set's ground truth: joint names (in the order of the keypoints) and images by key."""

    joints: tuple[str, ...]
    images: Mapping[str, ImageTruth]


def read_truth(path: str | Path) -> Truth:
    """Returns the ground truth of an image dataset folder or of a COCO keypoint JSON.

    Raises:
        UserError: the path is neither, or its content is of another form.
    """
    images = readers.read_recognised(path)
    return read_coco(path) if images is None else truth_from_images(images)


def truth_from_images(images: Sequence[AnnotatedImage]) -> Truth:
    """Returns annotated images as ground truth of the 15 MPI parts; truncated joints are not labelled."""
    labelled = np.ones(NUM_MPII_JOINTS, bool)
    for image in images:
        labelled &= np.asarray(image.labelled_joints, bool)
    known = mpii_to_parts(np.repeat(labelled[:, None], 3, 1).astype(np.float64))[:, 2] > 0  # [15]
    truth = {image_key(image.image_path.name): _image_truth(image, known) for image in images}
    if len(truth) != len(images):
        raise UserError("two images of the ground truth have the same file name without folder: rename one")
    return Truth(tuple(np.array(MPI.parts)[known]), truth)


def _image_truth(image: AnnotatedImage, known: np.ndarray) -> ImageTruth:
    rows = [_person_truth(person, image.width, image.height) for person in image.people]
    keypoints = np.array([row[0] for row in rows]).reshape(-1, MPI.num_parts, 3)[:, known]
    areas, boxes = np.array([row[1] for row in rows]), np.array([row[2] for row in rows]).reshape(-1, 4)
    # A person of whom no pixel is visible cannot be found: OKS divides by the area, so it would be 0 for everyone.
    return ImageTruth(keypoints, areas, boxes, areas <= 0)


def _person_truth(person: Person, width: int, height: int) -> tuple[np.ndarray, float, np.ndarray]:
    """Returns ([15, 3] (x, y, v), area, box) of a person; v as in COCO, outside of the image not labelled."""
    joints = np.array(person.keypoints, np.float64)
    inside = in_image(joints, width, height) & (joints[:, 2] != JointState.TRUNCATED)
    joints[~inside, 2] = JointState.MISSING
    parts = mpii_to_parts(joints)
    visibility = np.select([parts[:, 2] == JointState.MISSING, parts[:, 2] == JointState.VISIBLE], [0, 2], 1)
    parts[:, 2] = visibility
    parts[visibility == 0, :2] = 0
    points = joints[inside, :2]
    if person.head_box is not None:
        points = np.concatenate([points, np.reshape(person.head_box, (2, 2))])
    low, high = (points.min(0), points.max(0)) if len(points) else (np.zeros(2), np.zeros(2))
    area = BOX_TO_AREA * float(np.prod(high - low)) if person.area is None else float(person.area)
    return parts, area, np.concatenate([low, high - low])


def read_coco(path: str | os.PathLike[str]) -> Truth:
    """Returns the people of a COCO keypoint JSON; crowds are ignored regions as in COCO's own evaluation."""
    value = files.read_json(path, _COCO_WHAT + " or an image dataset folder")
    if not isinstance(value, dict) or not all(isinstance(value.get(k), list) for k in ("images", "annotations")):
        raise UserError(f"{path} is not {_COCO_WHAT}")
    joints = _coco_joints(value, path)
    try:
        names = {image["id"]: image_key(str(image["file_name"])) for image in value["images"]}
        rows: dict[Any, list[Any]] = {image_id: [] for image_id in names}
        for annotation in value["annotations"]:
            if "keypoints" in annotation:
                rows[annotation["image_id"]].append(_coco_person(annotation, len(joints)))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is not {_COCO_WHAT}: {type(error).__name__} {error}") from None
    if len(set(names.values())) != len(names):
        raise UserError(f"{path}: two images have the same file name without folder: OKS matches images by it")
    return Truth(joints, {names[image_id]: _stack(people, len(joints)) for image_id, people in rows.items()})


def _coco_joints(value: Mapping[str, Any], path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Returns the joint names of the person category in this project's words (l_shoulder, head_top, neck, ...)."""
    categories = [c for c in value.get("categories") or [] if isinstance(c, dict) and c.get("keypoints")]
    if len(categories) > 1:
        raise UserError(f"{path}: {len(categories)} categories with keypoints: keep the person category only")
    if not categories:
        return COCO_JOINTS
    names = (str(name).lower().replace(" ", "_").replace("-", "_") for name in categories[0]["keypoints"])
    names = (name.replace("left_", "l_").replace("right_", "r_") for name in names)
    return tuple(_ALIASES.get(name, name) for name in names)


def _coco_person(annotation: Mapping[str, Any], num_joints: int) -> tuple[np.ndarray, float, np.ndarray, bool]:
    keypoints = np.asarray(annotation["keypoints"], np.float64).reshape(num_joints, 3)
    box = np.asarray(annotation["bbox"], np.float64).reshape(4)
    area = float(annotation.get("area") or BOX_TO_AREA * box[2] * box[3])
    return keypoints, area, box, bool(annotation.get("iscrowd", 0))


def _stack(people: Sequence[tuple[np.ndarray, float, np.ndarray, bool]], num_joints: int) -> ImageTruth:
    return ImageTruth(
        np.array([person[0] for person in people]).reshape(-1, num_joints, 3),
        np.array([person[1] for person in people]),
        np.array([person[2] for person in people]).reshape(-1, 4),
        np.array([person[3] for person in people], bool),
    )


def join(
    truth: Truth, predictions: Mapping[str, ImagePrediction], joints: Sequence[str], keys: Sequence[str]
) -> list[OksImage]:
    """Returns ground truth and predictions of the images `keys`, reduced to `joints`.

    An image without a prediction has no detections. A person's score is the mean score of all its found parts
    (evaluation.md section 12); predicted people without any of the joints are left out.
    """
    truth_columns = [truth.joints.index(joint) for joint in joints]
    part_columns = [MPI.parts.index(joint) for joint in joints]
    images = []
    for key in keys:
        people = truth.images[key]
        found = predictions[key].keypoints if key in predictions else np.zeros((0, MPI.num_parts, 3))
        picked = found[:, part_columns]
        has_joint = (picked[..., 2] > 0).any(-1)
        images.append(
            OksImage(
                people.keypoints[:, truth_columns],
                people.areas,
                people.boxes,
                people.ignored,
                picked[has_joint],
                person_scores(found)[has_joint],
            )
        )
    return images
