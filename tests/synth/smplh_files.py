"""Made-up SMPL+H model files: random numbers under the right keys."""

from pathlib import Path

import numpy as np

from synth import joints

NUM_VERTICES = 60


def smplh_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Returns the arrays of a model file."""
    rng = np.random.default_rng(seed)
    weights = rng.random((NUM_VERTICES, 52)) ** 8
    regressor = rng.random((52, NUM_VERTICES)) ** 8
    parents = joints.PARENTS.astype(np.int64).copy()
    parents[0] = 2**32 - 1
    return {
        "v_template": rng.normal(0, 0.5, (NUM_VERTICES, 3)),
        "shapedirs": rng.normal(0, 0.02, (NUM_VERTICES, 3, 16)),
        "posedirs": rng.normal(0, 0.01, (NUM_VERTICES, 3, 459)),
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": np.stack([parents, np.arange(52)]),
        "f": rng.permuted(np.tile(np.arange(NUM_VERTICES), (100, 1)), axis=1)[:, :3].astype(np.uint32),
        "hands_componentsl": rng.normal(0, 0.2, (45, 45)),
        "hands_componentsr": rng.normal(0, 0.2, (45, 45)),
        "hands_meanl": rng.normal(0, 0.1, 45),
        "hands_meanr": rng.normal(0, 0.1, 45),
    }


def write_smplh(path: Path, **changes: np.ndarray | None) -> Path:
    """Writes a model file with some arrays replaced, or left out where None."""
    arrays = {key: value for key, value in {**smplh_arrays(), **changes}.items() if value is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return path
