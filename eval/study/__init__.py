"""The rows of the paper at a small size: python -m eval.study."""
