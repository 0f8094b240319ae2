r"""Trains the student with a teacher that chooses the synthetic samples (paper Sec. 4.1).

Example (paper, Table 3, grouping C: 149,400 steps, days on a GPU):
    python -m teacher.train --real_records=runs/mpii --synthetic_records=runs/ds --grouping=camera_pitch \
        --init_checkpoint=runs/baseline --model_dir=runs/teacher_c

The same command resumes a run that was stopped. In model_dir, besides what openpose_tf.train writes:
decisions.jsonl, groups.json, and the teacher's TensorBoard events in teacher/.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # see common/cli.py

from absl import flags

from openpose_tf.common import cli
from openpose_tf.common.errors import UserError
from openpose_tf.training import build_batches, build_student, loop, run_files, tf_config
from openpose_tf.training import flags as train_flags
from teacher.curriculum import build
from teacher.curriculum import flags as teacher_flags
from teacher.groups import flags as grouping_flags
from teacher.groups.membership import group_records


def define_flags() -> None:
    """Defines the flags of the student's training, of the teacher and of the groups."""
    train_flags.define_flags()
    teacher_flags.define_flags()
    grouping_flags.define_flags()


def main() -> int:
    """Runs the training that the flags describe."""
    if tf_config.has_work():
        loop.train(*prepare(flags.FLAGS))
    return cli.EXIT_OK


def prepare(values: flags.FlagValues) -> loop.TrainingRun:
    """Returns the run that parsed flags describe, ready to train; its model_dir is claimed.

    Raises:
        UserError: flags, records, weights or the model_dir do not fit together.
    """
    config, data = train_flags.train_config(values), train_flags.data_config(values)
    grouping_config, settings = grouping_flags.grouping_config(values), teacher_flags.teacher_config(values)
    sets = build_batches.open_record_sets(data, config.model_dir)
    if sets.real is None or sets.synthetic is None:
        raise UserError("a teacher needs --real_records and --synthetic_records; without one use openpose_tf.train")
    membership = group_records(sets.synthetic, grouping_config)
    run = build.TeacherRun(config.model_dir, membership, grouping_config, settings)
    run.check()

    replicas = build_student.setup_tensorflow(config)
    student = build_student.build_student(config, replicas, sets.identity)
    if student.is_chief:
        run.claim()
        run_files.write_run_files(config.model_dir, values.flags_into_string(), sets.identity)
    features = membership.grouping.feature_names
    batches = build_batches.make_batches(
        config, data, sets, replicas, run.trained_rows, features, by_row=not run.has_groups
    )
    curriculum = build.build_curriculum(run, student.model, config, batches.num_synthetic, student.is_chief)
    batches.warm()
    return loop.TrainingRun(config, student, batches, curriculum)


if __name__ == "__main__":
    cli.run(main, define_flags)
