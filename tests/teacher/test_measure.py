"""The command that tells whether groups differ."""

import json

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.config import ModelConfig
from openpose_tf.inference.decoder import PAPER
from openpose_tf.inference.saved_model import ServingConfig
from openpose_tf.inference.student_file import write_student
from openpose_tf.network.openpose import build_openpose
from openpose_tf.weights import bundled
from teacher.groups import spread
from teacher.measure import find_groupings, markdown_table, open_student
from tests.support.commands import run_command


def test_what_cannot_be_grouped_is_left_out():
    features = {"camera_pitch_deg": np.arange(10.0), "scale": np.ones(10)}
    assert list(find_groupings(["scale", "camera_pitch", "num_people"], features, 3)) == ["camera_pitch"]
    lonely = {"scale": np.array([1.0, 1.0, 1.0, 9.0]), "camera_pitch_deg": np.arange(4.0)}
    assert list(find_groupings(["scale", "camera_pitch"], lonely, 2)) == ["camera_pitch"]
    with pytest.raises(UserError, match="grouped by nothing"):
        find_groupings(["scale"], features, 3)
    with pytest.raises(UserError, match="unknown grouping 'colour'"):
        find_groupings(["colour"], features, 3)


def test_the_grouping_that_explains_most_comes_first():
    losses = np.array([[1.0, 1.2], [1.1, 1.3], [5.0, 5.1], [5.2, 5.3]])
    table = markdown_table(
        {
            "weak": spread.measure(losses, np.array([0, 1, 0, 1]), 2, 10),
            "strong": spread.measure(losses, np.array([0, 0, 1, 1]), 2, 10),
        },
        0.9,
    )
    rows = table.splitlines()
    assert rows[2].startswith("| strong | 2 | 4 | 1.15 to 5.15 |") and rows[3].startswith("| weak |")
    assert rows[3].endswith("| 0.0 % | never |") and rows[-1].startswith("90 % of the variance")


@pytest.mark.parametrize("name", bundled.FILES)
def test_the_student_may_be_a_bundled_one(name):
    model, config = open_student(name)
    assert (config.width, config.num_stages) == (0.5, 2) and len(model.outputs) == 2 * config.num_stages
    with pytest.raises(UserError, match="builtin_other"):
        open_student("builtin_other")


@pytest.mark.slow
def test_command_writes_table_numbers_and_picture(toy_records, tmp_path):
    config = ModelConfig(0.0625, 1, 64)
    write_student(tmp_path / "student.npz", build_openpose(config), config, ServingConfig(PAPER, 64))
    flags = [f"--student={tmp_path / 'student.npz'}", f"--synthetic_records={toy_records['synthetic']}"]
    result = run_command("teacher.measure", *flags, f"--output_dir={tmp_path}", "--num_groups=2")
    assert "| camera_pitch | 2 | 24 |" in result.stdout and "not grouped by scale" in result.stderr
    assert set(json.loads((tmp_path / "spread.json").read_text())) == {"camera_pitch", "min_distance"}
    assert (tmp_path / "spread.png").stat().st_size > 5000
    assert "are all needed" in run_command("teacher.measure", *flags, code=2).stderr
