"""COCO's masks: each form means the same pixels, and a mask of another size is never used."""

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations.segmentations import rasterize, run_length

# Columns 2 and 3 of rows 1 to 3, in an image 6 wide and 5 high.
BOX = np.zeros((5, 6), bool)
BOX[1:4, 2:4] = True


@pytest.mark.parametrize(
    "segmentation",
    [
        [[2, 1, 4, 1, 4, 4, 2, 4]],
        [[2, 1, 3, 1, 3, 4, 2, 4], [3, 1, 4, 1, 4, 4, 3, 4]],
        {"size": [5, 6], "counts": [11, 3, 2, 3, 11]},  # down the columns, first those that are empty
        run_length(BOX),
    ],
    ids=["polygon", "two polygons", "run lengths", "compressed"],
)
def test_all_forms_mean_the_same_pixels(segmentation):
    mask = rasterize(segmentation, 6, 5)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, BOX)


def test_run_length_round_trip():
    mask = np.random.default_rng(0).random((13, 7)) > 0.6
    encoded = run_length(mask)
    assert isinstance(encoded["counts"], str) and encoded["size"] == [13, 7]
    np.testing.assert_array_equal(rasterize(encoded, 7, 13), mask)


@pytest.mark.parametrize("segmentation", [run_length(BOX), {"size": [5, 6], "counts": [11, 3, 2, 3, 11]}])
def test_run_lengths_of_another_size_are_refused(segmentation):
    with pytest.raises(UserError, match=r"a\.jpg: a segmentation is made for 6x5 pixels, the image has 5x6"):
        rasterize(segmentation, 5, 6, "a.jpg")
