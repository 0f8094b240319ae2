"""Makes what is missing of one call's part of a dataset, and lists what failed."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import logging

from openpose_tf.common import files
from openpose_tf.common.progress import Progress
from synth.dataset import writer
from synth.workers import engine
from synth.workers.engine import EngineConfig, Failure, Task


def make_missing(
    folder: Path,
    indices: Sequence[int],
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
        task: makes one image, see `engine.run`.
        job: what all images share.
        workers: where tasks run.
        title: what is being done, shown beside the progress.
        note: what to show of a finished image's result.
    """
    todo = writer.missing(folder, indices)
    if len(todo) < len(indices):
        logging.info("%s: %d of %d images are there, resuming", folder, len(indices) - len(todo), len(indices))
    with Progress(len(indices), title, "image", initial=len(indices) - len(todo)) as bar:
        return engine.run(task, job, todo, workers, lambda _, result: bar.update(1, note(result)))


def write_failures(folder: Path, failures: Sequence[Failure], workers: EngineConfig) -> None:
    """Writes failed.jsonl (of a job array: one per shard), or removes it where nothing failed."""
    shard = f"-{workers.shard_index:05d}-of-{workers.num_shards:05d}" if workers.num_shards > 1 else ""
    path = folder / f"failed{shard}.jsonl"
    if failures:
        files.write_bytes(path, "".join(json.dumps(dataclasses.asdict(one)) + "\n" for one in failures).encode())
    else:
        path.unlink(missing_ok=True)
