"""The teacher without groups, and the stream that serves what it chooses."""

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.data.augmentation import Augmentation
from openpose_tf.data.pipeline import StreamConfig
from openpose_tf.data.record_set import load_records
from teacher.chosen_stream import ChosenStream
from teacher.sample_curriculum import SampleCurriculum
from teacher.samples import SampleTeacher


def test_hard_samples_are_drawn_in_proportion():
    teacher = SampleTeacher(4, exploration=0.2)
    np.testing.assert_allclose(teacher.propose(), 0.25)
    teacher.feedback(np.arange(4), np.array([1.0, 1.0, 2.0, 4.0]))
    expected = 0.8 * np.array([1, 1, 2, 4]) / 8 + 0.05
    np.testing.assert_allclose(teacher.propose(), expected, rtol=1e-6)
    drawn = teacher.draw(teacher.propose(), 20_000)
    np.testing.assert_allclose(np.bincount(drawn.rows) / 20_000, expected, atol=0.015)
    cold = SampleTeacher(4, exploration=0.0, temperature=0.25)
    cold.feedback(np.arange(4), np.array([1.0, 1.0, 2.0, 4.0]))
    assert cold.propose()[3] == pytest.approx(256 / (256 + 16 + 2))


def test_unseen_samples_count_like_the_mean_and_memory_fades():
    teacher = SampleTeacher(3, exploration=0.0, memory=0.5)
    teacher.feedback(np.array([0, 1]), np.array([1.0, 3.0]))
    np.testing.assert_allclose(teacher.propose(), np.array([1, 3, 2]) / 6, rtol=1e-6)
    teacher.feedback(np.array([1, 1]), np.array([1.0, 1.0]))  # 3 -> 2 -> 1.5
    np.testing.assert_allclose(teacher.propose(), np.array([1, 1.5, 1.25]) / 3.75, rtol=1e-6)


def test_correction_is_exact():
    rng = np.random.default_rng(0)
    losses = rng.exponential(1.0, 50)
    teacher = SampleTeacher(50, correction=1.0)
    teacher.feedback(np.arange(50), losses)
    chances = teacher.propose()
    drawn = teacher.draw(chances, 1000)
    # the expectation, term by term: sum over samples of p_i * w_i * loss_i is the plain mean loss
    weights = 1 / (50 * chances)
    np.testing.assert_allclose(drawn.weights, weights[drawn.rows], rtol=1e-6)
    assert (chances * weights * losses).sum() == pytest.approx(losses.mean())
    assert drawn.weights.max() <= 1 / 0.1 + 1e-5
    assert (SampleTeacher(50).draw(chances, 10).weights == 1).all()


def test_restored_teacher_draws_the_same(tmp_path):
    def play(teacher, start, count):
        rows = []
        for n in range(start, start + count):
            drawn = teacher.draw(teacher.propose(), 8)
            rows.append(drawn.rows.tolist())
            teacher.feedback(drawn.rows, np.sin(drawn.rows + n) + 2)
        return rows

    whole = play(SampleTeacher(30, seed=4), 0, 9)
    first = SampleTeacher(30, seed=4)
    head = play(first, 0, 4)
    path = tf.train.Checkpoint(**first.state).save(str(tmp_path / "c"))
    second = SampleTeacher(30, seed=4)
    tf.train.Checkpoint(**second.state).restore(path).assert_consumed()
    assert head + play(second, 4, 5) == whole


def stream_of(records, **changes):
    config = StreamConfig(augmentation=Augmentation(input_size=32), num_threads=1, **changes)
    return ChosenStream(records, None, 4, seed=3, stream_id=1, config=config)


def test_stream_serves_exactly_the_chosen_rows_and_resumes(toy_records):
    records = load_records(toy_records["synthetic"])
    plan = np.random.default_rng(0).integers(0, len(records), (9, 4))  # three windows of three batches
    stream, seen, images = stream_of(records), [], []
    for number in range(9):
        if number % 3 == 0:
            stream.assign(number, plan[number : number + 3])
        batch = stream.next()
        seen.append(batch["key"].numpy())
        images.append(batch["images"].numpy())
    np.testing.assert_array_equal(np.stack(seen), plan)
    stream.close()

    resumed = stream_of(records)
    resumed.counter.assign(4)
    resumed.assign(3, plan[3:6])
    for number in (4, 5):
        np.testing.assert_array_equal(resumed.next()["images"], images[number])
    resumed.close()


def test_two_workers_share_a_chosen_batch(toy_records):
    records = load_records(toy_records["synthetic"])
    plan = np.array([[5, 1, 9, 2]])
    shares = []
    for worker in range(2):
        stream = stream_of(records, num_workers=2, worker_index=worker)
        stream.assign(0, plan)
        shares.append(stream.next()["key"].numpy())
        stream.close()
    np.testing.assert_array_equal(np.concatenate(shares), plan[0])


@pytest.mark.parametrize("decision_steps", [1, 3, 5])
@pytest.mark.parametrize("stop", [2, 4, 7])
def test_curriculum_serves_its_windows_and_resumes_exactly(toy_records, tmp_path, decision_steps, stop):
    records = load_records(toy_records["synthetic"])
    groups = np.arange(len(records)) % 3 - 1  # every third sample is left out

    def make():
        stream = stream_of(records)
        teacher = SampleTeacher(int((groups >= 0).sum()), seed=2)
        return stream, SampleCurriculum(teacher, stream, groups, decision_steps)

    def play(stream, curriculum, steps):
        out = []
        for step in steps:
            assert curriculum.group_for(step) == 0
            batch = stream.next()
            keys = batch["key"].numpy()
            row = curriculum.after_step(step, batch, tf.constant(1.0 + keys + step, tf.float32))
            out.append((keys.tolist(), row))
        return out

    whole_stream, whole_curriculum = make()
    whole = play(whole_stream, whole_curriculum, range(11))
    assert all(groups[key] >= 0 for keys, _ in whole for key in keys)
    assert [row is not None for _, row in whole] == [(step + 1) % decision_steps == 0 for step in range(11)]
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
