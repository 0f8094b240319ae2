"""Reads the built-in CC0 body, synth/assets/human_cc0.npz (baked from MakeHuman / MPFB2 data).

Keys of the file (G = female, male; V = 17,346 vertices, the naked body first):

    v_template_G [V, 3] f32       mean shape in the T pose, metres, y up, facing +z
    shapedirs_G [10, V, 3] f16    one standard deviation of the adult population per component
    j_template_G [52, 3], j_shapedirs_G [10, 52, 3] f32   the same for the joints
    weight_joints [V, 4] u8, weight_values [V, 4] f16      skin weights, renormalised after loading
    uv [U, 2] f32; faces_X [n, 4] u16, uv_faces_X [n, 4] u16 for X = body, left_eye, right_eye, tights, skirt, hair
    landmark_X i32                vertex ids of points of the head
    mask_X [13380] u8             lips, ears, eyelids, fingernails, toenails, inside_mouth
    joint_names [52], parents [52]
"""

from pathlib import Path

import numpy as np

from openpose_tf.common.errors import UserError
from synth.body.joints import JOINT_NAMES, NUM_JOINTS
from synth.body.model import BodyModel, GenderModel

BUILTIN_PATH = Path(__file__).resolve().parents[1] / "assets" / "human_cc0.npz"
_STRAY_WEIGHT = 0.002  # the rig has a vertex of the right hand that follows the left one a little
GENDERS = ("female", "male")


def load_cc0(path: Path = BUILTIN_PATH) -> BodyModel:
    """Returns the built-in body.

    Raises:
        UserError: the file is missing or is not a baked body.
    """
    try:
        with np.load(path) as archive:
            data = {key: archive[key] for key in archive.files}
        return _assemble(data)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: install the package again, or make it with synth.bake_body") from None
    except (KeyError, ValueError, OSError) as error:
        raise UserError(f"{path} is not a body written by synth.bake_body ({error})") from None


def _assemble(data: dict[str, np.ndarray]) -> BodyModel:
    if tuple(data["joint_names"].tolist()) != JOINT_NAMES:
        raise ValueError("its joints are not the 52 of SMPL+H")
    weights = np.zeros((len(data["weight_joints"]), NUM_JOINTS), np.float32)
    np.put_along_axis(weights, data["weight_joints"].astype(np.int64), data["weight_values"].astype(np.float32), 1)
    weights[weights < _STRAY_WEIGHT] = 0.0
    weights /= weights.sum(1, keepdims=True)
    models = {
        gender: GenderModel(
            v_template=data[f"v_template_{gender}"],
            shapedirs=data[f"shapedirs_{gender}"].astype(np.float32),
            j_template=data[f"j_template_{gender}"],
            j_shapedirs=data[f"j_shapedirs_{gender}"],
            weights=weights,
        )
        for gender in GENDERS
    }
    parts = {
        key.removeprefix("faces_"): (data[key].astype(np.int64), data[f"uv_{key}"].astype(np.int64))
        for key in data
        if key.startswith("faces_")
    }
    landmarks = {key.removeprefix("landmark_"): int(data[key]) for key in data if key.startswith("landmark_")}
    depth = models["male"].v_template[:, 2]
    for eye in ("left_eye", "right_eye"):  # the front of each eye ball
        ids = np.unique(parts[eye][0])
        landmarks[eye] = int(ids[np.argmax(depth[ids])])
    masks = {}
    for key in data:
        if key.startswith("mask_"):
            mask = np.zeros(len(weights), np.float32)
            mask[: len(data[key])] = data[key] / 255.0
            masks[key.removeprefix("mask_")] = mask
    body_faces, body_uv_faces = parts.pop("body")
    return BodyModel(
        kind="cc0",
        source="MakeHuman / MPFB2 base mesh (CC0-1.0)",
        models=models,
        faces=body_faces,
        landmarks=landmarks,
        uv=data["uv"],
        uv_faces=body_uv_faces,
        parts=parts,
        masks=masks,
    )
