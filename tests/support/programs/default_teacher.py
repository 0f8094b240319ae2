"""Builds the teacher of a run whose flags say nothing of it, plays it with scripted losses, prints what it did.

    python -m tests.support.programs.default_teacher FOLDER MODE ...

FOLDER holds the record sets `real` and `synthetic`. Window k has the loss k, so that the reward's baseline tells which
windows it averages.
"""

import json
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import tensorflow as tf
from absl import flags
from absl.testing import flagsaver

from teacher import train
from teacher.teachers import reward
from teacher.teachers.adversarial import AdversarialTeacher

SIZE = 64
TINY = ("--width=0.0625", "--num_stages=1", f"--input_size={SIZE}", "--batch_size=8", "--max_people=2")
GROUPS = ("--grouping=camera_pitch", "--num_groups=4", "--min_group_size=1")
NUM_STEPS, NUM_DRAWS = 320, 4000


def play(folder: Path, mode: str) -> dict[str, object]:
    """Returns what the teacher of a default run does; nothing is trained but the teacher itself."""
    changes, seen, teachers = [], [], []
    rule, propose = reward.UPDATE_RULES[mode], AdversarialTeacher.propose

    def recorded_rule(predicted, group, rewarded, *step_size):
        target = rule(predicted, group, rewarded, *step_size)
        changes.append((predicted[group], target[group]))
        return target

    def recorded_propose(self, inputs):
        teachers.append(self)
        if inputs is not None:
            seen.append(len(inputs))
        return propose(self, inputs)

    with (
        flagsaver.flagsaver(),
        mock.patch.dict(reward.UPDATE_RULES, {mode: recorded_rule}),
        mock.patch.object(AdversarialTeacher, "propose", recorded_propose),
    ):
        records = [f"--{kind}_records={folder / kind}" for kind in ("real", "synthetic")]
        flags.FLAGS(["train", *TINY, *GROUPS, *records, f"--mode={mode}", f"--model_dir={folder / mode}"])
        curriculum = train.prepare(flags.FLAGS).curriculum
        rows = [(step, curriculum.after_step(step, *scripted_step(step))) for step in range(NUM_STEPS)]
        decisions = [(step + 1, row) for step, row in rows if row is not None]
        draws = [teachers[-1].draw(np.full(4, 0.25)) for _ in range(NUM_DRAWS)]
    return {
        "decision_steps": [step for step, _ in decisions],
        "losses": [row["loss"] for _, row in decisions],
        "baselines": [row["baseline"] for _, row in decisions],
        "images": seen,
        "changes": changes,
        "explored": sum(decision.explored for decision in draws) / NUM_DRAWS,
    }


def scripted_step(step: int) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Returns batch and losses of a step: four synthetic samples with the loss of the window, four real ones."""
    is_synthetic = np.arange(8) < 4
    images = np.random.default_rng(step).integers(0, 255, (8, SIZE, SIZE, 3), np.uint8)
    batch = {"images": images, "is_synthetic": is_synthetic, "features": np.zeros((8, 1), np.float32)}
    losses = np.where(is_synthetic, step // 20, step % 7).astype(np.float32)
    return {name: tf.constant(value) for name, value in batch.items()}, tf.constant(losses)


if __name__ == "__main__":
    train.define_flags()
    print(json.dumps({mode: play(Path(sys.argv[1]), mode) for mode in sys.argv[2:]}))
