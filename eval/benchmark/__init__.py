"""A model on a benchmark: entries to predict, inference of the benchmark."""
