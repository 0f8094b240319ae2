"""Checkpoints of a run and of a trained student: keep N, latest in model_dir wins, another configuration is refused."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import logging

from openpose_tf.common import checkpoint_files, files
from openpose_tf.common.errors import MachineError, UserError
from openpose_tf.common.folder_claim import FolderClaim
from openpose_tf.config import ModelConfig
from openpose_tf.keras_api import keras
from openpose_tf.network.openpose import build_openpose, plain_network

CONFIG_NAME = "config.json"
BATCH_NORM, READING = "batch_norm", "reading"  # their entries in config.json
CLAIM = FolderClaim(
    CONFIG_NAME,
    "the configuration of a run",
    "give the same flags and records to resume, or a different --model_dir",
    older={"precision": "float32", BATCH_NORM: False, "warmup_steps": 0, READING: "records"},
)
WHAT_MODEL_DIR = "a model_dir written by openpose_tf.train or teacher.train"


def load_student(model_dir: str | Path) -> tuple[keras.Model, ModelConfig]:
    """Returns the student of the latest checkpoint in `model_dir`, and its configuration.

    Raises:
        UserError: there is no config.json or no checkpoint, or they do not fit together.
    """
    folder = files.require_dir(model_dir, WHAT_MODEL_DIR)
    read_config(folder)
    path = checkpoint_files.latest_checkpoint(folder)
    if path is None:
        raise UserError(f"{folder} holds no checkpoint yet: train first, or name another model_dir")
    model, config = load_checkpoint(path)
    logging.info("student of %s: width %g, %d stages", path, config.width, config.num_stages)
    return model, config


def load_checkpoint(path: str | Path) -> tuple[keras.Model, ModelConfig]:
    """Returns the student of one checkpoint of a model_dir as the paper's network, and its configuration.

    Args:
        path: name without suffix, such as model_dir/ckpt-5000.

    Raises:
        UserError: the config.json beside it, or the checkpoint, cannot be read, or they do not fit together.
    """
    folder = Path(path).parent
    config = read_config(folder)
    batch_norm = bool(files.read_json(folder / CONFIG_NAME, WHAT_MODEL_DIR).get(BATCH_NORM, False))
    model = build_openpose(config, batch_norm=batch_norm)
    restore_model(model, path)
    return plain_network(model, config) if batch_norm else model, config


def load_mean_checkpoint(paths: Sequence[str | Path]) -> tuple[keras.Model, ModelConfig]:
    """Returns the student whose weights are the mean over checkpoints, and its configuration.

    Checkpoints of one run at a learning rate that is not small yet lie around a better student (Izmailov et al., UAI
    2018).

    Raises:
        UserError: as `load_checkpoint`, or the networks differ in width or number of stages.
    """
    model, config = load_checkpoint(paths[0])
    total = model.get_weights()
    for path in paths[1:]:
        other, other_config = load_checkpoint(path)
        if (other_config.width, other_config.num_stages) != (config.width, config.num_stages):
            raise UserError(
                f"{path} is of width {other_config.width:g} with {other_config.num_stages} stages, {paths[0]} of width "
                f"{config.width:g} with {config.num_stages}: only checkpoints of one network have a mean"
            )
        total = [array + more for array, more in zip(total, other.get_weights(), strict=True)]
    model.set_weights([array / len(paths) for array in total])
    return model, config


def restore_model(model: keras.Model, path: str | Path) -> None:
    """Sets the weights of `model` from a checkpoint of a run, its optimizer and counters left aside.

    Raises:
        UserError: the checkpoint cannot be read or belongs to a network of another shape.
    """
    with _reading(str(path), "network of another width or number of stages"):
        status = tf.train.Checkpoint(model=model).restore(str(path))
        status.assert_existing_objects_matched().expect_partial()


def read_config(model_dir: Path) -> ModelConfig:
    """Returns the network's configuration of a model_dir."""
    path = model_dir / CONFIG_NAME
    values = files.read_json(path, f"the configuration in {WHAT_MODEL_DIR}")
    try:
        return ModelConfig.from_json(values)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} lacks or misstates {error}: expected the configuration of a run") from None


def reading_of(model_dir: str | Path) -> str | None:
    """Returns how the run of a model_dir reads its records, which decides their order; None where there is no run."""
    content = CLAIM.check(Path(model_dir), {})
    return None if content is None else str(content.get(READING, CLAIM.older[READING]))


def claim_model_dir(model_dir: str | Path, values: Mapping[str, Any]) -> Path:
    """Makes the folder of a run, or takes up the run in it.

    Args:
        model_dir: the folder.
        values: what a run in this folder must agree on; written to config.json of a new run.

    Raises:
        UserError: the folder holds a run with other values; the message names them.
    """
    folder = files.writable_dir(model_dir)
    CLAIM.claim(folder, values)
    return folder


@dataclasses.dataclass
class CheckpointStore:
    """The checkpoints of one run.

    Attributes:
        model_dir: the folder.
        trackables: what is saved; `model` among it is what `load_student` reads.
        keep: number of checkpoints kept.
        is_chief: whether this process writes.
    """

    model_dir: Path
    trackables: Mapping[str, Any]
    keep: int
    is_chief: bool = True

    def __post_init__(self) -> None:
        self._checkpoint = tf.train.Checkpoint(**self.trackables)
        self._manager: tf.train.CheckpointManager | None = None

    def restore_latest(self) -> str | None:
        """Restores the latest checkpoint and returns its path, or None if there is none.

        Raises:
            UserError: the checkpoint is damaged or belongs to another network.
        """
        path = checkpoint_files.latest_checkpoint(self.model_dir)
        if path is None:
            return None
        with _reading(path, "run of another configuration"):
            self._checkpoint.restore(path).assert_existing_objects_matched()
        return path

    def save(self, step: int) -> str | None:
        """Writes the checkpoint of `step`; the oldest ones beyond `keep` go.

        Raises:
            MachineError: the disk is full or failed.
        """
        if not self.is_chief:
            return None
        try:
            self._manager = self._manager or self._make_manager()
            return self._manager.save(checkpoint_number=step)
        except tf.errors.OpError as error:
            raise MachineError(f"cannot write a checkpoint to {self.model_dir}: {_short(error)}") from None

    def _make_manager(self) -> tf.train.CheckpointManager:
        """Returns TensorFlow's manager; what it may delete later it reads from the file `checkpoint`, written anew."""
        names = [Path(path).name for path in checkpoint_files.whole_checkpoints(self.model_dir)]
        lines = [f'model_checkpoint_path: "{name}"' for name in names[-1:]]
        for name in names:
            seconds = (self.model_dir / f"{name}.index").stat().st_mtime
            lines += [f'all_model_checkpoint_paths: "{name}"', f"all_model_checkpoint_timestamps: {seconds}"]
        state = self.model_dir / checkpoint_files.STATE_NAME
        files.write_bytes(state, "\n".join(lines).encode()) if names else state.unlink(missing_ok=True)
        return tf.train.CheckpointManager(
            self._checkpoint, str(self.model_dir), max_to_keep=self.keep, checkpoint_name=checkpoint_files.NAME
        )


@contextlib.contextmanager
def _reading(path: str, other: str) -> Iterator[None]:
    """Turns what TensorFlow raises for a checkpoint that does not fit, or is damaged, into a UserError."""
    try:
        yield
    except (ValueError, AssertionError) as error:
        raise UserError(f"{path} belongs to a {other}: {_short(error)}") from None
    except (tf.errors.OpError, IndexError, RuntimeError) as error:  # a cut-off file is an IndexError
        message = f"{path} is damaged ({_short(error)}): delete its files to resume from the checkpoint before it"
        raise UserError(message) from None


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
