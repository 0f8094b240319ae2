"""Which sample is in which group, and the checks that find bad groups before training starts."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from absl import logging

from openpose_tf.common.config_flags import option
from openpose_tf.common.errors import UserError
from openpose_tf.config import Fidelity, mode_option
from openpose_tf.data.records.record_set import RecordSet
from teacher.groups.groupings import CHARACTERISTICS, Grouping, make_grouping, require_columns
from teacher.groups.merging import merge_small

MIN_GROUP_SIZE = 32  # a group of at most this many samples counts as empty (authors' code)


@dataclasses.dataclass(frozen=True)
class GroupingConfig:
    """Which groups are asked for."""

    names: tuple[str, ...] = option(
        ("camera_pitch",),
        f"Characteristics to group the synthetic samples by, of {', '.join(CHARACTERISTICS)}; several make product "
        "groups (paper: camera_pitch or min_distance).",
        name="grouping",
    )
    num_groups: tuple[int, ...] = option((10,), "Number of groups (paper: 10), or one number for each characteristic.")
    mode: Fidelity = mode_option()
    min_group_size: int = option(
        MIN_GROUP_SIZE,
        "Groups of at most this many samples count as empty and are not trained on (authors' code: 32).",
        low=0,
    )
    floor: int = option(
        0,
        "Groups of fewer samples than this are merged with the nearest group; 0: never.",
        name="group_floor",
        low=0,
    )
    skip_nan: bool = option(
        False, "Leave out samples whose characteristic is unknown, such as the distance of a lone person."
    )
    allow_empty: bool | None = option(
        None, "Accept groups without a sample; by default only in release mode.", name="allow_empty_groups"
    )


@dataclasses.dataclass(frozen=True)
class Membership:
    """The groups of a data set of N samples.

    Attributes:
        grouping: the rule.
        rows: per group the rows [n] int64 of its samples, ascending.
        num_dropped: samples left out because a feature is NaN.
    """

    grouping: Grouping
    rows: tuple[np.ndarray, ...]
    num_dropped: int = 0

    @property
    def counts(self) -> np.ndarray:
        """[num_groups] int64 samples per group."""
        return np.array([len(rows) for rows in self.rows], np.int64)

    @property
    def sample_groups(self) -> np.ndarray:
        """[N] int64 group of each sample, -1 for those left out."""
        groups = np.full(self.counts.sum() + self.num_dropped, -1, np.int64)
        for group, rows in enumerate(self.rows):
            groups[rows] = group
        return groups

    def available(self, min_group_size: int = MIN_GROUP_SIZE) -> np.ndarray:
        """Returns [num_groups] bool: groups of more than `min_group_size` samples.

        Raises:
            UserError: no group is that large.
        """
        result = self.counts > min_group_size
        if not result.any():
            raise UserError(
                f"no group of {self.grouping.name} has more than {min_group_size} samples "
                f"(samples per group: {_listing(self.counts)}): lower --min_group_size or --num_groups, "
                "or make more synthetic images"
            )
        return result


def assign_samples(columns: Mapping[str, np.ndarray], grouping: Grouping, skip_nan: bool = False) -> Membership:
    """Returns the groups of all samples.

    Args:
        columns: per feature a [N] float column.
        grouping: the rule.
        skip_nan: leaves out samples with NaN features and counts them; such a sample is refused otherwise.

    Raises:
        UserError: a missing feature, or NaN values without `skip_nan`.
    """
    used = require_columns(columns, grouping.feature_names)
    known = np.ones(len(next(iter(used.values()))), bool)
    for name, column in used.items():
        bad = ~np.isfinite(column)
        if bad.any() and not skip_nan:
            raise UserError(
                f"feature {name} is not a number in {bad.sum()} of {len(bad)} synthetic samples "
                f"(first: row {np.flatnonzero(bad)[0]}; the minimal distance of a person who is alone is such a case): "
                "pass --skip_nan to leave these samples out, or choose another --grouping"
            )
        known &= ~bad
    groups = np.full(len(known), -1, np.int64)
    groups[known] = grouping.assign({name: column[known] for name, column in used.items()})
    dropped = int((~known).sum())
    if dropped:
        logging.warning("%d synthetic samples are left out: %s unknown", dropped, " or ".join(used))
    return Membership(grouping, tuple(np.flatnonzero(groups == g) for g in range(grouping.num_groups)), dropped)


def group_records(records: RecordSet, config: GroupingConfig) -> Membership:
    """Returns the groups of a record set; warns where its distances are in raw pixels of images of any size.

    Raises:
        UserError: as `group_samples`.
    """
    if "min_distance" in config.names and not records.has_scaled_distances:
        logging.warning(
            "%s: minimal distances are in raw pixels (an older record set), not in those of an image whose longer side "
            "is 640: groups of smaller images stay empty; convert the data again to change that",
            records.dir,
        )
    return group_samples(records.features, config)


def group_samples(columns: Mapping[str, np.ndarray], config: GroupingConfig) -> Membership:
    """Makes the grouping of a data set and checks it.

    Args:
        columns: per feature a [N] float column.
        config: what is asked for.

    Raises:
        UserError: bad features, fewer samples than groups, or an empty group that is not allowed.
    """
    grouping = make_grouping(config.names, columns, config.num_groups, config.mode)
    membership = assign_samples(columns, grouping, config.skip_nan)
    if config.floor:
        grouping = merge_small(grouping, membership.counts, config.floor)
        membership = assign_samples(columns, grouping, config.skip_nan)
    check_groups(membership, config.mode == Fidelity.RELEASE if config.allow_empty is None else config.allow_empty)
    return membership


def check_groups(membership: Membership, allow_empty: bool) -> None:
    """Refuses bad groups and logs the small ones; see `group_samples`."""
    counts = membership.counts
    name = membership.grouping.name
    if counts.sum() < len(counts):
        raise UserError(
            f"{counts.sum()} synthetic samples for {len(counts)} groups of {name}: lower --num_groups, "
            "or make more synthetic images"
        )
    empty = np.flatnonzero(counts == 0)
    if len(empty) and not allow_empty:
        raise UserError(
            f"group {', '.join(map(str, empty))} of {name} has no sample (samples per group: {_listing(counts)}): "
            "lower --num_groups, make more synthetic images, or pass --allow_empty_groups to let the teacher avoid it"
        )
    logging.info("samples per group of %s: %s", name, _listing(counts))


def _listing(counts: np.ndarray) -> str:
    return " ".join(map(str, counts))
