"""A trained student in one small file: weights by layer name in half precision, and the shape of their network.

    write_student("student.npz", model, ModelConfig(0.25, 2, 128), ServingConfig(PAPER, 320))
    student = read_student("student.npz")
    server = PoseServer(student.model, student.config, student.serving)

The file is an .npz as `weights.import_weights` reads it, so it is also something to start a run from.
"""

import dataclasses
import io
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.config import ModelConfig
from openpose_tf.data.records import npz_files
from openpose_tf.inference.decoder import PAPER
from openpose_tf.inference.saved_model import ServingConfig
from openpose_tf.keras_api import keras
from openpose_tf.network.openpose import build_openpose
from openpose_tf.weights.import_weights import import_weights

SUFFIX = ".npz"
DESCRIPTION = "description"  # name of the JSON text in the file
WHAT_FILE = "a student written by openpose_tf.export --weights"


class StudentFile(NamedTuple):
    """A student as it is read.

    Attributes:
        model: the network.
        config: its configuration.
        serving: sizes and thresholds that suit it.
    """

    model: keras.Model
    config: ModelConfig
    serving: ServingConfig


def write_student(
    path: str | os.PathLike[str], model: keras.Model, config: ModelConfig, serving: ServingConfig
) -> None:
    """Writes a network as float16 weights; the file appears whole or not at all.

    Args:
        path: an .npz file.
        model: of `build_openpose`.
        config: its configuration.
        serving: its sizes and its decoder's `min_person_score` are kept.
    """
    suits = {
        "test_side": serving.test_side,
        "person_height": serving.person_height,
        "min_person_score": serving.decoder.min_person_score,
    }
    description = json.dumps({**dataclasses.asdict(config), **suits})
    arrays: dict[str, Any] = {DESCRIPTION: np.array(description)}
    for layer in model.layers:
        if layer.weights:
            kernel, bias = (values.astype(np.float16) for values in layer.get_weights())
            arrays |= {f"{layer.name}/kernel": kernel, f"{layer.name}/bias": bias}
    content = io.BytesIO()
    np.savez(content, **arrays)
    files.write_bytes(path, content.getvalue())


def read_student(path: str | os.PathLike[str]) -> StudentFile:
    """Returns the student in a file of `write_student`.

    Raises:
        UserError: the file is missing, damaged or something else.
    """
    description = read_description(Path(path))
    config = ModelConfig.from_json(description)
    model = build_openpose(config)
    import_weights(model, Path(path))
    decoder = dataclasses.replace(PAPER, min_person_score=float(description["min_person_score"]))
    height = description.get("person_height")  # older files have none
    serving = ServingConfig(decoder, int(description["test_side"]), None if height is None else int(height))
    return StudentFile(model, config, serving)


def read_description(path: Path) -> dict[str, Any]:
    """Returns what a file of `write_student` says of itself: the fields of its ModelConfig, sizes and a threshold.

    Raises:
        UserError: the file is missing, damaged or something else.
    """
    try:
        description = dict(json.loads(str(npz_files.read_arrays(path, (DESCRIPTION,))[DESCRIPTION])))
        fields = {field.name for field in dataclasses.fields(ModelConfig)}
        if fields | {"test_side", "min_person_score"} <= set(description):
            return description
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: expected {WHAT_FILE}") from None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise UserError(f"{path} cannot be read: expected {WHAT_FILE}")
