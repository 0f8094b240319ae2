"""What a model_dir remembers of its teacher."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common.errors import UserError
from openpose_tf.config import ModelConfig, OptimizerConfig, TrainConfig
from openpose_tf.keras_api import keras
from teacher.curriculum import build
from teacher.curriculum.flags import TeacherConfig
from teacher.curriculum.group_curriculum import GroupCurriculum
from teacher.groups.group_files import GROUPS_NAME
from teacher.groups.membership import GroupingConfig, group_samples
from teacher.teachers.baselines import UniformTeacher
from teacher.teachers.network import build_network
from teacher.teachers.registry import GROUP_TEACHERS

COLUMNS = {"camera_pitch_deg": np.linspace(0, 45, 60), "min_distance": np.arange(60) * 17 % 60 * 10.5}


def make_run(model_dir, names=("camera_pitch",), counts=(3,), floor=0, **settings):
    grouping_config = GroupingConfig(names, counts, min_group_size=5, floor=floor)
    return build.TeacherRun(
        str(model_dir), group_samples(COLUMNS, grouping_config), grouping_config, TeacherConfig(**settings)
    )


def test_same_teacher_goes_on_and_another_is_refused(tmp_path):
    make_run(tmp_path).check()
    make_run(tmp_path).claim()
    make_run(tmp_path).check()
    for other in (make_run(tmp_path, ("min_distance",)), make_run(tmp_path, counts=(4,))):
        with pytest.raises(UserError, match=r"other settings \(grouping\.axes: "):
            other.check()
    with pytest.raises(UserError, match=r"\(teacher\.decision_steps: 20, now 7\)"):
        make_run(tmp_path, decision_steps=7).check()


def test_run_without_a_teacher_is_not_taken_over(tmp_path):
    tf.train.Checkpoint(step=tf.Variable(1)).save(str(tmp_path / "ckpt"))
    with pytest.raises(UserError, match="without a teacher"):
        make_run(tmp_path).check()


def test_small_groups_get_no_rows(tmp_path):
    run = make_run(tmp_path)
    small = dataclasses.replace(
        run, grouping_config=dataclasses.replace(run.grouping_config, min_group_size=run.membership.counts.min())
    )
    assert [len(rows) > 0 for rows in small.trained_rows] == small.available.tolist()
    assert not all(small.available)


def test_heads_and_merged_groups_exclude_each_other(tmp_path):
    both = {"names": ("camera_pitch", "min_distance"), "counts": (2, 2)}
    assert make_run(tmp_path, **both, heads=True).heads == (2, 2)
    with pytest.raises(UserError, match="--group_floor=0"):
        make_run(tmp_path, **both, floor=25, heads=True).check()


def test_correction_is_for_single_samples(tmp_path):
    make_run(tmp_path, name="samples", correction=1.0).check()
    with pytest.raises(UserError, match="--teacher=samples"):
        make_run(tmp_path, correction=1.0).check()


def test_a_run_older_than_a_setting_had_its_default(tmp_path):
    make_run(tmp_path, name="samples").claim()
    path = tmp_path / GROUPS_NAME
    old = json.loads(path.read_text())
    del old["teacher"]["correction"]
    path.write_text(json.dumps(old))
    make_run(tmp_path, name="samples").check()
    with pytest.raises(UserError, match=r"\(teacher\.correction: 0\.0, now 1\.0\)"):
        make_run(tmp_path, name="samples", correction=1.0).check()


class LastGroup(UniformTeacher):
    """A user's own teacher."""

    def _probabilities(self):
        return (np.arange(self.num_groups) == self.num_groups - 1).astype(float)


def test_a_teacher_of_ones_own_needs_no_registration(tmp_path):
    config = TrainConfig(str(tmp_path), ModelConfig(1 / 16, 1, 32))
    run = make_run(tmp_path, name=f"{__name__}:LastGroup", exploration=0.0)
    run.check()
    assert build.build_curriculum(run, keras.Model(), config, num_synthetic=2).select(0).group == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "best"}, "--teacher=best: No module named 'best'. Give one of adversarial, uniform,"),
        ({"name": f"{__name__}:Missing"}, "has no attribute 'Missing'"),
        ({"name": "pathlib:"}, "--teacher=pathlib:: "),
        ({"name": f"{__name__}:TeacherConfig"}, "Class\\(available, seed=...\\)"),
        ({"name": f"{__name__}:LastGroup", "temperature": 0.5}, "Class\\(available, seed=..., temperature=...\\)"),
    ],
)
def test_an_unusable_teacher_is_refused_before_the_run_starts(tmp_path, settings, message):
    with pytest.raises(UserError, match=message):
        make_run(tmp_path, **settings).check()


@pytest.mark.parametrize("name", GROUP_TEACHERS)
def test_every_teacher_can_be_built(name, tmp_path):
    config = TrainConfig(str(tmp_path), ModelConfig(1 / 16, 1, 32))
    run = make_run(tmp_path, name=name, group=1 if name == "always" else None)
    run.check()
    curriculum = build.build_curriculum(run, keras.Model(), config, num_synthetic=2)
    assert isinstance(curriculum, GroupCurriculum) and 0 <= curriculum.select(0).group < 3


def test_one_group_always(tmp_path):
    config = TrainConfig(str(tmp_path), ModelConfig(1 / 16, 1, 32))

    def groups(**settings):
        run = make_run(tmp_path, **settings)
        run.check()
        return build.build_curriculum(run, keras.Model(), config, num_synthetic=2).select(0).group

    assert [groups(name="always", group=g) for g in range(3)] == [0, 1, 2]
    for settings in ({"name": "always"}, {"name": "always", "group": 3}, {"name": "uniform", "group": 0}):
        with pytest.raises(UserError, match="--teacher=always"):
            groups(**settings)


def test_release_follows_the_students_optimizer(tmp_path):
    config = TrainConfig(str(tmp_path), optimizer=OptimizerConfig(learning_rate=2e-5, decay_steps=1000))
    released = build.adversarial_config(TeacherConfig(rule="release"), config, is_release=True)
    assert (released.learning_rate, released.decay, released.decay_decisions) == (2e-5, 0.33, 50)
    ours = build.adversarial_config(TeacherConfig(), config, is_release=False)
    assert (ours.learning_rate, ours.decay_decisions, ours.rule, ours.step_size) == (5e-5, 0, "paper", 0.01)
    assert build.adversarial_config(TeacherConfig(rule="peng"), config, is_release=False).step_size == 1.0


def test_network_may_start_from_the_students_layers(tmp_path):
    config = TrainConfig(str(tmp_path), ModelConfig(1 / 16, 1, 32), seed=5)
    student = build_network(7, 32, 1 / 16, seed=9)
    run = make_run(tmp_path, init="student")
    teacher = build.build_adversarial(run, student, config)
    kernel = teacher.state["model"].get_layer("conv1_1").kernel.numpy()
    assert (kernel == student.get_layer("conv1_1").kernel.numpy()).all()
