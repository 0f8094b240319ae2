"""The flags of a grouping, for the commands that make one."""

from absl import flags

from openpose_tf.common.errors import UserError
from teacher.groups.groupings import CHARACTERISTICS, MODES
from teacher.groups.membership import MIN_GROUP_SIZE, GroupingConfig

flags.disclaim_key_flags()  # --help of the command that calls `define` shows these flags as its own


def define() -> None:
    """Defines the flags; each command calls it once at its top. A second call in one process does nothing."""
    if "grouping" in flags.FLAGS:
        return
    flags.DEFINE_list(
        "grouping",
        ["camera_pitch"],
        f"Characteristics to group the synthetic samples by, of {', '.join(CHARACTERISTICS)}; several make product "
        "groups (paper: camera_pitch or min_distance).",
    )
    flags.DEFINE_list("num_groups", ["10"], "Number of groups (paper: 10), or one number for each characteristic.")
    if "mode" not in flags.FLAGS:
        flags.DEFINE_enum(
            "mode", "paper", MODES, "paper: the paper's method; release: the behaviour of the authors' released code."
        )
    flags.DEFINE_integer(
        "min_group_size",
        MIN_GROUP_SIZE,
        "Groups of at most this many samples count as empty and are not trained on (authors' code: 32).",
        lower_bound=0,
    )
    flags.DEFINE_integer(
        "group_floor",
        0,
        "Groups of fewer samples than this are merged with the nearest group; 0: never.",
        lower_bound=0,
    )
    flags.DEFINE_bool(
        "skip_nan", False, "Leave out samples whose characteristic is unknown, such as the distance of a lone person."
    )
    flags.DEFINE_bool("allow_empty_groups", None, "Accept groups without a sample; by default only in release mode.")


def grouping_config(values: flags.FlagValues) -> GroupingConfig:
    """Returns the configuration that flags make; `values` is `flags.FLAGS`, parsed, which only a `main` has."""
    return GroupingConfig(
        tuple(name.strip() for name in values.grouping),
        tuple(_whole_number(text) for text in values.num_groups),
        str(values.mode),
        values.min_group_size,
        values.group_floor,
        values.skip_nan,
        values.allow_empty_groups,
    )


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UserError(f"--num_groups: {text!r} is not a whole number") from None
