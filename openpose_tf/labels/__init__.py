"""What the student learns from: confidence maps, PAFs, loss masks, losses."""
