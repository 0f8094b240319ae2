"""Reads TF_CONFIG, by which TFJob, Vertex AI and hand-written scripts tell a process its place in a cluster."""

import dataclasses
import json
import os

from absl import logging

from openpose_tf.common.errors import UserError

NAME = "TF_CONFIG"
TRAINING_JOBS = ("chief", "master", "worker")  # in this order; "master" is the chief's older name
EXAMPLE = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'


@dataclasses.dataclass(frozen=True)
class ClusterTask:
    """This process among those of a cluster.

    Attributes:
        addresses: HOST:PORT of every process that trains; the first one is the chief, who alone writes.
        index: which of them this process is, None if it does not train.
        job: what TF_CONFIG calls this process, such as "worker" or "evaluator".
    """

    addresses: tuple[str, ...]
    index: int | None
    job: str


def read() -> ClusterTask | None:
    """Returns this process's place, None where TF_CONFIG is not set or names no cluster.

    Raises:
        UserError: TF_CONFIG is not understood.
    """
    try:
        config = json.loads(os.environ.get(NAME) or "{}") or {}
        if not config.get("cluster"):
            return None
        cluster, task = config["cluster"], config["task"]
        job, index = str(task["type"]), int(task["index"])
        jobs = [name for name in TRAINING_JOBS if cluster.get(name)]
        addresses = [(name, place) for name in jobs for place in range(len(cluster[name]))]
        trains = job in TRAINING_JOBS
        if not addresses or (trains and (job, index) not in addresses):
            raise ValueError(f"{job} {index} is not in the cluster")
        hosts = tuple(_address(cluster[name][place]) for name, place in addresses)
        return ClusterTask(hosts, addresses.index((job, index)) if trains else None, job)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"the environment variable {NAME} is not understood ({error!r}): expected {EXAMPLE}") from None


def _address(value: object) -> str:
    if not isinstance(value, str) or not value.rpartition(":")[2].isdecimal():  # TensorFlow's error is a traceback
        raise ValueError(f"{value!r} is not host:port")
    return value


def has_work() -> bool:
    """Returns whether this process trains; parameter servers and evaluators of a cluster do not, and are told so.

    Raises:
        UserError: TF_CONFIG is not understood.
    """
    task = read()
    if task is None or task.index is not None:
        return True
    logging.info(
        "%s: the role of this process, %s, is one that synchronous training does without: it ends. Chief and workers "
        "train; to score checkpoints, export one and run eval.run",
        NAME,
        task.job,
    )
    return False
