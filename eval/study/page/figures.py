"""The figures of the study's RESULTS.md."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eval.study.page.numbers import Cell, Numbers
from eval.study.plan import ALL_ROWS, BY_NAME, FIGURE_ROWS, LONG
from eval.study.results import StudyResult
from openpose_tf.common import files
from openpose_tf.common.plotting import Figure


def draw_scores(numbers: Numbers, name: str, metrics: Sequence[str], path: Path) -> bool:
    """Draws scores over N with 95 % intervals, one line per row of the figure; returns whether there is one."""
    rows = [row for row in (*FIGURE_ROWS, LONG) if any(r.row == row.name for r in numbers.results)]
    if not rows:
        return False
    figure = Figure(figsize=(4.8 * len(metrics), 3.6), dpi=110, layout="constrained")
    for place, metric in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True):
        for index, row in enumerate(rows):
            found = {count: numbers.estimate(Cell(row.name, count), name, metric) for count in numbers.counts}
            known = [(count, one) for count, one in found.items() if one is not None]
            counts, values = [count for count, _ in known], np.array([one.value for _, one in known])
            ends = np.array([[one.low, one.high] for _, one in known]).T
            reach = np.abs(np.nan_to_num(ends - values, nan=0.0))
            x = np.array(counts) * 1.02 ** (index - len(rows) / 2)  # side by side, so that intervals can be told apart
            place.errorbar(x, values, reach, label=row.model, color=f"C{index}", marker="o", capsize=3, linewidth=1)
        place.set_xscale("log")
        place.set_xticks(numbers.counts, [str(count) for count in numbers.counts])
        place.set_xticks([], minor=True)
        place.set_xlabel("N, photographs", fontsize=8)
        place.set_title(f"{metric} on {name}, percent", fontsize=9)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, fontsize=7, ncols=len(rows), frameon=False, loc="outside lower center")
    with files.atomic_path(path) as temporary:
        figure.savefig(temporary)
    return True


def draw_learning(results: Sequence[StudyResult], count: int, path: Path) -> bool:
    """Draws the losses of the rows at N photographs over the steps, means over seeds: real left, synthetic right.

    Returns whether there is a row.
    """
    if not any(r.count == count and not BY_NAME[r.row].is_long for r in results):
        return False
    figure = Figure(figsize=(9.6, 4.2), dpi=110, layout="constrained")
    axes = figure.subplots(1, 2)
    for place, name in zip(axes, ("loss_real", "loss_synthetic")):
        for index, row in enumerate(ALL_ROWS):
            curves = [r.values["curve"] for r in results if (r.row, r.count) == (row.name, count) and not row.is_long]
            losses = np.array([curve[name] for curve in curves], np.float64)  # None becomes NaN: no such samples
            if not np.isnan(losses).all():
                style = "-" if index < 10 else ":"
                label = f"{row.model} ({row.name})"
                place.plot(curves[0]["steps"], losses.mean(0), style, label=label, color=f"C{index % 10}", linewidth=1)
        place.set_title(name.replace("_", ", "), fontsize=9)
        place.set_xlabel("step", fontsize=8)
    if axes[0].get_lines():
        axes[0].legend(fontsize=5)
    with files.atomic_path(path) as temporary:
        figure.savefig(temporary)
    return True


def draw_teachers(results: Sequence[StudyResult], path: Path) -> bool:
    """Draws the probabilities of all teachers over the steps; returns whether there is one."""
    runs = [result for result in results if result.values["teacher"]]
    if not runs:
        return False
    figure = Figure(figsize=(3.2 * min(len(runs), 3), 2.4 * -(-len(runs) // 3)), dpi=110, layout="constrained")
    axes = figure.subplots(-(-len(runs) // 3), min(len(runs), 3), squeeze=False, sharey=True).ravel()
    for place, result in zip(axes, runs):
        shares = np.array(result.values["teacher"]["probabilities"]).T
        place.stackplot(result.values["teacher"]["steps"], shares)
        place.set_title(f"{result.row}, seed {result.seed}", fontsize=9)
        place.set_ylim(0, 1)
    for place in axes[len(runs) :]:
        place.set_visible(False)
    with files.atomic_path(path) as temporary:
        figure.savefig(temporary)
    return True
