"""Draws what the teacher did in a run.

python -m teacher.plot --model_dir=runs/c --output_dir=runs/c/plots
"""

from pathlib import Path

from absl import flags

from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError
from teacher.curriculum import decision_log, figures
from teacher.groups.group_files import GROUPS_NAME, group_labels


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("model_dir", None, "Folder of a run of teacher.train.")
    flags.DEFINE_string("output_dir", None, "Folder for the images; <model_dir>/plots by default.")
    flags.DEFINE_integer("window", 20, "Decisions over which the reward rate is averaged.", lower_bound=1)


def main() -> int:
    """Writes probabilities.png, groups.png and reward_rate.png."""
    values = flags.FLAGS
    if not values.model_dir:
        raise UserError("--model_dir is missing: name the folder of a run of teacher.train")
    log = decision_log.read_decisions(values.model_dir)
    model_dir = Path(values.model_dir)
    labels = group_labels(model_dir / GROUPS_NAME, log.probabilities.shape[1])
    output_dir = files.writable_dir(values.output_dir or model_dir / "plots")
    plots = {
        "probabilities.png": figures.plot_probabilities(log, labels),
        "groups.png": figures.plot_groups(log, labels),
        "reward_rate.png": figures.plot_reward_rate(log, values.window),
    }
    for name, figure in plots.items():
        print(figures.save_figure(figure, output_dir / name))
    return cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main, define_flags)
