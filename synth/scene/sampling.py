"""Samples scenes as pure data: who stands where in which light before which camera, from (seed, scene index) alone."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from synth.body import loading as body
from synth.body.model import BodyModel
from synth.clothing import appearance, outfits
from synth.clothing.appearance import Look
from synth.clothing.textures import TextureLibrary
from synth.poses.sources import PoseSource
from synth.scene import backgrounds
from synth.scene import light as lights
from synth.scene.backgrounds import Background, BackgroundList
from synth.scene.camera import CAMERA_SAMPLERS, Camera
from synth.scene.config import DATASETS, SceneConfig
from synth.scene.light import Light
from synth.scene.person import Figure, PersonSpec, describe, stand
from synth.scene.placement import AREAS, Intersects, before_ground_row, lowest_ground_row, place

TILT_STD_RAD = 0.03  # people do not stand like pillars


@dataclasses.dataclass(frozen=True)
class Sources:
    """What scenes are made of.

    Attributes:
        body: body model.
        poses: source of poses.
        photos: usable background photographs.
        lights: environments that light scenes.
        environments: environments that may be seen as background.
        environment_share: probability of such a background.
        textures: clothing textures, or None.
    """

    body: BodyModel
    poses: PoseSource
    photos: BackgroundList
    lights: tuple[str, ...]
    environments: tuple[str, ...] = ()
    environment_share: float = 0.0
    textures: TextureLibrary | None = None


@dataclasses.dataclass(frozen=True)
class PlacementCounts:
    """What placement did.

    Attributes:
        people_wanted: number drawn from the Poisson distribution.
        collisions: spots drawn again because another person was in the way.
        people_given_up: people for whom no free spot was found.
        self_collisions: poses drawn again because the body went through itself.
    """

    people_wanted: int
    collisions: int
    people_given_up: int
    self_collisions: int


@dataclasses.dataclass(frozen=True)
class Scene:
    """One scene.

    Attributes:
        index: number of the scene; also the name of its image.
        camera, light, background: as sampled.
        figures: the people; instance ids are 1, 2, ... in this order.
        placement: counts.
        render_seed: seed of the renderer's noise.
        finish_seed: seed of what is done to the finished image.
    """

    index: int
    camera: Camera
    light: Light
    background: Background
    figures: tuple[Figure, ...]
    placement: PlacementCounts
    render_seed: int
    finish_seed: int


def scene_seeds(config: SceneConfig, index: int) -> list[np.random.SeedSequence]:
    """Returns independent seeds for camera, background, light, people and the renderer of one scene.

    They depend on the data set, the seed and the index only, never on the worker, so any number of workers makes the
    same images.
    """
    key = (DATASETS.index(config.dataset), index)
    return np.random.SeedSequence(config.seed, spawn_key=key).spawn(5)


def sample_scene(
    config: SceneConfig,
    sources: Sources,
    index: int,
    intersects: Intersects,
    background: Background | None = None,
) -> Scene:
    """Returns scene number `index`.

    Args:
        config: the distribution.
        sources: body, poses and backgrounds.
        index: number of the scene, 0, 1, ...
        intersects: exact test whether two meshes go through each other (the renderer's, or any other).
        background: what is behind the people, where that is not drawn from the sources.
    """
    for_camera, for_background, for_light, for_people, for_render = scene_seeds(config, index)
    camera = CAMERA_SAMPLERS[config.camera](np.random.default_rng(for_camera), config.width, config.height)
    has_ground = config.ground == "photograph"
    background = background or backgrounds.sample_background(
        np.random.default_rng(for_background),
        sources.photos,
        config.width,
        config.height,
        sources.environments if config.light == "hdri" else (),
        sources.environment_share,
        lowest_ground_row(camera, AREAS[config.camera](camera)) if has_ground else None,
    )
    figures, counts = sample_people(for_people, config, sources, camera, intersects, background.ground)
    render_seed, finish_seed = np.random.default_rng(for_render).integers(0, 2**31 - 1, 2)
    return Scene(
        index=index,
        camera=camera,
        light=sample_light(np.random.default_rng(for_light), config, sources.lights, background),
        background=background,
        figures=tuple(figures),
        placement=counts,
        render_seed=int(render_seed),
        finish_seed=int(finish_seed),
    )


def sample_light(
    rng: np.random.Generator, config: SceneConfig, environments: Sequence[str], background: Background
) -> Light:
    """Returns the light, from one of the environments; where an environment is seen it is also the light."""
    if config.light == "sh":
        return lights.sample_sh(rng)
    if background.kind == "environment":
        return lights.sample_hdri(rng, config.dataset, environments, background.name, background.turn_rad)
    return lights.sample_hdri(rng, config.dataset, environments)


def sample_people(
    seed: np.random.SeedSequence,
    config: SceneConfig,
    sources: Sources,
    camera: Camera,
    intersects: Intersects,
    ground: float = 0.0,
) -> tuple[list[Figure], PlacementCounts]:
    """Returns a Poisson number of people at free spots below the row `ground`; each person has its own seed."""
    wanted = max(config.people_min, int(np.random.default_rng(seed).poisson(config.people_mean)))
    area = AREAS[config.camera](camera)
    area = before_ground_row(area, camera, ground) if ground else area
    figures: list[Figure] = []
    collisions = self_collisions = 0
    for child in seed.spawn(wanted):
        rng = np.random.default_rng(child)
        spec, rejected = sample_person(rng, config, sources)
        found, tried = place(rng, stand(sources.body, spec), figures, camera, area, intersects, config.max_tries)
        collisions += tried
        self_collisions += rejected
        if found is not None:
            figures.append(found)
    return figures, PlacementCounts(wanted, collisions, wanted - len(figures), self_collisions)


def sample_person(rng: np.random.Generator, config: SceneConfig, sources: Sources) -> tuple[PersonSpec, int]:
    """Returns a random person and the number of poses that were rejected on the way."""
    gender = str(rng.choice(sources.body.genders))
    betas = body.sample_shape(rng, gender, sources.body.num_betas)
    pose = sources.poses.sample(rng, config.pose_split)
    if config.shapes == "clip":
        gender = pose.gender if pose.gender in sources.body.genders else gender
        betas = np.array(pose.betas[: sources.body.num_betas])
    tilt = rng.normal(0.0, TILT_STD_RAD, 2)
    texture = sources.textures.sample(rng, gender, config.pose_split) if sources.textures else None
    spec = PersonSpec(
        gender=gender,
        betas=tuple(map(float, betas)),
        pose=tuple((float(x), float(y), float(z)) for x, y, z in pose.pose),
        pose_tag=pose.tag,
        pose_source=pose.source,
        tilt_rad=(float(tilt[0]), float(tilt[1])),
        look=sample_look(rng, config, sources.body, gender, pose.tag, texture),
    )
    return spec, pose.num_rejected


def sample_look(
    rng: np.random.Generator, config: SceneConfig, model: BodyModel, gender: str, pose_tag: str, texture: str | None
) -> Look:
    """Returns a random look: of the wardrobe, or painted where that was chosen or the body is another one."""
    if config.look == "wardrobe" and model.kind == "cc0":
        return outfits.sample_outfit(rng, gender, pose_tag)
    return appearance.sample_look(rng, gender, pose_tag, texture)


def describe_scene(scene: Scene, people: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns the JSON-able annotation of a scene, given the ground truth of its people."""
    camera = scene.camera
    return {
        "camera": {
            "K": _rounded(camera.intrinsics.tolist()),
            "R": _rounded(camera.rotation.tolist()),
            "t": _rounded(camera.translation.tolist()),
            "pitch_deg": _rounded(camera.pitch_deg),
        },
        "light": _rounded(dataclasses.asdict(scene.light)),
        "background": _rounded(dataclasses.asdict(scene.background))
        | {"name": os.path.basename(scene.background.name)},
        "placement": dataclasses.asdict(scene.placement),
        "people": [person | describe(figure) for person, figure in zip(people, scene.figures)],
    }


def _rounded(value: Any) -> Any:
    """Returns JSON-able data with numbers of six digits behind the point: 0.1 mm and 0.01 px of what they decide."""
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]
    return round(value, 6) if isinstance(value, float) else value
