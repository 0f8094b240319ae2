"""A person of a scene: plain data that says everything, and the geometry made from it."""

import dataclasses
import os
from typing import Any

import numpy as np

from synth.body import rotations
from synth.body.model import BodyModel, chain
from synth.clothing import garments
from synth.clothing.appearance import Look, Material
from synth.clothing.parts import Posture, dressed_vertices, join_parts
from synth.scene.mesh import Mesh, Topology


@dataclasses.dataclass(frozen=True)
class Placement:
    """Where a person stands.

    Attributes:
        position_m: (x, y) of the pelvis in the world.
        yaw_rad: turn about the vertical; 0 faces the camera.
    """

    position_m: tuple[float, float]
    yaw_rad: float


@dataclasses.dataclass(frozen=True)
class PersonSpec:
    """Everything that is random about one person but for the place.

    Attributes:
        gender: of the body model.
        betas: shape numbers.
        pose: [52][3] axis-angle, radians.
        pose_tag, pose_source: kind of pose and where it comes from.
        tilt_rad: small lean of the whole body about x and y.
        look: clothes, hair, skin as sampled by `synth.clothing.appearance`.
    """

    gender: str
    betas: tuple[float, ...]
    pose: tuple[tuple[float, float, float], ...]
    pose_tag: str
    pose_source: str
    tilt_rad: tuple[float, float]
    look: Look


@dataclasses.dataclass(frozen=True)
class Figure:
    """A person's geometry in the world (metres) and its description.

    Attributes:
        spec: what it was made from.
        placement: where it stands.
        mesh: dressed mesh.
        materials: names of its materials in the look, in the order of its slots.
        joints: [52, 3] float64.
        mpii_joints: [16, 3] float64.
        head_points: [k, 3] float64 whose projections span the head box.
        face_points: [5, 3] float64, nose, left eye, right eye, left ear, right ear.
    """

    spec: PersonSpec
    placement: Placement
    mesh: Mesh
    materials: tuple[str, ...]
    joints: np.ndarray
    mpii_joints: np.ndarray
    head_points: np.ndarray
    face_points: np.ndarray

    @property
    def material_list(self) -> tuple[Material, ...]:
        """Descriptions of the mesh's materials, in the order of its slots."""
        return tuple(self.spec.look.materials[name] for name in self.materials)

    def moved(self, placement: Placement) -> "Figure":
        """Returns the person, who must stand at the origin, at a place."""
        rotation = rotations.to_matrix(np.array([0.0, 0.0, placement.yaw_rad]))
        offset = np.array([*placement.position_m, 0.0])
        points = {
            name: getattr(self, name) @ rotation.T + offset
            for name in ("joints", "mpii_joints", "head_points", "face_points")
        }
        return dataclasses.replace(self, placement=placement, mesh=self.mesh.moved(rotation, offset), **points)


ORIGIN = Placement((0.0, 0.0), 0.0)


def stand(body: BodyModel, spec: PersonSpec) -> Figure:
    """Returns the person at the origin: pelvis above it, the lowest point of the dressed body on the ground z = 0."""
    shaped, rest_joints = body.shape(spec.gender, np.array(spec.betas))
    pose = np.array(spec.pose)
    vertices, joints = body.pose(shaped, rest_joints, pose, gender=spec.gender)
    turns, _ = chain(rotations.to_matrix(pose), rest_joints)
    dressed, materials = _dress(body, spec, Posture(vertices, shaped, turns))
    rotation = rotations.to_matrix(np.array([*spec.tilt_rad, 0.0])) @ rotations.Y_UP_TO_Z_UP
    turned = dressed.moved(rotation, np.zeros(3))
    pelvis = rotation @ joints[0]
    offset = np.array([-pelvis[0], -pelvis[1], -float(turned.low[2])])

    def stood(values: np.ndarray) -> np.ndarray:
        return values @ rotation.T + offset

    return Figure(
        spec=spec,
        placement=ORIGIN,
        mesh=turned.moved(np.eye(3), offset),
        materials=materials,
        joints=stood(joints),
        mpii_joints=stood(body.mpii_joints(vertices, joints)),
        head_points=stood(body.head_box_points(vertices, joints)),
        face_points=stood(body.face_points(vertices)),
    )


def _dress(body: BodyModel, spec: PersonSpec, posture: Posture) -> tuple[Mesh, tuple[str, ...]]:
    """Returns the clothed mesh of a posed body, and the names of its materials."""
    parts = garments.dress(body, spec.look)
    joined = join_parts(parts)
    topology = Topology(
        faces=joined.faces.astype(np.int32),
        uvs=joined.uvs.astype(np.float32),
        slots=joined.material_index.astype(np.int32),
        rest=joined.rest,
        tint=joined.tint,
    )
    return Mesh(dressed_vertices(parts, posture), topology), joined.materials


def describe(figure: Figure) -> dict[str, Any]:
    """Returns the JSON-able description of a person for the annotation."""
    spec = figure.spec
    return {
        "gender": spec.gender,
        "betas": [round(value, 5) for value in spec.betas],
        "pose": [[round(angle, 4) for angle in joint] for joint in spec.pose],
        "pose_tag": spec.pose_tag,
        "pose_source": spec.pose_source,
        "tilt_rad": [round(value, 5) for value in spec.tilt_rad],
        "position_m": [round(value, 4) for value in figure.placement.position_m],
        "yaw_rad": round(figure.placement.yaw_rad, 5),
        "look": _without_folders(spec.look.to_json()),
    }


def _without_folders(look: dict[str, Any]) -> dict[str, Any]:
    """A look whose texture is named by its file alone: folders of one machine mean nothing on another."""
    materials = {
        slot: {**material, "path": os.path.basename(material["path"])} if "path" in material else material
        for slot, material in look["materials"].items()
    }
    return {**look, "materials": materials}
