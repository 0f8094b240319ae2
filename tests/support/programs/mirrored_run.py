"""Trains three steps on two logical CPUs with MirroredStrategy and on one device; prints the greatest differences."""

import json

import numpy as np
import tensorflow as tf

from openpose_tf.config import ModelConfig, OptimizerConfig, TrainConfig
from openpose_tf.network.openpose import build_openpose
from openpose_tf.training.step import OpenPoseStudent
from openpose_tf.training.strategies import Replicas
from tests.support.training_batches import make_batch

CONFIG = TrainConfig("", ModelConfig(0.0625, 1, 64), batch_size=4, optimizer=OptimizerConfig(learning_rate=1e-3))


def run(strategy):
    with strategy.scope():
        model = build_openpose(CONFIG.model, seed=1)
    student = OpenPoseStudent(model, CONFIG, Replicas(strategy))
    weights = {"sample_weight": tf.constant([0.5, 3.0, 1.0, 0.2])}
    results = [student.train_step(make_batch(number) | weights) for number in range(3)]
    return model.get_weights(), [r.per_sample_loss.numpy() for r in results], [r.batch["key"].numpy() for r in results]


def main():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    weights, losses, keys = run(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
    weights_1, losses_1, keys_1 = run(tf.distribute.get_strategy())
    print(
        json.dumps(
            {
                "weights": max(float(np.abs(a - b).max()) for a, b in zip(weights, weights_1)),
                "losses": max(float(np.abs(a - b).max()) for a, b in zip(losses, losses_1)),
                "keys_equal": bool(all((a == b).all() for a, b in zip(keys, keys_1))),
            }
        )
    )


if __name__ == "__main__":
    main()
