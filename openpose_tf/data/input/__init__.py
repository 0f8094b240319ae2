"""From records to batches: sampling, augmentation, warp, tf.data streams."""
