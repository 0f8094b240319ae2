"""Sources of poses: the built-in sampler, or a folder of the user's motion files.

poses = load_poses("builtin", body)
pose = poses.sample(rng, "train")
vertices, joints = body.pose(vertices, joints, pose.pose)
"""

import dataclasses
from collections.abc import Callable
from typing import Protocol

import numpy as np

from synth import poses_motion, poses_procedural, rotations, self_collision, settle
from synth.body_model import BodyModel
from synth.poses_motion import SPLITS, Pose

__all__ = ["SPLITS", "Pose", "PoseSource", "ProceduralPoses", "load_poses"]

_MAX_DRAWS = 200  # a kind that fails this often is broken; 1.3 draws are expected


class PoseSource(Protocol):
    """Where poses come from."""

    def sample(self, rng: np.random.Generator, split: str) -> Pose:
        """Returns a random pose of a split ("train", "val" or "test")."""


@dataclasses.dataclass(frozen=True)
class ProceduralPoses:
    """The built-in poses. They have no sequences, so all splits draw from the same distribution.

    Attributes:
        body: model on which self-collision is tested.
        self_intersects: takes posed vertices [V, 3] and tells whether the body passes through itself.
    """

    body: BodyModel
    self_intersects: Callable[[np.ndarray], bool]

    def sample(self, rng: np.random.Generator, split: str = "train") -> Pose:
        """Returns a pose without self-collision on the mean shapes and at rest on the ground, and the rejected draws."""
        poses_motion.check_split(split)
        return self.draw(rng, poses_procedural.sample_kind(rng))

    def draw(self, rng: np.random.Generator, kind: poses_procedural.Kind) -> Pose:
        """Returns a pose of one kind."""
        for rejected in range(_MAX_DRAWS):
            pose = poses_procedural.sample_pose(rng, kind)
            if self.collides(pose):
                continue
            settled = self.settled(pose, kind.max_turn_deg)
            if settled is not None:
                return Pose(settled, kind.name, f"builtin:{kind.name}", rejected)
        raise RuntimeError(f"no free, balanced pose of kind {kind.name} in {_MAX_DRAWS} draws")

    def settled(self, pose: np.ndarray, max_turn_deg: float) -> np.ndarray | None:
        """Returns the pose turned as a whole so that the mean body rests stably on the ground; None = it would fall."""
        if max_turn_deg <= 0:
            return pose
        vertices = self._posed(self.body.genders[0], pose)[: self.body.num_body_vertices]
        turn = settle.settling_turn(vertices, self.body.faces, max_turn_deg)
        if turn is None:
            return None
        out = pose.copy()
        out[0] = rotations.to_rotvec(turn @ rotations.to_matrix(pose[0]))
        return out

    def collides(self, pose: np.ndarray) -> bool:
        """Returns whether the pose [52, 3] makes the mean body of any gender pass through itself."""
        return any(self.self_intersects(self._posed(gender, pose)) for gender in self.body.genders)

    def _posed(self, gender: str, pose: np.ndarray) -> np.ndarray:
        model = self.body.models[gender]
        return self.body.pose(model.v_template, model.j_template, pose, gender=gender)[0]


def load_poses(
    spec: str,
    body: BodyModel,
    frame_step: int = 10,
    self_intersects: Callable[[np.ndarray], bool] | None = None,
) -> PoseSource:
    """Returns a source of poses.

    Args:
        spec: "builtin", or a folder of AMASS .npz and/or BVH .bvh files (searched with its subfolders).
        body: model whose self-collision is tested.
        frame_step: every n-th frame of a motion file is used (release: 5 for CMU, 10 otherwise, times 2).
        self_intersects: replaces the built-in self-collision test (posed vertices [V, 3] -> bool).

    Raises:
        UserError: the folder does not exist or holds no usable motion file.
    """
    if spec == "builtin":
        return ProceduralPoses(body, self_intersects or self_collision.make_test(body))
    return poses_motion.MotionPoses.load(spec, frame_step, body)
