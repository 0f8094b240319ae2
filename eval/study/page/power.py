"""The smallest difference that a study can find, by simulation from runs that differ by their seed only. Pure."""

import itertools
from collections.abc import Sequence

import numpy as np

POWER = 0.8
LEVEL = 2.5  # percent outside of a 95 % interval, on one side


def smallest_effect(
    scores: Sequence[Sequence[np.ndarray]],
    weights: np.ndarray,
    num_seeds: int,
    num_studies: int = 200,
    num_draws: int = 200,
    seed: int = 0,
) -> float:
    """Returns the smallest true difference of two rows that a study finds with 80 % power at 95 %.

    A simulated study without any difference draws the photographs with replacement, and for each of its seeds an
    ordered pair of runs of equal settings; its interval is then drawn as the page draws it, over photographs and
    seeds. An effect added to it is found where it lifts the lower end of the interval above 0, so the answer is the
    80th percentile of the lower ends' depths.

    Args:
        scores: per group and run [photographs] float64, right joints; the runs of a group differ by seed only.
        weights: [photographs] float64, joints that count: the score of a run is 100 sum(scores) / sum(weights).
        num_seeds: seeds of the study.
        num_studies: simulated studies.
        num_draws: bootstrap draws of each.
        seed: of the simulation.

    Returns:
        Percentage points; NaN without a group of two runs, or without a joint.
    """
    pairs = np.array([a - b for runs in scores for a, b in itertools.permutations(np.asarray(runs, np.float64), 2)])
    if not len(pairs) or not np.sum(weights):
        return float("nan")
    rng = np.random.default_rng(seed)
    count = len(weights)
    depths = []
    for _ in range(num_studies):
        chosen = rng.integers(0, count, count)
        gains, joints = pairs[rng.integers(0, len(pairs), num_seeds)][:, chosen], np.asarray(weights)[chosen]
        times = rng.multinomial(count, np.full(count, 1 / count), num_draws)  # how often each photograph is drawn
        drawn = 100 * (times @ gains.T) / np.maximum(times @ joints, 1)[:, None]  # [draws, seeds]
        seeds = rng.integers(0, num_seeds, (num_draws, num_seeds))
        depths.append(-np.percentile(np.take_along_axis(drawn, seeds, 1).mean(1), LEVEL))
    return float(np.percentile(depths, 100 * POWER))
