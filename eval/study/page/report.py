"""Writes the study's RESULTS.md and its figures from the small files of the finished runs."""

from collections.abc import Sequence
from pathlib import Path

from eval.study import run_logs
from eval.study.page import figures, findings, numbers, tables
from eval.study.page.numbers import FIRST, LAST, MPII_AP, OKS_AP, PCK, Cell, Numbers
from eval.study.plan import FIGURE_ROWS, LONG, PHASES, RENDERED_SETS, ROWS, table_count
from eval.study.results import StudyResult
from openpose_tf.common import files

SCORES_FIGURE, TEACHER_FIGURE, LEARNING_FIGURE = "figure.png", "teacher.png", "learning.png"
DESIGN_SEEDS = (2, 3)
MIN_CONCENTRATION = 0.05  # difference of probabilities that counts as concentration
HEAD = """# The study: what do synthetic people add to N labelled photographs?

Written by `python -m eval.study` (`make study`); every run that was made is in `results/`, and nothing was chosen on
these validation images. R0: random initialization; S: the rendered-only student; R: N photographs; +S: half of each
batch D_S; +M: half of it rendered people in front of the N photographs; masks: no loss at rendered people. Intervals
are 95 % (paired bootstrap over images and seeds). **With one seed** an interval knows the spread over images, not that
over runs, and is too narrow. Images without a prediction count as missed.
"""
STANDIN = """Real photographs are a **stand-in** here (`real_standin`: rendered people, other backgrounds and light,
camera pitch 0 to 12 degrees), so these numbers compare the rows with each other, not with the paper's.
"""


def write(results: Sequence[StudyResult], folder: Path) -> None:
    """Writes RESULTS.md and its figures into `folder`, each whole or not at all."""
    known = Numbers(results)
    name, count = known.sets[0], _table_count(known)
    metrics = [PCK, OKS_AP, *([MPII_AP] if known.has(MPII_AP, name) else [])]
    has_figure = figures.draw_scores(known, name, metrics, folder / SCORES_FIGURE)
    has_teachers = figures.draw_teachers(known.results, folder / TEACHER_FIGURE)
    has_curves = figures.draw_learning(known.results, count, folder / LEARNING_FIGURE)
    parts = [
        HEAD + (STANDIN if results[0].values["settings"]["real"] == "stand-in" else ""),
        _runs(known, count),
        _power(known, name),
        _figure(known, name, metrics, has_figure),
        _paper(known, name, count, metrics),
        _words(known, name, count),
        _teachers(known, name, count, metrics, has_teachers),
        _advice(known, name),
        _details(known, count),
        f"## Learning curves (N = {count})\n\n![Losses over the steps]({LEARNING_FIGURE})\n" if has_curves else "",
    ]
    files.write_bytes(folder / "RESULTS.md", "\n".join(part for part in parts if part).encode())


def _table_count(known: Numbers) -> int:
    """Returns the N with most runs of the tables, by default the one in the middle."""
    rows = {row.name for row in ROWS}
    runs = {n: sum(r.row in rows and r.count == n for r in known.results) for n in known.counts}
    return max(known.counts, key=lambda n: runs[n]) if any(runs.values()) else table_count(known.design_counts)


def describe_run(result: StudyResult) -> str:
    """Returns the scores of one run after its last mark in a line."""
    known = Numbers([result], num_draws=1)
    cell = Cell(result.row, result.count)
    scores = [(name, metric, known.spread(cell, name, metric)[0]) for name in known.sets for metric in (PCK, OKS_AP)]
    return ", ".join(f"{name} {metric} {value:.1f}" for name, metric, value in scores)


def _runs(known: Numbers, count: int) -> str:
    hours = sum(sum(result.values["seconds"].values()) for result in known.results) / 3600
    commits = sorted({str(result.values["commit"])[:10] for result in known.results})
    machines = sorted({f"{r.values['machine']}, {r.values['settings']['precision']}" for r in known.results})
    text = (
        f"{len(known.results)} runs, {hours:.1f} h of training and scoring (data and rendered-only student not "
        f"counted), commit {', '.join(commits)}, {'; '.join(machines)}.\n"
    )
    lines = [[name, *(str(value) for value in _set_counts(known, name).values())] for name in known.sets]
    header = ["validation set", *(f"{word}" for word in _set_counts(known, known.sets[0]))]
    return text + _kinds(known) + "\n" + tables.markdown(header, lines) + _missing(known, count)


def _kinds(known: Numbers) -> str:
    """Returns which runs were made with which precision and records; nothing where all are of one kind."""
    kinds: dict[str, list[str]] = {}
    for result in known.results:
        precision, real = (result.values["settings"][name] for name in ("precision", "real"))
        records = real if isinstance(real, str) else ", ".join(f"{name} {digest}" for name, digest in real)
        kind = f"{precision}, {records}"
        kinds.setdefault(kind, []).append(f"{result.row} (N = {result.count}, seed {result.seed})")
    if len(kinds) == 1:
        return ""
    largest = max(kinds, key=lambda kind: len(kinds[kind]))
    told = [f"* {kind}: {', '.join(runs) if kind != largest else 'all others'}" for kind, runs in sorted(kinds.items())]
    return (
        "\nNot all runs have the same precision or conversion of the photographs to records. Differences are taken "
        "within a seed and between equal ones only; means over seeds hold both:\n\n" + "\n".join(told) + "\n"
    )


def _set_counts(known: Numbers, name: str) -> dict[str, int]:
    return numbers.counts_of(next(result.sets[name] for result in known.results if name in result.sets))


def _missing(known: Numbers, count: int) -> str:
    """Returns which runs of the design there are not."""
    there = {(r.row, r.count, r.seed) for r in known.results}
    missing = []
    for phase in PHASES.values():
        for row in phase.rows:
            own = known.design_counts if phase.all_counts else [count]
            gone = [f"N = {n} seed {seed}" for n in own for seed in phase.seeds if (row.name, n, seed) not in there]
            if gone:
                missing.append(f"{row.name} ({'all' if len(gone) == len(own) * len(phase.seeds) else ', '.join(gone)})")
    return f"\nNot run: {'; '.join(missing)}.\n" if missing else ""


def _power(known: Numbers, name: str) -> str:
    title = "## What this design can see\n\n"
    lines = []
    for one in [name, *(other for other in known.sets[1:] if other not in RENDERED_SETS)]:
        pilots = known.pilots(one)
        for seeds in DESIGN_SEEDS if pilots else ():
            alone = [known.smallest_effect([pilot], one, seeds) for pilot in pilots]
            pooled = known.smallest_effect(pilots, one, seeds)
            cells = [f"{pooled:.1f}", f"{min(alone):.1f} to {max(alone):.1f}", str(len(pilots))]
            lines.append([one, str(seeds), *cells])
    if not lines:
        return f"{title}Not known yet: it is simulated from two runs that differ by their seed only.\n"
    return (
        f"{title}The smallest true difference of two rows in PCK that is found with 80 % power at 95 %, by simulation "
        "from runs of a row at an N that differ by their seed only: of all of them, and, as so few runs tell it "
        "roughly, of each row and N alone. Rows that find little, which vary little, are left out. Smaller differences "
        "stay unseen.\n\n"
        + tables.markdown(["validation set", "seeds", "PCK points", "of each row and N", "rows and N"], lines)
    )


def _figure(known: Numbers, name: str, metrics: Sequence[str], has_figure: bool) -> str:
    if not has_figure:
        return ""
    text = f"## The figure: N photographs, {name}\n\n![Score over N, one line per row]({SCORES_FIGURE})\n\n"
    text += "After 2 T steps with 95 % intervals; after T and 2 T in the table. "
    text += f'"{LONG.model}" has trained on photographs as long as S -> R in all, pre-training counted.\n\n'
    text += tables.figure_table(known, name, metrics)
    differences = tables.findings_table(known, (*findings.PRETRAINING, *findings.MIXING), known.counts, name, metrics)
    text += "\n### Differences\n\n" + differences if differences else ""
    more = tables.count_table(known, name, metrics)
    return text + ("\n### More photographs, after 2 T steps\n\n" + more if more else "")


def _paper(known: Numbers, name: str, count: int, metrics: Sequence[str]) -> str:
    metric, title = tables.total_metric(known, name), f"## Tables 1 to 3 of the paper (N = {count}, {name})\n\n"
    if not any(known.runs(Cell(row.name, count)) for row in ROWS):
        return f"{title}Not run.\n"
    text = (
        f"{title}Here: {metric} after 2 T steps from one real-only "
        "student of the same photographs and seed (M_DS: from S), mean ± standard deviation over seeds. The paper: mAP "
        f"on MPII.{_left_out(known, name)} Rows with rendered people keep their first layers as they are, as the "
        "paper's; M_DR trains all of them, so that a difference to it holds this one, too: see real_frozen.\n\n"
    )
    found = tables.findings_table(known, findings.PAPER, [count], name, [metric, *(m for m in metrics if m != metric)])
    kept = tables.findings_table(known, findings.CONTROLS, [count], name, metrics)
    parts = [
        text + tables.paper_tables(known, name, count),
        _titled("### Differences", found),
        _titled("### What keeping the first layers does", kept),
    ]
    return "\n".join(part for part in parts if part)


def _left_out(known: Numbers, name: str) -> str:
    """Returns which of the paper's columns a set has no joint for."""
    joints = set(next(one.joints for r in known.results if name in r.sets for one in r.sets[name].values()))
    gone = [column for column, parts in numbers.COLUMN_PARTS.items() if not joints.intersection(parts)]
    if not gone or known.has(MPII_AP, name):
        return ""
    return f" {name} has no joints of {', '.join(gone)}: total here leaves out what the paper's holds."


def _words(known: Numbers, name: str, count: int) -> str:
    """Returns what shows, what does not, and what the data cannot tell, as the intervals say."""
    metric = tables.total_metric(known, name)
    asked = [(f, n, PCK) for n in known.counts for f in (*findings.PRETRAINING, *findings.MIXING)]
    asked += [(f, count, metric) for f in (*findings.PAPER, *findings.CONTROLS, *findings.ORACLES, *findings.TEACHERS)]
    heaps: dict[str, list[str]] = {}
    for finding, n, of in asked:
        estimate = finding.estimate(known, n, name, of)
        line = f"* {finding.statement} ({finding.fairness}, N = {n}): {findings.in_words(finding, estimate, of)}"
        heaps.setdefault(findings.verdict(finding, estimate), []).append(line)
    titles = {
        findings.SHOWS: "What shows",
        findings.OPPOSITE: "What does not: the opposite shows",
        findings.UNDECIDED: "What the data cannot tell",
        findings.NOT_RUN: "What has not been run",
    }
    parts = [f"### {title}\n\n" + "\n".join(heaps[key]) + "\n" for key, title in titles.items() if key in heaps]
    return "## In plain words\n\n" + "\n".join(parts)


def _teachers(known: Numbers, name: str, count: int, metrics: Sequence[str], has_figure: bool) -> str:
    table = tables.teacher_table(known)
    if not table:
        return "## The teacher\n\nNot run.\n"
    papers = {row.name for row in ROWS}
    taught = [r.values["teacher"] for r in known.results if r.row in papers and r.values["teacher"]]
    text = (
        "## The teacher\n\nLargest group probability in each quarter of the decisions (uniform: 1 / groups), rewarded "
        "decisions, rank correlation over groups of probability and loss (1: the harder a group, the likelier; 0: it "
        "does not know), decisions per group. " + _behaviour(taught) + "\n\n"
    )
    found = tables.findings_table(known, findings.ORACLES, [count], name, metrics)
    oracles = (
        "\n### Could any choice of groups help?\n\nWhere the group of highest or lowest running loss gains or loses "
        "against groups drawn uniformly, the choice matters. Where groups are about equally hard, the running loss "
        "may name another one every time (decisions per group above): no difference then excludes nothing.\n\n" + found
    )
    others = tables.findings_table(known, findings.TEACHERS, [count], name, metrics)
    others = "\n### Does another teacher?\n\n" + others if others else ""
    picture = f"\n![Probabilities of the groups over time]({TEACHER_FIGURE})\n" if has_figure else ""
    return (
        text + table + (oracles if found else "\n### Could any choice of groups help?\n\nNot run.\n") + others + picture
    )


def _behaviour(taught: Sequence[dict]) -> str:
    """Returns in words whether teachers concentrated early and were flat later, as the paper says."""
    if not taught:
        return "The paper's teacher itself was not run."
    rows = [run_logs.concentration(teacher["probabilities"]) for teacher in taught]
    early = sum(row[0] > row[-1] + MIN_CONCENTRATION for row in rows)
    hard = numbers.mean_and_spread([run_logs.harder_is_likelier(teacher) for teacher in taught])[0]
    return (
        "The paper: early concentration, then uniform. Here the largest probability was higher in the first quarter "
        f"than in the last, by {MIN_CONCENTRATION} at least, in {early} of {len(rows)} runs; mean rank correlation "
        f"{tables.number(hard, 2)}."
    )


def _advice(known: Numbers, name: str) -> str:
    lines = findings.advice(known, known.counts, name, PCK)
    text = "\n".join(lines) if lines else "\nNot run yet."
    return f"## What to do with your N photographs\n\nFrom the intervals of PCK on {name} alone:\n{text}\n"


def _details(known: Numbers, count: int) -> str:
    """Returns scores on all sets, by visibility, people and camera pitch."""
    parts = []
    for name in known.sets:
        cells = [Cell(row.name, n, mark) for row in FIGURE_ROWS for n in known.counts for mark in (FIRST, LAST)]
        if name != known.sets[0] and name not in RENDERED_SETS and any(known.scores(cell, name) for cell in cells):
            asked = (*findings.PRETRAINING, *findings.MIXING)
            parts.append(f"## {name}\n\n" + tables.figure_table(known, name, [PCK, OKS_AP]))
            for title, some, counts in (
                ("", asked, known.counts),
                (f", Tables 1 to 3 (N = {count})", (*findings.PAPER, *findings.CONTROLS), [count]),
            ):
                differences = tables.findings_table(known, some, counts, name, [PCK, OKS_AP])
                parts.append(_titled(f"### Differences{title}", differences))
    rendered = [name for name in known.sets if name in RENDERED_SETS and known.has(MPII_AP, name)]
    if rendered:
        parts.append(_titled(f"## Held-out rendered sets (N = {count})", tables.rendered_table(known, rendered, count)))
    for name in known.sets:
        metric = tables.total_metric(known, name)
        title = f"## {metric} by ratio of visible joints (paper Fig. 6), {name}, N = {count}"
        parts.append(_titled(title, tables.visibility_table(known, name, count)))
        title = f"## OKS AP by number of people in the image, {name}, N = {count}"
        parts.append(_titled(title, tables.people_table(known, name, count)))
    if "synthetic" in rendered:
        title = f"## mAP by camera pitch, held-out D_S, N = {count}"
        parts.append(_titled(title, tables.pitch_table(known, "synthetic", count)))
    return "\n".join(part for part in parts if part)


def _titled(title: str, table: str) -> str:
    """Returns a table under its title; nothing without a table."""
    return f"{title}\n\n{table}" if table else ""
