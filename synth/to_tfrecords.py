"""Makes person-crop TFRecords of a rendered dataset: openpose_tf.data.to_tfrecords with --format=image_dataset.

Example:
    python -m synth.to_tfrecords --input_dir=runs/d_s --output_dir=runs/d_s_records --num_shards=8
"""

import dataclasses

from absl import flags

from openpose_tf.common import cli
from openpose_tf.data import to_tfrecords
from openpose_tf.data.annotations import image_dataset
from openpose_tf.data.to_tfrecords import Options


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("input_dir", None, "rendered dataset (made by synth.render)", required=True)
    to_tfrecords.define_record_flags()
    flags.adopt_module_key_flags(to_tfrecords)  # --help shows them as its own


def main() -> int:
    """Writes one record per person who can be sampled (original.md Sec. 2.2) and says who was left out, and why."""
    given = flags.FLAGS
    same = [field.name for field in dataclasses.fields(Options) if field.name in given]
    values = {name: given[name].value for name in same}
    values["name"] = given.name or image_dataset.read_header(given.input_dir)["kind"]
    return to_tfrecords.convert(Options(format="image_dataset", annotations=given.input_dir, **values))


if __name__ == "__main__":
    cli.run(main, define_flags)
