"""Made-up SMPL+H model files: random numbers under the right keys."""

from pathlib import Path

import numpy as np

from synth.body import joints

NUM_VERTICES = 6890


def smplh_arrays(num_vertices: int) -> dict[str, np.ndarray]:
    """Returns the arrays of a model file; 6890 vertices make a valid one."""
    rng = np.random.default_rng(0)
    weights = rng.random((num_vertices, 52)) ** 8
    regressor = rng.random((52, num_vertices)) ** 8
    parents = joints.PARENTS.astype(np.int64).copy()
    parents[0] = 2**32 - 1
    return {
        "v_template": rng.normal(0, 0.5, (num_vertices, 3)),
        "shapedirs": rng.normal(0, 0.02, (num_vertices, 3, 16)),
        "posedirs": rng.standard_normal((num_vertices, 3, 459), np.float32) * np.float32(0.01),
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": np.stack([parents, np.arange(52)]),
        "f": (np.arange(100)[:, None] * 7 + [0, 1, num_vertices // 2]).astype(np.uint32) % num_vertices,
        "hands_componentsl": rng.normal(0, 0.2, (45, 45)),
        "hands_componentsr": rng.normal(0, 0.2, (45, 45)),
        "hands_meanl": rng.normal(0, 0.1, 45),
        "hands_meanr": rng.normal(0, 0.1, 45),
    }


def write_smplh(path: Path, num_vertices: int = NUM_VERTICES, **changes: np.ndarray | None) -> Path:
    """Writes a model file with some arrays replaced, or left out where None."""
    arrays = {key: value for key, value in {**smplh_arrays(num_vertices), **changes}.items() if value is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return path
