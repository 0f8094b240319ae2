"""The teacher's network: VGG-19 up to conv4_2, four more convolutions, three dense layers, one logit per group."""

import itertools

import tensorflow as tf

from openpose_tf.keras_api import keras

VGG_BLOCKS = ((64, 64), (128, 128), (256, 256, 256, 256), (512, 512))
FLOAT = "float32"  # whatever precision the student computes in
MIN_INPUT_SIZE = 32  # 8 for the three VGG pools, 4 for the two behind


@keras.utils.register_keras_serializable("teacher")
class BgrScale(keras.layers.Layer):
    """Images [B, H, W, 3] RGB, 0 to 255, any dtype -> float32 BGR, x/256 - 0.5, as the student sees them."""

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Returns [B, H, W, 3] float32 in [-0.5, 0.5)."""
        return tf.reverse(tf.cast(images, tf.float32), axis=[-1]) / 256.0 - 0.5


def build_network(
    num_logits: int, input_size: int = 368, width: float = 1.0, relu_logits: bool = False, seed: int = 0
) -> keras.Model:
    """Returns the teacher network (reference: paper Fig. 5; layers as released).

    Args:
        num_logits: number of groups (sum over the heads where there are several).
        input_size: side of the square input in px, at least 32.
        width: multiplier of every layer's channels except the last one's; 1 is the original.
        relu_logits: puts a ReLU on the logits, a defect of the release that kills the gradient of every group whose
            logit is negative.
        seed: of the Xavier uniform initialization (as released); biases start at 0.

    Returns:
        A model from uint8 or float RGB images [B, input_size, input_size, 3] to logits [B, num_logits] float32. At
        the original size with 10 groups it has 11,684,426 parameters.
    """
    if input_size < MIN_INPUT_SIZE:
        raise ValueError(f"input_size {input_size} px is below {MIN_INPUT_SIZE}")

    def channels(count: int) -> int:
        return max(4, round(count * width))

    seeds = itertools.count(1000 * seed)

    def xavier() -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(seed=next(seeds))

    def conv(x: tf.Tensor, count: int, name: str) -> tf.Tensor:
        layer = keras.layers.Conv2D(
            channels(count), 3, padding="same", activation="relu", kernel_initializer=xavier(), dtype=FLOAT, name=name
        )
        return layer(x)

    inputs = keras.Input((input_size, input_size, 3), dtype=tf.uint8, name="images")
    x = BgrScale(dtype=FLOAT, name="preprocess")(inputs)
    for block, counts in enumerate(VGG_BLOCKS, start=1):
        if block > 1:
            x = keras.layers.MaxPool2D(dtype=FLOAT, name=f"pool{block - 1}")(x)
        for number, count in enumerate(counts, start=1):
            x = conv(x, count, f"conv{block}_{number}")
    for block, counts in enumerate(((256, 128), (64, 64)), start=5):
        for number, count in enumerate(counts, start=1):
            x = conv(x, count, f"conv{block}_{number}")
        x = keras.layers.MaxPool2D(dtype=FLOAT, name=f"pool{block - 1}")(x)
    x = keras.layers.Flatten(dtype=FLOAT, name="flatten")(x)
    for number in (1, 2):
        x = keras.layers.Dense(
            channels(512), activation="relu", kernel_initializer=xavier(), dtype=FLOAT, name=f"dense{number}"
        )(x)
    activation = "relu" if relu_logits else None
    outputs = keras.layers.Dense(num_logits, activation, kernel_initializer=xavier(), dtype=FLOAT, name="logits")(x)
    return keras.Model(inputs, outputs, name="teacher")


def copy_matching_weights(source: keras.Model, target: keras.Model) -> list[str]:
    """Copies the weights of layers that have the same name and shapes in both models; returns their names."""
    by_name = {layer.name: layer for layer in source.layers}
    copied = []
    for layer in target.layers:
        other = by_name.get(layer.name)
        weights = layer.get_weights()
        if other is None or not weights:
            continue
        theirs = other.get_weights()
        if [w.shape for w in weights] == [w.shape for w in theirs]:
            layer.set_weights(theirs)
            copied.append(layer.name)
    return copied
