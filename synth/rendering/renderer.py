"""What a renderer must be able to do, and what it returns."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from synth.scene.camera import Camera
from synth.scene.light import Light
from synth.scene.mesh import Mesh
from synth.scene.person import Figure


@dataclasses.dataclass(frozen=True)
class Frame:
    """The rendered people of one scene, over nothing.

    Attributes:
        rgb: [height, width, 3] float32 linear light, premultiplied by alpha.
        alpha: [height, width, 1] float32 0..1.
        ids: [height, width] int32, person i is i + 1, 0 = background.
        depth: [height, width] float32 planar depth in metres of the first surface at the pixel centre; at least 60
            (`writer.BACKGROUND_M`) where nobody is.
    """

    rgb: np.ndarray
    alpha: np.ndarray
    ids: np.ndarray
    depth: np.ndarray


class Renderer(Protocol):
    """Renders people; one per process. The same arguments give the same pixels in every process."""

    def render(
        self,
        figures: Sequence[Figure],
        camera: Camera,
        light: Light,
        seed: int,
        lap: Callable[[str], None] = ...,
    ) -> Frame:
        """Returns the people of a scene; person i gets id i + 1.

        Args:
            figures: the people.
            camera: the camera.
            light: the light.
            seed: of the noise.
            lap: called with the name of each finished stage, for measurements of time.
        """

    def intersects(self, a: Mesh, b: Mesh) -> bool:
        """True if the surfaces of two meshes go through each other."""

    def read_environment(self, name: str) -> np.ndarray:
        """Returns an environment image, [rows, columns, 3] float32 linear radiance, zenith at the top."""
