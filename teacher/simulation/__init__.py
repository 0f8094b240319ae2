"""Teachers on simulated students: scenarios and regret."""
