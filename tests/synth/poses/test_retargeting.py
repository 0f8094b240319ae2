"""BVH files of every naming become poses whose limbs point where an independent forward kinematics puts them."""

import dataclasses
import json
import logging

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from synth.body import rotations
from synth.body.joints import JOINT, NUM_BODY_JOINTS
from synth.body.loading import load_body
from synth.poses import bvh, retargeting, sources
from tests.support import bvh_files
from tests.support.bvh_files import BONES, NAMINGS, UNKNOWN

NUM_FRAMES = 40


@pytest.fixture(scope="module")
def body():
    return load_body("builtin")


def rest_of(body):
    return body.models[body.genders[0]].j_template.astype(np.float64)


def read(path, body, given=None):
    """Returns (skeleton, poses [N, 52, 3])."""
    rest = rest_of(body)
    skeleton = retargeting.find_skeleton(path, bvh.read(path, None), rest, given or {})
    return skeleton, retargeting.to_poses(skeleton, bvh.read(path, slice(None)), rest)


def joints(body, pose):
    model = body.models[body.genders[0]]
    return body.pose(model.v_template, model.j_template, pose, gender=body.genders[0])[1]


def largest_error_deg(body, naming, text, poses):
    """Returns the largest angle between a limb of ours and the file's."""
    names, worst = naming.names(), 0.0
    for pose, theirs in zip(poses, bvh_files.forward_kinematics(text)):
        ours = joints(body, pose)
        for a, b in BONES:
            x, y = ours[JOINT[b]] - ours[JOINT[a]], theirs[names[b]] - theirs[names[a]]
            y = y[[0, 2, 1]] * [1, 1, -1] if naming.z_up else y
            worst = max(worst, np.degrees(np.arctan2(np.linalg.norm(np.cross(x, y)), x @ y)))
    return worst


def file_of(tmp_path, body, naming, seed=0):
    truth = bvh_files.moving_poses(np.random.default_rng(seed), NUM_FRAMES)
    path = tmp_path / "clip.bvh"
    path.write_text(bvh_files.write(naming, rest_of(body), truth))
    return path, truth


@pytest.mark.parametrize("name", NAMINGS)
def test_limbs_of_every_naming_point_where_the_file_puts_them(tmp_path, body, name):
    naming = NAMINGS[name]
    path, truth = file_of(tmp_path, body, naming)
    skeleton, poses = read(path, body)
    assert not skeleton.inferred and skeleton.rest_stands != naming.along_bones
    theirs = naming.names()
    assert {ours: skeleton.names[j] for ours, j in skeleton.joint_of.items()} == theirs
    assert largest_error_deg(body, naming, path.read_text(), poses) < 0.01
    assert skeleton.metres_per_unit == pytest.approx(naming.unit_m)
    error = np.linalg.norm(rotations.to_rotvec(matrices(poses, True) @ matrices(truth)), axis=-1)
    if naming.along_bones:  # zero angles come from the average pose, so joints are off by what the motion is on average
        assert np.degrees(error.mean(0).max()) < 8
    else:
        assert error.max() < 1e-5


def matrices(poses, inverse=False):
    out = rotations.to_matrix(poses[:, :NUM_BODY_JOINTS])
    return np.swapaxes(out, -1, -2) if inverse else out


@pytest.mark.parametrize("along_bones", [False, True])
@pytest.mark.parametrize("swapped", [False, True])
def test_unknown_names_are_inferred_from_tree_and_pose(tmp_path, body, along_bones, swapped):
    sides = UNKNOWN.sides[::-1] if swapped else UNKNOWN.sides
    naming = dataclasses.replace(UNKNOWN, along_bones=along_bones, sides=sides)
    path, _ = file_of(tmp_path, body, naming)
    skeleton, poses = read(path, body)
    assert skeleton.inferred
    assert {ours: skeleton.names[j] for ours, j in skeleton.joint_of.items()} == naming.names()
    assert largest_error_deg(body, naming, path.read_text(), poses) < 0.01


def test_inference_ignores_fingers_roll_bones_and_a_missing_collar(tmp_path, body):
    path, _ = file_of(tmp_path, body, UNKNOWN)
    fingers = "".join(
        f"JOINT f{i}\n{{\nOFFSET {i - 1} -3 0\nCHANNELS 0\nEnd Site\n{{\nOFFSET 0 -2 0\n}}\n}}\n" for i in range(3)
    )
    text = path.read_text()
    for hand in ("a8", "b8"):
        start = text.index("End Site", text.index(f"JOINT {hand}\n"))
        text = text[:start] + fingers.replace("f", f"{hand}f") + text[text.index("}", start) + 2 :]
    path.write_text(text)
    skeleton, _ = read(path, body)
    found = {ours: skeleton.names[j] for ours, j in skeleton.joint_of.items()}
    assert found == UNKNOWN.names()


def test_joint_names_of_the_user_come_first(tmp_path, body):
    path, _ = file_of(tmp_path, body, UNKNOWN)
    wrong = UNKNOWN.names()  # who says that the legs are swapped gets it
    for part in ("hip", "knee", "ankle", "foot"):
        wrong[f"left_{part}"], wrong[f"right_{part}"] = wrong[f"right_{part}"], wrong[f"left_{part}"]
    skeleton, _ = read(path, body, wrong)
    assert not skeleton.inferred and {o: skeleton.names[j] for o, j in skeleton.joint_of.items()} == wrong
    skeleton, _ = read(path, body, {"left_hip": "Thigh.L", "left_knee": "Shin.L"})  # of other files of the folder
    assert skeleton.inferred
    with pytest.raises(UserError, match=r"clip\.bvh: with --joint_names a limb's joints do not hang"):
        read(path, body, {"left_knee": "b2"})
    with pytest.raises(UserError, match=r"clip\.bvh.*no joint Thigh.L, which --joint_names names; it has c1, "):
        read(path, body, {"left_hip": "Thigh.L", "left_knee": "a2"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "must hold a JSON object"),
        ('["left_hip"]', "must hold a JSON object"),
        ('{"left_thigh": "x"}', "left_thigh is not one of our joints pelvis, left_hip"),
        ('{"left_hip": 3}', "must hold a JSON object"),
        ("left_hip: x", "names.json"),
        (None, "names.json"),
    ],
)
def test_bad_files_of_joint_names_are_named(tmp_path, body, content, message):
    file_of(tmp_path, body, NAMINGS["cmu"])
    if content is not None:
        (tmp_path / "names.json").write_text(content)
    with pytest.raises(UserError, match=message):
        sources.load_poses(str(tmp_path), body, joint_names=str(tmp_path / "names.json"))


def test_joint_names_without_motion_files_are_refused(body):
    with pytest.raises(UserError, match=r"--joint_names=x\.json is about BVH files: give their folder"):
        sources.load_poses("builtin", body, joint_names="x.json")


def test_a_tree_that_is_not_a_persons_asks_for_names(tmp_path, body):
    chain = "JOINT x { OFFSET 0 1 0 CHANNELS 3 Zrotation Xrotation Yrotation End Site { OFFSET 0 1 0 } }"
    text = "HIERARCHY ROOT tail { OFFSET 0 0 0 CHANNELS 3 Zrotation Xrotation Yrotation " + chain + " }\n"
    (tmp_path / "snake.bvh").write_text(text + "MOTION\nFrames: 1\nFrame Time: 1\n0 0 0 0 0 0\n")
    with pytest.raises(UserError, match=r"snake\.bvh: its joints tail, x have unknown names.*--joint_names=FILE"):
        sources.load_poses(str(tmp_path), body).check()


def test_a_leg_that_hangs_from_nothing_is_refused(tmp_path, body):
    path, _ = file_of(tmp_path, body, NAMINGS["cmu"])
    tree, motion = path.read_text().split("MOTION")
    leg = f"JOINT {NAMINGS['cmu'].names()['right_hip']}"
    before, after = tree.split(leg)
    path.write_text(f"{before}}}\n{leg}{after.rstrip().removesuffix('}')}MOTION{motion}")
    assert bvh.read(path, None).parents.count(-1) == 3  # hips, leg and what followed it, the spine
    with pytest.raises(UserError, match=r"clip\.bvh: its joints .*, and its tree is not clearly a person's"):
        read(path, body)


def test_frames_that_do_not_show_where_the_person_faces_do_not_count(tmp_path, body, monkeypatch):
    """Where zero angles come from the motion: with the hips at one place, or the shoulders in line with them."""
    path, _ = file_of(tmp_path, body, NAMINGS["bandai_namco"])
    motion, rest = bvh.read(path, slice(None)), rest_of(body)
    turns, points = motion.world()
    hips = [motion.names.index(NAMINGS["bandai_namco"].names()[f"{side}_hip"]) for side in ("left", "right")]

    def local_of(turns, points):
        monkeypatch.setattr(bvh.Motion, "world", lambda self: (turns, points))
        return retargeting.find_skeleton(path, motion, rest, {}).local

    broken = points.copy()
    broken[0, hips[0]] = broken[0, hips[1]]
    for name, turn in local_of(turns[1:], points[1:]).items():
        np.testing.assert_array_equal(local_of(turns, broken)[name], turn)
    broken[:, hips[0]] = broken[:, hips[1]]
    with pytest.raises(UserError, match=r"clip\.bvh: its hips are at one place, or in line with its shoulders"):
        local_of(turns, broken)


def test_a_guess_is_logged_once_per_skeleton(tmp_path, body, caplog):
    path, _ = file_of(tmp_path, body, UNKNOWN)
    (tmp_path / "b.bvh").write_bytes(path.read_bytes())
    names = tmp_path / "names.json"
    names.write_text(json.dumps(UNKNOWN.names()))
    with caplog.at_level(logging.INFO, logger="absl"):
        sources.load_poses(str(tmp_path), body).check()
        guesses = [r for r in caplog.records if "inferred from the tree" in r.getMessage()]
        assert [r.levelname for r in guesses] == ["WARNING"] and "2 BVH files such as b.bvh" in guesses[0].getMessage()
        caplog.clear()
        sources.load_poses(str(tmp_path), body, joint_names=str(names)).check()
    assert not [r for r in caplog.records if r.levelname == "WARNING"] and "left_hip=a1" in caplog.text


def test_poses_do_not_depend_on_the_unit_or_on_the_world_axis(tmp_path, body):
    first = None
    for change in ({}, {"unit_m": 1.0}, {"unit_m": 0.0254}, {"z_up": True}):
        path, _ = file_of(tmp_path, body, dataclasses.replace(NAMINGS["cmu"], **change))
        poses = read(path, body)[1]
        first = poses if first is None else first
        np.testing.assert_allclose(poses, first, atol=1e-5)


def test_a_rest_pose_with_y_up_in_a_world_with_z_up_is_turned(tmp_path, body):
    path, _ = file_of(tmp_path, body, NAMINGS["cmu"])
    motion = bvh.read(path, None)
    turn = rotations.about(0, 90)  # y becomes z
    turns, places = motion.turns.copy(), motion.places.copy()
    turns[:, 0], places[:, 0] = turn @ turns[:, 0], places[:, 0] @ turn.T
    turned = dataclasses.replace(motion, turns=turns, places=places)
    poses = [
        retargeting.to_poses(retargeting.find_skeleton(path, m, rest_of(body), {}), m, rest_of(body))
        for m in (motion, turned)
    ]
    np.testing.assert_allclose(poses[0], poses[1], atol=1e-6)


def test_forearm_without_a_wrist_points_to_its_end_site(tmp_path, body):
    path, _ = file_of(tmp_path, body, NAMINGS["cmu"])
    text = path.read_text()
    whole = read(path, body)[1]
    motion = bvh.read(path, slice(None))
    for hand in ("LeftHand", "RightHand"):
        assert f"JOINT {hand}\n" in text
    names = tuple("" if name.endswith("Hand") else name for name in motion.names)
    cut = dataclasses.replace(motion, names=names)
    skeleton = retargeting.find_skeleton(path, cut, rest_of(body), {})
    poses = retargeting.to_poses(skeleton, cut, rest_of(body))
    np.testing.assert_allclose(poses[:, JOINT["left_elbow"]], whole[:, JOINT["left_elbow"]], atol=1e-9)
