"""Ground truth for the OKS evaluation: an image dataset or a COCO keypoint file, as named joints."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from absl import logging

from eval.formats.prediction_json import ImagePrediction, image_key
from eval.metrics.oks import OksImage, person_scores
from openpose_tf.common.errors import UserError
from openpose_tf.common.file_names import id_of_name
from openpose_tf.data.annotations import readers
from openpose_tf.data.annotations.formats.coco_file import CocoFile, CocoImage, id_key
from openpose_tf.data.annotations.types import AnnotatedImage, Person, in_image
from openpose_tf.skeleton import MPI, NUM_MPII_JOINTS, JointState, mpii_to_parts

BOX_TO_AREA = 0.53  # mask area / box area of a person, where there is no mask (docs/reference/evaluation.md section 12)
_PARTS = {"upper_neck": "neck"}  # joints of MPII that are parts under another name


@dataclasses.dataclass(frozen=True)
class ImageTruth:
    """The people of one image.

    Attributes:
        keypoints: [G, K, 3] float64 (x, y, v) of the data set's joints; v = 0 not labelled, 1 occluded, 2 visible.
        areas: [G] float64 square pixels.
        boxes: [G, 4] float64 (x, y, width, height).
        ignored: [G] bool, people who do not count.
        size: (width, height) of the image in pixels, None where it is not known.
        pitch_deg: of a rendered image's camera, degrees below the horizon; None where it is not known.
    """

    keypoints: np.ndarray
    areas: np.ndarray
    boxes: np.ndarray
    ignored: np.ndarray
    size: tuple[int, int] | None = None
    pitch_deg: float | None = None


@dataclasses.dataclass(frozen=True)
class Truth:
    """A data set's ground truth.

    Attributes:
        joints: names, in the order of the keypoints.
        images: by image key.
        names: image key by COCO image id (`coco_file.id_key`).
    """

    joints: tuple[str, ...]
    images: Mapping[str, ImageTruth]
    names: Mapping[str, str]

    def only(self, wanted: Sequence[str], path: str | Path) -> "Truth":
        """Returns the images of a list, by id or file name.

        Args:
            wanted: the ids or names.
            path: the list, for the message.

        Raises:
            UserError: the list names an image that is not here.
        """
        keys = {name: self.names.get(str(id_key(name)), image_key(name)) for name in wanted}
        unknown = sorted(name for name, key in keys.items() if key not in self.images)
        if unknown:
            raise UserError(
                f"{path}: {len(unknown)} of {len(keys)} names are not in the ground truth, such as {unknown[0]}"
            )
        return dataclasses.replace(self, images={key: self.images[key] for key in dict.fromkeys(keys.values())})


def read_truth(path: str | Path) -> Truth | None:
    """Returns the ground truth of a path whose format is recognized, such as an image dataset or a COCO keypoint file.

    Raises:
        UserError: the format is recognized, but the content is not what it should be.
    """
    content = readers.parse_recognized(path)
    if content is not None:
        return truth_from_coco(content, path)
    images = readers.read_recognized(path)
    return None if images is None else truth_from_images(images)


def truth_from_images(images: Sequence[AnnotatedImage]) -> Truth:
    """Returns annotated images as ground truth of the 15 MPI parts; truncated joints are not labelled."""
    labelled = np.ones(NUM_MPII_JOINTS, bool)
    for image in images:
        labelled &= np.asarray(image.labelled_joints, bool)
    known = mpii_to_parts(np.repeat(labelled[:, None], 3, 1).astype(np.float64))[:, 2] > 0  # [15]
    truth = {image_key(image.image_path.name): _image_truth(image, known) for image in images}
    if len(truth) != len(images):
        raise UserError("two images of the ground truth have the same file name without folder: rename one")
    files = [image.image_path.name for image in images]
    ids = {str(id_key(id_of_name(file))): image_key(file) for file in files}
    return Truth(tuple(np.array(MPI.parts)[known]), truth, ids)


def _image_truth(image: AnnotatedImage, known: np.ndarray) -> ImageTruth:
    rows = [_person_truth(person, image.width, image.height) for person in image.people]
    keypoints = np.array([row[0] for row in rows]).reshape(-1, MPI.num_parts, 3)[:, known]
    areas, boxes = np.array([row[1] for row in rows]), np.array([row[2] for row in rows]).reshape(-1, 4)
    # A person of whom no pixel is visible cannot be found: OKS divides by the area, so it would be 0 for everyone.
    pitch = image.people[0].features.get("camera_pitch_deg") if image.people else None
    return ImageTruth(keypoints, areas, boxes, areas <= 0, (image.width, image.height), pitch)


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


def truth_from_coco(content: CocoFile, path: str | Path) -> Truth:
    """Returns the people of a COCO keypoint file in its own joints.

    Crowds and people without a labelled joint are ignored, as in COCO's own evaluation.
    """
    for reason, count in content.left_out.items():
        logging.info("%s: %d left out: %s", path, count, reason)
    for reason, count in content.notes.items():
        logging.info("%s: %d: %s", path, count, reason)
    names = tuple(dict.fromkeys(name for category in content.categories for name in category))
    images = {image_key(image.file_name): _coco_truth(image, names) for image in content.images}
    if len(images) != len(content.images):
        raise UserError(f"{path}: two images have the same file name without folder: OKS matches images by it")
    ids = {str(id_key(image.image_id)): image_key(image.file_name) for image in content.images}
    return Truth(tuple(_PARTS.get(name, name) for name in names), images, ids)


def _coco_truth(image: CocoImage, names: Sequence[str]) -> ImageTruth:
    people = [person for person in image.people if person.box is not None]  # else nothing is known of the person
    keypoints = np.zeros((len(people), len(names), 3))
    for row, person in zip(keypoints, people):
        row[[names.index(name) for name in person.joints]] = person.keypoints
    boxes = np.array([person.box for person in people], np.float64).reshape(-1, 4)
    areas = np.array([person.area or np.nan for person in people], np.float64)
    areas = np.where(np.isnan(areas), BOX_TO_AREA * boxes[:, 2] * boxes[:, 3], areas)
    is_crowd = np.array([person.is_crowd for person in people], bool)
    return ImageTruth(
        keypoints,
        areas,
        boxes,
        is_crowd | (areas <= 0),  # one joint and no box: OKS divides by a size that nobody knows
        (image.width, image.height) if image.width and image.height else None,
    )


def join(
    truth: Truth, predictions: Mapping[str, ImagePrediction], joints: Sequence[str], keys: Sequence[str]
) -> list[OksImage]:
    """Returns ground truth and predictions of the images `keys`, reduced to `joints`.

    An image without a prediction has no detections. A person's score is the mean score of all its found parts
    (docs/reference/evaluation.md section 12), unless the prediction ranks its people itself; predicted people without
    any of the joints are left out.
    """
    truth_columns = [truth.joints.index(joint) for joint in joints]
    part_columns = [MPI.parts.index(joint) for joint in joints]
    images = []
    for key in keys:
        people = truth.images[key]
        prediction = predictions.get(key, ImagePrediction(key, np.zeros((0, MPI.num_parts, 3)), np.zeros(0)))
        found = prediction.keypoints
        scores = prediction.scores if prediction.is_ranked else person_scores(found)
        picked = found[:, part_columns]
        has_joint = (picked[..., 2] > 0).any(-1)
        images.append(
            OksImage(
                people.keypoints[:, truth_columns],
                people.areas,
                people.boxes,
                people.ignored,
                picked[has_joint],
                scores[has_joint],
            )
        )
    return images
