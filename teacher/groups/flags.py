"""The flags of a grouping, for the commands that make one."""

from absl import flags

from openpose_tf.common import config_flags
from teacher.groups.membership import GroupingConfig

flags.disclaim_key_flags()  # --help of the command that calls `define_flags` shows these flags as its own


def define_flags() -> None:
    """Defines the flags; each command calls it once."""
    config_flags.define(GroupingConfig)


def grouping_config(values: flags.FlagValues) -> GroupingConfig:
    """Returns the configuration that flags make; `values` is `flags.FLAGS`, parsed, which only a `main` has."""
    return config_flags.build(GroupingConfig, values)
