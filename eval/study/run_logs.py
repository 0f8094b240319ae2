"""What a finished run leaves besides scores: its losses over the steps, and what its teacher did."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats

from openpose_tf.common import file_names, files

CURVE_POINTS = 40  # decisions and losses kept per run, evenly spaced
LOSS_WINDOWS = 11  # a decision's loss is compared with the mean of this many around it


def read_curve(model_dir: Path) -> dict[str, list[Any]]:
    """Returns the losses of a run in at most CURVE_POINTS parts: the last step of each and its means."""
    rows = files.read_jsonl(model_dir / file_names.METRICS, "the losses of a training run")
    parts = np.array_split(np.arange(len(rows)), min(CURVE_POINTS, len(rows)))
    curve: dict[str, list[Any]] = {"steps": [rows[part[-1]]["step"] for part in parts]}
    for name in ("loss_real", "loss_synthetic"):
        known = [[rows[i][name] for i in part if rows[i][name] is not None] for part in parts]
        curve[name] = [round(float(np.mean(values)), 3) if values else None for values in known]
    return curve


def read_teacher(model_dir: Path) -> dict[str, Any] | None:
    """Returns what the teacher of a run did, None for a run without: picks per group, probabilities over time.

    A teacher of single samples picks no groups and none is judged; its probabilities are the groups' shares.
    """
    rows = files.read_jsonl(model_dir / file_names.DECISIONS, "the decisions of a run, none without a teacher")
    if not rows:
        return None
    kept = [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, CURVE_POINTS).round().astype(int))]
    num_groups = len(rows[0]["probabilities"])
    has_groups = "judged_group" in rows[0]
    return {
        "decisions": len(rows),
        "rewarded": sum(bool(row["rewarded"]) for row in rows),
        "picks": np.bincount([row["group"] for row in rows], minlength=num_groups).tolist() if has_groups else [],
        "excess_loss": excess_losses(rows, num_groups) if has_groups else [None] * num_groups,
        "steps": [row["step"] for row in kept],
        "probabilities": [[round(p, 4) for p in row["probabilities"]] for row in kept],
    }


def excess_losses(decisions: Sequence[Mapping[str, Any]], num_groups: int) -> list[float | None]:
    """Returns by how much each group's windows were harder than the windows around them; None: never judged.

    The mean of LOSS_WINDOWS windows is taken off, because all losses fall while the student learns.
    """
    losses = np.array([row["loss"] for row in decisions])
    kernel = np.ones(min(LOSS_WINDOWS, len(losses)))
    nearby = np.convolve(losses, kernel, "same") / np.convolve(np.ones_like(losses), kernel, "same")
    groups = np.array([row["judged_group"] for row in decisions])
    judged = [losses[groups == group] - nearby[groups == group] for group in range(num_groups)]
    return [round(float(excess.mean()), 5) if len(excess) else None for excess in judged]


def harder_is_likelier(teacher: Mapping[str, Any]) -> float:
    """Returns the rank correlation, over groups, of a teacher's mean probability and how hard the group was.

    1: the harder a group, the more often it was offered; NaN where fewer than three groups were judged, or all
    probabilities are equal.
    """
    excess = np.array(teacher["excess_loss"], np.float64)  # None becomes NaN
    known = ~np.isnan(excess)
    means = np.mean(np.array(teacher["probabilities"]), axis=0)[known]
    if known.sum() < 3 or np.ptp(means) == 0 or np.ptp(excess[known]) == 0:
        return float("nan")
    return float(scipy.stats.spearmanr(means, excess[known]).statistic)


def concentration(probabilities: Sequence[Sequence[float]]) -> list[float]:
    """Returns the mean largest probability of each quarter of a teacher's decisions."""
    largest = np.max(np.array(probabilities), axis=1)
    return [float(part.mean()) for part in np.array_split(largest, min(4, len(largest)))]
