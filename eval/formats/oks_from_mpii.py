"""Groups of the MPII benchmark as input of the OKS evaluation: a second score, which counts missed groups."""

from collections.abc import Sequence

import numpy as np

from eval.formats.oks_truth import BOX_TO_AREA
from eval.metrics.groups import GroupPredictions, GroupTruth
from eval.metrics.oks import OksImage, box_areas


def oks_images(
    truth: Sequence[GroupTruth], predictions: Sequence[GroupPredictions], joints: Sequence[int]
) -> list[OksImage]:
    """Returns one OKS image per group.

    MPII has no masks, so a person's area is 0.53 * the box around its joints and head box. v is 1 for joints flagged
    as occluded, else 2. People without joints are left out (docs/reference/evaluation.md section 12).

    Args:
        truth, predictions: the groups, in the same order.
        joints: MPII ids of the evaluated joints; area, box and person scores take all 16.
    """
    lowest = min((float(np.nanmin(f.scores)) for f in predictions if not np.isnan(f.scores).all()), default=0.0)
    return [_image(people, found, list(joints), lowest) for people, found in zip(truth, predictions, strict=True)]


def _image(people: GroupTruth, found: GroupPredictions, joints: list[int], lowest: float) -> OksImage:
    annotated = ~np.isnan(people.xy).any(-1)  # [G, 16]
    visibility = np.where(annotated, np.where(people.visible == 0, 1, 2), 0)
    keypoints = np.concatenate([np.nan_to_num(people.xy), visibility[..., None]], -1)[annotated.any(-1)]
    low, high = _extent(np.concatenate([people.xy, people.head_boxes.reshape(-1, 2, 2)], 1)[annotated.any(-1)])
    detected = ~np.isnan(found.scores)
    # MPII scores may be zero or negative, which elsewhere means "not found": lifted above zero, in the same order.
    lifted = np.where(detected, found.scores - lowest + 1, 0)
    detections = np.concatenate([np.nan_to_num(found.xy), lifted[..., None]], -1)[detected.any(-1)]
    means = np.where(detected, found.scores, 0).sum(-1) / np.maximum(detected.sum(-1), 1)
    return OksImage(
        gt_keypoints=keypoints[:, joints],
        gt_areas=BOX_TO_AREA * np.prod(high - low, -1),
        gt_boxes=np.concatenate([low, high - low], -1),
        gt_ignored=np.zeros(len(keypoints), bool),
        dt_keypoints=detections[:, joints],
        dt_scores=means[detected.any(-1)],
        dt_areas=box_areas(detections),
    )


def _extent(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the smallest and largest x and y [G, 2] of points [G, N, 2]; NaN = absent."""
    if not len(points):
        return np.zeros((0, 2)), np.zeros((0, 2))
    return np.nanmin(points, 1), np.nanmax(points, 1)
