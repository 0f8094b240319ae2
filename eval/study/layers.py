"""D_M over photographs in layers: a small draw does not wait until people stand in front of all photographs."""

import bisect
import dataclasses
from collections.abc import Collection, Sequence

from openpose_tf.data.draw_records import drawing_order


@dataclasses.dataclass(frozen=True)
class Part:
    """Photographs of one record set that people are rendered in front of by one command.

    Attributes:
        number: of the record set.
        layer: number of the layer.
        ids: of the photographs, sorted; none: D_M of the stand-in, which is one part.
    """

    number: int
    layer: int
    ids: tuple[str, ...] = ()

    def name(self, kind: str) -> str:
        """Returns the name of its images and records, of D_M or D_Style."""
        return f"{kind}_{self.number}_{self.layer}" if self.ids else kind

    @property
    def scene_number(self) -> int:
        """A number that no other part of a study has, for its own seed."""
        return 100 * self.number + self.layer


STANDIN = (Part(0, 0),)
MIN_LAYERED = 200  # photographs; a smaller record set costs minutes as a whole, and tiny parts may leave no record


def parts_of(
    ids: Sequence[Collection[str]],
    names: Sequence[str],
    available: Sequence[Collection[str]],
    counts: Sequence[int],
    seeds: Sequence[int],
) -> tuple[Part, ...]:
    """Returns the photographs in layers: layer k has what draws of `counts[k]` photographs need beyond those before it.

    The last layer has the photographs that no draw of these seeds takes. A record set of fewer than MIN_LAYERED
    photographs stands in the first layer; a layer without photographs of a record set has no part there.

    Args:
        ids: image ids of each record set.
        names: of the record sets, as draws know them.
        available: per record set, ids of the photographs that there are.
        counts: the N of the design, rising.
        seeds: of the design.
    """
    layer_of: dict[tuple[int, str], int] = {}
    orders = [drawing_order([sorted(own) for own in ids], names, seed) for seed in seeds]
    for layer, count in enumerate(counts):
        for order in orders:
            for image in order[:count]:
                layer_of.setdefault(image, layer)
    found: dict[tuple[int, int], list[str]] = {}
    for number, there in enumerate(available):
        for image_id in sorted(there):
            layer = layer_of.get((number, image_id), len(counts)) if len(there) >= MIN_LAYERED else 0
            found.setdefault((layer, number), []).append(image_id)
    return tuple(Part(number, layer, tuple(own)) for (layer, number), own in sorted(found.items()))


def needed(parts: Sequence[Part], count: int, is_planned: bool, counts: Sequence[int]) -> list[Part]:
    """Returns the parts that a draw of `count` photographs takes from.

    Args:
        parts: all.
        count: photographs of the draw.
        is_planned: whether its seed is one of the design, whose draws are nested; other draws may need any photograph.
        counts: the N of the design, rising.
    """
    last = bisect.bisect_left(counts, count) if is_planned else len(counts)
    return [part for part in parts if part.layer <= last]
