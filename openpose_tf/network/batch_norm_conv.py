"""Convolutions that normalize by batch statistics while they are trained, and are plain ones after that."""

from typing import Any

import numpy as np
import tensorflow as tf

from openpose_tf.keras_api import keras

MOMENTUM = 0.99  # of the running mean and variance, per step
EPSILON = 1e-3  # added to the variance


class NormalizedConv2D(keras.layers.Conv2D):
    """A convolution, then batch normalisation (Ioffe and Szegedy 2015), then the activation.

    Each replica takes the statistics of its own part of the batch. The convolution itself has no bias.

    Args:
        filters, kernel_size, padding, kernel_initializer, name: as in Conv2D.
        activation: after the normalisation.
    """

    def __init__(self, filters: int, kernel_size: int, activation: str, **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, use_bias=False, **kwargs)
        self.after = keras.activations.get(activation)
        self.normalisation = keras.layers.BatchNormalization(
            momentum=MOMENTUM, epsilon=EPSILON, name="normalisation", dtype=kwargs.get("dtype")
        )

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns the activation; batch statistics in training, else the running ones."""
        return self.after(self.normalisation(super().call(inputs), training=training))

    def folded(self) -> list[np.ndarray]:
        """Returns kernel [h, w, in, out] and bias [out] of the plain convolution with the same output at test time."""
        norm = self.normalisation
        gain = norm.gamma.numpy() / np.sqrt(norm.moving_variance.numpy() + EPSILON)
        return [self.kernel.numpy() * gain, norm.beta.numpy() - norm.moving_mean.numpy() * gain]
