"""Annotated images as plain data: what every reader returns and every consumer takes. NumPy only.

Pixels: x right, y down, pixel centres at integers.
"""

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common.config_flags import option
from openpose_tf.common.imaging.orientation import ORIENTATION_HELP, ORIENTATIONS, Orientation
from openpose_tf.skeleton import NUM_MPII_JOINTS, JointState

ALL_JOINTS_LABELLED = (True,) * NUM_MPII_JOINTS
TRAIN, VALIDATION = "train", "val"  # values of --split that choose images
REAL = "real"  # kind of a data set of photographs; the kinds of rendered ones: image_dataset_schema.KINDS
NUM_VALIDATION_GROUPS = 343  # of MPII; paper Sec. 5: 343 randomly selected groups
MIN_HEIGHT = 32.0  # px; least height of a sampled person where photographs are involved


class Handling(enum.StrEnum):
    """What becomes of people whom an annotation leaves out."""

    MASK = "mask"  # their box is out of the loss
    DROP = "drop"  # their photograph is left out
    KEEP = "keep"  # nothing: they count as background


@dataclasses.dataclass(frozen=True)
class Person:
    """One person of an image.

    Attributes:
        keypoints: [16, 3] float64, (x, y, JointState) in MPII joint order.
        objpos: [2] float64, rough centre of the person.
        scale: height of the person / 200 px (MPII's definition).
        head_box: [4] float64 (x1, y1, x2, y2), or None where it is not known.
        is_synthetic: True for a rendered person.
        area: visible mask area in square pixels, or None.
        features: per-person numbers a teacher may group by, such as `camera_pitch_deg`, `min_distance`,
            `visible_ratio`, `cropped_ratio`, `scale`, `num_people`.
    """

    keypoints: np.ndarray
    objpos: np.ndarray
    scale: float
    head_box: np.ndarray | None = None
    is_synthetic: bool = False
    area: float | None = None
    features: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class AnnotatedImage:
    """One image with its people.

    Attributes:
        image_id: name that is unique within its data set.
        image_path: the image.
        width, height: size in pixels.
        people: the annotated people; of packs, they are read each time that they are looked at.
        labelled_joints: [16] bool; False for a joint that this data set never annotates (COCO: head top), which must
            not count as absent.
        ignore_mask_path: image of the same size, larger than 30 where un-annotated people are; or None.
        ignore_segmentations: un-annotated people as COCO segmentations (list of polygons [x, y, x, y, ...], or a run
            length dict), in addition to the mask file; `pixels.read_ignore_mask` draws both.
        orientation: of the image's pixels; "upright" where the annotation was made for the photograph as turned by
            its EXIF tag. `pixels.settle` finds it out.
        size_is_annotated: False where width and height were read from the image.
    """

    image_id: str
    image_path: Path
    width: int
    height: int
    people: Sequence[Person]
    labelled_joints: tuple[bool, ...] = ALL_JOINTS_LABELLED
    ignore_mask_path: Path | None = None
    ignore_segmentations: tuple[Any, ...] = ()
    orientation: Orientation = "stored"
    size_is_annotated: bool = True


@dataclasses.dataclass(frozen=True)
class ReadRequest:
    """Which images to read; a reader uses what its format has.

    Attributes:
        split: TRAIN or VALIDATION chooses the images (mpii, openpose_json); a name only for the others.
        seed: of the random split of `groups`.
    """

    annotations: str = option(
        dataclasses.MISSING, "Annotation file, or folder of the image dataset (or of JSON files)."
    )
    images: str | None = option(None, "Folder of the images, unless the annotation brings its own.")
    masks: str | None = option(None, "Folder of masks of un-annotated people, mask_NAME (mpii, openpose_json).")
    split: str = TRAIN
    groups: str | None = option(None, "groups_v12.mat of the MPII toolkit, for a random split (mpii).")
    num_validation_groups: int = option(
        NUM_VALIDATION_GROUPS, "Groups held out at random, with their images (mpii; 343: paper Sec. 5).", low=1
    )
    seed: int = 0
    validation_list: str | None = option(
        None, "Names of the MPII validation images instead of a random split: text, or JSON with im_name."
    )
    include_list: str | None = option(
        None, "Text file: only these images (ids or file names), such as the train_images.txt of D_R."
    )
    exclude_list: str | None = option(None, "Text file: not these images.")
    orientation: Orientation = option("stored", ORIENTATION_HELP, choices=ORIENTATIONS)
    is_synthetic: bool = option(
        False,
        "The images are rendered: D_S, or D_M where some people have isSynth 0 (openpose_json). Their camera_angle, "
        "minDist, visibility and cropped shares become features for the teacher.",
    )
    people_boxes: str | None = option(
        None,
        "JSON of the people's boxes in the photographs, by synth.filter_backgrounds --boxes_output; one that is nobody "
        "annotated is handled by --unannotated.",
    )
    unannotated: Handling | None = option(
        None,
        "People whom the annotation leaves out: mask = their box is out of the loss (default with --people_boxes), "
        "drop = their photograph is left out, keep = they are background.",
    )


@dataclasses.dataclass(frozen=True)
class NamedSplit:
    """Which images of a data set train and which are held out, by name.

    Attributes:
        train, validation: file names.
        groups: the validation groups as JSON, with their `hash`; or None.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    groups: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class ReadResult:
    """What a reader found.

    Attributes:
        images: the images.
        facts: what to write of them in the manifest of a record set.
        kind: REAL, or the kind of a rendered data set; decides domain and samples.
        left_out: numbers of what the reader left out, by reason.
        left_out_images: ids and file names of the images among it.
        split: the split that the images were chosen by, or None.
        notes: numbers of what was read otherwise than it is written, by reason.
        num_unreadable: images left out because their file is damaged.
    """

    images: list[AnnotatedImage]
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    kind: str = REAL
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)
    left_out_images: frozenset[str] = frozenset()
    split: NamedSplit | None = None
    notes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    num_unreadable: int = 0

    @property
    def is_synthetic(self) -> bool:
        """Domain of the samples: images that are partly rendered belong to the synthetic half of a batch."""
        return self.kind not in (REAL, "real_standin")

    @property
    def people_are_real(self) -> bool:
        """True where rendered people stand in for real ones."""
        return self.kind == "real_standin"

    @property
    def sample_synthetic(self) -> bool:
        """True where rendered people are samples; of mixed and stylized images only the real people are."""
        return self.kind in ("synthetic", "real_standin")

    @property
    def min_height(self) -> float:
        """Least height of a sampled person in pixels: D_S keeps everybody, D_M is as D_R."""
        return 0.0 if self.sample_synthetic else MIN_HEIGHT


def in_image(keypoints: np.ndarray, width: int, height: int) -> np.ndarray:
    """Returns [...] bool: annotated and within half a pixel of the image; keypoints are [..., 3] (x, y, state)."""
    x, y, state = keypoints[..., 0], keypoints[..., 1], keypoints[..., 2]
    known = state != JointState.MISSING
    return known & (x >= -0.5) & (y >= -0.5) & (x <= width - 0.5) & (y <= height - 0.5)


def min_distances(objpos: np.ndarray) -> np.ndarray:
    """Returns each person's distance to the nearest other person, paper Sec. 4, "Grouping".

    Args:
        objpos: [num_people, 2] float, full-image pixels.

    Returns:
        [num_people] float64 pixels; NaN for a person who is alone.
    """
    count = len(objpos)
    if count < 2:
        return np.full(count, np.nan)
    distance = np.linalg.norm(objpos[:, None] - objpos[None], axis=-1)
    distance[np.arange(count), np.arange(count)] = np.inf
    return distance.min(1)


def with_distances(people: Sequence[Person]) -> tuple[Person, ...]:
    """Returns the people of one photograph with the features that follow from their positions.

    These are `min_distance` (full-image pixels, NaN for a person who is alone), `scale` and `num_people`. A person
    without a position is nobody's neighbour.
    """
    placed = [k for k, person in enumerate(people) if np.isfinite(person.objpos).all()]
    distances = np.full(len(people), np.nan)
    distances[placed] = min_distances(np.array([people[k].objpos for k in placed]).reshape(-1, 2))
    count = float(len(people))
    return tuple(
        dataclasses.replace(person, features={"min_distance": float(d), "scale": person.scale, "num_people": count})
        for person, d in zip(people, distances)
    )
