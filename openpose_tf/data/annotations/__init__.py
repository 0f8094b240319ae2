"""Readers of annotated images: COCO, MPII, OpenPose JSON, image datasets."""
