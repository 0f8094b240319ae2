"""Builds the run of every flagfile at a tiny size, in one process; prints a JSON object per file.

    python -m tests.support.programs.config_runs FOLDER FLAGFILE ...

FOLDER holds the record sets `real` and `synthetic`, and a file of weights `start.npz`.
"""

import json
import re
import sys
from pathlib import Path

from absl import flags
from absl.testing import flagsaver

from openpose_tf import train as plain_train
from teacher import train as teacher_train

COMMANDS = {"openpose_tf.train": plain_train, "teacher.train": teacher_train}
TINY = ("--width=0.0625", "--num_stages=1", "--input_size=64", "--batch_size=4", "--max_people=2", "--num_groups=2")


def command_of(flagfile: Path) -> str:
    """Returns the module that the flagfile's head comment calls with it."""
    found = re.search(r"^# Command: python -m (\S+) --flagfile=(\S+)$", flagfile.read_text(), re.MULTILINE)
    assert found and found[2].endswith(flagfile.name), f"{flagfile} does not name its own command"
    return found[1]


def build(flagfile: Path, folder: Path) -> dict[str, object]:
    """Returns what the built run is; nothing is trained."""
    values = flags.FLAGS
    with flagsaver.flagsaver():
        values([flagfile.name, f"--flagfile={flagfile}"])
        asked = {name: getattr(values, name) for name in ("num_steps", "mode", "grouping", "model_dir", "num_stages")}
        kinds = {name: bool(getattr(values, f"{name}_records")) for name in ("real", "synthetic")}
        records = [f"--{name}_records={folder / name}" for name, used in kinds.items() if used]
        values([flagfile.name, f"--flagfile={flagfile}", *TINY, "--min_group_size=1", *records,
                f"--model_dir={folder / flagfile.stem}", f"--init_checkpoint={folder / 'start.npz'}"])  # fmt: skip
        command = command_of(flagfile)
        run = COMMANDS[command].prepare(values)
        batch = run.batches.next(run.curriculum.select(0))
        return {
            **asked,
            "command": command,
            "synthetic_per_batch": int(batch["is_synthetic"].numpy().sum()),
            "batch": len(batch["is_synthetic"]),
            "masked": run.config.target.masked_synthetic_loss,
            "frozen": not run.student.model.get_layer("conv1_1").trainable,
            "curriculum": type(run.curriculum).__name__,
        }


if __name__ == "__main__":
    teacher_train.define_flags()
    print(json.dumps({Path(name).stem: build(Path(name), Path(sys.argv[1])) for name in sys.argv[2:]}))
