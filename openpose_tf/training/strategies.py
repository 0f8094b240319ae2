"""Where a step runs: one device, all GPUs of a machine, several machines. The numbers do not depend on it.

Each worker makes its own share of the global batch; every replica sees the losses of all of it, so that each worker's
curriculum takes the same decision without talking to the others.
"""

import dataclasses
from typing import Any

import tensorflow as tf

from openpose_tf.common.errors import UserError
from openpose_tf.training import tf_config


def make_replicas(name: str) -> "Replicas":
    """Returns the replicas of a strategy; call it before any other TensorFlow work.

    Args:
        name: `one_device`; `mirrored`: all GPUs of this machine; `multi_worker`: the workers of the environment
            variable TF_CONFIG (TensorFlow's format), one process each, with the same flags.

    Raises:
        UserError: TF_CONFIG is missing, is not understood, or names several processes for a strategy of one.
    """
    task = tf_config.read()
    if name == "multi_worker":
        return _multi_worker(task)
    if task is not None and len(task.addresses) > 1:
        raise UserError(
            f"{tf_config.NAME} names {len(task.addresses)} processes that train, and each would write the run as if "
            "alone: give --strategy=multi_worker, or unset the variable"
        )
    return Replicas(tf.distribute.MirroredStrategy() if name == "mirrored" else tf.distribute.get_strategy())


def _multi_worker(task: tf_config.ClusterTask | None) -> "Replicas":
    if task is None or task.index is None:
        raise UserError(f"--strategy=multi_worker needs the environment variable {tf_config.NAME}: {tf_config.EXAMPLE}")
    # One job for all: whatever TF_CONFIG calls them, TensorFlow and we agree that number 0 is the chief.
    cluster = tf.train.ClusterSpec({"worker": list(task.addresses)})
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        cluster, task_type="worker", task_id=task.index, rpc_layer="grpc"
    )
    strategy = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    return Replicas(strategy, task.index, len(task.addresses))


@dataclasses.dataclass(frozen=True)
class Replicas:
    """A strategy and this process's place in it.

    Attributes:
        strategy: TensorFlow's.
        worker_index: number of this process; 0 is the chief.
        num_workers: number of processes.
    """

    strategy: tf.distribute.Strategy
    worker_index: int = 0
    num_workers: int = 1

    @property
    def count(self) -> int:
        """Number of replicas of all workers."""
        return self.strategy.num_replicas_in_sync

    def split(self, batch: Any) -> Any:
        """Returns this worker's share of a batch, cut into equal parts for its replicas."""
        local = self.count // self.num_workers
        if self.count == 1:
            return dict(batch)
        size = len(batch["images"]) // local

        def part(values: tf.Tensor) -> Any:
            def of_replica(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
                place = context.replica_id_in_sync_group % local
                return values[place * size : (place + 1) * size]

            return self.strategy.experimental_distribute_values_from_function(of_replica)

        return {name: part(values) for name, values in batch.items()}

    def any_worker(self, flag: bool) -> bool:
        """Returns whether `flag` is set in any worker, so that all stop after the same step."""
        if self.num_workers == 1:
            return flag
        own = self.strategy.experimental_distribute_values_from_function(lambda _: tf.constant(float(flag)))
        return bool(self.strategy.reduce(tf.distribute.ReduceOp.SUM, own, axis=None) > 0)

    def first(self, results: Any) -> Any:
        """Returns the result of this worker's first replica."""
        return tf.nest.map_structure(lambda value: self.strategy.experimental_local_results(value)[0], results)

    def sum(self, values: list[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the sums over all replicas (called in a replica)."""
        if self.count == 1:
            return values
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)

    def gather(self, values: Any, is_synthetic: tf.Tensor) -> Any:
        """Returns tensors [B / replicas, ...] put together to [B, ...] (called in a replica).

        Args:
            values: any structure of tensors with one row per sample.
            is_synthetic: [B / replicas] bool, the domain of the same samples.

        Returns:
            The same structure, in the order of one process: synthetic samples first, each half in the streams' order.
        """
        if self.count == 1:
            return values
        context = tf.distribute.get_replica_context()

        def all_rows(tensor: tf.Tensor) -> tf.Tensor:
            if 0 in tensor.shape[1:]:  # a collective of nothing ends the process with a segmentation fault
                return tf.zeros([tf.shape(tensor)[0] * self.count, *tensor.shape[1:]], tensor.dtype)
            # all_gather knows numbers only, and fails on an input of a tf.function (a placeholder has no device).
            plain = tf.cast(tensor, tf.int32) if tensor.dtype in (tf.bool, tf.uint8) else tf.identity(tensor)
            return tf.cast(context.all_gather(plain, 0), tensor.dtype)

        order = tf.argsort(tf.cast(~all_rows(is_synthetic), tf.int32), stable=True)
        return tf.nest.map_structure(lambda tensor: tf.gather(all_rows(tensor), order), values)


def check_batch_size(replicas: Replicas, batch_size: int) -> None:
    """Raises UserError if a global batch cannot be cut into equal parts for all replicas."""
    if batch_size % replicas.count:
        raise UserError(
            f"--batch_size={batch_size} cannot be shared evenly by {replicas.count} devices: give a multiple of them"
        )
