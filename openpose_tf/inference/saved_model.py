"""The exported model: images in, people out, in one SavedModel that needs nothing but TensorFlow.

module = PoseServer(model, ModelConfig())
module.save("exported")
server = tf.saved_model.load("exported").signatures["serving_default"]
server(images=uint8 [N, H, W, 3])["keypoints"]
"""

import dataclasses
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from openpose_tf.common.file_names import POSE_DESCRIPTION
from openpose_tf.config import STRIDE, ModelConfig
from openpose_tf.inference.decoder import PAPER, Decoder, DecoderConfig
from openpose_tf.inference.rescaling import keypoints_to_picture
from openpose_tf.keras_api import keras
from openpose_tf.network.openpose import preprocess
from openpose_tf.skeleton import MPI

PAD_VALUE = 128  # mid-grey, which `preprocess` makes 0 (the training's border)
# The training shows people of 100 to 400 px in crops of 368 px (docs/reference/method.md section 2.3). An image whose
# longer side is 1.5 crops shows people of 18 % to 72 % of that side within this range.
TEST_SIDE_PER_INPUT = 1.5


@dataclasses.dataclass(frozen=True)
class ServingConfig:
    """What the SavedModel does around the network.

    Attributes:
        decoder: thresholds of the decoder.
        test_side: longer side in pixels at which an image is best shown to the network. `encoded` resizes to it,
            `openpose_tf.predict` takes it as its default; `serving_default` takes images as they are.
        person_height: extent in pixels at which a person is best shown; `openpose_tf.predict` then chooses each
            image's size by the people in it (`shown_size`). None: all images at `test_side`.
    """

    decoder: DecoderConfig
    test_side: int
    person_height: int | None = None

    @classmethod
    def for_model(cls, model: ModelConfig, decoder: DecoderConfig = PAPER) -> "ServingConfig":
        """Returns the configuration that suits the size of people in the training of `model`."""
        side = round(TEST_SIDE_PER_INPUT * model.input_size / STRIDE) * STRIDE
        return cls(decoder, side)


def description(model: ModelConfig, config: ServingConfig) -> dict[str, Any]:
    """Returns what the SavedModel says about itself in assets/pose.json."""
    return {
        "schema": 1,
        "model": dataclasses.asdict(model),
        "decoder": dataclasses.asdict(config.decoder),
        "test_side": config.test_side,
        "person_height": config.person_height,
        "stride": STRIDE,
        "skeleton": {"name": MPI.name, "parts": MPI.parts, "limbs": MPI.limbs},
    }


class PoseServer(tf.Module):
    """Network and decoder as two serving functions.

    `images`: uint8 RGB [N, H, W, 3] of any size, padded on the right and at the bottom to multiples of 8.
    `encoded`: N JPEG, PNG or BMP files as bytes. Each is shrunk or enlarged until its longer side is `test_side`, then
    padded to a square, so that images of all sizes make one batch. (The EXIF orientation is not applied.)

    Both return
        heatmaps: [N, h, w, 16] and pafs: [N, h, w, 28] float32, cells of 8 px of the image as shown to the network.
        keypoints: [N, K, 15, 3] float32 (x, y, score), pixels of the image as given; 0 where not found.
        scores: [N, K] float32, the best person first; 0 in empty slots.

    Args:
        model: the student; its last output is the prediction.
        model_config: its configuration.
        config: what to do around it; None for the defaults of `model_config`.
    """

    def __init__(self, model: keras.Model, model_config: ModelConfig, config: ServingConfig | None = None) -> None:
        super().__init__(name="pose_server")
        config = config or ServingConfig.for_model(model_config)
        self._decoder = Decoder(MPI, config.decoder)
        self._test_side = config.test_side
        # As text: a tf.Module wraps a dict, and json of Python 3.13 does not take the wrapper.
        self._description = json.dumps(description(model_config, config), indent=1) + "\n"
        # The variables are tracked, the Keras model is not: saving would trace each of its layers for nothing.
        self.network_variables = list(model.variables)
        self._network: Callable[[tf.Tensor], Any] = lambda x: model(x, training=False)[-1]
        self.images = tf.function(
            self._images, input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "images")]
        )
        self.encoded = tf.function(self._encoded, input_signature=[tf.TensorSpec([None], tf.string, "encoded")])

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes the SavedModel, with its description in assets/pose.json."""
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / POSE_DESCRIPTION
            path.write_text(self._description)
            self.description_asset = tf.saved_model.Asset(str(path))
            signatures = {"serving_default": self.images, "encoded": self.encoded}
            tf.saved_model.save(self, str(folder), signatures=signatures)

    def to_tflite(self, height: int, width: int) -> bytes:
        """Returns a TFLite model of builtin ops: images uint8 [1, height, width, 3] to the four outputs."""
        spec = tf.TensorSpec([1, height, width, 3], tf.uint8, "images")
        function = tf.function(self._images).get_concrete_function(spec)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], self)
        return bytes(converter.convert())

    def _images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        size = tf.shape(images)[1:3]
        margin = -size % STRIDE
        padded = tf.pad(images, tf.stack([[0, 0], [0, margin[0]], [0, margin[1]], [0, 0]]), constant_values=PAD_VALUE)
        return self._people(padded, size, size)

    def _encoded(self, encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        side = self._test_side
        spec = (
            tf.TensorSpec([side, side, 3], tf.uint8),
            tf.TensorSpec([2], tf.int32),
            tf.TensorSpec([2], tf.int32),
        )
        images, shown, size = tf.map_fn(lambda data: _decode_to_square(data, side), encoded, fn_output_signature=spec)
        return self._people(images, shown[:, None, None], size[:, None, None])

    def _people(self, images: tf.Tensor, shown: tf.Tensor, size: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the outputs for images of multiples of 8; see `keypoints_to_picture` for the sizes."""
        pafs, heatmaps = (tf.cast(v, tf.float32) for v in self._network(preprocess(images)))
        keypoints, scores = self._decoder(heatmaps, pafs)
        keypoints = keypoints_to_picture(keypoints, shown, size)
        return {"heatmaps": heatmaps, "pafs": pafs, "keypoints": keypoints, "scores": scores}


def _decode_to_square(data: tf.Tensor, side: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns an image on a square [side, side, 3] uint8, its size on it and its own size, (height, width) int32."""
    image = tf.io.decode_image(data, channels=3, expand_animations=False)
    image.set_shape([None, None, 3])
    size = tf.shape(image)[:2]
    sides = tf.cast(size, tf.float32)
    shown = tf.maximum(tf.cast(tf.round(sides * side / tf.reduce_max(sides)), tf.int32), 1)
    resized = tf.image.resize(image, shown, antialias=True)
    resized = tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8)
    margin = side - shown
    square = tf.pad(resized, tf.stack([[0, margin[0]], [0, margin[1]], [0, 0]]), constant_values=PAD_VALUE)
    return tf.ensure_shape(square, [side, side, 3]), shown, size
