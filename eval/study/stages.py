"""The commands of the study: its data, the draws of N photographs, the students and their predictions."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from eval.study import layers
from eval.study.layers import Part
from eval.study.plan import (
    MIXED,
    RENDERED,
    RENDERED_ONLY,
    RENDERED_SETS,
    SEEDS,
    SIZES,
    STYLE,
    WITH_TEACHER,
    Run,
    StudyRow,
    StudySize,
)
from eval.study.sources import Sources
from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.fingerprints import fingerprint
from openpose_tf.common.stages import Stage
from openpose_tf.data.annotations import splits
from openpose_tf.data.draw_records import LIST_NAME

DATA_SEEDS = {"standin": 21, "synthetic": 22, MIXED: 23, "validation_standin": 24, "validation_synthetic": 25}
START_SEED = 0
NUM_AVERAGED = 3  # checkpoints up to a mark whose mean is scored: what a falling learning rate would do at its end
PHOTOGRAPH_LIST = "photographs.jsonl"  # in a mixed dataset: row k is the photograph behind image k
TEACHER_FLAGS = ("--decision_steps", "--num_groups", "--min_group_size", "--allow_empty_groups")


@dataclasses.dataclass(frozen=True)
class Study:
    """Where a study lies and what it does.

    Attributes:
        work_dir: folder for everything that is made again from seeds.
        config_dir: folder of the flagfiles.
        start_dir: folder of the weights of the students that rows start from.
        size: how much.
        sources: the photographs.
        precision: of all training steps (--precision of openpose_tf.train).
        counts: the N of the design, rising, whichever of them a call runs.
        parts: what D_M is rendered over.
    """

    work_dir: Path
    config_dir: Path
    start_dir: Path
    size: StudySize
    sources: Sources = dataclasses.field(default_factory=Sources)
    precision: str = "float32"
    counts: tuple[int, ...] = ()
    parts: tuple[Part, ...] = layers.STANDIN

    def images(self, name: str) -> Path:
        """Returns the folder of an image dataset."""
        return self.work_dir / "images" / name

    def records(self, name: str) -> Path:
        """Returns the folder of a record set."""
        return self.work_dir / "records" / name

    def draw(self, run: Run) -> Path:
        """Returns the folder of the draw that a run trains on."""
        return self.work_dir / "draws" / f"n{run.count}-seed{run.seed}"

    def run_dir(self, run: Run) -> Path:
        """Returns the folder of a run."""
        return self.work_dir / "runs" / run.name

    @property
    def validation(self) -> Path:
        """Folder of the images of all validation sets, one folder each; another one for other sets."""
        return self.work_dir / "validation" / fingerprint("\n".join(self.sources.validation), digits=8)

    @property
    def rendered_only(self) -> Path:
        """Weights of the rendered-only student: of this study, else, at its full size, those beside the flagfiles."""
        own, there = (folder / f"{RENDERED}.npz" for folder in (self.start_dir, self.config_dir / "starts"))
        return there if self.size == SIZES["small"] and there.exists() and not own.exists() else own

    def start_path(self, run: Run) -> Path | None:
        """Returns the weights that a run starts from; None for random numbers."""
        if run.row.start == RENDERED:
            return self.rendered_only
        return None if run.start is None else self.start_dir / f"{run.start.name}.npz"

    def weights(self, run: Run, mark: int) -> Path:
        """Returns the weights of a run's student after `mark` steps."""
        return self.start_dir / f"{run.name}.npz" if run.row.is_long else self.run_dir(run) / f"step{mark}.npz"

    def needed_parts(self, run: Run) -> list[Part]:
        """Returns what D_M is rendered over for a run: nothing for rows without it."""
        if not run.row.needs_mixed:
            return []
        return layers.needed(self.parts, run.count, run.seed in SEEDS, self.counts)

    def real_records(self) -> tuple[str, ...]:
        """Returns the record sets that photographs are drawn from."""
        return self.sources.real or (str(self.records("standin")),)


def model_stages(study: Study, runs: Sequence[Run]) -> list[Stage]:
    """Returns the stage that gets the detector of real people, which D_Style of photographs needs; the first one."""
    if study.sources.is_standin or not any(run.row.synthetic == STYLE for run in runs):
        return []
    return [Stage("models", "get the files of the built-in person detector", ("synth.fetch_models",))]


def data_stages(study: Study) -> list[Stage]:
    """Returns the stages that make what all runs share."""
    size = study.size
    counts = {f"validation_{name}": size.validation for name in RENDERED_SETS} | {"synthetic": size.synthetic}
    counts |= {"standin": size.standin} if study.sources.is_standin else {}
    stages = [_render(study, name, count) for name, count in counts.items()]
    return stages + [_records(study, name) for name in ("standin", "synthetic") if name in counts]


def mixed_stages(study: Study, run: Run) -> list[Stage]:
    """Returns the stages that make the D_M, and of it the D_Style, that a run draws from; none for other rows."""
    stages = []
    for part in study.needed_parts(run):
        stages += [_render_mixed(study, part), _records(study, part.name(MIXED))]
        if run.row.synthetic == STYLE:
            stages += [_stylize(study, part), _records(study, part.name(STYLE))]
    return stages


def _render(study: Study, name: str, count: int) -> Stage:
    kind = "synthetic" if name.endswith("synthetic") else "real_standin"
    command = (
        *("synth.render", f"--output_dir={study.images(name)}", f"--dataset={kind}", f"--num_images={count}"),
        *(f"--seed={DATA_SEEDS[name]}", f"--people_mean={study.size.people_mean:g}"),
        *(f"--image_size={study.size.image_size}", f"--samples={study.size.samples}", "--num_workers=-1"),
    )
    return Stage(f"render_{name}", f"render {name}: {count} images", command)


def mixed_list(study: Study, part: Part) -> Path:
    """Returns the file with the ids of a part's photographs."""
    return study.work_dir / f"{part.name('photographs')}.txt"


def _render_mixed(study: Study, part: Part) -> Stage:
    if study.sources.is_standin:
        source: tuple[str, ...] = ("--format=image_dataset", f"--annotations={study.images('standin')}")
    else:
        behind = study.sources.photographs[part.number]
        source = (f"--format={behind.format}", f"--annotations={behind.annotations}", f"--images={behind.images}")
        source += (f"--include_list={mixed_list(study, part)}",)
        source += (f"--people_boxes={behind.boxes}",) if behind.boxes else ()
    name = part.name(MIXED)
    command = (
        *("synth.render", f"--output_dir={study.images(name)}", "--dataset=mixed", *source, "--variants=1"),
        *(
            "--num_workers=-1",
            f"--samples={study.size.samples}",
            f"--seed={DATA_SEEDS[MIXED] + 100 * part.scene_number}",
        ),
    )
    return Stage(f"render_{name}", f"render D_M over the photographs ({name})", command)


def _stylize(study: Study, part: Part) -> Stage:
    mixed, style = part.name(MIXED), part.name(STYLE)
    command: tuple[str, ...] = (
        *("synth.stylize", f"--input_dir={study.images(mixed)}", f"--output_dir={study.images(style)}"),
        "--num_workers=-1",
    )
    if study.sources.is_standin:  # else the built-in detector finds the real people
        command += ("--person_segmenter=groundtruth", f"--groundtruth={study.images('standin') / 'masks'}")
    return Stage(f"render_{style}", f"stylize D_M ({style})", command)


def _records(study: Study, name: str) -> Stage:
    command = (
        *("synth.to_tfrecords", f"--input_dir={study.images(name)}", f"--name={name}", "--split=train"),
        *(f"--output_dir={study.records(name)}", "--num_shards=4", "--input_size=192", "--overwrite"),
    )
    return Stage(f"records_{name}", f"write person crops of {name}", command)


def draw_stage(study: Study, run: Run) -> Stage:
    """Returns the stage that draws a run's photographs."""
    command = (
        *("openpose_tf.data.draw_records", f"--records={','.join(study.real_records())}"),
        *(f"--num_images={run.count}", f"--seed={run.seed}", f"--output_dir={study.draw(run) / 'real'}"),
        "--overwrite",
    )
    return Stage("draw_real", f"draw {run.count} photographs, seed {run.seed}", command)


def draw_mixed_stage(study: Study, run: Run) -> Stage:
    """Returns the stage that takes D_M or D_Style of a run's photographs; writes the lists of images to take.

    Raises:
        UserError: no record of D_M is over one of them.
    """
    kind, folder = str(run.row.synthetic), study.draw(run)
    chosen = {}
    for part in study.needed_parts(run):
        listed = folder / "real" / LIST_NAME.format(part.number)
        drawn = set(files.read_lines(listed, "the ids of a draw"))
        behind = files.read_jsonl(study.images(part.name(MIXED)) / PHOTOGRAPH_LIST, "photographs of D_M")
        of_drawn = [f"{image:06d}" for image, row in enumerate(behind) if row["image_id"] in drawn]
        there = _image_ids(study.records(part.name(kind)))  # stylizing leaves images out, small people have no record
        taken = [image for image in of_drawn if image in there]
        if taken:
            chosen[part] = folder / f"{part.name(MIXED)}.txt"
            splits.write_list(chosen[part], taken, f"images of D_M over {listed}")
    if not chosen:
        raise UserError(f"{folder}: no record of D_M is over one of these photographs: give more of --photographs")
    sets = ",".join(str(study.records(part.name(kind))) for part in chosen)
    command = (
        *("openpose_tf.data.draw_records", f"--records={sets}", f"--image_ids={','.join(map(str, chosen.values()))}"),
        *(f"--output_dir={folder / kind}", "--overwrite"),
    )
    return Stage(f"draw_{kind}", f"take {kind} of these photographs", command)


def _image_ids(folder: Path) -> set[str]:
    from openpose_tf.data.records import image_ids, record_set

    return set(image_ids.image_ids(record_set.load_records(folder)))


def start_stages(study: Study) -> list[Stage]:
    """Returns the stages that train the rendered-only student and leave its weights in `start_dir`."""
    steps, folder = study.size.start_steps, study.work_dir / "runs" / RENDERED
    records = (f"--synthetic_records={study.records('synthetic')}",)
    train = _train(study, RENDERED_ONLY, START_SEED, steps, folder, records)
    return [
        Stage("train", f"train the rendered-only student: {steps} steps", train),
        _export(study, folder, steps, study.rendered_only),
    ]


def run_stages(study: Study, run: Run) -> list[Stage]:
    """Returns the stages that train, export and predict one run."""
    row, folder = run.row, study.run_dir(run)
    records: tuple[str, ...] = (f"--real_records={study.draw(run) / 'real'}",) if row.real else ()
    if row.synthetic:
        where = study.draw(run) / row.synthetic if row.needs_mixed else study.records(row.synthetic)
        records += (f"--synthetic_records={where}",)
    start = study.start_path(run)
    records += (f"--init_checkpoint={start}",) if start else ()
    marks = row.marks(study.size)
    stages = [
        Stage("train", f"train {run.name}: {marks[-1]} steps", _train(study, row, run.seed, marks[-1], folder, records))
    ]
    for mark in marks:
        stages += [_export(study, folder, mark, study.weights(run, mark)), _predict(study, run, mark)]
    return stages


def _train(study: Study, row: StudyRow, seed: int, steps: int, folder: Path, data: Sequence[str]) -> tuple[str, ...]:
    size = study.size
    kept = 2 * size.steps // size.checkpoint_every + 1
    overrides = (flag for flag in size.overrides if row.command == WITH_TEACHER or not flag.startswith(TEACHER_FLAGS))
    return (
        *(row.command, f"--flagfile={study.config_dir / f'{row.settings or row.name}.flags'}", *row.flags, *data),
        *(f"--model_dir={folder / 'model'}", f"--seed={seed}", f"--num_steps={steps}"),
        *(f"--checkpoint_every={size.checkpoint_every}", f"--keep_checkpoints={kept}"),
        *(f"--precision={study.precision}", *overrides),
    )


def _export(study: Study, folder: Path, mark: int, weights: Path) -> Stage:
    """Returns the stage that writes the mean of the last checkpoints up to a mark as weights."""
    steps = [mark - k * study.size.checkpoint_every for k in reversed(range(NUM_AVERAGED))]
    checkpoints = ",".join(str(folder / "model" / f"ckpt-{step}") for step in steps if step > 0)
    command = (
        *("openpose_tf.export", f"--checkpoint={checkpoints}", f"--output_dir={folder / 'saved_model'}"),
        f"--weights={weights}",
    )
    return Stage(f"export_{mark}", f"write the student after {mark} steps", command)


def _predict(study: Study, run: Run, mark: int) -> Stage:
    command = (
        *("openpose_tf.predict", f"--saved_model={study.weights(run, mark)}", f"--images={study.validation}"),
        *(f"--output_dir={predictions_dir(study, run, mark)}", "--nodraw", f"--precision={study.precision}"),
    )
    return Stage(f"predict_{mark}", f"predict the validation images with {run.name} after {mark} steps", command)


def predictions_dir(study: Study, run: Run, mark: int) -> Path:
    """Returns the folder of a student's predictions, one folder in it per validation set."""
    return study.run_dir(run) / f"predictions_{mark}"
