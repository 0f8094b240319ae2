"""Many render workers: Ray engine, processor cores, memory limits."""
