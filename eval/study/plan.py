"""The study as data: how much it does, its rows, and its runs in the order in which they are made.

R0 is random numbers, S the rendered-only student, R the real photographs of a draw. The figure asks what to do with N
photographs; the nine rows of the paper's Tables 1 to 3 go on from one real-only student of the same draw, as the
paper's do (docs/reference/method.md section 4.4); the oracles tell whether any choice of groups could help, the
rows behind them whether any other teacher does, and the control what keeping the first layers does.
"""

import dataclasses
from collections.abc import Sequence

from openpose_tf.common.errors import UserError

PLAIN, WITH_TEACHER = "openpose_tf.train", "teacher.train"
RENDERED_SETS = ("standin", "synthetic")  # held-out stand-in, and held-out D_S with all camera pitches
MIXED, STYLE = "mixed", "style"
EQUAL_REAL, EQUAL_STEPS = "equal steps on real crops", "equal steps after the start"


@dataclasses.dataclass(frozen=True)
class StudySize:
    """How much the study does. **The step counts of everything are here.**

    Attributes:
        standin: images of the stand-in to train on; D_M and D_Style show each of them once more.
        synthetic: images of D_S to train on.
        validation: images of each rendered validation set.
        image_size: side of the rendered images in pixels.
        people_mean: mean number of rendered people per image of D_S and the stand-in.
        samples: Cycles samples per pixel.
        standin_counts, real_counts: the N of the figure; the tables take the one in the middle.
        steps: T. Every row is scored after T and after 2 T steps: a row whose batches are half synthetic has seen as
            many real crops after 2 T as a real-only row after T.
        start_steps: of the rendered-only student S.
        checkpoint_every: steps between checkpoints, a divisor of T.
        overrides: flags behind the flagfiles'.
    """

    standin: int
    synthetic: int
    validation: int
    image_size: int
    people_mean: float
    samples: int
    standin_counts: tuple[int, ...]
    real_counts: tuple[int, ...]
    steps: int
    start_steps: int
    checkpoint_every: int
    overrides: tuple[str, ...] = ()

    @property
    def long_steps(self) -> int:
        """Steps of the real-only student that the nine rows start from: as many as S -> R has in all."""
        return self.start_steps + 2 * self.steps


SIZES = {
    "small": StudySize(
        standin=400,
        synthetic=600,
        validation=80,
        image_size=320,
        people_mean=5.0,
        samples=16,
        standin_counts=(50, 150, 400),
        real_counts=(250, 1000, 4000),
        steps=700,
        start_steps=6000,
        checkpoint_every=100,
    ),
    "smoke": StudySize(
        standin=4,
        synthetic=12,
        validation=3,
        image_size=160,
        people_mean=3.0,
        samples=2,
        standin_counts=(2, 3, 4),
        real_counts=(4, 8, 16),
        steps=4,
        start_steps=6,
        checkpoint_every=2,
        overrides=(
            *("--width=0.0625", "--num_stages=1", "--input_size=64", "--batch_size=4", "--log_every=2"),
            *("--decision_steps=2", "--num_groups=2", "--min_group_size=0", "--allow_empty_groups"),
        ),
    ),
}


@dataclasses.dataclass(frozen=True)
class StudyRow:
    """One row: what it starts from, and what it trains on.

    Attributes:
        name: of the row.
        model: how pages call it; of the nine rows the name in `eval.tables`.
        start: RANDOM, RENDERED, or the name of the row whose student it goes on from.
        synthetic: records of the synthetic half of its batches, None for real data only.
        real: whether it trains on real data.
        command: module that trains it.
        settings: name of its flagfile in study/, if not `name`.
        flags: behind the flagfile's.
        is_long: trains `long_steps` and is scored at their end only.
    """

    name: str
    model: str
    start: str
    synthetic: str | None = None
    real: bool = True
    command: str = PLAIN
    settings: str | None = None
    flags: tuple[str, ...] = ()
    is_long: bool = False

    @property
    def needs_mixed(self) -> bool:
        """Whether it trains on images with rendered people in front of photographs."""
        return self.synthetic in (MIXED, STYLE)

    def marks(self, size: StudySize) -> tuple[int, ...]:
        """Returns the steps after which it is scored."""
        return (size.long_steps,) if self.is_long else (size.steps, 2 * size.steps)


RANDOM, RENDERED = "random", "rendered_only"
RENDERED_ONLY = StudyRow(RENDERED, "S", RANDOM, "synthetic", real=False, settings="start")
LONG = StudyRow("r0_real_long", "R0 -> R, long", RANDOM, settings="start", is_long=True)
# The paper's rows with rendered people keep their first layers, which have seen photographs; those of S have not.
LIKE_REAL = ("--nofreeze_first_layers",)
FIGURE_ROWS = (
    StudyRow("r0_real", "R0 -> R", RANDOM, settings="start"),
    StudyRow("s_real", "S -> R", RENDERED, settings="real"),
    StudyRow("s_real_synthetic", "S -> R+S", RENDERED, "synthetic", settings="real_synthetic", flags=LIKE_REAL),
    StudyRow("s_real_mixed_masks", "S -> R+M+masks", RENDERED, MIXED, settings="real_mixed_masks", flags=LIKE_REAL),
)
ROWS = (
    StudyRow("real", "M_DR", LONG.name),
    StudyRow("synthetic", "M_DS", RENDERED, "synthetic", real=False),
    StudyRow("real_synthetic", "M_DR+DS", LONG.name, "synthetic"),
    StudyRow("real_mixed", "M_DR+DM", LONG.name, MIXED),
    StudyRow("real_mixed_masks", "M_DR+DM+masks", LONG.name, MIXED),
    StudyRow("real_style", "M_DR+DStyle", LONG.name, STYLE),
    StudyRow("real_style_masks", "M_DR+DStyle+masks", LONG.name, STYLE),
    StudyRow("teacher_c", "teacher_C", LONG.name, "synthetic", command=WITH_TEACHER),
    StudyRow("teacher_md", "teacher_mD", LONG.name, "synthetic", command=WITH_TEACHER),
)


ALWAYS = ("--teacher_temperature=0.01", "--exploration=0")


def _picks(name: str, model: str, *flags: str, settings: str = "teacher_c") -> StudyRow:
    return StudyRow(name, model, LONG.name, "synthetic", command=WITH_TEACHER, settings=settings, flags=flags)


# Rows that are not in the paper: is it the teacher, or could no choice of groups of camera pitch help?
ORACLE_ROWS = (
    _picks("uniform_c", "any group of C, uniformly", "--teacher=uniform"),
    _picks("hardest_c", "the group of C of highest running loss", "--teacher=loss", *ALWAYS),
    _picks("easiest_c", "the group of C of lowest running loss", "--teacher=loss_inverse", *ALWAYS),
)
# Teachers that have more to choose from: scale explains more of the loss than any other characteristic (python -m
# teacher.measure, docs/measurements/2026-11-28-teacher-study.md), and single samples more than any group.
TEACHER_ROWS = (
    _picks("uniform_scale", "any group of scale, uniformly", "--teacher=uniform", settings="teacher_scale"),
    _picks("teacher_scale", "teacher on scale", settings="teacher_scale"),
    _picks(
        "hardest_scale",
        "the group of scale of highest running loss",
        "--teacher=loss",
        *ALWAYS,
        settings="teacher_scale",
    ),
    _picks("samples", "teacher of single samples", "--teacher=samples"),
    _picks("samples_weighted", "teacher of single samples, unbiased", "--teacher=samples", "--teacher_correction=1"),
)
# The paper's rows with rendered people keep their first layers, M_DR does not: what of the differences is that?
CONTROL_ROWS = (
    StudyRow("real_frozen", "M_DR, first layers kept", LONG.name, settings="real", flags=("--freeze_first_layers",)),
)
ALL_ROWS = (*FIGURE_ROWS, LONG, *ROWS, *ORACLE_ROWS, *TEACHER_ROWS, *CONTROL_ROWS)
BY_NAME = {row.name: row for row in ALL_ROWS}


@dataclasses.dataclass(frozen=True)
class Phase:
    """A part of the study.

    Attributes:
        rows: its rows.
        all_counts: every N; else the one in the middle.
        seeds: by default.
    """

    rows: tuple[StudyRow, ...]
    all_counts: bool
    seeds: tuple[int, ...]


PHASES = {
    "figure": Phase(FIGURE_ROWS, True, (0, 1)),
    "tables": Phase(ROWS, False, (0, 1, 2)),
    "oracles": Phase(ORACLE_ROWS, False, (0, 1)),
    "teachers": Phase(TEACHER_ROWS, False, (0, 1)),
    "controls": Phase(CONTROL_ROWS, False, (0, 1)),
}
SEEDS = tuple(sorted({seed for phase in PHASES.values() for seed in phase.seeds}))
NICKNAMES = {"oracle": "oracles"}  # older word of --rows


@dataclasses.dataclass(frozen=True)
class Run:
    """One row, on N photographs drawn by a seed, which also orders data, augmentation and teacher.

    Attributes:
        row: the row.
        count: N.
        seed: the seed.
    """

    row: StudyRow
    count: int
    seed: int

    @property
    def name(self) -> str:
        """Name of its folder and result."""
        return f"{self.row.name}-n{self.count}-seed{self.seed}"

    @property
    def start(self) -> "Run | None":
        """The run whose student it goes on from; None for random numbers and the rendered-only student."""
        row = BY_NAME.get(self.row.start)
        return None if row is None else Run(row, self.count, self.seed)


def table_count(counts: Sequence[int]) -> int:
    """Returns the N of the tables and oracles: the one in the middle."""
    return sorted(counts)[(len(counts) - 1) // 2]


def available_counts(requested: Sequence[int], available: int) -> tuple[int, ...]:
    """Returns the N that can be drawn: all photographs where fewer exist than requested; each once, in order."""
    return tuple(sorted({min(count, available) for count in requested}))


def planned_runs(
    words: Sequence[str], seeds: Sequence[str], counts: Sequence[int], chosen_counts: Sequence[int], has_mixed: bool
) -> list[Run]:
    """Returns the runs in the order in which they are made, each once, a start before what goes on from it.

    Args:
        words: names of rows or phases; none: everything.
        seeds: numbers as text; none: each phase's own.
        counts: the N of the study.
        chosen_counts: only these N, for tables and oracles too; none: each phase's own.
        has_mixed: whether there are photographs to render people in front of; else the rows that need them are left
            out.

    Raises:
        UserError: a row, phase or seed that does not exist.
    """
    wanted = _rows_named(words)
    if not all(seed.isdecimal() for seed in seeds):
        raise UserError(f"--seeds={','.join(seeds)}: expected numbers such as 0,1,2")
    runs: dict[str, Run] = {}
    phases = [*PHASES.values(), Phase((LONG,), False, (0, 1, 2))] if words else PHASES.values()
    for phase in phases:
        rows = [row for row in phase.rows if row.name in wanted and (has_mixed or not row.needs_mixed)]
        own = chosen_counts or (counts if phase.all_counts else [table_count(counts)])
        for seed in map(int, seeds or phase.seeds):
            for run in (Run(row, count, seed) for count in own for row in rows):
                for one in (run.start, run):
                    if one is not None:
                        runs.setdefault(one.name, one)
    return list(runs.values())


def _rows_named(words: Sequence[str]) -> set[str]:
    names: set[str] = set()
    for word in words or PHASES:
        phase = PHASES.get(NICKNAMES.get(word, word))
        if phase is None and word not in BY_NAME:
            raise UserError(f"--rows: {word!r} is none of {', '.join([*PHASES, *BY_NAME])}")
        names |= {word} if phase is None else {row.name for row in phase.rows}
    return names
