"""Puts rendered people over a background: exposure, ground shadows, premultiplied `over` in linear light."""

import dataclasses
import math
from collections.abc import Sequence

import cv2
import numpy as np

from openpose_tf.common.imaging.color import linear_to_levels
from synth.body.surface import bounds
from synth.scene.camera import Camera
from synth.scene.light import Light
from synth.scene.sampling import Scene

GAIN_RANGE = (0.35, 2.2)  # exposure match never goes further than this
TINT_SHARE = 0.35  # how far the people's colour cast goes towards the photograph's
BRIGHTEST_PEOPLE = 0.4  # mean linear light of the people before an environment
CELL_M = 0.025  # side of a shadow map's cell
SHADOW_REACH_M = 3.0  # ground around the people that the shadow map covers
STEEPEST_SLANT = 0.35  # least downward part of the sun's direction: no endless shadows
CONTACT_LAYERS = ((0.05, 0.02, 0.55), (0.15, 0.06, 0.4), (0.6, 0.22, 0.28))  # height below (m), blur (m), darkening
SUN_DARKENING, SKY_DARKENING = 0.5, 0.14
# Largest standard deviations of sensor noise (8-bit steps) and blur (px at 640 px) per data set. The stand-in for real
# photographs looks like a cheaper camera.
CAMERA_NOISE = {"synthetic": (2.0, 0.5), "real_standin": (5.0, 0.9)}


@dataclasses.dataclass(frozen=True)
class ShadowMap:
    """Darkness of the ground seen from above.

    Attributes:
        darkness: [rows, columns] float32, 0 = lit, 1 = black; rows along world y, columns along x.
        origin_m: (x, y) of the centre of cell (0, 0).
    """

    darkness: np.ndarray
    origin_m: tuple[float, float]


def _splat(points: np.ndarray, origin: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Cells hit by ground points [n, 2] (m), [rows, columns] uint8 0/255; gaps between vertices are closed."""
    cells = np.rint((points - origin) / CELL_M).astype(np.int64)
    inside = ((cells >= 0) & (cells < [shape[1], shape[0]])).all(1)
    hit = np.zeros(shape, np.uint8)
    hit[cells[inside, 1], cells[inside, 0]] = 255
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    return cv2.morphologyEx(hit, cv2.MORPH_CLOSE, kernel)


def _blurred(hit: np.ndarray, sigma_m: float) -> np.ndarray:
    return cv2.GaussianBlur(hit, (0, 0), max(0.5, sigma_m / CELL_M)).astype(np.float32) / 255


def cast_shadows(meshes: Sequence[np.ndarray], light: Light) -> ShadowMap:
    """Returns the shadows of people on the ground: from the sun (or the sky above) and where they touch it.

    Args:
        meshes: world vertices of each person, [n, 3] metres.
        light: the sun's direction, energy and angle.
    """
    points = np.concatenate([mesh.astype(np.float64) for mesh in meshes])
    low, high = (corner[:2] for corner in bounds(points))
    low, high = low - SHADOW_REACH_M, high + SHADOW_REACH_M
    columns, rows = (int(cells) + 1 for cells in np.ceil((high - low) / CELL_M))
    shape = (rows, columns)
    lit = np.ones(shape, np.float32)

    has_sun = light.sun_energy > 0.3
    direction = np.array(light.sun_direction if has_sun else (0.0, 0.0, -1.0))
    flat = points[:, :2] - direction[:2] * (points[:, 2:] / min(direction[2], -STEEPEST_SLANT))
    # The penumbra grows with the height of what casts it; half a metre stands for the body.
    penumbra = 0.5 * math.tan(math.radians(light.sun_angle_deg)) if has_sun else 0.18
    lit *= 1 - (SUN_DARKENING if has_sun else SKY_DARKENING) * _blurred(_splat(flat, low, shape), penumbra)
    for below, sigma, darkening in CONTACT_LAYERS:
        near = points[points[:, 2] < below, :2]
        lit *= 1 - darkening * _blurred(_splat(near, low, shape), sigma)
    return ShadowMap(1 - lit, (float(low[0]), float(low[1])))


def view_shadows(shadows: ShadowMap, camera: Camera) -> np.ndarray:
    """Returns the factor on the background's light, [height, width, 1] float32; 1 above the horizon."""
    direction = camera.ray_directions()
    down = -direction[..., 2]
    hits = down > 1e-3
    distance = camera.centre_m[2] / np.where(hits, down, 1.0)
    columns = (camera.centre_m[0] + direction[..., 0] * distance - shadows.origin_m[0]) / CELL_M
    rows = (camera.centre_m[1] + direction[..., 1] * distance - shadows.origin_m[1]) / CELL_M
    columns, rows = (np.where(hits, value, -1e4).astype(np.float32) for value in (columns, rows))
    dark = cv2.remap(shadows.darkness, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return (1 - dark)[..., None]


def ground_shade(scene: Scene) -> np.ndarray:
    """Returns the factor of the people's shadows on the background's light, [height, width, 1] float32."""
    if not scene.figures:
        return np.ones((scene.camera.height, scene.camera.width, 1), np.float32)
    shadows = cast_shadows([figure.mesh.vertices for figure in scene.figures], scene.light)
    return view_shadows(shadows, scene.camera)


def match_exposure(people: np.ndarray, coverage: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Returns the gain [3] float32 on the people's light that fits them to the photograph.

    gain = clip((0.9 mean(photo) + 0.03) / mean(people), 0.35, 2.2), with a share of the photograph's colour cast.

    Args:
        people: [height, width, 3] float32 linear light.
        coverage: [height, width] bool, where people are.
        photo: [height, width, 3] float32 linear light.
    """
    own = people[coverage].mean() if coverage.any() else 0.2
    gain = np.clip((photo.mean() * 0.9 + 0.03) / (own + 1e-4), *GAIN_RANGE)
    cast = (photo.mean((0, 1)) + 0.01) / (photo.mean() + 0.01)
    return (gain * np.clip(cast, 0.5, 2.0) ** TINT_SHARE).astype(np.float32)


def limit_gain(gain: float, people: np.ndarray, coverage: np.ndarray) -> float:
    """Returns the gain, lowered where it would burn the people out: their mean stays at most 0.4 in linear light."""
    own = float(people[coverage].mean()) if coverage.any() else 0.0
    return min(gain, BRIGHTEST_PEOPLE / max(own, 1e-4))


def over(people: np.ndarray, alpha: np.ndarray, background: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """Returns people over a shaded background, uint8 sRGB.

    Args:
        people: [height, width, 3] float32 linear light, premultiplied by alpha.
        alpha: [height, width, 1] float32 0..1.
        background: [height, width, 3] float32 linear light.
        shade: [height, width, 1] float32 factor on the background.
    """
    return linear_to_levels(people + background * shade * (1 - alpha))


def add_camera_noise(rng: np.random.Generator, image: np.ndarray, dataset: str) -> np.ndarray:
    """Returns the image as a camera would deliver it: a little soft and noisy, people and background alike.

    Args:
        rng: source of randomness.
        image: [height, width, 3] uint8.
        dataset: key of `CAMERA_NOISE`.
    """
    most_noise, most_blur = CAMERA_NOISE[dataset]
    sigma, blur = rng.uniform(0.3, most_noise), rng.uniform(0.0, most_blur) * image.shape[1] / 640
    if blur > 0.25:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    grey = rng.standard_normal(image.shape[:2], np.float32)[..., None] * 0.8
    noise = rng.standard_normal(image.shape, np.float32)
    noise *= 0.6  # most noise is in the brightness
    noise += grey
    noise *= sigma
    noise += image
    noise += 0.5
    return np.clip(noise, 0, 255, out=noise).astype(np.uint8)
