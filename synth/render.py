"""Renders a dataset of people with exact ground truth.

Example:
    python -m synth.render --output_dir=runs/d_s --num_images=300 --num_workers=2
    python -m synth.render --output_dir=runs/standin --num_images=100 --dataset=real_standin --image_size=320
    python -m synth.render --output_dir=runs/d_m --dataset=mixed --format=coco --annotations=person_keypoints.json \
        --images=photos --include_list=runs/coco_train/train_images.txt
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Matrix products shared by threads differ in their last bits with the number of cores. Set before NumPy is imported;
# Ray does the same in its workers.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

from absl import flags, logging

from openpose_tf.common import cli, config_flags, files
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations.store import listing
from openpose_tf.data.annotations.types import AnnotatedImage, ReadRequest, ReadResult
from synth import card
from synth.dataset import shards, writer
from synth.dataset.licences import licences
from synth.detection.score_cache import is_filtered
from synth.rendering import rendered_image
from synth.rendering.flags import define_flags
from synth.rendering.job import Job, load_sources
from synth.rendering.renderers import DEFAULT_RENDERER, RENDERERS
from synth.scene import backgrounds, photographs
from synth.scene.backgrounds import BackgroundList
from synth.scene.config import (
    DEFAULT_CAMERA,
    DEFAULT_LOOK,
    DEFAULT_PEOPLE_MEAN,
    GROUNDS,
    PHOTO_MATCHES,
    PLACES,
    QUALITIES,
    SHAPES,
    RenderConfig,
    SceneConfig,
)
from synth.workers.engine import EngineConfig, Failure


@dataclasses.dataclass(frozen=True)
class RenderRun:
    """One call of this command.

    Attributes:
        job: what is made.
        engine: where it runs, and which images this call makes.
        num_images: images of the whole dataset.
        photographs: of a mixed dataset.
        num_left_out: photographs that cannot be read.
    """

    job: Job
    engine: EngineConfig
    num_images: int
    photographs: tuple[AnnotatedImage, ...] = ()
    num_left_out: int = 0

    @property
    def folder(self) -> Path:
        """The dataset."""
        return Path(self.job.folder)


def identity(job: Job) -> dict[str, Any]:
    """Returns the flags that decide the images: a dataset never mixes two values of one of them."""
    named = {**dataclasses.asdict(job.scenes), **dataclasses.asdict(job.render)}
    for name in ("dataset", "seed"):  # these have their own places in dataset.json
        del named[name]
    size = named.pop("width")
    del named["height"]
    if named["shapes"] == SHAPES[0]:  # older datasets name none
        del named["shapes"]
    if not named["joint_names"]:  # older datasets name none
        del named["joint_names"]
    if job.renderer != DEFAULT_RENDERER:
        named["renderer"] = job.renderer
    if job.photographs is not None:
        matches = job.scenes.photo_matches
        named["photo_match"] = "all" if matches == set(PHOTO_MATCHES) else ",".join(sorted(matches)) or "none"
        del named["ground"]  # the photographs' people stand where they stand
        return {**named, "photographs": job.photographs.digest, "num_photographs": job.photographs.count}
    del named["photo_match"]
    return {**named, "image_size": size, "backgrounds": job.photos.digest}


def render(run: RenderRun) -> list[Failure]:
    """Makes the images of this shard that are missing, and returns those that failed."""
    config, folder, kind = run.job.scenes, run.folder, RENDERERS[run.job.renderer]
    writer.open_dataset(
        folder,
        config.dataset,
        config.seed,
        run.num_images,
        identity(run.job),
        licences(
            config,
            bool(run.job.environments),
            (kind.environments_source, kind.environments_licence),
            config.places == "all" and bool(kind.own_lights),
        ),
        kind.packages,
    )
    if run.job.photographs is not None:
        photographs.write_list(run.photographs, run.job.photographs)
    return shards.make_missing(
        folder,
        run.engine.shard(run.num_images),
        run.num_images,
        rendered_image.render_image,
        run.job,
        run.engine,
        "rendering",
        lambda result: f"{result['num_people']:.0f} people, {result['memory_mb']:.0f} MB",
    )


def finish(run: RenderRun, failures: Sequence[Failure]) -> dict[str, Any]:
    """Writes the failures, and when no other shard is missing the counts and the card; returns the counts."""
    shards.write_failures(run.folder, failures, run.engine)
    left = run.num_images - listing.count(run.folder)
    if run.engine.num_shards > 1 and left > 0:
        logging.info("%d images of other shards are missing; `python -m synth.card %s` counts them", left, run.folder)
        return {"images": run.num_images - left}
    found = writer.close_dataset(run.folder, dict(run.job.photos.dropped))
    if len(found.num_people):
        card.write_card(run.folder, found)
    return found.summary()


def run_of(given: flags.FlagValues) -> RenderRun:
    """Returns what the flags ask for.

    Raises:
        UserError: flags that contradict each other, or files that are missing.
    """
    workers = _engine_from_flags(given)
    folder = files.writable_dir(given.output_dir)
    before = writer.remembered_flags(folder, given.dataset)
    job = Job(
        folder=str(folder.resolve()),
        scenes=_scenes_from_flags(given, before),
        render=_pixels_from_flags(given, before),
        renderer=given.renderer,
    )
    found = ReadResult([])
    num_images = given.num_images
    if given.dataset == "mixed":
        _ = job.scenes.photo_matches  # a wrong value is refused before the photographs are read
        found = _read_photographs(given)
        job = dataclasses.replace(job, photographs=photographs.describe_list(found.images, folder))
        num_images = _num_mixed(given, len(found.images))
    else:
        job = _with_backgrounds(given, job)
    return RenderRun(job, workers, num_images, tuple(found.images), found.num_unreadable)


def _with_backgrounds(given: flags.FlagValues, job: Job) -> Job:
    if given.annotations or given.images:
        raise UserError(f"--annotations and --images belong to --dataset=mixed, not to --dataset={given.dataset}")
    if given.photo_match != "none":
        raise UserError(f"--photo_match belongs to --dataset=mixed, not to --dataset={given.dataset}")
    if given.num_images is None:
        raise UserError(f"--dataset={given.dataset} needs --num_images")
    if given.backgrounds != "builtin":
        return dataclasses.replace(job, photos=_scan(given.backgrounds))
    return dataclasses.replace(
        job,
        photos=backgrounds.builtin_list(given.dataset, job.scenes.places),
        environments=RENDERERS[given.renderer].backgrounds[given.dataset],
        environment_share=backgrounds.ENVIRONMENT_SHARE[given.dataset],
    )


def _read_photographs(given: flags.FlagValues) -> ReadResult:
    for name in ("image_size", "backgrounds", "ground"):
        if given[name].present:
            raise UserError(f"--{name} has no use with --dataset=mixed: the photographs are the images")
    request = config_flags.build(ReadRequest, given, seed=given.split_seed)
    found = photographs.read_photographs(given.format, request)
    people = sum(len(one.people) for one in found.images)
    logging.info("%d photographs with %d annotated people", len(found.images), people)
    return found


def _num_mixed(given: flags.FlagValues, num_photographs: int) -> int:
    """Returns the number of images of a mixed dataset."""
    most = num_photographs * given.variants
    if given.num_images and given.num_images > most:
        raise UserError(
            f"--num_images={given.num_images}: {num_photographs} photographs with --variants={given.variants} make "
            f"{most}; give more variants"
        )
    return given.num_images or most


def _scenes_from_flags(given: flags.FlagValues, before: Mapping[str, Any]) -> SceneConfig:
    """`before`: flags of the dataset that is there; what changed its default since then is continued."""
    mean = given.people_mean
    if given.look == "wardrobe" and given.body != "builtin":
        raise UserError("--look=wardrobe is fitted to the built-in body: leave --body out, or give --look=painted")
    return config_flags.build(
        SceneConfig,
        given,
        width=given.image_size,
        height=given.image_size,
        people_mean=DEFAULT_PEOPLE_MEAN[given.dataset] if mean is None else mean,
        camera=given.camera or DEFAULT_CAMERA[given.dataset],
        look=given.look or DEFAULT_LOOK.get(given.body, "painted"),
        ground=given.ground or before.get("ground", GROUNDS[0]),
        places=given.places or before.get("places", PLACES[0]),
    )


def _pixels_from_flags(given: flags.FlagValues, before: Mapping[str, Any]) -> RenderConfig:
    known = RENDERERS[given.renderer].devices
    if given.device not in known:
        raise UserError(f"--device={given.device}: --renderer={given.renderer} computes on {', '.join(known)}")
    by_quality = QUALITIES[given.quality] if given.quality else before.get("samples", QUALITIES["standard"])
    return config_flags.build(RenderConfig, given, device=given.device, samples=given.samples or by_quality)


def _engine_from_flags(given: flags.FlagValues) -> EngineConfig:
    on_cpu = given.device == "CPU"
    gpus = float(not on_cpu) if given.gpus_per_worker is None else given.gpus_per_worker
    return config_flags.build(
        EngineConfig, given, gpus_per_worker=gpus, tasks_per_worker=given.scenes_per_worker, pin=on_cpu
    )


def _scan(where: str) -> BackgroundList:
    if not is_filtered(Path(where)):
        logging.warning(
            "--backgrounds=%s: the people filter was not run on it, so people in these photographs stay without "
            "labels; python -m synth.filter_backgrounds --input_dir=%s --output=kept.txt writes a list without them",
            where,
            where,
        )
    found = backgrounds.scan(where)
    dropped = ", ".join(f"{count} {reason}" for reason, count in found.dropped) or "none"
    logging.info("--backgrounds=%s: %d photographs, dropped: %s", where, len(found.paths), dropped)
    return found


def main() -> int:
    """Renders what is missing; exit code 1 if scenes failed or photographs were left out."""
    run = run_of(flags.FLAGS)
    load_sources(run.job).poses.check(run.job.scenes.shapes == "clip")  # wrong files fail here, not in a worker
    failures = render(run)
    counts = finish(run, failures)
    people = f", {counts['people']} people" if "people" in counts else ""
    print(f"{run.folder}: {counts.get('images', 0)} images{people}")
    if failures:
        print(f"{len(failures)} scenes failed in every attempt, see {run.folder}/failed*.jsonl")
    if run.num_left_out:
        print(f"{run.num_left_out} photographs cannot be read and are left out, see above")
    return 1 if failures or run.num_left_out else 0


if __name__ == "__main__":
    cli.run(main, define_flags)
