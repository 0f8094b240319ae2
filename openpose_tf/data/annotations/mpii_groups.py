"""Groups of people in close proximity (groups_v12.mat), the benchmark's selection, and the held-out split.

Image numbers inside of a split and rectangle numbers count from 1, as in the benchmark's files.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common.errors import UserError
from openpose_tf.common.file_names import last_part
from openpose_tf.common.fingerprints import fingerprint
from openpose_tf.data.annotations.mat_files import as_list, load_variable, number
from openpose_tf.data.annotations.mpii import MpiiImage
from openpose_tf.data.annotations.types import NUM_VALIDATION_GROUPS


@dataclasses.dataclass(frozen=True)
class Group:
    """One entry of the multi-person benchmark.

    Attributes:
        image: number of the image in the whole release, from 0.
        split_image: number of the image among those of its split, from 1.
        people: rectangle numbers, from 1.
    """

    image: int
    split_image: int
    people: tuple[int, ...]


def read_groups(path: str | Path) -> list[list[tuple[int, ...]]]:
    """Returns per image of the release its groups of rectangle numbers (from 1).

    Raises:
        UserError: the file is missing, or holds no such cells.
    """
    cells = as_list(load_variable(path, "groups", "the benchmark's groups_v12.mat"))
    try:
        return [_groups_of(cell) for cell in cells]
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{path} holds no lists of rectangle numbers ({error}): expected groups_v12.mat") from None


def _groups_of(cell: Any) -> list[tuple[int, ...]]:
    """One image's groups: a cell of vectors, or the vector of the only group."""
    if isinstance(cell, np.ndarray) and cell.dtype == object:
        return [tuple(int(number(one)) for one in as_list(value)) for value in as_list(cell)]
    people = tuple(int(number(one)) for one in as_list(cell))
    return [people] if people else []


def select_groups(
    groups: Sequence[Sequence[Sequence[int]]],
    is_train: Sequence[bool | int],
    single_person: Sequence[Sequence[int]],
    train: bool,
) -> list[Group]:
    """Returns the groups of a split by the benchmark's rule (docs/reference/evaluation.md section 2).

    A group is kept if it has people and none of them is in the image's list of people who stand apart.

    Args:
        groups: per image of the release, its groups of rectangle numbers from 1.
        is_train: per image 1 or True for training, 0 or False for test.
        single_person: per image, rectangle numbers from 1.
        train: which split.

    Raises:
        UserError: the lists are of different lengths.
    """
    if not len(groups) == len(is_train) == len(single_person):
        raise UserError(
            f"groups of {len(groups)} images, but {len(is_train)} images and {len(single_person)} lists of single "
            "people: the groups file does not belong to this annotation file"
        )
    selected, split_image = [], 0
    for image, (image_groups, flag, single) in enumerate(zip(groups, is_train, single_person)):
        if bool(flag) != train:
            continue
        split_image += 1
        apart = {int(person) for person in single}
        for people in image_groups:
            members = tuple(int(person) for person in people)
            if members and not apart & set(members):
                selected.append(Group(image, split_image, members))
    return selected


def select_release_groups(
    groups: Sequence[Sequence[Sequence[int]]], release: Sequence[MpiiImage], train: bool
) -> list[Group]:
    """Returns the groups of a split of the release (`select_groups`)."""
    return select_groups(
        groups, [image.is_train for image in release], [image.single_person for image in release], train
    )


@dataclasses.dataclass(frozen=True)
class Split:
    """Training and validation images of MPII, disjoint.

    Attributes:
        train, validation: numbers of images in the release, sorted.
        groups: the validation groups; empty where the validation images came as a list.
    """

    train: tuple[int, ...]
    validation: tuple[int, ...]
    groups: tuple[Group, ...] = ()


def random_split(
    groups: Sequence[Sequence[Sequence[int]]],
    release: Sequence[MpiiImage],
    seed: int,
    num_groups: int = NUM_VALIDATION_GROUPS,
) -> Split:
    """Returns a split with `num_groups` randomly chosen training groups for validation (paper Sec. 5).

    Every image of a validation group leaves training altogether.

    Raises:
        UserError: there are not that many training groups.
    """
    candidates = select_release_groups(groups, release, train=True)
    if not 0 < num_groups < len(candidates):
        raise UserError(
            f"--num_validation_groups={num_groups}, but there are {len(candidates)} groups of training people"
        )
    chosen = np.sort(np.random.default_rng(seed).permutation(len(candidates))[:num_groups])
    picked = tuple(candidates[k] for k in chosen)
    return _split({group.image for group in picked}, release, picked)


def listed_split(names: Sequence[str], release: Sequence[MpiiImage], path: str | Path) -> Split:
    """Returns the split whose validation images are a given list of file names, with or without folders.

    Raises:
        UserError: a name is not a training image of the release.
    """
    numbers = {image.name: k for k, image in enumerate(release) if image.is_train}
    names = [last_part(name) for name in names]
    unknown = [name for name in names if name not in numbers]
    if unknown:
        shown = ", ".join(unknown[:10])
        raise UserError(f"{path}: {len(unknown)} of {len(names)} names are not MPII training images, such as {shown}")
    return _split({numbers[name] for name in names}, release, ())


def _split(validation: set[int], release: Sequence[MpiiImage], groups: tuple[Group, ...]) -> Split:
    train = tuple(k for k, image in enumerate(release) if image.is_train and k not in validation)
    return Split(train, tuple(sorted(validation)), groups)


def groups_document(split: Split, release: Sequence[MpiiImage], seed: int) -> dict[str, Any]:
    """Returns the validation groups (image name and rectangle numbers), as JSON with their number and hash."""
    rows = [{"image": release[group.image].name, "people": list(group.people)} for group in split.groups]
    text = "\n".join(f"{row['image']} {row['people']}" for row in rows)
    return {"seed": seed, "num_groups": len(rows), "hash": fingerprint(text), "groups": rows}
