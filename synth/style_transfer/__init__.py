"""Makes rendered people look as if they belonged in a photograph: colour and feature transfer, smoothing, pasting."""
