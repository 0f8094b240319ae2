"""What to train on next: groupings of samples, the adversarial teacher and its training entry point."""
