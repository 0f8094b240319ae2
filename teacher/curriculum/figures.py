"""Draws what the teacher did: probabilities, picked groups, reward rate; sizes and losses of the groups."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.plotting import Axes, Figure, colormaps
from teacher.curriculum.decision_log import DecisionLog
from teacher.groups.spread import Spread


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Returns [D] float64, the mean of the last `width` values that are numbers; NaN where there are none."""
    known = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    start = np.maximum(np.arange(1, len(values) + 1) - width, 0)
    total, number = sums[1:] - sums[start], counts[1:] - counts[start]
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def plot_probabilities(log: DecisionLog, labels: list[str]) -> Figure:
    """Returns a stacked plot of the probability of each group over the steps."""
    figure, axes = _figure("Probability of each group")
    steps, shares = _at_least_two(log.steps, log.probabilities)
    axes.stackplot(steps, shares.T, labels=labels, colors=group_colours(len(labels)))
    axes.set(xlabel="training step", ylabel="probability", ylim=(0, 1), xlim=(steps[0], steps[-1]))
    _legend(axes, labels)
    return figure


def plot_groups(log: DecisionLog, labels: list[str]) -> Figure:
    """Returns the picked groups over the steps; hollow = drawn by exploration."""
    figure, axes = _figure("Picked groups")
    colours = np.array(group_colours(len(labels)))
    for explored, style in ((False, {"s": 22}), (True, {"s": 30, "marker": "o", "linewidths": 1.2})):
        chosen = log.explored == explored
        face = "none" if explored else colours[log.groups[chosen]]
        label = "explored (uniform draw)" if explored else "drawn from the proposal"
        axes.scatter(
            log.steps[chosen],
            log.groups[chosen],
            facecolors=face,
            edgecolors=colours[log.groups[chosen]],
            label=label,
            **style,
        )
    axes.set(xlabel="training step", ylabel="group", ylim=(-0.6, len(labels) - 0.4))
    if len(labels) <= 20:
        axes.set_yticks(range(len(labels)), labels)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def plot_reward_rate(log: DecisionLog, width: int = 20) -> Figure:
    """Returns the share of rewarded decisions and the window loss over the steps, over `width` decisions."""
    figure, axes = _figure(f"Reward rate over {width} decisions, and loss of the picked groups")
    axes.plot(log.steps, running_mean(log.rewarded, width), color="#1b6ca8", linewidth=2, label="reward rate")
    explored = running_mean(log.explored.astype(np.float64), width)
    axes.plot(log.steps, explored, color="#888888", linewidth=1.2, label="exploration rate")
    axes.set(xlabel="training step", ylabel="share of decisions", ylim=(-0.03, 1.03))
    right = axes.twinx()
    right.plot(log.steps, log.losses, color="#d9822b", alpha=0.6, linewidth=1, label="loss of the window (right axis)")
    right.set_ylabel("loss per sample")
    right.set_ylim(bottom=0)
    lines = [*axes.lines, *right.lines]
    names = [str(line.get_label()) for line in lines]
    axes.legend(lines, names, frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncol=3)
    return figure


def save_figure(figure: Figure, path: Path) -> Path:
    """Writes a figure as PNG, whole or not at all; returns the path."""
    with files.atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=130, bbox_inches="tight")
    return path


def group_colours(count: int) -> list[tuple[float, ...]]:
    """Returns one colour per group, dark to bright in the order of the groups."""
    return [tuple(colormaps["viridis"](value)) for value in np.linspace(0.05, 0.95, count)]


def _at_least_two(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A stack needs two points: a single decision is drawn one step wide."""
    if len(steps) > 1:
        return steps, values
    return np.array([steps[0], steps[0] + 1]), np.repeat(values, 2, axis=0)


def _figure(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9.0, 3.6))
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11, pad=8)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _legend(axes: Axes, labels: list[str]) -> None:
    if len(labels) > 20:
        return
    handles, names = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1],
        names[::-1],
        frameon=False,
        fontsize=8,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        title="group",
    )


def plot_sizes(counts: np.ndarray, labels: list[str], min_group_size: int, title: str) -> Figure:
    """Returns the number of samples per group; groups that count as empty are red."""
    figure, axes = _figure(title)
    colours = ["#c0392b" if count <= min_group_size else "#1b6ca8" for count in counts]
    axes.bar(range(len(counts)), counts, color=colours)
    axes.axhline(min_group_size, color="#c0392b", linewidth=0.8, linestyle="--")
    axes.set(ylabel="samples", xlabel="group")
    if len(counts) <= 20:
        axes.set_xticks(range(len(counts)), labels, rotation=40, ha="right", fontsize=8)
        for group, count in enumerate(counts):
            axes.annotate(str(count), (group, count), ha="center", va="bottom", fontsize=8)
    return figure


def plot_values(values: np.ndarray, boundaries: tuple[float, ...], feature: str) -> Figure:
    """Returns the histogram of a feature over all samples, with the boundaries of its groups."""
    figure, axes = _figure(f"{feature}: values of all samples, and the boundaries of the groups")
    axes.hist(values[np.isfinite(values)], bins=80, color="#1b6ca8")
    for boundary in boundaries:
        axes.axvline(boundary, color="#d9822b", linewidth=1)
    axes.set(xlabel=feature, ylabel="samples")
    return figure


def plot_spread(found: Mapping[str, Spread], labels: Mapping[str, list[str]]) -> Figure:
    """Returns the mean loss of each group with its 95 % interval, one panel per grouping; a line at the mean of all."""
    figure = Figure(figsize=(9.0, 2.6 * len(found)))
    for number, (name, one) in enumerate(found.items(), 1):
        axes = figure.add_subplot(len(found), 1, number)
        axes.set_title(f"{name}: {100 * one.explained:.1f} % of the variance of one loss", loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        places = range(len(one.means))
        axes.errorbar(places, one.means, 1.96 * one.errors, fmt="o", color="#1b6ca8", capsize=3)
        axes.axhline(np.nansum(one.means * one.counts) / one.counts.sum(), color="#888888", linewidth=0.8)
        axes.set_ylabel("mean loss")
        if len(places) <= 20:
            axes.set_xticks(places, labels[name], rotation=30, ha="right", fontsize=8)
    figure.tight_layout()
    return figure


def plot_study(regrets: Mapping[str, Mapping[str, float]]) -> Figure:
    """Returns the regret in percent of each teacher (row) in each scenario (column), green below 0, red above."""
    scenarios, teachers = list(regrets), list(next(iter(regrets.values())))
    table = np.array([[regrets[scenario][teacher] for scenario in scenarios] for teacher in teachers])
    figure, axes = _figure("Regret against the best fixed choice, percent of its test loss")
    figure.set_size_inches(1.6 + 1.25 * len(scenarios), 1.2 + 0.42 * len(teachers))
    axes.imshow(np.clip(table, -50, 50), cmap="RdYlGn_r", vmin=-50, vmax=50, aspect="auto")
    for row, column in np.ndindex(table.shape):
        axes.text(column, row, f"{table[row, column]:+.0f}", ha="center", va="center", fontsize=9)
    axes.set_xticks(range(len(scenarios)), [name.replace("_", "\n") for name in scenarios], fontsize=8)
    axes.set_yticks(range(len(teachers)), teachers, fontsize=8)
    return figure
