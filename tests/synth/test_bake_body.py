"""The bake: its file, its reader of MakeHuman's data on a tiny made-up folder, and its command line."""

import gzip
import json

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from synth import bake_body
from synth.body import joints, makehuman
from synth.body.cc0 import BUILTIN_PATH, load_cc0
from tests.support.commands import run_command


def test_committed_file_is_small_and_complete():
    assert BUILTIN_PATH.stat().st_size < 4e6
    with np.load(BUILTIN_PATH) as archive:
        assert tuple(archive["joint_names"].tolist()) == joints.JOINT_NAMES
        np.testing.assert_array_equal(archive["parents"], joints.PARENTS)
        assert archive["shapedirs_male"].shape[0] == 10
        for key in archive.files:
            if archive[key].dtype.kind == "f":
                assert np.isfinite(archive[key]).all(), key
    text = (BUILTIN_PATH.parent / "LICENSE-human_cc0.md").read_text(encoding="utf-8")
    assert "MakeHuman" in text and "MPFB2" in text and "CC0" in text


def test_damaged_builtin_file_is_named(tmp_path):
    path = tmp_path / "human.npz"
    np.savez(path, joint_names=np.array(["pelvis"]))
    with pytest.raises(UserError, match=r"human\.npz"):
        load_cc0(path)
    with pytest.raises(UserError, match="missing"):
        load_cc0(tmp_path / "none.npz")


def test_rig_bones_name_each_joint_once():
    bones = bake_body.rig_bones()
    assert len(set(bones)) == joints.NUM_JOINTS
    expected = {"left_hip": "thigh_l", "right_wrist": "hand_r", "spine2": "spine_02", "left_thumb3": "thumb_03_l"}
    for joint, bone in expected.items():
        assert bones[joints.JOINT[joint]] == bone


def write_data(root) -> None:
    """Writes a base mesh of one quad and one triangle, and two targets."""
    obj = "v 1 2 3\nv 0 1 0\nv 0 0 1\nv 1 1 1\nvt 0 0\nvt 1 0.5\n"
    obj += "g body\nf 1/1 2/1 3/2 4/2\ng helper-hair\nf 1/1 2/1 3/2\n"
    files = {"3dobjs/base.obj": obj, "mesh_metadata/basemesh_vertex_groups.json": json.dumps({"cube": [[1, 2]]})}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    targets = root / "targets" / "macrodetails"
    (targets / "height").mkdir(parents=True)
    with gzip.open(targets / "african-male-young.target.gz", "wt") as file:
        file.write("# made up\n1 0 1 0\n")
    with gzip.open(targets / "height" / "male-young-averagemuscle-averageweight-maxheight.target.gz", "wt") as file:
        file.write("3 0 0 2\n")


def test_reader_converts_units_and_repeats_triangle_corners(tmp_path):
    write_data(tmp_path)
    mesh = makehuman.read_base_mesh(tmp_path)
    np.testing.assert_allclose(mesh.vertices[0], [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(mesh.faces["body"][0], [[0, 1, 2, 3]])
    np.testing.assert_array_equal(mesh.faces["hair"][0], [[0, 1, 2, 2]])
    np.testing.assert_array_equal(mesh.faces["hair"][1], [[0, 0, 1, 1]])
    np.testing.assert_array_equal(mesh.groups["cube"], [1, 2])


def test_targets_are_weighted_by_the_macro_values(tmp_path):
    write_data(tmp_path)
    race = {"african": 0.5, "asian": 0.5, "caucasian": 0.0}
    person = makehuman.Phenotype(race, age=2 / 3, muscle=0.5, weight=0.5, height=0.75, proportions=0, cup=0, firmness=0)
    offsets = makehuman.Targets(tmp_path, 4).offsets("male", person)
    np.testing.assert_allclose(offsets[1], [0, 0.05, 0], atol=1e-7)  # half african, decimetres
    np.testing.assert_allclose(offsets[3], [0, 0, 0.15], atol=1e-7)  # three quarters of the height target
    assert not offsets[[0, 2]].any()


def test_wrong_data_folder_is_a_user_error(tmp_path):
    done = run_command("synth.bake_body", f"--input_dir={tmp_path}", f"--output_file={tmp_path / 'out.npz'}", code=2)
    assert "base.obj" in done.stderr
    assert not (tmp_path / "out.npz").exists()
