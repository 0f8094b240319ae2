"""Where strokes and dots land, and how sheets are laid out."""

import numpy as np
import pytest

from openpose_tf.inference import drawing
from openpose_tf.skeleton import MPI

GREY = np.full((80, 100, 3), 90, np.uint8)


def _person(x=50.0, y=40.0):
    """Only neck and right shoulder, 30 px apart."""
    keypoints = np.zeros((1, 15, 3))
    keypoints[0, 1], keypoints[0, 2] = [x, y, 1], [x - 30, y, 1]
    return keypoints


def _changed(drawn):
    return (drawn != GREY).any(-1)


def test_strokes_and_dots_land_on_their_pixels():
    drawn = drawing.draw_people(GREY, _person(), line_width=3)
    changed = _changed(drawn)
    rows, columns = np.nonzero(changed)
    assert changed[40, 20:51].all()
    assert abs(rows.mean() - 40) < 0.5
    assert abs(columns.mean() - 35) < 1
    assert rows.min() >= 36
    assert rows.max() <= 44
    assert (GREY == 90).all()


def test_limb_has_its_own_colour():
    limb = MPI.limbs.index((1, 2))
    drawn = drawing.draw_people(GREY, _person(), line_width=3, opacity=1.0)
    np.testing.assert_array_equal(drawn[40, 35], drawing.limb_colours(MPI.num_limbs)[limb])
    faint = drawing.draw_people(GREY, _person(), line_width=3, opacity=0.5).astype(int)
    np.testing.assert_allclose(faint[40, 35], (drawn[40, 35].astype(int) + 90) / 2, atol=1)


def test_missing_parts_are_not_drawn():
    keypoints = _person()
    keypoints[0, 2, 2] = 0
    changed = _changed(drawing.draw_people(GREY, keypoints))
    assert changed[40, 50]
    assert not changed[:, :45].any()
    keypoints[0, 1, 2] = 0.3
    assert not _changed(drawing.draw_people(GREY, keypoints, min_score=0.5)).any()
    keypoints[0, 1] = [np.nan, 2, 1]
    assert not _changed(drawing.draw_people(GREY, keypoints)).any()


def test_hollow_parts_are_rings():
    hollow = np.zeros((1, 15), bool)
    hollow[0, 1] = True
    keypoints = _person()
    keypoints[0, 2, 2] = 0
    drawn = drawing.draw_people(GREY, keypoints, hollow=hollow, line_width=10)
    assert not _changed(drawn)[40, 50]
    assert _changed(drawn)[40, 58]


@pytest.mark.parametrize("x", [-1e12, -40.0, 99.0, 1e12])
def test_people_outside_of_the_picture_do_no_harm(x):
    drawn = drawing.draw_people(GREY, _person(x, 1e9))
    assert drawn.shape == GREY.shape
    drawing.draw_people(GREY, _person(x, 40))


def test_nobody_and_views_of_arrays():
    np.testing.assert_array_equal(drawing.draw_people(GREY, np.zeros((0, 15, 3))), GREY)
    flipped = GREY[:, ::-1]
    assert drawing.draw_people(flipped, _person()).shape == GREY.shape


def test_larger_people_have_thicker_strokes():
    def thickness(scale):
        keypoints = _person()
        keypoints[0, :, :2] *= scale
        large = np.full((80 * scale, 100 * scale, 3), 90, np.uint8)
        return int((drawing.draw_people(large, keypoints) != 90).any(-1)[:, 35 * scale].sum())

    assert thickness(1) < thickness(12)


def test_contact_sheet_layout():
    colours = [[200, 0, 0], [0, 200, 0], [0, 0, 200]]
    cells = [np.full((30, 40, 3), colour, np.uint8) for colour in colours]
    sheet = drawing.contact_sheet(cells, 2, cell_width=20, gap=5, background=(7, 7, 7))
    assert sheet.shape == (2 * 15 + 3 * 5, 2 * 20 + 3 * 5, 3)
    for (row, column), colour in zip([(12, 15), (12, 40), (32, 15)], colours, strict=True):
        np.testing.assert_array_equal(sheet[row, column], colour)
    np.testing.assert_array_equal(sheet[32, 40], [7, 7, 7])  # the empty cell
    np.testing.assert_array_equal(sheet[2, 15], [7, 7, 7])


def test_contact_sheet_fits_pictures_of_other_shapes():
    tall = np.full((100, 10, 3), 255, np.uint8)
    sheet = drawing.contact_sheet([tall, tall], 2, cell_width=20, cell_height=20, gap=0, background=(0, 0, 0))
    assert sheet.shape == (20, 40, 3)
    np.testing.assert_array_equal(sheet[10, :, 0] > 0, ([False] * 9 + [True] * 2 + [False] * 9) * 2)


def test_contact_sheet_of_many_is_about_square_and_has_captions():
    plain = drawing.contact_sheet([GREY] * 12, cell_width=100, gap=4)
    assert 0.5 < plain.shape[0] / plain.shape[1] < 2
    captioned = drawing.contact_sheet([GREY] * 12, cell_width=100, gap=4, captions=["loss 0.1"] * 12)
    assert captioned.shape == plain.shape
    assert (captioned != plain).any()
    assert (GREY == 90).all()
    with pytest.raises(ValueError, match="at least one"):
        drawing.contact_sheet([])
