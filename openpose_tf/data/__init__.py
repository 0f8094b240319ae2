"""From annotated images to batches: annotation readers, person-crop records, shards, the tf.data pipeline."""
