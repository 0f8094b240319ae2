"""Training a student: loop, step, optimizers, flags, logs, files of a run."""
