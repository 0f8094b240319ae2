"""Reads the records of a stream block by block through tf.data, in the order of block_order.py."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from absl import logging

from openpose_tf.data.input import block_order
from openpose_tf.data.records.record_set import RecordSet


class BlockReader:
    """Sample numbers, rows and payloads of a stream that goes through all of its rows each epoch.

    Args:
        records: the record set.
        rows: the stream's rows.
        batch_size: samples of a global batch.
        key: of the stream's random numbers.
    """

    def __init__(self, records: RecordSet, rows: np.ndarray, batch_size: int, key: int) -> None:
        self.blocks = blocks = block_order.cut_blocks(records, rows, batch_size)
        self._paths, self._key = records.shard_paths, key
        self._read_epoch = functools.lru_cache(maxsize=2)(self._rows_of_epoch)
        mean = blocks.num_rows / len(blocks.sizes)
        full = len(rows) > 4 * blocks.window.shape[1] * block_order.FEW_RECORDS  # a small stream is cut small
        if full and mean < block_order.FEW_RECORDS:
            logging.warning(
                "%s: %d records of a stream lie scattered over the shards, %.1f of them to a read; python -m "
                "teacher.partition makes groups contiguous",
                records.dir,
                blocks.num_rows,
                mean,
            )

    def rows(self, numbers: np.ndarray) -> np.ndarray:
        """Returns the rows of samples of the stream, int64 of the shape of `numbers`."""
        epochs, places = np.divmod(np.asarray(numbers), self.blocks.num_rows)
        return np.array([self._read_epoch(int(epoch))[place] for epoch, place in zip(epochs, places)], np.int64)

    def neighbours(self, rows: np.ndarray) -> np.ndarray:
        """Returns all rows of the blocks that hold `rows`."""
        found = self.blocks.rows[np.isin(self.blocks.rows, rows).any(1)]
        return found[found >= 0]

    def dataset(self, first_sample: int, num_threads: int) -> tf.data.Dataset:
        """Returns the endless dataset of (number, row, payload), scalars int64, int64, string, from a sample on.

        It opens at the window that holds the sample and skips what comes before; a window is what it holds in memory.
        """
        blocks = self.blocks
        epoch, place = divmod(first_sample, blocks.num_rows)
        starts = blocks.window_starts(self._key, epoch)
        window = int(np.searchsorted(starts, place, "right")) - 1
        slots = np.arange(blocks.window.size, dtype=np.int64)
        with tf.device("CPU:0"):
            index = tuple(
                tf.constant(column)
                for column in (
                    self._key,
                    np.array(self._paths),
                    blocks.window.reshape(-1),
                    blocks.shard,
                    blocks.offset,
                    blocks.num_bytes,
                    blocks.num_records,
                    blocks.rows,
                    blocks.places,
                    blocks.sizes,
                )
            )
        first_slot = epoch * len(slots) + window * blocks.window.shape[1]

        @tf.autograph.experimental.do_not_convert
        def read(slot: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            rows, payloads = _read_function()(slot, *index)
            return rows >= 0, rows, payloads

        dataset = tf.data.Dataset.counter(first_slot, dtype=tf.int64)
        dataset = dataset.map(read, num_parallel_calls=num_threads, deterministic=True)
        dataset = dataset.prefetch(max(1, block_order.READ_AHEAD - num_threads))
        dataset = dataset.interleave(
            lambda *columns: tf.data.Dataset.from_tensor_slices(columns),
            cycle_length=blocks.window.shape[1],
            block_length=1,
        )
        # Functions that hand on what they are given cost nothing: tf.data does not call them.
        dataset = dataset.filter(lambda is_row, *_: is_row).skip(place - int(starts[window]))
        dataset = dataset.enumerate(first_sample)
        return dataset.map(lambda number, sample: (number, *sample[1:]))

    def _rows_of_epoch(self, epoch: int) -> np.ndarray:
        return np.concatenate(self.blocks.rows_of_epoch(self._key, epoch))


@functools.lru_cache(maxsize=1)
def _read_function() -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """Traced: (rows [K] int64, payloads [K] string) of a slot of the stream's windows; row -1 means no record.

    Slots that a window leaves empty, and short blocks, are filled up, so that all slots of a window end together.
    """

    def read(
        slot: tf.Tensor,
        key: tf.Tensor,
        paths: tf.Tensor,
        window: tf.Tensor,
        shard: tf.Tensor,
        offset: tf.Tensor,
        num_bytes: tf.Tensor,
        num_records: tf.Tensor,
        rows: tf.Tensor,
        places: tf.Tensor,
        sizes: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        count = tf.size(window, out_type=tf.int64)
        limit = tf.shape(rows, tf.int64)[1]
        epoch, place = slot // count, tf.gather(window, slot % count)

        def block_rows() -> tuple[tf.Tensor, tf.Tensor]:
            block = block_order.block_of_place(key, epoch, place, tf.size(sizes))
            size = tf.gather(sizes, block)
            order = block_order.place_in_block(key, epoch, block, size, limit)
            path = tf.gather(paths, tf.gather(shard, block))
            records = read_records(
                path, tf.gather(offset, block), tf.gather(num_records, block), tf.gather(num_bytes, block)
            )
            own = tf.where(tf.range(limit) < size, tf.gather(tf.gather(rows, block), order), -1)
            taken = tf.gather(records, tf.gather(tf.gather(places, block), order[:size]))
            filled = tf.cond(  # most blocks are full, and joining copies
                size < limit, lambda: tf.concat([taken, tf.fill([limit - size], "")], 0), lambda: taken
            )
            return own, filled

        return tf.cond(
            place < 0, lambda: (tf.fill([limit], tf.constant(-1, tf.int64)), tf.fill([limit], "")), block_rows
        )

    number, numbers = tf.TensorSpec([], tf.int64), tf.TensorSpec([None], tf.int64)
    table = tf.TensorSpec([None, None], tf.int64)
    signature = [number, number, tf.TensorSpec([None], tf.string), numbers, tf.TensorSpec([None], tf.int32)]
    signature += [numbers, numbers, numbers, table, table, numbers]
    return tf.function(read, input_signature=signature, autograph=False)


def read_records(path: tf.Tensor, offset: tf.Tensor, count: tf.Tensor, num_bytes: tf.Tensor) -> tf.Tensor:
    """Returns records that lie side by side, [count] string, in one read; TensorFlow's reader checks each CRC."""
    variant = tf.raw_ops.TFRecordDatasetV2(
        filenames=path[None], compression_type="", buffer_size=num_bytes, byte_offsets=offset[None]
    )
    records = tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string))
    return records.take(count).batch(count).get_single_element()
