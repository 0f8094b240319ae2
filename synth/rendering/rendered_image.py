"""Makes one image of a dataset from its index: sample, render, compose, annotate, write. Runs in workers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from openpose_tf.data.annotations.image_dataset_schema import image_name
from synth.dataset import writer
from synth.rendering import groundtruth
from synth.rendering.job import Clock, Job, load_renderer, load_sources, memory_use
from synth.rendering.mixed_image import MixedImage
from synth.rendering.renderer import Frame
from synth.rendering.synthetic_image import SyntheticImage
from synth.scene import sampling
from synth.scene.placement import Intersects
from synth.scene.sampling import Scene, Sources


class ImageKind(Protocol):
    """An image that is to be rendered, and what its kind of dataset does differently from the others."""

    @classmethod
    def sample(cls, job: Job, sources: Sources, index: int, intersects: Intersects) -> "ImageKind":
        """Returns image number `index`, a function of job and index alone."""

    @property
    def scene(self) -> Scene:
        """What the renderer shows."""

    @property
    def ignore(self) -> np.ndarray | None:
        """Where people without annotation are, [height, width] bool; None = nowhere."""

    def compose(self, frame: Frame, read_environment: Callable[[str], np.ndarray]) -> np.ndarray:
        """Returns the finished image, [height, width, 3] uint8 RGB.

        Args:
            frame: the rendered people.
            read_environment: returns an environment image by name.
        """

    def annotate(self, row: dict[str, Any], ids: np.ndarray) -> dict[str, Any]:
        """Returns the annotation.

        Args:
            row: annotation of the scene, see `sampling.describe_scene`; may be changed.
            ids: [height, width] instance ids of the rendered people, 0 = background.
        """


KINDS: Mapping[str, type[ImageKind]] = {
    "synthetic": SyntheticImage,
    "real_standin": SyntheticImage,
    "mixed": MixedImage,
}


def render_image(job: Job, index: int) -> dict[str, float]:
    """Makes image number `index` and returns where the time went. A task of `engine.run`.

    Returns:
        CPU seconds by stage (`load`, `sample`, the renderer's own, `compose`, `annotate`, `write`), `num_people`
        (rendered ones), and the process's memory now and at most, `memory_mb` and `peak_mb`.
    """
    clock = Clock()
    sources, renderer = load_sources(job), load_renderer(job.renderer, job.render)
    clock.lap("load")
    image = KINDS[job.scenes.dataset].sample(job, sources, index, renderer.intersects)
    scene = image.scene
    clock.lap("sample")
    frame = renderer.render(scene.figures, scene.camera, scene.light, scene.render_seed, clock.lap)
    pixels = image.compose(frame, renderer.read_environment)
    clock.lap("compose")
    people = groundtruth.annotate_people(scene.figures, scene.camera, frame.ids, frame.depth)
    annotation = image.annotate(sampling.describe_scene(scene, people), frame.ids)
    clock.lap("annotate")
    writer.write_sample(
        Path(job.folder),
        image_name(index),
        pixels,
        frame.ids,
        frame.depth if job.render.write_depth else None,
        annotation,
        job.render.jpeg_quality,
        image.ignore,
    )
    clock.lap("write")
    return clock.seconds | {"num_people": len(people)} | memory_use()
