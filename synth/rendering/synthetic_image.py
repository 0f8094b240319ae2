"""What is special about an image of D_S or of the stand-in for real data: rendered people before a background."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from openpose_tf.common.imaging.color import levels_to_linear
from synth.rendering import compositing
from synth.rendering.job import Job
from synth.rendering.renderer import Frame
from synth.scene import backgrounds, sampling
from synth.scene.placement import Intersects
from synth.scene.sampling import Scene, Sources

WHITE = 1.5  # linear light beyond which an environment is cut off before it is interpolated


@dataclasses.dataclass(frozen=True)
class SyntheticImage:
    """One image of rendered people only; see `rendered_image.ImageKind`.

    Attributes:
        scene: what is rendered.
        dataset: decides the camera's noise.
        ignore: nobody is without annotation.
    """

    scene: Scene
    dataset: str
    ignore: None = None

    @classmethod
    def sample(cls, job: Job, sources: Sources, index: int, intersects: Intersects) -> "SyntheticImage":
        """Returns image number `index`."""
        return cls(sampling.sample_scene(job.scenes, sources, index, intersects), job.scenes.dataset)

    def compose(self, frame: Frame, read_environment: Callable[[str], np.ndarray]) -> np.ndarray:
        """Returns the people over their background, as a camera would deliver it."""
        behind, gain = _background_and_gain(self.scene, frame, read_environment)
        image = compositing.over(frame.rgb * gain, frame.alpha, behind, compositing.ground_shade(self.scene))
        return compositing.add_camera_noise(np.random.default_rng(self.scene.finish_seed), image, self.dataset)

    def annotate(self, row: dict[str, Any], ids: np.ndarray) -> dict[str, Any]:
        """Returns the annotation of the scene, which is all there is to say."""
        return row


def _background_and_gain(
    scene: Scene, frame: Frame, read_environment: Callable[[str], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the background in linear light, [height, width, 3], and the gain [3] on the people's light."""
    camera, light, background = scene.camera, scene.light, scene.background
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
