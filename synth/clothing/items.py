"""The wardrobe's items: garments, shoes, hats, hair, brows and eyes that are fitted to the built-in body.

Files in synth/assets/wardrobe, written by `synth.bake_wardrobe`:

    manifest.json    version, hashes, and for each item its kind, texture, mean linear colour and relief
    geometry.npz     for each item X: X.refs [m, 3] body vertices, X.shares [m, 3], X.offsets [m, 3] metres in
                     MakeHuman's rest pose, X.faces, X.uv_faces [n, 4], X.uv [u, 2] 0..65535, X.covered (bits: skin
                     vertices under the item), X.span_refs [3, 2] and X.span_m [3] (scale of the offsets);
                     turns [52, 3, 3]: rotations of the joints from MakeHuman's rest pose to the T pose
    textures/        skin_*.jpg, eye_*.jpg, SUIT.jpg, SUIT_height.jpg (relief), hair_*.webp, eyebrow*.webp (grey, alpha)
"""

import dataclasses
import functools
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "wardrobe"
VERSION = 1
SOCKS = "_socks"  # the socks of the shoes X are the item X_socks
MANIFEST, GEOMETRY = "manifest.json", "geometry.npz"
_HINT = "install the package again, make it with synth.bake_wardrobe, or give --look=painted"


@dataclasses.dataclass(frozen=True, eq=False)
class Item:
    """One item.

    Attributes:
        name, kind: kind is "garment", "shoes", "socks", "hat", "hair", "brows" or "eyes".
        refs: [m, 3] int64 body vertices; vertex = their weighted sum + its offset.
        shares: [m, 3] float32, rows sum to 1.
        offsets: [m, 3] float32, metres, axes of MakeHuman's rest pose.
        faces: [n, 4] int64.
        uvs: [n, 4, 2] float32, v up.
        covered: [13380] bool, skin vertices under it.
        span_refs: [3, 2] int64 body vertices whose distance along x, y, z scales the offsets.
        span_m: [3] float32, that distance where the offsets are as stored.
        texture, height: file names in textures/; height may be None.
        mean: [3] linear RGB, mean of the texture under its faces.
    """

    name: str
    kind: str
    refs: np.ndarray
    shares: np.ndarray
    offsets: np.ndarray
    faces: np.ndarray
    uvs: np.ndarray
    covered: np.ndarray
    span_refs: np.ndarray
    span_m: np.ndarray
    texture: str
    height: str | None
    mean: tuple[float, float, float]


@dataclasses.dataclass(frozen=True, eq=False)
class Wardrobe:
    """All items.

    Attributes:
        items: by name.
        skins: texture name of a skin -> its mean linear RGB.
        turns: [52, 3, 3] float32, rotations of the joints from MakeHuman's rest pose to the T pose.
    """

    items: Mapping[str, Item]
    skins: Mapping[str, tuple[float, float, float]]
    turns: np.ndarray


def texture_path(name: str) -> Path:
    """Returns the file of a texture."""
    return FOLDER / "textures" / name


def check(folder: Path = FOLDER) -> None:
    """Reads every file of the wardrobe once, before the first scene.

    Raises:
        UserError: a file is missing, cut or of another version; one line that names it and the fix.
    """
    manifest = _manifest(folder)
    hashes = {f"textures/{name}": facts["sha256"] for name, facts in manifest["textures"].items()}
    for name, digest in {GEOMETRY: manifest["geometry_sha256"], **hashes}.items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path} is missing: {_HINT}")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise UserError(f"{path} is damaged or of another version of the wardrobe: {_HINT}")


def _manifest(folder: Path) -> Any:
    manifest = files.read_json(folder / MANIFEST, f"the list of the wardrobe's files ({_HINT})")
    found = manifest.get("version") if isinstance(manifest, dict) else None
    if found != VERSION:
        raise UserError(f"{folder / MANIFEST} has version {found}, this package needs {VERSION}: {_HINT}")
    return manifest


@functools.cache
def load_wardrobe(folder: Path = FOLDER) -> Wardrobe:
    """Returns the wardrobe, loaded once per process.

    Raises:
        UserError: a file is missing, cut or of another version.
    """
    manifest = _manifest(folder)
    try:
        with np.load(folder / GEOMETRY) as archive:
            arrays = {key: archive[key] for key in archive.files}
        loaded = {name: _item(name, facts, arrays) for name, facts in manifest["items"].items()}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{folder / GEOMETRY} is missing or damaged ({error}): {_HINT}") from None
    skins = {name: tuple(row["mean"]) for name, row in manifest["textures"].items() if name.startswith("skin_")}
    return Wardrobe(loaded, skins, arrays["turns"])


def _item(name: str, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Item:
    own = {key: arrays[f"{name}.{key}"] for key in ("refs", "shares", "offsets", "faces", "uv_faces", "uv")}
    uv = own["uv"].astype(np.float32) / 65535
    covered = np.unpackbits(arrays[f"{name}.covered"]).astype(bool)
    return Item(
        name=name,
        kind=facts["kind"],
        refs=own["refs"].astype(np.int64),
        shares=own["shares"],
        offsets=own["offsets"].astype(np.float32),
        faces=own["faces"].astype(np.int64),
        uvs=uv[own["uv_faces"].astype(np.int64)],
        covered=covered,
        span_refs=arrays[f"{name}.span_refs"].astype(np.int64),
        span_m=arrays[f"{name}.span_m"],
        texture=facts["texture"],
        height=facts["height"],
        mean=tuple(facts["mean"]),
    )
