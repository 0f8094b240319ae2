"""MPII as a registered reader: the images of the release that train or are held out."""

from pathlib import Path

from openpose_tf.common.errors import UserError
from openpose_tf.common.file_names import last_part
from openpose_tf.data.annotations import mpii, mpii_groups, splits
from openpose_tf.data.annotations.mpii import MpiiImage
from openpose_tf.data.annotations.types import VALIDATION, NamedSplit, ReadRequest, ReadResult


def read(request: ReadRequest) -> ReadResult:
    """Returns the training or the validation images that have somebody with joints.

    With a split (`groups` or `validation_list`) these are its images; with an `include_list` alone, the training images
    which that names.

    Raises:
        UserError: neither is given, or a file is not what it should be.
    """
    release = mpii.read_release(request.annotations)
    if request.include_list and not (request.groups or request.validation_list):
        listed = {last_part(name) for name in splits.read_list(request.include_list)}
        chosen = [image for image in release if image.is_train and {image.name, Path(image.name).stem} & listed]
        return _result(chosen, request)
    split = _split(request, release)
    train, validation = ([release[k] for k in numbers] for numbers in (split.train, split.validation))
    groups = mpii_groups.groups_document(split, release, request.seed) if split.groups else None
    named = NamedSplit(_names(train), _names(validation), groups)
    return _result(validation if request.split == VALIDATION else train, request, named)


def _split(request: ReadRequest, release: tuple[MpiiImage, ...]) -> mpii_groups.Split:
    if request.validation_list:
        names = splits.read_names(request.validation_list)
        return mpii_groups.listed_split(names, release, request.validation_list)
    if not request.groups:
        raise UserError(
            "--format=mpii needs --groups=groups_v12.mat for a random split of validation groups, --validation_list="
            "FILE with the names of the validation images, or --include_list=train_images.txt (written with the "
            "records of the real data): no validation image may be used to train"
        )
    groups = mpii_groups.read_groups(request.groups)
    return mpii_groups.random_split(groups, release, request.seed, request.num_validation_groups)


def _names(images: list[MpiiImage]) -> tuple[str, ...]:
    return tuple(image.name for image in images if image.has_joints)


def _result(chosen: list[MpiiImage], request: ReadRequest, split: NamedSplit | None = None) -> ReadResult:
    empty = [image.name for image in chosen if not image.has_joints]
    facts = {}
    if split is not None:
        facts = {"train_hash": splits.list_hash(split.train), "validation_hash": splits.list_hash(split.validation)}
        facts |= {} if split.groups is None else {"validation_groups_hash": split.groups["hash"]}
    return ReadResult(
        images=mpii.annotated_images(chosen, str(request.images), request.masks, request.orientation),
        facts=facts,
        left_out={"image without annotated joints": len(empty)} if empty else {},
        left_out_images=frozenset(name for image in empty for name in (image, Path(image).stem)),
        split=split,
    )
