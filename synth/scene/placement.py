"""Where people stand: inside the view, on the ground, without going through each other."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from synth.scene.camera import RELEASE_PLANE_M, Camera
from synth.scene.mesh import Mesh
from synth.scene.person import Figure, Placement

Intersects = Callable[[Mesh, Mesh], bool]
PELVIS_M = 0.9  # the middle of a person must be inside of the view
MARGIN = 0.95  # share of the view's width that people's middles may take
NEAREST_M = 1.8  # nobody stands nearer to the camera,
NEAREST_FACTOR = 0.6  # nor nearer than this share of the distance to the camera's aim
DEPTH_FACTOR = 1.7  # the farthest person stands at most this many times as far as the camera's aim
LEAST_DEPTH_M = 2.5  # the area is at least so deep
LEAST_SHOWN_M = 0.5  # where a photograph has less ground than this, people stand that deep all the same
RELEASE_SIDE_SHARE = 0.75  # the release places people in 3/4 of the visible width of D_S
BOX_MARGIN_M = 0.02  # boxes nearer than this are tested exactly


@dataclasses.dataclass(frozen=True)
class Area:
    """The part of the ground where people are placed.

    Attributes:
        near_m, far_m: limits of world y.
        side_share: share of the visible width at each distance, around the middle.
        height_m: the width is that of the view at this height.
    """

    near_m: float
    far_m: float
    side_share: float
    height_m: float


def visible_area(camera: Camera) -> Area:
    """Returns the ground over which a point 0.9 m high is inside of the view, neither too near nor too far."""
    upper, lower = camera.view_angles_deg()
    above = camera.centre_m[2] - PELVIS_M
    near = _along_ground(above, lower) if above > 0 else _along_ground(above, upper)
    pitch = math.radians(camera.pitch_deg)
    nearest_depth = max(NEAREST_M, NEAREST_FACTOR * camera.aim_distance_m)
    near = max(near, (nearest_depth - above * math.sin(pitch)) / math.cos(pitch))
    far = max(near + LEAST_DEPTH_M, camera.aim_distance_m * math.cos(pitch) * DEPTH_FACTOR)
    if above > 0 and upper > 0:
        far = min(far, max(_along_ground(above, upper), near + 0.5))
    return Area(camera.centre_m[1] + near, camera.centre_m[1] + far, MARGIN, PELVIS_M)


def _along_ground(above_m: float, below_horizon_deg: float) -> float:
    """Horizontal distance at which a ray so far below the horizon has sunk by `above_m`; 0 if it never does."""
    slope = math.tan(math.radians(below_horizon_deg))
    return above_m / slope if above_m * slope > 0 else 0.0


def release_area(camera: Camera) -> Area:
    """Returns the release's area: from where the lower border of the view meets the ground to its background plane."""
    near = camera.centre_m[1] + _along_ground(camera.centre_m[2], camera.view_angles_deg()[1])
    return Area(min(near, RELEASE_PLANE_M - 1.0), RELEASE_PLANE_M, RELEASE_SIDE_SHARE, 0.0)


def mixed_area(camera: Camera) -> Area:
    """Returns the release's area of D_M: as `release_area`, over the whole visible width."""
    return dataclasses.replace(release_area(camera), side_share=1.0)


def lowest_ground_row(camera: Camera, area: Area) -> float:
    """Returns where the ground has to begin, a share of the image's height, for the least depth of an area."""
    pixels, _ = camera.project(np.array([0.0, min(area.far_m, area.near_m + LEAST_DEPTH_M), 0.0]))
    return float(np.clip((pixels[1] + 0.5) / camera.height, 0.0, 1.0))


def before_ground_row(area: Area, camera: Camera, row: float) -> Area:
    """Returns the part of an area that is seen below a row, a share of the image's height; half a metre at least."""
    below_deg = camera.pitch_deg + math.degrees(math.atan((row - 0.5) * camera.height / camera.focal_px))
    farthest = camera.centre_m[1] + _along_ground(camera.centre_m[2], below_deg)
    if below_deg <= 0 or farthest >= area.far_m:
        return area
    return dataclasses.replace(area, far_m=max(farthest, area.near_m + LEAST_SHOWN_M))


AREAS: dict[str, Callable[[Camera], Area]] = {
    "paper": visible_area,
    "release": release_area,
    "standin": visible_area,
    "mixed": mixed_area,
}


def sample_placement(rng: np.random.Generator, camera: Camera, area: Area) -> Placement:
    """Returns a random spot of the area and a random turn about the vertical."""
    y = rng.uniform(area.near_m, area.far_m)
    depth = float(camera.to_camera(np.array([0.0, y, area.height_m]))[2])
    half = area.side_share * depth * camera.width / 2 / camera.focal_px
    return Placement((float(rng.uniform(-half, half)), float(y)), float(rng.uniform(0.0, 2 * math.pi)))


def boxes_apart(a: Mesh, b: Mesh) -> bool:
    """True if the boxes of two meshes are more than 2 cm apart."""
    return bool(((a.low - BOX_MARGIN_M > b.high) | (b.low - BOX_MARGIN_M > a.high)).any())


def place(
    rng: np.random.Generator,
    person: Figure,
    others: Sequence[Figure],
    camera: Camera,
    area: Area,
    intersects: Intersects,
    max_tries: int,
) -> tuple[Figure | None, int]:
    """Returns the person at a random free spot, and the number of spots that were taken by others.

    Only this person is drawn again (paper: images with inter-penetrating meshes are rejected; the same guarantee
    without throwing the other people away).

    Args:
        rng: source of randomness.
        person: standing at the origin.
        others: the people already placed.
        camera, area: where to place.
        intersects: exact test of two meshes.
        max_tries: spots to try; after that the person is given up (None).
    """
    for tried in range(max_tries):
        moved = person.moved(sample_placement(rng, camera, area))
        near = [other for other in others if not boxes_apart(moved.mesh, other.mesh)]
        if not any(intersects(moved.mesh, other.mesh) for other in near):
            return moved, tried
    return None, max_tries
