"""Scores predicted people with COCO's object keypoint similarity: mean and per joint.

Example:
    python -m eval.oks --predictions=predictions --groundtruth=demo/images --output_file=oks.json
    python -m eval.oks --predictions=after --baseline=before --groundtruth=held_out --output_file=oks.json
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from eval.formats import coco_results, oks_truth, turned_results
from eval.formats.mpii_inputs import read_groups
from eval.formats.oks_from_mpii import oks_images
from eval.formats.prediction_json import read_predictions
from eval.metrics import oks as oks_metric
from eval.metrics import oks_pairs
from eval.metrics.groups import check_same_groups
from eval.metrics.mpii import EVALUATED_JOINTS
from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging.orientation import ORIENTATION_HELP, ORIENTATIONS, Orientation
from openpose_tf.data.annotations import splits
from openpose_tf.skeleton import MPI, MPII_JOINTS

LIMB_JOINTS = tuple(part for part in MPI.parts if part[:2] in ("l_", "r_"))
PITCH_EDGES_DEG = (0, 12, 24, 36, 90)  # the stand-in has 0 to 12 degrees, D_S 0 to 45
JOINT_SETS = {"limbs": LIMB_JOINTS, "mpii14": MPI.parts[:14], "parts15": MPI.parts}


def choose_joints(request: str, available: Sequence[str]) -> tuple[str, ...]:
    """Returns the evaluated joints, in the order of the MPI parts.

    Args:
        request: "auto" (the 14 evaluated MPII joints as far as the ground truth has them: 14 of an image dataset,
            12 limb joints of COCO), a name of JOINT_SETS, or joint names with commas.
        available: joints of the ground truth.

    Raises:
        UserError: an unknown joint, or one that the ground truth does not have.
    """
    if request == "auto":
        joints = tuple(part for part in MPI.parts[:14] if part in available)
        if not joints:
            raise UserError(f"the ground truth has none of the 14 joints, only {', '.join(available)}")
        return joints
    wanted = JOINT_SETS.get(request) or tuple(name.strip() for name in request.split(","))
    for name in wanted:
        if name not in MPI.parts:
            known = ", ".join(["auto", *JOINT_SETS, *MPI.parts])
            raise UserError(f"--joints: unknown joint {name!r}: use one of {known}")
        if name not in available:
            raise UserError(f"--joints: the ground truth has no {name}; it has {', '.join(available)}")
    return tuple(part for part in MPI.parts if part in wanted)


def score(images: Sequence[oks_metric.OksImage], joints: Sequence[str], sigmas: np.ndarray) -> dict[str, Any]:
    """Returns all OKS numbers of images as plain JSON values (null where undefined).

    `per_joint` holds, for each joint: `AP` and `AR` of COCO's evaluation run on this joint alone (its own score sorts
    the detections), `similarity` = mean over the people found at OKS 0.5 with all joints (a joint not found counts 0),
    and `labelled` = number of counted people with this joint.
    """
    total = oks_metric.evaluate(images, sigmas)
    similarity = oks_metric.joint_similarities(images, total, sigmas)
    per_joint = {}
    for index, joint in enumerate(joints):
        alone = [image.joint(index) for image in images]
        stats = oks_metric.evaluate(alone, sigmas[index : index + 1]).stats
        per_joint[joint] = {
            "AP": _number(stats["AP"]),
            "AR": _number(stats["AR"]),
            "similarity": _number(similarity[index]),
            "labelled": int(sum(image.gt_counted.sum() for image in alone)),
        }
    return {
        **{name: _number(value) for name, value in total.stats.items()},
        "per_joint": per_joint,
        "joints": list(joints),
        "num_images": len(images),
        "num_people": int(sum(image.gt_counted.sum() for image in images)),
        "num_ignored_people": int(sum((~image.gt_counted).sum() for image in images)),
        "num_predicted_people": int(sum(len(image.dt_scores) for image in images)),
        "num_matched_people": len(total.matches),
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


class Scorable(NamedTuple):
    """Images ready to be scored.

    Attributes:
        ids: of each, in its data set.
        images: ground truth and predictions of each.
        joints: of both.
        pitches_deg: camera pitch of each, None where it is not known.
        counts: what was left out, for the result.
    """

    ids: list[str]
    images: list[oks_metric.OksImage]
    joints: tuple[str, ...]
    pitches_deg: list[float | None]
    counts: dict[str, int]


def evaluate(
    predictions: str | Sequence[str],
    groundtruth: str | Sequence[str],
    joints: str = "auto",
    sigma_set: str = "recommended",
    only_predicted: bool = False,
    orientation: Orientation = "stored",
    baseline: Sequence[str] = (),
    include_list: str | None = None,
) -> dict[str, Any]:
    """Returns the OKS numbers of predictions against a ground truth.

    Args:
        predictions: folder of prediction JSON files, or a COCO result list, see `coco_results.parse`; or several.
        groundtruth: image dataset folder, COCO keypoint JSON, or MPII toolkit ground truth (.mat, .json), one per
            entry of `predictions`; with the last, alone, predictions may be a toolkit file as well.
        joints: see `choose_joints`.
        sigma_set: a name of SIGMA_SETS.
        only_predicted: leave out ground-truth images without a prediction file; else their people count as missed.
        orientation: that annotations were made for where a photograph's EXIF tag and size do not decide it.
        baseline: predictions of another student for the same images; adds `baseline` and `by_camera_pitch`.
        include_list: text file of the images that count, by id or file name; None: all.

    Raises:
        UserError: files that do not fit each other, or of no known format.
    """
    paths, truths = ([value] if isinstance(value, str) else list(value) for value in (predictions, groundtruth))
    if len(paths) != len(truths) or len(baseline) not in (0, len(truths)):
        raise UserError("give as many --predictions, and --baseline if any, as --groundtruth, in the same order")
    if len(paths) == 1 and not baseline and oks_truth.read_truth(truths[0]) is None:
        if include_list:
            raise UserError("--include_list needs an image dataset or a COCO file as --groundtruth")
        require_toolkit_file(truths[0])
        return evaluate_toolkit(paths[0], truths[0], joints, sigma_set)
    found = _scorable(paths, truths, joints, only_predicted, orientation, include_list)
    sigmas = _sigmas(sigma_set, found.joints)
    result = score(found.images, found.joints, sigmas)
    result.update(sigmas=sigma_set, images_without_prediction_counted=not only_predicted, **found.counts)
    if baseline:
        before = _scorable(baseline, truths, joints, only_predicted, orientation, include_list)
        result.update(compare(before, found, sigmas))
    return result


def compare(before: Scorable, after: Scorable, sigmas: np.ndarray) -> dict[str, Any]:
    """Returns AP before and after on the same images: all with the paired 95 % interval, and by camera pitch.

    Raises:
        UserError: the predictions are of other images.
    """
    if before.ids != after.ids:
        alone = sorted(set(before.ids) ^ set(after.ids))
        raise UserError(
            f"--baseline has {len(before.ids)} images, --predictions {len(after.ids)}, and {len(alone)} are in one of "
            f"them only, such as {alone[:1]}: predict the same"
        )
    first, second = (oks_pairs.match_images(side.images, sigmas) for side in (before, after))
    gain = oks_pairs.difference(first, second)
    rows = []
    for low, high in itertools.pairwise(PITCH_EDGES_DEG):
        chosen = [i for i, pitch in enumerate(after.pitches_deg) if pitch is not None and low <= pitch < high]
        values = [oks_pairs.average_precision([side[i] for i in chosen]) for side in (first, second)]
        people = sum(second[i].num_people for i in chosen)
        if people:
            rows.append({"low": low, "high": high, "pictures": len(chosen), "people": people, "AP": values})
    baseline = {"AP": _number(oks_pairs.average_precision(first)), "difference": gain.value}
    interval = {"low": _number(gain.low), "high": _number(gain.high), "draws": gain.num_draws}
    return {"baseline": baseline | interval, "by_camera_pitch": rows}


def _scorable(
    predictions: Sequence[str],
    groundtruth: Sequence[str],
    joints: str,
    only_predicted: bool,
    orientation: Orientation,
    include_list: str | None,
) -> Scorable:
    """Returns the images of all pairs of predictions and ground truth, one after the other."""
    parts = [
        _scorable_pair(*pair, joints, only_predicted, orientation, include_list)
        for pair in zip(predictions, groundtruth, strict=True)
    ]
    if len({part.joints for part in parts}) > 1:
        raise UserError("--groundtruth: data sets with different joints cannot be scored as one: give --joints")
    counts = {name: sum(part.counts[name] for part in parts) for name in parts[0].counts}
    images = [image for part in parts for image in part.images]
    ids, pitches = (list(itertools.chain(*values)) for values in zip(*((part.ids, part.pitches_deg) for part in parts)))
    return Scorable(ids, images, parts[0].joints, pitches, counts)


def _scorable_pair(
    predictions_path: str,
    groundtruth: str,
    joints: str,
    only_predicted: bool,
    orientation: Orientation,
    include_list: str | None,
) -> Scorable:
    truth = oks_truth.read_truth(groundtruth)
    if truth is None:
        raise UserError(f"{groundtruth}: expected an image dataset folder or a COCO keypoint file")
    if include_list:
        truth = truth.only(splits.read_list(include_list), include_list)
    predictions = read_predictions(predictions_path, lambda rows, path: coco_results.parse(rows, path, truth.names))
    common = [key for key in truth.images if key in predictions]
    if not common:
        raise UserError(
            f"no prediction in {predictions_path} belongs to an image of {groundtruth} (such as "
            f"{next(iter(predictions))!r} against {next(iter(truth.images), 'none')!r}): predict on its images"
        )
    predictions |= turned_results.as_annotated(
        {key: predictions[key] for key in common},
        {key: truth.images[key].size for key in common},
        {key: truth.images[key].keypoints for key in common},
        truth.joints,
        orientation,
    )
    names = choose_joints(joints, truth.joints)
    keys = common if only_predicted else list(truth.images)
    counts = {
        "images_without_prediction": sum(key not in predictions for key in truth.images),
        "predictions_without_groundtruth": sum(key not in truth.images for key in predictions),
    }
    pitches = [truth.images[key].pitch_deg for key in keys]
    return Scorable(list(keys), oks_truth.join(truth, predictions, names, keys), names, pitches, counts)


def require_toolkit_file(path: str) -> None:
    """Checks that a ground truth is in the form of the MPII toolkit: .mat, or JSON of groups.

    Raises:
        UserError: it is in no form that can be evaluated.
    """
    if Path(path).suffix.lower() == ".mat":
        return
    what = "an image dataset folder, a COCO keypoint file, or MPII toolkit ground truth"
    value = files.read_json(path, what)
    images = value.get("images") if isinstance(value, dict) else None
    if not isinstance(images, list) or not any(isinstance(image, dict) and "gt" in image for image in images):
        raise UserError(f"{path} is not {what}")


def evaluate_toolkit(predictions: str, groundtruth: str, joints: str, sigma_set: str) -> dict[str, Any]:
    """Returns the OKS numbers of MPII groups; joints are MPII's 14 evaluated ones or names of MPII joints."""
    truth, found = read_groups(groundtruth, predictions)
    check_same_groups(truth, found)
    if joints in ("auto", "mpii14"):
        ids = [joint for joint in range(len(MPII_JOINTS)) if joint in EVALUATED_JOINTS]
    else:
        wanted = MPII_JOINTS if joints == "mpii16" else [name.strip() for name in joints.split(",")]
        unknown = [name for name in wanted if name not in MPII_JOINTS]
        if unknown:
            raise UserError(f"--joints: unknown MPII joint {unknown[0]!r}: use auto, mpii16, {', '.join(MPII_JOINTS)}")
        ids = [MPII_JOINTS.index(name) for name in wanted]
    names = [MPII_JOINTS[joint] for joint in ids]
    result = score(oks_images(truth, found, ids), names, _sigmas(sigma_set, names))
    empty = sum(len(entry.xy) == 0 for entry in found)
    result.update(
        sigmas=sigma_set,
        images_without_prediction=empty,
        images_without_prediction_counted=True,
        predictions_without_groundtruth=0,
    )
    return result


def _sigmas(set_name: str, joints: Sequence[str]) -> np.ndarray:
    try:
        return oks_metric.sigmas_of(set_name, joints)
    except KeyError as error:
        raise UserError(f"--sigmas={set_name} has no value for {error}: choose other --joints or --sigmas") from None


def format_table(result: dict[str, Any]) -> str:
    """Returns the numbers as lines of text, in percent."""
    lines = [
        f"images {result['num_images']}, people {result['num_people']} (+ {result['num_ignored_people']} ignored), "
        f"predicted {result['num_predicted_people']}, matched at OKS 0.5 {result['num_matched_people']}",
        f"images without prediction {result['images_without_prediction']} "
        f"({'counted as missed' if result['images_without_prediction_counted'] else 'left out'}), "
        f"predictions without ground truth {result['predictions_without_groundtruth']} (left out)",
        "  ".join(f"{name} {_percent(result[name])}" for name in oks_metric.STAT_NAMES),
        f"{'joint':12s}{'AP':>7s}{'AR':>7s}{'similarity':>12s}{'labelled':>10s}",
    ]
    for joint, row in result["per_joint"].items():
        lines.append(
            f"{joint:12s}{_percent(row['AP']):>7s}{_percent(row['AR']):>7s}"
            f"{_percent(row['similarity']):>12s}{row['labelled']:10d}"
        )
    if "baseline" in result:
        lines.append(_gain(result))
        rows = result["by_camera_pitch"]
        lines += [f"pitch {r['low']:2d} to {r['high']:2d} deg: {' -> '.join(map(_percent, r['AP']))}" for r in rows]
    return "\n".join(lines)


def _gain(result: dict[str, Any]) -> str:
    """Returns the difference to the baseline in words."""
    row = result["baseline"]
    return (
        f"AP {_percent(row['AP'])} -> {_percent(result['AP'])}, difference {100 * row['difference']:+.1f} "
        f"[{_percent(row['low'])}, {_percent(row['high'])}] (95 %, paired over images)"
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_multi_string(
        "predictions",
        None,
        "Folder of prediction JSON (openpose_tf.predict), or a COCO result list. Several, each with its --groundtruth, "
        "are scored as one set.",
        required=True,
    )
    flags.DEFINE_multi_string(
        "groundtruth", None, "Image dataset folder, COCO keypoint JSON, or MPII groups (.mat, .json).", required=True
    )
    flags.DEFINE_multi_string(
        "baseline",
        [],
        "Predictions of another student for the same images: adds the paired difference of AP with its 95 % interval, "
        "and both APs by camera pitch.",
    )
    flags.DEFINE_string("output_file", None, "JSON file for the numbers.", required=True)
    flags.DEFINE_alias("output", "output_file")
    flags.DEFINE_string(
        "joints",
        "auto",
        "auto (the 14 evaluated MPII joints that the ground truth has; COCO: 12 limb joints), limbs, mpii14, parts15, "
        "or joint names with commas.",
    )
    flags.DEFINE_enum("sigmas", "recommended", sorted(oks_metric.SIGMA_SETS), "Set of per-joint sigmas.")
    flags.DEFINE_bool("only_predicted", False, "Leave out images without a prediction instead of counting misses.")
    flags.DEFINE_enum("orientation", "stored", ORIENTATIONS, ORIENTATION_HELP)
    flags.DEFINE_string(
        "include_list",
        None,
        "Text file: only these images count (ids or file names), such as the holdout_images.txt of to_tfrecords.",
    )


def main() -> None:
    """Scores, prints the table, writes the JSON."""
    f = flags.FLAGS
    result = evaluate(
        f.predictions, f.groundtruth, f.joints, f.sigmas, f.only_predicted, f.orientation, f.baseline, f.include_list
    )
    files.write_json(f.output_file, result)
    print(format_table(result))


if __name__ == "__main__":
    cli.run(main, define_flags)
