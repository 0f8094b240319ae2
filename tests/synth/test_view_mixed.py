"""Mixed datasets in the contact sheet, the card and the COCO file: real and rendered people are told apart."""

import json

import numpy as np
import pytest

from synth import card, to_coco, view
from synth.dataset import drawing, writer

HEIGHT, WIDTH = 60, 80


def person(number, synthetic, x):
    """Somebody with one visible joint at (x, 20) and a limb to (x, 40)."""
    keypoints = [[0.0, 0.0, 0]] * 16
    keypoints[8], keypoints[7] = [x, 20.0, 1], [x, 40.0, 3]
    row = {"instance_id": number, "keypoints": keypoints, "objpos": [x, 30], "scale": 0.2, "is_synthetic": synthetic}
    if synthetic:
        return row | {
            "box": [x - 5, 15.5, x + 5, 44.5],
            "area": 290,
            "pose_tag": "stand",
            "head_box": [x, 15, x + 4, 19],
        }
    return row | {"box": None, "area": None, "amodal_box": None, "head_box": None, "objpos": None, "scale": None}


@pytest.fixture
def folder(tmp_path):
    writer.open_dataset(tmp_path, "mixed", 0, 1, {"samples": 4, "photographs": "abc", "num_photographs": 1}, [])
    ids = np.zeros((HEIGHT, WIDTH), int)
    ids[16:45, 51:61] = 1
    people = [person(2, False, 20.0), person(1, True, 56.0)]
    row = {"camera": {"pitch_deg": 0.0}, "people": people, "carried_over": {"people_real": 1, "real_joints": 2}}
    writer.write_sample(tmp_path, "000000", np.full((HEIGHT, WIDTH, 3), 90, np.uint8), ids, None, row, 95)
    writer.close_dataset(tmp_path, {})
    return tmp_path


def test_real_and_rendered_people_have_their_own_colours():
    blank = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    mixed = drawing.draw_keypoints(blank, [person(2, False, 20.0), person(1, True, 56.0)])
    np.testing.assert_allclose(mixed[30, 20], drawing.REAL_COLOUR, rtol=0.15)  # smooth lines are a little darker
    np.testing.assert_allclose(mixed[30, 56], drawing.RENDERED_COLOUR, rtol=0.15)
    assert mixed[20, 20].tolist() == mixed[20, 56].tolist() == [40, 220, 60]  # inside of the ring: the state
    rendered = drawing.draw_keypoints(blank, [person(1, True, 56.0)])
    # As ever where all people are rendered.
    np.testing.assert_allclose(rendered[30, 56], drawing.person_colour(0), rtol=0.15)


def test_the_sheet_tells_how_many_of_each(folder):
    row = {"image_id": "000000", "people": [person(1, False, 9.0), person(2, True, 9.0), person(3, True, 9.0)]}
    assert view._caption(row) == "000000  1 real + 2 rendered"
    sheet = view.contact_sheet(folder, 1, 960, 1, True)
    narrow = view.contact_sheet(folder, 1, 330, 1, True)  # the legend takes three rows
    for legend in (sheet[-26:], narrow[-78:]):
        for colour in (drawing.REAL_COLOUR, drawing.RENDERED_COLOUR):
            assert (legend == colour).all(-1).any()
    row |= {"image": "images/0000/000000.jpg", "mask": "masks/0000/000000.png"}
    assert len(drawing.panels(folder, row)) == 4


def test_coco_files_have_boxes_of_joints_for_real_people(folder):
    counts = to_coco.write_coco(folder, folder / "coco.json", "mpii16", True)
    real, rendered = json.loads((folder / "coco.json").read_text())["annotations"]
    assert counts["dropped"] == 0 and "segmentation" not in real and "segmentation" in rendered
    assert real["bbox"] == [20.0, 20.0, 1.0, 21.0] and real["area"] == 21.0 and real["num_keypoints"] == 2
    assert rendered["area"] == 290


def test_the_card_of_a_mixed_dataset_names_its_command(folder):
    text = card.write_card(folder).read_text()
    assert "--dataset=mixed" in text and "--annotations=YOUR_ANNOTATIONS" in text and "--photographs" not in text
    assert "people real | 1" in text
