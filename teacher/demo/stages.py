"""The stages of the demo as data: names, titles, command lines; and the summary of what they left."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openpose_tf.common import file_names, files
from openpose_tf.common.stages import Stage


@dataclasses.dataclass(frozen=True)
class DemoSize:
    """How much the demo does.

    Attributes:
        synthetic: images of the synthetic training set (D_S).
        standin: images of the real stand-in's training set.
        held_out: images of each kind that the student never sees.
        image_size: side of the rendered images in pixels.
        people_mean: mean number of people per image.
        samples: Cycles samples per pixel.
        steps: training steps.
        batch_size: samples per step, half of them synthetic.
        width: of the student, relative to the paper's; what it starts from has this width.
        input_size: side of the student's input in pixels.
        decision_steps: steps per decision of the teacher.
        num_groups: groups the teacher chooses from.
        min_group_size: groups of at most this many samples count as empty.
        learning_rate: first learning rate.
        init_checkpoint: what the student starts from; None: random initialization, whose loss falls within a few steps.
    """

    synthetic: int
    standin: int
    held_out: int
    image_size: int
    people_mean: float
    samples: int
    steps: int
    batch_size: int
    width: float
    input_size: int
    decision_steps: int
    num_groups: int
    min_group_size: int
    learning_rate: float
    init_checkpoint: str | None


SIZES = {
    "small": DemoSize(
        synthetic=90,
        standin=50,
        held_out=32,
        image_size=320,
        people_mean=5,
        samples=16,
        steps=240,
        batch_size=8,
        width=0.5,
        input_size=184,
        decision_steps=10,
        num_groups=10,
        min_group_size=8,
        learning_rate=1e-4,
        init_checkpoint="builtin_real",
    ),
    "smoke": DemoSize(
        synthetic=8,
        standin=6,
        held_out=3,
        image_size=192,
        people_mean=3,
        samples=4,
        steps=24,
        batch_size=4,
        width=0.25,
        input_size=64,
        decision_steps=4,
        num_groups=2,
        min_group_size=1,
        learning_rate=1e-3,
        init_checkpoint=None,
    ),
}
LEAD = (
    "Rendered people, a student trained on them with an adversarial teacher, and what it then sees in new images. "
    "The student starts from the bundled one of photographs, as the paper's runs with real data go on from a student "
    "of photographs. Here it sees no photograph: the real half of every batch, and of the held-out images, is a stand-in "
    "that is rendered too (real_standin: other backgrounds, small camera pitch, other light), so a part of what it "
    "gains is that it gets used to rendered images."
)
WHEN = ("first", "last")
KINDS = ("synthetic", "real_standin")
SEEDS = {"synthetic": 1, "real_standin": 2, "held_out_real_standin": 3, "held_out_synthetic": 4}
PHOTO_DIR = "photo"
NUM_CHECKPOINTS = 8  # of the training, in equal steps
AVERAGED = range(3, NUM_CHECKPOINTS + 1)  # the trained student is the mean of these: docs/measurements/2026-11-27-demo.md
LATE = ("photo", "report")  # stages that depend on the photograph, and cost seconds: they run at every call


def build(folder: Path, size: DemoSize, photo: Path | None = None, seed: int = 0) -> list[Stage]:
    """Returns the stages in order.

    Args:
        folder: where everything goes.
        size: how much to do.
        photo: a photograph of the user's, which the report shows as the bundled student sees it.
        seed: of images and training.
    """
    return [
        *_picture_stages(folder, size, seed),
        *_record_stages(folder, size),
        _training_stage(folder, size, seed),
        *_use_stages(folder, size),
        *([_photo_stage(folder, photo)] if photo else []),
        _report_stage(folder, photo),
    ]


def _picture_stages(folder: Path, size: DemoSize, seed: int) -> list[Stage]:
    counts = dict(zip(SEEDS, (size.synthetic, size.standin, size.held_out, size.held_out), strict=True))
    titles = {
        "synthetic": "render synthetic people (D_S)",
        "real_standin": "render the stand-in for real photographs",
        "held_out_real_standin": "render images of the stand-in that the student never sees",
        "held_out_synthetic": "render images of D_S that the student never sees",
    }
    stages = []
    for name, count in counts.items():
        kind = name.removeprefix("held_out_")
        command = (
            *("synth.render", f"--dataset={kind}", f"--output_dir={folder / 'images' / name}"),
            *(f"--num_images={count}", f"--seed={SEEDS[name] + 10 * seed}", f"--image_size={size.image_size}"),
            *(f"--people_mean={size.people_mean:g}", f"--samples={size.samples}", "--num_workers=-1"),
        )
        stages.append(Stage(f"render_{name}", f"{titles[name]}: {count} images", command))
    for name in KINDS:
        view = ("synth.view", str(folder / "images" / name), f"--output_file={folder / f'sheet_{name}.jpg'}", "--columns=6")
        stages.append(Stage(f"sheet_{name}", f"draw a contact sheet of {name} with keypoints", view))
    return stages


def _record_stages(folder: Path, size: DemoSize) -> list[Stage]:
    stages = []
    for name in KINDS:
        command = (
            *("synth.to_tfrecords", f"--input_dir={folder / 'images' / name}"),
            *(f"--output_dir={folder / 'records' / name}", f"--name={name}", "--split=train", "--num_shards=4"),
            *("--overwrite", f"--input_size={size.input_size}"),
        )
        stages.append(Stage(f"records_{name}", f"write person crops of {name} as TFRecord shards", command))
    return stages


def _training_stage(folder: Path, size: DemoSize, seed: int) -> Stage:
    command = (
        "teacher.train",
        f"--real_records={folder / 'records' / 'real_standin'}",
        f"--synthetic_records={folder / 'records' / 'synthetic'}",
        f"--model_dir={folder / 'model_dir'}",
        *("--grouping=camera_pitch", f"--num_groups={size.num_groups}"),
        *(f"--decision_steps={size.decision_steps}", f"--min_group_size={size.min_group_size}"),
        # As the paper: every run starts from a trained student.
        *([f"--init_checkpoint={size.init_checkpoint}"] if size.init_checkpoint else []),
        *(f"--width={size.width:g}", "--num_stages=2", f"--input_size={size.input_size}"),
        *("--max_rotation=20", "--min_zoom=0.65"),  # people stand upright, and may be small
        *(f"--batch_size={size.batch_size}", f"--num_steps={size.steps}"),
        *("--clip_norm=20", f"--learning_rate={size.learning_rate:g}"),
        *([f"--seed={seed}"] if seed else []),
        "--teacher_learning_rate=5e-3",  # at the released 5e-5 a teacher says nothing within so few decisions
        f"--decay_steps={max(size.steps * 2 // 3, 1)}",
        *(f"--checkpoint_every={_checkpoint_every(size)}", "--keep_checkpoints=100", "--log_every=5"),
    )
    return Stage("train", f"train the student with its teacher: {size.steps} steps", command)


def _checkpoint_every(size: DemoSize) -> int:
    return max(size.steps // NUM_CHECKPOINTS, 1)


def _use_stages(folder: Path, size: DemoSize) -> list[Stage]:
    stages = []
    for when, numbers in (("before", (0,)), ("after", AVERAGED)):
        model = folder / ("saved_model" if when == "after" else "saved_model_before")
        checkpoints = ",".join(str(folder / "model_dir" / f"ckpt-{k * _checkpoint_every(size)}") for k in numbers)
        export = (
            *("openpose_tf.export", f"--checkpoint={checkpoints}", f"--output_dir={model}"),
            *("--test_side=448", "--min_person_score=0.4"),  # docs/measurements/2026-11-27-demo.md
        )
        stages.append(Stage(f"export_{when}", f"export the student {when} training", export))
        for kind in KINDS:
            predict = (
                *("openpose_tf.predict", f"--saved_model={model}", f"--images={_held_out(folder, kind) / 'images'}"),
                f"--output_dir={_found(folder, when, kind)}",
            )
            title = f"find people in new images of {kind} with the student {when} training"
            stages.append(Stage(f"predict_{when}_{kind}", title, predict))
        score = (
            *("eval.oks", *(f"--groundtruth={_held_out(folder, kind)}" for kind in KINDS)),
            *(f"--predictions={_found(folder, when, kind)}" for kind in KINDS),
            *(f"--baseline={_found(folder, 'before', kind)}" for kind in KINDS if when == "after"),
            f"--output_file={folder / f'oks_{when}.json'}",
        )
        stages.append(Stage(f"score_{when}", f"score the student {when} training", score))
    return stages


def _held_out(folder: Path, kind: str) -> Path:
    return folder / "images" / f"held_out_{kind}"


def _found(folder: Path, when: str, kind: str) -> Path:
    return folder / "predictions" / when / kind


def _photo_stage(folder: Path, photo: Path) -> Stage:
    command = ("openpose_tf.predict", str(photo), f"--output_dir={folder / PHOTO_DIR}")
    return Stage("photo", f"find people in {photo.name} with the bundled student", command)


def _report_stage(folder: Path, photo: Path | None) -> Stage:
    command = (
        "eval.report",
        f"--model_dir={folder / 'model_dir'}",
        f"--summary={folder / 'summary.json'}",
        "--title=Learning to train with synthetic humans: the demo run",
        f"--lead={LEAD}",
        f"--sheets=Rendered people (D_S) with their keypoints={folder / 'sheet_synthetic.jpg'},"
        f"Stand-in for real photographs (real_standin): rendered too={folder / 'sheet_real_standin.jpg'}",
        *(f"--{when}={_found(folder, when, kind)}" for when in ("before", "after") for kind in reversed(KINDS)),
        *([f"--photo={folder / PHOTO_DIR / photo.stem}.jpg"] if photo else []),
        f"--scores=before={folder / 'oks_before.json'},after={folder / 'oks_after.json'}",
        f"--output_file={folder / 'report.html'}",
    )
    return Stage("report", "write the report", command)


def write_summary(folder: Path, stage_rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Writes summary.json from what the stages left, and returns it.

    Args:
        folder: of the demo.
        stage_rows: rows of stages.json.
    """
    run = files.read_json(folder / "model_dir" / file_names.SUMMARY, "the summary of the training run")
    counts = [
        files.read_json(folder / "images" / name / "dataset.json", "an image dataset")["counts"] for name in SEEDS
    ]
    scores = {
        when: files.read_json(folder / f"oks_{when}.json", "a result of eval.oks") for when in ("before", "after")
    }
    summary = {
        "images_rendered": sum(count["images"] for count in counts),
        "people": sum(count["people"] for count in counts),
        "steps": run["steps"],
        "decisions": run["decisions"],
        "wrong_group_samples": run["wrong_group_samples"],
        "student_loss_first": run["loss_first"],
        "student_loss_last": run["loss_last"],
        **{f"loss_{half}_{when}": run[f"loss_{half}_{when}"] for half in ("real", "synthetic") for when in WHEN},
        "oks_ap_before": scores["before"]["AP"],
        "oks_ap": scores["after"]["AP"],
        "oks_ap_difference": {key: scores["after"]["baseline"][key] for key in ("difference", "low", "high")},
        "real_data": "real_standin: rendered images in place of photographs",
        "seconds": {name: row["seconds"] for name, row in stage_rows.items()},
    }
    files.write_json(folder / "summary.json", summary)
    return summary
