"""The MPII multi-person scores of a set of groups as plain values and as text."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from eval.metrics import mpii as mpii_metric
from eval.metrics.groups import GroupPredictions, GroupTruth, check_same_groups

EMPTY_GROUP_RULES = {"toolkit": False, "counted": True}  # name -> count_empty_groups


def match_groups(truth: Sequence[GroupTruth], predictions: Sequence[GroupPredictions]) -> list[mpii_metric.Match]:
    """Returns the matching of every group.

    Raises:
        UserError: the lists do not belong together.
    """
    check_same_groups(truth, predictions)
    return [
        mpii_metric.match_group(found.xy, found.scores, people.xy, people.head_boxes)
        for people, found in zip(truth, predictions)
    ]


def summarize(matches: Sequence[mpii_metric.Match], mode: str = "toolkit", details: bool = False) -> dict[str, Any]:
    """Returns the scores as plain JSON values; NaN becomes null.

    `ap` (14 joints in toolkit order, percent), `table` (Head ... Ankle), `mAP`, `n_gt`, `n_det`, `n_tp` of `mode`, and
    the same under "toolkit" and "counted"; `groups`, `groups_without_predictions`, `people`, `predicted_people`.
    """
    modes = {name: _scores(mpii_metric.evaluate(matches, count), details) for name, count in EMPTY_GROUP_RULES.items()}
    if details:
        for name, count in EMPTY_GROUP_RULES.items():
            n_gt = np.array([mpii_metric.positives(match, count) for match in matches]).reshape(-1, 14)
            modes[name]["n_gt_per_image"] = n_gt.T.tolist()
    return {
        "joints": list(mpii_metric.JOINT_NAMES),
        "joint_ids": list(mpii_metric.EVALUATED_JOINTS),
        "mode": mode,
        **modes[mode],
        "groups": len(matches),
        "groups_without_predictions": sum(len(match.assignment) == 0 for match in matches),
        "people": sum(len(match.annotated) for match in matches),
        "predicted_people": sum(len(match.assignment) for match in matches),
        "matched_people": int(sum((match.assignment >= 0).sum() for match in matches)),
        **modes,
    }


def _scores(result: mpii_metric.Evaluation, details: bool) -> dict[str, Any]:
    scores: dict[str, Any] = {
        "mAP": _number(result.mean),
        "table": {name: _number(value) for name, value in result.table.items()},
        "ap": [_number(value) for value in result.ap],
        "n_gt": [joint.n_gt for joint in result.joints],
        "n_det": [joint.n_det for joint in result.joints],
        "n_tp": [joint.n_tp for joint in result.joints],
    }
    if details:
        scores["per_joint"] = [
            {
                "scores": joint.scores.tolist(),
                "labels": joint.labels.astype(int).tolist(),
                "precision": joint.precision.tolist(),
                "recall": [_number(value) for value in joint.recall],
            }
            for joint in result.joints
        ]
    return scores


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def format_table(result: dict[str, Any]) -> str:
    """Returns the scores as text: the paper's columns for both modes, then the joints of the chosen mode."""
    columns = list(mpii_metric.TABLE_COLUMNS)
    lines = [
        f"groups {result['groups']}, of them without predictions {result['groups_without_predictions']}; "
        f"people {result['people']}, predicted {result['predicted_people']}, matched {result['matched_people']}",
        f"{'':10s}" + "".join(f"{name:>10s}" for name in [*columns, "mAP"]),
    ]
    for mode in EMPTY_GROUP_RULES:
        row = [result[mode]["table"][name] for name in columns] + [result[mode]["mAP"]]
        lines.append(f"{mode:10s}" + "".join(f"{_percent(value):>10s}" for value in row))
    lines.append(f"{'joint':12s}{'AP':>8s}{'n_gt':>8s}{'n_det':>8s}{'n_tp':>8s}   ({result['mode']})")
    for index, name in enumerate(result["joints"]):
        counts = "".join(f"{result[key][index]:8d}" for key in ("n_gt", "n_det", "n_tp"))
        lines.append(f"{name:12s}{_percent(result['ap'][index]):>8s}{counts}")
    return "\n".join(lines)


def _percent(value: float | None) -> str:
    return "NaN" if value is None else f"{value:.1f}"
