"""Ground truth of mixed pictures: what is carried over from the photograph, and the pixel test of hidden joints."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations.image_dataset import read_image_dataset
from openpose_tf.data.annotations.types import AnnotatedImage, Person, ReadResult
from openpose_tf.skeleton import JointState
from synth.body import loading
from synth.dataset import completeness, index, writer
from synth.poses import sources as poses
from synth.rendering import mixed_image, photo_matching
from synth.rendering.renderer import Frame
from synth.scene import camera, light, photographs, placement, sampling
from synth.scene.backgrounds import BackgroundList
from synth.scene.config import PHOTO_MATCHES, SceneConfig
from tests.support.bodies.checks import box_intersects

WIDTH, HEIGHT = 120, 90
LOOK = photo_matching.PhotoLook(0.2, 0.2, 0.0, (1.0, 1.0, 1.0), 0.0, 1.0, 0.0, 0.0, 0.0)


def real_person(scale=0.4, objpos=(40.25, 45.5), area=512.7, head_box=(18.1, 5.2, 30.3, 17.4)):
    keypoints = np.array([[20 + 3.125 * k, 10 + 4.7 * k, JointState.VISIBLE] for k in range(16)])
    keypoints[3] = 0  # not annotated
    keypoints[4] = (150.3, 20.0, JointState.TRUNCATED)
    keypoints[5, 2] = JointState.SELF_OCCLUDED
    box = None if head_box is None else np.array(head_box)
    return Person(keypoints, np.array(objpos), scale, box, area=area)


def photograph(*people, **changes):
    return AnnotatedImage("one", Path("/nowhere/one.jpg"), WIDTH, HEIGHT, people, **changes)


def rendered(objpos):
    keypoints = [[50.0, 50.0, 1]] * 16
    return {"instance_id": 1, "keypoints": keypoints, "objpos": objpos, "scale": 0.3, "is_synthetic": True}


def test_ground_truth_of_real_people_is_carried_over_exactly():
    person = real_person()
    labelled = tuple(k != 9 for k in range(16))
    row = mixed_image.carry_over(
        photograph(person, labelled_joints=labelled), [rendered([80.0, 45.5])], np.zeros((HEIGHT, WIDTH), int)
    )
    row = json.loads(json.dumps(row))
    real, synthetic = row["people"]
    assert real["is_synthetic"] is False and synthetic["is_synthetic"] is True
    np.testing.assert_array_equal(real["keypoints"], person.keypoints)
    assert real["objpos"] == list(person.objpos) and real["scale"] == person.scale
    assert real["head_box"] == list(person.head_box) and real["area"] == person.area
    assert row["labelled_joints"] == list(labelled)
    assert (real["instance_id"], synthetic["instance_id"]) == (2, 1)  # the mask's ids are the rendered people's
    assert row["carried_over"] == {
        "people_real": 1,
        "people_synthetic": 1,
        "real_joints": 14,
        "real_joints_covered": 0,
    }
    # 13 of 15 annotated joints are visible, one is outside.
    assert real["visible_ratio"] == pytest.approx(13 / 15) and real["cropped_ratio"] == pytest.approx(1 / 15)


def test_distances_are_over_real_and_rendered_people():
    near, far = real_person(objpos=(10.0, 10.0)), real_person(objpos=(10.0, 50.0))
    unplaced = real_person(objpos=(math.nan, math.nan))
    ids = np.zeros((HEIGHT, WIDTH), int)
    people = mixed_image.carry_over(photograph(near, unplaced, far), [rendered([13.0, 14.0])], ids)["people"]
    assert [one["min_distance"] for one in people] == [5.0, None, pytest.approx(math.hypot(3, 36), abs=1e-3), 5.0]
    assert [one["nearest_person"] for one in people] == [3, None, 3, 0]
    alone = mixed_image.carry_over(photograph(near, unplaced), [], ids)["people"]
    assert [one["min_distance"] for one in alone] == [None, None]


@pytest.mark.parametrize(
    ("hole", "hidden"),
    [
        (None, True),  # everything in front
        ((40, 30), False),  # background at the joint itself
        ((42, 32), False),  # in the corner of the window
        ((43, 30), True),  # one column beside it
        ((40, 27), True),  # one row above it
        ((38, 28), False),
    ],
)
def test_a_real_joint_is_hidden_if_no_pixel_around_it_is_background(hole, hidden):
    """Scale 0.4: the window reaches 2 px to each side, here columns 38 to 42 and rows 28 to 32."""
    keypoints = np.zeros((16, 3))
    keypoints[7] = (40.0, 30.0, JointState.VISIBLE)
    ids = np.full((HEIGHT, WIDTH), 2)
    if hole:
        ids[hole[1], hole[0]] = 0
    person = dataclasses.replace(real_person(), keypoints=keypoints)
    expected = np.zeros(16, bool)
    expected[7] = hidden
    np.testing.assert_array_equal(mixed_image.covered_joints(person, ids), expected)


def test_the_window_follows_scale_position_and_border():
    keypoints = np.zeros((16, 3))
    keypoints[0] = (0.4, 0.0, JointState.VISIBLE)  # window columns 0 .. 2, rows 0 .. 2 at scale 0.4
    keypoints[1] = (60.5, 40.5, JointState.SELF_OCCLUDED)  # columns 59 .. 62: centres within 2 px
    keypoints[2] = (150.0, 40.0, JointState.TRUNCATED)  # outside: never hidden by what is in the picture
    person = dataclasses.replace(real_person(), keypoints=keypoints)
    ids = np.zeros((HEIGHT, WIDTH), int)
    ids[0:3, 0:3] = 1
    ids[39:43, 59:63] = 1
    np.testing.assert_array_equal(np.flatnonzero(mixed_image.covered_joints(person, ids)), [0, 1])
    ids[39, 59] = 0
    np.testing.assert_array_equal(np.flatnonzero(mixed_image.covered_joints(person, ids)), [0])
    tall = dataclasses.replace(person, scale=0.8)  # 4 px: the small patches no longer fill the windows
    assert not mixed_image.covered_joints(tall, ids).any()
    unknown = dataclasses.replace(person, scale=math.nan)  # the joint's own pixel decides
    ids[:] = 0
    ids[0, 0] = 3
    np.testing.assert_array_equal(np.flatnonzero(mixed_image.covered_joints(unknown, ids)), [0])


def test_a_hidden_joint_changes_its_state_and_nothing_else():
    person, ids = real_person(), np.ones((HEIGHT, WIDTH), int)
    row = mixed_image.carry_over(photograph(person), [rendered([80.0, 45.5])], ids)
    keypoints = np.array(row["people"][0]["keypoints"])
    np.testing.assert_array_equal(keypoints[:, :2], person.keypoints[:, :2])
    states = np.full(16, int(JointState.OCCLUDED_BY_OTHER))
    states[3], states[4] = JointState.MISSING, JointState.TRUNCATED
    np.testing.assert_array_equal(keypoints[:, 2], states)
    assert row["people"][0]["visible_ratio"] == 0.0
    assert row["carried_over"]["real_joints_covered"] == 14
    assert person.keypoints[0, 2] == JointState.VISIBLE  # the source is not touched


@pytest.mark.parametrize(("matches", "noise"), [(frozenset(), 0), (frozenset(PHOTO_MATCHES), 4)])
def test_the_photograph_changes_by_people_and_their_shadows_only(matches, noise):
    """By default by alpha alone (paper): people of linear light 0.3 have level 148.6."""
    photo = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    rgb, alpha = np.zeros((HEIGHT, WIDTH, 3), np.float32), np.zeros((HEIGHT, WIDTH, 1), np.float32)
    rgb[20:40, 30:50], alpha[20:40, 30:50] = 0.3, 1.0
    shining = light.sample_sh(np.random.default_rng(0))
    eye = camera.mixed_camera(np.random.default_rng(0), WIDTH, HEIGHT)
    scene = sampling.Scene(0, eye, shining, None, (), None, 1, 2)
    mixed = mixed_image.MixedImage(scene, photograph(), photo, dataclasses.replace(LOOK, noise=4.0), 0, matches)
    picture = mixed.compose(Frame(rgb, alpha, np.int32(alpha[..., 0] > 0), alpha[..., 0]), lambda name: None)
    outside = alpha[..., 0] == 0
    np.testing.assert_array_equal(picture[outside], photo[outside])
    assert picture[~outside].mean() == pytest.approx(148.6, abs=1)
    assert picture[~outside].std() == pytest.approx(noise, abs=noise / 4)


def test_values_of_photo_match():
    def matches(text, **more):
        return SceneConfig(photo_match=text, **more).photo_matches

    assert SceneConfig().photo_matches == matches("none") == frozenset()
    assert matches("all") == matches("all", light="sh") == set(PHOTO_MATCHES)
    assert matches("noise, shadow", light="sh") == {"noise", "shadow"}
    with pytest.raises(UserError, match="names fog: use none, all, or some of light"):
        matches("noise,fog")
    with pytest.raises(UserError, match="light, colour and blur need --light=hdri"):
        matches("colour", light="sh")


def test_folders_of_before_the_flag_have_people_matched_in_every_way(tmp_path):
    writer.open_dataset(tmp_path, "mixed", 1, 1, {"samples": 4}, [])
    with pytest.raises(UserError, match=r"flags\.photo_match: all, now none"):
        writer.open_dataset(tmp_path, "mixed", 1, 1, {"samples": 4, "photo_match": "none"}, [])
    writer.open_dataset(tmp_path, "mixed", 1, 1, {"samples": 4, "photo_match": "all"}, [])
    with pytest.raises(UserError, match=r"flags\.photo_match: all, now noise"):
        writer.open_dataset(tmp_path, "mixed", 1, 1, {"samples": 4, "photo_match": "noise"}, [])


def test_the_camera_is_the_release_one_whatever_the_seed():
    for seed in range(3):
        one = camera.mixed_camera(np.random.default_rng(seed), 640, 480)
        assert one.focal_px == 1200 and one.pitch_deg == 0 and one.centre_m == (0.0, -9.0, 1.0)
    pixels, depth = one.project(np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(pixels, [[319.5, 239.5], [319.5, 239.5 + 1200 / 9]])
    np.testing.assert_allclose(depth, 9)


def test_people_stand_over_the_whole_width_and_in_front_of_the_release_plane():
    eye = camera.mixed_camera(np.random.default_rng(0), 640, 480)
    area = placement.AREAS["mixed"](eye)
    assert area.far_m == 3.0 and area.side_share == 1.0
    assert area.near_m == pytest.approx(-9 + 1200 / 240)  # the lower border meets the ground 5 m away
    rng = np.random.default_rng(1)
    spots = [placement.sample_placement(rng, eye, area).position_m for _ in range(300)]
    columns = np.array([319.5 + 1200 * x / (y + 9) for x, y in spots])
    assert columns.min() < 10 and columns.max() > 630 and (np.abs(columns - 319.5) <= 320).all()


@pytest.fixture(scope="module")
def sources():
    model = loading.load_body("builtin")
    return sampling.Sources(model, poses.load_poses("builtin", model), BackgroundList((), ()), ("city", "forest"))


def test_a_scene_is_data_of_seed_index_and_photograph(sources):
    config = SceneConfig(dataset="mixed", seed=7, people_mean=0.0, camera="mixed")
    photo = photograph(real_person())

    def text(index, look=LOOK):
        one = mixed_image.sample_scene(config, sources, photo, look, index, box_intersects)
        assert (one.camera.width, one.camera.height) == (WIDTH, HEIGHT)
        assert len(one.figures) == one.placement.people_wanted == 2  # the least number
        return json.dumps(sampling.describe_scene(one, [{}] * 2))

    assert text(3) == text(3)
    assert text(3) != text(4)
    other = dataclasses.replace(config, dataset="synthetic")
    assert (
        sampling.scene_seeds(other, 3)[0].generate_state(2) != sampling.scene_seeds(config, 3)[0].generate_state(2)
    ).any()


def test_the_sun_follows_the_photograph_only_where_its_light_is_matched(sources):
    def side(match, bright_side):
        config = SceneConfig(dataset="mixed", seed=7, people_mean=0.0, camera="mixed", photo_match=match)
        look = dataclasses.replace(LOOK, bright_side=bright_side)
        return mixed_image.sample_scene(config, sources, photograph(real_person()), look, 3, box_intersects).light

    assert side("none", 0.4) == side("none", -0.4) == side("noise", 0.4)
    right, left = side("light", 0.4), side("light", -0.4)
    assert right.sun_direction[0] == -left.sun_direction[0] != 0 and side("all", 0.4) == right


def test_the_sun_stands_on_the_bright_side():
    shining = light.Light("hdri", sun_energy=2.0, sun_direction=(0.6, 0.0, -0.8))  # shines from the left
    right = mixed_image.sun_from(shining, dataclasses.replace(LOOK, bright_side=0.4))
    assert right.sun_direction == (-0.6, 0.0, -0.8)
    assert mixed_image.sun_from(shining, dataclasses.replace(LOOK, bright_side=-0.4)).sun_direction == (0.6, 0.0, -0.8)
    assert mixed_image.sun_from(shining, LOOK) is shining


def written(folder, photo, ignore=None):
    """A dataset of one picture, written as a worker does."""
    writer.open_dataset(folder, "mixed", 1, 1, {}, [])
    ids = np.zeros((HEIGHT, WIDTH), int)
    row = mixed_image.carry_over(photo, [rendered([80.0, 45.5])], ids)
    writer.write_sample(folder, "000000", np.zeros((HEIGHT, WIDTH, 3), np.uint8), ids, None, row, 95, ignore)


def test_the_reader_gives_back_what_the_photograph_had(tmp_path):
    person = real_person()
    unknown = real_person(scale=math.nan, objpos=(math.nan, math.nan), area=None)
    ignore = np.zeros((HEIGHT, WIDTH), bool)
    ignore[10:20, 30:50] = True
    written(tmp_path, photograph(person, unknown, labelled_joints=tuple(k != 9 for k in range(16))), ignore)
    (read,) = read_image_dataset(tmp_path)
    assert [one.is_synthetic for one in read.people] == [False, False, True]
    np.testing.assert_array_equal(read.people[0].keypoints, person.keypoints)
    np.testing.assert_array_equal(read.people[0].objpos, person.objpos)
    np.testing.assert_array_equal(read.people[0].head_box, person.head_box)
    assert read.people[0].scale == person.scale and read.people[0].area == person.area
    assert math.isnan(read.people[1].scale) and np.isnan(read.people[1].objpos).all()
    assert not read.labelled_joints[9] and sum(read.labelled_joints) == 15
    from openpose_tf.data.annotations import pixels as images

    np.testing.assert_array_equal(images.read_ignore_mask(read), ignore)
    assert index.read(tmp_path).counts["people_real"] == 2


def test_a_picture_without_its_ignore_mask_is_made_again(tmp_path):
    ignore = np.ones((HEIGHT, WIDTH), bool)
    written(tmp_path, photograph(real_person()), ignore)
    assert completeness.complete(tmp_path, [0]) == {0}
    (tmp_path / "ignore_masks" / "0000" / "000000.png").unlink()
    assert completeness.missing(tmp_path, [0]) == [0]


def test_only_real_people_are_samples_of_mixed_data():
    for kind in ("mixed", "stylized", "real"):
        assert not ReadResult([], kind=kind).sample_synthetic and ReadResult([], kind=kind).min_height == 32
    for kind in ("synthetic", "real_standin"):
        assert ReadResult([], kind=kind).sample_synthetic and ReadResult([], kind=kind).min_height == 0


def test_rows_keep_every_digit_and_read_one_line(tmp_path):
    first = photograph(real_person(scale=1 / 3), ignore_segmentations=([[1.1, 2.2, 3.3, 4.4, 5.5, 6.6]],))
    second = dataclasses.replace(photograph(real_person(scale=math.nan, head_box=None)), image_id="two")
    listed = photographs.describe_list([first, second], tmp_path)
    photographs.write_list([first, second], listed)
    again = photographs.load_photograph(listed, 1)
    assert again.image_id == "two" and math.isnan(again.people[0].scale) and again.people[0].head_box is None
    again = photographs.load_photograph(listed, 0)
    np.testing.assert_array_equal(again.people[0].keypoints, first.people[0].keypoints)
    assert again.people[0].scale == 1 / 3 and again.ignore_segmentations == first.ignore_segmentations
    Path(listed.path).unlink()
    with pytest.raises(UserError, match="cannot be read"):
        photographs.load_photograph(listed, 0)


def test_the_digest_knows_ground_truth_but_not_folders(tmp_path):
    one = photograph(real_person())
    digest = photographs.describe_list([one], tmp_path).digest
    moved = dataclasses.replace(one, image_path=Path("/elsewhere/one.jpg"))
    assert photographs.describe_list([moved], tmp_path / "other").digest == digest
    shifted = photograph(real_person(objpos=(40.25, 45.6)))
    assert photographs.describe_list([shifted], tmp_path).digest != digest
    assert photographs.describe_list([one, moved], tmp_path).digest != digest
