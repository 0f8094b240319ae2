"""Pose sources: the built-in kinds, AMASS and BVH files, splits, limits, self-collision."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.common.name_splits import SPLITS, check_split, split_of
from synth.body import rotations
from synth.body.joints import JOINT, NUM_BODY_JOINTS
from synth.body.loading import load_body
from synth.poses import builder as poses_builder
from synth.poses import bvh, procedural, resting, retargeting, self_collision, sources
from tests.support.bodies.checks import support_distance, within_limits


@pytest.fixture(scope="module")
def body():
    return load_body("builtin")


@pytest.fixture(scope="module")
def source(body):
    return sources.load_poses("builtin", body)


def posed(body, pose, gender="male"):
    model = body.models[gender]
    return body.pose(model.v_template, model.j_template, pose, gender=gender)


def arms(builder, **changes):
    for side in ("left", "right"):
        builder.arm(side, **{"lift": -70.0, **changes})


def test_there_are_enough_kinds_with_sensible_weights():
    names = [kind.name for kind in procedural.KINDS]
    assert len(set(names)) == len(names) >= 15
    weights = {kind.name: kind.weight for kind in procedural.KINDS}
    share = sum(weights[name] for name in ("stand", "walk")) / sum(weights.values())
    assert 0.15 < share < 0.4 and min(weights.values()) > 0


@pytest.mark.parametrize("kind", procedural.KINDS, ids=lambda kind: kind.name)
def test_every_kind_stays_inside_joint_limits_and_varies(kind):
    rng = np.random.default_rng(0)
    drawn = [procedural.sample_pose(rng, kind) for _ in range(4)]
    for pose in drawn:
        assert pose.shape == (52, 3) and np.isfinite(pose).all() and within_limits(pose)
    assert np.abs(drawn[0] - drawn[1]).max() > 0.02


RESTING = [kind for kind in procedural.KINDS if kind.max_turn_deg > 0]


@pytest.mark.parametrize("kind", RESTING, ids=lambda kind: kind.name)
def test_nobody_sits_or_leans_on_nothing(body, source, kind):
    """Seen from above, the centre of mass lies inside of what touches the ground."""
    pose = source.draw(np.random.default_rng(1), kind)
    vertices, _ = posed(body, pose.pose, "female")
    assert support_distance(vertices[: body.num_body_vertices], body.faces, contact_m=0.02) < 0.005


def test_only_motions_may_be_out_of_balance():
    moving = {kind.name for kind in procedural.KINDS} - {kind.name for kind in RESTING}
    assert moving == {"walk", "run", "kick", "throw", "dance", "jump"}


def test_a_tilted_box_settles_on_its_nearest_side():
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-2, 2)], float) * 0.3
    points = np.repeat(corners, 3, axis=0)  # the hull takes every third vertex
    faces = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]) * 3
    tilt = rotations.about(0, 20)
    turn = resting.settling_turn(points @ tilt.T, faces, 30.0)
    np.testing.assert_allclose(turn @ tilt, np.eye(3), atol=1e-9)
    assert resting.settling_turn(points @ tilt.T, faces, 10.0) is None
    assert support_distance(points, faces) == pytest.approx(-0.3)


def test_limits_clip_and_accept(body):
    pose = np.zeros((52, 3))
    assert within_limits(pose)
    pose[JOINT["left_knee"], 0] = -0.5  # a knee bent forwards
    assert not within_limits(pose)
    clipped = poses_builder.clip_to_limits(pose)
    assert within_limits(clipped) and clipped[JOINT["left_knee"], 0] == pytest.approx(np.deg2rad(-2))
    pose[:] = 0
    pose[JOINT["right_elbow"], 1] = np.deg2rad(100)  # the right elbow bends the other way round than the left
    assert within_limits(pose)
    pose[JOINT["right_elbow"], 1] = -np.deg2rad(100)
    assert not within_limits(pose)


def test_self_collision_tells_a_t_pose_from_an_arm_in_the_belly(body):
    test = self_collision.make_test(body)
    assert not test(posed(body, np.zeros((52, 3)))[0])
    builder = poses_builder.PoseBuilder(np.random.default_rng(0))
    arms(builder, elbow=100.0, twist=110.0)  # forearms through the belly
    assert test(posed(body, builder.build(0.0))[0])
    builder = poses_builder.PoseBuilder(np.random.default_rng(0))
    arms(builder, lift=-60.0)
    assert not test(posed(body, builder.build(0.0))[0])


def test_sampled_poses_are_free_and_rejects_are_counted(body, source):
    rng = np.random.default_rng(2)
    drawn = [source.sample(rng, "train") for _ in range(20)]
    collides = self_collision.make_test(body)
    assert not any(collides(posed(body, pose.pose, gender)[0]) for pose in drawn for gender in body.genders)
    assert len({pose.tag for pose in drawn}) > 8
    assert all(pose.source == f"builtin:{pose.tag}" for pose in drawn)
    answers = iter([True, True, *[False] * 9])
    stubborn = sources.load_poses("builtin", body, self_intersects=lambda vertices: next(answers))
    assert stubborn.draw(rng, next(k for k in procedural.KINDS if k.name == "walk")).num_rejected == 2


def test_sampling_repeats_with_its_seed(source):
    a, b = (source.sample(np.random.default_rng([7, 3]), "train") for _ in range(2))
    np.testing.assert_array_equal(a.pose, b.pose)
    assert a.tag == b.tag


def test_hands_go_from_open_to_closed():
    rng = np.random.default_rng(3)
    kinds = [procedural.sample_kind(rng) for _ in range(60)]
    curls = [abs(procedural.sample_pose(rng, kind)[JOINT["left_index2"], 2]) for kind in kinds]
    assert np.rad2deg(min(curls)) < 12 and np.rad2deg(max(curls)) > 50


def test_splits_are_names_and_share_no_sequence():
    names = [f"CMU/{i:03d}/clip.npz" for i in range(2000)]
    splits = [split_of(name) for name in names]
    assert splits == [split_of(name) for name in names]
    assert np.mean([s == "train" for s in splits]) == pytest.approx(0.8, abs=0.03)
    assert {"train", "val", "test"} == set(splits)
    with pytest.raises(ValueError, match="split"):
        check_split("dev")


def write_amass(path: Path, rows: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, poses=rows, trans=np.zeros((len(rows), 3)), gender="male", mocap_framerate=120.0)


def amass_rows(count: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(0, 0.2, (count, 156))
    rows[:, :3] = [np.pi / 2, 0, 0]  # AMASS is z-up: an upright person has a turned pelvis
    return rows


def test_amass_people_stand_upright_and_keep_their_pose(tmp_path, body):
    rows = amass_rows(25)
    for i in range(12):
        write_amass(tmp_path / "CMU" / f"{i:02d}.npz", rows)
    np.savez(tmp_path / "CMU" / "shape.npz", betas=np.zeros(16))  # AMASS has these beside the motions
    source = sources.load_poses(str(tmp_path), body, frame_step=10)
    assert sum(source.num_frames(split) for split in SPLITS) == 12 * 3
    pose = source.sample(np.random.default_rng(0), "train")
    name, _, frame = pose.source.partition("#")
    assert split_of(name) == "train" and int(frame) in (0, 10, 20) and pose.tag == "motion"
    np.testing.assert_allclose(pose.pose[0], 0, atol=1e-6)
    np.testing.assert_allclose(pose.pose[1:].ravel(), rows[int(frame), 3:], atol=1e-6)
    source.check()


def test_bad_amass_files_are_named(tmp_path, body):
    write_amass(tmp_path / "nan" / "clip.npz", np.full((30, 156), np.nan))
    source = sources.load_poses(str(tmp_path / "nan"), body)
    with pytest.raises(UserError, match=r"clip\.npz.*not finite"):
        source.check()
    write_amass(tmp_path / "smplx" / "clip.npz", np.zeros((30, 165)))
    with pytest.raises(UserError, match=r"clip\.npz.*156"):
        sources.load_poses(str(tmp_path / "smplx"), body)
    (tmp_path / "keys").mkdir()
    np.savez(tmp_path / "keys" / "clip.npz", motion=np.zeros((3, 156)))
    with pytest.raises(UserError, match="no key 'poses'"):
        sources.load_poses(str(tmp_path / "keys"), body)
    (tmp_path / "keys" / "clip.npz").write_bytes(b"nothing")
    with pytest.raises(UserError, match="not a readable"):
        sources.load_poses(str(tmp_path / "keys"), body)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no motion file"):
        sources.load_poses(str(tmp_path / "empty"), body)
    with pytest.raises(UserError, match="not a folder"):
        sources.load_poses(str(tmp_path / "nowhere"), body)


# A CMU-like skeleton whose rest pose is an A pose: arms 45 degrees down, everything in centimetres.
LIMB = """ JOINT {name} {{ OFFSET {offset} CHANNELS 3 Zrotation Yrotation Xrotation {child} }}"""
END = "End Site { OFFSET 0 0 0 }"


def _chain(*limbs: tuple[str, str]) -> str:
    text = END
    for name, offset in reversed(limbs):
        text = LIMB.format(name=name, offset=offset, child=text)
    return text


def bvh_text(frames: list[dict[str, tuple[float, float, float]]], prefix: str = "") -> str:
    names, text = [], "HIERARCHY\nROOT Hips { OFFSET 0 0 0 CHANNELS 6 Xposition Yposition Zposition "
    text += "Zrotation Yrotation Xrotation "
    for side, x in (("Left", 1), ("Right", -1)):
        text += _chain(
            (f"{side}UpLeg", f"{9 * x} -5 0"),
            (f"{side}Leg", "0 -40 0"),
            (f"{side}Foot", "0 -40 0"),
            (f"{side}ToeBase", "0 -5 12"),
        )
    arms = "".join(
        _chain(
            (f"{side}Shoulder", "0 0 0"),
            (f"{side}Arm", f"{16 * x} 0 0"),
            (f"{side}ForeArm", f"{20 * x} -20 0"),
            (f"{side}Hand", f"{18 * x} -18 0"),
        )
        for side, x in (("Left", 1), ("Right", -1))
    )
    head = _chain(("Neck", "0 5 0"), ("Head", "0 10 0"))
    text += LIMB.format(
        name="Spine", offset="0 12 0", child=LIMB.format(name="Spine1", offset="0 20 0", child=head + arms)
    )
    text += " }\nMOTION\n"
    words = text.split()
    names = [words[i + 1] for i, word in enumerate(words) if word in ("ROOT", "JOINT")]
    rows = [[0.0, 90.0, 0.0] + [a for name in names for a in frame.get(name, (0.0, 0.0, 0.0))] for frame in frames]
    text += f"Frames: {len(frames)}\nFrame Time: 0.0083\n" + "\n".join(" ".join(map(str, row)) for row in rows) + "\n"
    for name in names:
        text = text.replace(f" {name} ", f" {prefix}{name} ")
    return text


def bvh_poses(path, motion, rest):
    return retargeting.to_poses(retargeting.find_skeleton(path, motion, rest, {}), motion, rest)


def bvh_joints(tmp_path, body, frames, prefix=""):
    path = tmp_path / "clip.bvh"
    path.write_text(bvh_text(frames, prefix))
    rest = body.models["male"].j_template
    pose = bvh_poses(path, bvh.read(path, slice(None)), rest)
    return pose, posed(body, pose[0])[1]


def direction(points, a, b):
    vector = points[JOINT[b]] - points[JOINT[a]]
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("prefix", ["", "mixamorig:"])
def test_bvh_rest_pose_lowers_our_arms_to_its_a_pose(tmp_path, body, prefix):
    _, moved = bvh_joints(tmp_path, body, [{}], prefix)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(direction(moved, "left_shoulder", "left_elbow"), [half, -half, 0], atol=1e-6)
    np.testing.assert_allclose(direction(moved, "right_elbow", "right_wrist"), [-half, -half, 0], atol=1e-6)
    np.testing.assert_allclose(direction(moved, "left_hip", "left_knee"), [0, -1, 0], atol=1e-6)


def test_bvh_rotations_turn_the_right_joints(tmp_path, body):
    frames = [{"LeftArm": (45.0, 0.0, 0.0), "RightLeg": (0.0, 0.0, 90.0), "Hips": (0.0, 90.0, 0.0)}]
    pose, moved = bvh_joints(tmp_path, body, frames)
    np.testing.assert_allclose(rotations.to_rotvec(rotations.about(1, 90)), pose[0, 0], atol=1e-9)
    # The body is turned to its left: its left (+x) is now -z, its front +x.
    np.testing.assert_allclose(direction(moved, "left_shoulder", "left_elbow"), [0, 0, -1], atol=1e-6)
    np.testing.assert_allclose(direction(moved, "right_knee", "right_ankle"), [-1, 0, 0], atol=1e-6)


def test_bvh_files_may_have_z_up(tmp_path, body):
    path = tmp_path / "clip.bvh"
    path.write_text(bvh_text([{}]))
    motion, rest = bvh.read(path, slice(None)), body.models["male"].j_template
    lying = dataclasses.replace(motion, offsets=motion.offsets @ rotations.Y_UP_TO_Z_UP.T)
    np.testing.assert_allclose(bvh_poses(path, lying, rest), bvh_poses(path, motion, rest), atol=1e-9)


def test_bvh_source_closes_the_hands_at_random(tmp_path, body):
    for i in range(12):
        (tmp_path / f"{i}.bvh").write_text(bvh_text([{}] * 7))
    source = sources.load_poses(str(tmp_path), body, frame_step=3)
    assert sum(source.num_frames(split) for split in SPLITS) == 12 * 3
    rng = np.random.default_rng(0)
    a, b = (source.sample(rng, "train").pose for _ in range(2))
    np.testing.assert_allclose(a[:NUM_BODY_JOINTS], b[:NUM_BODY_JOINTS], atol=1e-9)
    assert np.abs(a[NUM_BODY_JOINTS:] - b[NUM_BODY_JOINTS:]).max() > 0.05


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("HIERARCHY", "NOTHING"), "HIERARCHY"),
        (lambda text: text.replace("Frames: 2", ""), "Frames"),
        (lambda text: text.replace("Zrotation", "Wrotation"), "unknown channel wrotation of joint Hips"),
        (lambda text: text.split("Frame Time")[0] + "Frame Time: 1\n", "without frames .it announces 2."),
        (lambda text: text.replace("0.0 90.0", "0.0 nan"), "not finite"),
        (lambda text: text.rsplit("}", 1)[0] + "MOTION\nFrames: 2\nFrame Time: 1\n0\n0\n", "damaged"),
        (lambda text: text.rsplit(" ", 5)[0] + "\n", "numbers"),
    ],
)
def test_bad_bvh_files_are_named(tmp_path, body, change, message):
    (tmp_path / "clip.bvh").write_text(change(bvh_text([{}, {}])))
    with pytest.raises(UserError, match=message) as caught:
        sources.load_poses(str(tmp_path), body, frame_step=1).check()
    assert "clip.bvh" in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_bvh_files_of_windows_are_read(tmp_path, encoding):
    path = tmp_path / "clip.bvh"
    path.write_bytes(bvh_text([{}, {}]).replace("Hips", "H\xfcfte").replace("\n", "\r\n").encode(encoding))
    assert bvh.read(path, slice(None)).names[0] == "H\xfcfte" and bvh.count_frames(path) == 2


def test_frames_that_a_header_promises_are_not_drawn(tmp_path, caplog):
    path = tmp_path / "clip.bvh"
    path.write_text(bvh_text([{}] * 4).replace("Frames: 4", "Frames: 40"))
    assert bvh.count_frames(path) == 4 and "announces 40 frames and holds 4" in caplog.text
