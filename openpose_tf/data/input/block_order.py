"""Blocks of records that lie side by side, and the order in which a stream goes through them.

The rows of a stream are cut into blocks. Each epoch takes the blocks in a new order, a window of them at a time; in a
window the blocks give a row each in turn, and the rows of one block come in a new order too. So the rows of an epoch
are a permutation that is a pure function of (key, epoch), rows of one block are a window's width apart, and a stream
finds its place from the number of a sample alone.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from openpose_tf.data.records.record_set import RecordSet

# Payload a stream may hold: eleven streams (ten groups and the real half) then stay below 500 MB.
STREAM_BYTES = 40_000_000
MIN_WINDOW_BLOCKS = 16  # twice the half of a batch of 16; one read of 15 records of 130 kB
READ_AHEAD = 4  # blocks that wait, or are being read, before the window
# Records of other groups up to this many bytes are read over: as long as a disk's read takes to start anew.
MAX_GAP_BYTES = 256_000
FEW_RECORDS = 4  # per read: below it, a stream is told that contiguous groups would pay


@dataclasses.dataclass(frozen=True)
class Blocks:
    """Where the blocks of a stream lie; M blocks of up to K rows.

    Attributes:
        shard: [M] int32, number of the shard.
        offset, num_bytes: [M] int64, what is read: from the first own record's frame to the last's end.
        num_records: [M] int64, records in it, those of other streams included.
        rows: [M, K] int64, own rows in the order of the file; -1 behind the last.
        places: [M, K] int64, which of the block's records they are; 0 behind the last.
        sizes: [M] int64, own rows.
        window: [W, V] int64, places of a window's blocks in the order of an epoch; -1 behind the last.
    """

    shard: np.ndarray
    offset: np.ndarray
    num_bytes: np.ndarray
    num_records: np.ndarray
    rows: np.ndarray
    places: np.ndarray
    sizes: np.ndarray
    window: np.ndarray

    @property
    def num_rows(self) -> int:
        """Rows of an epoch."""
        return int(self.sizes.sum())

    @property
    def window_bytes(self) -> int:
        """Most payload that a window and what is read ahead can hold."""
        return (self.window.shape[1] + READ_AHEAD) * int(self.num_bytes.max())

    def rows_of_epoch(self, key: int, epoch: int) -> list[np.ndarray]:
        """Returns the rows of each window of an epoch, in their order; together each row once."""
        order = block_of_place(key, epoch, np.arange(len(self.sizes)), len(self.sizes)).numpy()
        limit = self.rows.shape[1]
        windows = []
        for places in self.window:
            blocks = order[places[places >= 0]]
            inner = [place_in_block(key, epoch, block, self.sizes[block], limit).numpy() for block in blocks]
            rows = np.take_along_axis(self.rows[blocks], np.stack(inner), 1)
            rows = np.where(np.arange(limit) < self.sizes[blocks, None], rows, -1).T.reshape(-1)
            windows.append(rows[rows >= 0])
        return windows

    def window_starts(self, key: int, epoch: int) -> np.ndarray:
        """Returns the number of an epoch's sample with which each window begins, and the epoch's end, [W + 1]."""
        order = block_of_place(key, epoch, np.arange(len(self.sizes)), len(self.sizes)).numpy()
        sizes = np.where(self.window >= 0, self.sizes[order[self.window]], 0)
        return np.concatenate([[0], np.cumsum(sizes.sum(1))])


def block_of_place(key: tf.Tensor, epoch: tf.Tensor, place: tf.Tensor, num_blocks: tf.Tensor) -> tf.Tensor:
    """Returns the blocks at places of the order of an epoch, int64 of the shape of `place` (a scalar or [n])."""
    return tf.random.experimental.index_shuffle(place, _seed(key, epoch), tf.cast(num_blocks, tf.int64) - 1)


def place_in_block(key: tf.Tensor, epoch: tf.Tensor, block: tf.Tensor, size: tf.Tensor, limit: tf.Tensor) -> tf.Tensor:
    """Returns the order of a block's rows in an epoch, [limit] int64: a permutation of [0, size), then anything."""
    last = tf.cast(size, tf.int64) - 1
    seed = _seed(key, epoch) + tf.stack([tf.cast(block, tf.int64) + 1, tf.constant(0, tf.int64)])
    return tf.random.experimental.index_shuffle(tf.minimum(tf.range(limit, dtype=tf.int64), last), seed, last)


def _seed(key: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
    return tf.stack([tf.cast(key, tf.int64), tf.cast(epoch, tf.int64)])


def cut_blocks(records: RecordSet, rows: np.ndarray, batch_size: int) -> Blocks:
    """Returns the blocks of a stream.

    A window holds at least as many blocks as a batch has samples, so that a batch has one row of each.

    Args:
        records: the record set.
        rows: the stream's rows.
        batch_size: samples of a global batch.
    """
    rows = rows[np.lexsort((records.offset[rows], records.shard[rows]))]
    shard, start = records.shard[rows], records.offset[rows]
    end = start + records.length[rows]
    width = max(MIN_WINDOW_BLOCKS, batch_size)
    limit = STREAM_BYTES // (width + READ_AHEAD)
    least_windows = -(-int(records.length[rows].sum()) // (width * limit))
    longest = max(1, len(rows) // (least_windows * width))
    apart = (shard[1:] != shard[:-1]) | (start[1:] - end[:-1] > MAX_GAP_BYTES)
    pieces: list[np.ndarray] = []
    for run in np.split(np.arange(len(rows)), np.flatnonzero(apart) + 1):
        count = max(-(-len(run) // longest), -(-int(end[run[-1]] - start[run[0]]) // limit))
        pieces += np.array_split(run, min(count, len(run)))
    first, last = (np.array([piece[place] for piece in pieces]) for place in (0, -1))
    sizes = np.array([len(piece) for piece in pieces])
    rank = _rank_in_shard(records)[rows]
    inside = np.arange(sizes.max()) < sizes[:, None]
    grid = np.where(inside, first[:, None] + np.arange(sizes.max()), first[:, None])
    return Blocks(
        shard=shard[first].astype(np.int32),
        offset=start[first],
        num_bytes=end[last] - start[first],
        num_records=rank[last] - rank[first] + 1,
        rows=np.where(inside, rows[grid], -1),
        places=np.where(inside, rank[grid] - rank[first][:, None], 0),
        sizes=sizes,
        window=_windows(len(sizes), width),
    )


def _windows(num_blocks: int, width: int) -> np.ndarray:
    """Deals places to windows of `width` blocks or slightly more, as evenly as they go, [W, V]; -1 = none."""
    windows = np.array_split(np.arange(num_blocks), max(1, num_blocks // width))
    return np.stack([np.pad(window, (0, len(windows[0]) - len(window)), constant_values=-1) for window in windows])


def _rank_in_shard(records: RecordSet) -> np.ndarray:
    """[N] int64: how many records of its shard lie before each."""
    order = np.lexsort((records.offset, records.shard))
    first = np.searchsorted(records.shard[order], np.arange(len(records.shard_paths)))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - first[records.shard[order]]
    return rank
