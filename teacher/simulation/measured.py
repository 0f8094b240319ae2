"""A simulated student that is like a trained one: fitted to the window losses in decisions.jsonl of finished runs."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from openpose_tf.common import file_names, files
from openpose_tf.common.errors import UserError
from teacher.simulation.scenarios import SAMPLES_PER_WINDOW, Scenario

MIN_WINDOWS_PER_GROUP = 4  # on average over the groups; fewer cannot tell level and fall apart


@dataclasses.dataclass(frozen=True)
class Windows:
    """The windows of one run, in order.

    Attributes:
        groups: [D] int64, the group that was trained on.
        losses: [D] float64, its mean loss.
    """

    groups: np.ndarray
    losses: np.ndarray


@dataclasses.dataclass(frozen=True)
class Fit:
    """What the windows of runs of one grouping say; losses as the teacher hears them.

    Attributes:
        levels: [G] loss of each group in the middle of the runs, where half of its windows are done.
        noise: standard deviation of one window's loss.
        fall: by how much a window on any group lowers the loss of a group, on average over the groups.
        own: by how much more a window lowers the loss of its own group than that of the others.
        own_error: standard error of `own`. Where picks follow the losses, `own` comes out too high, by up to about one
            of it (a group is picked after an unlucky window, and then looks as if training had helped).
    """

    levels: np.ndarray
    noise: float
    fall: float
    own: float
    own_error: float

    @property
    def own_limit(self) -> float:
        """Upper end of the 95 % interval of `own`."""
        return self.own + 1.96 * self.own_error


def read_windows(model_dir: str | Path) -> Windows:
    """Returns the windows of a run of teacher.train with groups.

    Raises:
        UserError: no decisions there, or those of a teacher without groups.
    """
    path = files.require_dir(model_dir, "a model_dir of teacher.train") / file_names.DECISIONS
    rows = files.read_jsonl(path, "the decisions of a run of teacher.train")
    try:
        groups, losses = ([row[name] for row in rows] for name in ("judged_group", "loss"))
        windows = Windows(np.array(groups, np.int64), np.array(losses, np.float64))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} does not hold the windows of a teacher of groups ({error})") from None
    if not len(rows) or not np.isfinite(windows.losses).all():
        raise UserError(f"{path} holds no windows, or losses that are not finite")
    return windows


def fit(runs: Sequence[Windows], num_groups: int) -> Fit:
    """Returns the least-squares fit of: level of the group + trend of the run (a parabola) - own * own windows so far.

    Own windows are counted against the number that the group would have if all were drawn equally, so that the trend
    holds what every window does to every group.

    Args:
        runs: of one grouping and one start.
        num_groups: G.

    Raises:
        UserError: too few windows, or a group that none of the runs has trained on.
    """
    total = sum(len(run.losses) for run in runs)
    seen = np.bincount(np.concatenate([run.groups for run in runs]), minlength=num_groups)
    if total < MIN_WINDOWS_PER_GROUP * num_groups or not seen.all():
        raise UserError(
            f"{total} windows of {num_groups} groups ({np.count_nonzero(seen == 0)} of them without one) are too few "
            "to fit a student to: give longer runs, or more of them"
        )
    table = np.concatenate([_columns(run, number, len(runs), num_groups) for number, run in enumerate(runs)])
    losses = np.concatenate([run.losses for run in runs])
    inverse = np.linalg.pinv(table.T @ table)
    found = inverse @ table.T @ losses
    freedom = total - np.linalg.matrix_rank(table)
    variance = float(((losses - table @ found) ** 2).sum() / freedom)
    trends = found[num_groups : num_groups + 3 * len(runs)].reshape(len(runs), 3)
    lengths = np.array([len(run.losses) for run in runs])
    return Fit(
        found[:num_groups] + trends[:, 0].mean(),
        float(np.sqrt(variance)),
        float(-(trends[:, 1] / lengths).mean()),
        float(-found[-1]),
        float(np.sqrt(variance * inverse[-1, -1])),
    )


def _columns(run: Windows, number: int, num_runs: int, num_groups: int) -> np.ndarray:
    """[D, G + 3 runs + 1]: group, the run's parabola over -0.5 .. 0.5 (curvature of mean 0), own windows."""
    count = len(run.losses)
    table = np.zeros((count, num_groups + 3 * num_runs + 1))
    table[np.arange(count), run.groups] = 1.0
    time = (np.arange(count) + 0.5) / count - 0.5
    first = num_groups + 3 * number
    table[:, first], table[:, first + 1], table[:, first + 2] = 1.0, time, time**2 - 1 / 12
    before = np.zeros(num_groups)
    for row, group in enumerate(run.groups):
        table[row, -1] = before[group] - row / num_groups
        before[group] += 1
    return table


def scenario_of(found: Fit, own: float) -> Scenario:
    """Returns a student who learns like the measured one.

    All of the loss can be removed, and nothing is forgotten: what helps a teacher that follows the loss most.

    Args:
        found: the measured student.
        own: how much more a window does for its own group, such as `found.own` or `found.own_limit`; below 0 is 0.
    """
    level, count = float(found.levels.mean()), len(found.levels)
    own = max(own, 0.0)
    # `fall` is the mean over groups: what all groups have of a window, and a share of 1 / G of what its own has more.
    shared = max(found.fall - own / count, 0.0)
    rate = max(shared + own, 1e-12)
    return Scenario(
        floor=np.zeros(count),
        start=found.levels,
        rate=np.full(count, rate / level),
        reach=0.0,
        transfer=shared / rate,
        forgetting=0.0,
        noise=found.noise / level * np.sqrt(SAMPLES_PER_WINDOW),
    )
