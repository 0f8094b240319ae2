"""The flagfiles of the paper's rows: each parses, and its run can be built."""

import json

import pytest

from openpose_tf.config import ModelConfig
from openpose_tf.inference import student_file
from openpose_tf.inference.saved_model import ServingConfig
from openpose_tf.network.openpose import build_openpose
from tests.support.checkout import ROOT
from tests.support.commands import run_command
from tests.support.small_records import write_records

CONFIGS = sorted((ROOT / "openpose_tf" / "configs").glob("*.flags"))
MASKED = {"real_mixed_masks", "real_style_masks"}
PAPER_MAP = {
    **{"real": 77.7, "synthetic": 13.4, "real_synthetic": 78.4, "real_mixed": 78.4, "real_mixed_masks": 78.9},
    **{"real_style": 78.3, "real_style_masks": 79.1, "teacher_c": 78.9, "teacher_md": 78.7},
}  # original.md, "Published numbers"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What the run of each flagfile is, at a tiny size, on records of stick people."""
    folder = tmp_path_factory.mktemp("configs")
    write_records(folder / "real", 6, is_synthetic=False)
    write_records(folder / "synthetic", 40, is_synthetic=True)  # distances of 0 to 780 px
    config = ModelConfig(0.0625, 1, 64)
    student_file.write_student(folder / "start.npz", build_openpose(config), config, ServingConfig.for_model(config))
    result = run_command("tests.support.programs.config_runs", folder, *CONFIGS)
    return json.loads(result.stdout.splitlines()[-1])


def test_there_is_one_per_row_and_the_baseline():
    assert {path.stem for path in CONFIGS} == {*PAPER_MAP, "baseline"}


def test_full_size_settings(built):
    for name, run in built.items():
        assert run["num_steps"] == (70_002 if name == "baseline" else 149_400), name
        assert (run["mode"], run["num_stages"], run["model_dir"]) == ("paper", 6, f"runs/{name}"), name


def test_each_row_trains_on_its_data(built):
    for name, run in built.items():
        share = {"real": 0, "baseline": 0, "synthetic": 1}.get(name, 0.5)
        assert run["synthetic_per_batch"] == share * run["batch"], name
        assert run["frozen"] == (share > 0), name  # paper Sec. 4
        assert run["masked"] == (name in MASKED), name


def test_the_teachers_group_by_pitch_and_by_distance(built):
    groupings = {name: run["grouping"] for name, run in built.items() if run["command"] == "teacher.train"}
    assert groupings == {"teacher_c": ["camera_pitch"], "teacher_md": ["min_distance"]}
    assert all((run["curriculum"] == "GroupCurriculum") == (name in groupings) for name, run in built.items())


@pytest.mark.parametrize("name", PAPER_MAP)
def test_heads_tell_row_score_and_needs(name):
    head = (ROOT / "openpose_tf" / "configs" / f"{name}.flags").read_text()
    assert head.startswith("# Paper (arXiv 1908.00967): Table")
    assert f"{PAPER_MAP[name]} mAP" in head
    assert "# Needs:" in head
