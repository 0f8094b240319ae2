"""Test-time averaging of maps over several sizes of the image, the protocol of the published scores.

The image is shown to the network at several scales, the maps are brought to one grid and averaged, and people are
decoded once (docs/reference/method.md section 7).

    predictor = MultiScalePredictor(maps_of, config=PAPER)
    keypoints, scores = predictor(image, scale=benchmark_scale(person_scales))
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import tensorflow as tf

from openpose_tf.config import STRIDE, Fidelity
from openpose_tf.inference import decoder as decode
from openpose_tf.inference.rescaling import bicubic_matrix, keypoints_to_picture
from openpose_tf.skeleton import MPI, Skeleton

# uint8 RGB [N, h, w, 3], h and w multiples of 8 -> confidence_maps [N, h/8, w/8, C] and pafs [N, h/8, w/8, 2 limbs].
Maps = tuple[np.ndarray, np.ndarray]
MapsFunction = Callable[[np.ndarray], Maps]

FULL_INPUT_SIZE = 368
# Height of a person at MPII scale 1 (200 px) relative to the network's input at test (CMU's constant).
TEST_SCALE = 41 / 35
PAD_VALUE = 128


@dataclasses.dataclass(frozen=True)
class MultiScaleConfig:
    """The protocol.

    Attributes:
        factors: sizes of the image, relative to the scale that is given with it.
        min_side: shorter images are padded to this many pixels, as large as a training crop.
        full_resolution: True: maps are enlarged to the image's size and decoded there, as released. False: maps of
            all scales meet on the grid of the largest one, where the decoder finds sub-cell positions.
        stretch: True: brightness is stretched until the brightest value of the image is white, as the release does.
        decoder: thresholds; its stride must be 1 with `full_resolution` and 8 without.
    """

    factors: tuple[float, ...] = (0.7, 1.0, 1.3)
    min_side: int = FULL_INPUT_SIZE
    full_resolution: bool = False
    stretch: bool = False
    decoder: decode.DecoderConfig = decode.PAPER


PAPER = MultiScaleConfig()
RELEASE = MultiScaleConfig(full_resolution=True, stretch=True, decoder=decode.RELEASE)
CONFIGS = {Fidelity.PAPER: PAPER, Fidelity.RELEASE: RELEASE}


def benchmark_scale(person_scales: Sequence[float], input_size: int = FULL_INPUT_SIZE) -> float:
    """Returns how much the benchmark enlarges the image of a group of people.

    Args:
        person_scales: height / 200 px of each person of the group.
        input_size: training crop of the network in pixels; smaller networks see people that much smaller.
    """
    return TEST_SCALE / float(np.mean(person_scales)) * input_size / FULL_INPUT_SIZE


class View(NamedTuple):
    """An image at one scale, as the network sees it.

    Attributes:
        pixels: [h, w, 3] uint8, h and w multiples of 8, mid-grey outside of the image.
        size: height and width in pixels of the image in it.
        corner: where its upper left pixel lies, (top, left).
    """

    pixels: np.ndarray
    size: tuple[int, int]
    corner: tuple[int, int]


class MultiScalePredictor:
    """Finds the people of one image by maps of several scales: `show`, the network, `fuse`, `decode`.

    Args:
        maps_of: the network.
        skeleton: parts and limbs of its maps.
        config: the protocol.

    Call arguments:
        image: [H, W, 3] uint8 RGB.
        scale: network pixels per image pixel at factor 1, for example of `benchmark_scale`.

    Call returns:
        keypoints: [K, parts, 3] float32 (x, y, score), image pixels, 0 where not found; only people that were found.
        scores: [K] float32, the best first.
    """

    def __init__(self, maps_of: MapsFunction, skeleton: Skeleton = MPI, config: MultiScaleConfig = PAPER) -> None:
        expected = 1 if config.full_resolution else STRIDE
        if config.decoder.stride != expected:
            raise ValueError(f"the decoder's stride is {config.decoder.stride}, the maps' is {expected}")
        self._maps_of, self._skeleton, self._config = maps_of, skeleton, config

    @functools.cached_property
    def _decoder(self) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        maps = tf.TensorSpec([1, None, None, None], tf.float32)
        pafs = tf.TensorSpec([1, None, None, self._skeleton.num_pafs], tf.float32)
        decoder = decode.Decoder(self._skeleton, self._config.decoder)
        return tf.function(decoder.__call__, input_signature=[maps, pafs])

    def __call__(self, image: np.ndarray, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Returns keypoints and scores of the people in one image; see the class."""
        views = self.show(image, scale)
        size = (image.shape[0], image.shape[1])
        return self.decode(self.fuse([self._maps_of(view.pixels[None]) for view in views], views, size), views, size)

    def show(self, image: np.ndarray, scale: float = 1.0) -> list[View]:
        """Returns what the network has to see of one image, a view per factor."""
        config = self._config
        return [show(image, scale * factor, config.min_side, config.stretch) for factor in config.factors]

    def fuse(self, maps: Sequence[Maps], views: Sequence[View], size: tuple[int, int]) -> Maps:
        """Returns the mean maps [h, w, C] and [h, w, 2 limbs] float32 of one image over its views.

        The grid is the image's pixels, or cells of 8 px of its largest view.

        Args:
            maps: the network's answers, one per view, each for a batch of one.
            views: of `show`.
            size: height and width of the image.
        """
        grid = size if self._config.full_resolution else _largest(views)
        fit = _to_pixels if self._config.full_resolution else _to_cells
        # A generator: enlarged to the image's pixels the maps of one view are large enough.
        fitted = ([fit(np.asarray(m[0]), view, grid) for m in pair] for pair, view in zip(maps, views, strict=True))
        sums = functools.reduce(lambda total, new: [a + b for a, b in zip(total, new)], fitted)
        confidence_maps, pafs = (np.asarray(total / len(views), np.float32) for total in sums)
        return confidence_maps, pafs

    def decode(self, fused: Maps, views: Sequence[View], size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Returns keypoints and scores of the people in the maps of `fuse`; arguments as there."""
        found = self._decoder(*(tf.constant(values[None]) for values in fused))
        keypoints, scores = (value.numpy()[0] for value in found)
        keypoints, scores = keypoints[scores > 0], scores[scores > 0]
        # Sizes are whole pixels, their ratio is not exactly the scale.
        shown = size if self._config.full_resolution else _largest(views)
        return keypoints_to_picture(keypoints, shown, size).numpy(), scores


def with_mirrored(maps_of: MapsFunction, skeleton: Skeleton = MPI) -> MapsFunction:
    """Returns a network whose maps are the mean of those of an image and of its mirror image, mirrored back.

    Left and right parts change places, and the x components of the fields their sign.
    """
    background = skeleton.num_parts
    parts = [*skeleton.flip, background]
    limbs = np.array(skeleton.flip_limbs)
    pafs_order = np.stack([2 * limbs, 2 * limbs + 1], -1).reshape(-1)
    signs = np.tile(np.array([-1, 1], np.float32), skeleton.num_limbs)

    def both(images: np.ndarray) -> Maps:
        maps, pafs = maps_of(images)
        other_maps, other_pafs = maps_of(np.ascontiguousarray(images[:, :, ::-1]))
        maps = (maps + other_maps[:, :, ::-1, parts]) / 2
        return maps, (pafs + other_pafs[:, :, ::-1, pafs_order] * signs) / 2

    return both


def show(image: np.ndarray, scale: float, min_side: int, stretch: bool = False) -> View:
    """Returns the image as the network sees it at one scale.

    Resized bicubically (averaged first where it shrinks a lot, against aliasing), then padded with mid-grey on all
    sides, to at least `min_side` and to multiples of 8.
    """
    height, width = _scaled(image.shape, scale)
    resized = resize(image, height, width)
    if stretch:  # the release divides by the image's maximum, the training by 256
        resized = np.clip(np.rint(resized * (256.0 / max(int(resized.max()), 1))), 0, 255).astype(np.uint8)
    margin_y, margin_x = ((-size % STRIDE if size >= min_side else -(-min_side // STRIDE) * STRIDE - size)
                          for size in (height, width))  # fmt: skip
    top, left = margin_y // 2, margin_x // 2
    sides = (top, margin_y - top, left, margin_x - left)
    pixels = np.array(cv2.copyMakeBorder(resized, *sides, cv2.BORDER_CONSTANT, value=(PAD_VALUE,) * 3))
    return View(pixels, (height, width), (top, left))


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns the image resized: by area where it shrinks to less than half, bicubically otherwise."""
    much_smaller = height * 2 < image.shape[0] or width * 2 < image.shape[1]
    return np.array(
        cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if much_smaller else cv2.INTER_CUBIC)
    )


def _scaled(shape: Sequence[int], scale: float) -> tuple[int, int]:
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _largest(views: Sequence[View]) -> tuple[int, int]:
    return max(view.size for view in views)


def _to_pixels(maps: np.ndarray, view: View, grid: tuple[int, int]) -> np.ndarray:
    """Returns maps [H, W, C] of the image's pixels, H x W = `grid`, enlarged in the two steps of the release."""
    padded = _resize_channels(maps, maps.shape[0] * STRIDE, maps.shape[1] * STRIDE)
    (top, left), (height, width) = view.corner, view.size
    return _resize_channels(padded[top : top + height, left : left + width], *grid)


def _resize_channels(maps: np.ndarray, height: int, width: int) -> np.ndarray:
    resized = cv2.resize(np.ascontiguousarray(maps), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(resized).reshape(height, width, maps.shape[2])


def _to_cells(maps: np.ndarray, view: View, grid: tuple[int, int]) -> np.ndarray:
    """Returns maps [h, w, C] on the 8 px cells of the view of size `grid`, by one bicubic step."""
    result = maps
    for axis in (0, 1):
        grid_px = STRIDE * np.arange(-(-grid[axis] // STRIDE)) + (STRIDE - 1) / 2
        shown_px = (grid_px + 0.5) * (view.size[axis] / grid[axis]) - 0.5 + view.corner[axis]
        weights = bicubic_matrix((shown_px - (STRIDE - 1) / 2) / STRIDE, maps.shape[axis]).numpy().astype(np.float32)
        result = np.moveaxis(np.tensordot(weights, result, (1, axis)), 0, axis)
    return result
