"""Reads the user's SMPL+H model files (npz of the AMASS release; pkl through smplx) into the common evaluator."""

import math
import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from openpose_tf.common.errors import UserError
from openpose_tf.data.records import npz_files
from synth.body import joints
from synth.body.model import BodyModel, GenderModel, HandPca

GENDERS = ("female", "male", "neutral")
REQUIRED_KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
NUM_POSE_FEATURES = 9 * (joints.NUM_JOINTS - 1)  # 459: rotation matrices of joints 1..51 minus identity
FARTHEST = 1e10  # above the 2^32 - 1 of the joint tree; products of such numbers are finite in float32
NUM_HAND_COMPONENTS = 6  # per hand (paper: 12 of theta's 78 numbers)
NUM_BODY = 3 * joints.NUM_BODY_JOINTS  # 66
NUM_THETA = NUM_BODY + 2 * NUM_HAND_COMPONENTS  # 78, the theta of the paper (Sec. 3.1)
NUM_BETAS = 10  # of a file that says none, for the message
HAND_NUMBERS = 45  # 15 joints of a hand
# SMPL vertex numbers: head box and head top of the release ; eyes as in smplx's vertex table.
LANDMARKS = {
    "left_ear": 486,
    "right_ear": 3975,
    "head_back": 457,
    "nose": 331,
    "head_top": 411,
    "adams_apple": 3050,
    "left_eye": 2800,
    "right_eye": 6260,
}
NUM_SMPL_VERTICES = 6890
_WHERE = "download SMPL+H ('extended SMPL+H model, used in AMASS') from https://mano.is.tue.mpg.de"


def load_smplh(spec: str) -> BodyModel:
    """Returns the SMPL+H model of a file, or of a folder with male, female and/or neutral files.

    Raises:
        UserError: nothing usable at `spec`, missing keys, wrong shapes or numbers that are not finite.
    """
    paths = find_files(Path(spec))
    raw = {gender: _read(path) for gender, path in paths.items()}
    models = {gender: _gender_model(paths[gender], data) for gender, data in raw.items()}
    first = next(iter(raw.values()))
    faces = np.asarray(first["f"]).astype(np.int64)
    uv, uv_faces = _texture_coordinates(first, faces)
    return BodyModel(
        kind="smplh",
        source=f"SMPL+H of the user ({', '.join(sorted(path.name for path in paths.values()))})",
        models=models,
        faces=faces,
        landmarks=LANDMARKS,
        uv=uv,
        uv_faces=uv_faces,
        hands=_hands(next(iter(paths.values())), first),
    )


def find_files(path: Path) -> dict[str, Path]:
    """Returns gender -> model file for a file or a folder (DIR/male/model.npz, DIR/SMPLH_MALE.npz, DIR/male.pkl)."""
    if path.is_file():
        return {_gender_of(f"{path.parent.name}/{path.name}") or "neutral": path}
    if not path.is_dir():
        raise UserError(f"{path} does not exist: --body is 'builtin' or SMPL+H files; {_WHERE}")
    found: dict[str, Path] = {}
    for suffix in (".npz", ".pkl"):
        for file in sorted([*path.glob(f"*{suffix}"), *path.glob(f"*/*{suffix}")]):
            gender = _gender_of(str(file.relative_to(path)))
            if gender is not None:
                found.setdefault(gender, file)
    if not found:
        raise UserError(f"{path} holds no male, female or neutral model (.npz or .pkl); {_WHERE}")
    return {gender: found[gender] for gender in GENDERS if gender in found}


def _gender_of(name: str) -> str | None:
    name = name.lower()
    return next((gender for gender in GENDERS if gender in name), None)  # "female" is looked for before "male"


def _read(path: Path) -> Mapping[str, np.ndarray]:
    if path.suffix == ".pkl":
        return _read_pkl(path)
    try:
        return npz_files.read_arrays(path)
    except (OSError, npz_files.UnreadableNpz) as error:
        raise UserError(f"{path} is not a readable SMPL+H npz file ({error}); {_WHERE}") from None


def _read_pkl(path: Path) -> Mapping[str, np.ndarray]:
    """Returns the arrays of a pkl model, unpickled by smplx.

    A pickle runs code when it is opened; the user vouches for the file by naming it.
    """
    try:
        import smplx  # noqa: PLC0415, RUF100 - optional, brings torch
    except ImportError:
        raise UserError(f"{path}: .pkl models need the optional package smplx; use the .npz form instead") from None
    try:
        model = smplx.SMPLH(model_path=str(path), use_pca=True, num_pca_comps=45, flat_hand_mean=False, num_betas=10)
    except (pickle.UnpicklingError, ImportError, AttributeError, KeyError, ValueError, EOFError) as error:
        raise UserError(f"{path}: smplx cannot read it ({error}); use the .npz form instead") from None
    count = len(model.v_template)
    parents = model.parents.numpy()
    return {
        "v_template": model.v_template.numpy(),
        "shapedirs": model.shapedirs.numpy(),
        "posedirs": model.posedirs.numpy().T.reshape(count, 3, -1),
        "J_regressor": model.J_regressor.numpy(),
        "weights": model.lbs_weights.numpy(),
        "kintree_table": np.stack([parents, np.arange(len(parents))]),
        "f": model.faces,
        "hands_componentsl": np.asarray(model.np_left_hand_components),
        "hands_componentsr": np.asarray(model.np_right_hand_components),
        "hands_meanl": model.left_hand_mean.numpy(),
        "hands_meanr": model.right_hand_mean.numpy(),
    }


def _gender_model(path: Path, data: Mapping[str, np.ndarray]) -> GenderModel:
    missing = [key for key in REQUIRED_KEYS if key not in data]
    if missing:
        held = ", ".join(sorted(data))
        raise UserError(f"{path} is not an SMPL+H model: it lacks {', '.join(missing)}, or has it pickled (has {held})")
    _check_shapes(path, data)
    template = np.asarray(data["v_template"], np.float64)
    shapedirs = np.moveaxis(np.asarray(data["shapedirs"], np.float64), 2, 0)  # [B, V, 3]
    regressor = np.asarray(data["J_regressor"], np.float64)
    posedirs = np.asarray(data["posedirs"], np.float32).reshape(-1, NUM_POSE_FEATURES).T
    weights = np.asarray(data["weights"], np.float64)
    return GenderModel(
        v_template=template.astype(np.float32),
        shapedirs=shapedirs.astype(np.float32),
        j_template=(regressor @ template).astype(np.float32),
        j_shapedirs=np.einsum("jv,bvc->bjc", regressor, shapedirs).astype(np.float32),
        weights=(weights / weights.sum(1, keepdims=True)).astype(np.float32),
        posedirs=np.ascontiguousarray(posedirs),
    )


def _check_shapes(path: Path, data: Mapping[str, np.ndarray]) -> None:
    count, num_joints = int(np.shape(data["v_template"])[0]) if np.ndim(data["v_template"]) else 0, joints.NUM_JOINTS
    expected = {
        "v_template": (count, 3),
        "shapedirs": (count, 3, *(np.shape(data["shapedirs"])[2:3] or (NUM_BETAS,))),
        "posedirs": (count, 3, NUM_POSE_FEATURES),
        "J_regressor": (num_joints, count),
        "weights": (count, num_joints),
        "kintree_table": (2, num_joints),
    }
    for key, shape in expected.items():
        found = np.shape(data[key])
        if found != shape or len(found) != len(shape) or 0 in found:
            raise UserError(
                f"{path}: {key} has shape {found}, SMPL+H needs {shape}; a model with another number of joints "
                f"(SMPL has 24, SMPL-X 55) cannot be used. {_WHERE}"
            )
        _check_numbers(path, key, data[key])
    parents = np.asarray(data["kintree_table"])[0].astype(np.int64)
    if not np.array_equal(parents[1:], joints.PARENTS[1:]):  # the root's parent is stored as 2^32 - 1
        raise UserError(f"{path}: its joint tree is not that of SMPL+H; {_WHERE}")
    if count != NUM_SMPL_VERTICES:
        raise UserError(f"{path}: it has {count} vertices, SMPL+H has {NUM_SMPL_VERTICES}; {_WHERE}")
    if np.min(np.sum(np.asarray(data["weights"], np.float64), 1)) <= 0:
        raise UserError(f"{path}: weights holds vertices that no joint moves; the file is damaged: {_WHERE}")
    if not _are_triangles(data["f"], count):
        raise UserError(f"{path}: f is not a list of triangles of its {count} vertices; {_WHERE}")


def _check_numbers(path: Path, key: str, values: np.ndarray) -> None:
    """Refuses an array that holds anything but finite numbers of a usable size."""
    real = np.issubdtype(values.dtype, np.integer) or np.issubdtype(values.dtype, np.floating)
    if not real or not (np.abs(np.asarray(values, np.float64)) <= FARTHEST).all():
        raise UserError(f"{path}: {key} holds what is not a number or not finite; the file is damaged: {_WHERE}")


def _are_triangles(faces: np.ndarray, count: int) -> bool:
    """Whether an array is [F, 3] numbers of `count` things."""
    if np.ndim(faces) != 2 or faces.shape[1] != 3 or not faces.size or faces.dtype.kind not in "iuf":
        return False
    return bool((faces >= 0).all() and (faces < count).all())


def _texture_coordinates(
    data: Mapping[str, np.ndarray], faces: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Returns (uv [U, 2], uv faces [F, 3]) where the file has them (keys vt, ft), else (None, None)."""
    if "vt" not in data or "ft" not in data or np.shape(data["ft"]) != faces.shape:
        return None, None
    if np.ndim(data["vt"]) != 2 or data["vt"].shape[1] != 2 or data["vt"].dtype.kind not in "iuf":
        return None, None
    if not np.isfinite(data["vt"]).all() or not _are_triangles(data["ft"], len(data["vt"])):
        return None, None
    return np.asarray(data["vt"], np.float32), np.asarray(data["ft"]).astype(np.int64)


def _hands(path: Path, data: Mapping[str, np.ndarray]) -> HandPca | None:
    """Returns the hand components where the file has them."""
    shapes: dict[str, tuple[int, ...]] = {f"hands_components{k}": (HAND_NUMBERS, HAND_NUMBERS) for k in "lr"}
    shapes |= {f"hands_mean{k}": (HAND_NUMBERS,) for k in "lr"}
    if not shapes.keys() <= data.keys():
        return None
    for key, shape in shapes.items():
        _check_numbers(path, key, data[key])
        if data[key].size != math.prod(shape):
            raise UserError(f"{path}: {key} has shape {data[key].shape}, SMPL+H needs {shape}; {_WHERE}")
    hand = {key: np.asarray(data[key], np.float64).reshape(shape) for key, shape in shapes.items()}
    return HandPca(
        components={"left": hand["hands_componentsl"], "right": hand["hands_componentsr"]},
        mean={"left": hand["hands_meanl"], "right": hand["hands_meanr"]},
    )


def pose_from_theta(body: BodyModel, theta: np.ndarray, flat_hand_mean: bool = True) -> np.ndarray:
    """Returns poses [..., 52, 3] axis-angle of theta in R^78: 66 body numbers, then 6 + 6 hand coefficients.

    Args:
        body: an SMPL+H model with hand components.
        theta: [..., 78] float.
        flat_hand_mean: zero coefficients give a flat hand (release); False adds MANO's mean hand.

    Raises:
        UserError: the model file has no hand components, or theta has another length or is not finite.
    """
    theta = np.asarray(theta, np.float64)
    if theta.shape[-1:] != (NUM_THETA,) or not np.isfinite(theta).all():
        raise UserError(f"theta needs 78 finite numbers (66 body, 12 hands), got an array of shape {theta.shape}")
    if body.hands is None:
        raise UserError("the body model file has no hands_componentsl / hands_meanl keys: 78-number poses need them")
    out = np.zeros((*theta.shape[:-1], joints.NUM_JOINTS, 3))
    out[..., : joints.NUM_BODY_JOINTS, :] = theta[..., :NUM_BODY].reshape(*theta.shape[:-1], -1, 3)
    for side, start in (("left", NUM_BODY), ("right", NUM_BODY + NUM_HAND_COMPONENTS)):
        coefficients = theta[..., start : start + NUM_HAND_COMPONENTS]
        hand = coefficients @ body.hands.components[side][:NUM_HAND_COMPONENTS]
        if not flat_hand_mean:
            hand = hand + body.hands.mean[side]
        out[..., joints.HAND_JOINTS[side], :] = hand.reshape(*theta.shape[:-1], -1, 3)
    return out
