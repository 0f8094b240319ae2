"""At which size an image is shown: first by its own size, then so that its people are as tall as in the training.

Numbers and what else was tried: docs/decisions/011-size-shown.md.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

MAX_ENLARGEMENT = 1.2  # of the first look: small images show large people
TOLERANCE = 1.4  # a person may be this much taller or shorter than wanted without a second look
SECOND_LOOK = (0.35, 1.4)  # range of its longer side, relative to `test_side`
MIN_PARTS = 6  # of a person whose height counts
STEP_PX = 16  # of the second look's longer side, so that images meet in batches


class ShownSize(NamedTuple):
    """The rule of a student.

    Attributes:
        test_side: longer side in pixels at which an image is shown; without `person_height` that of every image.
        person_height: extent in pixels at which the median person of an image is best shown, or None.
    """

    test_side: int
    person_height: int | None = None

    def first(self, height: int, width: int) -> float:
        """Returns the longer side in pixels of an image's first look."""
        return min(self.test_side, MAX_ENLARGEMENT * max(height, width)) if self.person_height else self.test_side

    def second(self, side: float, keypoints: Sequence[np.ndarray] | np.ndarray, longest: int) -> float | None:
        """Returns the longer side of the second look; None: the first is good enough, or shows nobody whole enough.

        Args:
            side: longer side of the first look.
            keypoints: [K, parts, 3] (x, y, score) of the people it found, in pixels of the image.
            longest: longer side of the image itself.
        """
        if not self.person_height:
            return None
        parts = [person[person[:, 2] > 0, :2] for person in keypoints]
        extents = [float(np.ptp(xy, axis=0).max()) for xy in parts if len(xy) >= MIN_PARTS]
        if not extents:
            return None
        wanted = self.person_height * longest / max(float(np.median(extents)), 1.0)
        if 1 / TOLERANCE < wanted / side < TOLERANCE:
            return None
        low, high = (share * self.test_side for share in SECOND_LOOK)
        rounded = max(1, round(min(max(wanted, low), high) / STEP_PX)) * STEP_PX
        return None if rounded == round(side) else float(rounded)
