"""Builds the student of a run: strategy, network, initial weights, frozen layers, optimizer."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import logging

from openpose_tf.common import checkpoint_files, files
from openpose_tf.common.errors import UserError
from openpose_tf.config import TrainConfig
from openpose_tf.keras_api import keras
from openpose_tf.network.openpose import build_openpose
from openpose_tf.training.step import OpenPoseStudent, freeze_first_layers
from openpose_tf.training.strategies import Replicas, check_batch_size, make_replicas
from openpose_tf.weights import checkpoints
from openpose_tf.weights.import_weights import import_weights

HELP_WEIGHTS = "--init_checkpoint=FILE (a VGG-19 file, OpenPose MPI weights or a trained model_dir)"


def setup_tensorflow(config: TrainConfig) -> Replicas:
    """Sets what holds for the whole process and returns the strategy; call it before any TensorFlow work.

    `deterministic`: the same numbers in each run on a CPU (one thread per operation, deterministic kernels).

    Raises:
        UserError: TF_CONFIG is missing, or the devices cannot share a batch evenly.
    """
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
        _one_thread_per_operation()
    keras.mixed_precision.set_global_policy(config.precision.policy)
    replicas = make_replicas(config.strategy)
    check_batch_size(replicas, config.batch_size)
    return replicas


def build_student(
    config: TrainConfig, replicas: Replicas | None = None, identity: Mapping[str, Any] | None = None
) -> OpenPoseStudent:
    """Returns the student of a run, its model_dir claimed.

    A checkpoint in the model_dir wins over `config.init_checkpoint`; `train_loop.train` restores it.

    Args:
        config: the run.
        replicas: of `setup_tensorflow`; made here if None.
        identity: more values that a resumed run must agree on, such as hashes of the data and the teacher's settings.

    Raises:
        UserError: the model_dir holds a run of another configuration, the weights do not fit, or a full-size network
            would start from random features without leave.
    """
    replicas = replicas or setup_tensorflow(config)
    resumes = checkpoint_files.latest_checkpoint(config.model_dir) is not None
    with replicas.strategy.scope():
        model = build_openpose(config.model, config.initializer, config.seed, batch_norm=config.batch_norm)
    has_features = True if resumes else _start_weights(model, config)
    frozen = _is_frozen(config, has_features, resumes)
    if replicas.worker_index == 0:
        checkpoints.claim_model_dir(config.model_dir, {**config_values(config, frozen), **(identity or {})})
    if frozen:
        freeze_first_layers(model)
    logging.info("student: %s parameters, first 4 layers %s", f"{model.count_params():,}", _state(frozen))
    return OpenPoseStudent(model, config, replicas)


def config_values(config: TrainConfig, frozen: bool) -> dict[str, Any]:
    """Returns what a run in the same model_dir must agree on (config.json)."""
    return {
        **config.model.to_json(),
        "mode": str(config.target.fidelity),
        "area_sampled_labels": config.target.is_area_sampled,
        "masked_synthetic_loss": config.target.masked_synthetic_loss,
        **dataclasses.asdict(config.optimizer),
        "batch_size": config.batch_size,
        "real_fraction": config.real_fraction,
        "seed": config.seed,
        "first_layers_frozen": frozen,
        "precision": str(config.precision),
        checkpoints.BATCH_NORM: config.batch_norm,
    }


def _state(frozen: bool) -> str:
    return "frozen" if frozen else "trained"


def _start_weights(model: keras.Model, config: TrainConfig) -> bool:
    """Sets the initial weights; returns whether the features are not random."""
    if config.init_checkpoint is not None and config.batch_norm:
        raise UserError(
            "--batch_norm is for a student that starts from random initialization; trained weights do not need it: "
            "give one of --init_checkpoint and --batch_norm"
        )
    if (config.copy_stages or config.widen) and config.init_checkpoint is None:
        raise UserError("--copy_stages and --widen change what --init_checkpoint gives, which is missing")
    if config.init_checkpoint is not None:
        logging.info("starting from the weights of %s", config.init_checkpoint)
        report = import_weights(
            model,
            config.init_checkpoint,
            scales_input=not config.target.is_release,
            copy_stages=config.copy_stages,
            widen=config.widen,
        )
        if report.has_features:
            return True
    if config.model.is_full_size and not config.allow_random_features:
        raise UserError(
            "a full-size network would start with a random feature extractor, from which it hardly learns: give "
            f"{HELP_WEIGHTS}, or --allow_random_features if that is what you want"
        )
    logging.warning("THE FEATURE EXTRACTOR STARTS FROM RANDOM INITIALIZATION; good features come with %s", HELP_WEIGHTS)
    return False


def _is_frozen(config: TrainConfig, has_features: bool, resumes: bool) -> bool:
    """Returns whether conv1_1 ... conv2_2 are frozen: while synthetic data is used (paper), unless they are random."""
    if config.freeze_first_layers is not None:
        return config.freeze_first_layers
    path = Path(config.model_dir) / checkpoints.CONFIG_NAME
    if resumes and path.exists():
        return bool(files.read_json(path, "the configuration of a run").get("first_layers_frozen", False))
    return config.uses_synthetic and has_features


def _one_thread_per_operation() -> None:
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        logging.warning("TensorFlow runs already: the number of its threads stays as it is")
