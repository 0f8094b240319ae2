"""Scores of one student on one validation set, image by image: enough for every number and interval of the page."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eval.formats import mpii_from_images, oks_truth, turned_results
from eval.formats.prediction_json import read_predictions
from eval.metrics import mpii_summary, oks_pairs, pck, visibility_bins
from eval.metrics import oks as oks_metric
from eval.metrics.mpii import Match
from eval.metrics.oks_pairs import ImageMatches
from eval.metrics.pck import ImagePck
from eval.study.validation import ValidationSet
from openpose_tf.common import files
from openpose_tf.skeleton import MPI


@dataclasses.dataclass(frozen=True)
class MpiiScores:
    """MPII's matching of the images that have people, where all people have head boxes; I images.

    Attributes:
        matches: one per image.
        visible_bins: per image the bin [G] of each person by ratio of visible joints, -1 without joints.
        pitch_deg: [I] camera pitch.
    """

    matches: list[Match]
    visible_bins: list[np.ndarray]
    pitch_deg: np.ndarray


@dataclasses.dataclass(frozen=True)
class SetScores:
    """A student on a set; the images stand in one order for all students.

    Attributes:
        joints: names of the evaluated joints.
        oks: COCO's matches per image.
        pck: which joints were found, per image.
        ignored: people per image who are not annotated, and neither right nor wrong.
        mpii: MPII's matching, None without head boxes.
    """

    joints: tuple[str, ...]
    oks: list[ImageMatches]
    pck: list[ImagePck]
    ignored: list[int]
    mpii: MpiiScores | None


def score(scored: ValidationSet, predictions: Path) -> SetScores:
    """Returns the scores of the predictions in a folder.

    An image without a prediction file, such as one that cannot be read, is one in which nobody was found.

    Args:
        scored: the set.
        predictions: what openpose_tf.predict wrote for its images.
    """
    files.require_dir(predictions, "predictions of the validation images")
    truth, found = scored.truth, read_predictions(predictions)
    found = {key: value for key, value in found.items() if key in truth.images}
    found |= turned_results.as_annotated(
        found,
        {key: truth.images[key].size for key in found},
        {key: truth.images[key].keypoints for key in found},
        truth.joints,
        "stored",
    )
    joints = evaluated_joints(truth.joints)
    sigmas = oks_metric.sigmas_of("recommended", joints)
    images = oks_truth.join(truth, found, joints, list(truth.images))
    return SetScores(
        joints,
        oks_pairs.match_images(images, sigmas),
        [pck.judge(image, joints, sigmas) for image in images],
        [int((~image.gt_counted).sum()) for image in images],
        _mpii(scored, found) if scored.has_head_boxes else None,
    )


def evaluated_joints(available: Sequence[str]) -> tuple[str, ...]:
    """Returns MPII's evaluated joints as far as a set has them, as eval.oks does."""
    return tuple(part for part in MPI.parts[:14] if part in available)


def _mpii(scored: ValidationSet, found: dict) -> MpiiScores:
    truth, groups = mpii_from_images.groups_of_images(scored.annotated, found)
    pitches = [image.people[0].features.get("camera_pitch_deg", np.nan) for image in scored.annotated if image.people]
    return MpiiScores(
        mpii_summary.match_groups(truth, groups),
        [visibility_bins.visible_bins(group.xy, group.visible, "evaluated") for group in truth],
        np.array(pitches, np.float64),
    )
