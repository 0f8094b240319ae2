"""AP by ratio of visible joints (paper Fig. 6): five bins of people, from "nearly all occluded" to "all visible".

The matching is done once on complete groups; a bin takes the annotated joints of its people as positives and the joints
of the predictions matched to them as detections (docs/reference/evaluation.md section 11).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from eval.metrics import mpii as mpii_metric
from eval.metrics.groups import GroupTruth
from eval.metrics.mpii import EVALUATED_JOINTS, Match

NUM_BINS = 5
LABELS = tuple(f"{b / NUM_BINS:.1f}-{(b + 1) / NUM_BINS:.1f}" for b in range(NUM_BINS))
THORAX = 7
# Ratio of visible joints; the denominator counts ...
DENOMINATORS = {
    "annotated": "annotated joints of the 16 (default)",
    "without_thorax": "15 slots, all but the thorax, which does not count as visible either",
    "evaluated": "the 14 evaluated joints; for rendered people, whose true visibility of all joints is known",
}
# Joints of unmatched predictions are ...
UNMATCHED = {
    "A": "dropped (default)",
    "B": "false positives in each bin that has a person in the same group",
    "C": "false positives in every bin",
}


@dataclasses.dataclass(frozen=True)
class BinScores:
    """Scores of one bin.

    Attributes:
        people: number of people.
        ap: [14] percent in toolkit order, NaN for a joint without positives.
        mean: mean of the AP that are not NaN; NaN if all are.
        n_gt: [14] number of positives.
    """

    people: int
    ap: np.ndarray
    mean: float
    n_gt: np.ndarray


def visible_bins(xy: np.ndarray, visible: np.ndarray, denominator: str = "annotated") -> np.ndarray:
    """Returns the bin of each person by ratio of visible joints, min(5 * visible // D, 4) in integers.

    Args:
        xy: [G, 16, 2] float64, NaN = not annotated.
        visible: [G, 16] float64; 1 = visible; 0 and NaN (flag empty: always so for head top and neck in MPII) = not.
        denominator: a name of DENOMINATORS.

    Returns:
        [G] int in 0..4, -1 for people without joints.
    """
    annotated = ~np.isnan(xy).any(-1)  # [G, 16]
    seen = annotated & (visible == 1)
    size = annotated.sum(-1)
    if denominator == "without_thorax":
        seen = np.delete(seen, THORAX, axis=1)
        slots = np.full(len(xy), seen.shape[1])
    elif denominator == "evaluated":
        seen = seen[:, list(EVALUATED_JOINTS)]
        slots = np.full(len(xy), seen.shape[1])
    elif denominator == "annotated":
        slots = np.maximum(size, 1)
    else:
        raise ValueError(f"unknown denominator {denominator!r}")
    bins = np.minimum(NUM_BINS * seen.sum(-1) // slots, NUM_BINS - 1)
    return np.where(size > 0, bins, -1)


def evaluate_bins(
    truth: Sequence[GroupTruth], matches: Sequence[Match], denominator: str = "annotated", unmatched: str = "A"
) -> list[BinScores]:
    """Returns the scores of the five bins.

    All people of a bin count as positives, also those of groups without predictions.

    Args:
        truth: the groups.
        matches: their matchings on complete groups, in the same order.
        denominator: a name of DENOMINATORS.
        unmatched: a name of UNMATCHED.
    """
    return score_bins([visible_bins(group.xy, group.visible, denominator) for group in truth], matches, unmatched)


def score_bins(person_bins: Sequence[np.ndarray], matches: Sequence[Match], unmatched: str = "A") -> list[BinScores]:
    """Returns the scores of the five bins from the bin [G] of each group's people; see `evaluate_bins`."""
    return [_bin_scores(b, person_bins, matches, unmatched) for b in range(NUM_BINS)]


def _bin_scores(number: int, person_bins: Sequence[np.ndarray], matches: Sequence[Match], unmatched: str) -> BinScores:
    scores, labels = [np.zeros((0, 14))], [np.zeros((0, 14), bool)]
    n_gt = np.zeros(len(EVALUATED_JOINTS), int)
    for bins, match in zip(person_bins, matches):
        members = bins == number
        n_gt += match.annotated[members].sum(0)
        rows = _detections_of_bin(members, match, unmatched)
        scores.append(match.scores[rows])
        labels.append(match.labels[rows])
    all_scores, all_labels = np.concatenate(scores), np.concatenate(labels)
    detected = ~np.isnan(all_scores)
    ap = np.full(len(n_gt), np.nan)
    for joint in np.flatnonzero(n_gt):
        rows = detected[:, joint]
        ap[joint] = mpii_metric.score_joint(all_scores[rows, joint], all_labels[rows, joint], int(n_gt[joint])).ap
    defined = ap[~np.isnan(ap)]
    people = int(sum((bins == number).sum() for bins in person_bins))
    return BinScores(people, ap, float(defined.mean()) if len(defined) else float("nan"), n_gt)


def _detections_of_bin(members: np.ndarray, match: Match, unmatched: str) -> np.ndarray:
    """Returns [P] bool: predictions of a group whose joints are detections of the bin with these `members` [G]."""
    free = match.assignment < 0
    own = np.zeros(len(free), bool)
    own[~free] = members[match.assignment[~free]]
    if unmatched == "B":
        return own | (free & members.any())
    if unmatched == "C":
        return own | free
    if unmatched != "A":
        raise ValueError(f"unknown treatment of unmatched predictions {unmatched!r}")
    return own
