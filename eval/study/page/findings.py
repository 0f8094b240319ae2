"""What the study compares, and what the intervals say about it in plain words."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from eval.metrics.bootstrap import Estimate
from eval.study.page.numbers import FIRST, LAST, Cell, Numbers
from eval.study.plan import EQUAL_REAL, EQUAL_STEPS, LONG

SHOWS, OPPOSITE, UNDECIDED, NOT_RUN = "shows", "the opposite shows", "cannot tell", "not run"


@dataclasses.dataclass(frozen=True)
class Finding:
    """A statement about two rows: `second` after its mark scores higher than `first` after its.

    Attributes:
        statement: in plain words.
        first, second: rows.
        fairness: what is equal about them.
        marks: of both.
        paper: the paper's difference in mAP as printed, None where it has none; its sign is what is expected.
        advice: what somebody with N photographs would do if it is so.
    """

    statement: str
    first: str
    second: str
    fairness: str = EQUAL_STEPS
    marks: tuple[int, int] = (LAST, LAST)
    paper: float | None = None
    advice: str = ""

    def cells(self, count: int) -> tuple[Cell, Cell]:
        """Returns both cells at N photographs."""
        return Cell(self.first, count, self.marks[0]), Cell(self.second, count, self.marks[1])

    def estimate(self, numbers: Numbers, count: int, name: str, metric: str) -> Estimate | None:
        """Returns the difference with its interval."""
        return numbers.difference(*self.cells(count), name, metric)


def _both(
    statement: str, first: str, second: str, paper: float | None = None, advice: str = ""
) -> tuple[Finding, Finding]:
    """Real only against half synthetic: at equal steps on real crops, and at equal steps in all."""
    return (
        Finding(statement, first, second, EQUAL_REAL, (FIRST, LAST), paper, advice),
        Finding(statement, first, second, EQUAL_STEPS, (LAST, LAST), paper, advice),
    )


START = "start from a student of rendered people instead of random numbers"
PRETRAINING = (
    Finding("pre-training on rendered people helps", "r0_real", "s_real", EQUAL_REAL, advice=START),
    Finding(
        "pre-training on rendered people beats as many steps more on photographs",
        LONG.name,
        "s_real",
        "equal steps in all, pre-training counted; the last 2 T of S -> R at a lower learning rate",
        advice=START,
    ),
    Finding(
        "pre-training on rendered people beats more steps on photographs, with the same last 2 T steps",
        "real",
        "s_real",
        "2 T steps fewer in all than M_DR",
        advice=START,
    ),
)
ADD = "put {} into half of each batch"
MIXING = (
    *_both(
        "D_S in half of the batches helps after pre-training", "s_real", "s_real_synthetic", advice=ADD.format("D_S")
    ),
    *_both(
        "D_M and masks in half of the batches help after pre-training",
        "s_real",
        "s_real_mixed_masks",
        advice=ADD.format("D_M, with masks,"),
    ),
)
PAPER = (
    Finding(
        "synthetic data alone does not replace real data (Table 1)",
        "real",
        "synthetic",
        "equal steps after the starts, of which M_DR's has 2 T steps more",
        paper=-64.3,
    ),
    *_both("adding D_S to real data helps (Table 1)", "real", "real_synthetic", 0.7),
    *_both("adding D_M to real data helps (Table 1)", "real", "real_mixed", 0.7),
    *_both("adding D_M with masks to real data helps (Table 2)", "real", "real_mixed_masks", 1.2),
    *_both("adding D_Style with masks to real data helps (Table 2)", "real", "real_style_masks", 1.4),
    Finding("masking the loss of rendered people helps D_M (Table 2)", "real_mixed", "real_mixed_masks", paper=0.5),
    Finding("stylizing alone does not help (Table 2)", "real_mixed", "real_style", paper=-0.1),
    Finding("masking helps stylized data (Table 2)", "real_style", "real_style_masks", paper=0.8),
    Finding("the teacher on camera pitch beats random sampling (Table 3)", "real_synthetic", "teacher_c", paper=0.5),
    Finding("the teacher on distance beats random sampling (Table 3)", "real_synthetic", "teacher_md", paper=0.3),
)
ORACLES = (
    Finding("groups one after the other, drawn uniformly, instead of mixed batches", "real_synthetic", "uniform_c"),
    Finding("the group of highest running loss, against uniformly drawn groups", "uniform_c", "hardest_c"),
    Finding("the group of lowest running loss, against uniformly drawn groups", "uniform_c", "easiest_c"),
    Finding("the teacher on camera pitch, against uniformly drawn groups", "uniform_c", "teacher_c"),
)
CONTROLS = (
    Finding("keeping the first layers helps photographs alone", "real", "real_frozen"),
    *_both("adding D_S helps, the first layers kept in both", "real_frozen", "real_synthetic"),
    *_both("adding D_M helps, the first layers kept in both", "real_frozen", "real_mixed"),
    *_both("adding D_M with masks helps, the first layers kept in both", "real_frozen", "real_mixed_masks"),
)
TEACHERS = (
    Finding("the teacher on scale, against random batches", "real_synthetic", "teacher_scale"),
    Finding("the teacher on scale, against uniformly drawn groups of scale", "uniform_scale", "teacher_scale"),
    Finding(
        "the group of scale with the highest running loss, against random batches", "real_synthetic", "hardest_scale"
    ),
    Finding("the teacher of single samples, against random batches", "real_synthetic", "samples"),
    Finding(
        "the teacher of single samples with unbiased weights, against random batches",
        "real_synthetic",
        "samples_weighted",
    ),
)


def verdict(finding: Finding, estimate: Estimate | None) -> str:
    """Returns whether the data show a statement: its sign lies inside, outside or across the interval."""
    if estimate is None:
        return NOT_RUN
    if np.isnan(estimate.low) or estimate.low <= 0 <= estimate.high:
        return UNDECIDED
    expected = 1.0 if finding.paper is None else finding.paper
    return SHOWS if (estimate.value > 0) == (expected > 0) else OPPOSITE


def in_words(finding: Finding, estimate: Estimate | None, metric: str) -> str:
    """Returns what an interval says of a statement, in a sentence part."""
    words = verdict(finding, estimate)
    if estimate is None or np.isnan(estimate.low):
        return words
    if words == UNDECIDED:
        return f"{words}: anything from {estimate.low:+.1f} to {estimate.high:+.1f} {metric} fits"
    return f"{words}: {estimate.value:+.1f} {metric} [{estimate.low:+.1f}, {estimate.high:+.1f}]"


ADVICE = {SHOWS: "**do**", OPPOSITE: "**do not**", UNDECIDED: "**try, and compare**"}


def advice(numbers: Numbers, counts: Sequence[int], name: str, metric: str) -> list[str]:
    """Returns what to do with N photographs: for each N that was run a line for each thing that one may do."""
    lines = []
    for count in counts:
        told: dict[str, list[str]] = {}
        for finding in (*PRETRAINING, *MIXING):
            estimate = finding.estimate(numbers, count, name, metric)
            if estimate is not None:
                words = in_words(finding, estimate, metric)
                told.setdefault(finding.advice, []).append(
                    f"{ADVICE[verdict(finding, estimate)]} ({finding.fairness}; {words})"
                )
        if told:
            lines += ["", f"**N = {count}**", "", *(f"* {what}: {', '.join(parts)}" for what, parts in told.items())]
    return lines
