"""Rewrites synthetic records so that each group is one shard, and shows the groups.

python -m teacher.partition --records=runs/ds_records --grouping=camera_pitch --num_groups=10 --output_dir=runs/ds_pitch
"""

from pathlib import Path

from absl import flags

from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError
from openpose_tf.data.records.record_set import load_records
from teacher.curriculum import figures
from teacher.groups import flags as grouping_flags
from teacher.groups import group_files
from teacher.groups.group_shards import write_group_shards
from teacher.groups.membership import group_records


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("records", None, "Record set to partition.")
    flags.DEFINE_string("output_dir", None, "Folder for the new record set, groups.json and images.")
    flags.DEFINE_bool("overwrite", False, "Replace a record set that is already there.")
    grouping_flags.define_flags()


def main() -> int:
    """Groups, writes shards, groups.json and the figures; names the groups that count as empty."""
    values = flags.FLAGS
    if not values.records or not values.output_dir:
        raise UserError("--records (a record set) and --output_dir (a new folder) are both needed")
    config = grouping_flags.grouping_config(values)
    records = load_records(values.records)
    membership = group_records(records, config)
    output = Path(values.output_dir)
    write_group_shards(records, membership, output, values.overwrite)
    files.write_json(output / group_files.GROUPS_NAME, group_files.groups_json(membership, config.mode))
    labels, name = group_files.labels_of(membership.grouping), membership.grouping.name
    sizes = figures.plot_sizes(membership.counts, labels, config.min_group_size, f"Samples per group of {name}")
    figures.save_figure(sizes, output / "groups.png")
    for axis in membership.grouping.axes:
        values = figures.plot_values(records.features[axis.feature], axis.boundaries, axis.feature)
        figures.save_figure(values, output / f"histogram_{axis.name}.png")
    for label, count in zip(labels, membership.counts):
        note = "  counts as empty" if count <= config.min_group_size else ""
        print(f"{label:40s} {count:8d}{note}")
    print(f"{membership.counts.sum()} samples in {len(labels)} groups, {membership.num_dropped} left out; {output}")
    return cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main, define_flags)
