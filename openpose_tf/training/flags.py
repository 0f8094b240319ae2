"""The flags that `openpose_tf.train` and `teacher.train` share, and the configuration they make."""

from absl import flags

from openpose_tf.common import config_flags
from openpose_tf.common.errors import UserError
from openpose_tf.config import DataConfig, Fidelity, Initializer, TrainConfig

flags.disclaim_key_flags()  # --help of the command that calls `define_flags` shows these flags as its own


def define_flags() -> None:
    """Defines the flags; each command calls it once."""
    config_flags.define(TrainConfig, DataConfig)


def train_config(values: flags.FlagValues) -> TrainConfig:
    """Returns the configuration that flags make.

    Args:
        values: `flags.FLAGS`, parsed; only a verb's `main` has it.

    Raises:
        UserError: a flag is missing or flags contradict each other.
    """
    if not values.model_dir:
        raise UserError("--model_dir is missing: the folder for checkpoints and logs")
    default = Initializer.XAVIER if values.mode == Fidelity.RELEASE else Initializer.HE
    return config_flags.build(
        TrainConfig,
        values,
        real_fraction=data_config(values).real_fraction,
        initializer=Initializer(values.initializer or default),
    )


def data_config(values: flags.FlagValues) -> DataConfig:
    """Returns the data configuration that flags make; `values` as above."""
    return config_flags.build(DataConfig, values)
