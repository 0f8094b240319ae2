"""Small record sets for tests: stick people on noise, 96 x 96 px."""

import cv2
import numpy as np

from openpose_tf.data.records import writer as records
from openpose_tf.data.records.schema import PersonSample
from openpose_tf.skeleton import NUM_MPII_JOINTS
from tests.support.stick_people import draw_person, mpii_joints, stick_person

SIZE = 96


def pitch_by_number(number):
    """Camera pitch of 0 to 40 degrees."""
    return float(number % 40)


def person_sample(number, is_synthetic, pitch_deg=pitch_by_number):
    """Sample `number`, a pure function of it."""
    rng = np.random.default_rng([int(is_synthetic), number])
    image = rng.integers(0, 60, (SIZE, SIZE, 3)).astype(np.uint8)
    height, centre = rng.uniform(50, 80), rng.uniform(40, 56, 2)
    parts = stick_person(rng, centre, height)
    draw_person(image, parts)
    return PersonSample(
        image=cv2.imencode(".jpg", image[..., ::-1])[1].tobytes(),
        height=SIZE,
        width=SIZE,
        mask=b"",
        keypoints=mpii_joints(parts)[None],
        is_synthetic_person=np.array([is_synthetic]),
        objpos=centre.astype(np.float32),
        scale=float(height / 200),
        labelled_joints=np.ones(NUM_MPII_JOINTS, bool),
        image_id=str(number),
        person=0,
        is_synthetic=is_synthetic,
        features={"camera_pitch_deg": pitch_deg(number), "min_distance": float(20 * number)},
    )


def write_records(folder, num_samples, is_synthetic, num_shards=2, pitch_deg=pitch_by_number):
    """Writes a record set of `num_samples` people; returns its folder."""
    with records.RecordWriter(folder, folder.name, "train", num_shards) as writer:
        for number in range(num_samples):
            writer.add(person_sample(number, is_synthetic, pitch_deg))
    return folder
