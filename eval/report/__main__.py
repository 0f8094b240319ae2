"""Writes one self-contained HTML page about a training run.

Example:
    python -m eval.report --model_dir=demo/model_dir --summary=demo/summary.json --after=demo/after \
        --before=demo/before --scores=before=demo/oks_before.json,after=demo/oks_after.json \
        --sheets="Rendered people=demo/sheet_synthetic.jpg" --output_file=demo/report.html
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from eval.report import figures, page
from openpose_tf.common import cli, file_names, files
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images


def named_paths(entries: Sequence[str], flag: str) -> list[tuple[str, Path]]:
    """Returns (name, path) of "name=path" entries.

    Raises:
        UserError: an entry without "=", or a path that does not exist.
    """
    pairs = []
    for entry in entries:
        name, separator, path = entry.partition("=")
        if not separator or not name:
            raise UserError(f"--{flag}: {entry!r} must read name=path")
        if not Path(path).is_file():
            raise UserError(f"--{flag}: {path} does not exist")
        pairs.append((name, Path(path)))
    return pairs


def claim(result: dict[str, Any]) -> str:
    """Returns what a result of eval.oks with a baseline says, in one sentence.

    Args:
        result: with the keys `AP`, `baseline` and `num_images`.
    """
    row = result["baseline"]
    verdict = "better" if row["low"] > 0 else "worse" if row["high"] < 0 else "neither clearly better nor clearly worse"
    return (
        f"Training made the student {verdict} at finding people: OKS AP {row['AP']:.3f} before and {result['AP']:.3f} "
        f"after ({row['difference']:+.3f}, 95 % interval {row['low']:+.3f} to {row['high']:+.3f}) on "
        f"{result['num_images']} images that it never saw."
    )


def pitch_section(result: dict[str, Any]) -> str:
    """Returns AP before and after by camera pitch, of a result of eval.oks with a baseline."""
    caption = "Of the images that the student never saw; the steeper the camera looks down, the stranger people look."
    return page.section("By camera pitch", page.drawing(figures.ap_by_pitch(result["by_camera_pitch"]), caption))


def overview(summary: dict[str, Any]) -> str:
    """Returns the tiles with the run's main numbers; numbers that the summary does not have are left out."""
    wanted = [
        ("images_rendered", "images rendered", "{:,.0f}"),
        ("people", "people in them", "{:,.0f}"),
        ("steps", "training steps", "{:,.0f}"),
        ("decisions", "decisions of the teacher", "{:,.0f}"),
        ("wrong_group_samples", "samples of a wrong group", "{:,.0f}"),
        ("oks_ap_before", "OKS AP before", "{:.3f}"),
        ("oks_ap", "OKS AP after", "{:.3f}"),
    ]
    numbers = [(form.format(summary[key]), label) for key, label, form in wanted if summary.get(key) is not None]
    if isinstance(summary.get("seconds"), dict):
        numbers.append((f"{sum(summary['seconds'].values()) / 60:.1f} min", "in all"))
    return page.tiles(numbers)


def training_section(model_dir: Path) -> list[str]:
    """Returns the loss section and, where a teacher decided, the teacher's section.

    A run without a teacher has an empty decisions.jsonl, or none.
    """
    metrics = files.read_jsonl(model_dir / file_names.METRICS, "the metrics of a training run")
    path = model_dir / file_names.DECISIONS
    decisions = files.read_jsonl(path, "the teacher's decisions") if path.exists() else []
    caption = "Thin: every logged step; thick: running mean."
    if decisions:
        caption += (
            " The teacher picks the group that is hard now, so the synthetic curve may stay high, or rise, while the "
            "student gets better."
        )
    loss = page.section("The student's loss", page.drawing(figures.loss_curves(metrics), caption))
    if not decisions:
        return [loss]
    groups = model_dir / file_names.GROUPS
    labels = files.read_json(groups, "the groups of a run").get("labels", []) if groups.exists() else []
    return [loss, teacher_section(decisions, labels)]


def teacher_section(decisions: Sequence[dict[str, Any]], labels: Sequence[str] = ()) -> str:
    """Returns the figures of the teacher's decisions; `labels` are the names of the groups."""
    groups = [len(row["probabilities"]) for row in decisions if row.get("probabilities")]
    num_groups = max([*groups, *(row["group"] + 1 for row in decisions), 1])
    rewards = [bool(row["rewarded"]) for row in decisions if row.get("rewarded") is not None]
    rate = f"{100 * sum(rewards) / len(rewards):.0f} % of {len(rewards)}" if rewards else "none yet"
    named = f" Group 0: {labels[0]}; group {len(labels) - 1}: {labels[-1]}." if labels else ""
    return page.section(
        "What the teacher picked",
        page.drawing(
            figures.teacher_probabilities(decisions),
            "Probability of each group of synthetic samples at every decision, from the hardest real image.",
        ),
        page.drawing(
            figures.picked_groups(decisions, num_groups), f"Groups picked.{named} Rewarded decisions: {rate}."
        ),
    )


def prediction_pairs(before: Path, after: Path, most: int) -> list[tuple[Path, Path]]:
    """Returns up to `most` images that both folders hold, evenly spaced in the order of their names."""
    names = [path.relative_to(after) for path in images.list_images(after, recursive=True)]
    names = [name for name in names if (before / name).is_file()]
    chosen = names[:: max(1, len(names) // most)][:most]
    return [(before / name, after / name) for name in chosen]


def pairs_section(before: Sequence[str], after: Sequence[str], most: int) -> str:
    """Returns images of the folders before and after training side by side, `most` in all.

    Raises:
        UserError: the folders do not pair up, or one is missing.
    """
    if len(before) != len(after):
        raise UserError("--before and --after: give as many folders of the one as of the other, in the same order")
    rows = []
    for pair in zip(before, after, strict=True):
        first, second = (files.require_dir(folder, "predictions") for folder in pair)
        rows += prediction_pairs(first, second, max(1, most // len(after)))
    return page.section("What the student sees", page.pairs(rows, "before training", "after training"))


def photo_section(path: str) -> str:
    """Returns a photograph as the bundled student sees it.

    Raises:
        UserError: the image is missing.
    """
    if not Path(path).is_file():
        raise UserError(f"--photo={path} does not exist: expected an image that openpose_tf.predict wrote")
    caption = "Seen by the bundled student that openpose_tf.predict takes by default, not by the one trained here."
    return page.section("Your photograph", page.picture(Path(path), caption))


def scores_section(scores: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """Returns the table of OKS numbers, one row per result of eval.oks."""
    keys = ("AP", "AP50", "AP75", "AR")
    rows, joints = [], []
    for name, result in scores:
        rows.append([name, *(_percent(result.get(key)) for key in keys), str(result.get("num_people", ""))])
        per_joint = result.get("per_joint", {})
        joints.append((name, {joint: row.get("similarity") for joint, row in per_joint.items()}))
    names = list(joints[0][1]) if joints else []
    joint_rows = [[joint, *(_percent(values.get(joint)) for _, values in joints)] for joint in names]
    return page.section(
        "Scores on images the student never saw",
        page.paragraph("COCO object keypoint similarity (OKS) in percent."),
        page.table(["", *keys, "people"], rows),
        page.paragraph("Per joint: mean similarity over the people found."),
        page.table(["joint", *(name for name, _ in joints)], joint_rows),
    )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def provenance_section(summary: dict[str, Any], model_dir: Path) -> str:
    """Returns seconds per stage and the run's versions."""
    seconds = summary.get("seconds") or {}
    rows = [[name, f"{value:.0f} s"] for name, value in seconds.items()] if isinstance(seconds, dict) else []
    parts = [page.table(["stage", "time"], rows)] if rows else []
    versions = model_dir / "versions.json"
    if versions.exists():
        flat = files.read_json(versions, "the versions of a run")
        flat |= flat.get("packages", {})
        text = ", ".join(f"{key} {value}" for key, value in flat.items() if isinstance(value, str))
        parts.append(page.paragraph(f"Made with {text}."))
    return page.section("How it was made", *parts)


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("model_dir", None, "Folder of the training run.", required=True)
    flags.DEFINE_string("output_file", None, "HTML file to write.", required=True)
    flags.DEFINE_alias("output", "output_file")
    flags.DEFINE_string("title", "Learning to train with synthetic humans", "Heading of the page.")
    flags.DEFINE_string("lead", "", "Text under the heading.")
    flags.DEFINE_string("summary", None, "summary.json of the run.")
    flags.DEFINE_list("sheets", [], "Images as caption=path, with commas between.")
    flags.DEFINE_list("scores", [], "Results of eval.oks as name=path, with commas between.")
    flags.DEFINE_multi_string("before", [], "Folder of predictions before the training; several, in one order.")
    flags.DEFINE_multi_string("after", [], "Folder of predictions after the training; several, in the same order.")
    flags.DEFINE_string("photo", None, "An image of predictions that the bundled student made of a photograph.")
    flags.DEFINE_integer("most_pairs", 6, "Number of before/after images.", lower_bound=1)


def main() -> None:
    """Writes the page."""
    f = flags.FLAGS
    model_dir = files.require_dir(f.model_dir, "the folder of a training run")
    summary = files.read_json(f.summary, "the summary of a run") if f.summary else {}
    scores = [(n, files.read_json(path, "a result of eval.oks")) for n, path in named_paths(f.scores, "scores")]
    compared = next((result for _, result in scores if "baseline" in result), None)
    parts = []
    if f.photo:
        parts.append(photo_section(f.photo))
    if f.before and f.after:
        parts.append(pairs_section(f.before, f.after, f.most_pairs))
    if compared and compared["by_camera_pitch"]:
        parts.append(pitch_section(compared))
    parts += training_section(model_dir)
    if sheets := named_paths(f.sheets, "sheets"):
        parts.append(page.section("The data", *(page.picture(path, name) for name, path in sheets)))
    if scores:
        parts.append(scores_section(scores))
    parts += [overview(summary)] if summary else []
    parts.append(provenance_section(summary, model_dir))
    files.write_bytes(f.output_file, page.page(f.title, claim(compared) if compared else "", f.lead, *parts).encode())
    print(json.dumps({"report": f.output_file}))


if __name__ == "__main__":
    cli.run(main, define_flags)
