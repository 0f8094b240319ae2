"""Groupings of synthetic samples: axes, boundaries, membership, group files."""
