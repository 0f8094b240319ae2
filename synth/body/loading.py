"""Body models: load one by name or path, and sample shapes.

body = load_body("builtin")
vertices, joints = body.shape("female", sample_shape(rng, "female"))
vertices, joints = body.pose(vertices, joints, pose, gender="female")  # pose [52, 3] axis-angle
world = vertices @ rotations.Y_UP_TO_Z_UP.T
"""

import numpy as np

from synth.body.cc0 import load_cc0
from synth.body.model import BodyModel
from synth.body.smplh import load_smplh

_MAX_BETA = 2.5  # standard deviations; beyond it people look deformed


def load_body(spec: str) -> BodyModel:
    """Returns a body model.

    Args:
        spec: "builtin" for the CC0 body, else the path of an SMPL+H file (.npz, or .pkl where smplx is installed) or
            of a folder with one per gender.

    Raises:
        UserError: the path holds no usable model; the message names what is wrong.
    """
    return load_cc0() if spec == "builtin" else load_smplh(spec)


def sample_shape(rng: np.random.Generator, gender: str, num_betas: int = 10) -> np.ndarray:
    """Returns random betas [num_betas] float64.

    Both models scale their components to one standard deviation of adults, so a standard normal is the population:
    of the built-in body, women are 1.65 +- 0.08 m and men 1.78 +- 0.08 m tall (1,000 drawn). Values are cut at 2.5.

    Args:
        rng: source of random numbers.
        gender: for SMPL+H and the built-in body the distribution is the same for all genders.
        num_betas: shape numbers wanted.
    """
    del gender
    return np.clip(rng.normal(0.0, 1.0, num_betas), -_MAX_BETA, _MAX_BETA)
