"""How good it is: MPII multi-person AP, COCO OKS, occlusion bins, comparisons and tables."""
