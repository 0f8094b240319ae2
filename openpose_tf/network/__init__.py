"""The OpenPose PAF network."""
