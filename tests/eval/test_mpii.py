"""eval.mpii through files and the command: toolkit structs, JSON, image datasets, wrong input, random structures."""

import json

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval.formats import mpii_toolkit
from eval.formats.mpii_inputs import read_groups
from eval.metrics import mpii_summary
from eval.metrics.groups import GroupPredictions, GroupTruth
from openpose_tf.common.errors import UserError
from openpose_tf.skeleton import MPI, mpii_to_parts
from tests.support.commands import run_command
from tests.support.references import mpii as mpii_reference

BOX = {"x1": 0.0, "y1": 0.0, "x2": 30.0, "y2": 40.0}


def point(joint, x=0.0, y=0.0, **more):
    return {"id": joint, "x": x, "y": y, **more}


def truth_person(*points, **more):
    return {**BOX, "scale": 1.5, "objpos": {"x": 3.0, "y": 4.0}, "points": list(points), **more}


def both(tmp_path, gt, pred, name="case.json"):
    """One group as a JSON file that holds both structs."""
    path = tmp_path / name
    path.write_text(json.dumps({"images": [{"gt": gt, "pred": pred}]}))
    return str(path)


def score(path, predictions=None):
    return mpii_summary.summarize(mpii_summary.match_groups(*read_groups(path, predictions or path)), details=True)


def test_first_point_of_a_repeated_id_wins(tmp_path):
    gt = [truth_person(point(0, 1), point(0, 90))]
    pred = [{"points": [point(0, 99, score=0.9), point(0, 1, score=0.8)]}]
    result = score(both(tmp_path, gt, pred))
    assert result["n_gt"][0] == 1 and result["n_det"][0] == 1 and result["n_tp"][0] == 0
    assert result["per_joint"][0]["scores"] == [0.9]


def test_point_order_is_free_and_lone_objects_stand_for_lists(tmp_path):
    gt = truth_person(point(9, 50), point(0, 1))
    path = tmp_path / "lone.json"
    pred = {"points": point(0, 1, score=1)}
    path.write_text(json.dumps({"images": {"gt": gt, "pred": pred}}))
    result = score(str(path))
    assert result["ap"][0] == 100 and result["ap"][13] == 0 and result["groups"] == 1


def test_people_without_points(tmp_path):
    gt = [truth_person(), truth_person(point(0)), {"points": None}]
    result = score(both(tmp_path, gt, [{"points": []}]))
    assert result["groups_without_predictions"] == 0 and result["n_gt"][0] == 1 and result["people"] == 3


def test_nan_ap_becomes_null_in_json(tmp_path):
    result = score(both(tmp_path, [truth_person(point(0))], [{"points": [point(0, score=1), point(1, score=1)]}]))
    assert result["ap"][1] is None and result["table"]["Knee"] is None and result["mAP"] is None
    assert "NaN" in mpii_summary.format_table(result)


def example_groups():
    xy = np.full((2, 16, 2), np.nan)
    xy[0, 0], xy[0, 9], xy[1, 3] = (1.25, 2), (3, 4), (5, 6)
    visible = np.full((2, 16), np.nan)
    visible[0, 0], visible[1, 3] = 1, 0
    truth = [
        GroupTruth(xy, visible, np.array([[0, 0, 3.0, 4], [1, 1, 2, 2]]), np.ones((2, 2)), np.array([1.5, 2]), "a.jpg"),
        GroupTruth(*(np.zeros(s) for s in ((0, 16, 2), (0, 16), (0, 4), (0, 2), (0,))), "b.jpg"),
    ]
    scores = np.where(np.isnan(xy[..., 0]), np.nan, -0.125)
    found = [
        GroupPredictions(np.zeros((0, 16, 2)), np.zeros((0, 16)), "a.jpg"),
        GroupPredictions(xy, scores, "b.jpg"),
    ]
    return truth, found


@pytest.mark.parametrize("suffix", ["mat", "json"])
def test_round_trip_of_toolkit_files(tmp_path, suffix):
    truth, found = example_groups()
    mpii_toolkit.write_truth(tmp_path / f"gt.{suffix}", truth)
    mpii_toolkit.write_predictions(tmp_path / f"pred.{suffix}", found)
    for before, after in zip(truth, mpii_toolkit.read_truth(tmp_path / f"gt.{suffix}"), strict=True):
        for name in ("xy", "visible", "head_boxes", "objpos", "scales"):
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
        assert before.image == after.image
    for before, after in zip(found, mpii_toolkit.read_predictions(tmp_path / f"pred.{suffix}"), strict=True):
        np.testing.assert_array_equal(before.xy, after.xy)
        np.testing.assert_array_equal(before.scores, after.scores)


def test_written_struct_has_the_toolkit_fields_and_no_person_without_points(tmp_path):
    _, found = example_groups()
    extra = GroupPredictions(np.full((1, 16, 2), np.nan), np.full((1, 16), np.nan), "c.jpg")
    mpii_toolkit.write_predictions(tmp_path / "pred.mat", [*found, extra])
    pred = scipy.io.loadmat(tmp_path / "pred.mat")["pred"]
    assert pred.shape == (1, 3) and pred.dtype.names == ("annorect",)
    assert pred[0, 0]["annorect"].size == 0 and pred[0, 2]["annorect"].size == 0
    person = pred[0, 1]["annorect"][0, 0]
    points = person["annopoints"][0, 0]["point"]
    assert set(points.dtype.names) == {"x", "y", "id", "score"} and points.shape == (1, 2)


def struct(*rows):
    names = list(dict.fromkeys(name for row in rows for name in row))
    array = np.empty((1, len(rows)), dtype=[(name, object) for name in names])
    for index, row in enumerate(rows):
        for name in names:
            array[name][0, index] = row.get(name, np.zeros((0, 0)))
    return array


def mat_truth(points):
    rect = {**BOX, "annopoints": struct({"point": struct(*points)})}
    return struct({"annorect": struct(rect)})


def test_mat_accepts_text_integers_and_empty_visibility(tmp_path):
    points = [point(j, j, j, is_visible=v) for j, v in enumerate(["1", "0", np.uint8(1), np.zeros((0, 0)), -1])]
    scipy.io.savemat(tmp_path / "gt.mat", {"annolist_test_multi": mat_truth(points)})
    group = mpii_toolkit.read_truth(tmp_path / "gt.mat")[0]
    np.testing.assert_array_equal(group.visible[0, :5], [1, 0, 1, np.nan, np.nan])
    np.testing.assert_array_equal(group.xy[0, 3], [3, 3])


def test_mat_head_box_of_unsigned_integers_does_not_wrap(tmp_path):
    rect = {"x1": np.uint16(40), "y1": np.uint16(30), "x2": np.uint16(10), "y2": np.uint16(70)}
    entry = struct({"annorect": struct({**rect, "annopoints": struct({"point": struct(point(0, np.uint16(20)))})})})
    pred = struct({"annorect": struct({"annopoints": struct({"point": struct(point(0, 5, score=1.0))})})})
    scipy.io.savemat(tmp_path / "both.mat", {"annolist_gt": entry, "pred": pred})
    assert score(str(tmp_path / "both.mat"))["ap"][0] == 100  # 15 px = half of 0.6 * 50


GOOD_GT = [truth_person(point(0), point(1))]


@pytest.mark.parametrize(
    ("gt", "pred", "message"),
    [
        (GOOD_GT, [{"points": [point(0, score=float("nan"))]}], r"group 1, person 1, point 1: score is nan"),
        (GOOD_GT, [{"points": []}, {"points": [point(0, score=float("inf"))]}], r"group 1, person 2.*score is inf"),
        (GOOD_GT, [{"points": [point(0)]}], r"group 1, person 1, point 1 has no score"),
        (GOOD_GT, [{"points": [point(0, score=None)]}], r"group 1, person 1, point 1 has no score"),
        (GOOD_GT, [{"points": [point(0, score="high")]}], r"person 1.*score is 'high'"),
        (GOOD_GT, [{"points": [point(16, score=1)]}], r"group 1, person 1.*id is 16: MPII joint ids are 0 to 15"),
        (GOOD_GT, [{"points": [point(-1, score=1)]}], r"id is -1"),
        (GOOD_GT, [{"points": [point(0.5, score=1)]}], r"id is 0.5"),
        (GOOD_GT, [{"points": [point(0, float("nan"), score=1)]}], r"x is nan"),
        (GOOD_GT, [{}], r"group 1, person 1 has no list 'points'"),
        (GOOD_GT, [{"points": [3]}], r"group 1, person 1: each point must be an object"),
        (GOOD_GT, 7, r"group 1 has no list 'pred'"),
        ([{"points": [point(0)]}], [], r"group 1, person 1 has joints but no head box"),
        ([truth_person(point(0), x1=float("inf"))], [], r"group 1, person 1: x1 is inf"),
        ([truth_person(point(99))], [], r"group 1, person 1.*id is 99"),
        ([4], [], r"group 1: a person must be an object"),
    ],
)
def test_wrong_content_names_group_and_person(tmp_path, gt, pred, message):
    with pytest.raises(UserError, match=message):
        score(both(tmp_path, gt, pred))


def test_predictions_of_another_length_and_order(tmp_path):
    truth, found = example_groups()
    mpii_toolkit.write_truth(tmp_path / "gt.json", truth)
    mpii_toolkit.write_predictions(tmp_path / "short.json", found[:1])
    mpii_toolkit.write_predictions(tmp_path / "swapped.json", found[::-1])
    with pytest.raises(UserError, match="1 entries in the predictions, but 2 groups"):
        score(str(tmp_path / "gt.json"), str(tmp_path / "short.json"))
    with pytest.raises(UserError, match=r"group 1: the ground truth is of image a.jpg, the prediction of b.jpg"):
        score(str(tmp_path / "gt.json"), str(tmp_path / "swapped.json"))


def test_mat_of_another_toolkit_version(tmp_path):
    mats = {
        "RELEASE": {"RELEASE": struct({"annolist": 1.0})},
        "no_score": {"pred": struct({"annorect": struct({"annopoints": struct({"point": struct(point(0))})})})},
        "no_rect": {"pred": struct({"points": 1.0})},
        "no_point": {"pred": struct({"annorect": struct({"annopoints": struct({"x": 1.0})})})},
        "numbers": {"pred": np.ones((3, 2))},
        "empty_points": {"pred": struct({"annorect": struct({"annopoints": np.zeros((0, 0))})})},
    }
    messages = (
        r"no variable pred \(it holds RELEASE\)",
        "has no score",
        "no field annorect",
        "no field point",
        "struct vector",
    )
    messages += ("group 1, person 1 has empty annopoints",)
    for (name, content), message in zip(mats.items(), messages, strict=True):
        scipy.io.savemat(tmp_path / f"{name}.mat", content)
        with pytest.raises(UserError, match=message):
            mpii_toolkit.read_predictions(tmp_path / f"{name}.mat")
    with pytest.raises(UserError, match="no variable annolist_"):
        mpii_toolkit.read_truth(tmp_path / "no_score.mat")


def test_files_that_are_no_mat(tmp_path):
    truth, _ = example_groups()
    mpii_toolkit.write_truth(tmp_path / "gt.mat", truth)
    whole = (tmp_path / "gt.mat").read_bytes()
    (tmp_path / "cut.mat").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.mat").write_text("no mat at all")
    (tmp_path / "hdf5.mat").write_bytes(b"MATLAB 7.3 MAT-file" + b" " * 105 + b"\x00\x02IM" + bytes(512))
    for name in ("cut", "text", "hdf5", "missing"):
        with pytest.raises(UserError, match=f"{name}.mat"):
            mpii_toolkit.read_truth(tmp_path / f"{name}.mat")


def test_command(tmp_path):
    path = both(tmp_path, GOOD_GT, [{"points": [point(0, score=0.5)]}])
    files = (f"--groundtruth={path}", f"--predictions={path}", f"--output_file={tmp_path}/z.json")
    done = run_command("eval.mpii", *files, "--empty_groups=counted")
    result = json.loads((tmp_path / "z.json").read_text())
    assert len(result["ap"]) == 14 and result["ap"][0] == 100 and result["mode"] == "counted"
    assert list(result["table"]) == ["Head", "Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle"]
    assert result["toolkit"]["mAP"] == result["counted"]["mAP"] == pytest.approx(100 / 14)
    assert "without predictions 0" in done.stdout and "Shoulder" in done.stdout


def test_command_ends_with_two_and_no_traceback(tmp_path):
    path = both(tmp_path, GOOD_GT, [{"points": [point(77, score=0.5)]}])
    for groundtruth in (path, tmp_path / "none.mat", tmp_path):
        done = run_command("eval.mpii", f"--groundtruth={groundtruth}", f"--output_file={tmp_path}/z.json", code=2)
        assert done.stderr.startswith("error: ")
    assert not (tmp_path / "z.json").exists()


def test_image_dataset_is_one_group_per_image(tmp_path):
    joints = np.array([[20 + 6 * j, 30 + 4 * j, 1] for j in range(16)], float)
    joints[0, 2] = 4  # truncated: not annotated, so a predicted ankle is a false positive
    row = {"keypoints": joints.tolist(), "objpos": [60, 60], "scale": 1, "area": 900, "head_box": [0, 0, 30, 40]}
    (tmp_path / "set/annotations").mkdir(parents=True)
    (tmp_path / "set/dataset.json").write_text(json.dumps({"schema": 1, "kind": "synthetic"}))
    for name, people in (("a", [row]), ("b", [])):
        value = {"image_id": name, "image": f"images/{name}.jpg", "width": 200, "height": 200, "people": people}
        (tmp_path / f"set/annotations/{name}.json").write_text(json.dumps(value))
    parts = mpii_to_parts(joints)
    parts[:, 2] = 0.7
    parts[MPI.parts.index("r_wrist"), 2] = 0  # not found
    (tmp_path / "found").mkdir()
    found = {"image": "a.jpg", "people": [{"keypoints": parts.tolist(), "score": 1}]}
    (tmp_path / "found/a.json").write_text(json.dumps(found))
    result = score(str(tmp_path / "set"), str(tmp_path / "found"))
    assert result["groups"] == 1 and result["n_det"] == [1] * 6 + [0] + [1] * 7
    assert result["n_gt"] == [0] + [1] * 13 and result["ap"][0] is None  # a detection, nothing annotated
    assert result["ap"][6] == 0 and result["ap"][1:6] == [100] * 5


any_number = st.one_of(st.integers(-3, 20), st.floats(-50, 50), st.sampled_from([None, float("nan"), 1e308, "x", []]))
coordinate = st.one_of(st.integers(0, 60), st.floats(-10, 60), any_number)
good_point = st.fixed_dictionaries(
    # Few places and scores: many hits, ties and repeated ids; (9, 12) and (15, 0) lie exactly on the boundary.
    {
        "id": st.integers(0, 15),
        "x": st.sampled_from([0, 9, 15, 16, 40]),
        "y": st.sampled_from([0, 12, 20]),
        "score": st.integers(-2, 2),
    },
    optional={"is_visible": st.sampled_from([0, 1, None, "0", "1", []])},
)
wild_point = st.fixed_dictionaries(
    {"id": any_number, "x": coordinate, "y": coordinate}, optional={"score": any_number, "is_visible": any_number}
)
good_truth = st.lists(good_point, max_size=8).map(lambda points: truth_person(*points))
good_pred = st.lists(good_point, max_size=8).map(lambda points: {"points": points})
wild_person = st.one_of(
    st.fixed_dictionaries(
        {}, optional={"points": st.lists(wild_point, max_size=3), "x1": any_number, "scale": any_number}
    ),
    any_number,
)


def groups_of(person_truth, person_pred):
    group = st.fixed_dictionaries({"gt": st.lists(person_truth, max_size=4), "pred": st.lists(person_pred, max_size=4)})
    return st.lists(group, max_size=4)


def in_range(values):
    return all(value is None or 0 <= value <= 100 for value in values)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=groups_of(good_truth, good_pred))
def test_random_groups_equal_the_plain_loops(tmp_path, groups):
    path = tmp_path / "random.json"
    path.write_text(json.dumps({"images": groups}))
    result = score(str(path))
    for mode in ("toolkit", "counted"):
        scores = result[mode]
        assert in_range([*scores["ap"], *scores["table"].values(), scores["mAP"]])
        for joint in range(14):
            undefined = scores["n_det"][joint] > 0 and scores["n_gt"][joint] == 0
            assert (scores["ap"][joint] is None) == undefined
            assert scores["n_tp"][joint] <= min(scores["n_det"][joint], scores["n_gt"][joint])
    for mode, count in mpii_summary.EMPTY_GROUP_RULES.items():
        aps, n_gt, labels = mpii_reference.evaluate(groups, count)
        assert result[mode]["n_gt"] == n_gt
        assert [joint["labels"] for joint in result[mode]["per_joint"]] == labels
        np.testing.assert_allclose(np.array(result[mode]["ap"], float), np.array(aps, float), rtol=0, atol=1e-9)
    truth, found = read_groups(str(path), str(path))
    mpii_toolkit.write_truth(tmp_path / "gt.mat", truth)
    mpii_toolkit.write_predictions(tmp_path / "pred.mat", found)
    again = score(str(tmp_path / "gt.mat"), str(tmp_path / "pred.mat"))
    assert again["n_tp"] == result["n_tp"] and again["n_det"] == result["n_det"]
    assert again["counted"]["ap"] == result["counted"]["ap"]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=groups_of(st.one_of(good_truth, wild_person), st.one_of(good_pred, wild_person)))
def test_random_structures_are_scored_or_refused(tmp_path, groups):
    path = tmp_path / "wild.json"
    path.write_text(json.dumps({"images": groups}))
    try:
        result = score(str(path))
    except UserError as error:
        assert str(path) in str(error)
    else:
        assert in_range(result["ap"])
