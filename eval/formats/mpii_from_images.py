"""An image dataset and a folder of predictions as entries of the MPII metric: one group per image.

Rendered people have head boxes, so the metric applies to them unchanged. An image dataset knows no groups of people in
close proximity; the whole image is one group and no prediction is filtered.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from eval.formats.prediction_json import ImagePrediction, image_key
from eval.metrics.groups import GroupPredictions, GroupTruth
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations.types import AnnotatedImage, Person, in_image
from openpose_tf.skeleton import NUM_MPII_JOINTS, PART_TO_MPII_OUTPUT, JointState


def truth_of_people(people: Sequence[Person], width: int, height: int, image: str) -> GroupTruth:
    """Returns annotated people as a group; joints that are truncated or outside of the image are not annotated.

    Raises:
        UserError: a person with joints has no head box.
    """
    joints = np.array([person.keypoints for person in people], np.float64).reshape(-1, NUM_MPII_JOINTS, 3)
    annotated = in_image(joints, width, height) & (joints[..., 2] != JointState.TRUNCATED)
    boxes = [np.full(4, np.nan) if person.head_box is None else person.head_box for person in people]
    for index, box in enumerate(boxes):
        if annotated[index].any() and np.isnan(box).any():
            raise UserError(f"image {image}, person {index + 1} has no head box: use eval.oks for this data set")
    return GroupTruth(
        xy=np.where(annotated[..., None], joints[..., :2], np.nan),
        visible=np.where(annotated, joints[..., 2] == JointState.VISIBLE, np.nan),
        head_boxes=np.array(boxes, np.float64).reshape(-1, 4),
        objpos=np.array([person.objpos for person in people], np.float64).reshape(-1, 2),
        scales=np.array([person.scale for person in people], np.float64),
        image=image,
    )


def predictions_of_parts(keypoints: np.ndarray, image: str = "") -> GroupPredictions:
    """Returns people of 15 MPI parts [P, 15, 3] (x, y, score; 0 = not found) as predictions of MPII joints.

    The score of a joint is its own part score (person-level scores cost 1.5 AP, docs/reference/evaluation.md section
    15). People without any part are left out.
    """
    found = keypoints[(keypoints[..., 2] > 0).any(-1)]
    joints = np.full((len(found), NUM_MPII_JOINTS, 3), np.nan)
    joints[:, list(PART_TO_MPII_OUTPUT)] = np.where(found[..., 2:] > 0, found, np.nan)
    return GroupPredictions(joints[..., :2], joints[..., 2], image)


def groups_of_images(
    images: Sequence[AnnotatedImage], predictions: Mapping[str, ImagePrediction]
) -> tuple[list[GroupTruth], list[GroupPredictions]]:
    """Returns one group per image that has people; an image without a prediction file has no predictions."""
    truth, found = [], []
    for image in images:
        if not image.people:
            continue
        name = image.image_path.name
        truth.append(truth_of_people(image.people, image.width, image.height, name))
        prediction = predictions.get(image_key(name))
        keypoints = np.zeros((0, len(PART_TO_MPII_OUTPUT), 3)) if prediction is None else prediction.keypoints
        found.append(predictions_of_parts(keypoints, name))
    return truth, found
