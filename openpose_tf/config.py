"""Frozen configurations of the student: its network, its optimiser and its run. Plain Python, no TensorFlow."""

import dataclasses
import enum
import math
from collections.abc import Mapping
from typing import Any

from openpose_tf.common.errors import UserError

STRIDE = 8  # three 2 x 2 poolings before the maps (OpenPose)
# Augmentation at 368 px (original.md Sec. 2.3): the person becomes 200 * 1.25 * U(0.4, 1.6) px tall, the crop of 368 px
# is centred on it but for an offset of up to 49 px, and is rotated by up to 40 degrees.
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
    """What a training step computes in; weights, loss and optimiser are float32 always."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"  # GPUs; with a dynamic loss scale, slower on a CPU
    BFLOAT16 = "bfloat16"  # CPUs with AVX512_BF16 or AMX, newer GPUs; float32's range, so without a loss scale

    @property
    def policy(self) -> str:
        """Name of the Keras policy."""
        return self.value if self == Precision.FLOAT32 else f"mixed_{self.value}"


class Recipe(enum.StrEnum):
    """Which optimiser trains the student."""

    ADAM = "adam"  # the release: Adam 5e-5, 0.8 / 0.999, x 0.33 every 20,000 steps
    SGD = "sgd"  # OpenPose's solver: 4e-5, momentum 0.9, weight decay 5e-4, later stages x 4, biases x 2


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """What decides the shape of the network and of its input.

    Attributes:
        width: factor on all hidden widths, at least 8 channels each; 1 is the paper's network.
        num_stages: number of stages, 6 in the paper.
        input_size: height and width of a training crop in pixels, a multiple of 8; 368 in the paper.
    """

    width: float = 1.0
    num_stages: int = 6
    input_size: int = 368

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


@dataclasses.dataclass(frozen=True)
class TargetConfig:
    """How labels are drawn (paper and release, see BUILD_NOTES.md); lengths are pixels of the network input.

    Attributes:
        fidelity: `paper`: PAFs are averaged where people overlap; `release`: last vector / count.
        sampling: value of a map cell; None is the mode's own: `paper` cell centres (as [8], whose labels the paper
            uses, draws them), `release` area means.
        sigma: standard deviation of a joint's Gaussian.
        limb_half_width: half the width of a limb's strip.
        masked_synthetic_loss: the "+ masks" condition: synthetic people neither count as people nor as background.
    """

    fidelity: Fidelity = Fidelity.PAPER
    sampling: Sampling | None = None
    sigma: float = 7.0
    limb_half_width: float = 8.0
    masked_synthetic_loss: bool = False

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
    """The optimiser and its schedule.

    Attributes:
        recipe: Adam (the release) or OpenPose's SGD.
        learning_rate: first learning rate; None is the recipe's own (Adam 5e-5, SGD 4e-5).
        decay_rate: factor of each step of the staircase; None is the recipe's own (0.33; SGD 0.333).
        decay_steps: training steps between two stairs; None is the recipe's own (20,000; SGD 136,106).
        clip_norm: global norm at which gradients are clipped; 0 is off.
        warmup_steps: the learning rate rises linearly over the first so many steps; 0 is off (paper, release).
    """

    recipe: Recipe = Recipe.ADAM
    learning_rate: float | None = None
    decay_rate: float | None = None
    decay_steps: int | None = None
    clip_norm: float = 0.0
    warmup_steps: int = 0


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        model_dir: folder of checkpoints and logs.
        model: the network.
        target: the labels.
        optimizer: the optimiser.
        num_steps: the run ends after this many steps in total.
        batch_size: samples per step over all replicas.
        real_fraction: share of real samples in a batch; 0 synthetic only, 1 real only.
        seed: seed of the initial weights and of everything random in the run.
        initializer: start of weights that are not loaded.
        init_checkpoint: a checkpoint, model_dir or weight file whose weights the run starts from, or None.
        copy_stages: stages that `init_checkpoint` lacks start as copies of its last one, not from random numbers.
        widen: `init_checkpoint` is of half the width; the run starts from its channels doubled, with the same maps.
        freeze_first_layers: conv1_1 ... conv2_2 do not change; None: yes if synthetic data is used and the features
            are not random.
        allow_random_features: a full-size run may start from random features.
        checkpoint_every: steps between checkpoints.
        keep_checkpoints: number of checkpoints kept.
        log_every: steps between rows of metrics.jsonl.
        image_every: steps between pictures in TensorBoard; 0 is off.
        strategy: `one_device`, `mirrored` or `multi_worker`.
        precision: what a training step computes in.
        deterministic: bit-reproducible and slower.
        batch_norm: hidden layers normalise by batch statistics in training; what is exported is the paper's network.
    """

    model_dir: str
    model: ModelConfig = ModelConfig()
    target: TargetConfig = TargetConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    num_steps: int = 149_400
    batch_size: int = 32
    real_fraction: float = 0.5
    seed: int = 0
    initializer: Initializer = Initializer.HE
    init_checkpoint: str | None = None
    copy_stages: bool = False
    widen: bool = False
    freeze_first_layers: bool | None = None
    allow_random_features: bool = False
    checkpoint_every: int = 1000
    keep_checkpoints: int = 5
    log_every: int = 20
    image_every: int = 0
    strategy: str = "one_device"
    precision: Precision = Precision.FLOAT32
    deterministic: bool = False
    batch_norm: bool = False

    @property
    def uses_synthetic(self) -> bool:
        """Whether any sample of a batch is synthetic."""
        return self.real_fraction < 1.0


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where the samples of a run come from and what is made of them.

    Attributes:
        real_records: folders of real person records, such as COCO and MPII, drawn from as one set.
        synthetic_records: folders of synthetic person records.
        max_people: people labelled in a crop.
        padding_valid: the area outside of the picture counts in the loss (OpenPose); the paper's code ignores it.
        warp: `cv2` or `tf`, who moves the pixels.
        num_threads: threads per input stream.
        max_rotation_deg: crops are rotated by U(-max, max) degrees.
        zoom: the sampled person becomes 250 * U(zoom) * input_size / 368 pixels tall.
    """

    real_records: tuple[str, ...] = ()
    synthetic_records: tuple[str, ...] = ()
    max_people: int = 20
    padding_valid: bool = False
    warp: str = "cv2"
    num_threads: int = 2
    max_rotation_deg: float = MAX_ROTATION_DEG
    zoom: tuple[float, float] = (MIN_ZOOM, MAX_ZOOM)
