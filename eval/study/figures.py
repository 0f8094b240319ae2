"""The figures of the study's RESULTS.md."""

from pathlib import Path

import numpy as np

from eval.study.numbers import Rows
from eval.study.plan import ROWS
from openpose_tf.common import files
from openpose_tf.common.plotting import Figure


def draw_learning(rows: Rows, path: Path) -> None:
    """Draws the losses of the rows over the steps, means over seeds: real left, synthetic right."""
    figure = Figure(figsize=(9.6, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots(1, 2)
    for place, name in zip(axes, ("loss_real", "loss_synthetic")):
        for index, row in enumerate(row for row in ROWS if row.name in rows):
            curves = [result.values["curve"] for result in rows[row.name]]
            losses = np.array([curve[name] for curve in curves], np.float64)  # None becomes NaN: no such samples
            if not np.isnan(losses).all():
                place.plot(curves[0]["steps"], losses.mean(0), label=row.model, color=f"C{index}", linewidth=1)
        place.set_title(name.replace("_", ", "), fontsize=9)
        place.set_xlabel("step", fontsize=8)
    axes[0].legend(fontsize=6)
    with files.atomic_path(path) as temporary:
        figure.savefig(temporary)


def draw_teachers(rows: Rows, path: Path) -> bool:
    """Draws the probabilities of all teachers over the steps; returns whether there is one."""
    runs = [result for row in ROWS for result in rows.get(row.name, []) if result.values["teacher"]]
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
