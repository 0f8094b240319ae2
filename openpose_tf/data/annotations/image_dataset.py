"""Reads the image dataset format that `synth` writes, see `image_dataset_schema`."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import image_dataset_schema as schema
from openpose_tf.data.annotations.store import listing
from openpose_tf.data.annotations.store.listing import Part
from openpose_tf.data.annotations.store.packs import FACTS, Pack
from openpose_tf.data.annotations.types import ALL_JOINTS_LABELLED, AnnotatedImage, Person, ReadRequest, ReadResult
from openpose_tf.skeleton import NUM_MPII_JOINTS


def read_header(folder: str | Path) -> dict[str, Any]:
    """Returns dataset.json of an image dataset.

    Raises:
        UserError: the folder or the file is missing, or of another schema.
    """
    root = files.require_dir(folder, "an image dataset (dataset.json, images/, annotations/)")
    header = files.read_json(root / schema.HEADER, "the header of an image dataset, written by synth.render")
    if not isinstance(header, dict) or header.get("schema") not in schema.SCHEMAS:
        known = " or ".join(map(str, schema.SCHEMAS))
        raise UserError(f"{root}/{schema.HEADER} is not of image dataset schema {known}: render it again")
    if header.get("kind") not in schema.KINDS:
        raise UserError(f"{root}/{schema.HEADER}: kind {header.get('kind')!r} is not one of {', '.join(schema.KINDS)}")
    return header


def read(request: ReadRequest) -> ReadResult:
    """Returns the images of an image dataset; its kind decides their domain.

    Raises:
        UserError: as `read_image_dataset`.
    """
    header = read_header(request.annotations)
    facts = {"kind": header["kind"], "dataset": Path(request.annotations).resolve().name, "seed": header.get("seed")}
    facts["licences"] = header.get("licences", [])
    return ReadResult(read_image_dataset(request.annotations), facts, header["kind"])


def read_image_dataset(folder: str | Path) -> list[AnnotatedImage]:
    """Returns the complete images of an image dataset, in the order of their ids; the people of packs are read later.

    Raises:
        UserError: not an image dataset, no image in it, or an annotation that cannot be understood.
    """
    root = Path(folder)
    read_header(root)
    return [image for part in listing.require_parts(root) for image in _images_of(root, part)]


def _images_of(root: Path, part: Part) -> list[AnnotatedImage]:
    """Returns the images of a part in order."""
    loose = [_annotated(root, part.read(name), part.path(name)) for name in part.loose]
    packed = [image for pack, numbers in part.held() for image in _packed(root, pack, set(numbers))]
    return sorted([*packed, *loose], key=lambda image: int(image.image_id)) if packed else loose


def _packed(root: Path, pack: Pack, numbers: set[int]) -> Iterator[AnnotatedImage]:
    """Yields images of a pack without reading its rows."""
    # Of a million images, so everything is shared that can be.
    ends, columns = pack.places().tolist(), {name: column.tolist() for name, column in pack.columns(*FACTS).items()}
    paths = schema.sample_paths(root, schema.image_name(pack.thousand * schema.PER_FOLDER), flat=False)
    images, masks = paths["image"].parent, paths["ignore_mask"]
    labels: dict[tuple[bool, ...], tuple[bool, ...]] = {}
    for k, facts in enumerate(zip(*(columns[name] for name in FACTS))):
        number, num_people, width, height, suffix, has_mask, labelled = facts
        if number in numbers:
            name = schema.image_name(number)
            yield AnnotatedImage(
                image_id=name,
                image_path=images / f"{name}{suffix}",
                width=width,
                height=height,
                people=PackedPeople(pack, num_people, *ends[k : k + 2]),
                labelled_joints=labels.setdefault(tuple(labelled), tuple(labelled)),
                ignore_mask_path=masks.with_stem(name) if has_mask else None,
            )


class PackedPeople(Sequence[Person]):
    """The people of one image, read from its pack each time that one is looked at.

    A data set of a million images has too many people for memory.

    Args:
        pack: that holds the image.
        count: people in it.
        start, end: of its row, see `Pack.places`.
    """

    __slots__ = ("_count", "_end", "_pack", "_start")

    def __init__(self, pack: Pack, count: int, start: int, end: int) -> None:
        self._pack, self._count, self._start, self._end = pack, count, start, end

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Person: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Person]: ...
    def __getitem__(self, index: int | slice) -> Person | Sequence[Person]:
        return self._read()[index]

    def __iter__(self) -> Iterator[Person]:
        return iter(self._read())

    def _read(self) -> tuple[Person, ...]:
        return _people(self._pack.row(self._start, self._end), self._pack.path)


def _annotated(root: Path, row: Mapping[str, Any], path: Path) -> AnnotatedImage:
    people = _people(row, path)
    try:
        ignore = row.get("ignore_mask")
        return AnnotatedImage(
            image_id=str(row["image_id"]),
            image_path=root / row["image"],
            width=int(row["width"]),
            height=int(row["height"]),
            people=people,
            labelled_joints=tuple(bool(known) for known in row.get("labelled_joints", ALL_JOINTS_LABELLED)),
            ignore_mask_path=root / ignore if ignore else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _misunderstood(path, error) from None


def _people(row: Mapping[str, Any], path: Path) -> tuple[Person, ...]:
    try:
        pitch = (row.get("camera") or {}).get("pitch_deg")
        return tuple(_person(person, pitch, len(row["people"])) for person in row["people"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _misunderstood(path, error) from None


def _misunderstood(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} is not an annotation of an image dataset ({error!r})")


def _person(row: Mapping[str, Any], pitch_deg: float | None, num_people: int) -> Person:
    keypoints = np.asarray(row["keypoints"], np.float64)
    if keypoints.shape != (NUM_MPII_JOINTS, 3):
        raise ValueError(f"keypoints of shape {keypoints.shape}, expected ({NUM_MPII_JOINTS}, 3)")
    known = {
        "camera_pitch_deg": pitch_deg,
        "min_distance": row.get("min_distance"),
        "visible_ratio": row.get("visible_ratio"),
        "cropped_ratio": row.get("cropped_ratio"),
        "scale": row["scale"],  # null for a real person of a mixed dataset whose annotation has none
        "num_people": num_people,
    }
    head_box, area = row.get("head_box"), row.get("area")
    return Person(
        keypoints=keypoints,
        objpos=_position(row["objpos"]),
        scale=float("nan") if row["scale"] is None else float(row["scale"]),
        head_box=None if head_box is None else np.asarray(head_box, np.float64),
        is_synthetic=bool(row.get("is_synthetic", True)),
        area=None if area is None else float(area),
        features={name: float("nan") if value is None else float(value) for name, value in known.items()},
    )


def _position(value: Any) -> np.ndarray:
    """[2] float64; null, of a real person of a mixed dataset whose annotation has none, is NaN."""
    position = np.full(2, np.nan) if value is None else np.asarray(value, np.float64)
    if position.shape != (2,):
        raise ValueError(f"objpos of shape {position.shape}, expected (2,)")
    return position
