"""Progress without a terminal is plain log lines."""

import logging as python_logging

from openpose_tf.common.progress import Progress, track


def test_last_unit_is_always_logged_with_count_and_note(caplog):
    caplog.set_level(python_logging.INFO, "absl")
    with Progress(3, "render", "images") as bar:
        bar.update()
        bar.update(2, note="9 people")
    assert [record.getMessage() for record in caplog.records if "render: 3/3 images" in record.getMessage()]
    assert "9 people" in caplog.text


def test_track_yields_everything():
    assert list(track(range(4), 4, "count")) == [0, 1, 2, 3]
