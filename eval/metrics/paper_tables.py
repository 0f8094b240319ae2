"""Tables 1 to 3 of the paper: its models, the numbers it prints, and what running each takes."""

import dataclasses

from eval.metrics.mpii import TABLE_COLUMNS

COLUMNS = (*TABLE_COLUMNS, "mAP")


@dataclasses.dataclass(frozen=True)
class PaperRow:
    """One model of the paper.

    Attributes:
        model: its name here, as given to --results.
        paper: Head, Shoulder, Elbow, Wrist, Hip, Knee, Ankle, mAP as printed in the paper.
        needs: what running it takes.
    """

    model: str
    paper: tuple[float, ...]
    needs: str


_TRAIN = "openpose_tf.train --real_records=MPII"
_ROWS = (
    PaperRow("M_DR", (91.3, 89.1, 79.2, 70.4, 75.9, 71.5, 66.7, 77.7), _TRAIN),
    PaperRow("M_DS", (37.9, 23.5, 12.7, 7.3, 5.6, 3.4, 3.2, 13.4), "openpose_tf.train --synthetic_records=D_S"),
    PaperRow("M_DR+DS", (91.1, 89.2, 80.5, 71.0, 75.2, 73.6, 68.1, 78.4), f"{_TRAIN} --synthetic_records=D_S"),
    PaperRow("M_DR+DM", (91.3, 89.5, 80.7, 71.7, 75.4, 72.5, 67.7, 78.4), f"{_TRAIN} --synthetic_records=D_M"),
    PaperRow(
        "M_DR+DM+masks",
        (92.3, 90.9, 80.5, 72.2, 76.0, 71.7, 68.3, 78.9),
        f"{_TRAIN} --synthetic_records=D_M --masked_synthetic_loss",
    ),
    PaperRow("M_DR+DStyle", (91.8, 89.8, 80.4, 70.9, 75.5, 71.6, 67.9, 78.3), f"{_TRAIN} --synthetic_records=D_Style"),
    PaperRow(
        "M_DR+DStyle+masks",
        (91.6, 90.6, 80.8, 71.8, 77.7, 72.2, 68.8, 79.1),
        f"{_TRAIN} --synthetic_records=D_Style --masked_synthetic_loss",
    ),
    PaperRow(
        "teacher_C",
        (91.7, 90.0, 80.9, 71.2, 77.1, 73.6, 67.7, 78.9),
        "teacher.train --grouping=camera_pitch --real_records=MPII --synthetic_records=D_S",
    ),
    PaperRow(
        "teacher_mD",
        (91.5, 90.4, 80.5, 72.2, 75.8, 73.1, 67.6, 78.7),
        "teacher.train --grouping=min_distance --real_records=MPII --synthetic_records=D_S",
    ),
)
# Where the data of the commands come from.
DATA = {
    "MPII": "your copy of the MPII annotations and images, through openpose_tf.data.to_tfrecords --format=mpii",
    "D_S": "synth.render, then synth.to_tfrecords",
    "D_M": "synth.render --dataset=mixed on the MPII images, then synth.to_tfrecords",
    "D_Style": "synth.stylize of D_M, then synth.to_tfrecords",
}
MODELS = {row.model: row for row in _ROWS}
TABLES = {
    "Table 1: which data set generalizes best": ("M_DR", "M_DS", "M_DR+DS", "M_DR+DM"),
    "Table 2: stylization, and masking the loss of synthetic people": (
        "M_DR+DM",
        "M_DR+DM+masks",
        "M_DR+DStyle",
        "M_DR+DStyle+masks",
    ),
    "Table 3: adversarial teacher, grouped by camera pitch (C) and distance (mD)": (
        "M_DR",
        "M_DR+DS",
        "teacher_C",
        "teacher_mD",
    ),
}
