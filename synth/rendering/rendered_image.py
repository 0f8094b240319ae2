"""Makes one picture of a dataset from its scene index: sample, render, compose, annotate, write. Runs in workers."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from openpose_tf.common.color import levels_to_linear
from synth.dataset import writer
from synth.rendering import compositing, groundtruth
from synth.rendering.job import Clock, Job, load_renderer, load_sources, memory_use
from synth.scene import backgrounds, sampling
from synth.scene.sampling import Scene

if TYPE_CHECKING:
    from synth.rendering import blender

WHITE = 1.5  # linear light beyond which an environment is cut off before it is interpolated


def render_index(job: Job, index: int) -> dict[str, float]:
    """Makes picture number `index` and returns where the time went.

    Returns:
        CPU seconds by stage (`load`, `sample`, `build`, `cycles`, `read`, `compose`, `annotate`, `write`),
        `num_people`, and the process's memory now and at most, `memory_mb` and `peak_mb`.
    """
    clock = Clock()
    sources, renderer = load_sources(job), load_renderer(job.render)
    from synth.rendering import blender

    clock.lap("load")
    sampled = sampling.sample_scene(job.scenes, sources, index, blender.intersects)
    clock.lap("sample")
    frame = renderer.render(sampled.figures, sampled.camera, sampled.light, sampled.cycles_seed, clock.lap)
    image = compose_picture(sampled, frame, job.scenes.dataset, blender.read_environment)
    clock.lap("compose")
    people = groundtruth.annotate_people(sampled.figures, sampled.camera, frame.ids, frame.depth)
    clock.lap("annotate")
    writer.write_sample(
        Path(job.folder),
        writer.image_name(index),
        image,
        frame.ids,
        frame.depth if job.render.write_depth else None,
        sampling.describe_scene(sampled, people),
        job.render.jpeg_quality,
    )
    clock.lap("write")
    return clock.seconds | {"num_people": len(people)} | memory_use()


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
        shadows = compositing.cast_shadows([figure.mesh.vertices for figure in sampled.figures], light)
        shade = compositing.view_shadows(shadows, camera)
    picture = compositing.over(frame.rgb * gain, frame.alpha, behind, shade)
    return compositing.add_camera_noise(np.random.default_rng(sampled.finish_seed), picture, kind)


def _background_and_gain(
    sampled: Scene, frame: "blender.Frame", read_environment: Callable[[str], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the background in linear light, [height, width, 3], and the gain [3] on the people's light."""
    camera, light, background = sampled.camera, sampled.light, sampled.background
    coverage = frame.ids > 0
    if background.kind == "environment":
        panorama = read_environment(background.name)
        exposure = backgrounds.environment_exposure(panorama, background.turn_rad, camera)
        gain = compositing.limit_gain(exposure / light.strength, frame.rgb, coverage)
        exposure = gain * light.strength
        view = backgrounds.view_environment(panorama, background.turn_rad, camera, white=WHITE / exposure)
        return view * exposure, np.full(3, gain, np.float32)
    behind = levels_to_linear(backgrounds.load_photo(background, camera.width, camera.height))
    if light.kind == "sh":
        return behind, np.ones(3, np.float32)
    return behind, compositing.match_exposure(frame.rgb, coverage, behind)
