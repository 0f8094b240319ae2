"""Files of the project written on one stack and read on another.

python -m tests.support.programs.stack_files write FOLDER
python -m tests.support.programs.stack_files read FOLDER NUMBERS.npz
"""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from openpose_tf import export
from openpose_tf.config import ModelConfig, OptimizerConfig, TrainConfig
from openpose_tf.data.records.record_set import load_records
from openpose_tf.inference import student_file
from openpose_tf.inference.predictor import Predictor
from openpose_tf.network.openpose import preprocess
from openpose_tf.training import build_student, loop
from openpose_tf.weights.checkpoints import load_student
from tests.support.small_records import write_records
from tests.support.training_batches import CountedBatches, make_batch

IMAGE = np.random.default_rng(5).integers(0, 255, (1, 64, 64, 3), dtype=np.uint8)


def write(folder):
    """Writes a record set, a run of two steps with its checkpoint, a SavedModel and a weight file."""
    write_records(folder / "records", 5, is_synthetic=True)
    settings = {"model": ModelConfig(0.0625, 1, 64), "optimizer": OptimizerConfig(learning_rate=1e-3), "batch_size": 4}
    config = TrainConfig(str(folder / "run"), num_steps=2, checkpoint_every=1, log_every=1, **settings)
    loop.train(config, build_student.build_student(config), CountedBatches(make_batch), loop.NoTeacher())
    export.export(
        export.ExportOptions(
            str(folder / "saved_model"), model_dir=str(folder / "run"), weights=str(folder / "weights.npz")
        )
    )


def read(folder, output):
    """Reads them again and writes what they hold."""
    records = load_records(folder / "records")
    x = preprocess(tf.constant(IMAGE))
    network, _ = load_student(folder / "run")
    student = student_file.read_student(folder / "weights.npz")
    maps, pafs = Predictor(str(folder / "saved_model")).maps(IMAGE)
    np.savez(
        output,
        record_offsets=records.offset,
        record_shards=records.shard,
        checkpoint_maps=network(x, training=False)[-1][1],
        weight_file_maps=student.model(x, training=False)[-1][1],
        saved_model_maps=maps,
        saved_model_pafs=pafs,
    )


if __name__ == "__main__":
    action, place, *rest = sys.argv[1:]
    write(Path(place)) if action == "write" else read(Path(place), rest[0])
