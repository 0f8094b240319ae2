"""Small record sets for tests: stick people on noise, 96 x 96 px."""

import cv2
import numpy as np

from openpose_tf.data.records import writer as records
from openpose_tf.data.records.schema import PersonSample
from openpose_tf.skeleton import NUM_MPII_JOINTS, PART_TO_MPII
from tests.support.training_batches import POSE, draw_person

SIZE = 96


def person_sample(number, is_synthetic):
    """Sample `number`, a pure function of it; camera pitch 0 to 40 degrees by number."""
    rng = np.random.default_rng([int(is_synthetic), number])
    image = rng.integers(0, 60, (SIZE, SIZE, 3)).astype(np.uint8)
    height, centre = rng.uniform(50, 80), rng.uniform(40, 56, 2)
    parts = centre + height * (POSE + rng.normal(0, 0.02, POSE.shape))
    draw_person(image, parts)
    keypoints = np.zeros((1, NUM_MPII_JOINTS, 3), np.float32)
    keypoints[0, list(PART_TO_MPII), :2] = parts[: len(PART_TO_MPII)]
    keypoints[0, 6, :2] = keypoints[0, 7, :2] = parts[14]
    keypoints[0, :, 2] = 1
    return PersonSample(
        image=cv2.imencode(".jpg", image[..., ::-1])[1].tobytes(),
        height=SIZE,
        width=SIZE,
        mask=b"",
        keypoints=keypoints,
        is_synthetic_person=np.array([is_synthetic]),
        objpos=centre.astype(np.float32),
        scale=float(height / 200),
        labelled_joints=np.ones(NUM_MPII_JOINTS, bool),
        image_id=str(number),
        person=0,
        is_synthetic=is_synthetic,
        features={"camera_pitch_deg": float(number % 40), "min_distance": float(20 * number)},
    )


def write_records(folder, num_samples, is_synthetic, num_shards=2):
    with records.RecordWriter(folder, folder.name, "train", num_shards) as writer:
        for number in range(num_samples):
            writer.add(person_sample(number, is_synthetic))
    return folder
