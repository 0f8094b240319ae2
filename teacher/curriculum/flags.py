"""The flags of the teacher, and the settings they make."""

import dataclasses
from typing import Any

from absl import flags

from openpose_tf.common import config_flags
from openpose_tf.common.config_flags import option
from openpose_tf.config import Fidelity
from teacher.teachers import defaults
from teacher.teachers.registry import TEACHERS
from teacher.teachers.reward import STEP_SIZES, UPDATE_RULES

flags.disclaim_key_flags()  # --help of the command that calls `define_flags` shows these flags as its own

_STEP_SIZES = ", ".join(f"{rule} {size:g}" for rule, size in STEP_SIZES.items())


@dataclasses.dataclass(frozen=True)
class TeacherConfig:
    """What the user asks for; None: the teacher's own, or the student's."""

    name: str = option(
        "adversarial",
        f"Who chooses: {', '.join(TEACHERS)}, or module:Class for your own; adversarial is the paper's.",
        name="teacher",
    )
    decision_steps: int = option(defaults.DECISION_STEPS, "N, training steps per decision (released: 20).", low=1)
    history: int = option(
        defaults.HISTORY, "H of Eq. 1, past window losses (released: 10).", name="teacher_history", low=1
    )
    step_size: float | None = option(
        None, f"α of Eq. 2; default by rule: {_STEP_SIZES}.", name="teacher_step_size", low=0.0, high=1.0
    )
    exploration: float | None = option(
        None,
        f"ε, share of uniform draws; default: the teacher's own, {defaults.EXPLORATION} for the paper's.",
        low=0.0,
        high=1.0,
    )
    rule: str = option(
        "paper",
        "Pseudo ground truth: Eq. 2, the released variant, or Peng et al. 2018; default by --mode.",
        name="teacher_rule",
        choices=tuple(UPDATE_RULES),
        derived=True,
    )
    learning_rate: float = option(
        defaults.LEARNING_RATE, "Of the teacher's own Adam (5e-5 released).", name="teacher_learning_rate", low=0.0
    )
    num_hardest: int = option(
        defaults.NUM_HARDEST,
        f"Hardest real images kept per window; default by --mode: paper {defaults.NUM_HARDEST}, release "
        f"{defaults.RELEASED_NUM_HARDEST}.",
        low=1,
        derived=True,
    )
    width: float | None = option(
        None, "Factor on the teacher network's widths; default: --width.", name="teacher_width", low=0.0, high=4.0
    )
    init: str = option(
        "xavier",
        "xavier: random, as released; student: start from the student's first layers.",
        name="teacher_init",
        choices=("xavier", "student"),
    )
    heads: bool = option(False, "One softmax head per characteristic (Peng et al. 2018).", name="teacher_heads")
    temperature: float | None = option(
        None, "Of the teachers loss, progress, samples; small = greedy.", name="teacher_temperature", low=1e-3
    )
    correction: float = option(
        0.0,
        "Teacher samples: exponent of the weight 1/(N p) of a sample in the student's loss; 0 none, 1 exact.",
        name="teacher_correction",
        low=0.0,
        high=1.0,
    )
    group: int | None = option(None, "The group that --teacher=always picks, from 0.", name="teacher_group", low=0)

    @property
    def own_settings(self) -> dict[str, float]:
        """What the user set of the options whose default is each teacher's own."""
        values = {"exploration": self.exploration, "temperature": self.temperature}
        return {name: value for name, value in values.items() if value is not None}

    def to_json(self) -> dict[str, Any]:
        """Returns the values as plain data, for the check at resume."""
        return dataclasses.asdict(self)


DEFAULTS = TeacherConfig()


def define_flags() -> None:
    """Defines the flags; each command calls it once."""
    config_flags.define(TeacherConfig)


def teacher_config(values: flags.FlagValues) -> TeacherConfig:
    """Returns the settings that flags make; `values` is `flags.FLAGS`, parsed, which only a `main` has."""
    mode = Fidelity(values.mode)
    rule = values.teacher_rule or str(mode)  # the rules paper and release are named as the modes
    by_mode = defaults.RELEASED_NUM_HARDEST if mode == Fidelity.RELEASE else defaults.NUM_HARDEST
    return config_flags.build(TeacherConfig, values, rule=rule, num_hardest=values.num_hardest or by_mode)
