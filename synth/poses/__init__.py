"""Body poses: procedural kinds, motion capture files, resting on the ground, self-collision."""
