"""Background images: the built-in ones, or a user's photographs, filtered by the paper's rules and counted."""

import collections
import dataclasses
import functools
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from absl import logging

from openpose_tf.common.errors import UserError
from openpose_tf.common.fingerprints import fingerprint
from openpose_tf.common.imaging import images
from synth.scene import builtin_places
from synth.scene.camera import Camera
from synth.scene.config import MIN_BACKGROUND_SIDE
from synth.scene.ground import ground_share

ENVIRONMENT_SHARE = {"synthetic": 0.3, "real_standin": 0.6}
LEAST_CROP = 0.7  # the square crop is 0.7 to 1 of the photograph's shorter side
GROUND_TRIES = 8  # photographs that are drawn until one has enough ground
ENVIRONMENT_MEAN = 0.18  # mean linear light of an environment view, middle grey


@dataclasses.dataclass(frozen=True)
class Background:
    """What is behind the people, as plain data.

    Attributes:
        kind: `photo` or `environment`.
        name: file (relative to the list's root, or the stem of a built-in photograph) or environment.
        crop: (x, y, width, height) as fractions of the photograph.
        flip: mirrored.
        turn_rad: turn of an environment, the same as the light's.
        ground: share of the image's height, from the top, above which nobody may stand; 0 = anywhere.
    """

    kind: str
    name: str
    crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    flip: bool = False
    turn_rad: float = 0.0
    ground: float = 0.0


@dataclasses.dataclass(frozen=True)
class BackgroundList:
    """The usable photographs of one run.

    Attributes:
        paths: the files, in a fixed order.
        sizes: (width, height) of each in pixels, upright.
        dropped: (reason, number of files left out) pairs.
    """

    paths: tuple[str, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()
    dropped: tuple[tuple[str, int], ...] = ()

    @property
    def digest(self) -> str:
        """Hash of names and sizes: two runs draw the same images only from the same list."""
        text = "\n".join(f"{Path(path).name} {size}" for path, size in zip(self.paths, self.sizes))
        return fingerprint(text)


def builtin_list(dataset: str, places: str = "all") -> BackgroundList:
    """Returns the photographs that come with the package for `synthetic` or `real_standin`; `SceneConfig.places`."""
    paths = [builtin_places.photo_path(name) for name in builtin_places.photo_names(dataset, places)]
    return BackgroundList(
        tuple(map(str, paths)), tuple(images.image_size(path, orientation="upright") for path in paths)
    )


def scan(where: str, accept: Callable[[str], bool] | None = None) -> BackgroundList:
    """Returns the usable photographs of a folder (searched in depth) or of a text file with one path per line.

    Args:
        where: folder or list file; relative paths in a list are relative to the list.
        accept: a filter, such as the person filter; None keeps all.

    Raises:
        UserError: neither a folder nor a file, or nothing usable in it.
    """
    candidates = _candidates(Path(where))
    unreadable = images.find_unreadable([path for path in candidates if os.access(path, os.R_OK)])
    dropped: collections.Counter[str] = collections.Counter()
    kept: list[tuple[str, tuple[int, int]]] = []
    for path in candidates:
        reason, size = _judge(path, unreadable.get(path))
        if reason is None and accept is not None and not accept(str(path)):
            reason = "rejected by the filter"
        if reason is None:
            kept.append((str(path), size))
        else:
            dropped[reason] += 1
    for path, problem in unreadable.items():
        logging.warning("left out: %s cannot be read (%s)", path, problem)
    if not kept:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items())) or "no image files"
        raise UserError(
            f"--backgrounds={where}: no usable photograph ({reasons}); give a folder or a list of photographs whose "
            f"shorter side has at least {MIN_BACKGROUND_SIDE} px"
        )
    return BackgroundList(
        tuple(path for path, _ in kept), tuple(size for _, size in kept), tuple(sorted(dropped.items()))
    )


def _candidates(where: Path) -> list[Path]:
    if where.is_dir():
        return images.list_images(where, recursive=True)
    if where.is_file():
        return images.read_list(where)
    raise UserError(f"--backgrounds={where} is neither `builtin`, nor a folder, nor a text file with one path per line")


def _judge(path: Path, problem: str | None) -> tuple[str | None, tuple[int, int]]:
    """Returns why a file is left out, or None and its size; `problem` is what hinders to decode it."""
    if not os.path.exists(path):
        return "missing", (0, 0)
    if not os.access(path, os.R_OK):
        return "not readable", (0, 0)
    if problem is not None:
        return "not a picture" if "not an image" in problem or problem == "empty" else "damaged", (0, 0)
    size = images.image_size(path, orientation="upright")
    return (None if min(size) >= MIN_BACKGROUND_SIDE else f"smaller than {MIN_BACKGROUND_SIDE} px"), size


def sample_background(
    rng: np.random.Generator,
    photos: BackgroundList,
    width: int,
    height: int,
    environments: Sequence[str],
    share: float,
    lowest_row: float | None = None,
) -> Background:
    """Draws a background.

    Args:
        rng: source of randomness.
        photos: the usable photographs.
        width, height: of the image in pixels.
        environments: environments that may be seen; empty = none.
        share: probability of an environment.
        lowest_row: share of the image's height, from the top, where a photograph's ground has to begin at the
            latest; None = people may stand anywhere.
    """
    use_environment = rng.random() < share
    environment = environments[rng.integers(len(environments))] if environments else ""
    turn = rng.uniform(0.0, 2 * math.pi)
    number, crop, ground = _sample_photo(rng, photos, width / height, lowest_row)
    flip = bool(rng.random() < 0.5)
    if use_environment and environment:
        return Background("environment", environment, turn_rad=float(turn))
    return Background("photo", photos.paths[number], crop, flip, ground=ground)


def _sample_photo(
    rng: np.random.Generator, photos: BackgroundList, aspect: float, lowest_row: float | None
) -> tuple[int, tuple[float, float, float, float], float]:
    """Returns the number of a photograph, its crop, and the share of the crop that is above its ground."""
    for _ in range(GROUND_TRIES):
        number = int(rng.integers(len(photos.paths)))
        if lowest_row is None:
            return number, _sample_crop(rng, photos.sizes[number], aspect), 0.0
        ground = ground_share(photos.paths[number])
        crop = _sample_crop(rng, photos.sizes[number], aspect, ground, lowest_row)
        above = min(max((ground - crop[1]) / crop[3], 0.0), 1.0)
        if above <= lowest_row + 1e-9:
            break
    return number, crop, above


def _sample_crop(
    rng: np.random.Generator, size: tuple[int, int], aspect: float, ground: float = 0.0, lowest_row: float = 0.0
) -> tuple[float, float, float, float]:
    """A random crop of the image's aspect ratio, 0.7 to 1 times the largest that fits; fractions.

    Args:
        rng: source of randomness.
        size: (width, height) of the photograph.
        aspect: width by height of the image.
        ground: where the photograph's ground begins, a share of its height; 0 = it does not matter.
        lowest_row: where it has to begin in the crop; where none can be had, the crop with the most ground is taken.
    """
    full = min(size[0] / aspect, size[1])  # height of the largest crop, px
    largest = (1 - ground) / max(1 - lowest_row, 1e-9) * size[1] / full if ground else 1.0
    crop_h = full * rng.uniform(LEAST_CROP, min(max(largest, LEAST_CROP), 1.0))
    crop_w = crop_h * aspect
    lowest = size[1] - crop_h
    highest = min(max(ground * size[1] - lowest_row * crop_h, 0.0), lowest) if ground else 0.0
    x, y = rng.uniform(0.0, size[0] - crop_w), rng.uniform(highest, lowest)
    return (x / size[0], y / size[1], crop_w / size[0], crop_h / size[1])


def load_photo(background: Background, width: int, height: int) -> np.ndarray:
    """Returns the cropped photograph, [height, width, 3] uint8 RGB.

    Rotation tags are obeyed; 16-bit, grey, CMYK and transparent images become 8-bit RGB.

    Raises:
        UserError: the file is gone or cannot be decoded.
    """
    image = _decode(background.name)
    rows, columns = image.shape[:2]
    x, y, w, h = background.crop
    x1, y1 = int(x * columns), int(y * rows)
    x2, y2 = max(x1 + 1, round((x + w) * columns)), max(y1 + 1, round((y + h) * rows))
    cut = image[y1:y2, x1:x2]
    shrinks = cut.shape[0] > height
    resized = cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.ascontiguousarray(resized[:, ::-1] if background.flip else resized)


@functools.lru_cache(maxsize=4)
def _decode(path: str) -> np.ndarray:
    return images.read_rgb(path, orientation="upright", hint="copy it again")


def view_environment(panorama: np.ndarray, turn_rad: float, camera: Camera, white: float = math.inf) -> np.ndarray:
    """Returns what the camera sees of an environment, [height, width, 3] float32 linear radiance.

    Args:
        panorama: [rows, columns, 3] float32 linear, equirectangular, zenith at the top.
        turn_rad: turn about the vertical, as Blender's mapping node applies it.
        camera: the camera; its position does not matter.
        white: radiance that will be shown as white; more is cut off first, or lamps would ring in the interpolation.
    """
    direction = camera.ray_directions()
    x = math.cos(turn_rad) * direction[..., 0] - math.sin(turn_rad) * direction[..., 1]
    y = math.sin(turn_rad) * direction[..., 0] + math.cos(turn_rad) * direction[..., 1]
    rows, columns = panorama.shape[:2]
    # Cycles: u = -atan2(y, x) / 2 pi + 1/2, v = asin(z) / pi + 1/2, v upwards.
    u = -np.arctan2(y, x) / (2 * math.pi) + 0.5
    v = np.arctan2(direction[..., 2], np.hypot(x, y)) / math.pi + 0.5
    columns_at = (u * columns - 0.5).astype(np.float32)
    rows_at = ((1 - v) * rows - 0.5).astype(np.float32)
    # Interpolated as square roots, near to what the eye sees, so that dark edges of windows do not turn black.
    coded = cv2.remap(
        np.sqrt(np.clip(panorama, 0, white)), columns_at, rows_at, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP
    )
    return np.maximum(coded, 0) ** 2


def environment_exposure(panorama: np.ndarray, turn_rad: float, camera: Camera) -> float:
    """Returns the gain that shows this view of an environment at a usual brightness.

    The brightest tenth, sky and lamps, is not counted.
    """
    small = dataclasses.replace(camera, width=32, height=32, focal_px=camera.focal_px * 32 / camera.width)
    view = view_environment(panorama, turn_rad, small)
    dim = view[view <= np.quantile(view, 0.9)]
    return float(ENVIRONMENT_MEAN / max(float(dim.mean()), 1e-4))
