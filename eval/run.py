"""Runs the MPII benchmark's inference with an exported student and scores it.

Example:
    python -m eval.run --saved_model=exported --annotations=mpii_human_pose_v1_u12_1.mat --groups=groups_v12.mat \
        --images=mpii/images --split=val --output_dir=runs/benchmark
    python -m eval.run --saved_model=exported --annotations=demo/images --output_dir=runs/rendered

Leaves predictions.mat and .json (one entry per group), groundtruth.mat and .json, mpii.json (the scores) and people/
(everybody found in each image). Called again it resumes where it stopped; --region may change without a new inference.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags, logging

from eval.benchmark.entries import Entry, EntrySource, read_entries
from eval.formats import mpii_toolkit
from eval.formats.mpii_from_images import predictions_of_parts
from eval.formats.regions import RULES, RegionRule, parse_margins, restrict, rule_named
from eval.metrics import mpii_summary
from eval.metrics.groups import GroupPredictions
from openpose_tf.common import cli, config_flags, files
from openpose_tf.common.config_flags import option
from openpose_tf.common.errors import UserError
from openpose_tf.common.file_names import POSE_DESCRIPTION
from openpose_tf.common.fingerprints import canonical_json, fingerprint
from openpose_tf.common.folder_claim import FolderClaim
from openpose_tf.common.progress import Progress
from openpose_tf.config import Fidelity, mode_option
from openpose_tf.skeleton import MPI
from openpose_tf.weights import bundled

CLAIM = FolderClaim(
    "run.json",
    "the settings of a benchmark run",
    "give those again, remove the folder, or give a different --output_dir",
)


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """What to run.

    Attributes:
        source: where the groups come from.
        rule: which people of an image belong to the group.
    """

    source: EntrySource
    saved_model: str = option(
        dataclasses.MISSING,
        "Folder written by openpose_tf.export, file of its --weights, or a bundled student (builtin, builtin_real).",
        required=True,
    )
    output_dir: str = option(dataclasses.MISSING, "Folder of the results; a run found there is resumed.", required=True)
    mode: Fidelity = mode_option()
    factors: tuple[float, ...] | None = option(None, "Scale factors; default 0.7,1,1.3 (the benchmark's).")
    rule: RegionRule = RULES["openpose"]
    batch_size: int = option(4, "Images of like size that go through the network together.", low=1)
    size_step: int = option(
        8,
        "Images are padded to multiples of this many px (a multiple of 8): more of them share a size and a batch, "
        "which is faster on a GPU; 8 pads as the protocol.",
        low=8,
    )
    empty_groups: str = option(
        "toolkit", "Mode of the printed score, as in eval.mpii.", choices=tuple(mpii_summary.EMPTY_GROUP_RULES)
    )

    @property
    def student_path(self) -> Path:
        """Folder or file of the student."""
        return bundled.find(self.saved_model) or Path(self.saved_model)

    def __post_init__(self) -> None:
        if self.size_step % 8:
            raise UserError(f"--size_step={self.size_step} is not a multiple of 8")
        if self.factors and not all(0.05 <= factor <= 20 for factor in self.factors):
            raise UserError(f"--factors={','.join(map(str, self.factors))}: expected numbers between 0.05 and 20")


def run(options: RunOptions) -> dict[str, Any] | None:
    """Predicts, writes and scores; returns the scores, None where the people's joints are not published.

    Raises:
        UserError: wrong input, or the output folder holds a run with other settings.
    """
    entries = read_entries(options.source)
    model = _model_description(options.student_path)
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
    result = mpii_summary.summarize(mpii_summary.match_groups(truth, found), options.empty_groups)
    files.write_json(output / "mpii.json", result | {"settings": _settings(options, entries)})
    return result


def _model_description(path: Path) -> dict[str, Any]:
    """Returns what the student says of itself; of a SavedModel assets/pose.json, before TensorFlow is loaded."""
    if path.suffix == ".npz":
        from openpose_tf.inference import student_file

        return {"model": student_file.read_description(path)}
    folder = files.require_dir(path, "a SavedModel of openpose_tf.export")
    value = files.read_json(folder / "assets" / POSE_DESCRIPTION, "the description that openpose_tf.export writes")
    if not isinstance(value, dict) or "input_size" not in value.get("model", {}):
        raise UserError(f"{folder} is not a SavedModel of openpose_tf.export: export the student again")
    return dict(value)


def _settings(options: RunOptions, entries: Sequence[Entry]) -> dict[str, Any]:
    """Returns all that the people found in the images depend on."""
    rows = [[entry.truth.image, entry.region.scale, entry.region.width, entry.region.height] for entry in entries]
    return {
        "saved_model": _hash_files(options.student_path),
        "entries": fingerprint(canonical_json(rows)),
        "num_entries": len(entries),
        "split": options.source.split,
        "mode": str(options.mode),
        "factors": list(options.factors) if options.factors else None,
        "size_step": options.size_step,
        **({"orientation": options.source.orientation} if options.source.orientation != "stored" else {}),
    }


def _hash_files(saved_model: Path) -> str:
    if saved_model.is_file():
        return fingerprint(saved_model)
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
    predict = inference.BenchmarkPredictor(Predictor(options.student_path).maps, protocol)
    with Progress(len(entries), "benchmark", "groups", initial=len(entries) - len(missing)) as bar:
        for batch in inference.plan_batches(missing, protocol):
            for index, (keypoints, _) in zip(batch, predict([entries[index] for index in batch])):
                people = {"image": entries[index].truth.image, "keypoints": keypoints.astype(float).tolist()}
                files.write_json(_people_path(folder, index), people, indent=None)
                bar.update()


def _people_path(folder: Path, index: int) -> Path:
    return folder / f"{index:06d}.json"


def _restricted(entry: Entry, folder: Path, index: int, rule: RegionRule) -> GroupPredictions:
    value = files.read_json(_people_path(folder, index), "the people found in one image")
    keypoints = np.array(value["keypoints"], np.float64).reshape(-1, MPI.num_parts, 3)
    found = predictions_of_parts(keypoints, entry.truth.image)
    return found if entry.whole_image else restrict(found, entry.region, rule)


def define_flags() -> None:
    """Defines this command's flags."""
    config_flags.define(RunOptions)
    flags.DEFINE_enum("region", "openpose", list(RULES), "Which people of an image belong to the group.")
    flags.DEFINE_list("region_margins", None, "Other margins x,y of --region in pixels at group scale 1.")


def options_of(values: flags.FlagValues) -> RunOptions:
    """Returns the flags as options.

    Raises:
        UserError: a value is out of range.
    """
    rule = rule_named(values.region, parse_margins(values.region_margins))
    return config_flags.build(RunOptions, values, rule=rule)


def main() -> None:
    """Runs and prints the score table."""
    result = run(options_of(flags.FLAGS))
    if result is not None:
        print(mpii_summary.format_table(result))


if __name__ == "__main__":
    cli.run(main, define_flags)
