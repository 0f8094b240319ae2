"""Reads decisions.jsonl: what the teacher did in a run."""

import dataclasses
from pathlib import Path

import numpy as np

from openpose_tf.common import file_names, files
from openpose_tf.common.errors import UserError


@dataclasses.dataclass(frozen=True)
class DecisionLog:
    """D decisions of a run, in order.

    Attributes:
        steps: [D] int64, training steps done when the decision was made.
        groups: [D] int64, the drawn group.
        probabilities: [D, num_groups] float64, the teacher's proposal.
        explored: [D] bool, drawn uniformly.
        losses: [D] float64, mean synthetic loss of the window before the decision.
        rewarded: [D] float64, 1 reward, 0 penalty of the decision before, NaN for neither.
    """

    steps: np.ndarray
    groups: np.ndarray
    probabilities: np.ndarray
    explored: np.ndarray
    losses: np.ndarray
    rewarded: np.ndarray


def read_decisions(model_dir: str | Path) -> DecisionLog:
    """Returns the decisions of a run.

    Raises:
        UserError: no such file, an unreadable line other than an unfinished last one, or no decision yet.
    """
    path = files.require_dir(model_dir, "a model_dir written by teacher.train") / file_names.DECISIONS
    rows = files.read_jsonl(path, "the decisions of a run of teacher.train")
    if not rows:
        raise UserError(f"{path} holds no decision yet: train for at least --decision_steps steps")
    try:
        columns = [[row[name] for row in rows] for name in ("step", "group", "probabilities", "explored", "loss")]
        rewarded = [np.nan if row["rewarded"] is None else float(row["rewarded"]) for row in rows]
        steps, groups, probabilities, explored, losses = (np.asarray(column) for column in columns)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} does not look like decisions of teacher.train ({error})") from None
    return DecisionLog(steps, groups, probabilities, explored, losses.astype(np.float64), np.array(rewarded))
