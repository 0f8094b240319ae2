"""The predict command: results of pictures of all sizes, films, scales and damage."""

import dataclasses
import json
import math

import cv2
import numpy as np
import pytest
from PIL import Image

from openpose_tf import predict
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.inference import image_files
from openpose_tf.skeleton import COCO_JOINTS, COCO_TO_PART, MPI
from tests.support import painted_network
from tests.support.commands import run_command


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("painted") / "pose"
    painted_network.save(folder)
    return str(folder)


def _write(path, height, width, value=200):
    path.parent.mkdir(parents=True, exist_ok=True)
    images.write(path, np.full((height, width, 3), value, np.uint8))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    _write(folder / "000000000139.jpg", 120, 160)
    _write(folder / "b.png", 240, 320)
    _write(folder / "dark.jpg", 120, 160, 10)
    _write(folder / "tall.jpg", 200, 100)
    return folder


def _keypoints(entry):
    return np.array([person["keypoints"] for person in entry["people"]])


def test_pictures_and_json(saved_model, photos, tmp_path):
    options = predict.PredictOptions(saved_model, [str(photos)], str(tmp_path), longest_side=160, batch_size=2)
    assert predict.predict(options) == 0
    names = ["000000000139", "b", "dark", "tall"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f"{n}{s}" for n in names for s in (".jpg", ".json"))
    for name, file, (height, width) in zip(
        names, ["000000000139.jpg", "b.png", "dark.jpg", "tall.jpg"], [(120, 160), (240, 320), (120, 160), (200, 100)]
    ):
        entry = json.loads((tmp_path / f"{name}.json").read_text())
        assert (entry["image"], entry["width"], entry["height"]) == (file, width, height)
        drawn = images.read_rgb(tmp_path / f"{name}.jpg", orientation="upright")
        assert drawn.shape == (height, width, 3)
        if name == "dark":
            assert entry["people"] == []
            assert drawn.max() < 20
        else:
            assert painted_network.errors(_keypoints(entry), (height, width)).max() < 2.5 * max(height, width) / 160
            assert np.ptp(drawn[..., 0]) > 100
            assert [p["score"] for p in entry["people"]] == sorted((p["score"] for p in entry["people"]), reverse=True)


@pytest.mark.parametrize("scales", [(2.0,), (0.7, 1.0, 1.3)])
def test_scales(saved_model, photos, tmp_path, scales):
    options = predict.PredictOptions(
        saved_model, [str(photos / "b.png")], str(tmp_path), longest_side=160, scales=scales, draw=False
    )
    assert predict.predict(options) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["b.json"]
    entry = json.loads((tmp_path / "b.json").read_text())
    # Averaging pads the picture to a training crop at least; at 112 px and more nothing is padded in x.
    padded_differently = len(scales) > 1
    error = painted_network.errors(_keypoints(entry), (240, 320))
    assert error.mean() < (8 if padded_differently else 1.5)


@pytest.mark.parametrize("flip", [False, True])
def test_flip_finds_the_mirror_image_of_who_is_found(saved_model, photos, tmp_path, flip):
    """The painted people stand in the same places of a mirrored picture; averaged with it, left is as right."""
    source, width = str(photos / "b.png"), 320
    assert (
        predict.predict(predict.PredictOptions(saved_model, [source], str(tmp_path), 320, flip=flip, draw=False)) == 0
    )
    people = _keypoints(json.loads((tmp_path / "b.json").read_text()))
    mirrored = people[:, list(MPI.flip), :2] * [-1, 1] + [width - 1, 0]
    distances = np.linalg.norm(people[:, None, :, :2] - mirrored[None], axis=-1).max(-1).min(0)
    assert len(people) == 2
    assert (distances.max() < 1) == flip


def test_coco_results(saved_model, photos, tmp_path):
    options = predict.PredictOptions(saved_model, [f"{photos}/*.jpg"], str(tmp_path), format="coco", draw=False)
    assert predict.predict(options) == 0
    assert [p.name for p in tmp_path.iterdir()] == [predict.COCO_FILE]
    entries = json.loads((tmp_path / predict.COCO_FILE).read_text())
    assert {entry["image_id"] for entry in entries} == {139, "tall"}
    assert all(entry["category_id"] == 1 and len(entry["keypoints"]) == 51 for entry in entries)
    joints = np.array([entry["keypoints"] for entry in entries if entry["image_id"] == 139]).reshape(-1, 17, 3)
    assert not joints[:, :5].any()  # no part for nose, eyes and ears
    expected = painted_network.people_in(120, 160)[:, MPI.parts.index("l_ankle")]
    found = joints[:, COCO_JOINTS.index("l_ankle"), :2]
    assert np.linalg.norm(found[:, None] - expected[None], axis=-1).min(0).max() < 4


def test_coco_results_with_the_ids_of_an_annotation_file(saved_model, photos, tmp_path):
    """pycocotools takes the results; a picture that is not listed has none."""
    (tmp_path / "people.json").write_text(json.dumps({"images": [{"id": 7, "file_name": "tall.jpg"}]}))
    common = {"format": "coco", "draw": False, "annotations": str(tmp_path / "people.json")}
    options = predict.PredictOptions(saved_model, [f"{photos}/*.jpg"], str(tmp_path / "out"), **common)
    assert predict.predict(options) == 0
    path = tmp_path / "out" / predict.COCO_FILE
    assert {entry["image_id"] for entry in json.loads(path.read_text())} == {7}
    with pytest.raises(UserError, match="--format=coco"):
        predict.predict(dataclasses.replace(options, format="json"))


def test_coco_mapping_is_by_name():
    assert len(COCO_TO_PART) == 12
    assert all(COCO_JOINTS[joint] == MPI.parts[part] for joint, part in COCO_TO_PART.items())


def test_broken_pictures_are_left_out(saved_model, photos, tmp_path):
    inputs = tmp_path / "in"
    _write(inputs / "good.jpg", 96, 96)
    (inputs / "cut.jpg").write_bytes((photos / "tall.jpg").read_bytes()[:300])
    (inputs / "empty.png").touch()
    options = predict.PredictOptions(saved_model, [str(inputs)], str(tmp_path / "out"))
    assert predict.predict(options) == 2
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["good.jpg", "good.json"]


def test_folders_and_equal_names_are_kept_apart(saved_model, tmp_path):
    for name in ("in/a.jpg", "in/a.png", "in/b/a.jpg"):
        _write(tmp_path / name, 96, 96)
    options = predict.PredictOptions(saved_model, [f"{tmp_path}/in/**/*.*"], str(tmp_path / "out"), draw=False)
    assert predict.predict(options) == 0
    found = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.json"))
    assert found == ["a.jpg.json", "a.png.json", "b/a.json"]


def test_film(saved_model, tmp_path):
    film = cv2.VideoWriter(str(tmp_path / "walk.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 5.0, (128, 96))
    for value in (200, 10, 200):
        film.write(np.full((96, 128, 3), value, np.uint8))
    film.release()
    options = predict.PredictOptions(saved_model, [str(tmp_path / "walk.avi")], str(tmp_path / "out"), batch_size=2)
    assert predict.predict(options) == 0
    entries = [json.loads((tmp_path / f"out/walk/{i:06d}.json").read_text()) for i in range(3)]
    assert [len(entry["people"]) for entry in entries] == [2, 0, 2]
    assert entries[1]["image"] == "walk.avi#1"
    frames = list(image_files.read_video(tmp_path / "out" / "walk.mp4"))
    assert [frame.shape for frame in frames] == [(96, 128, 3)] * 3
    assert [np.ptp(frame) > 100 for frame in frames] == [True, False, True]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["walk", "walk.mp4"]


def test_a_film_that_ends_early_is_predicted_and_counted(saved_model, tmp_path, caplog):
    path = tmp_path / "walk.avi"
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5.0, (128, 96))
    for _ in range(12):
        film.write(np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8))
    film.release()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    missing = predict.predict(predict.PredictOptions(saved_model, [str(path)], str(tmp_path / "out"), draw=False))
    written = len(list((tmp_path / "out" / "walk").iterdir()))
    assert 4 <= written <= 6 and missing == 12 - written
    assert f"walk.avi: only {written} of 12 frames could be read" in caplog.text


@pytest.mark.parametrize("tag", [1, 3, 6])
def test_photographs_are_turned_upright_and_say_so(saved_model, tmp_path, tag):
    exif = Image.Exif()
    exif[0x0112] = tag
    (tmp_path / "in").mkdir()
    Image.fromarray(np.full((96, 128, 3), 200, np.uint8)).save(tmp_path / "in" / "a.jpg", exif=exif)
    predict.predict(predict.PredictOptions(saved_model, [str(tmp_path / "in")], str(tmp_path / "out"), draw=False))
    entry = json.loads((tmp_path / "out" / "a.json").read_text())
    assert (entry["width"], entry["height"]) == ((96, 128) if tag == 6 else (128, 96))
    assert entry.get("exif_orientation", 1) == tag


def test_mistakes_of_the_user(saved_model, photos, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other" / "assets").mkdir(parents=True)
    (tmp_path / "other" / "saved_model.pb").write_bytes(b"something")
    out = str(tmp_path / "out")
    for model, pictures, target, message in [
        (saved_model, str(tmp_path / "empty"), out, "holds no images"),
        (saved_model, str(tmp_path / "none.jpg"), out, "no file is called"),
        (saved_model, str(photos), str(photos), "holds the input itself"),
        (str(tmp_path / "empty"), str(photos), out, "is not a SavedModel"),
        (str(tmp_path / "other"), str(photos), out, "SavedModel of something else"),
    ]:
        with pytest.raises(UserError, match=message):
            predict.predict(predict.PredictOptions(model, [pictures], target))
    with pytest.raises(UserError, match=r"walk\.avi is a video, given with 1 other"):
        predict.predict(predict.PredictOptions(saved_model, [str(photos), "walk.avi"], out))
    for scales in ((), (1.0, 0.0), (math.nan,)):
        with pytest.raises(UserError, match="--scales"):
            predict.PredictOptions(scales=scales)


def test_command_line(saved_model, photos, tmp_path):
    command = ("openpose_tf.predict", f"--saved_model={saved_model}", "--nodraw")
    inputs = tmp_path / "in"
    _write(inputs / "good.jpg", 96, 96)
    (inputs / "bad.jpg").write_bytes(b"nothing")
    broken = run_command(*command, f"--images={inputs}", f"--output_dir={tmp_path}/out", code=1)
    assert "bad.jpg" in broken.stderr
    assert (tmp_path / "out" / "good.json").is_file()
    assert "Traceback" not in broken.stderr
    two = [str(inputs / "good.jpg"), str(photos / "b.png"), str(inputs / "good.jpg")]  # as a shell's own pattern
    run_command(*command, *two, f"--output_dir={tmp_path}/several")
    assert sorted(path.name for path in (tmp_path / "several").rglob("*.json")) == ["b.json", "good.json"]
    missing = run_command(*command, "--images=nowhere/*.jpg", f"--output_dir={tmp_path}/out2", code=2)
    assert "no file is called nowhere" in missing.stderr
