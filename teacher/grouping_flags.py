"""The flags of a grouping, for the commands that make one."""

import dataclasses
from collections.abc import Callable

from absl import flags

from openpose_tf.common.errors import UserError
from teacher.groupings import CHARACTERISTICS, MODES
from teacher.membership import MIN_GROUP_SIZE

flags.disclaim_key_flags()  # --help of the command that calls `define` shows these flags as its own


@dataclasses.dataclass(frozen=True)
class GroupingConfig:
    """What the user asks for.

    Attributes:
        names: characteristics, one or several.
        num_groups: bins of each characteristic, or one number for all.
        mode: `paper` or `release`.
        min_group_size: groups of at most this many samples count as empty.
        floor: groups of fewer samples are merged with a neighbour; 0 = never.
        skip_nan: leaves out samples whose feature is NaN.
        allow_empty: accepts groups without a sample; None: only in `release` mode.
    """

    names: tuple[str, ...]
    num_groups: tuple[int, ...]
    mode: str = "paper"
    min_group_size: int = MIN_GROUP_SIZE
    floor: int = 0
    skip_nan: bool = False
    allow_empty: bool | None = None


def define() -> Callable[[], GroupingConfig]:
    """Defines the flags (call it once, at the top of a command); returns a function that reads them after parsing."""
    names = flags.DEFINE_list(
        "grouping",
        ["camera_pitch"],
        f"Characteristics to group the synthetic samples by, of {', '.join(CHARACTERISTICS)}; several make product "
        "groups (paper: camera_pitch or min_distance).",
    )
    num_groups = flags.DEFINE_list(
        "num_groups", ["10"], "Number of groups (paper: 10), or one number for each characteristic."
    )
    mode = flags.DEFINE_enum(
        "mode", "paper", MODES, "paper: the paper's method; release: the behaviour of the authors' released code."
    )
    min_size = flags.DEFINE_integer(
        "min_group_size",
        MIN_GROUP_SIZE,
        "Groups of at most this many samples count as empty and are not trained on (authors' code: 32).",
        lower_bound=0,
    )
    floor = flags.DEFINE_integer(
        "group_floor",
        0,
        "Groups of fewer samples than this are merged with the nearest group; 0: never.",
        lower_bound=0,
    )
    skip_nan = flags.DEFINE_bool(
        "skip_nan", False, "Leave out samples whose characteristic is unknown, such as the distance of a lone person."
    )
    allow_empty = flags.DEFINE_bool(
        "allow_empty_groups", None, "Accept groups without a sample; by default only in release mode."
    )

    def read() -> GroupingConfig:
        return GroupingConfig(
            tuple(name.strip() for name in names.value),
            tuple(_whole_number(text) for text in num_groups.value),
            mode.value,
            min_size.value,
            floor.value,
            skip_nan.value,
            allow_empty.value,
        )

    return read


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UserError(f"--num_groups: {text!r} is not a whole number") from None
