"""Input speed: CPU milliseconds per sample from 640x640 px crops to warped 368x368 px batches, and where they go.

python tests/benchmarks/bench_input.py

CPU time of the whole process, median over repeats, so that other load on the machine matters little. The aim is 150
images per second and core. The limit to compare with is decoding alone, every JPEG at its full size.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cv2
import numpy as np
import tensorflow as tf

from openpose_tf.common.imaging import images
from openpose_tf.data.input import warp
from openpose_tf.data.input.augmentation import NUM_RANDOM, Augmentation, sample_affine
from openpose_tf.data.input.sampler import StreamConfig
from openpose_tf.data.input.streams import SampleStream
from openpose_tf.data.records import record_set
from openpose_tf.data.records import writer as records
from openpose_tf.data.records.schema import PersonSample

SIDE, NUM_RECORDS, BATCH, AIM = 640, 480, 16, 150.0
SCALE = 1.95  # the sampled person is 390 px tall in the crop


def make_sample(number: int) -> PersonSample:
    """A picture of photograph-like detail (about 100 kB) with four people; every second one has a mask."""
    rng = np.random.default_rng(number)
    coarse = cv2.resize(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    fine = cv2.GaussianBlur(rng.normal(0, 40, (SIDE, SIDE, 3)), (0, 0), 1.2)
    pixels = np.clip(coarse + fine, 0, 255).astype(np.uint8)
    mask = np.full((SIDE, SIDE), 255, np.uint8)
    cv2.ellipse(mask, (480, 300), (60, 150), 20, 0, 360, 0, -1)
    keypoints = np.concatenate([rng.uniform(80, 560, (4, 16, 2)), np.ones((4, 16, 1))], -1).astype(np.float32)
    return PersonSample(
        image=cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes(),
        height=SIDE,
        width=SIDE,
        mask=images.encode(mask > 127, ".png", name="mask") if number % 2 else b"",  # as records hold it
        keypoints=keypoints,
        is_synthetic_person=np.ones(4, bool),
        objpos=rng.uniform(280, 360, 2).astype(np.float32),
        scale=SCALE,
        labelled_joints=np.ones(16, bool),
        image_id=str(number),
        person=0,
        is_synthetic=True,
        features={"camera_pitch_deg": 1.0},
    )


def cpu_ms(call: Callable[[], object], images: int, repeats: int = 7) -> float:
    """Returns the median CPU milliseconds per image of a call that works on `images` images."""
    call()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1e3 * statistics.median(times) / images


def stream_ms(loaded: record_set.RecordSet, backend: str) -> float:
    """Whole pipeline: read, check the CRC, parse, decode, warp, label, batch."""
    config = StreamConfig(Augmentation(backend=backend), feature_names=("camera_pitch_deg",), num_threads=1)
    stream = SampleStream(loaded, batch_size=BATCH, config=config)
    for _ in range(4):
        stream.next()

    def run() -> None:
        for _ in range(8):
            stream.next()

    result = cpu_ms(run, 8 * BATCH)
    stream.close()
    return result


def parts_ms(samples: list[PersonSample]) -> tuple[float, float, float, float]:
    """Decoding at full size; decoding as the zoom allows; that and warping the picture; warping the mask."""
    augmentation = Augmentation()
    rng = np.random.default_rng(0)
    maps = []
    for sample in samples:
        uniform = tf.constant(rng.random(NUM_RANDOM), tf.float32)
        affine = sample_affine(tf.constant(sample.objpos), tf.constant(sample.scale, tf.float32), uniform, augmentation)
        maps.append((affine.inverse.numpy(), float(affine.zoom)))
    inverses = np.stack([inverse for inverse, _ in maps]).astype(np.float64)
    shapes = np.full((len(samples), 2), SIDE)

    def decode(reduced: bool) -> None:
        for sample, (_, zoom) in zip(samples, maps):
            factor = warp.reduction(zoom) if reduced else 1
            images.decode_record_bgr(sample.image, factor)

    def pictures() -> None:
        result = np.empty((augmentation.input_size,) * 2 + (3,), np.uint8)
        factors = np.array([warp.reduction(zoom) for _, zoom in maps])
        for sample, factor, inverse in zip(samples, factors.tolist(), warp._to_reduced(inverses, factors)):
            warp._warp_image_cv2(sample.image, factor, inverse, result)

    def masks() -> None:
        warp._warp_masks_cv2([sample.mask for sample in samples], shapes, inverses, augmentation)

    count = len(samples)
    return (
        cpu_ms(lambda: decode(False), count),
        cpu_ms(lambda: decode(True), count),
        cpu_ms(pictures, count),
        cpu_ms(masks, count),
    )


def main() -> None:
    """Prints the table."""
    cv2.setNumThreads(1)
    samples = [make_sample(k) for k in range(NUM_RECORDS)]
    with tempfile.TemporaryDirectory() as folder:
        with records.RecordWriter(folder, "bench", "train", 4) as writer:
            for sample in samples:
                writer.add(sample)
        loaded = record_set.load_records(folder)
        total, tensorflow = stream_ms(loaded, "cv2"), stream_ms(loaded, "tf")
    full, decode, picture, mask = parts_ms(samples)
    rows = [
        ("limit: decoding alone, full size", full),
        ("decode (shrunk where the zoom allows)", decode),
        ("warp of the image", picture - decode),
        ("mask (decode, warp, average; half of the samples)", mask),
        ("rest (read, CRC, parse, people, batch)", total - picture - mask),
        ("whole pipeline, --warp=cv2", total),
        ("whole pipeline, --warp=tf", tensorflow),
    ]
    size = sum(len(sample.image) for sample in samples) / len(samples) / 1e3
    print(f"{SIDE}x{SIDE} px crops, JPEG of {size:.0f} kB, to 368x368 px; CPU per image")
    print(f"{'':50s}      ms  of limit  images/s per core")
    for name, value in rows:
        print(f"{name:50s} {value:7.2f} {value / full:8.2f}x {1e3 / value:12.0f}")
    print(f"aim {AIM:.0f} images/s per core: {'reached' if 1e3 / total >= AIM else 'MISSED'} ({1e3 / total:.0f})")


if __name__ == "__main__":
    main()
