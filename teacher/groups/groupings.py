"""Groups of synthetic samples by their characteristics (paper Sec. 4, "Grouping"). NumPy only."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from openpose_tf.common.errors import UserError
from openpose_tf.config import Fidelity


@dataclasses.dataclass(frozen=True)
class Characteristic:
    """A number known of every sample, and how its groups are spaced.

    Attributes:
        feature: name of the column in the records.
        low, high: fixed range that is cut into equal bins; None: the range of the data with a margin (see
            `margin_boundaries`).
        unit: for messages and figures.
    """

    feature: str
    low: float | None = None
    high: float | None = None
    unit: str = ""


# camera_pitch is "C" and min_distance is "mD" of the paper; the others are ours (paper, "Limitations").
CHARACTERISTICS = {
    "camera_pitch": Characteristic("camera_pitch_deg", unit="°"),
    "min_distance": Characteristic("min_distance", 0.0, 640.0, " px"),
    "visible_ratio": Characteristic("visible_ratio", 0.0, 1.0),
    "cropped_ratio": Characteristic("cropped_ratio", 0.0, 1.0),
    "scale": Characteristic("scale"),
    "num_people": Characteristic("num_people"),
}


@dataclasses.dataclass(frozen=True)
class Axis:
    """The bins of one characteristic.

    Attributes:
        name: key of `CHARACTERISTICS`, or any name of the user.
        feature: name of the column.
        boundaries: [num_bins - 1] ascending; a value's bin is the number of boundaries at or below it, so that the
            first and the last bin are open.
    """

    name: str
    feature: str
    boundaries: tuple[float, ...]

    @property
    def num_bins(self) -> int:
        """Number of bins."""
        return len(self.boundaries) + 1

    def assign(self, values: np.ndarray) -> np.ndarray:
        """Returns the [N] int64 bin of each of the [N] values."""
        return np.searchsorted(np.asarray(self.boundaries), np.asarray(values, np.float64), side="right")


@dataclasses.dataclass(frozen=True)
class Grouping:
    """A rule that gives every sample one group.

    Attributes:
        axes: one per characteristic; the cells of their product are numbered with the last axis fastest.
        cell_groups: [num_cells] group of each cell; () means that each cell is a group of its own.
    """

    axes: tuple[Axis, ...]
    cell_groups: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Names of the characteristics, joined by a times sign."""
        return "×".join(axis.name for axis in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of bins per axis."""
        return tuple(axis.num_bins for axis in self.axes)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns that `assign` reads."""
        return tuple(axis.feature for axis in self.axes)

    @property
    def num_groups(self) -> int:
        """Number of groups."""
        return max(self.cell_groups) + 1 if self.cell_groups else int(np.prod(self.shape))

    def assign(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Returns the [N] int64 group of each sample from its columns, each [N]."""
        bins = [axis.assign(columns[axis.feature]) for axis in self.axes]
        cells = np.ravel_multi_index(bins, self.shape).astype(np.int64)
        return np.asarray(self.cell_groups, np.int64)[cells] if self.cell_groups else cells

    def to_json(self) -> dict[str, Any]:
        """Returns the rule as plain data, for groups.json and for the check at resume."""
        return {
            "axes": [dataclasses.asdict(axis) | {"boundaries": list(axis.boundaries)} for axis in self.axes],
            "cell_groups": list(self.cell_groups),
        }


def margin_boundaries(values: np.ndarray, num_groups: int) -> tuple[float, ...]:
    """Returns the spacing of the camera pitch: num_groups - 1 boundaries inside [min + v, max - v), v = range/groups.

    The paper writes Var(X) for v; its numbers agree with one tenth of the range at its ten groups. The last of the
    num_groups linearly spaced values is not used.
    """
    low, high = float(np.min(values)), float(np.max(values))
    margin = (high - low) / num_groups
    return tuple(np.linspace(low + margin, high - margin, num_groups)[:-1].tolist())


def range_boundaries(low: float, high: float, num_groups: int) -> tuple[float, ...]:
    """Returns num_groups equal bins over [low, high), the last one open above (ours for the minimal distance)."""
    return tuple(np.linspace(low, high, num_groups + 1)[1:-1].tolist())


def release_range_boundaries(low: float, high: float, num_groups: int) -> tuple[float, ...]:
    """Returns the released spacing of the minimal distance: the first boundary is `low`, so group 0 stays empty."""
    return tuple(np.linspace(low, high, num_groups)[:-1].tolist())


def make_axis(name: str, columns: Mapping[str, np.ndarray], num_groups: int, mode: Fidelity = Fidelity.PAPER) -> Axis:
    """Returns the bins of one characteristic over a whole data set.

    Args:
        name: key of `CHARACTERISTICS`.
        columns: feature columns [N] of all samples; only finite values count for the range.
        num_groups: number of bins, at least 2.
        mode: `paper`, or `release` for the released boundaries of `min_distance`.

    Raises:
        UserError: unknown characteristic, missing column, or a column with one value only.
    """
    if name not in CHARACTERISTICS:
        raise UserError(f"unknown grouping {name!r}: choose from {', '.join(CHARACTERISTICS)}")
    if num_groups < 2:
        raise UserError(f"{num_groups} group(s) of {name}: at least 2 are needed")
    rule = CHARACTERISTICS[name]
    values = require_columns(columns, [rule.feature])[rule.feature]
    if rule.low is not None and rule.high is not None:
        spacing = release_range_boundaries if mode == Fidelity.RELEASE and name == "min_distance" else range_boundaries
        return Axis(name, rule.feature, spacing(rule.low, rule.high, num_groups))
    values = values[np.isfinite(values)]
    if not len(values) or np.min(values) == np.max(values):
        raise UserError(f"all samples have the same {rule.feature}: choose another grouping than {name}")
    return Axis(name, rule.feature, margin_boundaries(values, num_groups))


def make_grouping(
    names: Sequence[str], columns: Mapping[str, np.ndarray], num_groups: Sequence[int], mode: Fidelity = Fidelity.PAPER
) -> Grouping:
    """Returns the grouping by one or several characteristics; arguments as in `make_axis`, one count per name."""
    if len(num_groups) == 1:
        num_groups = list(num_groups) * len(names)
    if not names or len(names) != len(num_groups):
        raise UserError(f"{len(names)} groupings but {len(num_groups)} numbers of groups: give one number for each")
    return Grouping(tuple(make_axis(name, columns, count, mode) for name, count in zip(names, num_groups)))


def require_columns(columns: Mapping[str, np.ndarray], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Returns the named columns.

    Raises:
        UserError: one is missing; the message names those there are.
    """
    missing = [name for name in names if name not in columns]
    if missing:
        known = ", ".join(sorted(columns)) or "none"
        raise UserError(
            f"the synthetic records have no feature {', '.join(missing)} (they have: {known}): "
            "write them with the features, or choose another grouping"
        )
    return {name: np.asarray(columns[name]) for name in names}
