"""Trains a plain Keras classifier with a teacher: an example for students of your own.

The student learns two interleaved spirals from many synthetic points, grouped by radius (the outer turns are harder),
and a few real ones. The teacher sees the real points that the student gets wrong and picks the next group.

    python -m teacher.examples.classifier --teacher=adversarial
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from absl import flags

from openpose_tf.common import cli
from openpose_tf.keras_api import keras
from teacher.curriculum.hardest_buffer import HardestBuffer
from teacher.teachers.adversarial import AdversarialConfig, AdversarialTeacher
from teacher.teachers.baselines import UniformTeacher
from teacher.teachers.protocol import Teacher, WindowLosses

NUM_GROUPS, STEPS_PER_DECISION, BATCH = 4, 10, 32


def make_points(count: int, seed: int, noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns points [count, 2] float32 of two spirals, labels [count] and groups [count] by radius."""
    rng = np.random.default_rng(seed)
    radius, label = rng.random(count), rng.integers(0, 2, count)
    angle = 9.0 * radius**2 + np.pi * label + noise * rng.normal(size=count)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return points.astype(np.float32), label, (radius * NUM_GROUPS).astype(int)


def build_mlp(outputs: int, width: int = 64) -> keras.Model:
    """Returns a small network from points [B, 2] to logits [B, outputs]."""
    layers = keras.layers
    hidden = [layers.Dense(width, activation="relu") for _ in range(2)]
    return keras.Sequential([keras.Input((2,)), *hidden, layers.Dense(outputs)])


def make_teacher(name: str, seed: int) -> Teacher:
    """Returns the paper's teacher with a network for points, or the uniform one."""
    available = np.ones(NUM_GROUPS, bool)
    if name == "uniform":
        return UniformTeacher(available, seed=seed)
    return AdversarialTeacher(build_mlp(NUM_GROUPS), available, AdversarialConfig(learning_rate=3e-3, seed=seed))


def run(name: str, num_decisions: int = 120, seed: int = 0) -> tuple[float, np.ndarray]:
    """Trains; returns the accuracy on unseen points and the probabilities of all decisions [D, groups]."""
    keras.utils.set_random_seed(seed)
    points, labels, groups = make_points(4000, seed, noise=0.1)
    real_points, real_labels, _ = make_points(200, seed + 1, noise=0.25)
    student, optimizer = build_mlp(2), keras.optimizers.Adam(3e-3)

    @tf.function
    def train_step(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, student(x))
            loss = tf.reduce_mean(losses)
        optimizer.apply_gradients(zip(tape.gradient(loss, student.trainable_variables), student.trainable_variables))
        return losses

    rng, teacher, hardest, chances = np.random.default_rng(seed), make_teacher(name, seed), HardestBuffer(16), []
    for _ in range(num_decisions):
        decision = teacher.draw(teacher.propose(hardest.samples))
        chances.append(decision.probabilities)
        hardest.clear()
        window = []
        for _ in range(STEPS_PER_DECISION):
            fake, real = rng.choice(np.flatnonzero(groups == decision.group), BATCH), rng.integers(0, 200, BATCH)
            x = np.concatenate([points[fake], real_points[real]])
            losses = train_step(tf.constant(x), tf.constant(np.concatenate([labels[fake], real_labels[real]]))).numpy()
            hardest.add(real_points[real], losses[BATCH:])
            window.append(losses[:BATCH].mean())
        half = STEPS_PER_DECISION // 2
        teacher.feedback(decision, WindowLosses(np.mean(window), np.mean(window[:half]), np.mean(window[half:])))
    test_points, test_labels, _ = make_points(4000, seed + 2, noise=0.1)
    return float((student(test_points).numpy().argmax(1) == test_labels).mean()), np.array(chances)


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_enum("teacher", "adversarial", ["adversarial", "uniform"], "Who picks the groups.")


def main() -> int:
    """Trains with the chosen teacher and prints what came of it."""
    accuracy, chances = run(flags.FLAGS.teacher)
    print(f"{flags.FLAGS.teacher}: accuracy {accuracy:.3f}; mean probability of the groups {chances.mean(0).round(2)}")
    return cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main, define_flags)
