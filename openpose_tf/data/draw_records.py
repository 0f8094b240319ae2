r"""Draws N photographs of record sets, nested: a larger draw holds the smaller one.

Example (250 of the photographs of two sets, in proportion; then what was rendered over them):
    python -m openpose_tf.data.draw_records --records=runs/lsp,runs/coco --num_images=250 --output_dir=runs/d_250
    python -m openpose_tf.data.draw_records --records=runs/d_m --image_ids=wanted.txt --output_dir=runs/d_m_250
"""

import collections
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags, logging

from openpose_tf.common import cli, config_flags
from openpose_tf.common.config_flags import option
from openpose_tf.common.errors import UserError
from openpose_tf.common.fingerprints import fingerprint
from openpose_tf.data.annotations import splits

if TYPE_CHECKING:
    from openpose_tf.data.records.record_set import RecordSet

LIST_NAME = "drawn_images_{}.txt"  # one per input set, in order


@dataclasses.dataclass(frozen=True, kw_only=True)
class DrawOptions:
    """What to draw."""

    records: tuple[str, ...] = option(
        dataclasses.MISSING, "Folders of record sets, drawn from in proportion.", required=True
    )
    output_dir: str = option(dataclasses.MISSING, "Folder of the drawn set.", required=True)
    num_images: int | None = option(None, "Photographs to draw; where there are fewer, all.", low=1)
    image_ids: tuple[str, ...] = option(
        (), "Instead of a draw: text files of image ids to keep, one per folder of --records."
    )
    seed: int = option(0, "Seed of the draw; draws of one seed are nested.", low=0)
    name: str = option("drawn", "Name of the set in the shards' names.")
    num_shards: int = option(4, "Number of shard files.", low=1)
    overwrite: bool = option(False, "Replace a record set that is already in --output_dir.")

    def __post_init__(self) -> None:
        if bool(self.num_images) == bool(self.image_ids):
            raise UserError("give either --num_images or --image_ids")
        if self.image_ids and len(self.image_ids) != len(self.records):
            raise UserError(f"--image_ids: {len(self.image_ids)} files for {len(self.records)} folders of --records")


def drawing_order(ids: Sequence[Sequence[str]], names: Sequence[str], seed: int) -> list[tuple[int, str]]:
    """Returns all images in the order in which a draw takes them: the first N are the draw of N.

    Within a set images stand by the fingerprint of (seed, name of the set, id), which no other image changes; the sets
    are merged so that every beginning holds them in proportion, within one image.

    Args:
        ids: image ids of each set, each id once.
        names: a name for each set.
        seed: of the draw.

    Returns:
        Pairs (number of the set, image id).
    """
    keyed = []
    for number, (name, own) in enumerate(zip(names, ids, strict=True)):
        ranked = sorted(own, key=lambda image_id: fingerprint(str(seed), name, image_id))
        keyed += [((rank + 0.5) / len(ranked), number, image_id) for rank, image_id in enumerate(ranked)]
    return [(number, image_id) for _, number, image_id in sorted(keyed)]


def run(options: DrawOptions) -> dict[str, Any]:
    """Writes the drawn record set and its lists of ids, and returns the counts.

    Raises:
        UserError: a folder that is not a record set, a list that names no image of its set, or an output folder that
            holds a set already.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before the first import of TensorFlow
    from openpose_tf.data.records import image_ids, record_set, writer

    writer.require_free(options.output_dir, options.overwrite)
    sets = [record_set.load_records(folder) for folder in options.records]
    ids = [image_ids.image_ids(records) for records in sets]
    wanted = _wanted(options, sets, [list(dict.fromkeys(own)) for own in ids])
    source = {"drawn_from": [[str(records.dir), records.digest] for records in sets], "seed": options.seed}
    source |= {"num_images": sum(map(len, wanted)), "input_size": _input_size(sets)}
    output = Path(options.output_dir)
    drawn = writer.RecordWriter(
        output, options.name, "train", options.num_shards, options.seed, source, options.overwrite
    )
    with drawn:
        for number, (records, own, keep) in enumerate(zip(sets, ids, wanted, strict=True)):
            kept = set(keep)
            for row in (row for row, image_id in enumerate(own) if image_id in kept):
                drawn.add(image_ids.read_sample(records, row))
            splits.write_list(output / LIST_NAME.format(number), keep, f"drawn from {records.dir}, seed {options.seed}")
    return drawn.counts | {"images": [len(keep) for keep in wanted], "of": [len(set(own)) for own in ids]}


def _wanted(options: DrawOptions, sets: Sequence["RecordSet"], ids: Sequence[Sequence[str]]) -> list[list[str]]:
    """Returns the ids to keep of each set, sorted."""
    if options.num_images:
        total = sum(map(len, ids))
        if options.num_images > total:
            logging.warning("--num_images=%d: there are %d, all are taken", options.num_images, total)
        order = drawing_order(ids, [str(records.manifest.get("name")) for records in sets], options.seed)
        taken = collections.defaultdict(list)
        for number, image_id in order[: options.num_images]:
            taken[number].append(image_id)
        return [sorted(taken[number]) for number in range(len(ids))]
    listed = []
    for path, own in zip(options.image_ids, ids, strict=True):
        names = set(splits.read_list(path))
        listed.append(sorted(names.intersection(own)))
        if not listed[-1]:
            raise UserError(f"{path} names no image of its record set: ids are such as {own[0]}")
        if len(listed[-1]) < len(names):
            logging.info("%s: %d of %d images have no record", path, len(names) - len(listed[-1]), len(names))
    return listed


def _input_size(sets: Sequence["RecordSet"]) -> int | None:
    sizes = [records.manifest.get("source", {}).get("input_size") for records in sets]
    return min((size for size in sizes if size), default=None)


def define_flags() -> None:
    """Defines this command's flags."""
    config_flags.define(DrawOptions)


def main() -> None:
    """Draws, and prints what was drawn."""
    logging.set_verbosity(logging.INFO)
    options = config_flags.build(DrawOptions, flags.FLAGS)
    counts = run(options)
    shares = ", ".join(f"{kept} of {total}" for kept, total in zip(counts["images"], counts["of"], strict=True))
    print(f"{options.output_dir}: {counts['records']} records of {sum(counts['images'])} images ({shares})")


if __name__ == "__main__":
    cli.run(main, define_flags)
