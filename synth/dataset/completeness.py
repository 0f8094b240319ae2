"""Which images of a dataset are complete, from the names in its folders; only annotations not yet packed are opened."""

import collections
import os
from collections.abc import Iterable
from pathlib import Path

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import image_dataset_schema as schema
from openpose_tf.data.annotations.store import listing
from openpose_tf.data.annotations.store.listing import Part
from openpose_tf.data.annotations.store.packs import PackedAnewError, packed_meanwhile

_PICTURES = ("image", "mask", "depth")  # an ignore mask is there only where there is something to ignore


def complete(folder: Path, indices: Iterable[int]) -> set[int]:
    """Returns which images are complete: annotated, with their image files there."""
    return set(indices) - set(_missing(folder, indices)[0])


def missing(folder: Path, indices: Iterable[int]) -> list[int]:
    """Returns the indices whose images are not complete; what an interrupted writer left of them is removed."""
    todo, left_over = _missing(folder, indices)
    names = {schema.image_name(index) for index in todo}
    for path in left_over:
        if path.name.split(".")[1] in names:
            path.unlink(missing_ok=True)
    return todo


def _missing(folder: Path, indices: Iterable[int]) -> tuple[list[int], list[Path]]:
    """Returns the images that are not complete, and the unfinished files beside them."""
    flat = schema.is_flat(folder)
    by_folder: dict[int, list[int]] = collections.defaultdict(list)
    for index in indices:
        by_folder[0 if flat else index // schema.PER_FOLDER].append(index)
    roles = [role for role in _PICTURES if role != "depth" or (folder / schema.ROLES[role][0]).is_dir()]
    todo: list[int] = []
    left_over: list[Path] = []
    parts = {} if flat else {part.number: part for part in listing.parts(folder)}
    for thousand, wanted in by_folder.items():
        inner = "" if flat else schema.thousand_name(thousand)
        names = {role: _names(folder / where / inner) for role, (where, _) in schema.ROLES.items()}
        pictures = set.intersection(*({name.partition(".")[0] for name in names[role]} for role in roles))
        candidates = [index for index in wanted if schema.image_name(index) in pictures]
        if flat:
            whole = {index for index in candidates if _is_whole(folder, schema.image_name(index), flat)}
        else:
            whole = _annotated(parts[thousand], candidates) if candidates and thousand in parts else set()
        todo += [index for index in wanted if index not in whole]
        left_over += [
            folder / schema.ROLES[role][0] / inner / name
            for role, found in names.items()
            for name in found
            if name[0] == "." and ".part" in name
        ]
    return todo, left_over


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _annotated(found: Part, indices: list[int]) -> set[int]:
    """Returns which of the images, whose image files exist, are packed or have a whole annotation."""
    parts = iter([found])
    return packed_meanwhile(
        lambda: _annotated_in(next(parts, None) or listing.part(found.folder, found.number), indices)
    )


def _annotated_in(part: Part, indices: list[int]) -> set[int]:
    packed = {number for _, numbers in part.held() for number in numbers}
    own = set(indices).intersection(map(int, part.loose))
    whole = {index for index in own if _is_whole(part.folder, schema.image_name(index), part.flat)}
    if len(whole) < len(own) and not own <= set(map(int, listing.part(part.folder, part.number).loose)):
        raise PackedAnewError(f"{part.folder} was packed by another command meanwhile: run this one again")
    return whole | packed.intersection(indices)


def _is_whole(folder: Path, name: str, flat: bool) -> bool:
    """Returns whether the annotation is whole, and no image that it names is empty."""
    paths = schema.sample_paths(folder, name, flat)
    try:
        row = schema.read_annotation(paths["annotation"])
        names = [row["image"], row["mask"], *(row[name] for name in ("depth", "ignore_mask") if row.get(name))]
        return all((folder / picture).stat().st_size > 0 for picture in names)
    except (OSError, UserError, KeyError, TypeError):
        return False
