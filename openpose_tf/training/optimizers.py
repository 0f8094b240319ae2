"""The student's optimizers: the release's Adam, and OpenPose's SGD with its factors per layer.

OpenPose's solver gives layers their own learning rate and weight decay. A momentum step is linear in the gradient, so
the factor goes into the gradient and one optimizer serves all layers: the same numbers as one optimizer per learning
rate (tensorflow-addons' MultiOptimizer), with one state to save.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from openpose_tf.config import OptimizerConfig, Recipe
from openpose_tf.keras_api import keras
from openpose_tf.network.openpose import stage_of_layer

SGD_MOMENTUM = 0.9
SGD_WEIGHT_DECAY = 5e-4
SGD_LATER_STAGE_FACTOR = 4.0  # stages 2 to 6
SGD_BIAS_FACTOR = 2.0


@dataclasses.dataclass(frozen=True)
class _Defaults:
    learning_rate: float
    decay_rate: float
    decay_steps: int


DEFAULTS = {Recipe.ADAM: _Defaults(5e-5, 0.33, 20_000), Recipe.SGD: _Defaults(4e-5, 0.333, 136_106)}


def learning_rate_schedule(config: OptimizerConfig) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns the staircase, behind a linear rise if one is asked for: learning rate by number of steps done."""
    defaults = DEFAULTS[config.recipe]
    staircase = keras.optimizers.schedules.ExponentialDecay(
        defaults.learning_rate if config.learning_rate is None else config.learning_rate,
        decay_steps=defaults.decay_steps if config.decay_steps is None else config.decay_steps,
        decay_rate=defaults.decay_rate if config.decay_rate is None else config.decay_rate,
        staircase=True,
    )
    return Warmup(staircase, config.warmup_steps) if config.warmup_steps else staircase


class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule whose first steps rise linearly: step i has (i + 1) / num_steps of its learning rate.

    Args:
        schedule: what is risen to.
        num_steps: steps until the whole learning rate.
    """

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, num_steps: int) -> None:
        super().__init__()
        self._schedule, self._num_steps = schedule, num_steps

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """Returns the learning rate after `step` steps."""
        share = (tf.cast(step, tf.float32) + 1.0) / self._num_steps
        return self._schedule(step) * tf.minimum(share, 1.0)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return {"schedule": self._schedule, "num_steps": self._num_steps}


def build_optimizer(config: OptimizerConfig, scale_loss: bool = False) -> keras.optimizers.Optimizer:
    """Returns the optimizer; `scale_loss` (float16 runs) gives it a dynamic loss scale."""
    schedule = learning_rate_schedule(config)
    if config.recipe == Recipe.ADAM:
        optimizer = keras.optimizers.Adam(schedule, beta_1=0.8, beta_2=0.999, epsilon=1e-8, jit_compile=False)
    else:
        optimizer = keras.optimizers.SGD(schedule, momentum=SGD_MOMENTUM, jit_compile=False)
    return keras.mixed_precision.LossScaleOptimizer(optimizer) if scale_loss else optimizer


@dataclasses.dataclass(frozen=True)
class VariableRule:
    """What OpenPose's solver does to one variable.

    Attributes:
        factor: of its learning rate.
        weight_decay: added to its gradient, times the variable.
    """

    factor: float
    weight_decay: float


def variable_rules(model: keras.Model, recipe: Recipe) -> list[VariableRule]:
    """Returns one rule per trainable variable of `model`, in the order of `model.trainable_variables`."""
    rules = {}
    for layer in model.layers:
        for variable in layer.trainable_variables:
            rules[variable.ref()] = _rule(layer.name, variable.shape.rank == 1, recipe)
    return [rules[variable.ref()] for variable in model.trainable_variables]


def apply_rules(
    gradients: Sequence[tf.Tensor], variables: Sequence[tf.Variable], rules: Sequence[VariableRule]
) -> list[tf.Tensor]:
    """Returns gradients with weight decay and the learning-rate factor of each variable."""
    changed = []
    for gradient, variable, rule in zip(gradients, variables, rules):
        if rule.weight_decay:
            gradient = gradient + rule.weight_decay * variable
        changed.append(gradient * rule.factor if rule.factor != 1.0 else gradient)
    return changed


def _rule(layer_name: str, is_bias: bool, recipe: Recipe) -> VariableRule:
    if recipe == Recipe.ADAM:
        return VariableRule(1.0, 0.0)
    factor = SGD_LATER_STAGE_FACTOR if stage_of_layer(layer_name) > 1 else 1.0
    return VariableRule(factor * SGD_BIAS_FACTOR, 0.0) if is_bias else VariableRule(factor, SGD_WEIGHT_DECAY)
