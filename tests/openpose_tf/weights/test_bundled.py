"""The bundled students by name: everywhere a path of weights is taken, and what is said of one that is missing."""

import dataclasses

import numpy as np
import pytest

from openpose_tf import export, predict
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.config import ModelConfig
from openpose_tf.inference import student_file
from openpose_tf.inference.decoder import PAPER
from openpose_tf.inference.saved_model import ServingConfig
from openpose_tf.network.openpose import build_openpose
from openpose_tf.weights import bundled, weight_files

CONFIG = ModelConfig(0.0625, 2, 64)


@pytest.fixture
def real_student(tmp_path, monkeypatch):
    """A tiny student as builtin_real, and its path."""
    path = tmp_path / "student_real.npz"
    serving = ServingConfig(dataclasses.replace(PAPER, min_person_score=0.5), 104)
    student_file.write_student(path, build_openpose(CONFIG, seed=3), CONFIG, serving)
    monkeypatch.setitem(bundled.FILES, bundled.BUILTIN_REAL, path)
    return path


def test_a_name_stands_for_its_file_and_a_path_for_itself(real_student):
    assert bundled.find("builtin_real") == real_student
    assert bundled.find("runs/builtin_real") is None


@pytest.mark.parametrize("by_name", [True, False])
def test_weights_export_and_predict_take_a_bundled_student_or_its_file(real_student, tmp_path, by_name):
    layers = weight_files.read_weights("builtin_real" if by_name else real_student)
    assert {"kernel", "bias"} == set(layers["conv1_1"])
    images.write(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (40, 64, 3), np.uint8))
    model = "builtin_real" if by_name else str(real_student)
    assert predict.predict(predict.PredictOptions(model, [str(tmp_path / "a.png")], str(tmp_path / "out"))) == 0
    assert (tmp_path / "out" / "a.json").is_file()
    if by_name:
        export.export(export.ExportOptions(str(tmp_path / "saved"), checkpoints=("builtin_real",)))
        assert (tmp_path / "saved" / "saved_model.pb").is_file()


def test_a_student_that_is_not_installed_is_named_with_those_that_are(tmp_path, monkeypatch):
    monkeypatch.setitem(bundled.FILES, bundled.BUILTIN_REAL, tmp_path / "student_real.npz")
    with pytest.raises(
        UserError, match=r"student_real\.npz is missing; bundled students of this installation: builtin"
    ):
        weight_files.read_weights("builtin_real")


def test_the_default_student_is_bundled_and_every_file_small():
    assert predict.PredictOptions().saved_model == bundled.DEFAULT
    assert bundled.find(bundled.DEFAULT) is not None
    for path in filter(lambda file: file.is_file(), bundled.FILES.values()):
        assert path.stat().st_size <= 10 * 2**20
        assert student_file.read_student(path).serving.test_side > 0
