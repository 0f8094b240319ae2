"""A student overfits eight real person crops and gives their people back through the decoder."""

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common import files
from openpose_tf.config import ModelConfig, OptimizerConfig, TrainConfig
from openpose_tf.data.annotations import readers
from openpose_tf.data.annotations.types import ReadRequest
from openpose_tf.data.input.sampler import StreamConfig
from openpose_tf.data.input.streams import SampleStream
from openpose_tf.data.records.crops import SampleRules
from openpose_tf.data.records.record_set import load_records
from openpose_tf.data.records.writer import RecordSetConfig, write_record_set
from openpose_tf.inference.decoder import Decoder
from openpose_tf.network.openpose import preprocess
from openpose_tf.training import build_student, loop
from tests.support.training_batches import CountedBatches, augmentation_without_chance

SIZE, STEPS = 128, 1000


def eight_crops(shared_data, folder) -> dict[str, tf.Tensor]:
    """Returns a batch of the first eight COCO people with at least 12 joints, upright and without chance.

    From photographs of one person: on maps of 16 x 16 cells people of a crowd cannot be told apart, not even by
    decoding the labels themselves (64 % of the joints of one of six people).
    """
    coco = shared_data / "real" / "coco"
    request = ReadRequest(f"{coco}/annotations/person_keypoints_smoke.json", f"{coco}/images")
    annotated = readers.read("coco", request).images
    config = RecordSetConfig("coco", "train", num_shards=2, rules=SampleRules(min_joints=12))
    write_record_set([image for image in annotated if len(image.people) == 1], folder, config)
    stream_config = StreamConfig(augmentation=augmentation_without_chance(SIZE), max_people=20)
    return dict(SampleStream(load_records(folder), np.arange(8), 8, config=stream_config).next())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_eight_real_crops_are_learned_and_found_again(shared_data, tmp_path):
    batch = eight_crops(shared_data, tmp_path / "records")
    run = TrainConfig(
        str(tmp_path / "model"),
        model=ModelConfig(0.25, 2, SIZE),
        optimizer=OptimizerConfig(learning_rate=1e-3, decay_steps=STEPS * 2 // 3, clip_norm=20),
        num_steps=STEPS,
        batch_size=8,
        real_fraction=1.0,
        checkpoint_every=STEPS,
        log_every=1,
    )
    student = build_student.build_student(run)
    loop.train(run, student, CountedBatches(lambda number: batch), loop.NoTeacher())
    losses = [row["loss"] for row in files.read_jsonl(tmp_path / "model" / "metrics.jsonl", "losses")]
    assert np.mean(losses[-10:]) < 0.05 * losses[0]

    pafs, confidence_maps = student.model(preprocess(batch["images"]))[-1]
    found, scores = (value.numpy() for value in Decoder()(confidence_maps, pafs))
    truth = batch["keypoints"].numpy()[:, 0]  # the sampled person stands first
    for crop in range(8):
        x, y, labelled = truth[crop].T
        counted = (labelled > 0) & (x >= 0) & (y >= 0) & (x <= SIZE - 1) & (y <= SIZE - 1)
        people = found[crop][scores[crop] > 0]
        assert len(people), f"nobody found in crop {crop}"
        distance = np.linalg.norm(people[:, counted, :2] - truth[crop, counted, :2], axis=-1)  # [people, joints]
        distance[people[:, counted, 2] == 0] = np.inf
        near = (distance < 5).mean(1).max()
        assert near >= 0.8, f"crop {crop}: {near:.0%} of the joints within 5 px"
