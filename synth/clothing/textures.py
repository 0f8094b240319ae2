"""Folders of clothing textures for SMPL and SMPL+H, laid out as SURREAL's: images named grey_* and nongrey_*.

Expected: DIR/female/nongrey_female_0001.jpg, DIR/male/grey_male_0002.jpg, ... (any depth), all square and of one size,
and one Wavefront file (DIR/*.obj) of the SMPL mesh with texture coordinates where the model file has none.
"""

import dataclasses
import os
from pathlib import Path

import numpy as np
from absl import logging

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.common.name_splits import check_split, split_of
from synth.body.model import BodyModel

NONGREY_PER_GREY = 8  # non-CAESAR ("nongrey") clothes are drawn about 8 times as often (release)
MIN_SIDE = 256  # SURREAL's are 512 x 512


@dataclasses.dataclass(frozen=True)
class Texture:
    """One image: path, gender ("female", "male" or "" for any), grey or not, split."""

    path: Path
    gender: str
    grey: bool
    split: str


@dataclasses.dataclass(frozen=True)
class TextureLibrary:
    """The textures of a folder.

    Attributes:
        textures: all of them, sorted by path.
        uv: [U, 2] float32 texture coordinates of the folder's .obj file, or None.
        uv_faces: [F, 3] int64 ids into `uv`, or None.
    """

    textures: tuple[Texture, ...]
    uv: np.ndarray | None = None
    uv_faces: np.ndarray | None = None

    def sample(self, rng: np.random.Generator, gender: str, split: str = "train") -> str:
        """Returns the path of a texture for a gender and split; nongrey : grey = 8 : 1 where both exist.

        Raises:
            UserError: the split has no texture for the gender.
        """
        check_split(split)
        fitting = [t for t in self.textures if t.split == split and t.gender in ("", gender)]
        if gender == "neutral":
            fitting = [t for t in self.textures if t.split == split]
        if not fitting:
            raise UserError(
                f"--textures: no texture for gender {gender} falls into the split '{split}': give more files"
            )
        grey, nongrey = [t for t in fitting if t.grey], [t for t in fitting if not t.grey]
        wants_grey = rng.random() < 1 / (NONGREY_PER_GREY + 1)
        group = (grey or nongrey) if wants_grey else (nongrey or grey)
        return str(group[int(rng.integers(len(group)))].path)

    def fit(self, body: BodyModel) -> BodyModel:
        """Returns the body with the texture coordinates of the folder's .obj file.

        Raises:
            UserError: neither the model nor the folder has texture coordinates, or they are of another mesh.
        """
        if self.uv is None or self.uv_faces is None:
            if body.uv is not None:
                return body
            raise UserError(
                "--textures: the body model has no texture coordinates and the folder has no .obj file; put the SMPL "
                "mesh with texture coordinates (such as smpl_uv.obj of https://smpl.is.tue.mpg.de) into the folder"
            )
        if self.uv_faces.shape != body.faces.shape:
            raise UserError(
                f"--textures: the .obj file has {len(self.uv_faces)} triangles, the body model {len(body.faces)}"
            )
        return dataclasses.replace(body, uv=self.uv, uv_faces=self.uv_faces)


def load_textures(folder: str) -> TextureLibrary:
    """Returns the textures of a folder and its subfolders; every image is opened once.

    Raises:
        UserError: no folder, no images, or an image that is unreadable, not square, small or of another size.
    """
    root = files.require_dir(folder, "SURREAL-style textures (female/nongrey_*.jpg, male/grey_*.jpg, ...)")
    paths = sorted(Path(where) / name for where, _, names in os.walk(root) for name in names)
    textures, sizes = [], {}
    for path in paths:
        if images.is_image(path):
            sizes[path] = _size(path)
            name = path.relative_to(root).as_posix()
            gender = next((g for g in ("female", "male") if g in name.lower()), "")
            textures.append(Texture(path, gender, _is_grey(path.name), split_of(name)))
    if not textures:
        raise UserError(f"{root} holds no texture (.jpg or .png)")
    first = textures[0].path
    odd = [path for path, size in sizes.items() if size != sizes[first]]
    if odd:
        raise UserError(f"{odd[0]} is {sizes[odd[0]]} pixels wide, {first} {sizes[first]}: textures must have one size")
    grey = sum(texture.grey for texture in textures)
    logging.info("%s: %d grey and %d nongrey textures", root, grey, len(textures) - grey)
    objects = [path for path in paths if path.suffix.lower() == ".obj"]
    uv, uv_faces = _read_obj(objects[0]) if objects else (None, None)
    return TextureLibrary(tuple(textures), uv, uv_faces)


def _is_grey(name: str) -> bool:
    return "grey" in name.lower().replace("nongrey", "")


def _size(path: Path) -> int:
    """Returns the side of a square image in pixels."""
    height, width = images.read_rgb(path, orientation="stored", hint="remove it or replace it").shape[:2]
    if height != width or height < MIN_SIDE:
        raise UserError(f"{path} has {width} x {height} pixels: textures are square, {MIN_SIDE} pixels or more (512)")
    return int(height)


def _read_obj(path: Path) -> tuple[np.ndarray, np.ndarray]:
    uv: list[list[float]] = []
    corners: list[list[int]] = []
    try:
        for line in files.read_text(path, "a Wavefront mesh", fallback="latin-1").split("\n"):
            words = line.split()
            if words[:1] == ["vt"]:
                uv.append([float(x) for x in words[1:3]])
            elif words[:1] == ["f"]:
                corners.append([int(word.split("/")[1]) - 1 for word in words[1:4]])
        faces = np.array(corners, np.int64).reshape(-1, 3)
        if not len(faces) or faces.min() < 0 or faces.max() >= len(uv):
            raise ValueError("no triangles with texture coordinates")
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a Wavefront mesh with texture coordinates ({error})") from None
    return np.array(uv, np.float32), faces
