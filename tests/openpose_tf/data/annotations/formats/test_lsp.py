"""joints.mat of LSP and LSP extended: both axis orders, joints by name, flags, absent columns, wrong files."""

import cv2
import numpy as np
import pytest
import scipy.io

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations.formats import lsp
from openpose_tf.data.annotations.types import ReadRequest
from openpose_tf.skeleton import MPII_JOINTS, JointState

VISIBLE, HIDDEN, MISSING, TRUNCATED = (
    *(JointState.VISIBLE, JointState.SELF_OCCLUDED),
    *(JointState.MISSING, JointState.TRUNCATED),
)


# The order in which the data set numbers its joints.
LSP_ORDER = (
    *("r_ankle", "r_knee", "r_hip", "l_hip", "l_knee", "l_ankle", "r_wrist", "r_elbow", "r_shoulder"),
    *("l_shoulder", "l_elbow", "l_wrist", "upper_neck", "head_top"),
)


def read_lsp(annotations, images):
    found = lsp.read(ReadRequest(str(annotations), str(images)))
    return found.images, sum(found.left_out.values())


def person(seed=0, width=200, height=300):
    """[14, 3]: joints inside the photograph, all flagged 1."""
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(5, width - 5, 14), rng.uniform(5, height - 5, 14), np.ones(14)])


def write(folder, people, extended=True, name="im{:05d}.jpg"):
    """Writes joints.mat of [N, 14, 3] people and a photograph of 200 x 300 pixels for each; returns both paths."""
    images = folder / "images"
    images.mkdir(parents=True)
    for number in range(1, len(people) + 1):
        cv2.imwrite(str(images / name.format(number)), np.full((300, 200, 3), 90, np.uint8))
    axes = (1, 2, 0) if extended else (2, 1, 0)
    scipy.io.savemat(folder / "joints.mat", {"joints": np.transpose(np.array(people), axes)})
    return folder / "joints.mat", images


def joint(image, name):
    return image.people[0].keypoints[MPII_JOINTS.index(name)]


@pytest.mark.parametrize("extended", [True, False])
def test_joints_come_back_by_name_from_both_axis_orders(tmp_path, extended):
    people = [person(0), person(1)]
    if not extended:
        people = [np.column_stack([p[:, :2], np.zeros(14)]) for p in people]
    images, left_out = read_lsp(*write(tmp_path, people, extended))
    assert left_out == 0 and [image.image_id for image in images] == ["im00001", "im00002"]
    for image, expected in zip(images, people):
        assert (image.width, image.height) == (200, 300)
        for name, row in zip(LSP_ORDER, expected):
            np.testing.assert_allclose(joint(image, name), [row[0], row[1], VISIBLE])
        middle = (expected[8, :2] + expected[9, :2]) / 2
        np.testing.assert_allclose(joint(image, "thorax")[:2], middle)
        assert all(image.labelled_joints)


def test_an_unlabelled_joint_of_lsp_extended_is_out_of_the_loss_and_not_absent(tmp_path):
    one = person()
    one[0] = (-40.0, -40.0, 0)  # right ankle
    one[2, 2] = 0  # right hip, which takes the pelvis with it
    (image,), _ = read_lsp(*write(tmp_path, [one]))
    unlabelled = {name for name, known in zip(MPII_JOINTS, image.labelled_joints) if not known}
    assert unlabelled == {"r_ankle", "r_hip", "pelvis"}
    assert (joint(image, "r_ankle") == 0).all() and joint(image, "pelvis")[2] == MISSING


def test_the_third_number_of_lsp_says_hidden_and_every_joint_is_labelled(tmp_path):
    one = person()
    one[:, 2] = 0
    one[5, 2] = 1
    (image,), _ = read_lsp(*write(tmp_path, [one], extended=False, name="im{:04d}.jpg"))
    assert image.image_id == "im0001" and all(image.labelled_joints)
    assert joint(image, "l_ankle")[2] == HIDDEN and joint(image, "r_ankle")[2] == VISIBLE


def test_a_labelled_joint_outside_of_the_photograph_is_truncated(tmp_path):
    one = person()
    one[13, :2] = (100.0, -12.0)
    (image,), _ = read_lsp(*write(tmp_path, [one]))
    np.testing.assert_allclose(joint(image, "head_top"), [100, -12, TRUNCATED])


def test_columns_without_a_joint_are_counted_and_need_no_photograph(tmp_path):
    annotations, images = write(tmp_path, [person(), np.zeros((14, 3)), person(2)])
    (images / "im00002.jpg").unlink()
    found, left_out = read_lsp(annotations, images)
    assert [image.image_id for image in found] == ["im00001", "im00003"] and left_out == 1


def test_position_and_height_cover_the_joints(tmp_path):
    upright = person()
    upright[:, 0] = 100 + np.linspace(-10, 10, 14)
    upright[:, 1] = np.linspace(250, 50, 14)  # ankles low, head high: 200 px of joints
    (image,), _ = read_lsp(*write(tmp_path, [upright]))
    np.testing.assert_allclose(image.people[0].objpos, [100, 150])
    assert image.people[0].scale * 200 >= 200 * 1.2 - 1e-6


def test_wrong_files_are_named(tmp_path):
    annotations, images = write(tmp_path, [person(), person(1)])
    with pytest.raises(UserError, match=r"missing.mat does not exist: expected joints.mat"):
        read_lsp(tmp_path / "missing.mat", images)
    scipy.io.savemat(tmp_path / "other.mat", {"joints": np.zeros((16, 3, 2))})
    with pytest.raises(UserError, match="16 x 3 x 2"):
        read_lsp(tmp_path / "other.mat", images)
    scipy.io.savemat(tmp_path / "empty.mat", {"joints": np.zeros((14, 3, 2))})
    with pytest.raises(UserError, match="no labelled joint"):
        read_lsp(tmp_path / "empty.mat", images)
    (images / "im00002.jpg").unlink()
    with pytest.raises(UserError, match=r"im00002\.jpg"):
        read_lsp(annotations, images)


def test_the_original_file_of_lsp_extended(shared_data):
    folder = shared_data / "people" / "lspet"
    images, left_out = read_lsp(folder / "joints.mat", folder / "images")
    assert len(images) == 5984 and left_out == 10000 - 5984
    assert sum(all(image.labelled_joints) for image in images) == 2574
