"""Reads back the rule of a groups.json."""

from teacher.groups.groupings import Axis, Grouping


def grouping_from_json(data) -> Grouping:
    """Returns the rule that `Grouping.to_json` wrote."""
    axes = tuple(Axis(axis["name"], axis["feature"], tuple(axis["boundaries"])) for axis in data["axes"])
    return Grouping(axes, tuple(data["cell_groups"]))
