"""Windows of samples drawn one by one: what is served is what was drawn, and a resumed run draws the same."""

import io

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.data.input.augmentation import Augmentation
from openpose_tf.data.input.chosen_stream import ChosenStream
from openpose_tf.data.input.sampler import StreamConfig
from openpose_tf.data.records.record_set import load_records
from teacher.curriculum.sample_curriculum import SampleCurriculum
from teacher.teachers.sample_teacher import SampleTeacher


def stream_of(records):
    config = StreamConfig(augmentation=Augmentation(input_size=32), num_threads=1)
    return ChosenStream(records, None, 4, seed=3, stream_id=1, config=config)


@pytest.mark.parametrize("decision_steps", [1, 3, 5])
@pytest.mark.parametrize("stop", [2, 4, 7])
def test_curriculum_serves_its_windows_and_resumes_exactly(toy_records, tmp_path, decision_steps, stop):
    records = load_records(toy_records["synthetic"])
    groups = np.arange(len(records)) % 3 - 1  # every third sample is left out

    def make():
        teacher = SampleTeacher(int((groups >= 0).sum()), correction=1.0, seed=2)
        return stream_of(records), SampleCurriculum(teacher, groups, 4, decision_steps)

    def play(stream, curriculum, steps):
        out = []
        for step in steps:
            batch = stream.next(curriculum.select(step))
            keys = batch["key"].numpy()
            row = curriculum.after_step(step, batch, tf.constant(1.0 + keys + step, tf.float32))
            out.append((keys.tolist(), batch["sample_weight"].numpy().tolist(), row))
        return out

    whole_stream, whole_curriculum = make()
    whole = play(whole_stream, whole_curriculum, range(11))
    assert all(groups[key] >= 0 for keys, _, _ in whole for key in keys)
    assert all(set(weights) == {1.0} for _, weights, _ in whole[:decision_steps])  # the first window is uniform
    assert max(max(weights) for _, weights, _ in whole) > 1.5
    decided = [k for k, (_, _, row) in enumerate(whole) if row is not None and k + 1 + decision_steps <= len(whole)]
    for k in decided:
        window = np.concatenate([weights for _, weights, _ in whole[k + 1 : k + 1 + decision_steps]])
        assert whole[k][2]["max_weight"] == window.max()
        assert whole[k][2]["mean_weight"] == pytest.approx(window.mean())
    assert [row is not None for _, _, row in whole] == [(step + 1) % decision_steps == 0 for step in range(11)]
    assert whole_curriculum.summary()["wrong_group_samples"] == 0
    first_stream, first = make()
    head = play(first_stream, first, range(stop))
    saved = tf.train.Checkpoint(s=first_stream.counter, c=tf.train.Checkpoint(**first.trackable))
    path = saved.save(str(tmp_path / "c"))
    second_stream, second = make()
    tf.train.Checkpoint(s=second_stream.counter, c=tf.train.Checkpoint(**second.trackable)).restore(path)
    assert head + play(second_stream, second, range(stop, 11)) == whole
    for stream in (whole_stream, first_stream, second_stream):
        stream.close()


def test_a_checkpoint_older_than_the_weights_goes_on():
    num_samples = 24

    def make():
        return SampleCurriculum(SampleTeacher(num_samples), np.zeros(num_samples, int), 4, 3)

    old, new = make(), make()
    first = old.select(0)
    with np.load(io.BytesIO(old.trackable["window"].serialize())) as arrays:
        kept = {name: arrays[name] for name in arrays.files if "weights" not in name}
    assert len(kept) == len(arrays.files) - 2
    content = io.BytesIO()
    np.savez(content, **kept)
    new.trackable["window"].deserialize(content.getvalue())
    second = new.select(0)
    np.testing.assert_array_equal(first.rows, second.rows)
    assert second.weights.tolist() == [[1.0] * 4] * 3


def test_a_checkpoint_with_the_first_step_of_its_window_goes_on():
    """Until November 2026 the numbers had a fourth in front, the step at which the window began."""
    first, second = (SampleCurriculum(SampleTeacher(9), np.zeros(9, int), 2, 3) for _ in range(2))
    for step in range(4):
        rows = first.select(step).rows[0]
        batch = {"is_synthetic": tf.ones(2, tf.bool), "key": tf.constant(rows)}
        first.after_step(step, batch, tf.ones(2))
    with np.load(io.BytesIO(first.trackable["window"].serialize())) as arrays:
        kept = dict(arrays)
    kept["numbers"] = np.concatenate([[3], kept["numbers"]])
    content = io.BytesIO()
    np.savez(content, **kept)
    second.trackable["window"].deserialize(content.getvalue())
    np.testing.assert_array_equal(first.select(4).rows, second.select(4).rows)
    assert second.summary() == first.summary() and first.summary()["wrong_group_samples"] == 0
