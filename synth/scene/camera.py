"""The pinhole camera and the distributions it is drawn from. World: metres, z up, ground z = 0, view along +y."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

RELEASE_FOCAL_RATIO = 60.0 / 32.0  # lens 60 mm over sensor 32 mm on the width (release)
RELEASE_PLANE_M = 3.0  # the released camera aims at a plane this far behind the origin, at its own least height
RELEASE_LEAST_HEIGHT_M = 1.0
MIXED_DISTANCE_M = 9.0


@dataclasses.dataclass(frozen=True)
class Camera:
    """A pinhole camera that is pitched down and neither rolled nor turned sideways.

    Pixels: x right, y down, pixel centres at integers, so the principal point of a centred lens is (W - 1) / 2.

    Attributes:
        width, height: image size in pixels.
        focal_px: focal length in pixels.
        centre_m: position in the world.
        pitch_deg: degrees below the horizon.
        aim_distance_m: distance to the point it was aimed at.
    """

    width: int
    height: int
    focal_px: float
    centre_m: tuple[float, float, float]
    pitch_deg: float
    aim_distance_m: float

    @property
    def intrinsics(self) -> np.ndarray:
        """K, [3, 3] float64."""
        cx, cy = (self.width - 1) / 2, (self.height - 1) / 2
        return np.array([[self.focal_px, 0, cx], [0, self.focal_px, cy], [0, 0, 1.0]])

    @property
    def rotation(self) -> np.ndarray:
        """R, [3, 3] float64: rows are the camera's right, down and forward in world axes."""
        sine, cosine = math.sin(math.radians(self.pitch_deg)), math.cos(math.radians(self.pitch_deg))
        return np.array([[1.0, 0, 0], [0, -sine, -cosine], [0, cosine, -sine]])

    @property
    def translation(self) -> np.ndarray:
        """t, [3] float64 metres: camera coordinates are R x + t."""
        return -self.rotation @ np.array(self.centre_m)

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """Returns [..., 3] camera coordinates in metres (x right, y down, z forward) of world points [..., 3]."""
        return points @ self.rotation.T + self.translation

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Projects world points.

        Args:
            points: [..., 3] metres.

        Returns:
            pixels: [..., 2] float64 (x, y); meaningless where the depth is not positive.
            depth: [...] float64 metres along the optical axis (planar depth).
        """
        camera = self.to_camera(np.asarray(points, np.float64))
        depth = camera[..., 2]
        safe = np.where(np.abs(depth) < 1e-6, 1e-6, depth)[..., None]
        return self.focal_px * camera[..., :2] / safe + [(self.width - 1) / 2, (self.height - 1) / 2], depth

    def ray_directions(self) -> np.ndarray:
        """Returns [height, width, 3] float64 world directions through the pixel centres, not normalized."""
        x = (np.arange(self.width) - (self.width - 1) / 2) / self.focal_px
        y = (np.arange(self.height) - (self.height - 1) / 2) / self.focal_px
        right, down, forward = self.rotation  # right is world x: a row shares the other two axes
        rays = np.repeat((y[:, None] * down + forward)[:, None], self.width, 1)
        rays[..., 0] += x * right[0]
        return rays

    def view_angles_deg(self) -> tuple[float, float]:
        """Returns the degrees below the horizon of the upper and the lower border of the view."""
        half = math.degrees(math.atan(self.height / 2 / self.focal_px))
        return self.pitch_deg - half, self.pitch_deg + half


def _aimed(
    width: int, height: int, focal_px: float, pitch_deg: float, distance_m: float, aim_height_m: float
) -> Camera:
    """A camera at `distance_m` from the point (0, 0, aim_height_m)."""
    pitch = math.radians(pitch_deg)
    centre = (0.0, -distance_m * math.cos(pitch), aim_height_m + distance_m * math.sin(pitch))
    return Camera(width, height, focal_px, centre, pitch_deg, distance_m)


def _lens(rng: np.random.Generator, width: int, low_deg: float, high_deg: float) -> float:
    """Focal length in pixels of a horizontal field of view drawn uniformly, in degrees."""
    return width / 2 / math.tan(math.radians(rng.uniform(low_deg, high_deg)) / 2)


def paper_camera(rng: np.random.Generator, width: int, height: int) -> Camera:
    """Pitch uniform in [0, 45] degrees (paper Sec. 3.1, "Generative Factors").

    The paper leaves lens and distance open. Here the view is 30 to 55 degrees wide (30 = the release's lens) and the
    frame is 2.8 to 5.5 m high at the point aimed at, so that a person fills 30 to 60 % of it.
    """
    pitch = rng.uniform(0.0, 45.0)
    focal = _lens(rng, width, 30.0, 55.0)
    frame_m = rng.uniform(2.8, 5.5)
    return _aimed(width, height, focal, pitch, frame_m * focal / height, rng.uniform(0.7, 1.2))


def release_camera(rng: np.random.Generator, width: int, height: int) -> Camera:
    """Geometry of the release: f = 60/32 of the width, d ~ N(9, 0.1), pitch = atan(u d / (d + 3)), u ~ U(0, 1)."""
    distance = rng.normal(9.0, 0.1)
    rise = rng.uniform(0.0, 1.0) * distance
    ground_distance = distance + RELEASE_PLANE_M
    pitch = math.degrees(math.atan2(rise, ground_distance))
    centre = (0.0, -distance, RELEASE_LEAST_HEIGHT_M + rise)
    return Camera(width, height, RELEASE_FOCAL_RATIO * width, centre, pitch, math.hypot(rise, ground_distance))


def standin_camera(rng: np.random.Generator, width: int, height: int) -> Camera:
    """A photographer on the ground: pitch uniform in [0, 12] degrees, 1.2 to 1.8 m high, 35 to 60 degrees wide."""
    pitch = rng.uniform(0.0, 12.0)
    focal = _lens(rng, width, 35.0, 60.0)
    eye_m = rng.uniform(1.2, 1.8)
    distance = rng.uniform(2.4, 4.5) * focal / height
    ground_distance = distance * math.cos(math.radians(pitch))
    return Camera(width, height, focal, (0.0, -ground_distance, eye_m), pitch, distance)


def mixed_camera(rng: np.random.Generator, width: int, height: int) -> Camera:
    """The release's camera of D_M: f = 60/32 of the width, 9 m away, 1 m high, level; nothing is random."""
    focal = RELEASE_FOCAL_RATIO * width
    return Camera(width, height, focal, (0.0, -MIXED_DISTANCE_M, RELEASE_LEAST_HEIGHT_M), 0.0, MIXED_DISTANCE_M)


CAMERA_SAMPLERS: dict[str, Callable[[np.random.Generator, int, int], Camera]] = {
    "paper": paper_camera,
    "release": release_camera,
    "standin": standin_camera,
    "mixed": mixed_camera,
}
