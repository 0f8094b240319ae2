"""Scores on arrays: MPII multi-person AP, OKS, visibility bins, bootstrap."""
