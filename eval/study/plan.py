"""The study as data: the nine rows of the paper's Tables 1 to 3 at a size that two CPU cores carry, and their stages.

Real data is the rendered stand-in (`real_standin`: own backgrounds and light, small camera pitch). All rows with real
data start from one real-only student, as the paper's runs do (docs/reference/method.md section 4.4); synthetic-only
starts from a student that saw as many steps of D_S alone. Seeds decide the order of the data, augmentation and the
teacher.
"""

import dataclasses
from pathlib import Path

from openpose_tf.common.stages import Stage

PLAIN, WITH_TEACHER = "openpose_tf.train", "teacher.train"
SETS = ("standin", "synthetic")  # the two validation sets: held-out stand-in, and held-out D_S with all pitches
# Of the pictures on which the stored starts were trained and the results measured.
LOOK = ("--look=painted", "--places=first")
GROUND = "--ground=anywhere"  # D_M has none
DATA_SEEDS = {"standin": 21, "synthetic": 22, "mixed": 23, "validation_standin": 24, "validation_synthetic": 25}


@dataclasses.dataclass(frozen=True)
class StudySize:
    """How much the study does.

    Attributes:
        standin: pictures of the stand-in to train on; D_M and D_Style show each of them once more.
        synthetic: pictures of D_S to train on.
        validation: pictures of each validation set.
        image_size: side of the rendered pictures in pixels.
        people_mean: mean number of rendered people per picture of D_S and the stand-in.
        samples: Cycles samples per pixel.
        start_steps: steps of the two students that the rows start from.
        row_steps: steps of a row.
        overrides: flags behind the flagfiles'.
    """

    standin: int
    synthetic: int
    validation: int
    image_size: int
    people_mean: float
    samples: int
    start_steps: int
    row_steps: int
    overrides: tuple[str, ...] = ()


SIZES = {
    "small": StudySize(
        standin=200,
        synthetic=300,
        validation=80,
        image_size=320,
        people_mean=5.0,
        samples=16,
        start_steps=9000,
        row_steps=1000,
    ),
    "smoke": StudySize(
        standin=4,
        synthetic=12,
        validation=3,
        image_size=160,
        people_mean=3.0,
        samples=2,
        start_steps=6,
        row_steps=6,
        overrides=(
            *("--width=0.0625", "--num_stages=1", "--input_size=64", "--batch_size=4", "--log_every=2"),
            *("--decision_steps=2", "--num_groups=2", "--min_group_size=0", "--allow_empty_groups"),
        ),
    ),
}


@dataclasses.dataclass(frozen=True)
class StudyRow:
    """One model of the paper.

    Attributes:
        name: of its flagfile in study/.
        model: its name in `eval.tables`.
        synthetic: records of the synthetic half of its batches, None for real data only.
        real: whether it trains on real data, and starts from the real-only student.
        command: module that trains it.
        settings: name of its flagfile, if not `name`.
        flags: behind the flagfile's.
    """

    name: str
    model: str
    synthetic: str | None = None
    real: bool = True
    command: str = PLAIN
    settings: str | None = None
    flags: tuple[str, ...] = ()


STARTS = (StudyRow("start_real", ""), StudyRow("start_synthetic", "", "synthetic", real=False))
START_SEED = 0
ROWS = (
    StudyRow("real", "M_DR"),
    StudyRow("synthetic", "M_DS", "synthetic", real=False),
    StudyRow("real_synthetic", "M_DR+DS", "synthetic"),
    StudyRow("real_mixed", "M_DR+DM", "mixed"),
    StudyRow("real_mixed_masks", "M_DR+DM+masks", "mixed"),
    StudyRow("real_style", "M_DR+DStyle", "style"),
    StudyRow("real_style_masks", "M_DR+DStyle+masks", "style"),
    StudyRow("teacher_c", "teacher_C", "synthetic", command=WITH_TEACHER),
    StudyRow("teacher_md", "teacher_mD", "synthetic", command=WITH_TEACHER),
)
ROW_NAMES = tuple(row.name for row in ROWS)


def _picks(name: str, model: str, *flags: str) -> StudyRow:
    return StudyRow(name, model, "synthetic", command=WITH_TEACHER, settings="teacher_c", flags=flags)


# Rows that are not in the paper: is it the teacher, or could no choice of groups of camera pitch help at this size?
ORACLE_ROWS = (
    _picks("uniform_c", "any group of C, uniformly", "--teacher=uniform"),
    _picks("greedy_c", "the group of C with the highest loss", "--teacher=loss", "--teacher_temperature=0.01"),
    *(
        _picks(f"always_c{group}", f"always group {group} of C", "--teacher=always", f"--teacher_group={group}")
        for group in range(10)
    ),
)


@dataclasses.dataclass(frozen=True)
class Photographs:
    """Real photographs to score on besides, if there are any: COCO keypoints.

    Attributes:
        images: folder.
        annotations: COCO JSON.
    """

    images: str
    annotations: str


@dataclasses.dataclass(frozen=True)
class Study:
    """Where a study lies and what it does.

    Attributes:
        work_dir: folder for everything that is made again from seeds.
        config_dir: folder of the flagfiles.
        start_dir: folder of the weights of the students that the rows start from.
        size: how much.
        photographs: to score on besides.
        precision: of all training steps (--precision of openpose_tf.train).
    """

    work_dir: Path
    config_dir: Path
    start_dir: Path
    size: StudySize
    photographs: Photographs | None = None
    precision: str = "float32"

    def images(self, name: str) -> Path:
        """Returns the folder of an image dataset."""
        return self.work_dir / "images" / name

    def run_dir(self, name: str, seed: int) -> Path:
        """Returns the folder of a row or start and a seed."""
        return self.work_dir / "runs" / f"{name}-seed{seed}"

    def start_path(self, row: StudyRow) -> Path:
        """Returns the weights that a row starts from."""
        return self.start_dir / f"{start_of(row).name}.npz"


def start_of(row: StudyRow) -> StudyRow:
    """Returns the start that a row starts from: the one with the same answer to "any real data?"."""
    return next(start for start in STARTS if start.real == row.real)


def data_stages(study: Study) -> list[Stage]:
    """Returns the stages that render, stylize and record all data."""
    size = study.size
    counts = {"standin": size.standin, "synthetic": size.synthetic}
    counts |= {f"validation_{name}": size.validation for name in SETS}
    stages = [_render(study, name, count) for name, count in counts.items()]
    mixed = (
        *("--dataset=mixed", "--format=image_dataset", f"--annotations={study.images('standin')}", "--variants=1"),
        *(*LOOK, "--num_workers=-1", f"--samples={size.samples}", f"--seed={DATA_SEEDS['mixed']}"),
    )
    stages.append(_stage("render_mixed", "render D_M over the stand-in", "synth.render", study, "mixed", mixed))
    style = (
        *("synth.stylize", f"--input_dir={study.images('mixed')}", f"--output_dir={study.images('style')}"),
        *("--person_segmenter=groundtruth", f"--groundtruth={study.images('standin') / 'masks'}", "--num_workers=-1"),
    )
    stages.append(Stage("stylize", "stylize D_M (D_Style)", style))
    return stages + [_records(study, name) for name in ("standin", "synthetic", "mixed", "style")]


def _render(study: Study, name: str, count: int) -> Stage:
    kind = "synthetic" if name.endswith("synthetic") else "real_standin"
    flags = (
        *(f"--dataset={kind}", f"--num_images={count}", f"--seed={DATA_SEEDS[name]}"),
        *(f"--people_mean={study.size.people_mean:g}", f"--image_size={study.size.image_size}"),
        *(*LOOK, GROUND, f"--samples={study.size.samples}", "--num_workers=-1"),
    )
    return _stage(f"render_{name}", f"render {name}: {count} pictures", "synth.render", study, name, flags)


def _stage(name: str, title: str, module: str, study: Study, folder: str, flags: tuple[str, ...]) -> Stage:
    return Stage(name, title, (module, f"--output_dir={study.images(folder)}", *flags))


def _records(study: Study, name: str) -> Stage:
    command = (
        *("synth.to_tfrecords", f"--input_dir={study.images(name)}", f"--name={name}", "--split=train"),
        *(f"--output_dir={study.work_dir / 'records' / name}", "--num_shards=4", "--input_size=184", "--overwrite"),
    )
    return Stage(f"records_{name}", f"write person crops of {name}", command)


def start_stages(study: Study, start: StudyRow) -> list[Stage]:
    """Returns the stages that train a student for rows to start from, and leave its weights in `start_dir`."""
    folder, steps = study.run_dir(start.name, START_SEED), study.size.start_steps
    export = (
        *("openpose_tf.export", f"--model_dir={folder / 'model'}", f"--output_dir={folder / 'saved_model'}"),
        f"--weights={study.start_path(start)}",
    )
    return [
        Stage("train", f"train {start.name}: {steps} steps", _train(study, start, START_SEED, steps, ())),
        Stage("export", f"write the weights of {start.name}", export),
    ]


def row_stages(study: Study, row: StudyRow, seed: int) -> list[Stage]:
    """Returns the stages that train, export and predict one row and seed."""
    folder, steps = study.run_dir(row.name, seed), study.size.row_steps
    start = (f"--init_checkpoint={study.start_path(row)}",)
    export = ("openpose_tf.export", f"--model_dir={folder / 'model'}", f"--output_dir={folder / 'saved_model'}")
    stages = [
        Stage("train", f"train {row.model}, seed {seed}: {steps} steps", _train(study, row, seed, steps, start)),
        Stage("export", f"export {row.model}, seed {seed}", export),
    ]
    for name in SETS:
        benchmark = (
            *("eval.run", f"--saved_model={folder / 'saved_model'}", f"--output_dir={folder / f'validation_{name}'}"),
            f"--annotations={study.images(f'validation_{name}')}",
        )
        stages.append(Stage(f"score_{name}", f"score {row.model}, seed {seed} on held-out {name}", benchmark))
    return stages + (_photograph_stages(study.photographs, folder) if study.photographs else [])


def _train(study: Study, row: StudyRow, seed: int, steps: int, start: tuple[str, ...]) -> tuple[str, ...]:
    records = study.work_dir / "records"
    return (
        *(row.command, f"--flagfile={study.config_dir / f'{row.settings or row.name}.flags'}", *row.flags),
        *_record_flags(row, records),
        *(f"--model_dir={study.run_dir(row.name, seed) / 'model'}", f"--seed={seed}", f"--num_steps={steps}"),
        *(f"--precision={study.precision}", *start, *_overrides(study.size, row.command)),
    )


def _record_flags(row: StudyRow, records: Path) -> tuple[str, ...]:
    """Returns which data a row trains on."""
    real = (f"--real_records={records / 'standin'}",) if row.real else ()
    synthetic = (f"--synthetic_records={records / row.synthetic}",) if row.synthetic else ()
    return (*real, *synthetic)


def _overrides(size: StudySize, command: str) -> tuple[str, ...]:
    of_teacher = ("--decision_steps", "--num_groups", "--min_group_size", "--allow_empty_groups")
    return tuple(flag for flag in size.overrides if command == WITH_TEACHER or not flag.startswith(of_teacher))


def _photograph_stages(photographs: Photographs, folder: Path) -> list[Stage]:
    predict = (
        *("openpose_tf.predict", f"--saved_model={folder / 'saved_model'}", f"--images={photographs.images}"),
        *(f"--output_dir={folder / 'photographs'}", "--nodraw"),
    )
    score = (
        *("eval.oks", f"--predictions={folder / 'photographs'}", f"--groundtruth={photographs.annotations}"),
        *("--only_predicted", f"--output_file={folder / 'oks_photographs.json'}"),
    )
    return [
        Stage("predict_photographs", "find people in real photographs", predict),
        Stage("score_photographs", "score real photographs", score),
    ]
