"""Tiny record sets of hand-drawn stick figures for the teacher's tests."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from openpose_tf.data.annotations.types import AnnotatedImage, Person
from openpose_tf.data.records.writer import RecordSetConfig, write_record_set

SIZE = 96
# MPII order, around the pelvis, in units of the person's height
STICK_FIGURE = np.array(
    [
        *[(-0.1, 0.5), (-0.1, 0.25), (-0.08, 0.0), (0.08, 0.0), (0.1, 0.25), (0.1, 0.5), (0, 0), (0, -0.25)],
        *[(0, -0.3), (0, -0.45), (-0.25, 0.0), (-0.2, -0.15), (-0.12, -0.25), (0.12, -0.25), (0.2, -0.15), (0.25, 0.0)],
    ]
)
BONES = ((0, 1), (1, 2), (2, 6), (6, 3), (3, 4), (4, 5), (6, 7), (7, 8), (8, 9), (10, 11), (11, 12), (12, 7), (7, 13))


def draw_person(folder: Path, number: int, is_synthetic: bool, pitch: float) -> AnnotatedImage:
    """One stick figure; a large pitch means a cluttered picture and a shorter figure."""
    rng = np.random.default_rng([number, is_synthetic])
    picture = np.full((SIZE, SIZE, 3), 90, np.uint8)
    if pitch > 20:
        picture = rng.integers(0, 255, (SIZE, SIZE, 3), np.uint8)
    height = 60.0 if pitch < 20 else 45.0
    centre = SIZE / 2 + rng.uniform(-6, 6, 2)
    points = centre + STICK_FIGURE * height
    colour = tuple(int(c) for c in rng.integers(150, 255, 3))
    for a, b in BONES:
        cv2.line(picture, *(tuple(int(v) for v in points[k].round()) for k in (a, b)), colour, 2, cv2.LINE_AA)
    path = folder / f"{number:03d}.png"
    cv2.imwrite(str(path), picture)
    features = {"camera_pitch_deg": pitch, "min_distance": float(rng.uniform(5, 640)), "visible_ratio": 1.0}
    person = Person(
        np.concatenate([points, np.ones((16, 1))], 1),
        centre,
        height / 200,
        is_synthetic=is_synthetic,
        features=features,
    )
    return AnnotatedImage(f"{number:03d}", path, SIZE, SIZE, (person,))


def write_set(folder: Path, count: int, is_synthetic: bool) -> Path:
    """Writes a record set of `count` people, half of them of a large camera pitch; returns its folder."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    annotated = [draw_person(pictures, k, is_synthetic, (5.0 if k % 2 else 35.0) + k / 10) for k in range(count)]
    config = RecordSetConfig("toy", "train", num_shards=2, is_synthetic=is_synthetic)
    write_record_set(annotated, folder / "records", config)
    return folder / "records"


@pytest.fixture(scope="session")
def toy_records(tmp_path_factory) -> dict[str, Path]:
    """Record sets `real` (8 people) and `synthetic` (24 people)."""
    folder = tmp_path_factory.mktemp("toy")
    return {"real": write_set(folder / "r", 8, False), "synthetic": write_set(folder / "s", 24, True)}
