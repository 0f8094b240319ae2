"""The flags of the teacher, and the settings they make."""

import dataclasses
from typing import Any

from absl import flags

from teacher.teachers import defaults
from teacher.teachers.registry import TEACHERS
from teacher.teachers.reward import STEP_SIZES, UPDATE_RULES

flags.disclaim_key_flags()  # --help of the command that calls `define` shows these flags as its own

INITS = ("xavier", "student")
_STEP_SIZES = ", ".join(f"{rule} {size:g}" for rule, size in STEP_SIZES.items())


@dataclasses.dataclass(frozen=True)
class TeacherConfig:
    """What the user asks for.

    Attributes:
        name: one of `registry.TEACHERS`, or `module:Class`.
        decision_steps: N, training steps per decision.
        history: H of Eq. 1.
        step_size: α of Eq. 2; None: the rule's own.
        exploration: ε; None: the teacher's own.
        rule: key of `reward.UPDATE_RULES`.
        learning_rate: of the teacher's Adam.
        num_hardest: hardest real images kept per window.
        width: factor on the network's widths; None: the student's.
        init: `xavier` (as released), or `student`: layers of the same name and shape start as the student's.
        heads: one softmax head per characteristic instead of one over all groups.
        temperature: of the teachers `loss`, `progress` and `samples`; None: their own.
        correction: exponent of the weights 1 / (N p) in the student's loss, teacher `samples` only; 0: no weights.
        group: the group of teacher `always`.
    """

    name: str = "adversarial"
    decision_steps: int = defaults.DECISION_STEPS
    history: int = defaults.HISTORY
    step_size: float | None = None
    exploration: float | None = None
    rule: str = "paper"
    learning_rate: float = defaults.LEARNING_RATE
    num_hardest: int = defaults.NUM_HARDEST
    width: float | None = None
    init: str = "xavier"
    heads: bool = False
    temperature: float | None = None
    correction: float = 0.0
    group: int | None = None

    @property
    def own_settings(self) -> dict[str, float]:
        """What the user set of the options whose default is each teacher's own."""
        values = {"exploration": self.exploration, "temperature": self.temperature}
        return {name: value for name, value in values.items() if value is not None}

    def to_json(self) -> dict[str, Any]:
        """Returns the values as plain data, for the check at resume."""
        return dataclasses.asdict(self)


DEFAULTS = TeacherConfig()


def define() -> None:
    """Defines the flags; each command calls it once at its top. A second call in one process does nothing."""
    if "decision_steps" in flags.FLAGS:
        return
    _define_choice()
    _define_network()


def teacher_config(values: flags.FlagValues) -> TeacherConfig:
    """Returns the settings that flags make; `values` is `flags.FLAGS`, parsed, which only a `main` has."""
    return TeacherConfig(
        values.teacher,
        values.decision_steps,
        values.teacher_history,
        values.teacher_step_size,
        values.exploration,
        values.teacher_rule or ("release" if values.mode == "release" else "paper"),
        values.teacher_learning_rate,
        values.num_hardest,
        values.teacher_width,
        values.teacher_init,
        values.teacher_heads,
        values.teacher_temperature,
        values.teacher_correction,
        values.teacher_group,
    )


def _define_choice() -> None:
    flags.DEFINE_string(
        "teacher",
        DEFAULTS.name,
        f"Who chooses: {', '.join(TEACHERS)}, or module:Class for your own; adversarial is the paper's.",
    )
    flags.DEFINE_integer("teacher_group", None, "The group that --teacher=always picks, from 0.", 0)
    flags.DEFINE_integer("decision_steps", DEFAULTS.decision_steps, "N, training steps per decision (released: 20).", 1)
    flags.DEFINE_integer("teacher_history", DEFAULTS.history, "H of Eq. 1, past window losses (released: 10).", 1)
    flags.DEFINE_float("teacher_step_size", None, f"α of Eq. 2; default by rule: {_STEP_SIZES}.", 0.0, 1.0)
    exploration = f"ε, share of uniform draws; default: the teacher's own, {defaults.EXPLORATION} for the paper's."
    flags.DEFINE_float("exploration", None, exploration, 0.0, 1.0)
    flags.DEFINE_enum(
        "teacher_rule",
        None,
        list(UPDATE_RULES),
        "Pseudo ground truth: Eq. 2, the released variant, or Peng et al. 2018; default by --mode.",
    )
    flags.DEFINE_bool("teacher_heads", DEFAULTS.heads, "One softmax head per characteristic (Peng et al. 2018).")
    flags.DEFINE_float("teacher_temperature", None, "Of the teachers loss, progress, samples; small = greedy.", 1e-3)
    flags.DEFINE_float(
        "teacher_correction",
        DEFAULTS.correction,
        "Teacher samples: exponent of the weight 1/(N p) of a sample in the student's loss; 0 none, 1 exact.",
        0.0,
        1.0,
    )


def _define_network() -> None:
    flags.DEFINE_float(
        "teacher_learning_rate", DEFAULTS.learning_rate, "Of the teacher's own Adam (5e-5 released).", 0.0
    )
    flags.DEFINE_integer("num_hardest", DEFAULTS.num_hardest, "Hardest real images kept per window (released: 32).", 1)
    flags.DEFINE_float("teacher_width", None, "Factor on the teacher network's widths; default: --width.", 0.0, 4.0)
    flags.DEFINE_enum(
        "teacher_init",
        DEFAULTS.init,
        INITS,
        "xavier: random, as released; student: start from the student's first layers.",
    )
