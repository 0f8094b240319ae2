"""The student: OpenPose part-affinity-field training, export and prediction in TensorFlow 2."""
