"""Ground truth and predictions of the MPII metric in all the forms that users have them."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from eval.formats import mpii_toolkit
from eval.formats.mpii_from_images import groups_of_images, predictions_of_parts
from eval.formats.prediction_json import ImagePrediction, image_key, read_predictions
from eval.formats.regions import RULES, RegionRule, restrict, truth_region
from eval.metrics.groups import GroupPredictions, GroupTruth
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import readers


def read_groups(
    groundtruth: str, predictions: str, rule: RegionRule = RULES["openpose"]
) -> tuple[list[GroupTruth], list[GroupPredictions]]:
    """Returns the groups and the predictions for each of them.

    Args:
        groundtruth: toolkit .mat or .json, or an image dataset folder (each image with people is one group).
        predictions: toolkit .mat or .json with one entry per group; or a folder of prediction JSON files, one per
            image, which may serve several groups of the image.
        rule: drops the people of a prediction folder that are outside of a group; not applied to toolkit files,
            which hold one entry per group already, nor to image datasets, whose groups are whole images.

    Raises:
        UserError: a file is missing or wrong, or the two do not belong together.
    """
    images = readers.read_recognized(groundtruth)
    if images is not None:
        if not os.path.isdir(predictions):
            return groups_of_images(images, {})[0], mpii_toolkit.read_predictions(predictions)
        found = read_predictions(predictions)
        _require_overlap([image.image_path.name for image in images], found, groundtruth, predictions)
        return groups_of_images(images, found)
    truth = mpii_toolkit.read_truth(groundtruth)
    if os.path.isdir(predictions):
        return truth, _of_images(truth, read_predictions(predictions), rule, groundtruth, predictions)
    return truth, mpii_toolkit.read_predictions(predictions)


def _require_overlap(
    names: Sequence[str], found: Mapping[str, ImagePrediction], groundtruth: str, predictions: str
) -> None:
    if not any(image_key(name) in found for name in names):
        raise UserError(f"no prediction in {predictions} belongs to an image of {groundtruth}: predict on its images")


def _of_images(
    truth: Sequence[GroupTruth],
    found: Mapping[str, ImagePrediction],
    rule: RegionRule,
    groundtruth: str,
    predictions: str,
) -> list[GroupPredictions]:
    """Returns for each group the people predicted in its image that lie in its region."""
    unnamed = [index for index, group in enumerate(truth) if not group.image]
    if unnamed:
        raise UserError(
            f"{groundtruth}: group {unnamed[0] + 1} has no image name, so predictions per image cannot be found: "
            "give toolkit predictions with one entry per group"
        )
    _require_overlap([group.image for group in truth], found, groundtruth, predictions)
    return [_of_group(group, found.get(image_key(group.image)), rule, index) for index, group in enumerate(truth)]


def _of_group(group: GroupTruth, found: ImagePrediction | None, rule: RegionRule, index: int) -> GroupPredictions:
    if found is None:
        return GroupPredictions(np.zeros((0, 16, 2)), np.zeros((0, 16)), group.image)
    if not (found.width and found.height):
        raise UserError(f"the prediction of {group.image} has no width and height, which clip the group's region")
    region = truth_region(group, found.width, found.height, f"group {index + 1}")
    return restrict(predictions_of_parts(found.keypoints, group.image), region, rule)
