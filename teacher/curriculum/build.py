"""Builds the teacher of a run, and refuses a model_dir whose run had another one."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from openpose_tf.common import files
from openpose_tf.common.checkpoint_files import latest_checkpoint
from openpose_tf.common.errors import UserError
from openpose_tf.common.folder_claim import FolderClaim
from openpose_tf.config import Fidelity, TrainConfig
from openpose_tf.keras_api import keras
from teacher.curriculum.flags import DEFAULTS, TeacherConfig
from teacher.curriculum.group_curriculum import GroupCurriculum
from teacher.curriculum.sample_curriculum import SampleCurriculum
from teacher.curriculum.tensorboard import TeacherBoard
from teacher.groups.group_files import GROUPS_NAME, groups_json
from teacher.groups.membership import GroupingConfig, Membership
from teacher.teachers import network
from teacher.teachers.adversarial import AdversarialConfig, AdversarialTeacher
from teacher.teachers.defaults import EXPLORATION
from teacher.teachers.protocol import Teacher
from teacher.teachers.registry import SAMPLES, TeacherSpec, find_teacher
from teacher.teachers.reward import STEP_SIZES
from teacher.teachers.sample_teacher import SampleTeacher

OnDecision = Callable[[int, Mapping[str, Any]], None]

CLAIM = FolderClaim(
    GROUPS_NAME,
    "the groups of a run",
    "give the same flags and records to resume, or a different --model_dir",
    older={"teacher": DEFAULTS.to_json()},
)
CLAIMED = ("grouping", "mode", "min_group_size", "teacher")  # what a resumed run must agree on


@dataclasses.dataclass(frozen=True)
class TeacherRun:
    """The teacher's part of a run.

    Attributes:
        model_dir: folder of the run.
        membership: groups of the synthetic samples.
        grouping_config: which groups.
        settings: the teacher's.
    """

    model_dir: str
    membership: Membership
    grouping_config: GroupingConfig
    settings: TeacherConfig

    @property
    def available(self) -> np.ndarray:
        """[num_groups] bool, the groups that are large enough to train on."""
        return self.membership.available(self.grouping_config.min_group_size)

    @property
    def trained_rows(self) -> list[np.ndarray]:
        """Rows of each stream: one per group, none for a group that counts as empty; all in one for single samples."""
        if not self.has_groups:
            return [np.sort(np.concatenate(self.membership.rows))]
        return [rows if usable else rows[:0] for rows, usable in zip(self.membership.rows, self.available)]

    @property
    def has_groups(self) -> bool:
        """Whether the teacher chooses groups, not single samples."""
        return self.settings.name != SAMPLES

    @property
    def heads(self) -> tuple[int, ...]:
        """Sizes of the teacher's softmax heads."""
        grouping = self.membership.grouping
        return grouping.shape if self.settings.heads else (grouping.num_groups,)

    def check(self) -> None:
        """Refuses settings that contradict each other or the run in `model_dir`; writes nothing.

        Raises:
            UserError: see above.
        """
        if self.settings.heads and self.membership.grouping.cell_groups:
            raise UserError("--teacher_heads needs a group per cell: give --group_floor=0 or no --teacher_heads")
        if self.settings.correction and self.has_groups:
            raise UserError(f"--teacher_correction weighs samples drawn one by one: give --teacher={SAMPLES}, or 0")
        if self.settings.group is not None and self.settings.name != "always":
            raise UserError(f"--teacher_group={self.settings.group} is for --teacher=always: give both, or neither")
        if self.has_groups:
            find_teacher(self.settings.name, self.settings.own_settings)
            small, limit = np.flatnonzero(~self.available), self.grouping_config.min_group_size
            if len(small):
                logging.warning("group %s: at most %d samples, counts as empty", ", ".join(map(str, small)), limit)
        self._check_model_dir()

    def _check_model_dir(self) -> None:
        groups = self._claim()
        known = CLAIM.check(Path(self.model_dir), {name: groups[name] for name in CLAIMED})
        if known is None and latest_checkpoint(self.model_dir) is not None:
            raise UserError(f"{self.model_dir} holds a run without a teacher: choose a different --model_dir")

    def claim(self) -> None:
        """Writes groups.json."""
        files.write_json(Path(self.model_dir) / GROUPS_NAME, self._claim())

    def _claim(self) -> dict[str, Any]:
        groups = groups_json(self.membership, self.grouping_config.mode)
        return groups | {
            "min_group_size": self.grouping_config.min_group_size,
            "teacher": self.settings.to_json(),
        }


def build_curriculum(
    run: TeacherRun, student: keras.Model, config: TrainConfig, num_synthetic: int, is_chief: bool = True
) -> GroupCurriculum | SampleCurriculum:
    """Returns the teacher inside its adapter to the student's loop.

    Args:
        run: groups and settings.
        student: the student's network, for `--teacher_init=student`.
        config: the student's run; its seed is the teacher's, too.
        num_synthetic: synthetic samples in a global batch.
        is_chief: only the chief of several workers writes events.
    """
    settings, membership = run.settings, run.membership
    on_decision = TeacherBoard(run.model_dir).write if is_chief else None
    if not run.has_groups:
        return _build_sample_curriculum(run, config, num_synthetic, on_decision)
    spec = TeacherSpec(
        available=run.available,
        counts=membership.counts,
        adversarial=lambda: build_adversarial(run, student, config),
        seed=config.seed,
        settings=settings.own_settings,
        group=settings.group,
    )
    teacher, grouping = find_teacher(settings.name, settings.own_settings)(spec), membership.grouping
    return GroupCurriculum(
        teacher, grouping, grouping.feature_names, settings.decision_steps, settings.num_hardest, on_decision
    )


def _build_sample_curriculum(
    run: TeacherRun, config: TrainConfig, num_synthetic: int, on_decision: OnDecision | None
) -> SampleCurriculum:
    settings, groups = run.settings, run.membership.sample_groups
    num_samples = int((groups >= 0).sum())
    teacher = SampleTeacher(num_samples, correction=settings.correction, seed=config.seed, **settings.own_settings)
    return SampleCurriculum(teacher, groups, num_synthetic, settings.decision_steps, on_decision)


def build_adversarial(run: TeacherRun, student: keras.Model, config: TrainConfig) -> Teacher:
    """Returns the paper's teacher with its network.

    Raises:
        UserError: the student's input is too small for the network.
    """
    settings, size = run.settings, config.model.input_size
    if size < network.MIN_INPUT_SIZE:
        raise UserError(f"--input_size={size}: the teacher's network needs at least {network.MIN_INPUT_SIZE} px")
    is_release = run.grouping_config.mode == Fidelity.RELEASE
    width = config.model.width if settings.width is None else settings.width
    model = network.build_network(sum(run.heads), size, width, relu_logits=is_release, seed=config.seed)
    if settings.init == "student":
        copied = network.copy_matching_weights(student, model)
        logging.info("the teacher starts with the student's %s", ", ".join(copied) or "nothing: no layer fits")
    logging.info("teacher: %s parameters, heads %s", f"{model.count_params():,}", run.heads)
    return AdversarialTeacher(model, run.available, adversarial_config(settings, config, is_release), run.heads)


def adversarial_config(settings: TeacherConfig, config: TrainConfig, is_release: bool) -> AdversarialConfig:
    """Returns the teacher's settings; the released code trains it by the student's optimizer and its schedule."""
    chosen = AdversarialConfig(
        step_size=STEP_SIZES[settings.rule] if settings.step_size is None else settings.step_size,
        exploration=EXPLORATION if settings.exploration is None else settings.exploration,
        history=settings.history,
        rule=settings.rule,
        learning_rate=settings.learning_rate,
        seed=config.seed,
    )
    if not is_release:
        return chosen
    student = config.optimizer
    return dataclasses.replace(
        chosen,
        learning_rate=settings.learning_rate if student.learning_rate is None else student.learning_rate,
        decay=chosen.decay if student.decay_rate is None else student.decay_rate,
        decay_decisions=max(1, (student.decay_steps or 20_000) // settings.decision_steps),
    )
