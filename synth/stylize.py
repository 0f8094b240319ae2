r"""Makes D_Style from D_M: rendered people take the look of the real ones.

The synthetic people of every image take the look of the real people in the photograph behind them; no other pixel
changes (paper Sec. 3.4). The default needs no weights but those of `make models`, which find the real people.

    python -m synth.stylize --input_dir=D_M --output_dir=D_Style
    python -m synth.stylize --input_dir=D_M --output_dir=D_Style --stylizer=photowct --weights=photo_wct.pth
    python -m synth.stylize --input_dir=D_M --output_dir=D_Style --person_segmenter=tfod \
        --tfod_model=mask_rcnn/saved_model
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags, logging

from openpose_tf.common import cli, config_flags, files
from openpose_tf.common.errors import UserError
from openpose_tf.common.fingerprints import canonical_json, fingerprint
from openpose_tf.common.imaging import images
from openpose_tf.data.annotations import image_dataset_schema as schema
from openpose_tf.data.annotations.image_dataset import read_header
from openpose_tf.data.annotations.store import listing
from synth.dataset import completeness, shards, writer
from synth.dataset.index import STYLE
from synth.stylization import stylize_image
from synth.stylization.pipeline import StyleConfig
from synth.stylization.stylize_image import StyleJob, Tools
from synth.stylization.stylizers import STYLIZERS, find_weights, load_stylizer
from synth.workers.engine import EngineConfig, Failure


@dataclasses.dataclass(frozen=True)
class StyleRun:
    """One call of this command.

    Attributes:
        job: what is made.
        engine: where it runs, and which images this call makes.
    """

    job: StyleJob
    engine: EngineConfig = dataclasses.field(default_factory=EngineConfig)


def stylize(run: StyleRun) -> list[Failure]:
    """Makes the images of this shard that are missing, and returns those that failed.

    Raises:
        UserError: the source is not a mixed dataset, photographs are missing, or the output was made differently.
    """
    job = run.job
    header = require_mixed(job.source)
    num_images = int(header["num_images"])
    shard = run.engine.shard(num_images)
    ready = sorted(completeness.complete(job.source, shard))
    if len(ready) < len(shard):
        logging.warning("%s: %d of %d images are not rendered yet", job.source, len(shard) - len(ready), len(shard))
    require_photos(job, sorted(set(ready) - completeness.complete(job.output, ready)))
    load_stylizer(job.tools.stylizer, job.tools.weights)  # fail here, not in a worker
    stylize_image.load_segmenter(job.tools)
    writer.open_dataset(
        job.output,
        "stylized",
        int(header["seed"]),
        num_images,
        identity(job, header),
        licences(job, header),
        [package for package in header.get("versions", {}) if package != "python"],
    )
    return shards.make_missing(job.output, ready, num_images, stylize_image.stylize_image, job, run.engine, "stylizing")


def require_mixed(folder: Path) -> dict[str, Any]:
    """Returns dataset.json of a mixed dataset.

    Raises:
        UserError: it is something else.
    """
    header = read_header(folder)
    if header["kind"] != "mixed":
        raise UserError(
            f"{folder} is a {header['kind']} dataset: only a mixed one (python -m synth.render --dataset=mixed) has "
            "photographs of real people behind its synthetic ones"
        )
    return header


def require_photos(job: StyleJob, indices: Sequence[int]) -> None:
    """Checks that the photographs behind images are there and can be read.

    Raises:
        UserError: some are not; names ten of them.
    """
    photos = {stylize_image.photo_path(stylize_image.read_annotation(job.source, index), job) for index in indices}
    missing = sorted(str(photo) for photo in photos if not photo.is_file())
    if missing:
        raise UserError(
            f"{len(missing)} of {len(photos)} photographs behind {job.source} do not exist, such as "
            f"{', '.join(missing[:10])}: give their folder with --photos_dir"
        )
    unreadable = images.find_unreadable(sorted(photos))
    if unreadable:
        named = ", ".join(f"{photo} ({problem})" for photo, problem in list(unreadable.items())[:10])
        raise UserError(f"{len(unreadable)} of {len(photos)} photographs cannot be read: {named}: copy them again")


def identity(job: StyleJob, header: dict[str, Any]) -> dict[str, Any]:
    """Returns what decides the images: an output never mixes two values of one of them."""
    tools = job.tools
    kept = {name: header.get(name) for name in ("schema", "kind", "seed", "flags")}
    source = fingerprint(canonical_json(kept))
    network = {"builtin": None, "tfod": tools.tfod_model, "groundtruth": tools.groundtruth}[tools.person_segmenter]
    return {
        "input": source,
        "stylizer": tools.stylizer,
        "weights": _weights_fingerprint(tools.weights),
        "smoother": tools.smoother,
        "person_segmenter": tools.person_segmenter,
        "person_segmenter_files": _weights_fingerprint(network),
        "image_format": job.image_format,
        **dataclasses.asdict(job.config),
    }


def licences(job: StyleJob, header: dict[str, Any]) -> list[Any]:
    """Returns the source's licences and that of the transfer."""
    kind = STYLIZERS[job.tools.stylizer]
    return [*header.get("licences", []), {"part": "style transfer", "source": kind.origin, "licence": kind.licence}]


def _weights_fingerprint(path: Path | None) -> str | None:
    """Returns a hash of a file's content, or of the names and sizes of a folder's files; None for None."""
    if path is None or not path.is_dir():
        return None if path is None else fingerprint(path)
    held = sorted(file for file in path.rglob("*") if file.is_file())
    return fingerprint(*(f"{file.relative_to(path)} {file.stat().st_size}\n" for file in held))


def finish(run: StyleRun, failures: Sequence[Failure]) -> dict[str, Any]:
    """Writes the counts into dataset.json, and the failures where there are any; returns the counts."""
    job = run.job
    shards.write_failures(job.output, failures, run.engine)
    header = read_header(job.output)
    is_last = run.engine.num_shards == 1 or listing.count(job.output) >= int(header["num_images"])
    found = writer.close_dataset(job.output, {}, pack=is_last)
    header = read_header(job.output)
    counts = header["counts"] | {"style": {**found.group(STYLE), "reasons": found.group(f"{STYLE}_reasons")}}
    files.write_json(job.output / schema.HEADER, header | {"counts": counts})
    return dict(counts)


def run_of(given: flags.FlagValues) -> StyleRun:
    """Returns what the flags ask for.

    Raises:
        UserError: flags that contradict each other, or files that are missing.
    """
    workers = config_flags.build(
        EngineConfig, given, gpus_per_worker=given.gpus_per_worker, tasks_per_worker=given.images_per_worker
    )
    tools = config_flags.build(Tools, given)
    strength = STYLIZERS[tools.stylizer].strength if given.strength is None else given.strength
    config = config_flags.build(StyleConfig, given, strength=strength)
    job = config_flags.build(StyleJob, given, tools=tools, config=config)
    if job.source == job.output:
        raise UserError("--output_dir must be another folder than --input_dir")
    header = require_mixed(job.source)
    weights = find_weights(tools.stylizer, tools.weights, tools.models_dir)
    files.writable_dir(job.output)
    quality = int(header.get("flags", {}).get("jpeg_quality", stylize_image.DEFAULT_JPEG_QUALITY))
    job = dataclasses.replace(job, tools=dataclasses.replace(tools, weights=weights), jpeg_quality=quality)
    return StyleRun(job, workers)


def main() -> int:
    """Stylizes what is missing; exit code 1 if images failed."""
    run = run_of(flags.FLAGS)
    failures = stylize(run)
    style = finish(run, failures)["style"]
    print(
        f"{run.job.output}: {style.get('images_stylized', 0)} images with {style.get('people_stylized', 0)} synthetic "
        f"people stylized, {style.get('images_left', 0)} with {style.get('people_left', 0)} left as they were"
    )
    for reason, count in style["reasons"].items():
        print(f"  {count} images: {reason}")
    if failures:
        print(f"{len(failures)} images failed in every attempt, see {run.job.output}/failed*.jsonl")
    return 1 if failures else 0


def define_flags() -> None:
    """Defines this command's flags."""
    config_flags.define(StyleJob, EngineConfig)
    flags.DEFINE_alias("input", "input_dir")
    flags.DEFINE_alias("output", "output_dir")
    default = ", ".join(f"{kind.strength:g} for {name}" for name, kind in STYLIZERS.items())
    flags.DEFINE_float("strength", None, f"share of the change, 0..1; default {default}", 0, 1)
    flags.DEFINE_float("gpus_per_worker", 0.0, "GPUs per worker", lower_bound=0.0)
    flags.DEFINE_integer(
        "images_per_worker", 1000, "a worker process is replaced after this many images", lower_bound=1
    )


if __name__ == "__main__":
    cli.run(main, define_flags)
