"""The buffer of the hardest samples."""

import numpy as np

from teacher.curriculum.hardest_buffer import HardestBuffer


def samples(*ids):
    return np.array(ids, np.uint8)[:, None, None]


def test_keeps_the_hardest_in_order_over_batches():
    buffer = HardestBuffer(3)
    assert buffer.samples is None
    buffer.add(samples(1, 2), np.array([5.0, 1.0]))
    buffer.add(samples(3, 4, 5), np.array([3.0, 9.0, 0.5]))
    assert buffer.samples[:, 0, 0].tolist() == [4, 1, 3]
    assert buffer.losses.tolist() == [9.0, 5.0, 3.0]


def test_equal_losses_keep_the_order_of_arrival_and_nan_is_left_out():
    buffer = HardestBuffer(2)
    buffer.add(samples(1, 2, 3), np.array([1.0, np.nan, 1.0]))
    buffer.add(samples(4), np.array([1.0]))
    assert buffer.samples[:, 0, 0].tolist() == [1, 3]


def test_kept_samples_are_copies():
    buffer, batch = HardestBuffer(2), samples(7)
    buffer.add(batch, np.array([1.0]))
    batch[:] = 0
    assert buffer.samples[0, 0, 0] == 7


def test_round_trip_of_the_content():
    buffer, other = HardestBuffer(2), HardestBuffer(2)
    buffer.add(samples(1, 2), np.array([1.0, 2.0]))
    other.from_arrays(buffer.to_arrays())
    assert other.samples.tolist() == buffer.samples.tolist() and other.losses.tolist() == buffer.losses.tolist()
    buffer.clear()
    other.from_arrays(buffer.to_arrays())
    assert other.samples is None
