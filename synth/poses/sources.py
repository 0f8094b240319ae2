"""Sources of poses: the built-in sampler, or a folder of the user's motion files.

poses = load_poses("builtin", body)
pose = poses.sample(rng, "train")
vertices, joints = body.pose(vertices, joints, pose.pose)
"""

import dataclasses
from collections.abc import Callable
from typing import Protocol

import numpy as np

from openpose_tf.common.errors import UserError
from openpose_tf.common.name_splits import check_split
from synth.body import rotations
from synth.body.model import BodyModel, GenderModel
from synth.poses import motion_files, procedural, resting, self_collision
from synth.poses.motion_files import Pose

_MAX_DRAWS = 200  # a kind that fails this often is broken; 1.3 draws are expected


class PoseSource(Protocol):
    """Where poses come from."""

    def sample(self, rng: np.random.Generator, split: str) -> Pose:
        """Returns a random pose of a split ("train", "val" or "test")."""

    def check(self, with_shapes: bool = False) -> None:
        """Reads everything once; raises UserError for the first damaged file. Once per run, not per worker.

        Args:
            with_shapes: each pose must come with the shape of its person (`--shapes=clip`).
        """


@dataclasses.dataclass(frozen=True)
class ProceduralPoses:
    """The built-in poses. They have no sequences, so all splits draw from the same distribution.

    Attributes:
        body: naked mean bodies on which poses are tested.
        self_intersects: takes posed vertices [n, 3] of the naked body; tells whether it passes through itself.
    """

    body: BodyModel
    self_intersects: Callable[[np.ndarray], bool]

    def sample(self, rng: np.random.Generator, split: str = "train") -> Pose:
        """Returns a pose without self-collision on the mean shapes, at rest on the ground; counts rejected draws."""
        check_split(split)
        return self.draw(rng, procedural.sample_kind(rng))

    def check(self, with_shapes: bool = False) -> None:
        """There are no files; raises UserError for `with_shapes`, because nobody was measured."""
        if with_shapes:
            raise UserError("--shapes=clip takes the betas of motion files: give --poses=DIR of AMASS .npz, too")

    def draw(self, rng: np.random.Generator, kind: procedural.Kind) -> Pose:
        """Returns a pose of one kind."""
        for rejected in range(_MAX_DRAWS):
            pose = procedural.sample_pose(rng, kind)
            posed = {gender: self._posed(gender, pose) for gender in self.body.genders}
            if any(self.self_intersects(vertices) for vertices in posed.values()):
                continue
            settled = self._settled(pose, next(iter(posed.values())), kind.max_turn_deg)
            if settled is not None:
                return Pose(settled, kind.name, f"builtin:{kind.name}", rejected)
        raise RuntimeError(f"no free, balanced pose of kind {kind.name} in {_MAX_DRAWS} draws")

    def _settled(self, pose: np.ndarray, vertices: np.ndarray, max_turn_deg: float) -> np.ndarray | None:
        """Returns the pose turned as a whole so that the body rests stably on the ground; None = it would fall."""
        if max_turn_deg <= 0:
            return pose
        turn = resting.settling_turn(vertices, self.body.faces, max_turn_deg)
        if turn is None:
            return None
        out = pose.copy()
        out[0] = rotations.to_rotvec(turn @ rotations.to_matrix(pose[0]))
        return out

    def _posed(self, gender: str, pose: np.ndarray) -> np.ndarray:
        model = self.body.models[gender]
        return self.body.pose(model.v_template, model.j_template, pose, gender=gender)[0]


def _naked(body: BodyModel) -> BodyModel:
    """Returns the mean bodies alone, without clothes and shape directions: what the tests of a pose need."""
    count = body.num_body_vertices

    def cut(model: GenderModel) -> GenderModel:
        posedirs = None if model.posedirs is None else model.posedirs[:, : 3 * count]
        return dataclasses.replace(
            model, v_template=model.v_template[:count], weights=model.weights[:count], posedirs=posedirs
        )

    return dataclasses.replace(body, models={gender: cut(model) for gender, model in body.models.items()})


def load_poses(
    spec: str,
    body: BodyModel,
    frame_step: int = 10,
    self_intersects: Callable[[np.ndarray], bool] | None = None,
    joint_names: str = "",
) -> PoseSource:
    """Returns a source of poses.

    Args:
        spec: "builtin", or a folder of SMPL+H .npz and/or BVH .bvh files (searched with its subfolders).
        body: model whose self-collision is tested.
        frame_step: every n-th frame of a motion file is used (release: 5 for CMU, 10 otherwise, times 2).
        self_intersects: replaces the built-in self-collision test (posed vertices [V, 3] -> bool).
        joint_names: JSON file of the joint names of BVH files whose naming is not known.

    Raises:
        UserError: the folder does not exist or holds no usable motion file.
    """
    if spec == "builtin" and joint_names:
        raise UserError(f"--joint_names={joint_names} is about BVH files: give their folder with --poses=DIR, too")
    if spec == "builtin":
        return ProceduralPoses(_naked(body), self_intersects or self_collision.make_test(body))
    return motion_files.MotionPoses.load(spec, frame_step, body, joint_names)
