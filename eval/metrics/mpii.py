"""MPII multi-person average precision (evalMPII) as pure functions on arrays.

Equal to the official toolkit (docs/reference/evaluation.md sections 3, 5, 6, 7). One entry is one group of people.
G = people of a group, P = predictions, J = joints. Absent joints are NaN.

Example:
    match = match_group(pred_xy, pred_scores, gt_xy, head_boxes)   # [P, 16, 2], [P, 16], [G, 16, 2], [G, 4]
    print(evaluate([match]).mean)
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from openpose_tf.skeleton import MPII_JOINTS

# The 14 evaluated joints as MPII ids, in the toolkit's order; pelvis (6) and thorax (7) are ignored everywhere.
EVALUATED_JOINTS = (0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 8, 9)
JOINT_NAMES = tuple(MPII_JOINTS[joint] for joint in EVALUATED_JOINTS)
# Columns of the toolkit's table: means of two joints, given as positions in EVALUATED_JOINTS.
TABLE_COLUMNS = {
    "Head": (12, 13),
    "Shoulder": (8, 9),
    "Elbow": (7, 10),
    "Wrist": (6, 11),
    "Hip": (2, 3),
    "Knee": (1, 4),
    "Ankle": (0, 5),
}
HIT_DISTANCE = 0.5  # head sizes, inclusive
HEAD_BOX_TO_SIZE = 0.6  # head size / diagonal of the head box


@dataclasses.dataclass(frozen=True)
class Match:
    """What the matching of one group gives, joints in the order of EVALUATED_JOINTS.

    Attributes:
        assignment: [P] int, index of the matched person, -1 = unmatched.
        labels: [P, 14] bool, True = true positive.
        scores: [P, 14] float64, NaN where the joint is not predicted.
        annotated: [G, 14] bool.
    """

    assignment: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    annotated: np.ndarray

    @property
    def detected(self) -> np.ndarray:
        """[P, 14] bool: predicted joints."""
        return ~np.isnan(self.scores)


@dataclasses.dataclass(frozen=True)
class JointScores:
    """Scores of one joint over all groups.

    Attributes:
        ap: average precision in percent; NaN for detections without any annotated joint.
        n_gt: annotated joints.
        scores, labels: [N] detections in the order group, then prediction.
        precision, recall: [N] in descending order of the scores.
    """

    ap: float
    n_gt: int
    scores: np.ndarray
    labels: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    @property
    def n_det(self) -> int:
        """Number of detections."""
        return len(self.labels)

    @property
    def n_tp(self) -> int:
        """Number of true positives."""
        return int(self.labels.sum())


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Scores of a set of groups: the 14 joints in toolkit order."""

    joints: tuple[JointScores, ...]

    @property
    def ap(self) -> np.ndarray:
        """[14] percent."""
        return np.array([joint.ap for joint in self.joints])

    @property
    def mean(self) -> float:
        """Mean of the 14 AP, the table's total, in percent; NaN if one of them is."""
        return float(self.ap.mean())

    @property
    def table(self) -> dict[str, float]:
        """The seven columns of the toolkit's table, in percent."""
        return table_columns(self.ap)


def table_columns(ap: np.ndarray) -> dict[str, float]:
    """Returns the means of right and left joints (Head: neck and head top) of 14 AP in toolkit order."""
    return {name: float(ap[list(pair)].mean()) for name, pair in TABLE_COLUMNS.items()}


def head_sizes(head_boxes: np.ndarray) -> np.ndarray:
    """Returns 0.6 * diagonal of head boxes [..., 4] (x1, y1, x2, y2), as [...] float64 pixels."""
    boxes = np.asarray(head_boxes, np.float64)
    return HEAD_BOX_TO_SIZE * np.sqrt((boxes[..., 2] - boxes[..., 0]) ** 2 + (boxes[..., 3] - boxes[..., 1]) ** 2)


def joint_hits(pred_xy: np.ndarray, gt_xy: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns where prediction and person both have a joint, at most half a head size apart.

    Args:
        pred_xy: [P, J, 2] float64 pixels, NaN = not predicted.
        gt_xy: [G, J, 2] float64 pixels, NaN = not annotated.
        sizes: [G] float64 head sizes in pixels.

    Returns:
        [P, G, J] bool.
    """
    offset = pred_xy[:, None] - gt_xy[None]  # [P, G, J, 2]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        # The toolkit divides first and compares then; a head of size 0 gives inf or NaN, which is no hit.
        return np.sqrt((offset**2).sum(-1)) / sizes[None, :, None] <= HIT_DISTANCE


def pck_matrix(hits: np.ndarray, annotated: np.ndarray) -> np.ndarray:
    """Returns each prediction's share of each person's annotated joints that it hits.

    Args:
        hits: [P, G, J] bool.
        annotated: [G, J] bool.

    Returns:
        [P, G] float64 in [0, 1]; 0 for a person without annotated joints.
    """
    count = annotated.sum(-1)
    return np.where(count > 0, hits.sum(-1) / np.maximum(count, 1), 0.0)


def assign(pck: np.ndarray) -> np.ndarray:
    """Returns the person that each prediction is matched to.

    Each prediction keeps its best person only (ties: lowest index); each person then takes the best prediction that is
    left (ties: lowest index, none at 0). A prediction that loses has no second choice. Scores play no role.

    Args:
        pck: [P, G] float64.

    Returns:
        [P] int, -1 = unmatched.
    """
    num_predictions, num_people = pck.shape
    assignment = np.full(num_predictions, -1)
    if num_predictions == 0 or num_people == 0:
        return assignment
    best = pck.argmax(1)
    left = np.zeros_like(pck)
    rows = np.arange(num_predictions)
    left[rows, best] = pck[rows, best]
    winners = left.argmax(0)  # [G]
    people = np.flatnonzero(left.max(0) > 0)
    assignment[winners[people]] = people
    return assignment


def joint_labels(hits: np.ndarray, assignment: np.ndarray) -> np.ndarray:
    """Returns [P, J] bool: the hits [P, G, J] of each prediction on its own person; unmatched ones have none."""
    labels = np.zeros((hits.shape[0], hits.shape[2]), bool)
    matched = np.flatnonzero(assignment >= 0)
    labels[matched] = hits[matched, assignment[matched]]
    return labels


def match_group(pred_xy: np.ndarray, pred_scores: np.ndarray, gt_xy: np.ndarray, head_boxes: np.ndarray) -> Match:
    """Returns the matching of one group.

    Args:
        pred_xy: [P, 16, 2] float64 pixels in MPII order, NaN = not predicted.
        pred_scores: [P, 16] float64, any finite number; read only where the joint is predicted.
        gt_xy: [G, 16, 2] float64 pixels, NaN = not annotated.
        head_boxes: [G, 4] float64 (x1, y1, x2, y2).
    """
    pick = list(EVALUATED_JOINTS)
    pred, truth = np.asarray(pred_xy)[:, pick], np.asarray(gt_xy)[:, pick]
    annotated = ~np.isnan(truth).any(-1)
    hits = joint_hits(pred, truth, head_sizes(head_boxes))
    assignment = assign(pck_matrix(hits, annotated))
    scores = np.where(np.isnan(pred).any(-1), np.nan, np.asarray(pred_scores)[:, pick])
    return Match(assignment, joint_labels(hits, assignment), scores, annotated)


def precision_recall(scores: np.ndarray, labels: np.ndarray, n_gt: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns precision and recall after each detection, in descending order of the scores.

    Args:
        scores: [N] float64; equal scores keep their order.
        labels: [N] bool.
        n_gt: number of annotated joints; 0 gives recall NaN.

    Returns:
        ([N], [N]) float64.
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order]).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return hits / np.arange(1, len(hits) + 1), hits / n_gt if n_gt else np.full(len(hits), np.nan)


def average_precision(precision: np.ndarray, recall: np.ndarray) -> float:
    """Returns the area under the non-increasing envelope of a precision-recall curve (VOC, all points), in [0, 1].

    Without any detection the area is 0, also if nothing is annotated; NaN recall gives NaN.
    """
    if len(recall) == 0:
        return 0.0
    if np.isnan(recall).any():
        return float("nan")
    steps = np.concatenate([[0.0], recall, [1.0]])
    envelope = np.concatenate([[0.0], precision, [0.0]])
    envelope = np.maximum.accumulate(envelope[::-1])[::-1]
    return min(float((np.diff(steps) * envelope[1:]).sum()), 1.0)  # the sum of rounded steps may pass 1 by one ulp


def score_joint(scores: np.ndarray, labels: np.ndarray, n_gt: int) -> JointScores:
    """Returns the scores of one joint from its detections [N] and number of annotated joints."""
    precision, recall = precision_recall(scores, labels, n_gt)
    return JointScores(100 * average_precision(precision, recall), n_gt, scores, labels, precision, recall)


def positives(match: Match, count_empty_groups: bool = False) -> np.ndarray:
    """Returns a group's number of annotated joints [14] int.

    The toolkit collects them inside its loop over predictions, so a group without any predicted person adds nothing,
    unless `count_empty_groups`.
    """
    if len(match.assignment) == 0 and not count_empty_groups:
        return np.zeros(len(EVALUATED_JOINTS), int)
    return match.annotated.sum(0)


def evaluate(matches: Sequence[Match], count_empty_groups: bool = False) -> Evaluation:
    """Returns the scores of all groups.

    Args:
        matches: the groups in order.
        count_empty_groups: False = as the toolkit; True = groups without predictions count as missed.
    """
    n_gt = np.sum([positives(match, count_empty_groups) for match in matches], axis=0, dtype=int)
    n_gt = np.broadcast_to(n_gt, len(EVALUATED_JOINTS))  # no group at all: a scalar 0
    scores = np.concatenate([np.zeros((0, 14)), *(match.scores for match in matches)])  # [predictions, 14]
    labels = np.concatenate([np.zeros((0, 14), bool), *(match.labels for match in matches)])
    detected = ~np.isnan(scores)
    return Evaluation(
        tuple(
            score_joint(scores[detected[:, j], j], labels[detected[:, j], j], int(n_gt[j]))
            for j in range(len(EVALUATED_JOINTS))
        )
    )
