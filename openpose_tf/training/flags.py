"""The flags that `openpose_tf.train` and `teacher.train` share, and the configuration they make."""

from absl import flags

from openpose_tf.common.errors import UserError
from openpose_tf.config import (
    DataConfig,
    Fidelity,
    Initializer,
    ModelConfig,
    OptimizerConfig,
    Precision,
    Recipe,
    Sampling,
    TargetConfig,
    TrainConfig,
)

flags.disclaim_key_flags()  # --help of the command that calls `define` shows these flags as its own

STRATEGIES = ("one_device", "mirrored", "multi_worker")
DEFAULTS = TrainConfig("")


def define() -> None:
    """Defines the flags; each verb calls it once at its top. A second call in one process does nothing.

    A flag `mode` that another module of the verb has defined before (the same choice) is left as it is.
    """
    if "num_stages" in flags.FLAGS:
        return
    _define_data()
    _define_model()
    _define_optimizer()
    _define_run()
    _define_machine()


def train_config(values: flags.FlagValues) -> TrainConfig:
    """Returns the configuration that flags make.

    Args:
        values: `flags.FLAGS`, parsed; only a verb's `main` has it.

    Raises:
        UserError: a flag is missing or flags contradict each other.
    """
    if not values.model_dir:
        raise UserError("--model_dir is missing: the folder for checkpoints and logs")
    return TrainConfig(
        model_dir=values.model_dir,
        model=ModelConfig(values.width, values.num_stages, values.input_size),
        target=TargetConfig(
            Fidelity(values.mode),
            Sampling(values.label_sampling) if values.label_sampling else None,
            masked_synthetic_loss=values.masked_synthetic_loss,
        ),
        optimizer=OptimizerConfig(
            Recipe(values.optimizer),
            values.learning_rate,
            values.decay_rate,
            values.decay_steps,
            values.clip_norm,
            values.warmup_steps,
        ),
        num_steps=values.num_steps,
        batch_size=values.batch_size,
        real_fraction=_real_fraction(values),
        seed=values.seed,
        initializer=_initializer(values),
        init_checkpoint=values.init_checkpoint,
        copy_stages=values.copy_stages,
        widen=values.widen,
        freeze_first_layers=values.freeze_first_layers,
        allow_random_features=values.allow_random_features,
        checkpoint_every=values.checkpoint_every,
        keep_checkpoints=values.keep_checkpoints,
        log_every=values.log_every,
        image_every=values.image_every,
        strategy=values.strategy,
        precision=Precision(values.precision),
        deterministic=values.deterministic,
        batch_norm=values.batch_norm,
    )


def data_config(values: flags.FlagValues) -> DataConfig:
    """Returns the data configuration that flags make.

    Args:
        values: `flags.FLAGS`, parsed; only a verb's `main` has it.
    """
    return DataConfig(
        tuple(values.real_records),
        tuple(values.synthetic_records),
        values.max_people,
        values.padding_valid,
        values.warp,
        values.data_threads,
        values.max_rotation,
        _zoom(values),
    )


def _zoom(values: flags.FlagValues) -> tuple[float, float]:
    if values.min_zoom > values.max_zoom:
        raise UserError(f"--min_zoom={values.min_zoom:g} is above --max_zoom={values.max_zoom:g}")
    return values.min_zoom, values.max_zoom


def _real_fraction(values: flags.FlagValues) -> float:
    if not values.real_records and not values.synthetic_records:
        raise UserError("no data: give --real_records, --synthetic_records or both")
    if not values.synthetic_records:
        return 1.0
    return 1.0 - values.synthetic_fraction if values.real_records else 0.0


def _initializer(values: flags.FlagValues) -> Initializer:
    if values.initializer:
        return Initializer(values.initializer)
    return Initializer.XAVIER if values.mode == Fidelity.RELEASE else Initializer.HE


def _names(choices: type) -> list[str]:
    return [str(choice) for choice in choices]  # type: ignore[attr-defined]


def _define_data() -> None:
    flags.DEFINE_list("real_records", [], "Folders of real person records (D_R); none: synthetic data only.")
    flags.DEFINE_list("synthetic_records", [], "Folders of synthetic person records (D_S, D_M or D_Style).")
    flags.DEFINE_float(
        "synthetic_fraction", 0.5, "Share of synthetic samples in a batch of both kinds (paper: 0.5).", 0.0, 1.0
    )
    flags.DEFINE_integer("max_people", 20, "People labelled in a crop; the nearest are kept, the rest counted.", 1)
    flags.DEFINE_bool("padding_valid", False, "Count the area outside of the picture in the loss (OpenPose does).")
    angle, (least, most) = DataConfig().max_rotation_deg, DataConfig().zoom  # records hold no more than these reach
    flags.DEFINE_float("max_rotation", angle, "Crops are turned by up to so many degrees.", 0.0, angle)
    flags.DEFINE_float("min_zoom", least, "Least height of the sampled person / its mean height.", least, most)
    flags.DEFINE_float("max_zoom", most, "Largest height of the sampled person / its mean height.", least, most)
    flags.DEFINE_enum("warp", "cv2", ["cv2", "tf"], "How pixels are moved; cv2 is faster on a CPU.")


def _define_model() -> None:
    model = DEFAULTS.model
    flags.DEFINE_float("width", model.width, "Factor on all widths, at least 8 channels; 1 is the paper's.", 0.0)
    flags.DEFINE_integer("num_stages", model.num_stages, "Stages of the network (paper: 6).", 1)
    flags.DEFINE_integer("input_size", model.input_size, "Side of a training crop, px, a multiple of 8 (paper: 368).")
    if "mode" not in flags.FLAGS:
        flags.DEFINE_enum("mode", "paper", _names(Fidelity), "Who wins where paper and released code differ.")
    flags.DEFINE_enum(
        "label_sampling",
        None,
        _names(Sampling),
        "Value of a label cell: at its centre (default of mode paper) or mean over its pixels (release).",
    )
    flags.DEFINE_bool("masked_synthetic_loss", False, 'The "+ masks" condition: no loss at synthetic people.')
    flags.DEFINE_enum(
        "initializer", None, _names(Initializer), "Start of weights not loaded; default he, mode release xavier."
    )
    flags.DEFINE_string(
        "init_checkpoint",
        None,
        "Weights to start from: model_dir, checkpoint, VGG-19 or OpenPose file, or builtin (the small student that "
        "ships: --width=0.5 --num_stages=2).",
    )
    flags.DEFINE_bool(
        "copy_stages",
        False,
        "Stages that --init_checkpoint lacks start as copies of its last stage (2 or later), not from random numbers.",
    )
    flags.DEFINE_bool(
        "widen",
        False,
        "--init_checkpoint is of half the width: its channels are doubled so that the run starts with its maps.",
    )
    flags.DEFINE_bool(
        "freeze_first_layers",
        None,
        "conv1_1 to conv2_2 do not change; default: while synthetic data is used (paper), unless they are random.",
    )
    flags.DEFINE_bool("allow_random_features", False, "Let a full-size run start from random features.")
    flags.DEFINE_bool(
        "batch_norm",
        False,
        "Hidden layers normalise by batch statistics in training, which a network from random numbers learns twice as "
        "fast with; checkpoints are exported and read as the paper's network.",
    )


def _define_optimizer() -> None:
    flags.DEFINE_enum("optimizer", str(Recipe.ADAM), _names(Recipe), "adam: as released; sgd: OpenPose's solver.")
    flags.DEFINE_float("learning_rate", None, "First learning rate; default 5e-5 (adam), 4e-5 (sgd).", 0.0)
    flags.DEFINE_float("decay_rate", None, "Factor per stair; default 0.33 (adam), 0.333 (sgd).", 0.0, 1.0)
    flags.DEFINE_integer("decay_steps", None, "Steps per stair; default 20000 (adam), 136106 (sgd).", 1)
    flags.DEFINE_integer(
        "warmup_steps",
        0,
        "Steps over which the learning rate rises linearly to its first value; keeps units of layers that start from "
        "random numbers alive.",
        0,
    )
    flags.DEFINE_float("clip_norm", 0.0, "Global norm at which gradients are clipped; 0 is off.", 0.0)


def _define_run() -> None:
    flags.DEFINE_string("model_dir", None, "Folder of the run; a run found there goes on.")
    flags.DEFINE_integer("num_steps", DEFAULTS.num_steps, "Steps in total (release: 300 epochs of 498).", 1)
    flags.DEFINE_integer("batch_size", DEFAULTS.batch_size, "Samples per step over all devices (release: 32).", 1)
    flags.DEFINE_integer("seed", DEFAULTS.seed, "Seed of everything random in the run.", 0)
    flags.DEFINE_integer("checkpoint_every", DEFAULTS.checkpoint_every, "Steps between checkpoints.", 1)
    flags.DEFINE_integer("keep_checkpoints", DEFAULTS.keep_checkpoints, "Checkpoints kept.", 1)
    flags.DEFINE_integer("log_every", DEFAULTS.log_every, "Steps between rows of metrics.jsonl.", 1)
    flags.DEFINE_integer("image_every", DEFAULTS.image_every, "Steps between TensorBoard pictures; 0 is off.", 0)


def _define_machine() -> None:
    flags.DEFINE_enum("strategy", DEFAULTS.strategy, STRATEGIES, "One device, all GPUs here, or TF_CONFIG's workers.")
    flags.DEFINE_enum(
        "precision",
        DEFAULTS.precision,
        list(Precision),
        "What a training step computes in: float16 for GPUs, bfloat16 for CPUs with AVX512_BF16 or AMX.",
    )
    flags.DEFINE_bool("deterministic", False, "Bit-reproducible on a CPU; slower.")
    flags.DEFINE_integer("data_threads", 2, "Threads per input stream.", 1)
