"""The flags of `synth.render`."""

from absl import flags

from openpose_tf.common import config_flags
from openpose_tf.common.images import ORIENTATION_HELP, ORIENTATIONS
from openpose_tf.data.annotations import readers
from synth.rendering import renderers
from synth.scene.config import RenderConfig, SceneConfig

flags.disclaim_key_flags()  # --help of the command that calls `define_flags` shows these flags as its own


def define_flags() -> None:
    """Defines this command's flags."""
    config_flags.define(SceneConfig, RenderConfig)
    flags.DEFINE_string(
        "output_dir", None, "folder of the dataset; a run that was stopped goes on there", required=True
    )
    flags.DEFINE_integer(
        "num_images",
        None,
        "images of the whole dataset (all shards); default for mixed: --variants of every photograph",
        lower_bound=1,
    )
    flags.DEFINE_integer("image_size", 640, "width and height in px (paper: 640)", lower_bound=32, upper_bound=4096)
    flags.DEFINE_string(
        "backgrounds", "builtin", "builtin, a folder of photographs, or a text file with one path per line"
    )
    flags.DEFINE_enum("renderer", renderers.DEFAULT_RENDERER, sorted(renderers.RENDERERS), "what renders the people")
    flags.DEFINE_enum("device", "CPU", renderers.devices(), "what the renderer computes on")
    flags.DEFINE_integer(
        "num_workers",
        0,
        "Ray workers, one pinned core each; 0 = in this process without Ray; -1 = all CPUs",
        lower_bound=-1,
    )
    flags.DEFINE_string("ray_address", None, "address of a running Ray cluster; default: Ray on this machine")
    flags.DEFINE_float("gpus_per_worker", None, "default 1 with a GPU --device, else 0", lower_bound=0.0)
    flags.DEFINE_integer("scenes_per_worker", 100, "a worker process is replaced after so many scenes", lower_bound=1)
    flags.DEFINE_integer("shard_index", 0, "this job's part of a job array, 0 .. num_shards - 1", lower_bound=0)
    flags.DEFINE_integer("num_shards", 1, "parts of a job array", lower_bound=1)
    _define_photograph_flags()


def _define_photograph_flags() -> None:
    """Defines the flags of --dataset=mixed."""
    flags.DEFINE_enum("format", "coco", readers.FORMATS, "mixed: kind of annotation")
    flags.DEFINE_string("annotations", None, "mixed: annotation file of the photographs")
    flags.DEFINE_string("images", None, "mixed: folder of the photographs")
    flags.DEFINE_integer("variants", 5, "mixed: pictures per photograph (paper: 5)", lower_bound=1)
    flags.DEFINE_string("masks", None, "mixed: folder of masks of un-annotated people, mask_NAME (mpii, openpose_json)")
    flags.DEFINE_string(
        "include_list", None, "mixed: only these photographs (ids or names), such as the train_images.txt of D_R"
    )
    flags.DEFINE_string("exclude_list", None, "mixed: not these photographs")
    flags.DEFINE_enum("orientation", "stored", ORIENTATIONS, f"mixed: {ORIENTATION_HELP}")
    flags.DEFINE_string("groups", None, "mixed: groups_v12.mat (mpii), for the random split of D_R")
    flags.DEFINE_integer("num_validation_groups", 343, "mixed: groups of that split", lower_bound=1)
    flags.DEFINE_integer("split_seed", 0, "mixed: the --seed that D_R's split was made with", lower_bound=0)
    flags.DEFINE_string("validation_list", None, "mixed: names of the validation images (mpii) instead of a split")
