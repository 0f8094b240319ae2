"""A small run for the resume tests: `python resume_run.py MODEL_DIR NUM_STEPS [KILL_AFTER_STEP]`."""

import os
import signal
import sys

from openpose_tf.config import ModelConfig, OptimizerConfig, TrainConfig
from openpose_tf.training import build_student, loop
from tests.support.training_batches import CountedBatches, make_batch

CONFIG = {
    "model": ModelConfig(0.0625, 1, 64),
    "optimizer": OptimizerConfig(learning_rate=1e-3, decay_steps=4),
    "batch_size": 4,
    "checkpoint_every": 3,
    "log_every": 2,
    "deterministic": True,
}


def main(model_dir, num_steps, kill_after=None):
    config = TrainConfig(model_dir, num_steps=num_steps, **CONFIG)

    def make(number):
        if kill_after is not None and number == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return make_batch(number)

    student = build_student.build_student(config)
    loop.train(config, student, CountedBatches(make), loop.NoTeacher())


if __name__ == "__main__":
    main(sys.argv[1], *(int(number) for number in sys.argv[2:]))
