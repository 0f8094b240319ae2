"""Makes person-crop TFRecords of a rendered dataset.

Example:
    python -m synth.to_tfrecords --input_dir=runs/d_s --output_dir=runs/d_s_records --num_shards=8
"""

import os

from absl import flags

from openpose_tf.common import cli
from openpose_tf.data.annotations import image_dataset
from openpose_tf.data.records import crops

LARGEST_PERSON_PX = 400.0  # at a network input of 368 px
REAL_MIN_HEIGHT = 32.0  # px; the default of openpose_tf.data.to_tfrecords


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("input_dir", None, "rendered dataset (made by synth.render)", required=True)
    flags.DEFINE_string("output_dir", None, "folder of the record set", required=True)
    flags.DEFINE_string("name", None, "name of the set in the shards' names; default: the dataset's kind")
    flags.DEFINE_string("split", "train", "split in the shards' names")
    flags.DEFINE_integer("num_shards", 8, "shard files", lower_bound=1)
    flags.DEFINE_integer("input_size", 368, "largest network input in px that will read the set", lower_bound=8)
    flags.DEFINE_float(
        "min_height",
        None,
        "least height of a sampled person in px; default 32 for mixed and stylized, as for D_R, else 0",
        lower_bound=0.0,
    )
    flags.DEFINE_integer("min_joints", 1, "least number of a sample's joints in the image (D_R of COCO: 5)", 1)
    flags.DEFINE_integer("seed", 0, "seed of the order of records", lower_bound=0)
    flags.DEFINE_integer("num_threads", 2, "pictures worked on at the same time", lower_bound=1)
    flags.DEFINE_bool("overwrite", False, "replace a record set that is already in --output_dir")


def sample_rules(kind: str, min_joints: int, min_height: float | None) -> crops.SampleRules:
    """Returns who becomes a sample: of mixed and stylised pictures the real people only, as tall as those of D_R.

    Their records still belong to the synthetic half of a batch: the picture they are in is partly rendered.
    """
    rendered_only = kind in ("synthetic", "real_standin")
    least = (0.0 if rendered_only else REAL_MIN_HEIGHT) if min_height is None else min_height
    return crops.SampleRules(sample_synthetic=rendered_only, min_joints=min_joints, min_height=least)


def main() -> None:
    """Writes one record per person who can be sampled (original.md Sec. 2.2) and says who was left out, and why."""
    given = flags.FLAGS
    header = image_dataset.read_header(given.input_dir)
    annotated = image_dataset.read_image_dataset(given.input_dir)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before the first import of TensorFlow
    from openpose_tf.data.records import writer as records

    kind = header["kind"]
    config = records.RecordSetConfig(
        name=given.name or kind,
        split=given.split,
        num_shards=given.num_shards,
        seed=given.seed,
        is_synthetic=kind != "real_standin",
        people_are_real=kind == "real_standin",
        rules=sample_rules(kind, given.min_joints, given.min_height),
        crop=crops.CropConfig(LARGEST_PERSON_PX * given.input_size / crops.NETWORK_SIZE),
        num_threads=given.num_threads,
    )
    source = {"kind": kind, "dataset": os.path.basename(os.path.abspath(given.input_dir)), "seed": header.get("seed")}
    source |= {"licences": header.get("licences", []), "input_size": given.input_size}
    counts = records.write_record_set(annotated, given.output_dir, config, source, given.overwrite)
    dropped = ", ".join(f"{count} {reason}" for reason, count in counts["dropped"].items()) or "nobody"
    print(
        f"{given.output_dir}: {counts['records']} records of {counts['images']} images, {counts['people']} labelled "
        f"people in them; not sampled: {dropped}"
    )


if __name__ == "__main__":
    cli.run(main, define_flags)
