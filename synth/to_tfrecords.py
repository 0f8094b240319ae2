"""Makes person-crop TFRecords of a rendered dataset.

Example:
    python -m synth.to_tfrecords --input_dir=runs/d_s --output_dir=runs/d_s_records --num_shards=8
"""

from absl import flags

from openpose_tf.common import cli, config_flags
from openpose_tf.data.annotations import image_dataset
from openpose_tf.data.to_tfrecords import Options, RecordOptions, convert


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("input_dir", None, "rendered dataset (made by synth.render)", required=True)
    config_flags.define(RecordOptions)


def main() -> int:
    """Writes a record per person who can be sampled (docs/reference/method.md section 2.2); says who was left out."""
    source, record = flags.FLAGS.input_dir, config_flags.build(RecordOptions, flags.FLAGS)
    name = record.name or image_dataset.read_header(source)["kind"]
    return convert(Options(**vars(record) | {"format": "image_dataset", "annotations": source, "name": name}))


if __name__ == "__main__":
    cli.run(main, define_flags)
