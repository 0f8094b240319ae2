"""How sure a score is: bootstrap over groups, paired for two models on one split.

A validation split of 343 groups has a standard error of about 1 mAP, as large as most gains the paper reports
(docs/reference/evaluation.md section 15), so models are compared on the same draws of the same groups.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from eval.metrics import mpii as mpii_metric
from eval.metrics.mpii import EVALUATED_JOINTS, Match

NUM_DRAWS = 2000
INTERVAL = (2.5, 97.5)  # percent
_CHUNK = 128  # draws at once; bounds the memory


@dataclasses.dataclass(frozen=True)
class JointDetections:
    """Detections of one joint in descending order of their scores (ties: group, then prediction).

    Attributes:
        labels: [N] bool.
        groups: [N] int, index of the group.
        n_gt: [groups] int, annotated joints.
    """

    labels: np.ndarray
    groups: np.ndarray
    n_gt: np.ndarray


def joint_detections(matches: Sequence[Match], count_empty_groups: bool = False) -> list[JointDetections]:
    """Returns the sorted detections of the 14 joints."""
    scores = np.concatenate([np.zeros((0, 14)), *(match.scores for match in matches)])
    labels = np.concatenate([np.zeros((0, 14), bool), *(match.labels for match in matches)])
    owner = np.repeat(np.arange(len(matches)), [len(match.scores) for match in matches])
    n_gt = np.array([mpii_metric.positives(match, count_empty_groups) for match in matches], int).reshape(-1, 14)
    result = []
    for joint in range(len(EVALUATED_JOINTS)):
        rows = np.flatnonzero(~np.isnan(scores[:, joint]))
        rows = rows[np.argsort(-scores[rows, joint], kind="stable")]
        result.append(JointDetections(labels[rows, joint], owner[rows], n_gt[:, joint]))
    return result


def draw_weights(num_groups: int, num_draws: int, rng: np.random.Generator, size: int | None = None) -> np.ndarray:
    """Returns how often each group is drawn: [draws, groups] int; `size` groups per draw, default all of them."""
    picked = rng.integers(0, num_groups, (num_draws, size or num_groups))
    return np.stack([np.bincount(row, minlength=num_groups) for row in picked])


def weighted_ap(detections: JointDetections, weights: np.ndarray) -> np.ndarray:
    """Returns the AP of one joint when groups occur several times.

    A detection that occurs w times moves precision w steps in one direction, so only the last of these points can lie
    on the envelope where recall grows: one entry of weight w is exact. Copies of one group keep the original order
    among equal scores.

    Args:
        detections: of the joint.
        weights: [draws, groups] int.

    Returns:
        [draws] float64 percent; NaN for detections without any annotated joint, 0 without detections.
    """
    times = weights[:, detections.groups].astype(np.float64)  # [draws, N]
    seen = times.cumsum(1)
    hits = (times * detections.labels).cumsum(1)
    n_gt = weights @ detections.n_gt
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(seen > 0, hits / seen, 0.0)
        recall = hits / n_gt[:, None]
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    area = (np.diff(recall, axis=1, prepend=0.0) * envelope).sum(1)
    any_seen = seen[:, -1] > 0 if seen.shape[1] else np.zeros(len(weights), bool)
    return 100 * np.where(any_seen, np.where(n_gt > 0, np.minimum(area, 1.0), np.nan), 0.0)


def draw_aps(matches: Sequence[Match], weights: np.ndarray, count_empty_groups: bool = False) -> np.ndarray:
    """Returns the AP of all joints for every draw: [draws, 14] percent."""
    joints = joint_detections(matches, count_empty_groups)
    chunks = [
        np.stack([weighted_ap(joint, weights[start : start + _CHUNK]) for joint in joints], -1)
        for start in range(0, len(weights), _CHUNK)
    ]
    return np.concatenate(chunks)


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number and how much it varies over draws.

    Attributes:
        value: on all groups.
        std: standard deviation over the draws.
        low, high: 95 % interval (percentiles 2.5 and 97.5).
        num_draws: draws in which it is defined.
    """

    value: float
    std: float
    low: float
    high: float
    num_draws: int


def estimate(value: float, draws: np.ndarray) -> Estimate:
    """Returns the spread of `draws` [D] (NaN = undefined, left out) around `value`."""
    defined = draws[~np.isnan(draws)]
    if len(defined) < 2:
        return Estimate(value, float("nan"), float("nan"), float("nan"), len(defined))
    low, high = np.percentile(defined, INTERVAL)
    return Estimate(value, float(defined.std(ddof=1)), float(low), float(high), len(defined))


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two models on the same groups; each dictionary holds the seven table columns and "mAP".

    Attributes:
        first, second: scores of the models.
        difference: second - first on the same draws.
        wins: share of the draws in which the second model's mAP is higher (ties count half).
    """

    first: dict[str, Estimate]
    second: dict[str, Estimate]
    difference: dict[str, Estimate]
    wins: float


def compare(
    first: Sequence[Match],
    second: Sequence[Match],
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
    count_empty_groups: bool = False,
    groups_per_draw: int | None = None,
) -> Comparison:
    """Returns the paired comparison of two models' matchings of the same groups.

    Args:
        first, second: one matching per group, in the same order.
        num_draws: bootstrap draws.
        seed: of the draws.
        count_empty_groups: see `mpii_metric.evaluate`.
        groups_per_draw: groups drawn with replacement, default as many as there are.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} groups cannot be paired")
    weights = draw_weights(len(first), num_draws, np.random.default_rng(seed), groups_per_draw)
    rows, values = [], []
    for matches in (first, second):
        rows.append(_columns(draw_aps(matches, weights, count_empty_groups)))
        values.append(_columns(mpii_metric.evaluate(matches, count_empty_groups).ap[None]))
    names = [*mpii_metric.TABLE_COLUMNS, "mAP"]
    spread = [
        {name: estimate(float(value[0, k]), row[:, k]) for k, name in enumerate(names)}
        for value, row in zip([*values, values[1] - values[0]], [*rows, rows[1] - rows[0]])
    ]
    gain = (rows[1] - rows[0])[:, -1]
    gain = gain[~np.isnan(gain)]
    wins = float(((gain > 0) + 0.5 * (gain == 0)).mean()) if len(gain) else float("nan")
    return Comparison(spread[0], spread[1], spread[2], wins)


def _columns(ap: np.ndarray) -> np.ndarray:
    """Returns the seven table columns and the total [D, 8] of AP [D, 14]."""
    pairs = [ap[:, list(pair)].mean(1) for pair in mpii_metric.TABLE_COLUMNS.values()]
    return np.stack([*pairs, ap.mean(1)], -1)
