"""Fits the wardrobe's items to a body: meshes that follow every shape and pose, cut, and laid one over the other.

A fitted item's mesh stands on the body vertices followed by its own offsets (see `parts.Lift`), so that a cut or a
smoothing treats both alike. Everything is decided once on the mean shape of a gender, in the T pose.
"""

import dataclasses
import functools

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from synth.body.model import BodyModel
from synth.body.surface import vertex_normals
from synth.clothing.items import Item, load_wardrobe
from synth.clothing.mesh_cutting import DerivedMesh, cut
from synth.clothing.parts import Lift, MeshPart, Posture

UNDER_HEM_M = 0.04  # an inner garment goes on this far under the hem of the outer one
GAP_M = 0.006  # the outer garment's least distance from the inner one
SKIN_GAP_M = 0.004  # a garment's least distance from the skin
ASIDE_M = 0.015  # a garment lies over a point if it is found within this far beside the point's normal
REACH_M = 0.06  # garments farther apart than this do not lie over each other
LARGEST_PUSH_M = 0.03
HAT_M = 0.008  # hair goes on this far inside of a hat
FINE_FACES = 2200  # garments with more faces are sampled at 2 x 2 points per face, the others at 4 x 4


@dataclasses.dataclass(frozen=True, eq=False)
class Surface:
    """Points [k, 3] all over a surface, its unit normals [k, 3] there, and a search tree of the points."""

    points: np.ndarray
    normals: np.ndarray

    @functools.cached_property
    def tree(self) -> cKDTree:
        """The points' search tree."""
        return cKDTree(self.points)

    def place(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns where points [n, 3] lie with respect to the nearest point of the surface.

        Returns:
            depth below it [n] and distance beside its normal [n], metres; 0 and infinity beyond `REACH_M`. Its
            normals [n, 3].
        """
        _, nearest = self.tree.query(points, distance_upper_bound=REACH_M)
        found = nearest < len(self.points)
        nearest = np.where(found, nearest, 0)
        gap, normals = self.points[nearest] - points, self.normals[nearest]
        depth = np.einsum("vc,vc->v", gap, normals)
        aside = np.linalg.norm(gap - depth[:, None] * normals, axis=1)
        return np.where(found, depth, 0.0), np.where(found, aside, np.inf), normals


@dataclasses.dataclass(frozen=True, eq=False)
class Garment:
    """An item on the mean shape of a gender.

    Attributes:
        item: what it is.
        mesh: its mesh, on body vertices and offsets.
        lift: its offsets.
        carrier: [V + k, 3] float32, metres: body vertices and offsets in the T pose.
    """

    item: Item
    mesh: DerivedMesh
    lift: Lift
    carrier: np.ndarray

    @functools.cached_property
    def rest(self) -> np.ndarray:
        """[m, 3] float32, metres: the vertices in the T pose."""
        return self.mesh.at(self.carrier)

    @functools.cached_property
    def surface(self) -> Surface:
        """The garment's surface, sampled every one or two centimetres."""
        normals = vertex_normals(self.rest, self.mesh.faces)
        corners = np.stack([self.rest, normals], 1)[self.mesh.faces]  # [n, 4, 2, 3]
        steps = 4 if len(self.mesh.faces) < FINE_FACES else 2
        s, t = (grid.ravel() for grid in np.meshgrid(*[np.linspace(0, 1, steps, endpoint=False)] * 2))
        shares = np.stack([(1 - s) * (1 - t), s * (1 - t), s * t, (1 - s) * t], 1)
        out = np.einsum("sk,nkac->nsac", shares, corners).reshape(-1, 2, 3)
        return Surface(out[:, 0], out[:, 1] / np.maximum(np.linalg.norm(out[:, 1], axis=1, keepdims=True), 1e-9))

    def with_mesh(self, mesh: DerivedMesh) -> "Garment":
        """Returns the garment with a part of its mesh."""
        return dataclasses.replace(self, mesh=mesh)

    def part(self, slot: str) -> MeshPart:
        """Returns the mesh part in a slot of the look."""
        flat = np.zeros(len(self.rest), np.float32)
        return MeshPart(self.item.name, slot, self.mesh, flat, self.rest, np.ones_like(self.rest), self.lift)


def rest_posture(body: BodyModel, gender: str) -> Posture:
    """Returns the mean shape of a gender in the T pose."""
    rest = body.models[gender].v_template
    return Posture(rest, rest, np.tile(np.eye(3, dtype=np.float32), (body.num_joints, 1, 1)))


@functools.lru_cache(maxsize=128)
def fitted(body: BodyModel, gender: str, name: str) -> Garment:
    """Returns an item on the mean shape of a gender."""
    wardrobe = load_wardrobe()
    item = wardrobe.items[name]
    count, rows = body.num_vertices, np.repeat(np.arange(len(item.refs)), 3)
    fit = sparse.csr_matrix((item.shares.ravel(), (rows, item.refs.ravel())), (len(item.refs), count), np.float32)
    sources = sparse.hstack([fit, sparse.identity(len(item.refs), np.float32)], format="csr")
    mesh = DerivedMesh(sources, item.faces, item.uvs)
    lift = Lift(item.offsets, _skin_weights(body, gender, item), wardrobe.turns, item.span_refs, item.span_m)
    garment = Garment(item, mesh, lift, _carrier(body, gender, lift))
    if item.kind != "garment":
        return garment
    return pushed(body, gender, garment, _push(garment.rest, _skin(body, gender), SKIN_GAP_M))


@functools.lru_cache(maxsize=4)
def _skin(body: BodyModel, gender: str) -> Surface:
    points = body.models[gender].v_template[: body.num_body_vertices]
    return Surface(points, vertex_normals(points, body.faces))


def _carrier(body: BodyModel, gender: str, lift: Lift) -> np.ndarray:
    posture = rest_posture(body, gender)
    return np.concatenate([posture.vertices, lift.turned(posture)])


def _skin_weights(body: BodyModel, gender: str, item: Item) -> np.ndarray:
    """Returns the skin weights [m, 52] of an item's vertices: those of its body vertices by their (positive) shares."""
    shares = np.clip(item.shares, 0, None)
    shares = shares / shares.sum(1, keepdims=True)
    weights = body.models[gender].weights[item.refs]  # [m, 3, 52]
    return np.einsum("mk,mkj->mj", shares, weights).astype(np.float32)


@functools.lru_cache(maxsize=512)
def over(body: BodyModel, gender: str, outer: str, inner: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns how one item lies over another on the mean shape of a gender.

    Returns:
        push [m, 3], metres in the T pose, that moves the outer item's vertices clear of the inner one; and which
        vertices [k] bool of the inner one lie under it, well away from its hems.
    """
    above, below = fitted(body, gender, outer), fitted(body, gender, inner)
    return _push(above.rest, below.surface, GAP_M), _hidden(above.surface, below.rest)


def pushed(body: BodyModel, gender: str, garment: Garment, push: np.ndarray) -> Garment:
    """Returns a whole garment whose vertices are moved by `push` [m, 3], metres in the T pose."""
    lift = garment.lift
    turns = (lift.weights @ lift.turns.reshape(-1, 9)).reshape(-1, 3, 3)
    vectors = lift.vectors + np.linalg.solve(turns, push[..., None])[..., 0].astype(np.float32)
    lift = dataclasses.replace(lift, vectors=vectors)
    return Garment(garment.item, garment.mesh, lift, _carrier(body, gender, lift))


def boundary(mesh: DerivedMesh) -> np.ndarray:
    """Returns the numbers of the vertices on open edges."""
    a, b = mesh.faces.ravel(), np.roll(mesh.faces, -1, 1).ravel()
    real = a != b
    edges = np.sort(np.stack([a[real], b[real]], 1), 1)
    unique, counts = np.unique(edges, axis=0, return_counts=True)
    return np.unique(unique[counts == 1])


def _hidden(over: Surface, points: np.ndarray) -> np.ndarray:
    """Returns which points [n, 3] lie under a garment, as does what is a little below them."""
    below: np.ndarray = points - np.array([0, UNDER_HEM_M, 0], np.float32)
    return _is_under(over, points) & _is_under(over, below)


def _is_under(over: Surface, points: np.ndarray) -> np.ndarray:
    """Returns which points [n, 3] have a surface straight above them."""
    depth, aside, _ = over.place(points)
    return (aside < ASIDE_M) & (depth > -LARGEST_PUSH_M / 2)


def _push(points: np.ndarray, under: Surface, gap_m: float) -> np.ndarray:
    """Returns how far [m, 3] to move points so that they stand off a surface."""
    depth, aside, normals = under.place(points)
    needed = np.where(np.isfinite(aside), np.clip(gap_m + depth, 0, LARGEST_PUSH_M), 0)
    return needed[:, None] * normals


def under_hat(hair: Garment, hat: Garment) -> Garment:
    """Returns the hair below the plane of the hat's lower edge."""
    edge = hat.rest[boundary(hat.mesh)]
    plane = np.linalg.lstsq(np.column_stack([edge[:, 0], edge[:, 2], np.ones(len(edge))]), edge[:, 1], rcond=None)[0]
    x, y, z = hair.rest.T
    return hair.with_mesh(cut(hair.mesh, plane[0] * x + plane[1] * z + plane[2] + HAT_M - y))
