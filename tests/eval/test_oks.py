"""eval.oks on prediction folders against image datasets and COCO files, through the command."""

import json

import numpy as np
import pytest

from eval import oks
from openpose_tf.common.errors import UserError
from openpose_tf.skeleton import MPI, mpii_to_parts
from tests.support.commands import run_command


def person16(x, y, state=1):
    """A stick person of 16 MPII joints at (x, y)."""
    offsets = [(-6, 60), (-6, 40), (-6, 20), (6, 20), (6, 40), (6, 60), (0, 20), (0, -14), (0, -18), (0, -34)]
    offsets += [(-24, 20), (-18, 4), (-12, -12), (12, -12), (18, 4), (24, 20)]
    return np.array([[x + dx, y + dy, state] for dx, dy in offsets], float)


def write_dataset(root, people_per_image):
    (root / "annotations").mkdir(parents=True)
    (root / "dataset.json").write_text(json.dumps({"schema": 1, "kind": "synthetic", "num_images": 1}))
    for number, people in enumerate(people_per_image):
        name = f"{number:06d}"
        rows = [
            {
                "keypoints": joints.tolist(),
                "objpos": joints[6, :2].tolist(),
                "scale": 0.5,
                "area": area,
                "head_box": [*(joints[9, :2] - 5), *(joints[8, :2] + 5)],
            }
            for joints, area in people
        ]
        row = {
            "schema": 1,
            "image_id": name,
            "image": f"images/{name}.jpg",
            "width": 320,
            "height": 240,
            "people": rows,
        }
        (root / "annotations" / f"{name}.json").write_text(json.dumps(row))
    return root


def write_predictions(root, people_by_name):
    root.mkdir(parents=True, exist_ok=True)
    for name, people in people_by_name.items():
        rows = [{"keypoints": parts.tolist(), "score": 0.9} for parts in people]
        value = {"image": f"{name}.jpg", "width": 320, "height": 240, "people": rows}
        (root / f"{name}.json").write_text(json.dumps(value))
    return root


def parts_of(joints, score=0.8):
    parts = mpii_to_parts(joints)
    parts[:, 2] = score
    return parts


def coco_file(path, people_by_name):
    names = ["nose", "left_eye", "right_eye", "left_ear", "right_ear"]
    names += [
        f"{side}_{j}" for j in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
    ]
    annotations = []
    for image_id, people in enumerate(people_by_name.values()):
        for joints, crowd in people:
            by_name = dict(zip(MPI.parts, mpii_to_parts(joints)))
            keypoints = [[0, 0, 0]] * 5 + [
                [*by_name[n.replace("left_", "l_").replace("right_", "r_")][:2], 2] for n in names[5:]
            ]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": 1,
                    "iscrowd": crowd,
                    "area": 2000.0,
                    "bbox": [0, 0, 50, 100],
                    "num_keypoints": 12,
                    "keypoints": np.ravel(keypoints).tolist(),
                }
            )
    images = [{"id": i, "file_name": f"{n}.jpg", "width": 320, "height": 240} for i, n in enumerate(people_by_name)]
    categories = [{"id": 1, "name": "person", "keypoints": names}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def test_image_dataset_perfect_and_missing(tmp_path):
    left, right = person16(80, 90), person16(200, 90)
    truth = write_dataset(tmp_path / "images", [[(left, 2000.0), (right, 2000.0)], [(left, 2000.0)]])
    found = write_predictions(tmp_path / "found", {"000000": [parts_of(left), parts_of(right)], "other": []})
    result = oks.evaluate(str(found), str(truth))
    assert result["joints"] == list(MPI.parts[:14])
    assert result["AR"] == pytest.approx(2 / 3)  # the third person's image has no prediction
    assert (result["images_without_prediction"], result["predictions_without_groundtruth"]) == (1, 1)
    only = oks.evaluate(str(found), str(truth), only_predicted=True)
    assert only["AP"] == pytest.approx(1) and only["num_images"] == 1
    assert all(row["similarity"] == 1 and row["AP"] == pytest.approx(1) for row in only["per_joint"].values())


def test_a_list_chooses_the_images_that_count_by_id_or_name(tmp_path):
    left = person16(80, 90)
    truth = coco_file(tmp_path / "coco.json", {"a": [(left, 0)], "b": [(left, 0)], "c": [(left, 0)]})
    first_id = json.loads(truth.read_text())["images"][0]["id"]
    found = write_predictions(tmp_path / "found", {"a": [parts_of(left)], "c": [parts_of(left)]})
    chosen = tmp_path / "holdout_images.txt"
    chosen.write_text(f"# held out\n{first_id}\nb.jpg\n")
    result = oks.evaluate(str(found), str(truth), include_list=str(chosen))
    assert (result["num_images"], result["AR"]) == (2, pytest.approx(0.5))  # b has no prediction, c does not count
    chosen.write_text("nowhere.jpg\n")
    with pytest.raises(UserError, match=r"1 of 1 names are not in the ground truth, such as nowhere\.jpg"):
        oks.evaluate(str(found), str(truth), include_list=str(chosen))


def test_truncated_joints_are_not_labelled_and_invisible_people_ignored(tmp_path):
    cut, hidden = person16(80, 200), person16(200, 90, state=3)
    cut[cut[:, 1] > 239, 2] = 4
    truth = write_dataset(tmp_path / "images", [[(cut, 2000.0), (hidden, 0.0)]])
    found = write_predictions(tmp_path / "found", {"000000": [parts_of(cut)]})
    result = oks.evaluate(str(found), str(truth))
    assert result["num_people"] == 1 and result["num_ignored_people"] == 1
    assert result["per_joint"]["r_knee"]["labelled"] == 0 and result["per_joint"]["r_knee"]["AP"] is None
    assert result["per_joint"]["r_hip"]["labelled"] == 1 and result["AP"] == pytest.approx(1)


def test_coco_uses_the_twelve_limb_joints_and_ignores_crowds(tmp_path):
    one, crowd = person16(80, 90), person16(200, 90)
    truth = coco_file(tmp_path / "coco.json", {"a": [(one, 0), (crowd, 1)], "b": []})
    found = write_predictions(tmp_path / "found", {"a": [parts_of(one), parts_of(crowd, 0.9)], "b": []})
    result = oks.evaluate(str(found), str(truth))
    assert result["joints"] == list(oks.LIMB_JOINTS) and len(result["joints"]) == 12
    assert result["AP"] == pytest.approx(1) and result["num_people"] == 1
    with pytest.raises(UserError, match="head_top"):
        oks.evaluate(str(found), str(truth), joints="mpii14")


@pytest.mark.parametrize(("tag", "size"), [(6, (240, 320)), (8, (240, 320)), (3, (320, 240))])
def test_results_of_photographs_that_predict_turned_score_like_others(tmp_path, tag, size):
    one = person16(80, 90)
    truth = coco_file(tmp_path / "coco.json", {"a": [(one, 0)]})
    parts = parts_of(one)
    x, y = parts[:, 0].copy(), parts[:, 1].copy()
    parts[:, 0], parts[:, 1] = {3: (319 - x, 239 - y), 6: (239 - y, x), 8: (y, 319 - x)}[tag]
    found = write_predictions(tmp_path / "found", {"a": [parts]})
    value = json.loads((found / "a.json").read_text()) | {"width": size[0], "height": size[1]}
    for told in ({"exif_orientation": tag}, {}):
        (found / "a.json").write_text(json.dumps(value | told))
        if told or tag != 3:  # else nothing tells that it was turned
            assert oks.evaluate(str(found), str(truth))["AP"] == pytest.approx(1)
    (found / "a.json").write_text(json.dumps(value | {"width": 640, "height": 480}))
    with pytest.raises(UserError, match=r"a\.jpg: predicted at 640x480, annotated at 320x240"):
        oks.evaluate(str(found), str(truth))


def test_a_person_of_one_joint_without_area_has_no_scale_and_is_ignored(tmp_path):
    one, dot = person16(80, 90), person16(200, 90)
    truth = coco_file(tmp_path / "coco.json", {"a": [(one, 0), (dot, 0)]})
    value = json.loads(truth.read_text())
    keypoints = np.reshape(value["annotations"][1]["keypoints"], (17, 3))
    keypoints[6:] = 0
    value["annotations"][1] |= {"keypoints": keypoints.ravel().tolist(), "area": 0, "bbox": [0, 0, 0, 0]}
    truth.write_text(json.dumps(value))
    found = write_predictions(tmp_path / "found", {"a": [parts_of(one)]})
    result = oks.evaluate(str(found), str(truth))
    assert result["AP"] == pytest.approx(1) and (result["num_people"], result["num_ignored_people"]) == (1, 1)


@pytest.mark.parametrize(
    ("name", "plain"), [("x\\a.jpg", "a"), ("a%20b.jpg", "a b"), ("Mu\u0308ller.jpg", "M\u00fcller")]
)
def test_names_as_other_systems_write_them(tmp_path, name, plain):
    one = person16(80, 90)
    truth = coco_file(tmp_path / "coco.json", {"a": [(one, 0)]})
    value = json.loads(truth.read_text())
    value["images"][0]["file_name"] = name
    truth.write_text(json.dumps(value))
    found = write_predictions(tmp_path / "found", {plain: [parts_of(one)]})
    assert oks.evaluate(str(found), str(truth))["AP"] == pytest.approx(1)


def test_chosen_joints(tmp_path):
    assert oks.choose_joints("r_wrist,l_wrist", MPI.parts) == ("r_wrist", "l_wrist")
    assert oks.choose_joints("parts15", MPI.parts) == MPI.parts
    with pytest.raises(UserError, match="unknown joint 'nose'"):
        oks.choose_joints("nose", MPI.parts)


def test_command_writes_json_and_prints_a_table(tmp_path):
    one = person16(80, 90)
    truth = write_dataset(tmp_path / "images", [[(one, 2000.0)]])
    found = write_predictions(tmp_path / "found", {"000000": [parts_of(one)]})
    files = (f"--predictions={found}", f"--groundtruth={truth}", f"--output_file={tmp_path}/oks.json")
    done = run_command("eval.oks", *files)
    assert json.loads((tmp_path / "oks.json").read_text())["AP"] == pytest.approx(1)
    assert "head_top" in done.stdout and "AP 100.0" in done.stdout


def bad_predictions(folder, content):
    folder.mkdir()
    (folder / "a.json").write_text(content)
    return folder


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ('{"image": "a.jpg", "people": [{"keypoints": [[1, 2, 3]]}]}', "person 0 needs"),
        ('{"image": "a.jpg", "people": 3}', "must be a list"),
        ('{"x": 1}', "holds no prediction JSON"),
        (json.dumps({"image": "a.jpg", "people": [{"keypoints": [[float("nan"), 1, 1]] * 15}]}), "NaN or infinite"),
        ('{"image": "zzz.jpg", "people": []}', "belongs to an image"),
    ],
)
def test_wrong_predictions(tmp_path, content, message):
    truth = coco_file(tmp_path / "coco.json", {"a": [(person16(80, 90), 0)]})
    with pytest.raises(UserError, match=message):
        oks.evaluate(str(bad_predictions(tmp_path / "found", content)), str(truth))


def test_two_predictions_of_one_image(tmp_path):
    truth = coco_file(tmp_path / "coco.json", {"a": []})
    found = write_predictions(tmp_path / "found", {"a": []})
    (found / "b.json").write_text((found / "a.json").read_text())
    with pytest.raises(UserError, match="second prediction"):
        oks.evaluate(str(found), str(truth))


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        '{"images": 1}',
        '{"images": [{"id": 1}], "annotations": []}',
        '{"images": [], "annotations": [{"keypoints": [1]}]}',
    ],
)
def test_a_json_that_is_not_coco(tmp_path, content):
    (tmp_path / "coco.json").write_text(content)
    found = write_predictions(tmp_path / "found", {"a": []})
    with pytest.raises(UserError, match="COCO keypoint file"):
        oks.evaluate(str(found), str(tmp_path / "coco.json"))


def test_command_ends_with_two_and_no_traceback(tmp_path):
    files = (f"--predictions={tmp_path}/none", f"--groundtruth={tmp_path}", f"--output_file={tmp_path}/o.json")
    assert "dataset.json" in run_command("eval.oks", *files, code=2).stderr
    flags = ("--predictions=x", "--groundtruth=y", "--output_file=z", "--sigmas=unknown")
    assert "sigmas" in run_command("eval.oks", *flags, code=2).stderr
    assert not (tmp_path / "o.json").exists()


def test_a_baseline_is_compared_picture_by_picture_and_by_pitch(tmp_path):
    flat = write_dataset(tmp_path / "flat", [[(person16(100, 100), 4000.0)]])
    steep = write_dataset(tmp_path / "steep", [[(person16(150, 100), 4000.0)]])
    for root, pitch in ((flat, 5.0), (steep, 40.0)):
        (path,) = (root / "annotations").iterdir()
        row = json.loads(path.read_text())
        row["camera"] = {"pitch_deg": pitch}
        path.write_text(json.dumps(row))
    right = [write_predictions(tmp_path / f"r{x}", {"000000": [parts_of(person16(x, 100))]}) for x in (100, 150)]
    nobody = write_predictions(tmp_path / "nobody", {"000000": []})
    truths = [str(flat), str(steep)]
    after = [str(path) for path in right]
    result = oks.evaluate(after, truths, baseline=[after[0], str(nobody)])
    assert (result["num_images"], result["AP"], result["baseline"]["AP"]) == (2, 1.0, pytest.approx(0.505, abs=0.01))
    assert result["baseline"]["difference"] == pytest.approx(1 - result["baseline"]["AP"])
    by_pitch = [(row["low"], row["high"], row["people"], row["AP"]) for row in result["by_camera_pitch"]]
    assert by_pitch == [(0, 12, 1, [1.0, 1.0]), (36, 90, 1, [0.0, 1.0])]
    assert "difference +" in oks.format_table(result)
    with pytest.raises(UserError, match="as many --predictions"):
        oks.evaluate(after, truths[:1])


def test_a_baseline_of_as_many_other_images_is_refused(tmp_path):
    truth = write_dataset(tmp_path / "truth", [[(person16(100, 100), 4000.0)], [(person16(150, 100), 4000.0)]])
    first, second = (
        write_predictions(tmp_path / name, {name: [parts_of(person16(100, 100))]}) for name in ("000000", "000001")
    )
    with pytest.raises(UserError, match=r"2 are in one of them only, such as \['000000'\]"):
        oks.evaluate(str(first), str(truth), only_predicted=True, baseline=[str(second)])
