"""The only module from which others take Keras: the Keras 2 API on both stacks.

    from openpose_tf.keras_api import keras

TensorFlow 2.15 is Keras 2.15; from TensorFlow 2.16 on `tf.keras` is Keras 3 unless tf_keras takes its place.
"""

from openpose_tf.common.keras_choice import choose_keras

choose_keras()  # before TensorFlow is imported

from tensorflow import keras  # noqa: E402

_VERSION = getattr(keras, "__version__", "2.15")  # TensorFlow 2.15 does not say
if not _VERSION.startswith("2."):
    raise ImportError(
        f"TensorFlow was imported with Keras {_VERSION} before openpose_tf, which needs the Keras 2 API: "
        "import openpose_tf.keras_api first, or set TF_USE_LEGACY_KERAS=1 and install tf_keras of TensorFlow's version"
    )

__all__ = ["keras"]
