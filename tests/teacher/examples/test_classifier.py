"""The example: a plain Keras classifier with a teacher."""

from pathlib import Path

import numpy as np

from teacher.examples import classifier


def test_classifier_learns_with_the_teacher_and_the_example_is_short():
    accuracy, chances = classifier.run("adversarial", num_decisions=60)
    assert accuracy > 0.75
    assert chances.shape == (60, 4)
    np.testing.assert_allclose(chances.sum(1), 1.0)
    assert np.abs(chances[-20:].mean(0) - 0.25).max() > 0.02  # it learned to prefer something
    assert len(Path(classifier.__file__).read_text().splitlines()) < 100
