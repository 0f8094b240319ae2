"""Times the whole training step against a bare loop of forward, loss and backward on tensors in memory.

    python tests/benchmarks/bench_train_step.py [--width=0.25 --num_stages=2 --input_size=128 --batch_size=8]

Limit (the project's own): 5 % over the bare loop, drawing the labels and the teacher's bookkeeping included. The bare
loop has its labels ready and updates the weights, too. The two take turns, so that other load meets both alike.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import tensorflow as tf
from absl import flags

from openpose_tf.common import cli
from openpose_tf.config import ModelConfig, TrainConfig
from openpose_tf.labels import losses
from openpose_tf.labels.targets import draw_labels
from openpose_tf.network.openpose import build_openpose, preprocess
from openpose_tf.training.step import OpenPoseStudent
from teacher.curriculum.group_curriculum import GroupCurriculum
from teacher.groups.groupings import make_grouping
from teacher.teachers.baselines import UniformTeacher
from tests.support.training_batches import make_batch

flags.DEFINE_float("width", 0.25, "Width of the network.")
flags.DEFINE_integer("num_stages", 2, "Stages.")
flags.DEFINE_integer("input_size", 128, "Side of the input.")
flags.DEFINE_integer("batch_size", 8, "Samples per step.")
flags.DEFINE_integer("repeats", 30, "Steps of each loop.")
flags.DEFINE_integer("memory_steps", 0, "Steps of a run whose memory is watched; 0 is none.")

LIMIT = 0.05


def bare_step(student: OpenPoseStudent, batch: dict, config: TrainConfig) -> Callable[[], object]:
    """Returns forward, loss, backward and update with labels that are ready."""
    labels = draw_labels(batch, config.target)
    images, model, optimizer = preprocess(batch["images"]), student.model, student.optimizer

    @tf.function
    def step(images: tf.Tensor, labels: tuple) -> tf.Tensor:
        with tf.GradientTape() as tape:
            branch = losses.branch_losses(model(images, training=True), labels)
            loss = tf.reduce_mean(losses.sample_losses(branch))
        optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
        return loss

    return lambda: step(images, labels).numpy()


def full_step(student: OpenPoseStudent, batch: dict) -> Callable[[], object]:
    """Returns what the loop does per step, with the bookkeeping of a teacher that draws uniformly."""
    columns = {"camera_pitch_deg": np.linspace(0, 45, 100)}
    grouping = make_grouping(["camera_pitch"], columns, [10])
    teacher = UniformTeacher(np.ones(10, bool), 0.1, seed=0)
    curriculum = GroupCurriculum(teacher, grouping, ("camera_pitch_deg",))
    steps = iter(range(10**9))

    def step() -> None:
        result = student.train_step(batch)
        float(result.loss), bool(result.is_finite), result.scalars.numpy()
        curriculum.after_step(next(steps), result.batch, result.per_sample_loss)

    return step


def take_turns(functions: Sequence[Callable[[], object]], repeats: int) -> list[tuple[float, float]]:
    """Returns median (wall ms, CPU ms) of each function."""
    times: list[list[tuple[float, float]]] = [[] for _ in functions]
    for number in range(repeats + 2):
        for function, own in zip(functions, times):
            wall, cpu = time.perf_counter(), time.process_time()
            function()
            if number >= 2:  # the first calls compile
                own.append((1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu)))
    return [(statistics.median(w for w, _ in own), statistics.median(c for _, c in own)) for own in times]


def main() -> None:
    """Prints both times and their ratio."""
    f = flags.FLAGS
    config = TrainConfig("", ModelConfig(f.width, f.num_stages, f.input_size), batch_size=f.batch_size)
    batch = make_batch(0, f.batch_size, f.input_size, max_people=20, features=1)
    student = OpenPoseStudent(build_openpose(config.model), config)
    bare, full = take_turns([bare_step(student, batch, config), full_step(student, batch)], f.repeats)
    print(f"bare loop   {bare[0]:8.1f} ms wall {bare[1]:8.1f} ms CPU")
    print(f"whole step  {full[0]:8.1f} ms wall {full[1]:8.1f} ms CPU")
    for name, index in (("wall", 0), ("CPU", 1)):
        print(f"over the bare loop: {100 * (full[index] / bare[index] - 1):+.1f} % {name} (limit {100 * LIMIT:.0f} %)")
    if f.memory_steps:
        watch_memory(full_step(student, batch), f.memory_steps)


def watch_memory(step: Callable[[], object], steps: int) -> None:
    """Prints the growth of peak memory after a tenth of the steps."""
    peaks = {}
    for number in range(steps):
        step()
        if number in (steps // 10, steps - 1):
            peaks[number] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    first, last = peaks.values()
    print(f"peak memory {first:.0f} MB after {steps // 10} steps, {last:.0f} MB after {steps}: {last - first:+.0f} MB")


if __name__ == "__main__":
    cli.run(main)
