"""Packs the annotations of an image dataset: one file for a thousand images instead of one for each.

Safe at any moment and for any number of processes on the same folder: what a pack replaces is deleted only when it is
there, a pack holds all that its writer deletes, and packs of different images have different names. At worst two packs
hold the same images, which readers allow.
"""

import collections
import functools
import time
from collections.abc import Iterable
from pathlib import Path

from openpose_tf.data.annotations import image_dataset_schema as schema
from openpose_tf.data.annotations.store import listing
from openpose_tf.data.annotations.store.listing import Part
from openpose_tf.data.annotations.store.packs import packed_meanwhile
from synth.dataset import index
from synth.workers import processes

_STALE_S = 3600.0  # an unfinished pack as old as this is of a process that was killed


class Packer:
    """Packs each thousand as soon as it is complete, while its images are being made.

    Args:
        folder: the dataset.
        num_images: of the whole dataset.
        todo: images that this process makes.
    """

    def __init__(self, folder: Path, num_images: int, todo: Iterable[int]) -> None:
        self._folder, self._num_images, self._flat = folder, num_images, schema.is_flat(folder)
        self._left = collections.Counter(index // schema.PER_FOLDER for index in todo)

    def done(self, number: int) -> None:
        """Is told that an image is complete."""
        thousand = number // schema.PER_FOLDER
        self._left[thousand] -= 1
        if self._left[thousand] or self._flat:
            return
        first = thousand * schema.PER_FOLDER
        wanted = min(self._num_images - first, schema.PER_FOLDER)
        if (
            len(packed_meanwhile(lambda: listing.part(self._folder, thousand).ids())) >= wanted
        ):  # else other processes are at work on it
            pack(self._folder, thousand)


def pack_all(folder: Path) -> None:
    """Packs all annotations of a dataset; a flat one stays as it is."""
    found = [part.number for part in listing.parts(folder) if _is_open(part)]
    for _ in processes.map_ordered(functools.partial(pack, folder), found, "packing", "thousand") if found else ():
        pass


def pack(folder: Path, thousand: int) -> None:
    """Packs what is there of a thousand."""
    packed_meanwhile(lambda: _pack(listing.part(folder, thousand)))
    for path in (folder / schema.ANNOTATIONS).glob(f".{schema.thousand_name(thousand)}-*.part.npz"):
        if time.time() - path.stat().st_mtime > _STALE_S:
            path.unlink(missing_ok=True)


def _pack(part: Part) -> None:
    if not _is_open(part):
        return
    made = index.write_pack(part)
    for path in [*(pack.path for pack in part.packs if pack != made), *map(part.path, part.loose)]:
        path.unlink(missing_ok=True)


def _is_open(part: Part) -> bool:
    return not part.flat and (bool(part.loose) or len(part.packs) > 1)
