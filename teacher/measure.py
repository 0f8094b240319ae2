"""Tells whether groups of samples differ in loss: has a teacher anything to choose?

python -m teacher.measure --student=runs/baseline --synthetic_records=runs/ds --output_dir=runs/spread

For each characteristic: mean loss per group, the share of the variance of one loss that lies between the groups, and
how many decisions a teacher needs to see the difference through the noise of its windows. The loss is the one that a
teacher hears. Minutes on two cores for thousands of samples; nothing is trained.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from absl import flags, logging

from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError
from openpose_tf.data.input.augmentation import Augmentation
from openpose_tf.data.records.record_set import RecordSet, load_records
from openpose_tf.weights import bundled
from teacher.curriculum import figures
from teacher.groups import group_files, spread
from teacher.groups.groupings import CHARACTERISTICS, make_grouping
from teacher.groups.membership import Membership, assign_samples
from teacher.groups.spread import Spread
from teacher.teachers.defaults import DECISION_STEPS

if TYPE_CHECKING:
    from openpose_tf.config import ModelConfig
    from openpose_tf.keras_api import keras

HEADER = (
    "grouping",
    "groups",
    "samples",
    "lowest to highest mean",
    "between groups",
    "noise",
    "explained",
    "decisions",
)


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string(
        "student",
        None,
        "A model_dir, file of openpose_tf.export --weights, or a bundled student (builtin, builtin_real).",
    )
    flags.DEFINE_string("synthetic_records", None, "Record set of synthetic samples.")
    flags.DEFINE_string("output_dir", None, "Folder for spread.json and spread.png.")
    flags.DEFINE_list("grouping", list(CHARACTERISTICS), "Characteristics, each a grouping of its own.")
    flags.DEFINE_integer("num_groups", 10, "Number of groups (paper: 10).", lower_bound=2)
    flags.DEFINE_integer("passes", 2, "Random augmentations of each sample.", lower_bound=2)
    flags.DEFINE_integer("decision_steps", DECISION_STEPS, "Steps per decision (released: 20).", lower_bound=1)
    flags.DEFINE_integer("window_batch", 8, "Synthetic samples in a batch of training.", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "Of the augmentations.", lower_bound=0)


def main() -> int:
    """Measures the losses and writes what they say of each grouping."""
    values = flags.FLAGS
    if not values.student or not values.synthetic_records or not values.output_dir:
        raise UserError("--student, --synthetic_records and --output_dir are all needed")
    output = files.writable_dir(values.output_dir)
    records = load_records(values.synthetic_records)
    groupings = find_groupings(values.grouping, records.features, values.num_groups)
    losses = _measure(values.student, records, values.passes, values.seed)

    window = values.decision_steps * values.window_batch
    found = {
        name: spread.measure(losses, members.sample_groups, members.grouping.num_groups, window)
        for name, members in groupings.items()
    }
    files.write_json(output / "spread.json", {name: _json(one) for name, one in found.items()})
    labels = {name: group_files.labels_of(members.grouping) for name, members in groupings.items()}
    figures.save_figure(figures.plot_spread(found, labels), output / "spread.png")
    print(markdown_table(found, spread.sample_share(losses)))
    return cli.EXIT_OK


def find_groupings(names: Sequence[str], features: Mapping[str, np.ndarray], num_groups: int) -> dict[str, Membership]:
    """Returns the groups per characteristic, without those that tell nothing: fewer than two groups of two samples.

    Raises:
        UserError: an unknown characteristic, or none that groups these records.
    """
    unknown = [name for name in names if name not in CHARACTERISTICS]
    if unknown:
        raise UserError(f"unknown grouping {unknown[0]!r}: choose from {', '.join(CHARACTERISTICS)}")
    found = {}
    for name in names:
        try:
            members = assign_samples(features, make_grouping([name], features, [num_groups]), skip_nan=True)
        except UserError as error:
            logging.warning("not grouped by %s: %s", name, error)
            continue
        if (members.counts >= spread.MIN_SAMPLES).sum() >= 2:
            found[name] = members
        else:
            logging.warning("not grouped by %s: nearly all samples are in one of %d groups", name, num_groups)
    if not found:
        raise UserError("these records can be grouped by nothing that was asked for (see above)")
    return found


def markdown_table(found: Mapping[str, Spread], sample_share: float) -> str:
    """Returns one row per grouping, and in a last line what a choice of single samples could explain."""
    rows = ["| " + " | ".join(HEADER) + " |", "|---" * len(HEADER) + "|"]
    for name, one in sorted(found.items(), key=lambda item: -item[1].explained):
        cells = (
            *(name, f"{(one.counts > 0).sum()}", f"{one.counts.sum()}"),
            f"{np.nanmin(one.means):.3g} to {np.nanmax(one.means):.3g}",
            *(f"{one.between:.3g}", f"{one.noise:.3g}", f"{100 * one.explained:.1f} %"),
            "never" if np.isinf(one.decisions_to_rank) else f"{one.decisions_to_rank:,.0f}",
        )
        rows.append("| " + " | ".join(cells) + " |")
    last = f"{100 * sample_share:.0f} % of the variance of one loss is the sample's own, not its augmentation's."
    return "\n".join([*rows, "", last])


def open_student(student: str) -> "tuple[keras.Model, ModelConfig]":
    """Returns the network of --student and its configuration.

    Raises:
        UserError: no student has that name, or it cannot be read.
    """
    from openpose_tf.inference.student_file import SUFFIX, read_student
    from openpose_tf.weights.checkpoints import load_student

    path = bundled.find(student) or Path(student)
    return read_student(path)[:2] if path.suffix == SUFFIX else load_student(path)


def _measure(student: str, records: RecordSet, passes: int, seed: int) -> np.ndarray:
    from openpose_tf.training.sample_losses import sample_losses

    model, config = open_student(student)
    losses = sample_losses(model, records, Augmentation(config.input_size), passes, seed=seed)
    if not np.isfinite(losses).all():
        row = int(np.flatnonzero(~np.isfinite(losses).all(1))[0])
        raise UserError(f"{student}: its loss on record {row} of {records.dir} is not finite: give another student")
    return losses


def _json(one: Spread) -> dict[str, object]:
    return {
        "counts": one.counts.tolist(),
        "means": [None if np.isnan(mean) else float(mean) for mean in one.means],
        "standard_errors": [None if np.isnan(error) else float(error) for error in one.errors],
        "explained": one.explained,
        "between": one.between,
        "window_noise": one.noise,
        "decisions_to_rank": None if np.isinf(one.decisions_to_rank) else one.decisions_to_rank,
    }


if __name__ == "__main__":
    cli.run(main, define_flags)
