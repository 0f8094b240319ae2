"""A teacher in the training loop: windows, group streams, decision log."""
