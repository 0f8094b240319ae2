"""groups.json: the rule, boundaries and sizes of the groups of a data set; and their names for figures."""

import itertools
from pathlib import Path
from typing import Any

from openpose_tf.common import file_names, files
from openpose_tf.common.errors import UserError
from openpose_tf.config import Fidelity
from teacher.groups.groupings import CHARACTERISTICS, Axis, Grouping
from teacher.groups.membership import Membership

GROUPS_NAME = file_names.GROUPS


def groups_json(membership: Membership, mode: Fidelity) -> dict[str, Any]:
    """Returns what groups.json holds: mode, rule, labels, samples per group and the number left out."""
    return {
        "mode": str(mode),
        "grouping": membership.grouping.to_json(),
        "labels": labels_of(membership.grouping),
        "counts": membership.counts.tolist(),
        "dropped": membership.num_dropped,
    }


def labels_of(grouping: Grouping) -> list[str]:
    """Returns a name for each group: the ranges of its characteristics, or the number of its cells when merged."""
    cells = [" · ".join(parts) for parts in _cell_parts(grouping.axes)]
    if not grouping.cell_groups:
        return cells
    members = [
        [cell for cell, group in zip(cells, grouping.cell_groups) if group == g] for g in range(grouping.num_groups)
    ]
    return [names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more" for names in members]


def group_labels(path: Path, num_groups: int) -> list[str]:
    """Returns the labels in groups.json, or plain numbers where the file is missing.

    Raises:
        UserError: the file holds another number of groups.
    """
    if not path.is_file():
        return [str(group) for group in range(num_groups)]
    labels = files.read_json(path, "the groups of a run").get("labels", [])
    if len(labels) != num_groups:
        raise UserError(f"{path} names {len(labels)} groups, the decisions {num_groups}: it belongs to another run")
    return [str(label) for label in labels]


def _cell_parts(axes: tuple[Axis, ...]) -> list[list[str]]:
    cells: list[list[str]] = [[]]
    for axis in axes:
        cells = [[*cell, name] for cell in cells for name in _bin_names(axis)]
    return cells


def _bin_names(axis: Axis) -> list[str]:
    """Ranges such as `pitch_deg 3.7-6.9`, open at both ends."""
    edges = [f"{value:.4g}" for value in axis.boundaries]
    unit = CHARACTERISTICS[axis.name].unit if axis.name in CHARACTERISTICS else ""
    name = axis.name.replace("_", " ")
    middle = [f"{low} to {high}" for low, high in itertools.pairwise(edges)]
    return [f"{name} {part}{unit}" for part in (f"< {edges[0]}", *middle, f"≥ {edges[-1]}")]
