"""The parametric body: linear blend skinning, the embedded CC0 human, SMPL+H files."""
