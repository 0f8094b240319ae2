"""Dresses a body: the meshes of skin, clothes, hair, shoes and eyes of a look.

Clothes are the proxy meshes of the base mesh, cut along smooth lines and moved outwards; the body under them is left
out, so that it cannot poke through. Everything is a weighted sum of body vertices: `dress` is called once per person,
`dressed_vertices` for every pose.

    parts = dress(body, look)
    mesh = join_parts(parts)                      # topology, materials, attributes
    points = dressed_vertices(parts, posed)       # [M, 3], same axes as `posed`

Vertex attributes: `rest`, position in the T pose of the gender's mean shape (patterns stick to it); `tint`, a linear
factor on the skin and eye colour (brows, lips, beard, iris).
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from synth.body.model import BodyModel
from synth.body.surface import triangles, vertex_normals
from synth.clothing import garment_fields
from synth.clothing.appearance import Look
from synth.clothing.garment_fields import Fields
from synth.clothing.mesh_cutting import DerivedMesh, cut, from_body, smooth

_UNDER_M = 0.045  # the body goes on this far under a hem, so that no gap opens at a bent joint
_SLOTS = ("body", "skin", "eye", "hair", "top", "bottom", "shoe", "sock")


@dataclasses.dataclass(frozen=True)
class MeshPart:
    """One garment, or the skin.

    Attributes:
        name: what it is.
        material: slot of `Look.materials`.
        mesh: its mesh on the body.
        offsets: [m] float32, metres along the vertex normal.
        rest: [m, 3] float32, metres, T pose.
        tint: [m, 3] float32, linear, 0..1.
    """

    name: str
    material: str
    mesh: DerivedMesh
    offsets: np.ndarray
    rest: np.ndarray
    tint: np.ndarray


@dataclasses.dataclass(frozen=True)
class DressedMesh:
    """What stays the same in every pose of a dressed person.

    Attributes:
        faces: [F, 4] int64; a triangle repeats its last corner.
        uvs: [F, 4, 2] float32 texture coordinates of the corners, v up.
        material_index: [F] int64 into `materials`.
        materials: slots of `Look.materials` in use.
        rest: [M, 3] float32, metres.
        tint: [M, 3] float32.
    """

    faces: np.ndarray
    uvs: np.ndarray
    material_index: np.ndarray
    materials: tuple[str, ...]
    rest: np.ndarray
    tint: np.ndarray

    @property
    def triangles(self) -> np.ndarray:
        """The faces as triangles [T, 3]."""
        return triangles(self.faces)


def dress(body: BodyModel, look: Look) -> tuple[MeshPart, ...]:
    """Returns the mesh parts of a dressed person."""
    if body.kind != "cc0":
        return (_painted(body, look),)
    rest = body.models[look.gender].v_template
    tint = garment_fields.vertex_tint(body, rest, look)
    tailor = _Tailor(body, look, rest, _fields(body, look.gender), tint)
    return tuple(part for part in tailor.parts() if len(part.mesh.faces))


def join_parts(parts: Sequence[MeshPart]) -> DressedMesh:
    """Returns the parts as one mesh; vertices are in the order of `dressed_vertices`."""
    starts = np.cumsum([0, *(len(part.offsets) for part in parts)])
    materials = tuple(slot for slot in _SLOTS if any(part.material == slot for part in parts))
    return DressedMesh(
        faces=np.concatenate([part.mesh.faces + start for part, start in zip(parts, starts)]),
        uvs=np.concatenate([part.mesh.uvs for part in parts]),
        material_index=np.concatenate(
            [np.full(len(part.mesh.faces), materials.index(part.material)) for part in parts]
        ),
        materials=materials,
        rest=np.concatenate([part.rest for part in parts]),
        tint=np.concatenate([part.tint for part in parts]),
    )


def dressed_vertices(parts: Sequence[MeshPart], vertices: np.ndarray) -> np.ndarray:
    """Returns the vertices [M, 3] float32 of all parts for posed body vertices [V, 3]."""
    out = []
    for part in parts:
        points = part.mesh.at(vertices.astype(np.float32))
        if part.offsets.any():
            points = points + part.offsets[:, None] * vertex_normals(points, part.mesh.faces)
        out.append(points.astype(np.float32))
    return np.concatenate(out)


@functools.lru_cache(maxsize=4)
def _fields(body: BodyModel, gender: str) -> Fields:
    return Fields(body, body.models[gender].v_template)


@functools.lru_cache(maxsize=16)
def _mesh(body: BodyModel, name: str) -> DerivedMesh:
    """Returns the naked body's mesh or a proxy's."""
    faces, uv_faces = (body.faces, body.uv_faces) if name == "body" else body.parts[name]
    assert body.uv is not None and uv_faces is not None
    return from_body(body.num_vertices, faces, body.uv[uv_faces])


@dataclasses.dataclass(frozen=True)
class _Tailor:
    """Makes the parts of one look on the CC0 body; `fields` are positive where something covers the body."""

    body: BodyModel
    look: Look
    rest: np.ndarray
    fields: Fields
    tint: np.ndarray

    def parts(self) -> list[MeshPart]:
        look, fields = self.look, self.fields
        top, bottom = fields.top(look), fields.bottom(look)
        shoe = fields.shoe(look)
        # A shoe is stiff: the foot may end just inside of it.
        covered = np.maximum(np.maximum(top, bottom), shoe + _UNDER_M - 0.012)
        out = [*self._skin_and_hair(covered), *self._eyes()]
        out.append(self._cloth("top", "top", "tights", top, self._loose(look.loose_top_m, top), rounds=2))
        out.append(
            self._cloth("bottom", "bottom", "tights", bottom, self._loose(look.loose_bottom_m, bottom), rounds=1)
        )
        if look.bottom == "skirt":
            out.append(self._cloth("skirt", "bottom", "skirt", fields.skirt(look), self._skirt_offsets(), rounds=1))
        if look.shoe_height_m is not None:
            if look.sock_height_m > look.shoe_height_m:
                out.append(self._cloth("socks", "sock", "tights", fields.sock(look), 0.0015, rounds=0))
            out.append(self._cloth("shoes", "shoe", "tights", shoe, 0.006, rounds=1))
        return out

    def _loose(self, offset: float, cover: np.ndarray) -> np.ndarray:
        """Returns offsets [V] in metres: the cloth lies close to the neck and stands off more near its hems."""
        near_hem = np.clip(1 - cover / 0.25, 0, 1)
        close = 0.35 + 0.65 * self.fields.below_neck
        flare = 0.0 if self.look.bottom == "skirt" else self.look.flare_m  # a top is tucked into a skirt
        return close * offset + flare * near_hem * self.fields.below_neck**2

    def _skirt_offsets(self) -> np.ndarray:
        """Returns offsets [V] in metres: over the top at the waist, close to the proxy further down."""
        return 0.004 + (self.look.loose_top_m + 0.002) * self.fields.near_waist

    def _part(self, name: str, slot: str, mesh: DerivedMesh, offset: float | np.ndarray) -> MeshPart:
        """Returns a part; `offset` is one length, or lengths [V] at body vertices."""
        offsets = mesh.at(np.broadcast_to(np.asarray(offset, np.float32), len(self.rest)))
        rest, tint = mesh.at(self.rest), np.clip(mesh.at(self.tint), 0, 1)
        return MeshPart(name, slot, mesh, offsets.astype(np.float32), rest.astype(np.float32), tint.astype(np.float32))

    def _cloth(
        self, name: str, slot: str, proxy: str, cover: np.ndarray, offset: float | np.ndarray, rounds: int
    ) -> MeshPart:
        mesh = _mesh(self.body, proxy)
        mesh = cut(mesh, mesh.at(cover))
        return self._part(name, slot, smooth(mesh, rounds) if rounds and len(mesh.faces) else mesh, offset)

    def _skin_and_hair(self, covered: np.ndarray) -> list[MeshPart]:
        body = _mesh(self.body, "body")
        hidden = (body.at(covered)[body.faces] > _UNDER_M).all(1)
        skin = body.select(~hidden)
        if self.look.hair == "bald":
            return [self._part("skin", "skin", skin, 0.0)]
        line = self.fields.hairline(self.look)
        scalp = cut(skin, skin.at(line))
        thickness = self.look.hair_m * np.clip(line / 0.025, 0, 1) + 0.0015
        out = [
            self._part("skin", "skin", cut(skin, -skin.at(line) + 0.004), 0.0),
            self._part("hair", "hair", smooth(scalp, 1), thickness),
        ]
        if self.look.hair == "long":
            out.append(self._cloth("long hair", "hair", "hair", self.fields.long_hair(self.look), 0.004, rounds=0))
        return out

    def _eyes(self) -> list[MeshPart]:
        return [self._part(name, "eye", _mesh(self.body, name), 0.0) for name in ("left_eye", "right_eye")]


def _painted(body: BodyModel, look: Look) -> MeshPart:
    """Returns the naked SMPL+H body; a texture or the vertex tint shows its clothes."""
    rest = body.models[look.gender].v_template
    corners = body.faces.shape[1]
    uvs = np.zeros((len(body.faces), corners, 2), np.float32)
    if body.uv is not None and body.uv_faces is not None:
        uvs = body.uv[body.uv_faces]
    mesh = from_body(len(rest), body.faces, uvs)
    tint = garment_fields.painted_clothes(body, rest, look)
    return MeshPart("body", "body", mesh, np.zeros(mesh.sources.shape[0], np.float32), mesh.at(rest), mesh.at(tint))
