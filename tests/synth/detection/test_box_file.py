"""The file of people's boxes: views put together, resume, other detectors refused."""

import json

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from synth.detection import score_cache
from synth.detection.box_file import BoxFile
from synth.detection.people import People, detect_views, join_views


class BrightRectangles:
    """Finds connected bright pixels; counts its calls."""

    identity = "bright-1"

    def __init__(self):
        self.calls = 0

    def detect(self, image):
        self.calls += 1
        count, _, stats, _ = cv2.connectedComponentsWithStats((image[..., 0] > 200).astype(np.uint8))
        rows = [[x, y, x + w, y + h] for x, y, w, h, _ in stats[1:count]]
        return People(np.array(rows, np.float32).reshape(-1, 4), np.linspace(0.9, 0.5, len(rows), dtype=np.float32))


def scene(*rectangles):
    image = np.zeros((100, 200, 3), np.uint8)
    for x1, y1, x2, y2 in rectangles:
        image[y1:y2, x1:x2] = 255
    return image


def find_people(detector, image, tiles):
    return join_views(detect_views(detector, image, tiles), image)


def look_at(paths, detector, output, tiles=False, min_side=0):
    boxes = BoxFile(output, score_cache.detector_name(detector, tiles), paths)
    scores = output.with_suffix(".csv")
    return boxes, score_cache.score_images(paths, detector, tiles, min_side, scores, boxes)


def test_a_person_seen_in_several_views_counts_once_and_cut_ones_do_not():
    # Tiles end at x = 120 and start at 80: both cut the second rectangle; the first lies in one tile and the whole.
    image = scene((10, 10, 30, 40), (70, 50, 130, 90))
    found = find_people(BrightRectangles(), image, tiles=True)
    assert sorted(map(tuple, found.boxes.tolist())) == [(10, 10, 30, 40), (70, 50, 130, 90)]


def test_tile_boxes_are_in_pixels_of_the_whole_image():
    class OnlyTiles(BrightRectangles):
        def detect(self, image):
            found = super().detect(image)
            return found if image.shape[0] < 100 else People(found.boxes[:0], found.scores[:0])

    found = find_people(OnlyTiles(), scene((150, 60, 170, 80)), tiles=True)
    np.testing.assert_array_equal(found.boxes, [[150, 60, 170, 80]])


def test_one_look_at_a_photograph_gives_its_boxes_and_its_score(tmp_path):
    paths = []
    for name in ("a/0.png", "b/0.png"):
        (tmp_path / name).parent.mkdir()
        cv2.imwrite(str(tmp_path / name), scene((20, 20, 40, 60)))
        paths.append(tmp_path / name)
    (tmp_path / "a" / "broken.png").write_bytes(b"not an image")
    detector, output = BrightRectangles(), tmp_path / "boxes.json"
    boxes, rows = look_at([*paths, tmp_path / "a" / "broken.png"], detector, output)
    assert boxes.rows == {name: [[20, 20, 40, 60, 0.9]] for name in ("a/0.png", "b/0.png")} and detector.calls == 2
    assert [row.score for row in rows[:2]] == pytest.approx([0.9, 0.9])
    assert json.loads(output.read_text()) == {"detector": "bright-1", "images": boxes.rows}
    look_at(paths, detector, output)
    assert detector.calls == 2  # both files knew all
    output.unlink()
    again, _ = look_at(paths, detector, output)
    assert again.rows == boxes.rows and detector.calls == 4
    with pytest.raises(UserError, match=r"bright-1, not of bright-1\+tiles"):
        look_at(paths, detector, output, tiles=True)


def test_photographs_too_small_for_a_background_have_boxes(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), scene((20, 20, 40, 60)))
    boxes, (row,) = look_at([tmp_path / "a.png"], BrightRectangles(), tmp_path / "boxes.json", min_side=512)
    assert len(boxes.rows["a.png"]) == 1 and np.isnan(row.score)
