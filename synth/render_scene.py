"""Makes one picture of a dataset from its scene index: sample, render, compose, annotate, write. Runs in workers."""

import dataclasses
import functools
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from openpose_tf.common.errors import UserError
from synth import annotate, backgrounds, body, compose, dataset, memory, poses, scene, textures
from synth.backgrounds import BackgroundList
from synth.photographs import PhotographList
from synth.scene import Scene, Sources
from synth.scene_config import RenderConfig, SceneConfig

if TYPE_CHECKING:
    from synth import blender

WHITE = 1.5  # linear light beyond which an environment is cut off before it is interpolated


@dataclasses.dataclass(frozen=True)
class Job:
    """What all scenes of a run share; sent to every worker.

    Attributes:
        folder: the dataset.
        scenes: distribution of the scenes.
        render: how they become pixels.
        photos: usable background photographs.
        environments, environment_share: environments seen as background, and how often.
        photographs: the annotated photographs of a mixed dataset; None for the others.
    """

    folder: str
    scenes: SceneConfig
    render: RenderConfig
    photos: BackgroundList
    environments: tuple[str, ...]
    environment_share: float
    photographs: PhotographList | None = None


@functools.lru_cache(maxsize=1)
def load_sources(job: Job) -> Sources:
    """Body, poses, textures and backgrounds, loaded once per process.

    Raises:
        UserError: the user's files do not hold what they should.
    """
    model = body.load_body(job.scenes.body)
    library = None
    if job.scenes.textures:
        if model.kind != "smplh":
            raise UserError("--textures are pictures for SMPL+H bodies: give --body=PATH too, or leave --textures out")
        library = textures.load_textures(job.scenes.textures)
        model = library.fit(model)
    source = poses.load_poses(job.scenes.poses, model, job.scenes.frame_step)
    return Sources(model, source, job.photos, job.environments, job.environment_share, library)


@functools.lru_cache(maxsize=1)
def load_renderer(config: RenderConfig) -> "blender.Renderer":
    """The process's renderer; Blender has one scene per process. Importing it here keeps bpy out of other processes."""
    memory.keep_small()
    from synth import blender

    return blender.Renderer(config)


def render_index(job: Job, index: int) -> dict[str, float]:
    """Makes picture number `index` and returns where the time went.

    Returns:
        CPU seconds by stage (`load`, `sample`, `build`, `cycles`, `read`, `compose`, `annotate`, `write`),
        `num_people`, and the process's memory now and at most, `memory_mb` and `peak_mb`.
    """
    clock = Clock()
    sources, renderer = load_sources(job), load_renderer(job.render)
    from synth import blender

    clock.lap("load")
    sampled = scene.sample_scene(job.scenes, sources, index, blender.intersects)
    clock.lap("sample")
    frame = renderer.render(sampled.figures, sampled.camera, sampled.light, sampled.cycles_seed, clock.lap)
    image = compose_picture(sampled, frame, job.scenes.dataset, blender.read_environment)
    clock.lap("compose")
    people = annotate.annotate_people(sampled.figures, sampled.camera, frame.ids, frame.depth)
    clock.lap("annotate")
    dataset.write_sample(
        Path(job.folder),
        dataset.image_name(index),
        image,
        frame.ids,
        frame.depth if job.render.write_depth else None,
        scene.describe_scene(sampled, people),
        job.render.jpeg_quality,
    )
    clock.lap("write")
    return clock.seconds | {"num_people": len(people)} | memory_use()


def memory_use() -> dict[str, float]:
    """Returns this process's resident memory now and at most, `memory_mb` and `peak_mb`."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"memory_mb": pages * resource.getpagesize() / 2**20, "peak_mb": peak_mb}


def compose_picture(
    sampled: Scene, frame: "blender.Frame", kind: str, read_environment: Callable[[str], np.ndarray]
) -> np.ndarray:
    """Returns the finished picture, [height, width, 3] uint8 RGB.

    Args:
        sampled: the scene.
        frame: what Cycles returned.
        kind: data set, which decides the camera's noise.
        read_environment: returns an environment picture by name.
    """
    camera, light = sampled.camera, sampled.light
    behind, gain = _background_and_gain(sampled, frame, read_environment)
    shade = np.ones((camera.height, camera.width, 1), np.float32)
    if sampled.figures:
        shadows = compose.cast_shadows([figure.mesh.vertices for figure in sampled.figures], light)
        shade = compose.view_shadows(shadows, camera)
    picture = compose.over(frame.rgb * gain, frame.alpha, behind, shade)
    return compose.add_camera_noise(np.random.default_rng(sampled.finish_seed), picture, kind)


def _background_and_gain(
    sampled: Scene, frame: "blender.Frame", read_environment: Callable[[str], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the background in linear light, [height, width, 3], and the gain [3] on the people's light."""
    camera, light, background = sampled.camera, sampled.light, sampled.background
    coverage = frame.ids > 0
    if background.kind == "environment":
        panorama = read_environment(background.name)
        exposure = backgrounds.environment_exposure(panorama, background.turn_rad, camera)
        gain = compose.limit_gain(exposure / light.strength, frame.rgb, coverage)
        exposure = gain * light.strength
        view = backgrounds.view_environment(panorama, background.turn_rad, camera, white=WHITE / exposure)
        return view * exposure, np.full(3, gain, np.float32)
    behind = compose.to_linear(backgrounds.load_photo(background, camera.width, camera.height))
    if light.kind == "sh":
        return behind, np.ones(3, np.float32)
    return behind, compose.match_exposure(frame.rgb, coverage, behind)


class Clock:
    """CPU seconds of this process between laps."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.process_time()

    def lap(self, stage: str) -> None:
        """Books the time since the last lap on a stage."""
        now = time.process_time()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
