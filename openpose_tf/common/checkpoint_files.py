"""Finds the checkpoints of a model_dir by their files."""

from pathlib import Path

from absl import logging

NAME = "ckpt"
STATE_NAME = "checkpoint"  # TensorFlow's list of the checkpoints of a folder


def latest_checkpoint(model_dir: str | Path) -> str | None:
    """Returns the newest checkpoint of a folder whose files are all there, or None."""
    return next(reversed(whole_checkpoints(Path(model_dir))), None)


def whole_checkpoints(folder: Path) -> list[str]:
    """Returns the checkpoints of a folder by step.

    The files decide, not TensorFlow's list of them, the small file `checkpoint`: copies of a folder often lack it, and
    a user may have deleted some that it names.
    """
    steps: dict[int, str] = {}
    for path in folder.glob(f"{NAME}-*.index"):
        step = path.stem.rpartition("-")[2]
        if step.isdecimal() and _has_data(path):
            steps[int(step)] = str(path.with_suffix(""))
        elif step.isdecimal():
            logging.warning("%s is left out: its .data files are missing (copy them, too)", path)
    return [steps[step] for step in sorted(steps)]


def _has_data(index: Path) -> bool:
    """Whether all data files of a checkpoint, NAME.data-00000-of-00002 and so on, lie next to its index."""
    parts = [path.suffix.split("-") for path in index.parent.glob(f"{index.stem}.data-?????-of-?????")]
    return any(len(parts) == int(number) for *_, number in parts if number.isdecimal())
