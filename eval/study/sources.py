"""Where the study's photographs come from: rendered stand-ins, or the user's own, checked first."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from absl import logging

from eval.study import layers, plan
from eval.study.layers import Part
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import readers
from openpose_tf.data.annotations.types import ReadRequest

if TYPE_CHECKING:
    from openpose_tf.data.records.record_set import RecordSet

SAME_HINT = "give --photographs of the very images that the records were made of"


@dataclasses.dataclass(frozen=True)
class Photographs:
    """The photographs behind a record set, to render people in front of.

    Attributes:
        images: folder.
        annotations: annotation file.
        format: of the annotation, one of `readers.FORMATS`.
        boxes: boxes of the people in them (synth.filter_backgrounds), so that whom nobody annotated is out of the loss.
    """

    images: str
    annotations: str
    format: str = "coco"
    boxes: str | None = None

    def ids(self) -> set[str]:
        """Returns the ids of its images.

        Raises:
            UserError: an annotation that cannot be understood, or images that are missing.
        """
        request = ReadRequest(annotations=self.annotations, images=self.images, people_boxes=self.boxes)
        return {image.image_id for image in readers.read(self.format, request).images}


@dataclasses.dataclass(frozen=True)
class Sources:
    """What the study trains and is scored on besides what it renders.

    Attributes:
        real: record sets of photographs; none: the rendered stand-in.
        photographs: of each record set, in order; none: no D_M.
        validation: folders to score on.
        scored: photographs to score on besides the stand-in.
    """

    real: tuple[str, ...] = ()
    photographs: tuple[Photographs, ...] = ()
    validation: tuple[str, ...] = ()
    scored: Photographs | None = None

    @property
    def is_standin(self) -> bool:
        """Whether rendered people stand in for real ones."""
        return not self.real

    @property
    def has_mixed(self) -> bool:
        """Whether D_M can be rendered."""
        return self.is_standin or bool(self.photographs)

    @functools.cached_property
    def record_sets(self) -> "list[RecordSet]":
        """The user's record sets.

        Raises:
            UserError: a folder is not a record set, or one of rendered people.
        """
        from openpose_tf.data.records import record_set

        return [record_set.load_records(folder) for folder in self.real]

    @functools.cached_property
    def record_ids(self) -> list[set[str]]:
        """Image ids of each record set of the user.

        Raises:
            UserError: as `record_sets`.
        """
        from openpose_tf.data.records import image_ids

        return [set(image_ids.image_ids(records)) for records in self.record_sets]

    @functools.cached_property
    def mixed_ids(self) -> list[list[str]]:
        """Per record set the ids of the photographs that D_M is rendered over, sorted.

        Raises:
            UserError: photographs that are not those of the records.
        """
        found = []
        for folder, ids, photographs in zip(self.real, self.record_ids, self.photographs, strict=True):
            there = photographs.ids()
            common = sorted(ids & there)
            if not common:
                raise UserError(
                    f"no image of {folder} (such as {min(ids)!r}) is in {photographs.annotations} (such as "
                    f"{min(there)!r}): {SAME_HINT}"
                )
            if len(common) < len(ids):
                logging.warning("%s: D_M for %d of %d photographs", folder, len(common), len(ids))
            found.append(common)
        return found

    def parts(self, counts: Sequence[int]) -> tuple[Part, ...]:
        """Returns what D_M is rendered over, in the order in which the study needs it; nothing without photographs.

        Args:
            counts: the N of the design, rising.

        Raises:
            UserError: as `mixed_ids`.
        """
        if self.is_standin:
            return layers.STANDIN
        if not self.photographs:
            return ()
        names = [str(records.manifest.get("name")) for records in self.record_sets]
        return layers.parts_of(self.record_ids, names, self.mixed_ids, counts, plan.SEEDS)

    def describe(self) -> dict[str, Any]:
        """Returns what results of one page must share, as JSON values."""
        if self.is_standin:
            return {"real": "stand-in"}
        return {"real": [[records.manifest.get("name"), records.digest] for records in self.record_sets]}


def sources_of(
    real: Sequence[str],
    validation: Sequence[str],
    photographs: Sequence[str],
    annotations: Sequence[str],
    formats: Sequence[str],
    boxes: Sequence[str] = (),
) -> Sources:
    """Returns the sources that flags name.

    Raises:
        UserError: flags that do not belong together.
    """
    if len(photographs) != len(annotations):
        raise UserError("--photographs and --photograph_annotations belong together: give as many of both, or none")
    if len(formats) not in (1, len(photographs)):
        raise UserError("--photograph_format: give one for all --photographs, or one for each")
    unknown = sorted(set(formats) - set(readers.FORMATS))
    if unknown:
        raise UserError(f"--photograph_format={unknown[0]}: expected one of {', '.join(readers.FORMATS)}")
    if boxes and len(boxes) != len(photographs):
        raise UserError("--photograph_boxes: give one file for each of --photographs, or none")
    each = formats if len(formats) == len(photographs) else [*formats] * len(photographs)
    found = [path or None for path in boxes] or [None] * len(photographs)
    behind = [Photographs(*row) for row in zip(photographs, annotations, each, found, strict=True)]
    if not real:
        if len(photographs) > 1:
            raise UserError("--photographs: without --real_records they are scored on, and only one folder is")
        return Sources((), (), tuple(validation), behind[0] if behind else None)
    if photographs and len(photographs) != len(real):
        raise UserError(f"--photographs: {len(photographs)} for {len(real)} folders of --real_records; give one each")
    if not validation:
        raise UserError("--real_records needs --validation: photographs held out, which nothing is chosen on")
    return Sources(tuple(real), tuple(behind), tuple(validation))


def check(sources: Sources) -> int | None:
    """Reads the user's record sets and photographs; returns the number of photographs, None for the stand-in.

    Raises:
        UserError: as `Sources.record_ids` and `Sources.mixed_ids`.
    """
    if sources.is_standin:
        return None
    total = sum(map(len, sources.record_ids))
    if sources.photographs:
        count = sum(map(len, sources.mixed_ids))
        logging.info("%d photographs, D_M over %d of them", total, count)
    return total
