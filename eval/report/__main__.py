"""Writes one self-contained HTML page about a training run.

Example:
    python -m eval.report --model_dir=demo/model_dir --summary=demo/summary.json --after=demo/predictions/after \
        --before=demo/predictions/before --scores=before=demo/oks_before.json,after=demo/oks_after.json \
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


def overview(summary: dict[str, Any]) -> str:
    """Returns the tiles with the run's main numbers; numbers that the summary does not have are left out."""
    wanted = [
        ("images_rendered", "pictures rendered", "{:,.0f}"),
        ("people", "people in them", "{:,.0f}"),
        ("steps", "training steps", "{:,.0f}"),
        ("decisions", "decisions of the teacher", "{:,.0f}"),
        ("wrong_group_samples", "samples of a wrong group", "{:,.0f}"),
        ("student_loss_first", "loss at the start", "{:.1f}"),
        ("student_loss_last", "loss at the end", "{:.1f}"),
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
            " The teacher picks the group that is hard now, so the synthetic curve falls more slowly than it would on "
            "random samples."
        )
    loss = page.section("The student's loss", page.drawing(figures.loss_curves(metrics), caption))
    return [loss, teacher_section(decisions)] if decisions else [loss]


def teacher_section(decisions: Sequence[dict[str, Any]]) -> str:
    """Returns the figures of the teacher's decisions."""
    groups = [len(row["probabilities"]) for row in decisions if row.get("probabilities")]
    num_groups = max([*groups, *(row["group"] + 1 for row in decisions), 1])
    rewards = [bool(row["rewarded"]) for row in decisions if row.get("rewarded") is not None]
    rate = f"{100 * sum(rewards) / len(rewards):.0f} % of {len(rewards)}" if rewards else "none yet"
    return page.section(
        "What the teacher picked",
        page.drawing(
            figures.teacher_probabilities(decisions),
            "Probability of each group of synthetic samples at every decision, from the hardest real image.",
        ),
        page.drawing(figures.picked_groups(decisions, num_groups), f"Groups picked. Rewarded decisions: {rate}."),
    )


def prediction_pairs(before: Path, after: Path, most: int) -> list[tuple[Path, Path]]:
    """Returns up to `most` pictures that both folders hold, in the order of their names."""
    names = [path.relative_to(after) for path in images.list_images(after, recursive=True)]
    return [(before / name, after / name) for name in names if (before / name).is_file()][:most]


def scores_section(scores: Sequence[tuple[str, Path]]) -> str:
    """Returns the table of OKS numbers, one row per result file of eval.oks."""
    keys = ("AP", "AP50", "AP75", "AR")
    rows, joints = [], []
    for name, path in scores:
        result = files.read_json(path, "a result of eval.oks")
        rows.append([name, *(_percent(result.get(key)) for key in keys), str(result.get("num_people", ""))])
        per_joint = result.get("per_joint", {})
        joints.append((name, {joint: row.get("similarity") for joint, row in per_joint.items()}))
    names = list(joints[0][1]) if joints else []
    joint_rows = [[joint, *(_percent(values.get(joint)) for _, values in joints)] for joint in names]
    return page.section(
        "Scores on pictures the student never saw",
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
    flags.DEFINE_list("sheets", [], "Pictures as caption=path, with commas between.")
    flags.DEFINE_list("scores", [], "Results of eval.oks as name=path, with commas between.")
    flags.DEFINE_string("before", None, "Predictions before the training.")
    flags.DEFINE_string("after", None, "Predictions after the training.")
    flags.DEFINE_integer("most_pairs", 6, "Number of before/after images.", lower_bound=1)


def main() -> None:
    """Writes the page."""
    f = flags.FLAGS
    model_dir = files.require_dir(f.model_dir, "the folder of a training run")
    summary = files.read_json(f.summary, "the summary of a run") if f.summary else {}
    parts = [overview(summary)] if summary else []
    sheets = named_paths(f.sheets, "sheets")
    if sheets:
        parts.append(page.section("The pictures", *(page.picture(path, name) for name, path in sheets)))
    parts += training_section(model_dir)
    if f.before and f.after:
        before, after = (files.require_dir(folder, "predictions") for folder in (f.before, f.after))
        rows = prediction_pairs(before, after, f.most_pairs)
        parts.append(page.section("Predictions", page.pairs(rows, "before training", "after training")))
    if f.scores:
        parts.append(scores_section(named_paths(f.scores, "scores")))
    parts.append(provenance_section(summary, model_dir))
    files.write_bytes(f.output_file, page.page(f.title, f.lead, *parts).encode())
    print(json.dumps({"report": f.output_file}))


if __name__ == "__main__":
    cli.run(main, define_flags)
