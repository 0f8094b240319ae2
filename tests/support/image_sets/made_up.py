"""Annotations that were never rendered, of the size of real ones, for image datasets of any number of images."""

from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.data.annotations import image_dataset_schema as schema
from openpose_tf.data.annotations.segmentations import run_length
from synth.dataset import writer

SIZE = 64


def person(random: np.random.Generator, number: int) -> dict[str, Any]:
    """Returns a rendered person of an annotation; `number` from 1."""
    mask = np.zeros((SIZE, SIZE), bool)
    x, y, width, height = random.integers((0, 0, 4, 8), (40, 30, 24, 34))
    mask[y : y + height, x : x + width] = True
    states = random.integers(1, 5, 16)
    points = np.column_stack([random.uniform(0, SIZE, (16, 2)).round(2), states])
    return {
        "instance_id": number,
        "keypoints": points.tolist(),
        "face_keypoints": points[:5].tolist(),
        "joints_3d_m": random.normal(0, 3, (52, 3)).round(4).tolist(),
        "head_box": [1.5, 2.25, 9.5, 12.75],
        "box": [x - 0.5, y - 0.5, x + width - 0.5, y + height - 0.5] if number > 1 else None,
        "objpos": random.uniform(5, SIZE - 5, 2).round(2).tolist(),
        "scale": round(float(random.uniform(0.1, 0.4)), 4),
        "area": int(mask.sum()) if number > 1 else 0,
        "amodal_mask": run_length(mask),
        "visible_ratio": float((states == 1).mean()),
        "cropped_ratio": float((states == 4).mean()),
        "min_distance": round(float(random.uniform(1, SIZE)), 3),
        "is_synthetic": True,
        "pose": random.uniform(-3, 3, (52, 3)).round(4).tolist(),
        "pose_tag": str(random.choice(["walk", "point", "sit"])),
        "look": {"materials": {f"part{k}": {"colour": random.uniform(0, 1, 3).round(4).tolist()} for k in range(3)}},
    }


def annotation(index: int) -> dict[str, Any]:
    """Returns the annotation of an image, a function of its number alone, without what `writer.write_sample` adds."""
    random = np.random.default_rng([7, index])
    people = [person(random, number) for number in range(1, int(random.integers(1, 5)))]
    pitch = round(float(random.uniform(0, 45)), 6)
    return {"camera": {"pitch_deg": pitch}, "placement": {"collisions": index % 3}, "people": people}


def make_image(folder: str, index: int) -> int:
    """Writes an image of a dataset, a function of its number alone; a task of `engine.run`."""
    random = np.random.default_rng([8, index])
    pixels = random.integers(0, 255, (SIZE, SIZE, 3)).astype(np.uint8)
    row = annotation(index)
    ids = random.integers(0, len(row["people"]) + 1, (SIZE // 8, SIZE // 8)).repeat(8, 0).repeat(8, 1)
    ignore = pixels[..., 0] > 128 if index % 4 == 0 else None
    writer.write_sample(Path(folder), schema.image_name(index), pixels, ids, None, row, 90, ignore)
    return index


def open_dataset(folder: Path, num_images: int) -> None:
    """Makes the header of a dataset of such images, or extends it."""
    flags = {"image_size": SIZE, "look": "painted", "camera": "paper"}
    part = {"part": "all", "source": "made up", "licence": "CC0-1.0"}
    writer.open_dataset(folder, "synthetic", 0, num_images, flags, [part])
