"""The one evaluator of both body models: linear blend skinning of a linear shape model on the 52 joints of SMPL+H.

Units are metres and radians. Body axes: y up, face towards +z, left = +x. NumPy and SciPy only.
"""

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np

from synth.body import joints as joint_tables
from synth.body import rotations

HEAD_BOX_LANDMARKS = ("left_ear", "right_ear", "head_back", "nose", "head_top", "adams_apple")
FACE_LANDMARKS = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")  # the first five of COCO's keypoints


@dataclasses.dataclass(frozen=True, eq=False)
class GenderModel:
    """The numbers of one gender.

    Attributes:
        v_template: [V, 3] float32, mean shape in the T pose.
        shapedirs: [B, V, 3] float32, vertex offsets per unit of beta.
        j_template: [52, 3] float32, joints of the mean shape.
        j_shapedirs: [B, 52, 3] float32, joint offsets per unit of beta.
        weights: [V, 52] float32 skin weights; rows sum to 1.
        posedirs: [459, V * 3] float32 pose blend shapes (SMPL+H), or None.
    """

    v_template: np.ndarray
    shapedirs: np.ndarray
    j_template: np.ndarray
    j_shapedirs: np.ndarray
    weights: np.ndarray
    posedirs: np.ndarray | None = None

    @functools.cached_property
    def strongest(self) -> np.ndarray:
        """[V] int, the joint that a vertex follows most."""
        return self.weights.argmax(1)


@dataclasses.dataclass(frozen=True)
class HandPca:
    """MANO's hand components: a hand pose is (mean +) coefficients @ components.

    Attributes:
        components: side -> [45, 45] float64.
        mean: side -> [45] float64.
    """

    components: Mapping[str, np.ndarray]
    mean: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class BodyModel:
    """A shaped, posable human. Two models are equal if they are the same object, so that caches can tell them apart.

    Attributes:
        kind: "cc0" or "smplh".
        source: name for annotations and licence lists.
        models: gender -> numbers.
        faces: [F, 3] or [F, 4] int64 faces of the naked body (a triangle among quads repeats its last corner).
        landmarks: named vertices: head_top, head_back, nose, adams_apple, left_ear, right_ear, left_eye, right_eye.
        uv: [U, 2] float32 texture coordinates (v up), or None.
        uv_faces: ids into `uv`, same shape as `faces`, or None.
        parts: further meshes of the model on the same vertices: name -> (faces [n, 4], uv faces [n, 4]).
        masks: named vertex masks [V] float32, 0..1.
        hands: hand PCA of the file, or None.
    """

    kind: str
    source: str
    models: Mapping[str, GenderModel]
    faces: np.ndarray
    landmarks: Mapping[str, int]
    uv: np.ndarray | None = None
    uv_faces: np.ndarray | None = None
    parts: Mapping[str, tuple[np.ndarray, np.ndarray]] = dataclasses.field(default_factory=dict)
    masks: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    hands: HandPca | None = None

    @property
    def num_joints(self) -> int:
        """52, the joints of SMPL+H."""
        return joint_tables.NUM_JOINTS

    @property
    def parents(self) -> np.ndarray:
        """[52] int, parent joint; -1 for the pelvis."""
        return joint_tables.PARENTS

    @property
    def genders(self) -> tuple[str, ...]:
        """Genders that can be sampled."""
        return tuple(self.models)

    @property
    def num_betas(self) -> int:
        """Shape numbers per person (paper: beta in R^10)."""
        return min(10, *(len(model.shapedirs) for model in self.models.values()))

    @property
    def num_vertices(self) -> int:
        """Vertices of the model; for the CC0 body these include eyes and clothes."""
        return len(self.models[self.genders[0]].v_template)

    @property
    def num_body_vertices(self) -> int:
        """Vertices 0..n-1 belong to the naked body."""
        return int(self.faces.max()) + 1

    def shape(self, gender: str, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the T-posed person.

        Args:
            gender: one of `genders`.
            betas: [n <= B] shape numbers.

        Returns:
            vertices [V, 3] float32 and joints [52, 3] float32, metres.
        """
        model = self.models[gender]
        betas = np.asarray(betas, np.float32)
        count = len(betas)
        vertices = model.v_template + np.tensordot(betas, model.shapedirs[:count], 1)
        return vertices, model.j_template + np.tensordot(betas, model.j_shapedirs[:count], 1)

    def pose(
        self,
        vertices: np.ndarray,
        joints: np.ndarray,
        pose: np.ndarray,
        trans: np.ndarray | tuple[float, float, float] = (0.0, 0.0, 0.0),
        gender: str | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the posed person.

        Args:
            vertices: [V, 3] of `shape`.
            joints: [52, 3] of `shape`.
            pose: [52, 3] axis-angle, radians, each relative to its parent (SMPL's convention).
            trans: [3] metres, added to everything.
            gender: whose skin weights and pose blend shapes are used; may be left out where there is one gender or
                no difference (the CC0 body).

        Returns:
            posed vertices [V, 3] float32, posed joints [52, 3] float64.
        """
        model = self._model(gender)
        turns = rotations.to_matrix(np.asarray(pose).reshape(joint_tables.NUM_JOINTS, 3))
        if model.posedirs is not None:
            feature = (turns[1:] - np.eye(3)).astype(np.float32).ravel()
            vertices = vertices + (feature @ model.posedirs).reshape(-1, 3)
        world, positions = chain(turns, np.asarray(joints, np.float64))
        positions = positions + np.asarray(trans, np.float64)
        shift = positions - np.einsum("jab,jb->ja", world, joints)
        transforms = np.concatenate([world, shift[:, :, None]], 2).reshape(joint_tables.NUM_JOINTS, 12)
        blended = (model.weights @ transforms.astype(np.float32)).reshape(-1, 3, 4)
        posed = np.einsum("vab,vb->va", blended[:, :, :3], vertices) + blended[:, :, 3]
        return posed.astype(np.float32), positions

    def _model(self, gender: str | None) -> GenderModel:
        if gender is None:
            differs = any(model.posedirs is not None for model in self.models.values())
            if differs and len(self.models) > 1:
                raise ValueError("pose() needs the gender: the pose blend shapes of this model differ between genders")
            gender = self.genders[0]
        return self.models[gender]

    def mpii_joints(self, vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
        """Returns the 16 MPII joints [16, 3] float64 of posed `vertices` [V, 3] and `joints` [52, 3]."""
        top = vertices[self.landmarks["head_top"]]
        return np.stack([top if j == joint_tables.HEAD_TOP else joints[j] for j in joint_tables.MPII_SOURCES]).astype(
            np.float64
        )

    def head_box_points(self, vertices: np.ndarray, joints: np.ndarray | None = None) -> np.ndarray:
        """Returns points [6, 3] float64 whose projections' bounding box is the head box (release).

        Ears, back of the head, nose, top of the head and Adam's apple. `joints` is not needed by either model.
        """
        del joints
        return np.stack([vertices[self.landmarks[name]] for name in HEAD_BOX_LANDMARKS]).astype(np.float64)

    def face_points(self, vertices: np.ndarray) -> np.ndarray:
        """Returns nose, left eye, right eye, left ear, right ear [5, 3] float64 (COCO's face keypoints)."""
        return np.stack([vertices[self.landmarks[name]] for name in FACE_LANDMARKS]).astype(np.float64)


def chain(turns: np.ndarray, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns world rotations [52, 3, 3] and positions [52, 3] of relative rotations `turns` and T-posed `joints`."""
    world, positions = turns.copy(), joints.copy()
    parents = joint_tables.PARENTS
    for j in range(1, len(parents)):
        parent = parents[j]
        world[j] = world[parent] @ turns[j]
        positions[j] = positions[parent] + world[parent] @ (joints[j] - joints[parent])
    return world, positions
