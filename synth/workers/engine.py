"""Runs independent tasks (one scene each) in this process or as Ray tasks: retries, recycled workers, pinned cores."""

import collections
import dataclasses
import os
import socket
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import logging

from openpose_tf.common.config_flags import option
from openpose_tf.common.errors import MachineError, UserError
from synth.workers import cpu_affinity

Task = Callable[[Any, int], Any]
OnDone = Callable[[int, Any], None]
ADDRESS_TIMEOUT_S = 5.0
MAX_TEXT = 300  # characters of Ray's message
TOKEN_FIX = (
    "copy the first machine's ~/.ray/auth_token to every machine and set RAY_AUTH_MODE=token there, before `ray start` "
    "and before this command (docs/how-to/render_on_a_cluster.md)"
)
OBJECT_STORE_BYTES = 100_000_000  # results are small; Ray's least is 75 MB


@dataclasses.dataclass(frozen=True)
class EngineConfig:
    """Where and how tasks run, and which of them in this job of a job array.

    Attributes:
        gpus_per_worker: GPUs per worker.
        tasks_per_worker: a worker process ends after this many tasks and is replaced.
        max_attempts: tries per task before it counts as failed.
        pin: one core per worker process.
    """

    num_workers: int = option(
        0, "Ray workers, one pinned core each; 0 = in this process without Ray; -1 = all CPUs", low=-1
    )
    ray_address: str | None = option(
        None, "address of a running Ray cluster (auto or HOST:PORT); default: Ray on this machine"
    )
    gpus_per_worker: float = 0.0
    tasks_per_worker: int = 100
    max_attempts: int = 3
    pin: bool = True
    shard_index: int = option(0, "this job's part of a job array, 0 .. num_shards - 1", low=0)
    num_shards: int = option(1, "parts of a job array", low=1)

    def __post_init__(self) -> None:
        if self.shard_index >= self.num_shards:
            raise UserError(f"--shard_index={self.shard_index} must be below --num_shards={self.num_shards}")
        if self.ray_address and self.num_workers == 0:
            raise UserError("--ray_address needs --num_workers: -1 uses all CPUs of the cluster")

    def shard(self, num_items: int) -> range:
        """Returns the items of this job: shard_index, shard_index + num_shards, ..."""
        return range(self.shard_index, num_items, self.num_shards)


@dataclasses.dataclass(frozen=True)
class Failure:
    """A task that failed in every attempt."""

    key: int
    attempts: int
    error: str


def run(task: Task, payload: Any, keys: Sequence[int], config: EngineConfig, on_done: OnDone) -> list[Failure]:
    """Runs `task(payload, key)` for every key.

    Args:
        task: a function of a module, so that workers can import it. Its result must depend on its arguments only.
        payload: what all tasks share; must be picklable.
        keys: one per task.
        config: where and how.
        on_done: called in this process with (key, result) of each finished task, in the order they finish.

    Returns:
        the tasks that failed `max_attempts` times.

    Raises:
        UserError: raised by a task: a wrong input that no retry can fix.
    """
    if not keys:
        return []
    if config.num_workers == 0:
        return _run_here(task, payload, keys, config, on_done)
    return _run_on_ray(task, payload, keys, config, on_done)


def _run_here(task: Task, payload: Any, keys: Sequence[int], config: EngineConfig, on_done: OnDone) -> list[Failure]:
    failures = []
    for key in keys:
        for attempt in range(1, config.max_attempts + 1):
            try:
                result = task(payload, key)
            except UserError:
                raise
            except Exception as error:
                logging.warning("task %d failed (attempt %d): %r", key, attempt, error)
                if attempt == config.max_attempts:
                    failures.append(Failure(key, attempt, repr(error)))
            else:
                on_done(key, result)
                break
    return failures


def _start_ray(config: EngineConfig) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # By default Ray 2.60 waits for more than 200 s for tasks on a machine that was cut off from the network.
    os.environ.setdefault("RAY_grpc_client_keepalive_time_ms", "10000")
    os.environ.setdefault("RAY_grpc_client_keepalive_timeout_ms", "10000")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise UserError("--num_workers above 0 needs Ray: pip install ray, or use --num_workers=0") from None
    root = str(Path(__file__).resolve().parents[2])
    options: dict[str, Any] = {
        "logging_level": "ERROR",
        "log_to_driver": False,
        "runtime_env": {"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.getenv("PYTHONPATH")]))}},
    }
    if config.ray_address:
        _require_listener(config.ray_address)
        options["address"] = config.ray_address
    else:
        # "local" also where RAY_ADDRESS is set: a cluster is used only if --ray_address names it.
        options |= {"address": "local", "include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
        if config.num_workers > 0:
            options["num_cpus"] = config.num_workers
    try:
        ray.init(**options)
    except Exception as error:
        raise _explained(error, config.ray_address) from error
    return ray


def _explained(error: Exception, address: str | None) -> UserError | MachineError:
    """Returns why Ray did not start, from what it raises: its own errors, ConnectionError, ValueError and others."""
    text = " ".join(str(error).split())[:MAX_TEXT]
    if "Authentication" in f"{type(error)} {error} {error.__cause__}":  # the cause tells of a token that is not sent
        return UserError(f"--ray_address={address}: the cluster demands its token: {TOKEN_FIX}")
    if "AF_UNIX" in text:
        folder = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
        return UserError(
            f"the path of the folder for temporary files, {folder}, is too long for Ray's sockets: set TMPDIR (or "
            "RAY_TMPDIR) to a shorter one, such as TMPDIR=/tmp, or give --num_workers=0"
        )
    if address is not None and isinstance(error, ConnectionError):
        return UserError(f"--ray_address={address}: no Ray cluster there ({text})")
    if "ersion mismatch" in text:
        return UserError(f"--ray_address={address}: install the same Python and Ray on all machines ({text})")
    return MachineError(f"Ray did not start ({text or type(error).__name__}); --num_workers=0 does without it")


def _require_listener(address: str) -> None:
    """Raises UserError if nobody listens at HOST:PORT; Ray itself would wait for minutes. `auto` is left to Ray."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if address == "auto":
        return
    try:
        with socket.create_connection((host, int(port)), timeout=ADDRESS_TIMEOUT_S):
            pass
    except (OSError, ValueError) as error:
        raise UserError(
            f"--ray_address={address}: no Ray cluster answers there ({error}); give `auto` or the HOST:PORT that "
            "`ray start --head` prints"
        ) from None


def _in_worker(task: Task, payload: Any, key: int, pin: bool) -> Any:
    """The body of a Ray task."""
    if pin:
        cpu_affinity.claim_core()
    return task(payload, key)


def _run_on_ray(task: Task, payload: Any, keys: Sequence[int], config: EngineConfig, on_done: OnDone) -> list[Failure]:
    ray = _start_ray(config)
    try:
        wanted = config.num_workers if config.num_workers > 0 else int(ray.cluster_resources().get("CPU", 1))
        remote = ray.remote(
            num_cpus=1, num_gpus=config.gpus_per_worker, max_calls=config.tasks_per_worker, max_retries=0
        )(_in_worker)
        shared = ray.put(payload)
        queue = _RetryQueue(keys, config.max_attempts)
        running: dict[Any, int] = {}
        while queue.waiting or running:
            while queue.waiting and len(running) < 2 * wanted:  # one in hand, one next, per worker
                key = queue.waiting.popleft()
                running[remote.remote(task, shared, key, config.pin)] = key
            for reference in ray.wait(list(running), num_returns=1)[0]:
                _collect(ray, reference, running.pop(reference), queue, on_done)
        return queue.failures
    finally:
        ray.shutdown()


class _RetryQueue:
    """Keys that wait, with the attempts each has had."""

    def __init__(self, keys: Sequence[int], max_attempts: int) -> None:
        self.waiting = collections.deque(keys)
        self.failures: list[Failure] = []
        self._attempts: collections.Counter[int] = collections.Counter()
        self._max_attempts = max_attempts

    def failed(self, key: int, error: str) -> None:
        self._attempts[key] += 1
        logging.warning("task %d failed (attempt %d): %s", key, self._attempts[key], error)
        if self._attempts[key] < self._max_attempts:
            self.waiting.append(key)
        else:
            self.failures.append(Failure(key, self._attempts[key], error))


def _collect(ray: Any, reference: Any, key: int, queue: _RetryQueue, on_done: OnDone) -> None:
    """Takes one finished task: its result, or its failure back into the queue."""
    try:
        result = ray.get(reference)
    except ray.exceptions.RaySystemError as error:
        raise MachineError(f"Ray failed: {error}") from None
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise UserError(str(error.cause)) from None
        queue.failed(key, repr(error.cause))
    except ray.exceptions.RayError as error:  # the worker process died
        queue.failed(key, f"worker died: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
    else:
        on_done(key, result)
