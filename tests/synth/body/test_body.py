"""The evaluator of both body models, and its equality with smplx."""

import pickle

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from synth.body import joints, rotations
from synth.body.loading import load_body, sample_shape
from synth.body.smplh import pose_from_theta
from tests.support.bodies.joints import BODY_FLIP, MPII_FLIP
from tests.support.bodies.smplh_files import smplh_arrays, write_smplh

FEW = 60  # vertices of files that are refused anyway


@pytest.fixture(scope="module")
def smplh_file(tmp_path_factory):
    return write_smplh(tmp_path_factory.mktemp("smplh") / "SMPLH_MALE.npz")


@pytest.fixture(scope="module")
def body():
    return load_body("builtin")


def test_zero_pose_is_the_shaped_body(body):
    vertices, rest = body.shape("female", np.linspace(-1, 1, 10))
    posed, posed_joints = body.pose(vertices, rest, np.zeros((52, 3)), (0.0, 1.0, 0.0))
    np.testing.assert_allclose(posed, vertices + np.array([0, 1, 0]), atol=1e-5)
    np.testing.assert_allclose(posed_joints, rest + np.array([0, 1, 0]), atol=1e-6)


def test_builtin_body_is_a_human_of_adult_size(body):
    assert body.num_joints == 52 and body.num_betas == 10 and set(body.genders) == {"female", "male"}
    for gender, height in (("female", 1.647), ("male", 1.781)):
        vertices, rest = body.shape(gender, np.zeros(10))
        skin = vertices[: body.num_body_vertices]
        assert (len(vertices), len(skin)) == (17346, 13380)
        assert np.ptp(skin[:, 1]) == pytest.approx(height, abs=0.005)
        assert rest[joints.JOINT["left_wrist"], 0] > 0.6 > rest[joints.JOINT["right_wrist"], 0]
        assert vertices[body.landmarks["nose"], 2] > vertices[body.landmarks["head_back"], 2] + 0.15
        taller = body.shape(gender, np.eye(10)[0] * 2)[0][: body.num_body_vertices]
        assert np.ptp(taller[:, 1]) > np.ptp(skin[:, 1]) + 0.1


def test_builtin_body_is_almost_mirror_symmetric(body):
    _, rest = body.shape("male", np.zeros(10))
    np.testing.assert_allclose(rest[BODY_FLIP] * [-1, 1, 1], rest, atol=0.01)


def test_bending_the_left_elbow_brings_the_hand_forward(body):
    vertices, rest = body.shape("male", np.zeros(10))
    pose = np.zeros((52, 3))
    pose[joints.JOINT["left_elbow"], 1] = -np.pi / 2
    posed, moved = body.pose(vertices, rest, pose)
    wrist, elbow = joints.JOINT["left_wrist"], joints.JOINT["left_elbow"]
    forearm = rest[wrist, 0] - rest[elbow, 0]
    np.testing.assert_allclose(moved[wrist] - moved[elbow], [0, rest[wrist, 1] - rest[elbow, 1], forearm], atol=0.03)
    right = vertices[:, 0] < -0.2
    np.testing.assert_allclose(posed[right], vertices[right], atol=1e-5)


def test_mpii_joints_follow_the_release(body):
    vertices, rest = body.shape("female", np.zeros(10))
    mpii = body.mpii_joints(vertices, rest)
    np.testing.assert_array_equal(mpii[6], rest[0])  # pelvis
    np.testing.assert_array_equal(mpii[7], rest[12])  # thorax = neck
    np.testing.assert_array_equal(mpii[8], rest[15])  # upper neck = head
    np.testing.assert_array_equal(mpii[10], rest[21])  # right wrist
    np.testing.assert_allclose(mpii[9, 1], vertices[: body.num_body_vertices, 1].max(), atol=1e-6)
    np.testing.assert_allclose(mpii[MPII_FLIP] * [-1, 1, 1], mpii, atol=0.02)


def test_head_box_holds_the_head_and_not_the_body(body):
    vertices, rest = body.shape("male", np.zeros(10))
    box = body.head_box_points(vertices, rest)
    size = np.ptp(box, axis=0)
    assert 0.15 < size[0] < 0.21 and 0.22 < size[1] < 0.30 and 0.18 < size[2] < 0.26
    assert box[:, 1].min() > rest[joints.JOINT["neck"], 1] - 0.02
    face = body.face_points(vertices)
    assert (
        face[1, 0] > 0 > face[2, 0]
        and face[3, 0] > face[1, 0]
        and face[:, 1].min() > rest[joints.JOINT["head"], 1] - 0.05
    )


def test_z_up_turns_up_and_forward():
    np.testing.assert_array_equal(np.eye(3) @ rotations.Y_UP_TO_Z_UP.T, [[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    assert np.linalg.det(rotations.Y_UP_TO_Z_UP) == 1


def test_rotations_go_there_and_back():
    vectors = np.random.default_rng(1).normal(0, 0.8, (20, 3))
    np.testing.assert_allclose(rotations.to_rotvec(rotations.to_matrix(vectors)), vectors, atol=1e-12)
    a, b = np.array([0.3, -1, 2.0]), np.array([-0.3, 1, -2.0])
    np.testing.assert_allclose(rotations.between(a, b) @ a, b, atol=1e-12)
    np.testing.assert_allclose(rotations.about(2, 90) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_shapes_follow_the_population(body):
    rng = np.random.default_rng(0)
    betas = np.stack([sample_shape(rng, "female") for _ in range(500)])
    assert betas.shape == (500, 10) and np.abs(betas).max() <= 2.5
    height = [np.ptp(body.shape("female", b)[0][: body.num_body_vertices, 1]) for b in betas[:60]]
    assert 1.58 < np.mean(height) < 1.70 and 0.05 < np.std(height) < 0.11


def test_smplh_equals_smplx(smplh_file):
    smplx = pytest.importorskip("smplx")
    torch = pytest.importorskip("torch")
    names = ("nose", "reye", "leye", "rear", "lear", "LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe", "RHeel")
    tips = tuple(f"{side}{finger}" for side in "lr" for finger in ("thumb", "index", "middle", "ring", "pinky"))
    reference = smplx.SMPLH(
        model_path=str(smplh_file),
        ext="npz",
        use_pca=False,
        flat_hand_mean=True,
        num_betas=10,
        dtype=torch.float64,
        vertex_ids=dict.fromkeys(names + tips, 0),
    )
    ours = load_body(str(smplh_file))
    rng = np.random.default_rng(3)
    for _ in range(3):
        betas, pose, trans = rng.normal(0, 1, 10), rng.normal(0, 0.6, (52, 3)), rng.normal(0, 1, 3)
        row = torch.from_numpy(pose.reshape(1, -1))
        expected = reference(
            betas=torch.from_numpy(betas[None]),
            global_orient=row[:, :3],
            body_pose=row[:, 3:66],
            left_hand_pose=row[:, 66:111],
            right_hand_pose=row[:, 111:],
            transl=torch.from_numpy(trans[None]),
        )
        vertices, moved = ours.pose(*ours.shape("male", betas), pose, trans, gender="male")
        np.testing.assert_allclose(vertices, expected.vertices[0].detach().numpy(), atol=1e-5)
        np.testing.assert_allclose(moved, expected.joints[0, :52].detach().numpy(), atol=1e-5)


def test_theta_equals_smplx_hand_components(smplh_file):
    smplx = pytest.importorskip("smplx")
    torch = pytest.importorskip("torch")
    names = ("nose", "reye", "leye", "rear", "lear", "LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe", "RHeel")
    tips = tuple(f"{side}{finger}" for side in "lr" for finger in ("thumb", "index", "middle", "ring", "pinky"))
    theta = np.random.default_rng(4).normal(0, 0.4, 78)
    ours = load_body(str(smplh_file))
    for flat in (True, False):
        reference = smplx.SMPLH(
            model_path=str(smplh_file),
            ext="npz",
            use_pca=True,
            num_pca_comps=6,
            flat_hand_mean=flat,
            dtype=torch.float64,
            vertex_ids=dict.fromkeys(names + tips, 0),
        )
        row = torch.from_numpy(theta[None])
        expected = reference(
            betas=torch.zeros(1, 10, dtype=torch.float64),
            global_orient=row[:, :3],
            body_pose=row[:, 3:66],
            left_hand_pose=row[:, 66:72],
            right_hand_pose=row[:, 72:],
        ).vertices[0]
        pose = pose_from_theta(ours, theta, flat_hand_mean=flat)
        vertices, _ = ours.pose(*ours.shape("male", np.zeros(10)), pose)
        np.testing.assert_allclose(vertices, expected.detach().numpy(), atol=1e-5)


def test_smplh_folder_has_one_model_per_gender(tmp_path):
    for gender in ("female", "male", "neutral"):
        write_smplh(tmp_path / gender / "model.npz")
    body = load_body(str(tmp_path))
    assert body.genders == ("female", "male", "neutral") and body.kind == "smplh" and body.num_betas == 10
    with pytest.raises(ValueError, match="gender"):
        body.pose(*body.shape("male", np.zeros(10)), np.zeros((52, 3)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"posedirs": None}, "lacks posedirs"),
        ({"J_regressor": np.ones((24, FEW))}, "number of joints"),
        ({"weights": np.full((FEW, 52), np.nan)}, "not finite"),
        ({"kintree_table": np.zeros((2, 52), np.int64)}, "joint tree"),
        ({}, "60 vertices"),
        ({"v_template": np.zeros((7, 3))}, "has shape"),
    ],
)
def test_broken_model_files_are_named(tmp_path, changes, message):
    path = write_smplh(tmp_path / "model.npz", FEW, **changes)
    with pytest.raises(UserError, match=message) as caught:
        load_body(str(path))
    assert "model.npz" in str(caught.value)


def test_stray_pickled_entries_are_left_out(tmp_path, smplh_file):
    stray = np.array([{"date": "2016"}], dtype=object)
    path = write_smplh(tmp_path / "male.npz", stray=stray, __header__=stray)
    ours, plain = load_body(str(path)), load_body(str(smplh_file))
    betas = np.linspace(-1, 1, 10)
    np.testing.assert_array_equal(ours.shape("male", betas)[0], plain.shape(plain.genders[0], betas)[0])
    with pytest.raises(UserError, match="lacks weights"):  # an array that is needed must be plain
        load_body(str(write_smplh(tmp_path / "female.npz", weights=stray)))


def test_files_that_are_no_models_are_refused(tmp_path):
    (tmp_path / "male.npz").write_bytes(b"no zip")
    with pytest.raises(UserError, match="not a readable"):
        load_body(str(tmp_path / "male.npz"))
    with pytest.raises(UserError, match="does not exist"):
        load_body(str(tmp_path / "nothing"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no"):
        load_body(str(tmp_path / "empty"))


def test_faces_of_missing_vertices_are_refused(tmp_path):
    path = write_smplh(tmp_path / "model.npz", f=np.full((4, 3), 6890))
    with pytest.raises(UserError, match="triangles"):
        load_body(str(path))


def test_pkl_models_are_read_through_smplx(tmp_path, smplh_file):
    pytest.importorskip("smplx")
    (tmp_path / "SMPLH_MALE.pkl").write_bytes(pickle.dumps(smplh_arrays(6890)))
    from_pkl, from_npz = load_body(str(tmp_path)), load_body(str(smplh_file))
    pose, betas = np.random.default_rng(0).normal(0, 0.3, (52, 3)), np.linspace(-1, 1, 10)
    expected, _ = from_npz.pose(*from_npz.shape("male", betas), pose)
    vertices, _ = from_pkl.pose(*from_pkl.shape("male", betas), pose)
    np.testing.assert_allclose(vertices, expected, atol=1e-5)
    theta = np.linspace(-0.5, 0.5, 78)
    np.testing.assert_allclose(
        pose_from_theta(from_pkl, theta, False), pose_from_theta(from_npz, theta, False), atol=1e-6
    )
    (tmp_path / "SMPLH_MALE.pkl").write_bytes(b"no pickle")
    with pytest.raises(UserError, match=r"SMPLH_MALE\.pkl"):
        load_body(str(tmp_path))


def test_theta_needs_78_numbers_and_hand_components(smplh_file, body):
    with pytest.raises(UserError, match="78"):
        pose_from_theta(load_body(str(smplh_file)), np.zeros(72))
    with pytest.raises(UserError, match="hands_components"):
        pose_from_theta(body, np.zeros(78))
