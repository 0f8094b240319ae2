"""Finding people in photographs: detectors, segmenters and their model files."""
