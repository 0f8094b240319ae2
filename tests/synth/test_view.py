import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import image_dataset_schema
from openpose_tf.data.annotations.store import listing
from synth import view
from synth.dataset import drawing, writer


@pytest.fixture
def folder(tmp_path):
    writer.open_dataset(tmp_path, "synthetic", 0, 3, {}, [])
    for index in range(3):
        image = np.full((60, 80, 3), 90, np.uint8)
        ids = np.zeros((60, 80), np.int32)
        ids[10:50, 20:40] = 1
        depth = np.where(ids > 0, 3.0, 1e4)
        person = {
            "instance_id": 1, "objpos": [30, 30],
            "keypoints": [[6 + 9 * (i % 8), 15 + 25 * (i // 8), 1 + i % 4] for i in range(16)],
            "box": [19.5, 9.5, 39.5, 49.5], "amodal_box": [19, 9, 41, 50], "head_box": [25, 10, 32, 20],
        }  # fmt: skip
        annotation = {"camera": {"pitch_deg": 12.0}, "people": [person]}
        writer.write_sample(tmp_path, image_dataset_schema.image_name(index), image, ids, depth, annotation, 90)
    return tmp_path


def test_joints_have_the_colours_of_their_states(folder):
    row = listing.read(folder, "000000")
    shown = drawing.draw_keypoints(drawing.read_picture(folder, row), row["people"])
    for x, y, state in ([6, 15, 1], [33, 15, 4], [78 - 9, 40, 4]):
        assert shown[y, x].tolist() == list(drawing.STATE_COLOURS[state])


def test_missing_joints_are_not_drawn():
    blank = np.zeros((30, 30, 3), np.uint8)
    assert not drawing.draw_keypoints(blank, [{"keypoints": [[15, 15, 0]] * 16}]).any()


def test_far_away_joints_do_not_break_drawing():
    blank = np.zeros((30, 30, 3), np.uint8)
    drawing.draw_keypoints(blank, [{"keypoints": [[1e9, -1e9, 4]] * 16}])


def test_contact_sheet_spreads_over_the_dataset(folder):
    sheet = view.contact_sheet(folder, 2, 160, None, True)
    assert sheet.dtype == np.uint8 and sheet.shape[2] == 3
    assert view.contact_sheet(folder, 24, 160, 3, False).shape[1] >= 3 * 160


def test_single_view_shows_masks_boxes_and_depth(folder):
    row = listing.read(folder, "000001")
    panels = drawing.panels(folder, row)
    assert list(panels) == ["image", "keypoints", "masks", "boxes", "depth"]
    tinted = panels["masks"][30, 30].astype(int) - panels["image"][30, 30]
    assert np.abs(tinted).max() > 30 and (panels["masks"][5, 5] == panels["image"][5, 5]).all()
    assert panels["depth"][30, 30].max() > 100 and panels["depth"][0, 0].max() == 0
    assert view.single_view(folder, "000001", 200).shape[1] >= 5 * 200


def test_a_mirror_image_is_drawn_mirrored(folder):
    blank = np.zeros((40, 40, 3), np.uint8)
    left = drawing.draw_boxes(blank, [{"objpos": [10, 20], "box": [5, 5, 15, 35]}])
    right = drawing.draw_boxes(blank, [{"objpos": [29, 20], "box": [24, 5, 34, 35]}])
    assert np.abs(left[:, ::-1].astype(int) - right).mean() < 3


def test_an_unknown_image_and_an_empty_dataset_are_clear_errors(folder, tmp_path):
    with pytest.raises(UserError, match="--image=000099"):
        view.single_view(folder, "000099", 200)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match="no complete image"):
        view.contact_sheet(empty, 4, 100, None, True)


def test_a_damaged_picture_is_named(folder):
    (folder / "images" / "0000" / "000000.jpg").write_bytes(b"half")
    with pytest.raises(UserError, match=r"000000\.jpg cannot be read"):
        view.contact_sheet(folder, 4, 100, None, True)
