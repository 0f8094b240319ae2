"""One training step of the student: draw labels, run the network, masked loss per sample, update."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from openpose_tf.common.errors import MachineError
from openpose_tf.config import Precision, TrainConfig
from openpose_tf.data.input.batch import Batch
from openpose_tf.keras_api import keras
from openpose_tf.labels import losses, targets
from openpose_tf.network.openpose import FROZEN_LAYERS, preprocess
from openpose_tf.training import tensorboard_images
from openpose_tf.training.optimizers import apply_rules, build_optimizer, learning_rate_schedule, variable_rules
from openpose_tf.training.protocols import StepResult
from openpose_tf.training.strategies import Replicas

BRANCH_NAMES = ("pafs", "confidence_maps")
DRAWN_KEYS = ("loss_mask", "keypoints", "is_synthetic_person", "labelled_parts")
SEEN_KEYS = ("images", "is_synthetic", "features", "key")  # what a curriculum and an error message look at


def scalar_names(num_stages: int) -> list[str]:
    """Returns the names of `StepResult.scalars`; `__` separates group and name in TensorBoard."""
    domains = ["loss", "loss_real", "loss_synthetic", "joint_loss_real", "joint_loss_synthetic", "gradient_norm"]
    return domains + [f"stage{s}__{branch}" for s in range(1, num_stages + 1) for branch in BRANCH_NAMES]


def freeze_first_layers(model: keras.Model) -> None:
    """Takes conv1_1 to conv2_2 out of training (paper Sec. 4); no optimizer may change them."""
    for name in FROZEN_LAYERS:
        model.get_layer(name).trainable = False


class OpenPoseStudent:
    """The student of the training loop: a network, its optimizer and its step on any number of replicas.

    Args:
        model: of `build_openpose`, made in the strategy's scope, frozen layers already frozen.
        config: the run.
        replicas: where the step runs; one device if None.
    """

    def __init__(self, model: keras.Model, config: TrainConfig, replicas: Replicas | None = None) -> None:
        self.model = model
        self.scalar_names = scalar_names(config.model.num_stages)
        self._replicas = replicas or Replicas(tf.distribute.get_strategy())
        self._target, self._scales_loss = config.target, config.precision == Precision.FLOAT16
        self._batch_size, self._clip_norm = config.batch_size, config.optimizer.clip_norm
        self._schedule = learning_rate_schedule(config.optimizer)
        self._rules = variable_rules(model, config.optimizer.recipe)
        self._variables = model.trainable_variables
        with self._replicas.strategy.scope():
            self.optimizer = build_optimizer(config.optimizer, self._scales_loss)
            self.optimizer.build(self._variables)
        # One pass by XLA instead of a dozen per person (tests/benchmarks/bench_targets.py).
        self._draw_labels = tf.function(self._draw, jit_compile=True)
        self._step = tf.function(self._run)

    @property
    def trackables(self) -> Mapping[str, Any]:
        """Network and optimizer, for the checkpoint."""
        return {"model": self.model, "optimizer": self.optimizer}

    @property
    def is_chief(self) -> bool:
        """Whether this process writes logs and checkpoints."""
        return self._replicas.worker_index == 0

    def any_worker(self, flag: bool) -> bool:
        """Returns whether `flag` is set in any worker."""
        return self._replicas.any_worker(flag)

    def learning_rate(self) -> float:
        """Returns the learning rate of the next step."""
        return float(self._schedule(self.optimizer.iterations))

    def train_step(self, batch: Batch) -> StepResult:
        """Updates the weights by one batch (docs/reference/records.md, "Batch"), or by this worker's share of it.

        Raises:
            MachineError: another worker went away, or a device failed.
        """
        try:
            return self._step(self._replicas.split(batch))
        except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
            reason = " ".join(error.message.split())[:200]
            message = (
                f"another worker was lost ({reason}): start all workers again, the run resumes from its checkpoint"
            )
            raise MachineError(message) from None
        except tf.errors.ResourceExhaustedError:
            raise MachineError(
                "the device has too little memory: give a smaller --batch_size or --input_size"
            ) from None

    def pictures(self, batch: Batch) -> Mapping[str, np.ndarray]:
        """Returns input, labels, prediction and loss mask of a few samples as images by name."""
        chosen = {name: values[:: max(1, len(values) // 2)][:2] for name, values in batch.items()}
        labels = self._draw(chosen)
        outputs = self.model(preprocess(chosen["images"]), training=False)
        return tensorboard_images.training_pictures(chosen, labels, outputs[-1])

    def _draw(self, batch: Batch) -> tuple[tf.Tensor, ...]:
        return targets.draw_labels({name: batch[name] for name in DRAWN_KEYS}, self._target)

    def _run(self, split_batch: Any) -> StepResult:
        return self._replicas.first(self._replicas.strategy.run(self._replica_step, (split_batch,)))

    def _replica_step(self, batch: Batch) -> StepResult:
        labels = self._draw_labels({name: batch[name] for name in DRAWN_KEYS})
        with tf.GradientTape() as tape:
            outputs = self.model(preprocess(batch["images"]), training=True)
            branch = losses.branch_losses(outputs, labels)  # [B, stages, 2]
            weights = batch.get("sample_weight", 1.0)  # of the optimized loss only; what is reported stays plain
            loss = tf.reduce_sum(losses.sample_losses(branch) * weights) / self._batch_size
            scaled = self.optimizer.get_scaled_loss(loss) if self._scales_loss else loss
        norm = self._update(tape.gradient(scaled, self._variables))
        per_joint = losses.per_joint_losses(branch, losses.count_joints(batch, self._target))
        return self._result(batch, branch, per_joint, norm)

    def _update(self, gradients: list[tf.Tensor]) -> tf.Tensor:
        """Changes the weights and returns the norm of the whole batch's gradient."""
        if self._scales_loss:
            gradients = self.optimizer.get_unscaled_gradients(gradients)
        gradients = self._replicas.sum(gradients)
        norm = tf.linalg.global_norm(gradients)
        if self._clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self._clip_norm, norm)
        gradients = apply_rules(gradients, self._variables, self._rules)
        self.optimizer.apply_gradients(zip(gradients, self._variables), skip_gradients_aggregation=True)
        return norm

    def _result(self, batch: Batch, branch: tf.Tensor, per_joint: tf.Tensor, norm: tf.Tensor) -> StepResult:
        """Returns the numbers of the whole batch, the same on every replica."""
        seen = {name: batch[name] for name in SEEN_KEYS if name in batch}
        seen, branch, per_joint = self._replicas.gather((seen, branch, per_joint), seen["is_synthetic"])
        loss = tf.reduce_mean(losses.sample_losses(branch))
        # A dynamic loss scale meets infinite gradients as a matter of course and skips those updates.
        is_finite = tf.math.is_finite(loss) & (tf.math.is_finite(norm) | self._scales_loss)
        return StepResult(loss, per_joint, is_finite, _scalars(seen["is_synthetic"], branch, per_joint, norm), seen)


def _scalars(synthetic: tf.Tensor, branch: tf.Tensor, per_joint: tf.Tensor, norm: tf.Tensor) -> tf.Tensor:
    """Returns the numbers of `scalar_names`, [N] float32; NaN for a domain that the batch lacks."""
    per_sample = losses.sample_losses(branch)
    domains = [
        tf.reduce_mean(per_sample),
        _mean_where(per_sample, ~synthetic),
        _mean_where(per_sample, synthetic),
        _mean_where(per_joint, ~synthetic),
        _mean_where(per_joint, synthetic),
        norm,
    ]
    stages = tf.reshape(tf.reduce_mean(branch, 0), [-1])  # stage 1 PAFs, stage 1 maps, stage 2 PAFs, ...
    return tf.concat([tf.stack(domains), stages], 0)


def _mean_where(values: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    weights = tf.cast(chosen, tf.float32)
    return tf.reduce_sum(values * weights) / tf.reduce_sum(weights)  # 0 / 0 = NaN: nothing measured
