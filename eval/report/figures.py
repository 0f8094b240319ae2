"""The figures of the report page, as SVG text that goes straight into the HTML."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from openpose_tf.common.plotting import Figure, colormaps, rc_context

REAL_COLOUR, SYNTHETIC_COLOUR = "#1b6ca8", "#d9822b"


def smooth(values: np.ndarray, share: float = 0.05) -> np.ndarray:
    """Returns a centred running mean over `share` of the curve; the ends use the values they have.

    Args:
        values: [n] float.
        share: window length as a fraction of n.

    Returns:
        [n] float64.
    """
    half = int(len(values) * share / 2)
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    low = np.maximum(np.arange(len(values)) - half, 0)
    high = np.minimum(np.arange(len(values)) + half + 1, len(values))
    return (total[high] - total[low]) / (high - low)


def loss_curves(metrics: Sequence[Mapping[str, Any]]) -> str:
    """Returns the loss on real and on synthetic samples over the steps.

    Args:
        metrics: rows of metrics.jsonl with `step` and `loss_real`, `loss_synthetic` (either may be missing or null).
    """
    figure, axes = _figure(9.0, 3.4)
    for key, label, colour in (
        ("loss_real", "real half of the batch", REAL_COLOUR),
        ("loss_synthetic", "synthetic half of the batch", SYNTHETIC_COLOUR),
    ):
        points = [(row["step"], row[key]) for row in metrics if row.get(key) is not None]
        if points:
            steps, losses = np.array(points, np.float64).T
            axes.plot(steps, losses, color=colour, alpha=0.22, linewidth=0.8)
            axes.plot(steps, smooth(losses), color=colour, linewidth=2, label=label)
    axes.set_xlabel("step")
    axes.set_ylabel("loss per sample")
    axes.set_ylim(bottom=0)
    if axes.lines:
        axes.legend(frameon=False)
    return _svg(figure, "Loss on real and synthetic samples over the training steps")


def ap_by_pitch(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns AP before and after by camera pitch as bars.

    Args:
        rows: `by_camera_pitch` of a result of eval.oks with a baseline.
    """
    figure, axes = _figure(9.0, 3.0)
    places = np.arange(len(rows))
    for column, (label, colour) in enumerate((("before", "#b9c2ce"), ("after", REAL_COLOUR))):
        heights = [100 * row["AP"][column] for row in rows]
        bars = axes.bar(places + 0.4 * column - 0.2, heights, 0.38, color=colour, label=label)
        axes.bar_label(bars, fmt="%.1f", fontsize=9, padding=2)
    axes.set_xticks(places, [f"{row['low']} to {row['high']}°\n{row['people']} people" for row in rows])
    axes.set_xlabel("camera pitch below the horizon")
    axes.set_ylabel("OKS AP, %")
    axes.legend(frameon=False)
    return _svg(figure, "OKS AP before and after training by camera pitch")


def teacher_probabilities(decisions: Sequence[Mapping[str, Any]]) -> str:
    """Returns the teacher's probability of each group over its decisions as a stacked plot.

    Args:
        decisions: rows of decisions.jsonl; those without probabilities (the uniform first window) are left out.
    """
    rows = [row for row in decisions if row.get("probabilities")]
    figure, axes = _figure(9.0, 3.4)
    if rows:
        steps = [row["step"] for row in rows]
        probabilities = np.array([row["probabilities"] for row in rows]).T  # [groups, decisions]
        colours = _group_colours(len(probabilities))
        labels = [f"group {group}" for group in range(len(probabilities))]
        axes.stackplot(steps, probabilities, colors=colours, labels=labels, linewidth=0)
        axes.set_xlim(steps[0], max(steps[-1], steps[0] + 1))
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    axes.set_ylim(0, 1)
    axes.set_xlabel("step")
    axes.set_ylabel("probability")
    return _svg(figure, "Probability of each group over the teacher's decisions")


def picked_groups(decisions: Sequence[Mapping[str, Any]], num_groups: int) -> str:
    """Returns which group was picked at each decision, and whether its last window was rewarded.

    Args:
        decisions: rows of decisions.jsonl.
        num_groups: number of groups of the run.
    """
    figure, axes = _figure(9.0, 2.6)
    for explored, marker, label in (
        (False, "o", "drawn from the teacher"),
        (True, "D", "drawn uniformly (exploration)"),
    ):
        rows = [row for row in decisions if bool(row.get("explored")) is explored]
        if rows:
            colours = [_group_colours(num_groups)[row["group"]] for row in rows]
            axes.scatter(
                [row["step"] for row in rows],
                [row["group"] for row in rows],
                c=colours,
                marker=marker,
                s=26,
                edgecolors="#333333" if explored else "none",
                linewidths=0.8,
                label=label,
            )
    axes.set_yticks(range(num_groups))
    axes.set_ylim(-0.6, num_groups - 0.4)
    axes.set_xlabel("step")
    axes.set_ylabel("group")
    if decisions:
        axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=2)
    return _svg(figure, "Groups picked by the teacher")


def _group_colours(num_groups: int) -> np.ndarray:
    return colormaps["viridis"](np.linspace(0.05, 0.95, num_groups))


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Figure, title: str) -> str:
    buffer = io.StringIO()
    # A fixed salt keeps the ids, and with them the page, the same from run to run.
    with rc_context({"svg.hashsalt": title, "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Title": title})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
