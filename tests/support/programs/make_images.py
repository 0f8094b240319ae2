"""Makes the missing images of a made-up image dataset: FOLDER NUM_IMAGES SHARD NUM_SHARDS PER_FOLDER."""

import sys
from pathlib import Path

from openpose_tf.data.annotations import image_dataset_schema as schema
from openpose_tf.data.annotations.store import listing
from synth.dataset import shards, writer
from synth.workers.engine import EngineConfig
from tests.support.image_sets import made_up


def make(folder: Path, num_images: int, shard: int = 0, num_shards: int = 1) -> None:
    """Makes what is missing of a shard; counts when nothing else is missing, as `synth.render` does."""
    made_up.open_dataset(folder, num_images)
    engine = EngineConfig(shard_index=shard, num_shards=num_shards)
    indices = engine.shard(num_images)
    failures = shards.make_missing(folder, indices, num_images, made_up.make_image, str(folder), engine, "making")
    assert not failures
    if num_shards == 1 or listing.count(folder) >= num_images:
        writer.close_dataset(folder, {})


if __name__ in ("__main__", "__mp_main__"):  # the processes that it starts have as many per folder
    schema.PER_FOLDER = int(sys.argv[5])
if __name__ == "__main__":
    make(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
