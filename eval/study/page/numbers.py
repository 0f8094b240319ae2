"""The numbers of the study: scores with 95 % intervals over photographs and seeds, alone and paired.

Images without any prediction count as missed throughout: the MPII toolkit leaves them out, which flatters students that
find few people.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from eval.metrics import bootstrap, mpii, oks_pairs, pck, visibility_bins
from eval.metrics.visibility_bins import NUM_BINS
from eval.study.page.power import smallest_effect
from eval.study.plan import RENDERED_SETS
from eval.study.results import StudyResult, is_comparable
from eval.study.scoring import SetScores

NUM_DRAWS = 1000
PEOPLE_EDGES = (1, 2, 4, 1000)  # people per image: 1, 2 to 3, 4 and more
PITCH_EDGES = (0.0, 15.0, 30.0, 45.1)  # degrees; the paper's D_S is uniform in [0, 45]
PCK, OKS_AP, MPII_AP = "PCK", "OKS AP", "mAP"
FIRST, LAST = 0, -1  # marks of a run: after T, after 2 T steps
COLUMN_PARTS = {
    "Head": ("head_top", "neck"),
    **{f"{part.capitalize()}": (f"l_{part}", f"r_{part}") for part in ("shoulder", "elbow", "wrist")},
    **{f"{part.capitalize()}": (f"l_{part}", f"r_{part}") for part in ("hip", "knee", "ankle")},
}


def _mpii_draws(scores: SetScores, weights: np.ndarray) -> np.ndarray:
    assert scores.mpii is not None
    return bootstrap.draw_aps(scores.mpii.matches, weights, count_empty_groups=True).mean(1)


# Percent of draws [draws, images] -> [draws].
METRICS: dict[str, Callable[[SetScores, np.ndarray], np.ndarray]] = {
    PCK: lambda scores, weights: pck.shares(scores.pck, weights),
    OKS_AP: lambda scores, weights: 100 * oks_pairs.draw_aps(scores.oks, weights),
    MPII_AP: _mpii_draws,
}


@dataclasses.dataclass(frozen=True)
class Cell:
    """Where a number stands: a row at N photographs after one of its marks.

    Attributes:
        row: its name.
        count: N.
        mark: FIRST or LAST.
    """

    row: str
    count: int
    mark: int = LAST


class Numbers:
    """The numbers of all results.

    Args:
        results: the runs.
        num_draws: of the bootstrap.
    """

    def __init__(self, results: Sequence[StudyResult], num_draws: int = NUM_DRAWS) -> None:
        self.results = sorted(results, key=lambda result: result.seed)
        self.num_draws = num_draws
        self._draws: dict[tuple[int, str], np.ndarray] = {}

    @property
    def sets(self) -> list[str]:
        """Names of the validation sets, the user's first."""
        names = dict.fromkeys(name for result in self.results for name in result.sets)
        return sorted(names, key=lambda name: RENDERED_SETS.index(name) if name in RENDERED_SETS else -1)

    @property
    def counts(self) -> list[int]:
        """All N, rising."""
        return sorted({result.count for result in self.results})

    @property
    def design_counts(self) -> list[int]:
        """All N of the design, and those that were run besides, rising."""
        return sorted({*self.counts, *(n for result in self.results for n in result.values["design_counts"])})

    def runs(self, cell: Cell) -> dict[int, StudyResult]:
        """Returns the runs of a cell by seed."""
        return {r.seed: r for r in self.results if (r.row, r.count) == (cell.row, cell.count)}

    def scores(self, cell: Cell, name: str) -> dict[int, SetScores]:
        """Returns the scores of a cell on a set by seed."""
        runs = self.runs(cell).items()
        return {seed: run.sets[name][run.marks[cell.mark]] for seed, run in runs if name in run.sets}

    def has(self, metric: str, name: str) -> bool:
        """Returns whether a set has what a metric needs."""
        if metric != MPII_AP:
            return True
        return all(of[mark].mpii is not None for r in self.results for of in [r.sets.get(name, {})] for mark in of)

    def estimate(self, cell: Cell, name: str, metric: str) -> bootstrap.Estimate | None:
        """Returns a cell's mean over seeds with its interval; None where nothing was run."""
        scores = self.scores(cell, name)
        return self._over([(self._values(one, metric), None) for one in scores.values()])

    def difference(self, first: Cell, second: Cell, name: str, metric: str) -> bootstrap.Estimate | None:
        """Returns `second` minus `first`, both on the same drawn images and of the same seeds.

        Each draw takes images with replacement, the same for both and all seeds, and as many of `common_seeds`, with
        replacement too. None where there is none.
        """
        before, after = self.scores(first, name), self.scores(second, name)
        seeds = [seed for seed in self.common_seeds(first, second) if seed in before and seed in after]
        return self._over([(self._values(after[s], metric), self._values(before[s], metric)) for s in seeds])

    def common_seeds(self, first: Cell, second: Cell) -> list[int]:
        """Returns the seeds of which both cells have a run, with equal precision and records."""
        ours, theirs = self.runs(first), self.runs(second)
        return [s for s in sorted(ours.keys() & theirs.keys()) if is_comparable(ours[s], theirs[s])]

    def _over(self, pairs: Sequence[tuple[np.ndarray, np.ndarray | None]]) -> bootstrap.Estimate | None:
        if not pairs:
            return None
        gains = np.array([after if before is None else after - before for after, before in pairs])
        seeds = np.random.default_rng(1).integers(0, len(gains), (self.num_draws, len(gains)))
        drawn = gains[:, 1:][seeds, np.arange(self.num_draws)[:, None]].mean(1)
        return bootstrap.estimate(float(gains[:, 0].mean()), drawn)

    def _values(self, scores: SetScores, metric: str) -> np.ndarray:
        """Returns [1 + draws]: the score on all images, then of each draw; the draws of a set are the same always."""
        key = (id(scores), metric)
        if key not in self._draws:
            count = len(scores.mpii.matches) if metric == MPII_AP and scores.mpii else len(scores.oks)
            weights = bootstrap.draw_weights(count, self.num_draws, np.random.default_rng(0))
            self._draws[key] = METRICS[metric](scores, np.concatenate([np.ones((1, count), int), weights]))
        return self._draws[key]

    def spread(self, cell: Cell, name: str, metric: str) -> tuple[float, float]:
        """Returns mean and standard deviation over seeds."""
        return mean_and_spread([float(self._values(s, metric)[0]) for s in self.scores(cell, name).values()])

    def columns(self, cell: Cell, name: str) -> list[tuple[float, float]]:
        """Returns mean and spread over seeds of the paper's seven columns: AP with head boxes, else PCK."""
        rows = [list(_columns(one).values()) for one in self.scores(cell, name).values()]
        return [mean_and_spread(column) for column in np.array(rows).T]

    def by_visibility(self, cell: Cell, name: str) -> tuple[list[int], list[float]]:
        """Returns people per bin of visible joints, and the mean over seeds of AP with head boxes, else PCK."""
        found = [_by_visibility(one) for one in self.scores(cell, name).values()]
        return found[0][0], [mean_and_spread(values)[0] for values in zip(*(values for _, values in found))]

    def by_people(self, cell: Cell, name: str) -> tuple[list[int], list[float]]:
        """Returns images per number of people (PEOPLE_EDGES), and the mean OKS AP over seeds."""
        scores = list(self.scores(cell, name).values())
        people = np.array([image.num_people for image in scores[0].oks])
        inside = [(people >= low) & (people < high) for low, high in itertools.pairwise(PEOPLE_EDGES)]
        means = [mean_and_spread([_part_ap(one, chosen) for one in scores])[0] for chosen in inside]
        return [int(chosen.sum()) for chosen in inside], means

    def by_pitch(self, cell: Cell, name: str) -> tuple[list[int], list[float]]:
        """Returns images per interval of camera pitch (PITCH_EDGES), and the mean mAP over seeds."""
        scores = [one.mpii for one in self.scores(cell, name).values() if one.mpii is not None]
        inside = [
            (scores[0].pitch_deg >= low) & (scores[0].pitch_deg < high) for low, high in itertools.pairwise(PITCH_EDGES)
        ]
        means = []
        for chosen in inside:
            parts = [[m for m, here in zip(one.matches, chosen, strict=True) if here] for one in scores]
            means.append(mean_and_spread([mpii.evaluate(p, True).mean if p else float("nan") for p in parts])[0])
        return [int(chosen.sum()) for chosen in inside], means

    def pilots(self, name: str) -> list[Cell]:
        """Returns the cells whose runs the power is simulated from: of two runs and more that differ by seed only.

        Cells with less than half of the highest PCK are left out: students that find little vary little.
        """
        cells = sorted({(r.row, r.count) for r in self.results if name in r.sets})
        several = [cell for cell in (Cell(*one) for one in cells) if len(self.scores(cell, name)) > 1]
        means = {cell: self.spread(cell, name, PCK)[0] for cell in several if self._differ_by_seed_only(cell)}
        return [cell for cell, mean in means.items() if mean >= max(means.values()) / 2]

    def _differ_by_seed_only(self, cell: Cell) -> bool:
        first, *others = self.runs(cell).values()
        return all(is_comparable(first, other) for other in others)

    def smallest_effect(self, pilots: Sequence[Cell], name: str, num_seeds: int) -> float:
        """Returns the smallest PCK difference that this many seeds find, by simulation from the runs of cells."""
        scores = [list(self.scores(pilot, name).values()) for pilot in pilots]
        right = [[np.array([image.right.sum() for image in one.pck]) for one in runs] for runs in scores]
        return smallest_effect(right, np.array([image.labelled.sum() for image in scores[0][0].pck]), num_seeds)


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Returns mean and standard deviation (n - 1) of the values that are numbers; NaN where there are too few."""
    known = np.array([value for value in values if not np.isnan(value)])
    mean = float(known.mean()) if len(known) else float("nan")
    return mean, float(known.std(ddof=1)) if len(known) > 1 else float("nan")


def _columns(scores: SetScores) -> dict[str, float]:
    if scores.mpii is not None:
        return mpii.evaluate(scores.mpii.matches, count_empty_groups=True).table
    right, labelled = (
        sum((getattr(image, name).sum(0) for image in scores.pck), np.zeros(len(scores.joints)))
        for name in ("right", "labelled")
    )
    found = {}
    for column, parts in COLUMN_PARTS.items():
        own = [scores.joints.index(part) for part in parts if part in scores.joints]
        total = labelled[own].sum()
        found[column] = float(100 * right[own].sum() / total) if total else float("nan")
    return found


def _by_visibility(scores: SetScores) -> tuple[list[int], list[float]]:
    if scores.mpii is not None:
        bins = visibility_bins.score_bins(scores.mpii.visible_bins, scores.mpii.matches)
        return [one.people for one in bins], [one.mean for one in bins]
    share = np.concatenate([image.visible_share for image in scores.pck])
    right = np.concatenate([image.right.sum(1) for image in scores.pck])
    labelled = np.concatenate([image.labelled.sum(1) for image in scores.pck])
    number = np.minimum((NUM_BINS * share).astype(int), NUM_BINS - 1)
    inside = [number == b for b in range(NUM_BINS)]
    shares = [float(100 * right[b].sum() / labelled[b].sum()) if b.any() else float("nan") for b in inside]
    return [int(b.sum()) for b in inside], shares


def _part_ap(scores: SetScores, chosen: np.ndarray) -> float:
    images = [image for image, here in zip(scores.oks, chosen, strict=True) if here]
    return 100 * oks_pairs.average_precision(images) if images else float("nan")


def counts_of(scores: Mapping[int, SetScores]) -> dict[str, int]:
    """Returns images, counted, ignored and, for PCK, left-out people of a set."""
    one = next(iter(scores.values()))
    return {
        "images": len(one.oks),
        "people": sum(image.num_people for image in one.oks),
        "ignored": sum(one.ignored),
        "without a torso": sum(image.num_left_out for image in one.pck),
    }
