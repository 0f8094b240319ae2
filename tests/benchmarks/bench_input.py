"""Input speed: CPU milliseconds per sample from 640x640 px crops to warped 368x368 px batches, and where they go.

python tests/benchmarks/bench_input.py

CPU time of the whole process, medians of turns, so that other load on the machine matters little. The aim is 150
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

SIDE, NUM_RECORDS, BATCH, BATCHES, AIM = 640, 480, 16, 8, 150.0
ROUNDS, LIMIT, SETTLE_S = 9, "limit", 0.5
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


def cpu_ms(calls: dict[str, tuple[Callable[[], object], int]]) -> dict[str, list[float]]:
    """Returns CPU milliseconds per image of calls, each with how many images it works on, in ROUNDS turns.

    By turns, because a machine that others share becomes slower and faster within a minute.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(ROUNDS + 1):
        for name, (call, count) in calls.items():
            start = time.process_time()
            call()
            if turn:  # the first one warms up
                times[name].append(1e3 * (time.process_time() - start) / count)
    return times


def stream_of(loaded: record_set.RecordSet, backend: str) -> Callable[[], object]:
    """Whole pipeline: read, check the CRC, parse, decode, warp, label, batch."""
    config = StreamConfig(Augmentation(backend=backend), feature_names=("camera_pitch_deg",), num_threads=1)
    stream = SampleStream(loaded, batch_size=BATCH, config=config)

    def run() -> None:
        for _ in range(BATCHES):
            stream.next()
        time.sleep(SETTLE_S)  # until it has read ahead again, which is part of this turn's work, not of the next call's

    run()
    return run


def parts_of(samples: list[PersonSample]) -> dict[str, tuple[Callable[[], object], int]]:
    """Decoding at full size; decoding as the zoom allows; that and warping the picture; warping the mask."""
    augmentation = Augmentation()
    rng = np.random.default_rng(0)
    maps = []
    for sample in samples:
        uniform = tf.constant(rng.random(NUM_RANDOM), tf.float32)
        affine = sample_affine(tf.constant(sample.objpos), tf.constant(sample.scale, tf.float32), uniform, augmentation)
        maps.append((affine.inverse.numpy(), float(affine.zoom)))
    inverses = np.stack([inverse for inverse, _ in maps]).astype(np.float64)
    factors = np.array([warp.reduction(zoom) for _, zoom in maps])
    shapes = np.full((len(samples), 2), SIDE)

    def decode(reduced: bool) -> None:
        for sample, factor in zip(samples, factors.tolist()):
            images.decode_record_bgr(sample.image, factor if reduced else 1)

    def pictures() -> None:
        result = np.empty((augmentation.input_size,) * 2 + (3,), np.uint8)
        for sample, factor, inverse in zip(samples, factors.tolist(), warp._to_reduced(inverses, factors)):
            warp._warp_image_cv2(sample.image, factor, inverse, result)

    def masks() -> None:
        warp._warp_masks_cv2([sample.mask for sample in samples], shapes, inverses, augmentation)

    calls: dict[str, Callable[[], object]] = {
        LIMIT: lambda: decode(False), "decode": lambda: decode(True), "pictures": pictures, "masks": masks
    }  # fmt: skip
    return {name: (call, len(samples)) for name, call in calls.items()}


def main() -> None:
    """Prints the table."""
    cv2.setNumThreads(1)
    samples = [make_sample(k) for k in range(NUM_RECORDS)]
    with tempfile.TemporaryDirectory() as folder:
        with records.RecordWriter(folder, "bench", "train", 4) as writer:
            for sample in samples:
                writer.add(sample)
        loaded = record_set.load_records(folder)
        streams = {name: (stream_of(loaded, name), BATCHES * BATCH) for name in ("cv2", "tf")}
        times = cpu_ms({**streams, **parts_of(samples[: BATCHES * BATCH])})
    median = {name: statistics.median(values) for name, values in times.items()}
    total = median["cv2"]
    rows = {
        "limit: decoding alone, full size": median[LIMIT],
        "decode (shrunk where the zoom allows)": median["decode"],
        "warp of the image": median["pictures"] - median["decode"],
        "mask (decode, warp, average; half of the samples)": median["masks"],
        "rest (read, CRC, parse, people, batch)": total - median["pictures"] - median["masks"],
        "whole pipeline, --warp=cv2": total,
        "whole pipeline, --warp=tf": median["tf"],
    }
    size = sum(len(sample.image) for sample in samples) / len(samples) / 1e3
    print(f"{SIDE}x{SIDE} px crops, JPEG of {size:.0f} kB, to 368x368 px; CPU per image, medians of {ROUNDS} turns")
    print(f"{'':50s}      ms  of limit  images/s per core")
    for name, value in rows.items():
        print(f"{name:50s} {value:7.2f} {value / median[LIMIT]:8.2f}x {1e3 / value:12.0f}")
    shares = sorted(limit / whole for limit, whole in zip(times[LIMIT], times["cv2"]))
    print(
        f"share of the limit, turn by turn: median {statistics.median(shares):.0%}, {shares[0]:.0%} to {shares[-1]:.0%}"
    )
    print(f"aim {AIM:.0f} images/s per core: {'reached' if 1e3 / total >= AIM else 'MISSED'} ({1e3 / total:.0f})")


if __name__ == "__main__":
    main()
