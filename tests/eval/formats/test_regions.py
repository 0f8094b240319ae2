"""Region rules: who belongs to a group, by hand and on the 350 public groups."""

import json

import numpy as np
import pytest

from eval.formats import regions
from eval.formats.mpii_inputs import read_groups
from eval.formats.mpii_toolkit import read_truth, write_truth
from eval.metrics import mpii_summary
from eval.metrics.groups import GroupPredictions, GroupTruth
from openpose_tf.common.errors import UserError
from openpose_tf.skeleton import MPI


def person(*points):
    """[1, 16, 2] with the points as the first joints."""
    xy = np.full((1, 16, 2), np.nan)
    xy[0, : len(points)] = np.reshape(points, (-1, 2))
    return xy


def region(objpos, scales, width=1000, height=1000):
    return regions.region_of(np.array(objpos, float), np.array(scales, float), width, height)


def kept(xy, place, rule="openpose"):
    return regions.keep_people(xy, place, regions.RULES[rule]).tolist()


def test_region_is_the_extent_of_the_positions_and_the_mean_scale():
    place = region([[100, 300], [200, 250], [150, 400]], [1, 2, 3])
    np.testing.assert_array_equal(place.box, [100, 250, 200, 400])
    assert place.scale == 2


def test_margins_by_hand():
    assert pytest.approx(31.4, abs=0.05) == regions.OPENPOSE_MARGIN_X
    assert pytest.approx(39.3, abs=0.05) == regions.OPENPOSE_MARGIN_Y
    assert pytest.approx(42.7, abs=0.05) == regions.PPN_MARGIN


def test_openpose_takes_the_mean_of_the_joints_strictly_inside():
    place = region([[500, 500]], [2.0])
    edge = 500 + 2 * regions.OPENPOSE_MARGIN_X
    assert kept(person([edge, 500]), place) == [False]
    assert kept(person([edge - 1e-9, 500]), place) == [True]
    assert kept(person([edge + 10, 500], [edge - 20, 500]), place) == [True]  # the mean counts
    assert kept(person([500, 500 + 2 * 39.26]), place) == [True]
    assert kept(person([500, 500 + 2 * 39.27]), place) == [False]
    assert kept(person(), place) == [False]


def test_box_is_clipped_to_the_image():
    place = region([[5, 5]], [1.0], width=60, height=30)
    low, high = regions.group_box(place, regions.RULES["openpose"])
    assert low.tolist() == [0, 0] and high.tolist() == [pytest.approx(36.4, abs=0.05), 29]


def test_ppn_needs_four_joints_and_includes_the_border_of_whole_pixels():
    place = region([[500, 500]], [1.0])  # box 457.3 .. 542.7, cut to 457 .. 542
    assert kept(person(*[[542, 500]] * 4), place, "ppn") == [True]
    assert kept(person(*[[542.5, 500]] * 4), place, "ppn") == [False]
    assert kept(person(*[[457, 500]] * 4), place, "ppn") == [True]
    assert kept(person(*[[500, 500]] * 3), place, "ppn") == [False]


def test_rmpe_takes_the_torso_and_each_members_own_box():
    place = region([[100, 100], [500, 500]], [1.0, 2.0])
    torso = np.full((1, 16, 2), np.nan)
    torso[0, 6], torso[0, 7], torso[0, 0] = (540, 500), (620, 500), (0, 0)
    assert kept(torso, place, "rmpe") == [True]  # midpoint 580, the second member reaches to 600
    torso[0, 7] = (700, 500)
    assert kept(torso, place, "rmpe") == [False]
    assert kept(person([300, 300]), place, "rmpe") == [False]  # between the members
    assert kept(person([120, 100]), place, "rmpe") == [True]  # neither pelvis nor thorax: mean of the joints


def test_no_rule_keeps_everybody():
    assert kept(np.concatenate([person([0, 0]), person()]), region([[500, 500]], [1]), "none") == [True, True]


def test_margins_are_parameters():
    rule = regions.rule_named("openpose", [10, 20])
    assert regions.keep_people(person([509, 519]), region([[500, 500]], [1]), rule).tolist() == [True]
    assert regions.keep_people(person([511, 500]), region([[500, 500]], [1]), rule).tolist() == [False]
    for margins in ([1], [1, -1], [1, float("nan")]):
        with pytest.raises(UserError, match="two numbers"):
            regions.rule_named("openpose", margins)
    with pytest.raises(UserError, match="unknown region rule"):
        regions.rule_named("cmu")


@pytest.mark.parametrize("scales", [[np.nan], [0.0], []])
def test_a_group_needs_positions_and_scales(scales):
    with pytest.raises(UserError, match="objpos"):
        region([[1, 2]] * len(scales), scales)


def truth_at(x, y, image):
    xy = np.full((1, 16, 2), np.nan)
    xy[0, 0] = x, y
    objpos, box = np.array([[x, y]], float), np.array([[0, 0, 30, 40.0]])
    return GroupTruth(xy, np.ones((1, 16)), box, objpos, np.array([1.0]), image)


def test_an_image_with_two_groups_is_evaluated_twice(tmp_path):
    write_truth(
        tmp_path / "gt.json", [truth_at(100, 100, "a.jpg"), truth_at(400, 100, "a.jpg"), truth_at(9, 9, "b.jpg")]
    )
    people = np.zeros((3, 15, 3))
    ankle = MPI.parts.index("r_ankle")
    people[:, ankle] = [[100, 100, 0.5], [400, 100, 0.6], [700, 100, 0.9]]  # the last belongs to no group
    (tmp_path / "found").mkdir()
    value = {"image": "a.jpg", "width": 800, "height": 200}
    value["people"] = [{"keypoints": p.tolist(), "score": 1} for p in people]
    (tmp_path / "found/a.json").write_text(json.dumps(value))
    truth, found = read_groups(str(tmp_path / "gt.json"), str(tmp_path / "found"))
    assert [len(entry.xy) for entry in found] == [1, 1, 0]
    result = mpii_summary.summarize(mpii_summary.match_groups(truth, found))
    assert result["ap"][0] == 100 and result["n_det"][0] == 2 and result["groups_without_predictions"] == 1
    assert result["counted"]["ap"][0] == pytest.approx(200 / 3)
    everybody = read_groups(str(tmp_path / "gt.json"), str(tmp_path / "found"), regions.RULES["none"])
    assert mpii_summary.summarize(mpii_summary.match_groups(*everybody))["n_det"][0] == 6


def test_predictions_per_image_need_image_names(tmp_path):
    write_truth(tmp_path / "gt.json", [truth_at(1, 1, "")])
    (tmp_path / "found").mkdir()
    (tmp_path / "found/a.json").write_text('{"image": "a.jpg", "people": []}')
    with pytest.raises(UserError, match="group 1 has no image name"):
        read_groups(str(tmp_path / "gt.json"), str(tmp_path / "found"))


def test_restrict_keeps_the_scores_beside_the_people():
    found = GroupPredictions(np.concatenate([person([0, 0]), person([500, 500])]), np.arange(32.0).reshape(2, 16), "a")
    inside = regions.restrict(found, region([[500, 500]], [1]), regions.RULES["openpose"])
    assert inside.scores[0, 0] == 16 and len(inside.xy) == 1 and inside.image == "a"


def test_the_350_public_groups(shared_data):
    folder = shared_data / "real" / "mpii_annot"
    rows = json.loads((folder / "MPI_MP_VAL_annotations.json").read_text())["root"]
    kept_people = dict.fromkeys(regions.RULES, 0)
    for group, row in zip(read_truth(folder / "mpi_val_groundtruth.mat"), rows, strict=True):
        place = regions.truth_region(group, int(row["im_width"]), int(row["im_height"]), "group")
        np.testing.assert_array_equal(place.box, row["center_bbox"])
        assert place.scale == pytest.approx(row["group_scale"], abs=6e-4)
        for name, rule in regions.RULES.items():
            kept_people[name] += int(regions.keep_people(group.xy, place, rule).sum())
    # The published rules keep 902 people; RMPE's loses one without pelvis and thorax, whom our fallback keeps.
    assert kept_people == dict.fromkeys(regions.RULES, 902)
