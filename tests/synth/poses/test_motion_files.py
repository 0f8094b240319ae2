"""Motion files of SMPL+H: poses of 78 numbers and the shapes of their people."""

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.common.name_splits import SPLITS
from synth.body import rotations
from synth.body.loading import load_body
from synth.body.smplh import pose_from_theta
from synth.poses.sources import load_poses
from synth.scene.backgrounds import BackgroundList
from synth.scene.config import SceneConfig
from synth.scene.sampling import Sources, sample_person
from tests.support.bodies.smplh_files import write_smplh


@pytest.fixture(scope="module")
def smplh_file(tmp_path_factory):
    return write_smplh(tmp_path_factory.mktemp("smplh") / "SMPLH_MALE.npz")


@pytest.fixture(scope="module")
def body():
    return load_body("builtin")


def test_poses_of_78_numbers_are_those_of_theta(tmp_path, smplh_file, body):
    rows = np.random.default_rng(5).normal(0, 0.3, (3, 78))
    (tmp_path / "motion").mkdir()
    np.savez(tmp_path / "motion" / "clip.npz", poses=rows)
    ours = load_body(str(smplh_file))
    source = load_poses(str(tmp_path / "motion"), ours, frame_step=1)
    source.check()
    split = next(split for split in SPLITS if source.num_frames(split))
    found = source.sample(np.random.default_rng(0), split)
    frame = int(found.source.partition("#")[2])
    expected = pose_from_theta(ours, rows)[frame]
    np.testing.assert_allclose(found.pose[1:], expected[1:], atol=1e-12)
    # The file's world is z-up: its upright pelvis is ours after the turn.
    turned = rotations.Y_UP_TO_Z_UP @ rotations.to_matrix(found.pose[0])
    np.testing.assert_allclose(turned, rotations.to_matrix(expected[0]), atol=1e-9)
    with pytest.raises(UserError, match=r"clip\.npz: poses of 78 numbers.*--body"):
        load_poses(str(tmp_path / "motion"), body)


def test_shapes_of_clips(tmp_path, smplh_file, body):
    ours, config = load_body(str(smplh_file.parent)), SceneConfig(shapes="clip", frame_step=1)
    rows, betas = np.zeros((4, 156)), np.linspace(-2, 4, 16)
    for k in range(12):
        np.savez(tmp_path / f"{k}.npz", poses=rows, betas=betas, gender=np.array(b"male"))
    poses = load_poses(str(tmp_path), ours, frame_step=1)
    poses.check(with_shapes=True)
    for seed in range(4):
        spec, _ = sample_person(np.random.default_rng(seed), config, Sources(ours, poses, BackgroundList(), ()))
        assert spec.gender in ours.genders
        np.testing.assert_allclose(spec.betas, betas[:10])
    drawn, _ = sample_person(np.random.default_rng(0), SceneConfig(), Sources(ours, poses, BackgroundList(), ()))
    assert np.abs(drawn.betas).max() <= 2.5 and not np.allclose(drawn.betas, betas[:10])
    np.savez(tmp_path / "new.npz", poses=rows)
    with pytest.raises(UserError, match=r"--shapes=clip: 1 of 13 motion files hold no betas.*new\.npz"):
        load_poses(str(tmp_path), ours).check(with_shapes=True)
    with pytest.raises(UserError, match="--body"):
        load_poses(str(tmp_path), body).check(with_shapes=True)
    with pytest.raises(UserError, match="--poses"):
        load_poses("builtin", body).check(with_shapes=True)
