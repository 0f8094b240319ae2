"""Names of the files by which one package finds what another one wrote."""

# In a model_dir: numbers of every log step, the teacher's decisions, numbers of the finished run.
METRICS, DECISIONS, SUMMARY = "metrics.jsonl", "decisions.jsonl", "summary.json"
POSE_DESCRIPTION = "pose.json"  # in the assets of an exported student: its network, decoder and sizes
