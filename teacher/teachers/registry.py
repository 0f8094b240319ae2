"""Makes a teacher by name."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from openpose_tf.common.errors import UserError
from teacher.teachers.baselines import (
    Exp3Teacher,
    FixedTeacher,
    LossProportionalTeacher,
    ProgressTeacher,
    UniformTeacher,
)
from teacher.teachers.protocol import Teacher

SAMPLES = "samples"  # the teacher without groups, made by `setup`
GROUP_TEACHERS = ("adversarial", "uniform", "proportional", "always", "exp3", "exp3_progress", "loss", "progress")
TEACHERS = (*GROUP_TEACHERS, SAMPLES)


@dataclasses.dataclass(frozen=True)
class TeacherSpec:
    """Settings that teachers share; None takes the teacher's own default.

    Attributes:
        name: one of `GROUP_TEACHERS`.
        exploration: ε, probability of a uniform draw.
        temperature: of `loss` and `progress`.
        seed: of the draws.
        group: the group of `always`.
    """

    name: str = "adversarial"
    exploration: float | None = None
    temperature: float | None = None
    seed: int = 0
    group: int | None = None


def make_teacher(
    spec: TeacherSpec, counts: np.ndarray, available: np.ndarray, adversarial: Callable[[], Teacher]
) -> Teacher:
    """Returns the named teacher.

    Args:
        spec: settings.
        counts: [num_groups] samples per group; `proportional` picks groups by their size, as training without a
            teacher would on average.
        available: [num_groups] bool, groups that may be picked.
        adversarial: makes the paper's teacher, which needs a network.

    Raises:
        UserError: unknown name, or a group that `always` cannot take.
    """
    settings: dict[str, Any] = {}
    if spec.exploration is not None:
        settings["exploration"] = spec.exploration
    if spec.temperature is not None and spec.name in ("loss", "progress"):
        settings["temperature"] = spec.temperature
    makers: dict[str, Callable[[], Teacher]] = {
        "adversarial": adversarial,
        "uniform": lambda: UniformTeacher(available, seed=spec.seed),
        "proportional": lambda: FixedTeacher(available, counts, seed=spec.seed),
        "always": lambda: FixedTeacher(available, _only(spec.group, available), seed=spec.seed),
        "exp3": lambda: Exp3Teacher(available, seed=spec.seed, **settings),
        "exp3_progress": lambda: Exp3Teacher(available, seed=spec.seed, progress=True, **settings),
        "loss": lambda: LossProportionalTeacher(available, seed=spec.seed, **settings),
        "progress": lambda: ProgressTeacher(available, seed=spec.seed, **settings),
    }
    if spec.name not in makers:
        raise UserError(f"unknown teacher {spec.name!r}: choose from {', '.join(GROUP_TEACHERS)}")
    return makers[spec.name]()


def _only(group: int | None, available: np.ndarray) -> np.ndarray:
    usable = np.flatnonzero(available)
    if group not in usable:
        given = "no --teacher_group" if group is None else f"--teacher_group={group}"
        raise UserError(f"--teacher=always with {given}: give one of the usable groups {', '.join(map(str, usable))}")
    return (np.arange(len(available)) == group).astype(float)
