import types

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from openpose_tf.skeleton import JointState
from synth.body.joints import CENTRE_JOINT, NUM_JOINTS
from synth.rendering import groundtruth
from synth.scene.camera import Camera
from synth.scene.mesh import Mesh, Topology

CAMERA = Camera(100, 80, 100.0, (0.0, -5.0, 1.0), 0.0, 5.0)  # 20 px per metre at y = 0


def board(x, y, width=1.0, height=2.0, top=2.0):
    """A person who is a flat upright rectangle facing the camera, with all joints in its middle."""
    corners = np.array([[x - width / 2, y, top - height], [x + width / 2, y, top - height],
                        [x + width / 2, y, top], [x - width / 2, y, top]], np.float32)  # fmt: skip
    mesh = Mesh(
        corners, Topology(np.array([[0, 1, 2, 3]], np.int32), np.zeros((1, 4, 2)), np.zeros(1), corners, corners)
    )
    middle = corners.mean(0)
    head = np.array([[x - 0.1, y, top - 0.3], [x + 0.1, y, top]])
    return types.SimpleNamespace(
        mesh=mesh,
        joints=np.tile(middle, (NUM_JOINTS, 1)).astype(np.float64),
        mpii_joints=np.tile(middle, (16, 1)).astype(np.float64),
        head_points=head,
        face_points=np.tile(head.mean(0), (5, 1)),
    )


def buffers(figures):
    """Ids and depth of boards, nearest first: what the renderer would deliver."""
    directions = CAMERA.ray_directions()
    ids, depth = np.zeros((80, 100), np.int32), np.full((80, 100), 1e4)
    for number, figure in enumerate(figures, 1):
        corners = figure.mesh.vertices
        distance = corners[0, 1] + 5.0
        points = np.array(CAMERA.centre_m) + directions * distance
        hit = (points[..., [0, 2]] >= corners.min(0)[[0, 2]]).all(-1) & (
            points[..., [0, 2]] <= corners.max(0)[[0, 2]]
        ).all(-1)
        hit &= distance < depth
        ids[hit], depth[hit] = number, distance
    return ids, depth


def states_of(points, depths, ids, depth, instance=1, own=0.13):
    points = np.asarray(points, float)
    found = groundtruth.joint_states(points, np.asarray(depths, float), ids, depth, instance, np.full(len(points), own))
    return [JointState(int(state)).name for state in found]


def test_states_by_the_buffer_rule():
    ids = np.array([[0, 1, 2, 1]])
    depth = np.array([[1e4, 3.0, 3.0, 3.0]])
    points = [[0, 0], [1, 0], [2, 0], [3, 0], [2, 0], [-0.6, 0], [3.6, 0], [1, 0]]
    depths = [3.0, 3.1, 3.1, 3.2, 2.9, 3.0, 3.0, -1.0]
    assert states_of(points, depths, ids, depth) == [
        "VISIBLE",  # the background is behind it
        "VISIBLE",  # 10 cm inside the own body
        "OCCLUDED_BY_OTHER",  # another surface 10 cm in front
        "SELF_OCCLUDED",  # 20 cm behind the own surface
        "VISIBLE",  # in front of the other person
        "TRUNCATED",
        "TRUNCATED",
        "TRUNCATED",  # behind the camera
    ]


def test_a_joint_on_the_last_half_pixel_is_inside():
    ids, depth = np.zeros((2, 4), int), np.full((2, 4), 1e4)
    assert states_of([[3.5, 1.5], [-0.5, -0.5]], [1, 1], ids, depth) == ["VISIBLE", "VISIBLE"]


def test_trunk_joints_may_lie_deeper():
    from openpose_tf.skeleton import MPII_JOINTS

    deep = {name for name, limit in zip(MPII_JOINTS, groundtruth.OWN_DEPTH_M) if limit == groundtruth.TRUNK_DEPTH_M}
    assert deep == {"pelvis", "l_hip", "r_hip", "thorax", "upper_neck", "head_top"}


def test_one_person_alone():
    figures = [board(0, 0)]
    ids, depth = buffers(figures)
    (one,) = groundtruth.annotate_people(figures, CAMERA, ids, depth)
    assert one["instance_id"] == 1 and one["visible_ratio"] == 1 and one["cropped_ratio"] == 0
    assert one["min_distance"] is None and one["nearest_person"] is None
    # 1 m x 2 m at 20 px per metre around the middle (49.5, 39.5); top at 2 m = 20 px above the axis.
    assert one["objpos"] == pytest.approx([49.5, 39.5])
    assert one["amodal_box"] == pytest.approx([39.5, 19.5, 59.5, 59.5])
    assert one["box"] == pytest.approx([39.5, 19.5, 59.5, 59.5], abs=1)
    assert one["area"] == one["amodal_area"] == (ids == 1).sum()
    assert one["area"] == pytest.approx(20 * 40, rel=0.06)
    # Head box 4 px x 6 px.
    assert one["head_box"] == pytest.approx([47.5, 19.5, 51.5, 25.5])
    assert one["scale"] == pytest.approx(np.hypot(4, 6) / 42, abs=1e-3)
    assert np.array(one["joints_3d_m"])[CENTRE_JOINT] == pytest.approx([0, 0, 5.0])


def test_a_person_behind_another_keeps_its_amodal_mask():
    hidden, front = board(0.2, 1.0), board(0.0, 0.0)
    figures = [hidden, front]
    ids, depth = buffers(figures)
    rows = groundtruth.annotate_people(figures, CAMERA, ids, depth)
    alone_ids, _ = buffers([hidden])
    truth = alone_ids == 1
    amodal = coco_mask.decode(rows[0]["amodal_mask"]).astype(bool)
    assert (amodal & (ids == 1)).sum() == rows[0]["area"] < rows[0]["amodal_area"]
    assert (amodal ^ truth).sum() <= 0.06 * truth.sum()
    assert rows[1]["amodal_area"] == rows[1]["area"]
    assert rows[0]["keypoints"][0][2] == JointState.OCCLUDED_BY_OTHER
    assert rows[1]["visible_ratio"] == 1


def test_distances_are_between_objpos_and_name_the_nearest():
    figures = [board(-1.5, 0), board(0, 0), board(1.0, 0)]
    rows = groundtruth.annotate_people(figures, CAMERA, *buffers(figures))
    assert [row["min_distance"] for row in rows] == pytest.approx([30, 20, 20])
    assert [row["nearest_person"] for row in rows] == [1, 2, 1]


def test_a_person_out_of_sight_has_no_box():
    figures = [board(50, 0), board(0, 0)]
    rows = groundtruth.annotate_people(figures, CAMERA, *buffers(figures))
    assert rows[0]["box"] is None and rows[0]["area"] == rows[0]["amodal_area"] == 0
    assert rows[0]["cropped_ratio"] == 1 and rows[0]["visible_ratio"] == 0
