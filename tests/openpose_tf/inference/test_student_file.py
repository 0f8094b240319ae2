"""Students in one small file, and the one that ships."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf import export, predict
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.config import ModelConfig
from openpose_tf.inference import student_file
from openpose_tf.inference.decoder import PAPER
from openpose_tf.inference.image_files import Picture
from openpose_tf.inference.predictor import Predictor
from openpose_tf.inference.saved_model import ServingConfig
from openpose_tf.network.openpose import build_openpose, preprocess
from openpose_tf.weights.bundled import BUILTIN, FILES
from openpose_tf.weights.import_weights import import_weights

CONFIG = ModelConfig(0.0625, 2, 64)
AROUND = ServingConfig(dataclasses.replace(PAPER, min_person_score=0.5), 104)
PICTURES = np.random.default_rng(0).integers(0, 256, (1, 64, 80, 3), np.uint8)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    model = build_openpose(CONFIG, seed=3)
    path = tmp_path_factory.mktemp("student") / "student.npz"
    student_file.write_student(path, model, CONFIG, AROUND)
    return path, model


def test_a_student_comes_back_in_half_precision(written):
    path, model = written
    read, config, around = student_file.read_student(path)
    assert (config, around) == (CONFIG, AROUND)
    assert path.stat().st_size < 2.3 * model.count_params()  # two bytes each and the names
    for ours, theirs in zip(read.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs.astype(np.float16))


def test_a_run_starts_from_it(written):
    path, model = written
    fresh = build_openpose(CONFIG, seed=4)
    report = import_weights(fresh, path)
    assert not report.missing and not report.unused and report.has_features
    np.testing.assert_allclose(fresh(preprocess(PICTURES))[-1][0], model(preprocess(PICTURES))[-1][0], atol=2e-3)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut off", "other"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "student.npz"
    if content == "other":
        np.savez(path, weights=np.zeros(3))
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="a student written by"):
        student_file.read_student(path)


def test_the_student_that_ships_is_small_and_predicts_as_its_export(tmp_path):
    """`builtin` runs as the SavedModel exported of it."""
    assert FILES[BUILTIN].stat().st_size <= 10 * 2**20
    export.export(export.ExportOptions(str(tmp_path / "saved"), checkpoints=(BUILTIN,)))
    described = json.loads((tmp_path / "saved" / "assets" / "pose.json").read_text())
    around = student_file.read_student(FILES[BUILTIN]).serving
    assert described["test_side"] == around.test_side
    assert described["decoder"]["min_person_score"] == around.decoder.min_person_score
    picture = Picture("a", PICTURES[0])
    results = [list(Predictor(model).run([picture])) for model in (BUILTIN, tmp_path / "saved")]
    for ours, theirs in zip(results[0][0][1:], results[1][0][1:], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    maps = [Predictor(model).maps(PICTURES)[0] for model in (BUILTIN, tmp_path / "saved")]
    np.testing.assert_allclose(*maps, atol=1e-5)


def test_the_exported_weights_are_the_student(tmp_path):
    options = export.ExportOptions(
        str(tmp_path / "saved"),
        checkpoints=(BUILTIN,),
        weights=str(tmp_path / "again.npz"),
        test_side=96,
        min_person_score=0.3,
    )
    export.export(options)
    again, config, around = student_file.read_student(tmp_path / "again.npz")
    ours, ours_config, _ = student_file.read_student(FILES[BUILTIN])
    assert config == ours_config
    assert (around.test_side, around.decoder.min_person_score) == (96, 0.3)
    for a, b in zip(again.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_predict_needs_nothing_but_the_picture(tmp_path):
    images.write(tmp_path / "a.jpg", PICTURES[0])
    options = predict.PredictOptions(BUILTIN, [str(tmp_path / "a.jpg")], str(tmp_path / "predictions"))
    assert predict.predict(options) == 0
    assert {p.name for p in (tmp_path / "predictions").iterdir()} == {"a.jpg", "a.json"}
    assert tf.io.decode_image((tmp_path / "predictions" / "a.jpg").read_bytes()).shape == (64, 80, 3)
