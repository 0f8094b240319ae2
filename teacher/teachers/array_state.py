"""NumPy arrays inside a TensorFlow checkpoint."""

import io
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf


class ArrayState(tf.train.experimental.PythonState):
    """A checkpoint entry that asks its owner for arrays when it is saved and hands them back when it is restored.

    Args:
        save: returns the arrays by name.
        load: takes the arrays by name.
    """

    def __init__(
        self, save: Callable[[], Mapping[str, np.ndarray]], load: Callable[[Mapping[str, np.ndarray]], None]
    ) -> None:
        self._save, self._load = save, load

    def serialize(self) -> bytes:
        """Returns the arrays as an .npz file."""
        stream = io.BytesIO()
        np.savez(stream, **self._save())
        return stream.getvalue()

    def deserialize(self, string_value: bytes) -> None:
        """Hands the arrays of `serialize` to the owner."""
        with np.load(io.BytesIO(string_value), allow_pickle=False) as arrays:
            self._load({name: arrays[name] for name in arrays.files})
