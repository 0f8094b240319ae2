"""The benchmark's inference: each group's image at three scales, batched with images of like size.

Protocol (docs/reference/method.md section 7): the image is resized by (41/35) / mean scale of the group, times 0.7, 1
and 1.3; the maps are averaged and decoded once. `multi_scale` does that for one image; here the
network sees the views of several images, whose padded sizes agree, together.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from eval.benchmark.entries import Entry
from openpose_tf.common.imaging.images import read_rgb
from openpose_tf.config import STRIDE
from openpose_tf.inference import multi_scale
from openpose_tf.inference.multi_scale import Maps, MapsFunction, MultiScaleConfig, MultiScalePredictor


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How images are shown.

    Attributes:
        config: scale factors, averaging and decoder.
        input_size: training crop of the network in pixels; people are shown that much smaller than at 368.
        size_step: images are padded with grey to multiples of this many pixels, so that more of them share a size.
            8 pads as the published protocol and shares exactly equal sizes only.
        batch_size: images that go through the network together.
    """

    config: MultiScaleConfig
    input_size: int
    size_step: int = STRIDE
    batch_size: int = 4

    def scale(self, entry: Entry) -> float:
        """Returns network pixels per image pixel at factor 1."""
        return multi_scale.benchmark_scale([entry.region.scale], self.input_size)

    def shown_sizes(self, entry: Entry) -> tuple[tuple[int, int], ...]:
        """Returns the padded (height, width) of an image at each factor."""
        return tuple(self._padded(entry, self.scale(entry) * factor) for factor in self.config.factors)

    def _padded(self, entry: Entry, scale: float) -> tuple[int, int]:
        sides = (max(1, round(side * scale)) for side in (entry.region.height, entry.region.width))
        height, width = (max(side, self.config.min_side) for side in sides)
        return _round_up(height, self.size_step), _round_up(width, self.size_step)


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step


def plan_batches(entries: Mapping[int, Entry], protocol: Protocol) -> list[list[int]]:
    """Returns the numbers of the entries in batches of equal padded sizes, small images first."""
    by_size: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for number, entry in entries.items():
        by_size.setdefault(protocol.shown_sizes(entry), []).append(number)
    step = protocol.batch_size
    return [
        numbers[start : start + step]
        for _, numbers in sorted(by_size.items())
        for start in range(0, len(numbers), step)
    ]


class BenchmarkPredictor:
    """Finds all people in the images of entries.

    Args:
        maps_of: the network.
        protocol: how images are shown.
    """

    def __init__(self, maps_of: MapsFunction, protocol: Protocol) -> None:
        self._maps_of, self._protocol = maps_of, protocol
        self._predictor = MultiScalePredictor(maps_of, config=protocol.config)

    def __call__(self, entries: Sequence[Entry]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields (keypoints [K, 15, 3], scores [K]) of each entry's image; entries are of equal `shown_sizes`."""
        pictures = [read_rgb(entry.image_path, orientation=entry.orientation) for entry in entries]
        views = [
            self._predictor.show(picture, self._protocol.scale(entry)) for picture, entry in zip(pictures, entries)
        ]
        step = self._protocol.size_step
        by_factor = [maps_of_like_sizes([v.pixels for v in same], self._maps_of, step) for same in zip(*views)]
        for picture, shown, *maps in zip(pictures, views, *by_factor):
            size = (picture.shape[0], picture.shape[1])
            yield self._predictor.decode(self._predictor.fuse(maps, shown, size), shown, size)


def maps_of_like_sizes(shown: Sequence[np.ndarray], maps_of: MapsFunction, size_step: int) -> list[Maps]:
    """Returns each image's maps ([1, h/8, w/8, 16], [1, h/8, w/8, 28]), all from one call of the network.

    Args:
        shown: [h, w, 3] uint8 images, h and w multiples of 8, whose sizes rounded up to `size_step` agree.
        maps_of: the network.
        size_step: pixels, a multiple of 8.
    """
    height, width = (_round_up(max(p.shape[axis] for p in shown), size_step) for axis in (0, 1))
    batch = np.full((len(shown), height, width, 3), multi_scale.PAD_VALUE, np.uint8)
    for row, picture in zip(batch, shown):
        row[: picture.shape[0], : picture.shape[1]] = picture
    confidence_maps, pafs = (np.asarray(value) for value in maps_of(batch))
    cells = [(picture.shape[0] // STRIDE, picture.shape[1] // STRIDE) for picture in shown]
    return [
        (confidence_maps[index : index + 1, :h, :w], pafs[index : index + 1, :h, :w])
        for index, (h, w) in enumerate(cells)
    ]
