"""Scores predictions with the MPII multi-person metric, equal to the official toolkit.

Example:
    python -m eval.mpii --groundtruth=annolist.mat --predictions=pred_keypoints_mpii_multi.mat --output=mpii.json
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import flags

from eval import mpii_metric
from eval.groups import RULES, rule_named
from eval.mpii_groups import GroupPredictions, GroupTruth, check_same_groups
from eval.mpii_inputs import read_groups
from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError

MODES = {"toolkit": False, "counted": True}  # name -> count_empty_groups


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


def summarise(matches: Sequence[mpii_metric.Match], mode: str = "toolkit", details: bool = False) -> dict[str, Any]:
    """Returns the scores as plain JSON values; NaN becomes null.

    `ap` (14 joints in toolkit order, percent), `table` (Head ... Ankle), `mAP`, `n_gt`, `n_det`, `n_tp` of `mode`, and
    the same under "toolkit" and "counted"; `groups`, `groups_without_predictions`, `people`, `predicted_people`.
    """
    modes = {name: _scores(mpii_metric.evaluate(matches, count), details) for name, count in MODES.items()}
    if details:
        for name, count in MODES.items():
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
    for mode in MODES:
        row = [result[mode]["table"][name] for name in columns] + [result[mode]["mAP"]]
        lines.append(f"{mode:10s}" + "".join(f"{_percent(value):>10s}" for value in row))
    lines.append(f"{'joint':12s}{'AP':>8s}{'n_gt':>8s}{'n_det':>8s}{'n_tp':>8s}   ({result['mode']})")
    for index, name in enumerate(result["joints"]):
        counts = "".join(f"{result[key][index]:8d}" for key in ("n_gt", "n_det", "n_tp"))
        lines.append(f"{name:12s}{_percent(result['ap'][index]):>8s}{counts}")
    return "\n".join(lines)


def _percent(value: float | None) -> str:
    return "NaN" if value is None else f"{value:.1f}"


def parse_margins(values: Sequence[str] | None) -> list[float] | None:
    """Returns --region_margins as numbers.

    Raises:
        UserError: one of them is no number.
    """
    try:
        return [float(value) for value in values] if values else None
    except ValueError:
        raise UserError(f"--region_margins={','.join(values or [])}: expected two numbers x,y") from None


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string(
        "groundtruth",
        None,
        "Toolkit .mat (struct annolist_...), the same as .json, or an image dataset folder (one group per image).",
        required=True,
    )
    flags.DEFINE_string(
        "predictions",
        None,
        "Toolkit .mat (struct pred), the same as .json, or a folder of prediction JSON files, one per image. "
        "Default: the ground-truth file, which may hold both.",
    )
    flags.DEFINE_string("output", None, "JSON file for the scores.", required=True)
    flags.DEFINE_enum(
        "empty_groups",
        "toolkit",
        list(MODES),
        "Groups without any predicted person: toolkit leaves their people out of the positives (as the official code "
        "does), counted counts them as missed. Both are written; this one is printed by joint and stands on top.",
    )
    flags.DEFINE_enum(
        "region",
        "openpose",
        list(RULES),
        "Which people of a prediction folder belong to a group of its image (evaluation.md section 8).",
    )
    flags.DEFINE_list("region_margins", None, "Other margins x,y of --region in pixels at group scale 1.")
    flags.DEFINE_bool("details", False, "Also write scores, labels, precision and recall of every detection.")


def main(argv: Sequence[str]) -> None:
    """Scores, prints the table, writes the JSON."""
    if len(argv) > 1:
        raise UserError(f"unexpected argument {argv[1]!r}: every option is --flag=value")
    f = flags.FLAGS
    rule = rule_named(f.region, parse_margins(f.region_margins))
    truth, predictions = read_groups(f.groundtruth, f.predictions or f.groundtruth, rule)
    result = summarise(match_groups(truth, predictions), f.empty_groups, f.details)
    files.write_json(f.output, result)
    print(format_table(result))


if __name__ == "__main__":
    define_flags()
    cli.run(main)
