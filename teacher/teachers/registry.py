"""The teachers by name: an entry of `GROUP_TEACHERS` is all that a new one needs, and `module:Class` not even that."""

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from openpose_tf.common.errors import UserError
from teacher.teachers.baselines import (
    EasiestTeacher,
    Exp3Teacher,
    FixedTeacher,
    LossProportionalTeacher,
    ProgressTeacher,
    UniformTeacher,
)
from teacher.teachers.protocol import Teacher


@dataclasses.dataclass(frozen=True)
class TeacherSpec:
    """What a teacher is made of.

    Attributes:
        available: [num_groups] bool, groups that may be picked.
        counts: [num_groups] samples per group.
        adversarial: makes the paper's teacher, which needs a network.
        seed: of the draws.
        settings: what the user set of `exploration` and `temperature`; the rest is each teacher's own.
        group: the group of `always`.
    """

    available: np.ndarray
    counts: np.ndarray
    adversarial: Callable[[], Teacher]
    seed: int = 0
    settings: Mapping[str, float] = dataclasses.field(default_factory=dict)
    group: int | None = None

    def only(self, *names: str) -> dict[str, Any]:
        """Returns the settings of these names, as far as the user set them."""
        return {name: value for name, value in self.settings.items() if name in names}


Maker = Callable[[TeacherSpec], Teacher]
GROUP_TEACHERS: dict[str, Maker] = {
    "adversarial": lambda spec: spec.adversarial(),
    "uniform": lambda spec: UniformTeacher(spec.available, seed=spec.seed),
    # Groups by their size, as training without a teacher would on average.
    "proportional": lambda spec: FixedTeacher(spec.available, spec.counts, seed=spec.seed),
    "always": lambda spec: FixedTeacher(spec.available, _only_group(spec), seed=spec.seed),
    "exp3": lambda spec: Exp3Teacher(spec.available, seed=spec.seed, **spec.only("exploration")),
    "exp3_progress": lambda spec: Exp3Teacher(
        spec.available, seed=spec.seed, progress=True, **spec.only("exploration")
    ),
    "loss": lambda spec: LossProportionalTeacher(spec.available, seed=spec.seed, **spec.settings),
    "loss_inverse": lambda spec: EasiestTeacher(spec.available, seed=spec.seed, **spec.settings),
    "progress": lambda spec: ProgressTeacher(spec.available, seed=spec.seed, **spec.settings),
}
SAMPLES = "samples"  # the teacher without groups, which is not a `Teacher` (curriculum/build.py)
TEACHERS = (*GROUP_TEACHERS, SAMPLES)


def find_teacher(name: str, settings: Mapping[str, float]) -> Maker:
    """Returns what makes a teacher over groups.

    Args:
        name: key of `GROUP_TEACHERS`, or `module:Class` of a class with the members of `protocol.Teacher`, which is
            made with the available groups, `seed` and the settings.
        settings: as in `TeacherSpec`.

    Raises:
        UserError: an unknown name, or a class that cannot be found or takes other arguments. The maker raises it for
            a group that `always` cannot take.
    """
    if name in GROUP_TEACHERS:
        return GROUP_TEACHERS[name]
    module, _, attribute = name.partition(":")
    try:
        teacher = getattr(importlib.import_module(module), attribute)
        inspect.signature(teacher).bind(None, seed=0, **settings)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise UserError(
            f"--teacher={name}: {error}. Give one of {', '.join(TEACHERS)}, or module:Class of a class that is made by "
            f"Class({', '.join(['available', 'seed=...', *(f'{option}=...' for option in settings)])})"
        ) from None
    return lambda spec: teacher(spec.available, seed=spec.seed, **spec.settings)


def _only_group(spec: TeacherSpec) -> np.ndarray:
    usable = np.flatnonzero(spec.available)
    if spec.group not in usable:
        flag = "no --teacher_group" if spec.group is None else f"--teacher_group={spec.group}"
        raise UserError(f"--teacher=always with {flag}: give one of the usable groups {', '.join(map(str, usable))}")
    return (np.arange(len(spec.available)) == spec.group).astype(float)
