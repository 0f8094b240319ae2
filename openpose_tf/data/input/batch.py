"""A batch, and the choice of its synthetic samples: what input, training loop and curriculum pass to each other."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

Batch = dict[str, tf.Tensor]  # docs/reference/records.md, "Batch"


class Selection(NamedTuple):
    """Which synthetic samples to train on: the next ones of a group, or given rows.

    Attributes:
        group: number of the group, 0 where there is only one.
        rows: [K, B] int64 rows of the record set: the B synthetic samples of the global batch and, as far as they are
            chosen, of the K - 1 batches after it, which are read ahead; they may not change any more. None: the next
            samples of the group.
        weights: [K, B] float32, factors on the rows' optimized losses, the batch's `sample_weight`. None: no factors.
    """

    group: int = 0
    rows: np.ndarray | None = None
    weights: np.ndarray | None = None


ALL_SAMPLES = Selection()  # where nobody chooses: one group that holds all samples
