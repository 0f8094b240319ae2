"""Dresses a body: the meshes of skin, clothes, hair, shoes and eyes of a look.

Clothes are items of the wardrobe (`fitting`), or the proxy meshes of the base mesh, cut along smooth lines and moved
outwards. The body under them is left out, so that it cannot poke through. `dress` is called once per person,
`parts.dressed_vertices` for every pose.
"""

import dataclasses
import functools
import itertools

import numpy as np

from synth.body.model import BodyModel
from synth.clothing import fitting, garment_fields
from synth.clothing.appearance import Look
from synth.clothing.fitting import Garment
from synth.clothing.garment_fields import Fields
from synth.clothing.mesh_cutting import DerivedMesh, cut, from_body, smooth
from synth.clothing.parts import MeshPart

BIBS = frozenset({"overalls"})  # bottoms that are worn over the top
LONG_SLEEVES = frozenset({"long_sleeve", "shirt_striped", "shirt_and_vest", "blouse"})
LONG_LEGS = frozenset({"jeans_fitted", "jeans_washed", "jeans_blue", "leggings", "suit_trousers"})
_UNDER_M = 0.045  # the body goes on this far under a hem, so that no gap opens at a bent joint


def dress(body: BodyModel, look: Look) -> tuple[MeshPart, ...]:
    """Returns the mesh parts of a dressed person."""
    if body.kind != "cc0":
        return (_painted(body, look),)
    rest = body.models[look.gender].v_template
    tint = garment_fields.vertex_tint(body, rest, look)
    tailor = _Tailor(body, look, rest, _fields(body, look.gender), tint)
    parts = tailor.worn_parts() if look.worn else tailor.parts()
    return tuple(part for part in parts if len(part.mesh.faces))


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
        out = [*self._skin_and_hair(covered), *self._eyes(), *self._clothes(top, bottom)]
        if look.shoe_height_m is not None:
            if look.sock_height_m > look.shoe_height_m:
                out.append(self._cloth("socks", "sock", "tights", fields.sock(look), 0.0015, rounds=0))
            out.append(self._cloth("shoes", "shoe", "tights", shoe, 0.006, rounds=1))
        return out

    def worn_parts(self) -> list[MeshPart]:
        """Returns the parts of a look that wears items of the wardrobe; what it has no item for is made of proxies."""
        look, fields = self.look, self.fields
        garments = _worn(self.body, look)
        covered = np.full(len(self.rest), -1.0)
        for garment in garments.values():
            covered = np.maximum(covered, self._covered(garment))
        out = [garment.part(slot) for slot, garment in garments.items()]
        if "top" not in garments:
            top, bottom = fields.top(look), fields.bottom(look)
            covered = np.maximum(covered, np.maximum(top, bottom))
            out += self._clothes(top, bottom)
        hidden = (_mesh(self.body, "body").at(covered)[self.body.faces] > _UNDER_M).all(1)
        return [self._part("skin", "skin", _mesh(self.body, "body").select(~hidden), 0.0), *out]

    def _covered(self, garment: Garment) -> np.ndarray:
        """Returns where [V] skin lies under an item: positive, and at its cut hems the distance to them in metres."""
        covered = np.full(len(self.rest), -1.0)
        covered[: len(garment.item.covered)][garment.item.covered] = 1.0
        return np.minimum(covered, _length(self.look, garment.item.name, self.rest, self.fields))

    def _clothes(self, top: np.ndarray, bottom: np.ndarray) -> list[MeshPart]:
        look = self.look
        out = [self._cloth("top", "top", "tights", top, self._loose(look.loose_top_m, top), rounds=2)]
        out.append(
            self._cloth("bottom", "bottom", "tights", bottom, self._loose(look.loose_bottom_m, bottom), rounds=1)
        )
        if look.bottom == "skirt":
            cover = self.fields.skirt(look)
            out.append(self._cloth("skirt", "bottom", "skirt", cover, self._skirt_offsets(), rounds=1))
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


def _worn(body: BodyModel, look: Look) -> dict[str, Garment]:
    """Returns slot -> item of a look, laid one over the other and cut to the look's lengths."""
    garments = {slot: fitting.fitted(body, look.gender, name) for slot, name in look.worn.items()}
    fields = _fields(body, look.gender)
    bib = look.worn.get("bottom") in BIBS
    layers = [slot for slot in ("sock", "shoe", *(("top", "bottom") if bib else ("bottom", "top"))) if slot in garments]
    push = {slot: np.zeros_like(garments[slot].rest) for slot in layers}
    hidden = {slot: np.zeros(len(garments[slot].rest), bool) for slot in layers}
    for outer, inner in itertools.combinations(layers[::-1], 2):
        if outer == "shoe":  # made with its socks
            continue
        moved, under = fitting.over(body, look.gender, look.worn[outer], look.worn[inner])
        farther = np.linalg.norm(moved, axis=1) > np.linalg.norm(push[outer], axis=1)
        push[outer][farther] = moved[farther]
        hidden[inner] |= under & (_length(look, look.worn[outer], garments[inner].rest, fields) > _UNDER_M)
    for slot in layers:
        garment = fitting.pushed(body, look.gender, garments[slot], push[slot]) if push[slot].any() else garments[slot]
        garment = garment.with_mesh(garment.mesh.select(~hidden[slot][garment.mesh.faces].all(1)))
        length = _length(look, look.worn[slot], garment.rest, fields)
        garments[slot] = garment.with_mesh(cut(garment.mesh, length))
    if "hair" in garments and "hat" in garments:
        garments["hair"] = fitting.under_hat(garments["hair"], garments["hat"])
    return garments


def _length(look: Look, name: str, rest: np.ndarray, fields: Fields) -> np.ndarray:
    """Returns how far [n] inside of a look's sleeves and legs points of an item in the T pose are, metres."""
    inside = np.full(len(rest), 1.0)
    if look.sleeve < 1 and name in LONG_SLEEVES:
        inside = fields.sleeve_end(look.sleeve) - np.abs(rest[:, 0])
    if look.leg < 1 and name in LONG_LEGS:
        inside = np.minimum(inside, rest[:, 1] - fields.leg_line(look.leg))
    return inside
