"""The tables of the study's RESULTS.md, as Markdown."""

import itertools
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from eval.metrics.bootstrap import Estimate
from eval.metrics.paper_tables import COLUMNS, MODELS, TABLES
from eval.metrics.visibility_bins import LABELS
from eval.study import run_logs
from eval.study.page.findings import Finding, in_words
from eval.study.page.numbers import FIRST, LAST, MPII_AP, OKS_AP, PCK, PEOPLE_EDGES, PITCH_EDGES, Cell, Numbers
from eval.study.plan import FIGURE_ROWS, LONG, ROWS, StudyRow


def markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Returns a table: words left, numbers right."""
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *lines)) + "\n"


def number(value: float, digits: int = 1) -> str:
    """Returns a number as text, - for NaN."""
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def interval(estimate: Estimate | None, sign: str = "") -> str:
    """Returns a number with its 95 % interval."""
    if estimate is None:
        return "-"
    low, high = ("?" if np.isnan(end) else f"{end:{sign}.1f}" for end in (estimate.low, estimate.high))
    return f"{estimate.value:{sign}.1f} [{low}, {high}]"


def figure_table(numbers: Numbers, name: str, metrics: Sequence[str]) -> str:
    """Returns the scores of the figure: rows at each N after T and 2 T steps."""
    lines = []
    for row, count in itertools.product((*FIGURE_ROWS, LONG), numbers.counts):
        runs = numbers.runs(Cell(row.name, count))
        marks = [] if not runs else [LAST] if row.is_long else [FIRST, LAST]
        for mark in marks:
            cell = Cell(row.name, count, mark)
            steps = str(next(iter(runs.values())).marks[mark])
            scores = [interval(numbers.estimate(cell, name, metric)) for metric in metrics]
            lines.append([row.model, str(count), steps, str(len(runs)), *scores])
    return markdown(["row", "N", "steps", "seeds", *metrics], lines) if lines else ""


def findings_table(
    numbers: Numbers, findings: Iterable[Finding], counts: Sequence[int], name: str, metrics: Sequence[str]
) -> str:
    """Returns differences of rows that were run with their intervals, those of the first metric in words."""
    lines = []
    for count, finding in itertools.product(counts, findings):
        found = [finding.estimate(numbers, count, name, metric) for metric in metrics]
        cells = [interval(one, "+") for one in found]
        seeds = len(numbers.common_seeds(*finding.cells(count)))
        paper = [] if finding.paper is None else [f"{finding.paper:+.1f}"]
        told = [finding.statement, finding.fairness, str(count), *(paper or ["-"]), *cells, str(seeds)]
        if seeds:
            lines.append([*told, in_words(finding, found[0], metrics[0])])
    header = ["statement", "fair how", "N", "paper (mAP)", *metrics, "seeds", "in words"]
    return markdown(header, lines) if lines else ""


def count_table(numbers: Numbers, name: str, metrics: Sequence[str]) -> str:
    """Returns what more photographs do to each row of the figure, from each N to the next."""
    lines = []
    for row, (fewer, more) in itertools.product(FIGURE_ROWS, itertools.pairwise(numbers.counts)):
        found = [numbers.difference(Cell(row.name, fewer), Cell(row.name, more), name, metric) for metric in metrics]
        if any(found):
            lines.append([row.model, f"{fewer} to {more}", *(interval(one, "+") for one in found)])
    return markdown(["row", "N", *metrics], lines) if lines else ""


def paper_tables(numbers: Numbers, name: str, count: int) -> str:
    """Returns Tables 1 to 3 in the paper's form: each row here, and as the paper prints it."""
    by_model = {row.model: row for row in ROWS}
    parts = []
    for title, models in TABLES.items():
        lines = []
        for model in models:
            row = by_model[model]
            cell = Cell(row.name, count)
            runs = numbers.scores(cell, name)
            if runs:
                columns = [*numbers.columns(cell, name), numbers.spread(cell, name, total_metric(numbers, name))]
                cells = [number(mean) + ("" if np.isnan(spread) else f" ± {spread:.1f}") for mean, spread in columns]
                lines.append([f"{model}, here, {len(runs)} {'seed' if len(runs) == 1 else 'seeds'}", *cells])
            lines.append([f"{model}, paper" + ("" if runs else " (not run here)"), *map(number, MODELS[model].paper)])
        parts.append(f"### {title}\n\n" + markdown(["model", *COLUMNS[:-1], "total"], lines))
    return "\n".join(parts)


def total_metric(numbers: Numbers, name: str) -> str:
    """Returns the metric that comes nearest to the paper's on a set."""
    return MPII_AP if numbers.has(MPII_AP, name) else PCK


def _shown(numbers: Numbers, name: str, count: int) -> list[tuple[StudyRow, Cell]]:
    """Returns the figure's and the paper's rows that were run at N photographs and scored on a set."""
    cells = [(row, Cell(row.name, count)) for row in (*FIGURE_ROWS, LONG, *ROWS)]
    return [(row, cell) for row, cell in cells if numbers.scores(cell, name)]


def visibility_table(numbers: Numbers, name: str, count: int) -> str:
    """Returns scores by ratio of visible joints (paper Fig. 6)."""
    return _by_bin(numbers.by_visibility, _shown(numbers, name, count), name, LABELS, "people")


def people_table(numbers: Numbers, name: str, count: int) -> str:
    """Returns OKS AP by number of people in the image."""
    labels: list[str] = []
    for low, high in itertools.pairwise(PEOPLE_EDGES):
        more = f"{low} and more" if high == PEOPLE_EDGES[-1] else f"{low} to {high - 1}"
        labels.append(str(low) if high == low + 1 else more)
    return _by_bin(numbers.by_people, _shown(numbers, name, count), name, labels, "images")


def pitch_table(numbers: Numbers, name: str, count: int) -> str:
    """Returns mAP by camera pitch."""
    labels = [f"{low:.0f} to {high:.0f}°" for low, high in itertools.pairwise(PITCH_EDGES)]
    return _by_bin(numbers.by_pitch, _shown(numbers, name, count), name, labels, "images")


def _by_bin(
    score: Callable[[Cell, str], tuple[Sequence[int], Sequence[float]]],
    shown: Sequence[tuple[StudyRow, Cell]],
    name: str,
    labels: Sequence[str],
    unit: str,
) -> str:
    """Returns a table of rows by bins, with the number of what is in each; empty if no row was run."""
    lines: list[list[str]] = []
    sizes: Sequence[int] = ()
    for row, cell in shown:
        sizes, means = score(cell, name)
        lines.append([row.model, *map(number, means)])
    return markdown(["row", *(f"{label} ({n} {unit})" for label, n in zip(labels, sizes))], lines) if lines else ""


def rendered_table(numbers: Numbers, names: Sequence[str], count: int) -> str:
    """Returns mAP and OKS AP on the held-out rendered sets."""
    lines = []
    for row in (*FIGURE_ROWS, LONG, *ROWS):
        cell = Cell(row.name, count)
        if numbers.runs(cell):
            scores = [numbers.spread(cell, name, metric)[0] for name in names for metric in (MPII_AP, OKS_AP)]
            lines.append([row.model, *map(number, scores)])
    header = [f"{name}, {metric}" for name in names for metric in (MPII_AP, OKS_AP)]
    return markdown(["row", *header], lines) if lines else ""


def teacher_table(numbers: Numbers) -> str:
    """Returns what each teacher did."""
    lines = []
    for result in numbers.results:
        teacher = result.values["teacher"]
        if teacher:
            quarters = run_logs.concentration(teacher["probabilities"])
            cells = [f"{value:.2f}" for value in quarters] + [""] * (4 - len(quarters))
            hard = number(run_logs.harder_is_likelier(teacher), 2)
            picks = ", ".join(map(str, teacher["picks"])) or "single samples"
            lines.append([f"{result.row}, seed {result.seed}", *cells, str(teacher["rewarded"]), hard, picks])
    header = ["run", "first", "second", "third", "last", "rewarded", "harder is likelier", "decisions per group"]
    return markdown(header, lines) if lines else ""
