"""The teacher without groups, and the stream that serves what it chooses."""

import io

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.data.input.augmentation import Augmentation
from openpose_tf.data.input.streams import MixedBatches, SampleStream, StreamConfig
from openpose_tf.data.records.record_set import load_records
from teacher.curriculum.chosen_stream import Choice, ChosenStream
from teacher.curriculum.sample_curriculum import SampleCurriculum
from teacher.teachers.sample_teacher import SampleTeacher


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


def choice_of(rows):
    return Choice(rows, (0.25 + rows).astype(np.float32))


def stream_of(records, **changes):
    config = StreamConfig(augmentation=Augmentation(input_size=32), num_threads=1, **changes)
    return ChosenStream(records, None, 4, seed=3, stream_id=1, config=config)


def test_stream_serves_exactly_the_chosen_rows_and_resumes(toy_records):
    records = load_records(toy_records["synthetic"])
    plan = np.random.default_rng(0).integers(0, len(records), (9, 4))  # three windows of three batches
    stream, seen, images = stream_of(records), [], []
    for number in range(9):
        if number % 3 == 0:
            stream.assign(number, choice_of(plan[number : number + 3]))
        batch = stream.next()
        seen.append(batch["key"].numpy())
        np.testing.assert_array_equal(batch["sample_weight"], 0.25 + seen[-1])
        images.append(batch["images"].numpy())
    np.testing.assert_array_equal(np.stack(seen), plan)
    stream.close()

    resumed = stream_of(records)
    resumed.counter.assign(4)
    resumed.assign(3, choice_of(plan[3:6]))
    for number in (4, 5):
        batch = resumed.next()
        np.testing.assert_array_equal(batch["images"], images[number])
        np.testing.assert_array_equal(batch["sample_weight"], 0.25 + plan[number])
    resumed.close()


def test_two_workers_share_a_chosen_batch(toy_records):
    records = load_records(toy_records["synthetic"])
    plan = np.array([[5, 1, 9, 2]])
    shares = []
    for worker in range(2):
        stream = stream_of(records, num_workers=2, worker_index=worker)
        stream.assign(0, choice_of(plan))
        shares.append(stream.next())
        stream.close()
    np.testing.assert_array_equal(np.concatenate([share["key"] for share in shares]), plan[0])
    np.testing.assert_array_equal(np.concatenate([share["sample_weight"] for share in shares]), 0.25 + plan[0])


def test_real_samples_of_a_weighted_batch_count_once_and_other_batches_have_no_weights(toy_records):
    sets = {name: load_records(folder) for name, folder in toy_records.items()}
    chosen = stream_of(sets["synthetic"])
    chosen.assign(0, choice_of(np.array([[5, 1, 9, 2]])))
    half = {"batch_size": 2, "seed": 3, "config": chosen.config}
    weighted = MixedBatches(SampleStream(sets["real"], **half), [chosen])
    weights = weighted.next()["sample_weight"]
    assert weights.dtype == tf.float32 and weights.numpy().tolist() == [5.25, 1.25, 9.25, 2.25, 1, 1]
    plain = MixedBatches(SampleStream(sets["real"], **half), [SampleStream(sets["synthetic"], stream_id=1, **half)])
    assert "sample_weight" not in plain.next()
    weighted.close()
    plain.close()


@pytest.mark.parametrize("decision_steps", [1, 3, 5])
@pytest.mark.parametrize("stop", [2, 4, 7])
def test_curriculum_serves_its_windows_and_resumes_exactly(toy_records, tmp_path, decision_steps, stop):
    records = load_records(toy_records["synthetic"])
    groups = np.arange(len(records)) % 3 - 1  # every third sample is left out

    def make():
        stream = stream_of(records)
        teacher = SampleTeacher(int((groups >= 0).sum()), correction=1.0, seed=2)
        return stream, SampleCurriculum(teacher, stream, groups, decision_steps)

    def play(stream, curriculum, steps):
        out = []
        for step in steps:
            assert curriculum.group_for(step) == 0
            batch = stream.next()
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


def test_a_checkpoint_older_than_the_weights_goes_on(toy_records):
    records = load_records(toy_records["synthetic"])

    def make(stream):
        return SampleCurriculum(SampleTeacher(len(records)), stream, np.zeros(len(records), int), 3)

    first, second = stream_of(records), stream_of(records)
    old = make(first)
    old.group_for(0)
    with np.load(io.BytesIO(old.trackable["window"].serialize())) as arrays:
        kept = {name: arrays[name] for name in arrays.files if "weights" not in name}
    assert len(kept) == len(arrays.files) - 2
    content = io.BytesIO()
    np.savez(content, **kept)
    new = make(second)
    new.trackable["window"].deserialize(content.getvalue())
    new.group_for(0)
    one, two = first.next(), second.next()
    np.testing.assert_array_equal(one["key"], two["key"])
    assert two["sample_weight"].numpy().tolist() == [1.0] * 4
    first.close()
    second.close()
