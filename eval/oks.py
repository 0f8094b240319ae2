"""Scores predicted people with COCO's object keypoint similarity: mean and per joint.

Example:
    python -m eval.oks --predictions=predictions --groundtruth=demo/images --output_file=oks.json
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from eval.formats import coco_results, oks_truth, turned_results
from eval.formats.mpii_inputs import read_groups
from eval.formats.oks_from_mpii import oks_images
from eval.formats.prediction_json import read_predictions
from eval.metrics import oks as oks_metric
from eval.metrics.groups import check_same_groups
from eval.metrics.mpii import EVALUATED_JOINTS
from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging.orientation import ORIENTATION_HELP, ORIENTATIONS, Orientation
from openpose_tf.data.annotations import splits
from openpose_tf.skeleton import MPI, MPII_JOINTS

LIMB_JOINTS = tuple(part for part in MPI.parts if part[:2] in ("l_", "r_"))
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


def evaluate(
    predictions_dir: str,
    groundtruth: str,
    joints: str = "auto",
    sigma_set: str = "recommended",
    only_predicted: bool = False,
    orientation: Orientation = "stored",
    include_list: str | None = None,
) -> dict[str, Any]:
    """Returns the OKS numbers of a folder of predictions against a ground truth.

    Args:
        predictions_dir: folder of prediction JSON files, or a COCO result list, see `coco_results.parse`.
        groundtruth: image dataset folder, COCO keypoint JSON, or MPII toolkit ground truth (.mat, .json); with the
            last, predictions may be a toolkit file as well.
        joints: see `choose_joints`.
        sigma_set: a name of SIGMA_SETS.
        only_predicted: leave out ground-truth images without a prediction file; else their people count as missed.
        orientation: that annotations were made for where a photograph's EXIF tag and size do not decide it.
        include_list: text file of the images that count, by id or file name; None: all.
    """
    truth = oks_truth.read_truth(groundtruth)
    if truth is None:
        if include_list:
            raise UserError("--include_list needs an image dataset or a COCO file as --groundtruth")
        require_toolkit_file(groundtruth)
        return evaluate_toolkit(predictions_dir, groundtruth, joints, sigma_set)
    if include_list:
        truth = truth.only(splits.read_list(include_list), include_list)
    predictions = read_predictions(predictions_dir, lambda rows, path: coco_results.parse(rows, path, truth.names))
    common = [key for key in truth.images if key in predictions]
    if not common:
        raise UserError(
            f"no prediction in {predictions_dir} belongs to an image of {groundtruth} (such as "
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
    sigmas = _sigmas(sigma_set, names)
    keys = common if only_predicted else list(truth.images)
    result = score(oks_truth.join(truth, predictions, names, keys), names, sigmas)
    result.update(
        sigmas=sigma_set,
        images_without_prediction=sum(key not in predictions for key in truth.images),
        images_without_prediction_counted=not only_predicted,
        predictions_without_groundtruth=sum(key not in truth.images for key in predictions),
    )
    return result


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
    return "\n".join(lines)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string(
        "predictions", None, "Folder of prediction JSON (openpose_tf.predict), or a COCO result list.", required=True
    )
    flags.DEFINE_string(
        "groundtruth", None, "Image dataset folder, COCO keypoint JSON, or MPII groups (.mat, .json).", required=True
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
    result = evaluate(f.predictions, f.groundtruth, f.joints, f.sigmas, f.only_predicted, f.orientation, f.include_list)
    files.write_json(f.output_file, result)
    print(format_table(result))


if __name__ == "__main__":
    cli.run(main, define_flags)
