"""Small pictures are not blown up, and a second look shows people as tall as in the training."""

import json

import numpy as np
import pytest

from openpose_tf import export
from openpose_tf.config import ModelConfig
from openpose_tf.inference import student_file
from openpose_tf.inference.decoder import PAPER
from openpose_tf.inference.image_files import Picture
from openpose_tf.inference.predictor import Predictor
from openpose_tf.inference.saved_model import ServingConfig
from openpose_tf.inference.shown_size import ShownSize
from openpose_tf.network.openpose import build_openpose

RULE = ShownSize(384, 125)
CONFIG = ModelConfig(0.0625, 2, 64)


def person(height, parts=10):
    keypoints = np.zeros((15, 3))
    keypoints[:parts] = np.stack([np.full(parts, 30.0), np.linspace(20, 20 + height, parts), np.ones(parts)], -1)
    return keypoints


def test_the_first_look_enlarges_little_and_a_student_without_the_rule_as_before():
    assert RULE.first(100, 80) == pytest.approx(120)
    assert RULE.first(480, 640) == RULE.first(3000, 4000) == 384
    assert ShownSize(560).first(100, 80) == 560


def test_the_second_look_shows_the_median_person_at_the_wanted_height():
    # 40 px of 640 are 24 px at 384; 125 px would take 2,000, and the look ends at 1.4 times the first.
    assert RULE.second(384, [person(40)], 640) == pytest.approx(1.4 * 384, abs=8)
    # 400 px of 640 are 240 px at 384; 125 px are at 200.
    assert RULE.second(384, [person(400), person(400), person(10)], 640) == pytest.approx(200, abs=8)


def test_no_second_look_where_the_first_is_right_or_nobody_is_whole_enough():
    assert RULE.second(384, [person(200)], 640) is None  # 120 px
    assert RULE.second(384, [person(40, parts=5)], 640) is None
    assert RULE.second(384, np.zeros((0, 15, 3)), 640) is None
    assert ShownSize(384).second(384, [person(40)], 640) is None


@pytest.fixture
def predictor(tmp_path):
    student_file.write_student(tmp_path / "s.npz", build_openpose(CONFIG), CONFIG, ServingConfig(PAPER, 64, 20))
    return Predictor(tmp_path / "s.npz")


def test_a_second_look_keeps_the_order_and_stands_for_the_first(predictor, monkeypatch):
    """A film is written in the order of its frames, whatever is found in them."""
    looks = []

    def looked_at(group, size):
        looks.append((tuple(picture.name for picture in group), max(size)))
        for picture in group:
            height = 100 if picture.name in "bd" and max(size) == 64 else 40
            yield picture, person(height)[None], np.array([max(size)])

    monkeypatch.setattr(predictor, "_predict", looked_at)
    pictures = [Picture(name, np.zeros((120, 160, 3), np.uint8)) for name in "abcde"]
    results = list(predictor.run(pictures, batch_size=4))
    assert [picture.name for picture, *_ in results] == list("abcde")
    assert looks == [(("a", "b", "c", "d"), 64), (("b", "d"), 32), (("e",), 64)]
    assert [int(scores[0]) for *_, scores in results] == [64, 32, 64, 32, 64]


def test_export_keeps_the_height(tmp_path):
    student_file.write_student(tmp_path / "s.npz", build_openpose(CONFIG), CONFIG, ServingConfig(PAPER, 64, 20))
    assert student_file.read_student(tmp_path / "s.npz").serving == ServingConfig(PAPER, 64, 20)
    from openpose_tf.weights import bundled

    folder = tmp_path / "saved"
    export.export(export.ExportOptions(str(folder), checkpoints=(bundled.BUILTIN,), person_height=125))
    assert json.loads((folder / "assets" / "pose.json").read_text())["person_height"] == 125
