"""Writes the study's RESULTS.md and its figure from the small files of the finished runs."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eval.metrics.paper_tables import COLUMNS, MODELS
from eval.metrics.visibility_bins import LABELS
from eval.study import figures, numbers
from eval.study.numbers import FINDINGS, PITCH_EDGES, Finding, Rows
from eval.study.plan import ORACLE_ROWS, ROWS, SETS
from eval.study.results import StudyResult
from openpose_tf.common import files

TEACHER_FIGURE, LEARNING_FIGURE = "teacher.png", "learning.png"
SET_TITLES = {"standin": "Held-out stand-in", "synthetic": "Held-out D_S"}
RANDOM_ROW = "real_synthetic"  # what choices of groups are compared with
LEARNING = f"""## Learning curves

Loss of the two halves of the batches, mean over seeds. A difference between rows that shows here and not in the tables
is one of the training data's difficulty.

![Losses over the steps]({LEARNING_FIGURE})
"""
HEAD = """# The study: the paper's Tables 1 to 3 at a small size

Written by `python -m eval.study` (`make study`); every run that was made is in `results/`, and nothing was tuned on
these validation pictures. Real data is a **stand-in** (`real_standin`: rendered people, other backgrounds and light,
camera pitch 0 to 12 degrees), because no real data can be shipped, so these numbers compare the rows with each other,
not with the paper's. Pictures without a prediction count as missed. Rows with real data go on from one real-only
student, synthetic-only from one that saw as many steps of D_S; seeds decide everything after that.
"""


def write(results: Sequence[StudyResult], folder: Path) -> None:
    """Writes RESULTS.md, learning.png and teacher.png into `folder`, each whole or not at all."""
    rows = numbers.by_row(results)
    has_figure = figures.draw_teachers(rows, folder / TEACHER_FIGURE)
    figures.draw_learning(rows, folder / LEARNING_FIGURE)
    parts = [HEAD, _runs(results), *(_table(rows, name) for name in SETS), _findings(rows), _visibility(rows)]
    parts += [_pitch(rows), _photographs(rows), _teachers(rows, has_figure), _oracle(rows), LEARNING]
    files.write_bytes(folder / "RESULTS.md", "\n".join(part for part in parts if part).encode())


def _markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *lines)) + "\n"


def _number(value: float, digits: int = 1) -> str:
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def _runs(results: Sequence[StudyResult]) -> str:
    hours = sum(sum(result.values["seconds"].values()) for result in results) / 3600
    commits = sorted({str(result.values["commit"])[:10] for result in results})
    machines = sorted({f"{result.values['machine']}, {result.values['precision']}" for result in results})
    seeds = sorted({result.seed for result in results})
    missing = [row.name for row in ROWS if not any(result.row == row.name for result in results)]
    text = (
        f"{len(results)} runs of {len(seeds)} seeds ({', '.join(map(str, seeds))}), {hours:.1f} h of training and "
        f"scoring (data and real-only students not counted), commit {', '.join(commits)}, {'; '.join(machines)}.\n"
    )
    return text + (f"Not run yet: {', '.join(missing)}.\n" if missing else "")


def _table(rows: Rows, name: str) -> str:
    lines = []
    for row in ROWS:
        results = rows.get(row.name)
        if results:
            cells = [
                _number(mean) + ("" if np.isnan(spread) else f" ± {spread:.1f}")
                for mean, spread in numbers.table_row(results, name)
            ]
            lines.append([row.model, str(len(results)), *cells, f"{MODELS[row.model].paper[-1]:.1f}"])
    count = len(next(iter(rows.values()))[0].sets[name].matches)
    title = f"## {SET_TITLES[name]}: {count} pictures, mean ± standard deviation over seeds\n\n"
    return title + _markdown(["model", "seeds", *COLUMNS, "paper's mAP (MPII)"], lines)


def _findings(rows: Rows) -> str:
    lines = []
    for finding in FINDINGS:
        estimate = numbers.difference(rows, finding, SETS[0])
        ours = "-" if estimate is None else f"{estimate.value:+.1f} [{estimate.low:+.1f}, {estimate.high:+.1f}]"
        pair = f"{finding.second} - {finding.first}"
        seeds = str(len(numbers.common_seeds(rows, finding)))
        words = numbers.verdict(finding, estimate)
        lines.append([finding.statement, pair, f"{finding.paper:+.1f}", ours, seeds, words])
    text = (
        "## What the paper found, and what shows here\n\nDifference in mAP on the held-out stand-in with its "
        "95 % interval (paired bootstrap over pictures and seeds). **With one seed** it knows the spread over "
        "pictures, not that over runs, and is too narrow: what shows then may be the luck of one run.\n\n"
    )
    return text + _markdown(["finding", "rows", "paper", "here", "seeds", "in words"], lines)


def _visibility(rows: Rows) -> str:
    lines, people = [], [0] * len(LABELS)
    for row in ROWS:
        if row.name in rows:
            people, means = numbers.visibility(rows[row.name], SETS[0])
            lines.append([row.model, *map(_number, means)])
    header = ["model", *(f"{label} ({count} people)" for label, count in zip(LABELS, people))]
    return "## mAP by ratio of visible joints (paper Fig. 6), held-out stand-in\n\n" + _markdown(header, lines)


def _pitch(rows: Rows) -> str:
    lines, counts = [], [0] * (len(PITCH_EDGES) - 1)
    for row in ROWS:
        if row.name in rows:
            counts, means = numbers.pitch(rows[row.name], SETS[1])
            lines.append([row.model, *map(_number, means)])
    names = [f"{low:.0f} to {high:.0f}°" for low, high in itertools.pairwise(PITCH_EDGES)]
    header = ["model", *(f"{name} ({count} pictures)" for name, count in zip(names, counts))]
    return "## mAP by camera pitch, held-out D_S\n\n" + _markdown(header, lines)


def _photographs(rows: Rows) -> str:
    lines = []
    for row in ROWS:
        scores = [r.values["oks_photographs"] for r in rows.get(row.name, []) if r.values["oks_photographs"]]
        if scores:
            cells = [numbers.mean_and_spread([100 * score[key] for score in scores])[0] for key in scores[0]]
            lines.append([row.model, str(len(scores)), *(_number(cell, 2) for cell in cells)])
    if not lines:
        return ""
    return "## Real photographs (COCO annotations, OKS, percent)\n\n" + _markdown(
        ["model", "seeds", "AP", "AP50", "AR"], lines
    )


def _teachers(rows: Rows, has_figure: bool) -> str:
    lines = []
    for row in ROWS:
        for result in rows.get(row.name, []):
            teacher = result.values["teacher"]
            if teacher:
                quarters = numbers.concentration(teacher["probabilities"])
                cells = [f"{value:.2f}" for value in quarters] + [""] * (4 - len(quarters))
                picks = ", ".join(map(str, teacher["picks"]))
                hard = _number(numbers.harder_is_likelier(teacher), 2)
                lines.append([f"{row.model}, seed {result.seed}", *cells, str(teacher["rewarded"]), hard, picks])
    if not lines:
        return ""
    text = (
        "## What the teachers did\n\nLargest group probability in each quarter of the decisions (the paper: early "
        "concentration, then uniform; uniform is 0.10), rewarded decisions, rank correlation over groups of "
        "probability and loss (1: the harder a group, the likelier; 0: it does not know), decisions per group.\n\n"
    )
    picture = f"\n![Probabilities of the groups over time]({TEACHER_FIGURE})\n" if has_figure else ""
    header = ["run", "first", "second", "third", "last", "rewarded", "harder is likelier", "decisions per group"]
    return text + _markdown(header, lines) + picture


def _oracle(rows: Rows) -> str:
    """Returns what each fixed choice of groups gives; the best one bounds a teacher that has one favourite."""
    lines, values = [], {}
    for row in ORACLE_ROWS:
        if row.name in rows:
            seeds, synthetic = str(len(rows[row.name])), numbers.table_row(rows[row.name], SETS[1])[-1][0]
            values[row.model] = numbers.table_row(rows[row.name], SETS[0])[-1][0]
            estimate = numbers.difference(rows, Finding("", RANDOM_ROW, row.name, 0.0), SETS[0])
            gain = "-" if estimate is None else f"{estimate.value:+.1f} [{estimate.low:+.1f}, {estimate.high:+.1f}]"
            lines.append([row.model, seeds, _number(values[row.model]), gain, _number(synthetic)])
    if not lines:
        return ""
    text = (
        "## Could any choice of groups help? (groups of camera pitch)\n\nRows that are not in the paper. If even the "
        "group that is best afterwards gains nothing over random sampling, no teacher can, and the size is the cause; "
        "if one gains and the teacher does not, the teacher is. The best of ten is chosen on these very pictures, so "
        f"it flatters itself. Best here: {max(values, key=lambda model: values[model])}.\n\n"
    )
    header = ["synthetic half", "seeds", "mAP stand-in", "against random sampling", "mAP D_S"]
    return text + _markdown(header, lines)
