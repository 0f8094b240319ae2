"""The flags of `synth.render`."""

from absl import flags

from openpose_tf.common import config_flags
from openpose_tf.data.annotations import readers
from openpose_tf.data.annotations.types import ReadRequest
from synth.rendering import renderers
from synth.scene.config import QUALITIES, RenderConfig, SceneConfig
from synth.workers.engine import EngineConfig

flags.disclaim_key_flags()  # --help of the command that calls `define_flags` shows these flags as its own


def define_flags() -> None:
    """Defines this command's flags."""
    config_flags.define(SceneConfig, RenderConfig, EngineConfig)
    flags.DEFINE_enum(
        "quality",
        None,
        list(QUALITIES),
        f"samples per pixel by name: {', '.join(f'{name} {count}' for name, count in QUALITIES.items())}; --samples "
        "overrides it. Default: what the data set has, else standard",
    )
    flags.DEFINE_string(
        "output_dir", None, "folder of the dataset; a run that was stopped resumes there", required=True
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
    flags.DEFINE_float("gpus_per_worker", None, "default 1 with a GPU --device, else 0", lower_bound=0.0)
    flags.DEFINE_integer("scenes_per_worker", 100, "a worker process is replaced after this many scenes", lower_bound=1)
    config_flags.define(ReadRequest, prefix="mixed: ")
    flags.DEFINE_enum("format", "coco", readers.FORMATS, "mixed: kind of annotation")
    flags.DEFINE_integer("variants", 5, "mixed: images per photograph (paper: 5)", lower_bound=1)
    flags.DEFINE_integer("split_seed", 0, "mixed: the --seed that D_R's split was made with", lower_bound=0)
