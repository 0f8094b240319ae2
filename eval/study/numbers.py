"""The numbers of the study: means and spreads over seeds, paired intervals, AP by visibility and by camera pitch.

Pictures without any prediction count as missed throughout (mode "counted"): the toolkit leaves them out, which flatters
students that find few people.
"""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.stats

from eval.metrics import bootstrap, visibility_bins
from eval.metrics import mpii as mpii_metric
from eval.metrics.paper_tables import COLUMNS
from eval.study.results import StudyResult, ValidationSet

PITCH_EDGES = (0.0, 15.0, 30.0, 45.1)  # degrees; the paper's D_S is uniform in [0, 45]
Rows = Mapping[str, Sequence[StudyResult]]


@dataclasses.dataclass(frozen=True)
class Finding:
    """A statement of the paper about two of its rows.

    Attributes:
        statement: in plain words.
        first, second: rows; the statement is about second - first.
        paper: that difference in mAP as printed.
    """

    statement: str
    first: str
    second: str
    paper: float


FINDINGS = (
    Finding("synthetic data alone does not replace real data (Table 1)", "real", "synthetic", -64.3),
    Finding("adding D_S to real data helps (Table 1)", "real", "real_synthetic", 0.7),
    Finding("adding D_M to real data helps (Table 1)", "real", "real_mixed", 0.7),
    Finding("masking the loss of rendered people helps D_M (Table 2)", "real_mixed", "real_mixed_masks", 0.5),
    Finding("stylizing alone does not help (Table 2)", "real_mixed", "real_style", -0.1),
    Finding("masking helps stylized data (Table 2)", "real_style", "real_style_masks", 0.8),
    Finding("the teacher on camera pitch beats random sampling (Table 3)", "real_synthetic", "teacher_c", 0.5),
    Finding("the teacher on minimal distance beats random sampling (Table 3)", "real_synthetic", "teacher_md", 0.3),
)


def by_row(results: Sequence[StudyResult]) -> dict[str, list[StudyResult]]:
    """Returns the results of each row, by seed."""
    rows: dict[str, list[StudyResult]] = {}
    for result in sorted(results, key=lambda r: r.seed):
        rows.setdefault(result.row, []).append(result)
    return rows


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Returns mean and standard deviation (n - 1) of the values that are numbers; NaN where there are too few."""
    known = np.array([value for value in values if not np.isnan(value)])
    mean = float(known.mean()) if len(known) else float("nan")
    return mean, float(known.std(ddof=1)) if len(known) > 1 else float("nan")


def table_row(results: Sequence[StudyResult], name: str) -> list[tuple[float, float]]:
    """Returns mean and spread over seeds of the paper's eight columns on validation set `name`."""
    columns = []
    for result in results:
        evaluation = mpii_metric.evaluate(result.sets[name].matches, count_empty_groups=True)
        columns.append([*evaluation.table.values(), evaluation.mean])
    return [mean_and_spread(column) for column in np.array(columns).reshape(-1, len(COLUMNS)).T]


def visibility(results: Sequence[StudyResult], name: str) -> tuple[list[int], list[float]]:
    """Returns people per bin of visible joints, and the mean AP over seeds (unmatched predictions dropped)."""
    scores = [visibility_bins.score_bins(r.sets[name].visible_bins, r.sets[name].matches) for r in results]
    means = [mean_and_spread([seed[b].mean for seed in scores])[0] for b in range(visibility_bins.NUM_BINS)]
    return [b.people for b in scores[0]], means


def pitch(results: Sequence[StudyResult], name: str) -> tuple[list[int], list[float]]:
    """Returns pictures per interval of PITCH_EDGES, and the mean mAP over seeds of these pictures."""
    counts, means = [], []
    for low, high in itertools.pairwise(PITCH_EDGES):
        chosen = [_pictures(result.sets[name], low, high) for result in results]
        counts.append(len(chosen[0]))
        means.append(mean_and_spread([mpii_metric.evaluate(m, True).mean if m else float("nan") for m in chosen])[0])
    return counts, means


def _pictures(scored: ValidationSet, low: float, high: float) -> list[mpii_metric.Match]:
    return [match for match, deg in zip(scored.matches, scored.pitch_deg, strict=True) if low <= deg < high]


def common_seeds(rows: Rows, finding: Finding) -> list[int]:
    """Returns the seeds that both rows of a finding have."""
    return sorted({r.seed for r in rows.get(finding.first, [])} & {r.seed for r in rows.get(finding.second, [])})


def difference(rows: Rows, finding: Finding, name: str, num_draws: int = 1000) -> bootstrap.Estimate | None:
    """Returns the mAP of `second` less that of `first` on set `name`, with its 95 % interval.

    Each draw takes pictures with replacement, the same for both rows and all seeds, and as many of the seeds that both
    rows have, with replacement too, so that the interval holds the spread over pictures and over seeds.

    Returns:
        None if the rows have no seed in common.
    """
    seeds = common_seeds(rows, finding)
    if not seeds:
        return None
    of_seed = {row: {r.seed: r.sets[name].matches for r in rows[row]} for row in (finding.first, finding.second)}
    rng = np.random.default_rng(0)
    num_pictures = len(of_seed[finding.first][seeds[0]])
    weights = bootstrap.draw_weights(num_pictures, num_draws, rng)
    gains, values = [], []
    for seed in seeds:
        pair = [of_seed[row][seed] for row in (finding.second, finding.first)]
        draws = [bootstrap.draw_aps(matches, weights, count_empty_groups=True).mean(1) for matches in pair]
        gains.append(draws[0] - draws[1])
        means = [mpii_metric.evaluate(matches, count_empty_groups=True).mean for matches in pair]
        values.append(means[0] - means[1])
    picked = rng.integers(0, len(seeds), (num_draws, len(seeds)))
    drawn = np.array(gains)[picked, np.arange(num_draws)[:, None]].mean(1)
    return bootstrap.estimate(float(np.mean(values)), drawn)


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


def verdict(finding: Finding, estimate: bootstrap.Estimate | None) -> str:
    """Returns in plain words whether the data show a finding: its sign lies inside, outside or across the interval."""
    if estimate is None:
        return "not run"
    if np.isnan(estimate.low) or estimate.low <= 0 <= estimate.high:
        return "cannot tell: the interval holds 0"
    return "shows" if (estimate.value > 0) == (finding.paper > 0) else "the opposite shows"


def concentration(probabilities: Sequence[Sequence[float]]) -> list[float]:
    """Returns the mean largest probability of each quarter of a teacher's decisions."""
    largest = np.max(np.array(probabilities), axis=1)
    return [float(part.mean()) for part in np.array_split(largest, min(4, len(largest)))]
