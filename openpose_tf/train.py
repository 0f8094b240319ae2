r"""Trains the student without a teacher: synthetic samples come from all records alike.

Example (paper, Table 1, M_DR+DS: 149,400 steps, days on a GPU):
    python -m openpose_tf.train --real_records=runs/mpii --synthetic_records=runs/ds \
        --init_checkpoint=runs/baseline --model_dir=runs/dr_ds

The same command resumes a run that was stopped. In model_dir: ckpt-*, metrics.jsonl, TensorBoard events,
config.json, flags.txt, versions.json and, at the end, summary.json.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # see common/cli.py

from absl import flags

from openpose_tf.common import cli
from openpose_tf.training import build_batches, build_student, loop, run_files, tf_config
from openpose_tf.training.flags import data_config, define_flags, train_config


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
    config, data = train_config(values), data_config(values)
    run_files.require_no_teacher(config.model_dir)
    sets = build_batches.open_record_sets(data, config.model_dir)
    replicas = build_student.setup_tensorflow(config)
    student = build_student.build_student(config, replicas, sets.identity)
    batches = build_batches.make_batches(config, data, sets, replicas)
    if student.is_chief:
        run_files.write_run_files(config.model_dir, values.flags_into_string(), sets.identity)
    return loop.TrainingRun(config, student, batches, loop.NoTeacher())


if __name__ == "__main__":
    cli.run(main, define_flags)
