"""Fits rendered people to a photograph by cheap statistics of its pixels: light, colour, contrast, sharpness, noise.

Everything is measured once per photograph and applied to the people only; the photograph's own pixels stay.
"""

import dataclasses
import math
from collections.abc import Collection, Sequence

import cv2
import numpy as np

from openpose_tf.common.imaging.color import levels_to_linear
from openpose_tf.data.annotations.types import Person, in_image
from synth.scene.config import PHOTO_MATCHES
from synth.scene.light import Light

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear sRGB (ITU-R BT.709)
GAIN_RANGE = (0.25, 3.0)
PEOPLE_WEIGHT = 0.65  # how far real people decide the brightness of the others, against the photograph's mean
LEAST_PEOPLE_SHARE = 0.01  # share of the photograph that real people must cover to have their full weight
TARGET_RANGE = (0.012, 0.38)  # mean linear light of the people
MINKOWSKI = 6  # "shades of grey" (Finlayson and Trezzi 2004): between grey-world (1) and brightest pixel (infinity)
CAST_SHARE, CAST_RANGE = 0.6, (0.6, 1.6)  # how far the people take the photograph's colour cast, and its limits
MOST_BLACK = 0.05  # haze lifts the black of the people to at most so much linear light
COLOURFUL_SHARE = 0.03  # the most colourful pixels tell whether a photograph is in colour
FULL_COLOUR = 0.10  # their saturation (range of channels / 255) from which on the people keep all of their colour
RENDER_BLUR_PX = 0.68  # `edge_blur` of rendered people (measured 0.59 to 0.72; docs/measurements/2026-11-23-mixed.md)
MOST_BLUR = 1 / 250  # of the longer side
MOST_NOISE = 10.0  # 8-bit steps
NOISE_BLOCK, QUIET_SHARE = 16, 0.15  # px; the share of blocks that are taken for free of texture
EDGE_SHARE, LEAST_EDGE = 0.02, 6.0  # the strongest edges that tell the sharpness, 8-bit steps per pixel


@dataclasses.dataclass(frozen=True)
class PhotoLook:
    """What cheap statistics tell of a photograph.

    Attributes:
        mean: mean linear luminance, 0..1.
        people: mean linear luminance of the real people, or of the whole where nobody is annotated.
        people_share: share of the photograph that they cover.
        cast: [3] estimated colour of the light, luminance 1.
        black: linear luminance of its darkest places.
        saturation: (largest - smallest channel) / 255 of its colourful pixels.
        blur_px: Gaussian sigma of its sharp edges.
        noise: standard deviation of its noise, 8-bit steps.
        bright_side: -1..1, how much brighter the right third is than the left.
    """

    mean: float
    people: float
    people_share: float
    cast: tuple[float, float, float]
    black: float
    saturation: float
    blur_px: float
    noise: float
    bright_side: float


def measure(photo: np.ndarray, people: np.ndarray) -> PhotoLook:
    """Measures a photograph.

    Args:
        photo: [height, width, 3] uint8 RGB.
        people: [height, width] bool, where real people are, see `people_region`.
    """
    linear = levels_to_linear(photo)
    luminance = linear @ LUMINANCE
    third = max(1, photo.shape[1] // 3)
    left, right = float(luminance[:, :third].mean()), float(luminance[:, -third:].mean())
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    spread = photo.max(-1).astype(np.float32) - photo.min(-1)
    return PhotoLook(
        mean=float(luminance.mean()),
        people=float(luminance[people].mean()) if people.any() else float(luminance.mean()),
        people_share=float(people.mean()),
        cast=light_cast(linear),
        black=float(np.quantile(luminance, 0.005)),
        saturation=float(np.quantile(spread, 1 - COLOURFUL_SHARE) / 255),
        blur_px=edge_blur(grey),
        noise=noise_level(grey),
        bright_side=(right - left) / (right + left + 1e-4),
    )


def people_region(people: Sequence[Person], width: int, height: int) -> np.ndarray:
    """Returns the convex hulls of the joints of each person inside of the image, [height, width] bool."""
    region = np.zeros((height, width), np.uint8)
    for person in people:
        points = person.keypoints[in_image(person.keypoints, width, height), :2]
        if len(points) >= 3:
            cv2.fillConvexPoly(region, cv2.convexHull(np.rint(points).astype(np.int32)), 1)
    return region.astype(bool)


def light_cast(linear: np.ndarray) -> tuple[float, float, float]:
    """Returns the colour of the light by the Minkowski mean of the pixels, luminance 1."""
    norm = np.mean(np.maximum(linear, 1e-4).astype(np.float64) ** MINKOWSKI, (0, 1)) ** (1 / MINKOWSKI)
    red, green, blue = norm / float(norm @ LUMINANCE)
    return float(red), float(green), float(blue)


def edge_blur(grey: np.ndarray) -> float:
    """Returns the Gaussian sigma in pixels of the strongest edges; 0 where there are none.

    A step blurred by s has a gradient that sinks by R = sqrt((s^2 + 1) / s^2) when blurred once more by 1 px (Zhuo and
    Sim 2011), so s = 1 / sqrt(R^2 - 1). The median over the strongest edges is returned, which are in focus. The pixel
    grid adds about 0.8 px in quadrature, here and in `RENDER_BLUR_PX`, so it cancels; noise lowers the estimate.

    Args:
        grey: [height, width] float32, 0..255.
    """
    first, second = _gradient(grey), _gradient(cv2.GaussianBlur(grey, (0, 0), 1.0))
    inner = first[4:-4, 4:-4]
    if inner.size == 0:
        return 0.0
    edges = first >= max(LEAST_EDGE, float(np.quantile(inner, 1 - EDGE_SHARE)))
    edges[:4] = edges[-4:] = edges[:, :4] = edges[:, -4:] = False
    # Only crests: beside the crest of an edge the ratio means something else.
    edges &= first >= cv2.dilate(first, np.ones((3, 3), np.uint8))
    if edges.sum() < 10:
        return 0.0
    ratio = first[edges] / np.maximum(second[edges], 1e-3)
    return float(1 / math.sqrt(max(float(np.median(ratio)) ** 2 - 1, 1e-2)))


def _gradient(grey: np.ndarray) -> np.ndarray:
    dx, dy = (cv2.filter2D(grey, -1, kernel) for kernel in (np.array([[-0.5, 0, 0.5]]), np.array([[-0.5], [0], [0.5]])))
    return np.asarray(np.hypot(dx, dy))


def noise_level(grey: np.ndarray) -> float:
    """Returns the noise's standard deviation (Immerkaer 1996) of the quietest blocks that are not burnt or black.

    Args:
        grey: [height, width] float32, 0..255.
    """
    response = np.abs(cv2.filter2D(grey, -1, np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)))
    rows, columns = (side // NOISE_BLOCK for side in grey.shape)

    def blocks(values: np.ndarray) -> np.ndarray:
        cut = values[: rows * NOISE_BLOCK, : columns * NOISE_BLOCK]
        return cut.reshape(rows, NOISE_BLOCK, columns, NOISE_BLOCK).mean((1, 3))

    usable = blocks((grey > 12) & (grey < 243)) == 1
    if not usable.any():
        return 0.0
    quiet = float(np.quantile(blocks(response)[usable], QUIET_SHARE))
    return min(math.sqrt(math.pi / 2) / 6 * quiet, MOST_NOISE)


def target_luminance(look: PhotoLook) -> float:
    """Returns the mean linear light that rendered people should have.

    The real people say it best; where they are few or small the photograph's mean does.
    """
    weight = PEOPLE_WEIGHT * min(1.0, look.people_share / LEAST_PEOPLE_SHARE)
    by_mean = 0.9 * look.mean + 0.01
    target = math.exp(weight * math.log(max(look.people, 1e-3)) + (1 - weight) * math.log(by_mean))
    return float(np.clip(target, *TARGET_RANGE))


def light_colour(light: Light, panorama: np.ndarray) -> np.ndarray:
    """Returns the colour [3] of the light on a level surface and the upper half around it, luminance 1.

    Args:
        light: environment and sun.
        panorama: [rows, columns, 3] float32 linear, zenith at the top.
    """
    height = np.cos((np.arange(len(panorama)) + 0.5) / len(panorama) * math.pi)[:, None, None]
    weight = np.sqrt(1 - height**2)
    sky = (panorama.astype(np.float64) * weight).mean((0, 1)) / weight.mean()
    total = math.pi * light.strength * sky + 0.5 * light.sun_energy * np.array(light.sun_colour)
    return np.asarray(total / max(float(total @ LUMINANCE), 1e-6))


def match_people(
    rgb: np.ndarray,
    alpha: np.ndarray,
    coverage: np.ndarray,
    look: PhotoLook,
    colour: np.ndarray,
    matches: Collection[str] = PHOTO_MATCHES,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns people fitted to the photograph: ([height, width, 3] premultiplied linear, alpha [height, width, 1]).

    Args:
        rgb: [height, width, 3] float32 linear light, premultiplied.
        alpha: [height, width, 1] float32.
        coverage: [height, width] bool, where people are.
        look: of the photograph.
        colour: [3] colour of the rendered light.
        matches: of "light" (brightness, black level), "colour" (cast, saturation), "blur"; others are ignored.
    """
    own = float((rgb[coverage] @ LUMINANCE).mean()) if coverage.any() else 0.2
    gain = float(np.clip(target_luminance(look) / (own + 1e-4), *GAIN_RANGE)) if "light" in matches else 1.0
    cast, saturation = np.ones(3), 1.0
    if "colour" in matches:
        cast = np.clip(np.array(look.cast) ** CAST_SHARE / np.maximum(colour, 0.2), *CAST_RANGE)
        saturation = min(1.0, look.saturation / FULL_COLOUR)
    out = rgb * (gain * cast / float(cast @ LUMINANCE)).astype(np.float32)
    grey = (out @ LUMINANCE)[..., None]
    out = grey + (out - grey) * np.float32(saturation)
    black = np.float32(min(look.black, MOST_BLACK)) if "light" in matches else np.float32(0.0)
    out = out * (1 - black) + black * alpha
    return _soften(out, alpha, look) if "blur" in matches else (out, alpha)


def _soften(rgb: np.ndarray, alpha: np.ndarray, look: PhotoLook) -> tuple[np.ndarray, np.ndarray]:
    """Blurs people as much as the photograph's sharp edges are, beyond the blur that rendering has."""
    extra = math.sqrt(max(0.0, look.blur_px**2 - RENDER_BLUR_PX**2))
    sigma = min(extra, MOST_BLUR * max(rgb.shape[:2]))
    if sigma < 0.3:
        return rgb, alpha
    return cv2.GaussianBlur(rgb, (0, 0), sigma), cv2.GaussianBlur(alpha, (0, 0), sigma)[..., None]


def add_noise(rng: np.random.Generator, image: np.ndarray, alpha: np.ndarray, look: PhotoLook) -> np.ndarray:
    """Returns the image with the photograph's noise on the people, uint8; other pixels stay."""
    noise = rng.standard_normal(image.shape[:2], np.float32)[..., None] * 0.8
    noise = noise + rng.standard_normal(image.shape, np.float32) * (0.6 * min(1.0, look.saturation / FULL_COLOUR))
    return np.clip(np.floor(image + look.noise * alpha * noise + 0.5), 0, 255).astype(np.uint8)
