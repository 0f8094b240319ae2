"""Runs the MPII benchmark's inference with an exported student and scores it.

Example:
    python -m eval.run --saved_model=exported --annotations=mpii_human_pose_v1_u12_1.mat --groups=groups_v12.mat \
        --images=mpii/images --split=val --output_dir=runs/benchmark
    python -m eval.run --saved_model=exported --annotations=demo/images --output_dir=runs/rendered

Leaves predictions.mat and .json (one entry per group), groundtruth.mat and .json, mpii.json (the scores) and people/
(everybody found in each picture). Called again it goes on where it was; --region may change without a new inference.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags, logging

from eval.benchmark.entries import SPLITS, Entry, EntrySource, read_entries
from eval.formats import mpii_toolkit
from eval.formats.mpii_from_images import predictions_of_parts
from eval.formats.regions import RULES, RegionRule, parse_margins, restrict, rule_named
from eval.metrics import mpii_summary
from eval.metrics.groups import GroupPredictions
from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError
from openpose_tf.common.file_names import POSE_DESCRIPTION
from openpose_tf.common.fingerprints import canonical_json, fingerprint
from openpose_tf.common.folder_claim import FolderClaim
from openpose_tf.common.progress import Progress
from openpose_tf.skeleton import MPI

CLAIM = FolderClaim(
    "run.json",
    "the settings of a benchmark run",
    "give those again, remove the folder, or give a different --output_dir",
)


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """What to run.

    Attributes:
        saved_model: folder written by `openpose_tf.export`.
        source: where the groups come from.
        output_dir: folder of the results; a run found there goes on.
        mode: "paper" or "release" where they differ.
        factors: scale factors, or None for the mode's 0.7, 1, 1.3.
        rule: which people of a picture belong to the group.
        batch_size, size_step: see `benchmark.Protocol`.
        empty_groups: mode of the printed score, see eval.mpii.
    """

    saved_model: str
    source: EntrySource
    output_dir: str
    mode: str = "paper"
    factors: tuple[float, ...] | None = None
    rule: RegionRule = RULES["openpose"]
    batch_size: int = 4
    size_step: int = 8
    empty_groups: str = "toolkit"


def run(options: RunOptions) -> dict[str, Any] | None:
    """Predicts, writes and scores; returns the scores, None where the people's joints are not published.

    Raises:
        UserError: wrong input, or the output folder holds a run with other settings.
    """
    entries = read_entries(options.source)
    model = _model_description(options.saved_model)
    output = files.writable_dir(options.output_dir)
    CLAIM.claim(output, _settings(options, entries))
    _predict_missing(options, entries, model, output / "people")
    found = [_restricted(entry, output / "people", index, options.rule) for index, entry in enumerate(entries)]
    truth = [entry.truth for entry in entries]
    for suffix in ("mat", "json"):
        mpii_toolkit.write_predictions(output / f"predictions.{suffix}", found)
        mpii_toolkit.write_truth(output / f"groundtruth.{suffix}", truth)
    if all(np.isnan(group.xy).all() for group in truth):
        logging.info("no joints are annotated, so there is no score; predictions in %s", output)
        return None
    result = mpii_summary.summarise(mpii_summary.match_groups(truth, found), options.empty_groups)
    files.write_json(output / "mpii.json", result | {"settings": _settings(options, entries)})
    return result


def _model_description(saved_model: str) -> dict[str, Any]:
    """Returns assets/pose.json of a SavedModel, before TensorFlow is loaded."""
    folder = files.require_dir(saved_model, "a SavedModel of openpose_tf.export")
    value = files.read_json(folder / "assets" / POSE_DESCRIPTION, "the description that openpose_tf.export writes")
    if not isinstance(value, dict) or "input_size" not in value.get("model", {}):
        raise UserError(f"{folder} is not a SavedModel of openpose_tf.export: export the student again")
    return dict(value)


def _settings(options: RunOptions, entries: Sequence[Entry]) -> dict[str, Any]:
    """Returns all that the people found in the pictures depend on."""
    rows = [[entry.truth.image, entry.region.scale, entry.region.width, entry.region.height] for entry in entries]
    return {
        "saved_model": _hash_files(Path(options.saved_model)),
        "entries": fingerprint(canonical_json(rows)),
        "num_entries": len(entries),
        "split": options.source.split,
        "mode": options.mode,
        "factors": list(options.factors) if options.factors else None,
        "size_step": options.size_step,
    }


def _hash_files(saved_model: Path) -> str:
    paths = sorted(path for path in saved_model.rglob("*") if path.is_file())
    return fingerprint(*(part for path in paths for part in (path.relative_to(saved_model).as_posix(), path)))


def _predict_missing(options: RunOptions, entries: Sequence[Entry], model: dict[str, Any], folder: Path) -> None:
    """Predicts the entries that have no file yet; one file per entry, so that a killed run loses one batch."""
    folder.mkdir(exist_ok=True)
    missing = {index: entry for index, entry in enumerate(entries) if not _people_path(folder, index).exists()}
    if not missing:
        return
    from eval.benchmark import inference  # TensorFlow, after the cheap checks
    from openpose_tf.inference import multi_scale
    from openpose_tf.inference.predictor import Predictor

    input_size = int(model["model"]["input_size"])
    config = dataclasses.replace(multi_scale.CONFIGS[options.mode], min_side=input_size)
    if options.factors:
        config = dataclasses.replace(config, factors=options.factors)
    protocol = inference.Protocol(config, input_size, options.size_step, options.batch_size)
    predict = inference.BenchmarkPredictor(Predictor(options.saved_model).maps, protocol)
    with Progress(len(entries), "benchmark", "groups", initial=len(entries) - len(missing)) as bar:
        for batch in inference.plan_batches(missing, protocol):
            for index, (keypoints, _) in zip(batch, predict([entries[index] for index in batch])):
                people = {"image": entries[index].truth.image, "keypoints": keypoints.astype(float).tolist()}
                files.write_json(_people_path(folder, index), people, indent=None)
                bar.update()


def _people_path(folder: Path, index: int) -> Path:
    return folder / f"{index:06d}.json"


def _restricted(entry: Entry, folder: Path, index: int, rule: RegionRule) -> GroupPredictions:
    value = files.read_json(_people_path(folder, index), "the people found in one picture")
    keypoints = np.array(value["keypoints"], np.float64).reshape(-1, MPI.num_parts, 3)
    found = predictions_of_parts(keypoints, entry.truth.image)
    return found if entry.whole_image else restrict(found, entry.region, rule)


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("saved_model", None, "Folder written by openpose_tf.export.", required=True)
    flags.DEFINE_string(
        "annotations",
        None,
        "MPII's annotation .mat (RELEASE), toolkit ground truth (.mat or .json), or an image dataset folder (each "
        "image with people is one group, nobody is dropped).",
        required=True,
    )
    flags.DEFINE_string("images", None, "Folder of the pictures; not for an image dataset.")
    flags.DEFINE_enum("split", "val", list(SPLITS), "Groups of the annotation .mat; other sources are run whole.")
    flags.DEFINE_string("groups", None, "groups_v12.mat of the MPII toolkit, for the annotation .mat.")
    flags.DEFINE_string(
        "validation",
        None,
        "Validation split: validation_groups.json or validation_images.txt of openpose_tf.data.to_tfrecords, or JSON "
        "with im_name. Default: random training groups by --seed.",
    )
    flags.DEFINE_integer("num_validation_groups", 343, "Random validation groups (paper: 343).", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "Seed of the random validation groups, as given to to_tfrecords.", lower_bound=0)
    flags.DEFINE_string("image_names", None, "Image names for a toolkit .mat without: text, or JSON with im_name.")
    flags.DEFINE_string("output_dir", None, "Folder of the results; a run found there goes on.", required=True)
    flags.DEFINE_enum("mode", "paper", ["paper", "release"], "Which decoding where paper and released code differ.")
    flags.DEFINE_list("factors", None, "Scale factors; default 0.7,1,1.3 (the benchmark's).")
    flags.DEFINE_enum("region", "openpose", list(RULES), "Which people of a picture belong to the group.")
    flags.DEFINE_list("region_margins", None, "Other margins x,y of --region in pixels at group scale 1.")
    flags.DEFINE_integer("batch_size", 4, "Pictures of like size that go through the network together.", lower_bound=1)
    flags.DEFINE_integer(
        "size_step",
        8,
        "Pictures are padded to multiples of this many px (a multiple of 8): more of them share a size and a batch, "
        "which is faster on a GPU; 8 pads as the protocol.",
        lower_bound=8,
    )
    flags.DEFINE_enum(
        "empty_groups", "toolkit", list(mpii_summary.EMPTY_GROUP_RULES), "Mode of the printed score, as in eval.mpii."
    )


def options_of(values: flags.FlagValues) -> RunOptions:
    """Returns the flags as options.

    Raises:
        UserError: a value is out of range.
    """
    if values.size_step % 8:
        raise UserError(f"--size_step={values.size_step} is not a multiple of 8")
    try:
        factors = tuple(float(value) for value in values.factors) if values.factors else None
    except ValueError:
        factors = (0.0,)
    if factors and not all(0.05 <= factor <= 20 for factor in factors):
        raise UserError(f"--factors={','.join(values.factors)}: expected numbers between 0.05 and 20")
    source = EntrySource(
        annotations=values.annotations,
        images=values.images,
        split=values.split,
        groups=values.groups,
        validation=values.validation,
        num_validation_groups=values.num_validation_groups,
        seed=values.seed,
        image_names=values.image_names,
    )
    return RunOptions(
        saved_model=values.saved_model,
        source=source,
        output_dir=values.output_dir,
        mode=values.mode,
        factors=factors,
        rule=rule_named(values.region, parse_margins(values.region_margins)),
        batch_size=values.batch_size,
        size_step=values.size_step,
        empty_groups=values.empty_groups,
    )


def main(argv: Sequence[str]) -> None:
    """Runs and prints the score table."""
    if len(argv) > 1:
        raise UserError(f"unexpected argument {argv[1]!r}: every option is --flag=value")
    result = run(options_of(flags.FLAGS))
    if result is not None:
        print(mpii_summary.format_table(result))


if __name__ == "__main__":
    define_flags()
    cli.run(main)
