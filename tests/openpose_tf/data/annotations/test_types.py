"""Small geometry on annotations."""

import numpy as np

from openpose_tf.data.annotations.types import in_image, min_distances
from openpose_tf.skeleton import JointState


def test_min_distances_by_hand():
    np.testing.assert_allclose(min_distances(np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 10.0]])), [5, 5, 6])
    assert np.isnan(min_distances(np.array([[1.0, 1.0]]))).all()
    assert min_distances(np.zeros((0, 2))).shape == (0,)


def test_in_image_counts_the_half_pixel_of_the_border():
    keypoints = np.array(
        [[-0.5, 0, 1], [-0.6, 0, 1], [9.5, 4.5, 2], [9.6, 0, 1], [5, 2, JointState.MISSING]], np.float64
    )
    assert in_image(keypoints, 10, 5).tolist() == [True, False, True, False, False]
