"""The small file that each finished row and seed of the study leaves: enough to make all tables and intervals again.

It holds the matching of every validation picture (labels, scores, annotated joints), so that AP, AP by visibility, AP
by camera pitch and the paired bootstrap need neither pictures nor networks.
"""

import dataclasses
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.formats.mpii_inputs import read_groups
from eval.metrics import mpii_summary, visibility_bins
from eval.metrics.mpii import Match
from eval.study.plan import SETS, Study, StudyRow
from openpose_tf.common import file_names, files
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations.image_dataset import read_image_dataset

WHAT = "a result of eval.study"
OKS_NUMBERS = ("AP", "AP50", "AR")
CURVE_POINTS = 40  # decisions and losses kept per run, evenly spaced
MATRIX_UNITS = ("avx512_bf16", "amx_bf16")
LOSS_WINDOWS = 11  # a decision's loss is compared with the mean of this many around it


@dataclasses.dataclass(frozen=True)
class ValidationSet:
    """One validation set as a student was scored on it.

    Attributes:
        matches: one per picture.
        visible_bins: per picture the bin [G] of each person by ratio of visible joints, -1 without joints.
        pitch_deg: [pictures] camera pitch.
    """

    matches: list[Match]
    visible_bins: list[np.ndarray]
    pitch_deg: np.ndarray


@dataclasses.dataclass(frozen=True)
class StudyResult:
    """One finished row and seed.

    Attributes:
        row: name of the row.
        seed: its seed.
        sets: scores by validation set.
        values: everything else in the file: `commit`, `precision`, `machine`, `seconds`, `loss_first`, `loss_last`,
            `curve`, `mAP`, `oks_photographs` (or None), `teacher` (or None).
    """

    row: str
    seed: int
    sets: dict[str, ValidationSet]
    values: dict[str, Any]


def path_of(folder: Path, row: str, seed: int) -> Path:
    """Returns the path of a row's and seed's file."""
    return folder / f"{row}-seed{seed}.json"


def collect(study: Study, row: StudyRow, seed: int, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Returns the content of a finished row's file.

    Args:
        study: where it lies.
        row: the row, all its stages done.
        seed: its seed.
        seconds: by stage.
    """
    folder = study.run_dir(row.name, seed)
    run = files.read_json(folder / "model" / file_names.SUMMARY, "the summary of a training run")
    sets = {name: _scored(study, folder, name) for name in SETS}
    oks = folder / "oks_photographs.json"
    return {
        "row": row.name,
        "seed": seed,
        "size": dataclasses.asdict(study.size),
        "commit": files.read_json(folder / "model" / "versions.json", "the versions of a training run")["commit"],
        "precision": study.precision,
        "machine": f"{os.cpu_count()} CPU cores, {_processor()}, {platform.system()}",
        "seconds": dict(seconds),
        "steps": run["steps"],
        "loss_first": run["loss_first"],
        "loss_last": run["loss_last"],
        "curve": _curve(folder / "model"),
        "mAP": {name: mpii_summary.summarize(scored.matches, "counted")["mAP"] for name, scored in sets.items()},
        "oks_photographs": {k: files.read_json(oks, "a result of eval.oks")[k] for k in OKS_NUMBERS}
        if study.photographs
        else None,
        "teacher": _teacher(folder / "model"),
        "sets": {name: _plain(scored) for name, scored in sets.items()},
    }


def _processor() -> str:
    """Returns the processor's name where the system tells it, with the matrix units that a run may use, or its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    known = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    units = [unit for unit in MATRIX_UNITS if unit in known.get("flags", "").split()]
    return " ".join([known.get("model name", platform.machine()), *units])


def check_precision(results: Sequence[StudyResult], precision: str, folder: Path) -> None:
    """Checks that new runs are trained as those that are there.

    Raises:
        UserError: a result of another precision; rows of one table want the same.
    """
    others = [result for result in results if result.values["precision"] != precision]
    if others:
        first = path_of(folder, others[0].row, others[0].seed)
        there = others[0].values["precision"]
        raise UserError(
            f"{first} was trained in {there}, these runs would be in {precision}: give --precision={there}, or another "
            "--output_dir for a table of its own"
        )


def _scored(study: Study, folder: Path, name: str) -> ValidationSet:
    results, dataset = folder / f"validation_{name}", study.images(f"validation_{name}")
    truth, found = read_groups(str(results / "groundtruth.json"), str(results / "predictions.json"))
    pictures = [image for image in read_image_dataset(dataset) if image.people]
    pitch = {image.image_path.name: image.people[0].features["camera_pitch_deg"] for image in pictures}
    return ValidationSet(
        mpii_summary.match_groups(truth, found),
        [visibility_bins.visible_bins(group.xy, group.visible, "evaluated") for group in truth],
        np.array([pitch[Path(group.image).name] for group in truth]),
    )


def _curve(model_dir: Path) -> dict[str, list[Any]]:
    """Returns the losses of a run in at most CURVE_POINTS parts: the last step of each and its means."""
    rows = files.read_jsonl(model_dir / file_names.METRICS, "the losses of a training run")
    parts = np.array_split(np.arange(len(rows)), min(CURVE_POINTS, len(rows)))
    curve: dict[str, list[Any]] = {"steps": [rows[part[-1]]["step"] for part in parts]}
    for name in ("loss_real", "loss_synthetic"):
        known = [[rows[i][name] for i in part if rows[i][name] is not None] for part in parts]
        curve[name] = [round(float(np.mean(values)), 3) if values else None for values in known]
    return curve


def _teacher(model_dir: Path) -> dict[str, Any] | None:
    """Returns what the teacher of a run did, None for a run without: picks per group, probabilities over time."""
    rows = files.read_jsonl(model_dir / file_names.DECISIONS, "the decisions of a run, none without a teacher")
    if not rows:
        return None
    kept = [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, CURVE_POINTS).round().astype(int))]
    num_groups = len(rows[0]["probabilities"])
    return {
        "decisions": len(rows),
        "rewarded": sum(bool(row["rewarded"]) for row in rows),
        "picks": np.bincount([row["group"] for row in rows], minlength=num_groups).tolist(),
        "excess_loss": _excess_losses(rows, num_groups),
        "steps": [row["step"] for row in kept],
        "probabilities": [[round(p, 4) for p in row["probabilities"]] for row in kept],
    }


def _excess_losses(decisions: Sequence[Mapping[str, Any]], num_groups: int) -> list[float | None]:
    """Returns by how much each group's windows were harder than the windows around them; None: never judged.

    The mean of LOSS_WINDOWS windows is taken off, because all losses fall while the student learns.
    """
    losses = np.array([row["loss"] for row in decisions])
    kernel = np.ones(min(LOSS_WINDOWS, len(losses)))
    nearby = np.convolve(losses, kernel, "same") / np.convolve(np.ones_like(losses), kernel, "same")
    groups = np.array([row["judged_group"] for row in decisions])
    judged = [losses[groups == group] - nearby[groups == group] for group in range(num_groups)]
    return [round(float(excess.mean()), 5) if len(excess) else None for excess in judged]


def _plain(scored: ValidationSet) -> list[dict[str, Any]]:
    """Returns a set as JSON values, one object per picture: bits as text, scores to five digits, null = not found."""
    return [
        {
            "pitch_deg": round(float(pitch), 3),
            "bins": bins.tolist(),
            "annotated": _bits(match.annotated),
            "assignment": match.assignment.tolist(),
            "labels": _bits(match.labels),
            "scores": [[None if np.isnan(s) else round(float(s), 5) for s in person] for person in match.scores],
        }
        for match, bins, pitch in zip(scored.matches, scored.visible_bins, scored.pitch_deg, strict=True)
    ]


def _bits(rows: np.ndarray) -> list[str]:
    return ["".join("1" if value else "0" for value in row) for row in rows]


def read_result(path: Path) -> StudyResult:
    """Returns the result in a file.

    Raises:
        UserError: the file is missing or something else.
    """
    values = files.read_json(path, WHAT)
    try:
        sets = {name: _read_set(values["sets"][name]) for name in SETS}
        return StudyResult(values["row"], int(values["seed"]), sets, {k: v for k, v in values.items() if k != "sets"})
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is not {WHAT} ({error})") from None


def _read_set(pictures: Sequence[Mapping[str, Any]]) -> ValidationSet:
    matches = [
        Match(
            np.array(picture["assignment"], int),
            _from_bits(picture["labels"]),
            np.array(picture["scores"], np.float64).reshape(-1, 14),  # None becomes NaN
            _from_bits(picture["annotated"]),
        )
        for picture in pictures
    ]
    bins = [np.array(picture["bins"], int) for picture in pictures]
    return ValidationSet(matches, bins, np.array([picture["pitch_deg"] for picture in pictures], np.float64))


def _from_bits(rows: Sequence[str]) -> np.ndarray:
    return np.array([[bit == "1" for bit in row] for row in rows], bool).reshape(-1, 14)


def read_results(folder: Path) -> list[StudyResult]:
    """Returns all results in a folder, in the order of their file names."""
    return [read_result(path) for path in sorted(folder.glob("*-seed*.json"))]
