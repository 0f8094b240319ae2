"""A trained student in one small file: weights by layer name in half precision, and the shape of their network.

    write_student("student.npz", model, ModelConfig(0.25, 2, 128), test_side=256)
    model, config, test_side = read_student(BUILTIN_PATH)  # the small student that ships

The file is an .npz as `weights.import_weights` reads it, so it is also something to start a run from.
"""

import dataclasses
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.config import ModelConfig
from openpose_tf.model import build_openpose
from openpose_tf.weights import import_weights

DESCRIPTION = "description"  # name of the JSON text in the file
WHAT_FILE = "a student written by openpose_tf.export --weights"


def write_student(path: str | os.PathLike[str], model: tf.keras.Model, config: ModelConfig, test_side: int) -> None:
    """Writes a network as float16 weights; the file appears whole or not at all.

    Args:
        path: an .npz file.
        model: of `build_openpose`.
        config: its configuration.
        test_side: longer side in pixels at which a picture is best shown to it.
    """
    description = json.dumps({**dataclasses.asdict(config), "test_side": test_side})
    arrays: dict[str, Any] = {DESCRIPTION: np.array(description)}
    for layer in model.layers:
        if layer.weights:
            kernel, bias = (values.astype(np.float16) for values in layer.get_weights())
            arrays |= {f"{layer.name}/kernel": kernel, f"{layer.name}/bias": bias}
    content = io.BytesIO()
    np.savez(content, **arrays)
    files.write_bytes(path, content.getvalue())


def read_student(path: str | os.PathLike[str]) -> tuple[tf.keras.Model, ModelConfig, int]:
    """Returns network, configuration and test side of a file of `write_student`.

    Raises:
        UserError: the file is missing, damaged or something else.
    """
    description = _read_description(Path(path))
    config = ModelConfig.from_json(description)
    model = build_openpose(config)
    import_weights(model, Path(path))
    return model, config, int(description["test_side"])


def _read_description(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            description = dict(json.loads(str(file[DESCRIPTION])))
        if {field.name for field in dataclasses.fields(ModelConfig)} | {"test_side"} <= set(description):
            return description
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: expected {WHAT_FILE}") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass
    raise UserError(f"{path} cannot be read: expected {WHAT_FILE}")
