"""Meshes whose vertices are weighted sums of body vertices, and the cutting of such meshes along smooth lines.

A cut through the middle of faces makes new vertices. Because each vertex is stored as weights on body vertices, the cut
is made once on the rest shape and follows every shape and pose. NumPy and SciPy only.
"""

import dataclasses

import numpy as np
from scipy import sparse


@dataclasses.dataclass(frozen=True)
class DerivedMesh:
    """A mesh on top of a body model.

    Attributes:
        sources: [m, V] sparse float32; vertex i is sources[i] @ body vertices. Rows sum to 1.
        faces: [n, 4] int64 vertex ids; a triangle repeats its last corner.
        uvs: [n, 4, 2] float32 texture coordinates of the corners.
    """

    sources: sparse.csr_matrix
    faces: np.ndarray
    uvs: np.ndarray

    def at(self, body_values: np.ndarray) -> np.ndarray:
        """Returns values [m, ...] of this mesh's vertices for values [V, ...] of body vertices."""
        return self.sources @ body_values

    def select(self, keep: np.ndarray) -> "DerivedMesh":
        """Returns the mesh of the faces where `keep` [n] is True, without unused vertices."""
        faces = self.faces[keep]
        used = np.zeros(self.sources.shape[0], bool)
        used[faces.ravel()] = True
        return DerivedMesh(self.sources[used], (np.cumsum(used) - 1)[faces], self.uvs[keep])


def from_body(num_vertices: int, faces: np.ndarray, uvs: np.ndarray) -> DerivedMesh:
    """Returns the mesh of faces [n, 3 or 4] (body vertex ids) with corner texture coordinates [n, 3 or 4, 2]."""
    if faces.shape[1] == 3:
        faces, uvs = faces[:, [0, 1, 2, 2]], uvs[:, [0, 1, 2, 2]]
    identity = sparse.identity(num_vertices, np.float32, format="csr")
    return DerivedMesh(identity, faces, uvs.astype(np.float32)).select(np.ones(len(faces), bool))


def smooth(mesh: DerivedMesh, rounds: int) -> DerivedMesh:
    """Returns the mesh with every vertex moved `rounds` times to the middle between itself and its neighbours' mean."""
    count = mesh.sources.shape[0]
    a, b = mesh.faces.ravel(), np.roll(mesh.faces, -1, axis=1).ravel()
    real = a != b
    edges = sparse.coo_matrix((np.ones(real.sum(), np.float32), (a[real], b[real])), (count, count)).tocsr()
    neighbours = ((edges + edges.T) > 0).astype(np.float32)
    mean = sparse.diags(1 / np.maximum(np.asarray(neighbours.sum(1)).ravel(), 1)) @ neighbours
    step = (0.5 * (sparse.identity(count, np.float32) + mean)).astype(np.float32)
    sources = mesh.sources
    for _ in range(rounds):
        sources = (step @ sources).tocsr()
    return dataclasses.replace(mesh, sources=sources.astype(np.float32))


def cut(mesh: DerivedMesh, field: np.ndarray) -> DerivedMesh:
    """Returns the part of the mesh where a field is positive, cut exactly along its zero line.

    Args:
        mesh: the mesh.
        field: [m] values at the vertices, linear in between.
    """
    inside = field > 0
    count = inside[mesh.faces].sum(1)
    crossing = np.nonzero((count > 0) & (count < 4))[0]
    cutter = _Cutter(field)
    for row, face in zip(crossing.tolist(), mesh.faces[crossing].tolist()):
        cutter.add(row, face)
    faces, uvs = cutter.faces_and_uvs(mesh.uvs)
    kept = count == 4
    faces, uvs = np.concatenate([mesh.faces[kept], faces]), np.concatenate([mesh.uvs[kept], uvs])
    new = cutter.sources(mesh.sources)
    used = np.zeros(len(field) + new.shape[0], bool)
    used[faces.ravel()] = True
    old = mesh.sources if used[: len(field)].all() else mesh.sources[used[: len(field)]]
    return DerivedMesh(sparse.vstack([old, new], format="csr"), (np.cumsum(used) - 1)[faces], uvs)


class _Cutter:
    """Cuts faces one by one; faces that share an edge share the new vertex on it."""

    def __init__(self, field: np.ndarray) -> None:
        self._field: list[float] = field.tolist()
        self._edges: dict[tuple[int, int], int] = {}
        self._faces: list[list[int]] = []
        # Where each corner's texture coordinate comes from: face row, its corners a and b, share of b.
        self._corners: list[list[tuple[int, int, int, float]]] = []

    def add(self, row: int, face: list[int]) -> None:
        size = 3 if face[2] == face[3] else 4
        polygon: list[int] = []
        corners: list[tuple[int, int, int, float]] = []
        for k in range(size):
            n = (k + 1) % size
            a, b = face[k], face[n]
            at_a, at_b = self._field[a], self._field[b]
            if at_a > 0:
                polygon.append(a)
                corners.append((row, k, k, 0.0))
            if (at_a > 0) != (at_b > 0):
                new = len(self._field) + len(self._edges)
                polygon.append(self._edges.setdefault((min(a, b), max(a, b)), new))
                corners.append((row, k, n, at_a / (at_a - at_b)))
        for i in range(1, len(polygon) - 1, 2):  # a fan of quads; the last may be a triangle
            ids = (0, i, i + 1, min(i + 2, len(polygon) - 1))
            self._faces.append([polygon[j] for j in ids])
            self._corners.append([corners[j] for j in ids])

    def sources(self, rows: sparse.csr_matrix) -> sparse.csr_matrix:
        """Returns the weights of the new vertices, [number of cut edges, V]."""
        if not self._edges:
            return sparse.csr_matrix((0, rows.shape[1]), dtype=np.float32)
        a, b = np.array(list(self._edges)).T
        field = np.array(self._field)
        share = (field[a] / (field[a] - field[b])).astype(np.float32)
        return sparse.diags(1 - share) @ rows[a] + sparse.diags(share) @ rows[b]

    def faces_and_uvs(self, uvs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the new faces [n, 4] and the texture coordinates of their corners [n, 4, 2]."""
        faces = np.array(self._faces, np.int64).reshape(-1, 4)
        corners = np.array(self._corners).reshape(-1, 4, 4)
        row, a, b = np.moveaxis(corners[..., :3].astype(np.int64), -1, 0)
        share = corners[..., 3:].astype(np.float32)
        return faces, uvs[row, a] * (1 - share) + uvs[row, b] * share
