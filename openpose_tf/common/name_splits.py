"""Train, validation and test parts of a list of names: each name's hash decides, whatever else is there."""

from openpose_tf.common.fingerprints import fingerprint

SPLITS = ("train", "val", "test")
_BOUNDS = (0.8, 0.9)  # 80 / 10 / 10 (release)


def check_split(split: str) -> None:
    """Raises ValueError for a name that is not a split."""
    if split not in SPLITS:
        raise ValueError(f"split is one of {', '.join(SPLITS)}, not {split!r}")


def split_of(name: str) -> str:
    """Returns the split of a name, by its hash: the same on every machine, whatever else is there."""
    fraction = int(fingerprint(name, digits=16), 16) / 16**16
    return SPLITS[sum(fraction >= bound for bound in _BOUNDS)]
