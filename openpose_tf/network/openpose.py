"""The student: OpenPose's network of CVPR 2017 for the MPI skeleton, with width and number of stages as parameters.

Example:
    model = build_openpose(ModelConfig())  # 51,481,032 parameters
    outputs = model(preprocess(images))    # [(pafs, confidence_maps), ...], one pair per stage
"""

import tensorflow as tf

from openpose_tf.config import Initializer, ModelConfig
from openpose_tf.keras_api import keras
from openpose_tf.network.batch_norm_conv import NormalizedConv2D
from openpose_tf.skeleton import MPI

MIN_CHANNELS = 8
# The paper freezes "the first 4 layers of the OpenPose network" while it trains on synthetic data (paper Sec. 4).
FROZEN_LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2")
# VGG-19 to conv4_2: (layer, channels); a pooling follows the last layer of blocks 1 to 3.
VGG_LAYERS = (
    ("conv1_1", 64),
    ("conv1_2", 64),
    ("conv2_1", 128),
    ("conv2_2", 128),
    ("conv3_1", 256),
    ("conv3_2", 256),
    ("conv3_3", 256),
    ("conv3_4", 256),
    ("conv4_1", 512),
    ("conv4_2", 512),
)
POOLED_LAYERS = {"conv1_2": "pool1_stage1", "conv2_2": "pool2_stage1", "conv3_4": "pool3_stage1"}
CPM_LAYERS = (("conv4_3_CPM", 256), ("conv4_4_CPM", 128))
# Branch L1 predicts PAFs, branch L2 confidence maps.
BRANCHES = (("L1", MPI.num_pafs), ("L2", MPI.num_confidence_maps))
OUTPUT_STD = 0.01  # Gaussian of OpenPose's solver


def preprocess(images: tf.Tensor) -> tf.Tensor:
    """Returns the network's input of images: BGR, x / 256 - 0.5 (OpenPose, the release in training).

    Args:
        images: [..., 3] uint8 RGB, or float with the same 0 to 255 range.

    Returns:
        The same shape, float32, in [-0.5, 0.5).
    """
    return tf.reverse(tf.cast(images, tf.float32), [-1]) / 256.0 - 0.5


def build_openpose(
    config: ModelConfig,
    initializer: Initializer = Initializer.HE,
    seed: int = 0,
    name: str = "openpose",
    batch_norm: bool = False,
) -> keras.Model:
    """Returns the network.

    The input is `preprocess`'s float [B, H, W, 3] of any H and W that are multiples of 8 (other sizes lose their rest
    at the right and bottom). The output is a list with one pair (pafs [B, H/8, W/8, 28], confidence_maps
    [B, H/8, W/8, 16]) per stage, the last one being the prediction; background is the last confidence map. They are
    float32 under a mixed precision policy too: half a cell is told by differences of maps that bfloat16 would round.

    Args:
        config: widths and number of stages.
        initializer: start of the weights.
        seed: seed of the start.
        name: name of the Keras model.
        batch_norm: hidden layers are `NormalizedConv2D`, for training from random numbers; `plain_network` makes the
            paper's network of the result.
    """
    layers = _Layers(config.width, initializer, seed, batch_norm)
    images = keras.Input((None, None, 3), name="images")
    features = _features(layers, images)
    outputs = [_first_stage(layers, features)]
    for stage in range(2, config.num_stages + 1):
        # Order of the release: PAFs, confidence maps, features.
        inputs = keras.layers.Concatenate(name=f"concat_stage{stage}")([*outputs[-1], features])
        outputs.append(_later_stage(layers, inputs, stage))
    return keras.Model(images, outputs, name=name)


def plain_network(model: keras.Model, config: ModelConfig) -> keras.Model:
    """Returns the paper's network with the same output at test time as `model`, which was built with `batch_norm`."""
    plain = build_openpose(config)
    for layer in plain.layers:
        if layer.weights:
            trained = model.get_layer(layer.name)
            is_folded = isinstance(trained, NormalizedConv2D)
            layer.set_weights(trained.folded() if is_folded else trained.get_weights())
    return plain


def stage_of_layer(name: str) -> int:
    """Returns the stage (1 to 6) of a layer; the feature extractor counts as stage 1 (OpenPose's solver)."""
    return int(name.split("_stage")[1].split("_")[0]) if name.startswith("Mconv") else 1


def layer_of_stage(name: str, stage: int) -> str:
    """Returns the layer of another stage (2 or later) in the place of layer `name` of a later stage."""
    return name.replace(f"_stage{stage_of_layer(name)}_", f"_stage{stage}_")


class _Layers:
    """Makes convolutions whose initial weights depend on the seed and on the layer's place only."""

    def __init__(self, width: float, initializer: Initializer, seed: int, batch_norm: bool) -> None:
        self._width, self._initializer, self._seed, self._count = width, initializer, seed, 0
        self._batch_norm = batch_norm

    def hidden(self, name: str, channels: int, kernel: int) -> keras.layers.Layer:
        """Returns a convolution with ReLU; `channels` is the paper's number."""
        return self._conv(name, max(MIN_CHANNELS, round(channels * self._width)), kernel, "relu")

    def output(self, name: str, channels: int) -> keras.layers.Layer:
        """Returns a 1 x 1 convolution without activation; `channels` is never scaled."""
        return self._conv(name, channels, 1, None)

    def _conv(self, name: str, channels: int, kernel: int, activation: str | None) -> keras.layers.Layer:
        kernel_init, bias_init = self._initializers(is_output=activation is None)
        if self._batch_norm and activation is not None:
            return NormalizedConv2D(
                channels, kernel, activation, padding="same", kernel_initializer=kernel_init, name=name
            )
        return keras.layers.Conv2D(
            channels,
            kernel,
            padding="same",
            activation=activation,
            dtype="float32" if activation is None else None,  # None: the policy's
            kernel_initializer=kernel_init,
            bias_initializer=bias_init,
            name=name,
        )

    def _initializers(self, is_output: bool) -> tuple[keras.initializers.Initializer, ...]:
        self._count += 1
        seed = self._seed * 1000 + 2 * self._count
        if self._initializer == Initializer.XAVIER:
            glorot = keras.initializers.GlorotUniform
            return glorot(seed=seed), glorot(seed=seed + 1)
        normal = keras.initializers.RandomNormal(stddev=OUTPUT_STD, seed=seed)
        return normal if is_output else keras.initializers.HeNormal(seed=seed), keras.initializers.Zeros()


def _features(layers: _Layers, x: tf.Tensor) -> tf.Tensor:
    """Returns the shared features F [B, H/8, W/8, 128 * width]."""
    for name, channels in VGG_LAYERS:
        x = layers.hidden(name, channels, 3)(x)
        if name in POOLED_LAYERS:
            x = keras.layers.MaxPooling2D(2, 2, "valid", name=POOLED_LAYERS[name])(x)
    for name, channels in CPM_LAYERS:
        x = layers.hidden(name, channels, 3)(x)
    return x


def _first_stage(layers: _Layers, features: tf.Tensor) -> tuple[tf.Tensor, ...]:
    outputs = []
    for branch, channels in BRANCHES:
        x = features
        for index in (1, 2, 3):
            x = layers.hidden(f"conv5_{index}_CPM_{branch}", 128, 3)(x)
        x = layers.hidden(f"conv5_4_CPM_{branch}", 512, 1)(x)
        outputs.append(layers.output(f"conv5_5_CPM_{branch}", channels)(x))
    return tuple(outputs)


def _later_stage(layers: _Layers, inputs: tf.Tensor, stage: int) -> tuple[tf.Tensor, ...]:
    outputs = []
    for branch, channels in BRANCHES:
        x = inputs
        for index in (1, 2, 3, 4, 5):
            x = layers.hidden(f"Mconv{index}_stage{stage}_{branch}", 128, 7)(x)
        x = layers.hidden(f"Mconv6_stage{stage}_{branch}", 128, 1)(x)
        outputs.append(layers.output(f"Mconv7_stage{stage}_{branch}", channels)(x))
    return tuple(outputs)
