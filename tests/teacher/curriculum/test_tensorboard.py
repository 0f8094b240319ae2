"""The teacher's curves in TensorBoard's files."""

import tensorflow as tf

from teacher.curriculum.tensorboard import TeacherBoard


def test_one_point_per_decision_and_group(tmp_path):
    board = TeacherBoard(tmp_path)
    for step in (20, 40):
        row = {"probabilities": [0.25, 0.75], "explored": step == 40, "rewarded": None if step == 20 else True}
        board.write(step, row | {"group": 1, "loss": 2.0, "baseline": 1.5})
    events = next((tmp_path / "teacher").glob("events*"))
    points = {}
    for record in tf.data.TFRecordDataset(str(events)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            points[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    assert points["teacher/probability/001", 20] == 0.75
    assert points["teacher/exploration_rate", 40] == 0.5
    assert points["teacher/reward_rate", 40] == 1.0 and ("teacher/reward_rate", 20) not in points
