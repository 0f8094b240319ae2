"""Which annotations an image dataset holds, and reading them: of one image, or of a part of up to a thousand.

Other processes may add images meanwhile and pack what is there: a file that has gone is looked for in a pack.
"""

import dataclasses
import heapq
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import image_dataset_schema as schema
from openpose_tf.data.annotations.store.packs import Pack, packed_meanwhile


@dataclasses.dataclass(frozen=True)
class Part:
    """The annotated images of one thousand; of a flat dataset, any thousand of them.

    Attributes:
        folder: the dataset.
        flat: the files lie in flat folders.
        number: the thousand.
        packs: packs of it, the largest last; where two hold an image, the later counts.
        loose: ids of the images that have an annotation file of their own, sorted; it counts more than a pack's.
    """

    folder: Path
    flat: bool
    number: int
    packs: tuple[Pack, ...] = ()
    loose: tuple[str, ...] = ()

    def path(self, name: str) -> Path:
        """Returns the annotation file of a loose image."""
        return schema.sample_paths(self.folder, name, self.flat)["annotation"]

    def held(self) -> tuple[tuple[Pack, list[int]], ...]:
        """Returns which images to take from each pack."""
        taken, found = {int(name) for name in self.loose} if self.packs else set(), []
        for pack in reversed(self.packs):
            numbers = [number for number in pack.numbers() if number not in taken]
            taken.update(numbers)
            found.append((pack, numbers))
        return tuple(found[::-1])

    def ids(self) -> list[str]:
        """Returns the ids of its images in order."""
        if not self.packs:
            return list(self.loose)
        packed = [number for _, numbers in self.held() for number in numbers]
        return [schema.image_name(number) for number in sorted([*packed, *map(int, self.loose)])]

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields id and annotation of each image in order.

        Raises:
            UserError: an annotation cannot be read; PackedAnewError where a pack has gone.
        """
        loose = ((name, self.read(name)) for name in self.loose)
        if not self.packs:
            yield from loose
            return
        packed = (_named(pack.rows(numbers)) for pack, numbers in self.held())
        yield from heapq.merge(*packed, loose, key=lambda item: int(item[0]))

    def read(self, name: str) -> dict[str, Any]:
        """Returns the annotation of a loose image, wherever it is by now."""
        return _read(self.folder, name, self.flat)


def _named(rows: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((schema.image_name(number), row) for number, row in rows)


def parts(folder: Path) -> list[Part]:
    """Returns the parts of a dataset that hold annotated images, in order.

    An image is annotated when its annotation file exists: it is written last, under a hidden name until it is whole.
    """
    flat, root = schema.is_flat(folder), folder / schema.ANNOTATIONS
    try:
        names = sorted(name for name in os.listdir(root) if name[0] != ".")
    except FileNotFoundError:
        return []
    if flat:
        loose = [name.removesuffix(".json") for name in names if name.endswith(".json")]
        size = schema.PER_FOLDER
        return [Part(folder, True, k, (), tuple(loose[k : k + size])) for k in range(0, len(loose), size)]
    of_their_own = {int(name): _loose(root, int(name)) for name in names if name.isdigit()}
    packs: dict[int, list[Pack]] = {number: [] for number in of_their_own}
    for pack in filter(None, map(Pack.parse, root.iterdir())):  # after the loose ones: see `part`
        packs.setdefault(pack.thousand, []).append(pack)
    found = (Part(folder, False, n, tuple(sorted(packs[n])), of_their_own.get(n, ())) for n in sorted(packs))
    return [part for part in found if part.packs or part.loose]


def part(folder: Path, number: int) -> Part:
    """Returns one thousand of a dataset that is not flat."""
    root = folder / schema.ANNOTATIONS
    loose = _loose(root, number)  # first: what is packed before this is in a pack, what is packed after it is in both
    packs = filter(None, map(Pack.parse, root.glob(f"{schema.thousand_name(number)}-*.npz")))
    return Part(folder, False, number, tuple(sorted(packs)), loose)


def _loose(root: Path, number: int) -> tuple[str, ...]:
    try:
        names = os.listdir(root / schema.thousand_name(number))
    except FileNotFoundError:
        return ()
    found = (name.removesuffix(".json") for name in names if name[0] != "." and name.endswith(".json"))
    return tuple(sorted(found, key=int))


def ids(folder: Path) -> list[str]:
    """Returns the ids of the annotated images in order."""
    return [name for one in parts(folder) for name in one.ids()]


def count(folder: Path) -> int:
    """Returns the number of annotated images; an image of two packs, as killed processes leave them, counts twice."""
    return sum(sum(pack.count for pack in one.packs) + len(one.loose) for one in parts(folder))


def require_parts(folder: Path, maker: str = "render it first (python -m synth.render)") -> list[Part]:
    """Returns `parts`.

    Args:
        folder: the dataset.
        maker: how the images are made, for the message.

    Raises:
        UserError: no image is complete.
    """
    found = parts(folder)
    if not found:
        raise UserError(f"{folder / schema.ANNOTATIONS} holds no complete image: {maker}")
    return found


def read(folder: Path, name: str) -> dict[str, Any]:
    """Returns the annotation of one image.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    return _read(folder, name, schema.is_flat(folder))


def _read(folder: Path, name: str, flat: bool) -> dict[str, Any]:
    if flat or name.isdigit():
        path = schema.sample_paths(folder, name, flat)["annotation"]
        try:
            if path.exists():
                return schema.read_annotation(path)
        except UserError:
            if path.exists():  # else it was packed this moment
                raise
        row = None if flat else packed_meanwhile(lambda: _packed(folder, int(name)))
        if row is not None:
            return row
    raise UserError(f"{folder} holds no annotation of image {name}: `python -m synth.view {folder}` shows its images")


def _packed(folder: Path, number: int) -> dict[str, Any] | None:
    for pack, numbers in part(folder, number // schema.PER_FOLDER).held():
        if number in numbers:
            return next(pack.rows([number]))[1]
    return None
