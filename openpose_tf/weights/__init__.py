"""Checkpoints and weight files of other formats, and starting one network from another."""
