"""Makes what is missing of one call's part of a dataset, and lists what failed."""

import dataclasses
import functools
import json
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import logging

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.progress import Progress
from openpose_tf.data.annotations import image_dataset_schema as schema
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

    Raises:
        UserError: a machine of the cluster does not see the folder.
    """
    todo = completeness.missing(folder, indices)
    if len(todo) < len(indices):
        logging.info("%s: %d of %d images are there, resuming", folder, len(indices) - len(todo), len(indices))
    if workers.ray_address:
        task = functools.partial(_on_shared_folder, task, folder.resolve())
    packer = packing.Packer(folder, num_images, todo)
    with Progress(len(indices), title, "images", initial=len(indices) - len(todo)) as bar:

        def on_done(index: int, result: Any) -> None:
            bar.update(1, note(result))
            packer.done(index)

        return engine.run(task, job, todo, workers, on_done)


def _on_shared_folder(task: Task, folder: Path, job: Any, index: int) -> Any:
    """Runs a task on a machine that has the dataset: otherwise its images would stay there, and count as made."""
    if not (folder / schema.HEADER).is_file():
        raise UserError(
            f"{folder / schema.HEADER} does not exist on machine {socket.gethostname()}: all machines of the cluster "
            "must share the output folder at the same path"
        )
    return task(job, index)


def write_failures(folder: Path, failures: Sequence[Failure], workers: EngineConfig) -> None:
    """Writes failed.jsonl (of a job array: one per shard), or removes it where nothing failed."""
    shard = f"-{workers.shard_index:05d}-of-{workers.num_shards:05d}" if workers.num_shards > 1 else ""
    path = folder / f"failed{shard}.jsonl"
    if failures:
        files.write_bytes(path, "".join(json.dumps(dataclasses.asdict(one)) + "\n" for one in failures).encode())
    else:
        path.unlink(missing_ok=True)
