"""Frozen configurations of the student: its network, its optimizer and its run. Plain Python, no TensorFlow.

A field made by `option` is a flag of the training commands, and its text there says what it is.
"""

import dataclasses
import enum
import math
from collections.abc import Mapping
from typing import Any

from openpose_tf.common.config_flags import option
from openpose_tf.common.errors import UserError

STRIDE = 8  # three 2 x 2 poolings before the maps (OpenPose)
# Augmentation at 368 px (docs/reference/method.md section 2.3): the person becomes 200 * 1.25 * U(0.4, 1.6) px tall,
# the crop of 368 px is centred on it but for an offset of up to 49 px, and is rotated by up to 40 degrees.
NETWORK_SIZE, TARGET_HEIGHT, MIN_ZOOM, MAX_ZOOM, MAX_OFFSET, MAX_ROTATION_DEG = 368, 250.0, 0.4, 1.6, 49, 40.0


class Fidelity(enum.StrEnum):
    """Which source wins where the paper and the authors' released code differ."""

    PAPER = "paper"
    RELEASE = "release"


class Sampling(enum.StrEnum):
    """How a map cell gets its value from the drawing at input resolution."""

    CENTRE = "centre"  # the value at the cell's centre, 3.5 + 8 i (OpenPose)
    AREA = "area"  # the mean over the cell's 8 x 8 pixels (the release)


class Initializer(enum.StrEnum):
    """How weights that are not loaded start."""

    HE = "he"  # He normal for hidden layers, N(0, 0.01) for the outputs, zero biases
    XAVIER = "xavier"  # Xavier uniform for weights and biases (the release)


class Precision(enum.StrEnum):
    """What a training step computes in; weights, loss and optimizer are float32 always."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"  # GPUs; with a dynamic loss scale, slower on a CPU
    BFLOAT16 = "bfloat16"  # CPUs with AVX512_BF16 or AMX, newer GPUs; float32's range, so without a loss scale

    @property
    def policy(self) -> str:
        """Name of the Keras policy."""
        return self.value if self == Precision.FLOAT32 else f"mixed_{self.value}"


class Recipe(enum.StrEnum):
    """Which optimizer trains the student."""

    ADAM = "adam"  # the release: Adam 5e-5, 0.8 / 0.999, x 0.33 every 20,000 steps
    SGD = "sgd"  # OpenPose's solver: 4e-5, momentum 0.9, weight decay 5e-4, later stages x 4, biases x 2


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """What decides the shape of the network and of its input."""

    width: float = option(1.0, "Factor on all widths, at least 8 channels; 1 is the paper's.", low=0.0)
    num_stages: int = option(6, "Stages of the network (paper: 6).", low=1)
    input_size: int = option(368, "Side of a training crop, px, a multiple of 8 (paper: 368).")

    def __post_init__(self) -> None:
        if not (math.isfinite(self.width) and 0 < self.width <= 4):
            raise UserError(f"width {self.width} is not in (0, 4]: give a factor such as 1 or 0.25")
        if not 1 <= self.num_stages <= 12:
            raise UserError(f"num_stages {self.num_stages} is not in 1 to 12")
        if self.input_size < 2 * STRIDE or self.input_size % STRIDE:
            raise UserError(f"input_size {self.input_size} is not a multiple of {STRIDE} of at least {2 * STRIDE} px")

    @property
    def map_size(self) -> int:
        """Height and width of the maps of a training crop: 46 in the paper."""
        return self.input_size // STRIDE

    @property
    def is_full_size(self) -> bool:
        """Whether the widths are the paper's."""
        return self.width == 1.0

    def to_json(self) -> dict[str, Any]:
        """Returns the values as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ModelConfig":
        """Returns the configuration of a JSON object written by `to_json`; other entries are ignored."""
        return cls(float(values["width"]), int(values["num_stages"]), int(values["input_size"]))


def mode_option() -> Any:
    """Returns the field of `--mode`, a choice that all commands share."""
    return option(Fidelity.PAPER, "Who wins where paper and released code differ.", name="mode")


@dataclasses.dataclass(frozen=True)
class TargetConfig:
    """How labels are drawn (paper and release, see BUILD_NOTES.md); lengths are pixels of the network input.

    Attributes:
        fidelity: `paper`: PAFs are averaged where people overlap; `release`: last vector / count.
        sampling: value of a map cell; None is the mode's own: `paper` cell centres (as [8], whose labels the paper
            uses, draws them), `release` area means.
        sigma: standard deviation of a joint's Gaussian.
        limb_half_width: half the width of a limb's strip.
        masked_synthetic_loss: synthetic people neither count as people nor as background.
    """

    fidelity: Fidelity = mode_option()
    sampling: Sampling | None = option(
        None,
        "Value of a label cell: at its centre (default of mode paper) or mean over its pixels (release).",
        name="label_sampling",
    )
    sigma: float = 7.0
    limb_half_width: float = 8.0
    masked_synthetic_loss: bool = option(False, 'The "+ masks" condition: no loss at synthetic people.')

    @property
    def is_release(self) -> bool:
        """Whether the released code's behaviour is reproduced."""
        return self.fidelity == Fidelity.RELEASE

    @property
    def is_area_sampled(self) -> bool:
        """Whether map cells are means over their pixels."""
        if self.sampling is None:
            return self.is_release
        return self.sampling == Sampling.AREA


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """The optimizer and its schedule, a staircase."""

    recipe: Recipe = option(Recipe.ADAM, "adam: as released; sgd: OpenPose's solver.", name="optimizer")
    learning_rate: float | None = option(None, "First learning rate; default 5e-5 (adam), 4e-5 (sgd).", low=0.0)
    decay_rate: float | None = option(None, "Factor per stair; default 0.33 (adam), 0.333 (sgd).", low=0.0, high=1.0)
    decay_steps: int | None = option(None, "Steps per stair; default 20000 (adam), 136106 (sgd).", low=1)
    clip_norm: float = option(0.0, "Global norm at which gradients are clipped; 0 is off.", low=0.0)
    warmup_steps: int = option(
        0,
        "Steps over which the learning rate rises linearly to its first value; keeps units of layers that start from "
        "random numbers alive.",
        low=0,
    )


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        model: the network.
        target: the labels.
        optimizer: the optimizer.
        real_fraction: share of real samples in a batch; 0 synthetic only, 1 real only.
    """

    model_dir: str = option(dataclasses.MISSING, "Folder of the run; a run found there is resumed.")
    model: ModelConfig = ModelConfig()
    target: TargetConfig = TargetConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    num_steps: int = option(149_400, "Steps in total (release: 300 epochs of 498).", low=1)
    batch_size: int = option(32, "Samples per step over all devices (release: 32).", low=1)
    real_fraction: float = 0.5
    seed: int = option(0, "Seed of everything random in the run.", low=0)
    initializer: Initializer = option(
        Initializer.HE, "Start of weights not loaded; default he, mode release xavier.", derived=True
    )
    init_checkpoint: str | None = option(
        None,
        "Weights to start from: model_dir, checkpoint, VGG-19 or OpenPose file, or a bundled student: builtin "
        "(rendered people) or builtin_real (photographs), both --width=0.5 --num_stages=2.",
    )
    copy_stages: bool = option(
        False,
        "Stages that --init_checkpoint lacks start as copies of its last stage (2 or later), not from random "
        "initialization.",
    )
    widen: bool = option(
        False,
        "--init_checkpoint is of half the width: its channels are doubled so that the run starts with its maps.",
    )
    freeze_first_layers: bool | None = option(
        None,
        "conv1_1 to conv2_2 do not change; default: while synthetic data is used (paper), unless they are random.",
    )
    allow_random_features: bool = option(False, "Let a full-size run start from random features.")
    checkpoint_every: int = option(1000, "Steps between checkpoints.", low=1)
    keep_checkpoints: int = option(5, "Checkpoints kept.", low=1)
    log_every: int = option(20, "Steps between rows of metrics.jsonl.", low=1)
    image_every: int = option(0, "Steps between TensorBoard images; 0 is off.", low=0)
    strategy: str = option(
        "one_device",
        "One device, all GPUs here, or TF_CONFIG's workers.",
        choices=("one_device", "mirrored", "multi_worker"),
    )
    precision: Precision = option(
        Precision.FLOAT32,
        "What a training step computes in: float16 for GPUs, bfloat16 for CPUs with AVX512_BF16 or AMX.",
    )
    deterministic: bool = option(False, "Bit-reproducible on a CPU; slower.")
    batch_norm: bool = option(
        False,
        "Hidden layers normalize by batch statistics in training, which a network from random numbers learns twice as "
        "fast with; checkpoints are exported and read as the paper's network.",
    )

    @property
    def uses_synthetic(self) -> bool:
        """Whether any sample of a batch is synthetic."""
        return self.real_fraction < 1.0


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where the samples of a run come from, and what is made of them; a person becomes 250 zoom input_size / 368 px."""

    real_records: tuple[str, ...] = option((), "Folders of real person records (D_R); none: synthetic data only.")
    synthetic_records: tuple[str, ...] = option((), "Folders of synthetic person records (D_S, D_M or D_Style).")
    synthetic_fraction: float = option(
        0.5, "Share of synthetic samples in a batch of both kinds (paper: 0.5).", low=0.0, high=1.0
    )
    max_people: int = option(20, "People labelled in a crop; the nearest are kept, the rest counted.", low=1)
    padding_valid: bool = option(False, "Count the area outside of the image in the loss (OpenPose does).")
    warp: str = option("cv2", "How pixels are moved; cv2 is faster on a CPU.", choices=("cv2", "tf"))
    num_threads: int = option(2, "Threads per input stream.", name="data_threads", low=1)
    reading: str = option(
        "blocks",
        "Shards are read in blocks of records that lie side by side, or record by record (runs before blocks; such a "
        "run keeps the order it began with).",
        choices=("blocks", "records"),
    )
    # Bounds of what follows: records hold no more than they reach.
    max_rotation_deg: float = option(
        MAX_ROTATION_DEG,
        "Crops are rotated by up to this many degrees.",
        name="max_rotation",
        low=0.0,
        high=MAX_ROTATION_DEG,
    )
    min_zoom: float = option(
        MIN_ZOOM, "Least height of the sampled person / its mean height.", low=MIN_ZOOM, high=MAX_ZOOM
    )
    max_zoom: float = option(
        MAX_ZOOM, "Largest height of the sampled person / its mean height.", low=MIN_ZOOM, high=MAX_ZOOM
    )

    def __post_init__(self) -> None:
        if self.min_zoom > self.max_zoom:
            raise UserError(f"--min_zoom={self.min_zoom:g} is above --max_zoom={self.max_zoom:g}")

    @property
    def real_fraction(self) -> float:
        """Share of real samples in a batch.

        Raises:
            UserError: there are no records.
        """
        if not self.real_records and not self.synthetic_records:
            raise UserError("no data: give --real_records, --synthetic_records or both")
        if not self.synthetic_records:
            return 1.0
        return 1.0 - self.synthetic_fraction if self.real_records else 0.0
