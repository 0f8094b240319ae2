"""Scores models by ratio of visible joints (paper Fig. 6): numbers and plot.

Example:
    python -m eval.visibility --groundtruth=groundtruth.mat --predictions=M_DR=a.mat,M_DM=b.mat \
        --output_file=fig6.json --plot=fig6.png
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from eval.formats.mpii_inputs import read_groups
from eval.formats.regions import RULES
from eval.metrics import mpii_summary, visibility_bins
from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError

PAPER_COUNTS = (14, 111, 289, 286, 180)  # people per bin in the paper's Fig. 6 (343 groups, 880 people)


def parse_models(values: Sequence[str]) -> dict[str, str]:
    """Returns predictions by model name of NAME=PATH entries; a bare path is called by its file name.

    Raises:
        UserError: none is given, or two have one name.
    """
    models: dict[str, str] = {}
    for value in values:
        name, _, path = value.rpartition("=")
        name = name or Path(path).stem
        if name in models:
            raise UserError(f"--predictions: two models are called {name!r}: give NAME=PATH with different names")
        models[name] = path
    if not models or not all(models.values()):
        raise UserError("--predictions: expected PATH or NAME=PATH, several with commas")
    return models


def evaluate(
    groundtruth: str, models: Mapping[str, str], denominator: str = "annotated", region: str = "openpose"
) -> dict[str, Any]:
    """Returns the AP per bin of each model and variant as plain JSON values (NaN = null).

    Args:
        groundtruth: as for eval.mpii.
        models: predictions by model name.
        denominator: a name of `visibility_bins.DENOMINATORS`.
        region: region rule for prediction folders.
    """
    rows: dict[str, Any] = {}
    bins: list[visibility_bins.BinScores] = []
    for name, path in models.items():
        truth, found = read_groups(groundtruth, path, RULES[region])
        matches = mpii_summary.match_groups(truth, found)
        rows[name] = {}
        for variant in visibility_bins.UNMATCHED:
            bins = visibility_bins.evaluate_bins(truth, matches, denominator, variant)
            rows[name][variant] = {
                "mAP": [_number(b.mean) for b in bins],
                "ap": [[_number(value) for value in b.ap] for b in bins],
            }
        rows[name]["groups_without_predictions"] = sum(len(match.assignment) == 0 for match in matches)
    return {
        "bins": list(visibility_bins.LABELS),
        "denominator": denominator,
        "people": [b.people for b in bins],
        "n_gt": [b.n_gt.tolist() for b in bins],
        "paper_people": list(PAPER_COUNTS),
        "models": rows,
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def format_table(result: Mapping[str, Any]) -> str:
    """Returns counts and the variants A and B as text; the noisy C is in the JSON only."""
    positives = [f"{min(row)}-{max(row)}" for row in result["n_gt"]]
    lines = [
        _line("visible joints", result["bins"]),
        _line("people", result["people"]),
        _line("people, paper", result["paper_people"]),
        _line("positives/joint", positives),
    ]
    for name, variants in result["models"].items():
        for variant in "AB":
            cells = ["NaN" if value is None else f"{value:.1f}" for value in variants[variant]["mAP"]]
            lines.append(_line(f"{name} ({variant})", cells))
    lines.append(f"ratio = visible joints / {visibility_bins.DENOMINATORS[result['denominator']]}")
    lines += [f"({v}) joints of unmatched predictions are {visibility_bins.UNMATCHED[v]}" for v in "AB"]
    return "\n".join(lines)


def _line(label: str, cells: Sequence[Any]) -> str:
    return f"{label:24s}" + "".join(f"{cell!s:>10s}" for cell in cells)


def plot(result: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Draws the curves: AP over bins, variant A solid and B dashed, the number of people under each bin."""
    from openpose_tf.common.plotting import Figure

    figure = Figure(figsize=(6.4, 4.2), dpi=150, layout="constrained")
    axes = figure.subplots()
    places = np.arange(visibility_bins.NUM_BINS)
    for index, (name, variants) in enumerate(result["models"].items()):
        for variant, style in (("A", "-o"), ("B", "--s")):
            values = np.array([np.nan if v is None else v for v in variants[variant]["mAP"]])
            axes.plot(places, values, style, color=f"C{index}", label=f"{name} ({variant})", markersize=4)
    labels = [f"{label}\n{count} people" for label, count in zip(result["bins"], result["people"])]
    axes.set_xticks(places, labels)
    axes.set_xlabel("ratio of visible joints")
    axes.set_ylabel("mAP (PCKh 0.5), %")
    axes.set_ylim(0, 100)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", title="unmatched predictions: A dropped, B counted", title_fontsize="x-small")
    with files.atomic_path(path) as temporary:
        figure.savefig(temporary)


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("groundtruth", None, "Toolkit .mat or .json, or an image dataset folder.", required=True)
    flags.DEFINE_list("predictions", None, "NAME=PATH or PATH, several with commas; see eval.mpii.", required=True)
    flags.DEFINE_string("output_file", None, "JSON file for the numbers.", required=True)
    flags.DEFINE_alias("output", "output_file")
    flags.DEFINE_string("plot", None, "Image file for the plot (.png, .svg, .pdf).")
    meaning = "; ".join(f"{name}: {text}" for name, text in visibility_bins.DENOMINATORS.items())
    flags.DEFINE_enum(
        "denominator", "annotated", list(visibility_bins.DENOMINATORS), f"Ratio of visible joints to {meaning}."
    )
    flags.DEFINE_enum("region", "openpose", list(RULES), "Which people of a prediction folder belong to a group.")


def main() -> None:
    """Scores, prints the table, writes the JSON and the plot."""
    f = flags.FLAGS
    if f.plot and Path(f.plot).suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UserError(f"--plot={f.plot}: expected a name that ends with .png, .svg or .pdf")
    result = evaluate(f.groundtruth, parse_models(f.predictions), f.denominator, f.region)
    files.write_json(f.output_file, result)
    if f.plot:
        plot(result, f.plot)
    print(format_table(result))


if __name__ == "__main__":
    cli.run(main, define_flags)
