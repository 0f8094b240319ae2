"""Makes what is missing of one call's part of a dataset, and lists what failed."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import logging

from openpose_tf.common import files
from openpose_tf.common.progress import Progress
from synth.dataset import completeness, packing
from synth.workers import engine
from synth.workers.engine import EngineConfig, Failure, Task


def make_missing(
    folder: Path,
    indices: Sequence[int],
    num_images: int,
    task: Task,
    job: Any,
    workers: EngineConfig,
    title: str,
    note: Callable[[Any], str] = lambda result: "",
) -> list[Failure]:
    """Makes the images that are not complete yet and returns those that failed.

    Args:
        folder: the dataset.
        indices: images of this call.
        num_images: of the whole dataset.
        task: makes one image, see `engine.run`.
        job: what all images share.
        workers: where tasks run.
        title: what is being done, shown beside the progress.
        note: what to show of a finished image's result.
    """
    todo = completeness.missing(folder, indices)
    if len(todo) < len(indices):
        logging.info("%s: %d of %d images are there, resuming", folder, len(indices) - len(todo), len(indices))
    packer = packing.Packer(folder, num_images, todo)
    with Progress(len(indices), title, "image", initial=len(indices) - len(todo)) as bar:

        def on_done(index: int, result: Any) -> None:
            bar.update(1, note(result))
            packer.done(index)

        return engine.run(task, job, todo, workers, on_done)


def write_failures(folder: Path, failures: Sequence[Failure], workers: EngineConfig) -> None:
    """Writes failed.jsonl (of a job array: one per shard), or removes it where nothing failed."""
    shard = f"-{workers.shard_index:05d}-of-{workers.num_shards:05d}" if workers.num_shards > 1 else ""
    path = folder / f"failed{shard}.jsonl"
    if failures:
        files.write_bytes(path, "".join(json.dumps(dataclasses.asdict(one)) + "\n" for one in failures).encode())
    else:
        path.unlink(missing_ok=True)
