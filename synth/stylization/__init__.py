"""Rendered people that look as if they belonged in a photograph: color and feature transfer, smoothing, pasting."""
