"""Renders a dataset of people with exact ground truth.

Example:
    python -m synth.render --output_dir=runs/d_s --num_images=300 --num_workers=2
    python -m synth.render --output_dir=runs/standin --num_images=100 --dataset=real_standin --image_size=320
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags, logging

from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError
from openpose_tf.common.progress import Progress
from synth import backgrounds, body, card, dataset, engine, poses, render_scene
from synth.backgrounds import BackgroundList
from synth.engine import EngineConfig, Failure
from synth.licences import licences
from synth.render_scene import Job
from synth.scene_config import CAMERAS, DATASETS, DEFAULT_CAMERA, DEVICES, LIGHTS, RenderConfig, SceneConfig


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string(
        "output_dir", None, "folder of the dataset; a run that was stopped goes on there", required=True
    )
    flags.DEFINE_integer("num_images", None, "images of the whole dataset (all shards)", required=True, lower_bound=1)
    flags.DEFINE_integer("seed", 0, "master seed; scene i depends on (seed, i) only", lower_bound=0)
    flags.DEFINE_enum(
        "dataset",
        "synthetic",
        DATASETS,
        "synthetic = D_S; real_standin = a second rendered domain in place of photographs",
    )
    flags.DEFINE_integer("image_size", 640, "width and height in px (paper: 640)", lower_bound=32, upper_bound=4096)
    flags.DEFINE_float("people_mean", 9.0, "mean of the Poisson number of people (paper: 9)", lower_bound=0.0)
    flags.DEFINE_integer("people_min", 2, "least number of people (release: 2)", lower_bound=0)
    flags.DEFINE_enum(
        "camera", None, CAMERAS, "camera distribution; default paper for synthetic, standin for real_standin"
    )
    flags.DEFINE_enum("light", "hdri", LIGHTS, "environment pictures with a sun, or the release's spherical harmonics")
    flags.DEFINE_string(
        "backgrounds", "builtin", "builtin, a folder of photographs, or a text file with one path per line"
    )
    flags.DEFINE_string("body", "builtin", "builtin, or the path of SMPL+H model files")
    flags.DEFINE_string("poses", "builtin", "builtin, or a folder of AMASS .npz / BVH motion files")
    flags.DEFINE_enum("pose_split", "train", poses.SPLITS, "which part of the motion sequences to use")
    flags.DEFINE_integer("samples", 16, "Cycles samples per pixel", lower_bound=1)
    flags.DEFINE_bool("denoise", True, "denoise with OpenImageDenoise")
    flags.DEFINE_bool("write_depth", False, "also write depth/ (uint16 millimetres)")
    flags.DEFINE_integer("jpeg_quality", 95, "of the pictures", lower_bound=1, upper_bound=100)
    flags.DEFINE_enum("device", "CPU", DEVICES, "what Cycles computes on")
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


@dataclasses.dataclass(frozen=True)
class Run:
    """One call of this command.

    Attributes:
        job: what is made.
        engine: where it runs.
        num_images: images of the whole dataset.
        shard_index, num_shards: which of them this call makes.
    """

    job: Job
    engine: EngineConfig
    num_images: int
    shard_index: int = 0
    num_shards: int = 1

    @property
    def folder(self) -> Path:
        """The dataset."""
        return Path(self.job.folder)


def identity(job: Job) -> dict[str, Any]:
    """Returns the flags that decide the pictures: a dataset never mixes two values of one of them."""
    named = {**dataclasses.asdict(job.scenes), **dataclasses.asdict(job.render)}
    for name in ("dataset", "seed"):  # these have their own places in dataset.json
        del named[name]
    named["image_size"] = named.pop("width")
    del named["height"]
    return {**named, "backgrounds": job.photos.digest}


def render(run: Run) -> list[Failure]:
    """Makes the images of this shard that are missing, and returns those that failed."""
    config, folder = run.job.scenes, run.folder
    dataset.open_dataset(
        folder,
        config.dataset,
        config.seed,
        run.num_images,
        identity(run.job),
        licences(config, bool(run.job.environments)),
    )
    indices = list(engine.shard(run.num_images, run.shard_index, run.num_shards))
    todo = dataset.missing(folder, indices)
    if len(todo) < len(indices):
        logging.info("%s: %d of %d images are there, going on", folder, len(indices) - len(todo), len(indices))
    with Progress(len(indices), "rendering", "image", initial=len(indices) - len(todo)) as bar:

        def done(_: int, result: dict[str, float]) -> None:
            bar.update(1, f"{result['num_people']:.0f} people, {result['peak_mb']:.0f} MB")

        return engine.run(render_scene.render_index, run.job, todo, run.engine, done)


def finish(run: Run, failures: Sequence[Failure]) -> dict[str, Any]:
    """Writes the counts, the card, and the failures where there are any; returns the counts."""
    name = "failed.jsonl" if run.num_shards == 1 else f"failed-{run.shard_index:05d}-of-{run.num_shards:05d}.jsonl"
    path = run.folder / name
    if failures:
        lines = [json.dumps(dataclasses.asdict(failure)) + "\n" for failure in failures]
        files.write_bytes(path, "".join(lines).encode())
    else:
        path.unlink(missing_ok=True)
    counts = dataset.close_dataset(run.folder, range(run.num_images), dict(run.job.photos.dropped))
    if counts.get("images"):
        card.write_card(run.folder)
    return counts


def _run_from_flags(given: flags.FlagValues) -> Run:
    if given.shard_index >= given.num_shards:
        raise UserError(f"--shard_index={given.shard_index} must be below --num_shards={given.num_shards}")
    folder = files.writable_dir(given.output_dir)
    builtin = given.backgrounds == "builtin"
    photos = backgrounds.builtin_list(given.dataset) if builtin else _scan(given.backgrounds)
    scenes = SceneConfig(
        dataset=given.dataset,
        seed=given.seed,
        width=given.image_size,
        height=given.image_size,
        people_mean=given.people_mean,
        people_min=given.people_min,
        camera=given.camera or DEFAULT_CAMERA[given.dataset],
        light=given.light,
        body=given.body,
        poses=given.poses,
        pose_split=given.pose_split,
    )
    pixels = RenderConfig(given.samples, given.device, given.denoise, given.write_depth, given.jpeg_quality)
    job = Job(
        folder=str(folder.resolve()),
        scenes=scenes,
        render=pixels,
        photos=photos,
        environments=backgrounds.BUILTIN_ENVIRONMENTS[given.dataset] if builtin else (),
        environment_share=backgrounds.ENVIRONMENT_SHARE[given.dataset] if builtin else 0.0,
    )
    return Run(job, _engine_from_flags(given), given.num_images, given.shard_index, given.num_shards)


def _engine_from_flags(given: flags.FlagValues) -> EngineConfig:
    gpus = given.gpus_per_worker
    if gpus is None:
        gpus = 0.0 if given.device == "CPU" else 1.0
    if given.ray_address and given.num_workers == 0:
        raise UserError("--ray_address needs --num_workers: -1 uses all CPUs of the cluster")
    return EngineConfig(
        num_workers=given.num_workers,
        ray_address=given.ray_address,
        gpus_per_worker=gpus,
        tasks_per_worker=given.scenes_per_worker,
        pin=given.device == "CPU",
    )


def _scan(where: str) -> BackgroundList:
    found = backgrounds.scan(where)
    dropped = ", ".join(f"{count} {reason}" for reason, count in found.dropped) or "none"
    logging.info("--backgrounds=%s: %d photographs, dropped: %s", where, len(found.paths), dropped)
    return found


def main(argv: Sequence[str]) -> int:
    """Renders what is missing; exit code 1 if scenes failed."""
    if len(argv) > 1:
        raise UserError(f"unexpected argument {argv[1]!r}: all settings are --flag=value")
    run = _run_from_flags(flags.FLAGS)
    poses.load_poses(run.job.scenes.poses, body.load_body(run.job.scenes.body))  # fail here, not in a worker
    failures = render(run)
    counts = finish(run, failures)
    print(f"{run.folder}: {counts.get('images', 0)} images, {counts.get('people', 0)} people")
    if failures:
        print(f"{len(failures)} scenes failed in every attempt, see {run.folder}/failed*.jsonl")
    return 1 if failures else 0


if __name__ == "__main__":
    define_flags()
    cli.run(main)
