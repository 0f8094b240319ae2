"""Losses measured without training are those of the training step."""

import numpy as np
import pytest

from openpose_tf.config import ModelConfig, TrainConfig
from openpose_tf.data.input.augmentation import Augmentation
from openpose_tf.data.input.sampler import StreamConfig
from openpose_tf.data.input.streams import SampleStream
from openpose_tf.data.records.record_set import load_records
from openpose_tf.network.openpose import build_openpose
from openpose_tf.training.sample_losses import sample_losses
from openpose_tf.training.step import OpenPoseStudent
from tests.support.small_records import write_records

SIZE = 64


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """24 synthetic people."""
    return load_records(write_records(tmp_path_factory.mktemp("records") / "synthetic", 24, True))


def test_they_are_the_training_steps_own(records):
    model = build_openpose(ModelConfig(0.0625, 1, SIZE))
    measured = sample_losses(model, records, Augmentation(SIZE), passes=2, batch_size=10, seed=3)
    assert measured.shape == (24, 2) and np.isfinite(measured).all()

    config = TrainConfig(model=ModelConfig(0.0625, 1, SIZE), batch_size=8, num_steps=1, model_dir="unused")
    student = OpenPoseStudent(model, config)
    stream = SampleStream(records, None, 8, seed=3, config=StreamConfig(Augmentation(SIZE)))
    batch = stream.next()  # the first eight samples of the first pass; the step reports the loss before its update
    expected = student.train_step(batch).per_sample_loss.numpy()
    assert measured[batch["key"].numpy(), 0] == pytest.approx(expected, rel=1e-4)


def test_the_same_seed_gives_the_same_losses(records):
    model = build_openpose(ModelConfig(0.0625, 1, SIZE))
    one, again, other = (
        sample_losses(model, records, Augmentation(SIZE), 1, batch_size, seed)
        for batch_size, seed in ((7, 0), (16, 0), (16, 1))
    )
    assert one == pytest.approx(again, rel=1e-4) and not np.allclose(one, other)
