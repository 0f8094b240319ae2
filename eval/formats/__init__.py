"""Ground truth and predictions in the forms of MPII, COCO and this project."""
