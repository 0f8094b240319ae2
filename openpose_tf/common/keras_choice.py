"""Which Keras TensorFlow takes: the Keras 2 API on every stack. Decided before TensorFlow is imported."""

import importlib.util
import os

VARIABLE = "TF_USE_LEGACY_KERAS"


def choose_keras() -> None:
    """Makes TensorFlow take Keras 2: its own up to 2.15, tf_keras from 2.16 on.

    The variable must not be set where tf_keras is not installed: TensorFlow 2.15 then finds no Keras at all.
    """
    if importlib.util.find_spec("tf_keras") is not None:
        os.environ[VARIABLE] = "1"
    else:
        os.environ.pop(VARIABLE, None)
