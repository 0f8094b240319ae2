"""Pictures of what the teacher did in a run.

python -m teacher.plot --model_dir=runs/c --output_dir=runs/c/plots
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError
from teacher.curriculum import decision_log, figures
from teacher.groups.group_files import GROUPS_NAME, group_labels

_MODEL_DIR = flags.DEFINE_string("model_dir", None, "Folder of a run of teacher.train.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the pictures; <model_dir>/plots by default.")
_WINDOW = flags.DEFINE_integer("window", 20, "Decisions over which the reward rate is averaged.", lower_bound=1)


def main(argv: Sequence[str]) -> int:
    """Writes probabilities.png, groups.png and reward_rate.png."""
    if len(argv) > 1:
        raise UserError(f"unknown argument {argv[1]!r}: all settings are flags (--help lists them)")
    if not _MODEL_DIR.value:
        raise UserError("--model_dir is missing: name the folder of a run of teacher.train")
    log = decision_log.read_decisions(_MODEL_DIR.value)
    model_dir = Path(_MODEL_DIR.value)
    labels = group_labels(model_dir / GROUPS_NAME, log.probabilities.shape[1])
    output_dir = files.writable_dir(_OUTPUT_DIR.value or model_dir / "plots")
    plots = {
        "probabilities.png": figures.plot_probabilities(log, labels),
        "groups.png": figures.plot_groups(log, labels),
        "reward_rate.png": figures.plot_reward_rate(log, _WINDOW.value),
    }
    for name, figure in plots.items():
        print(figures.save_figure(figure, output_dir / name))
    return cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main)
