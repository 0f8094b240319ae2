"""Prints the paper's Tables 1 to 3 beside our results.

A row that was not run says so, and what it needs.

Example:
    python -m eval.tables --results=M_DR=runs/real/mpii.json,M_DR+DM+masks=runs/masks/mpii.json
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from eval.mpii_metric import TABLE_COLUMNS
from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError

COLUMNS = (*TABLE_COLUMNS, "mAP")


@dataclasses.dataclass(frozen=True)
class Row:
    """One model of the paper.

    Attributes:
        model: its name here, as given to --results.
        paper: Head, Shoulder, Elbow, Wrist, Hip, Knee, Ankle, mAP as printed in the paper.
        needs: what running it takes.
    """

    model: str
    paper: tuple[float, ...]
    needs: str


_TRAIN = "openpose_tf.train --real_records=MPII"
_ROWS = (
    Row("M_DR", (91.3, 89.1, 79.2, 70.4, 75.9, 71.5, 66.7, 77.7), _TRAIN),
    Row("M_DS", (37.9, 23.5, 12.7, 7.3, 5.6, 3.4, 3.2, 13.4), "openpose_tf.train --synthetic_records=D_S"),
    Row("M_DR+DS", (91.1, 89.2, 80.5, 71.0, 75.2, 73.6, 68.1, 78.4), f"{_TRAIN} --synthetic_records=D_S"),
    Row("M_DR+DM", (91.3, 89.5, 80.7, 71.7, 75.4, 72.5, 67.7, 78.4), f"{_TRAIN} --synthetic_records=D_M"),
    Row(
        "M_DR+DM+masks",
        (92.3, 90.9, 80.5, 72.2, 76.0, 71.7, 68.3, 78.9),
        f"{_TRAIN} --synthetic_records=D_M --masked_synthetic_loss",
    ),
    Row("M_DR+DStyle", (91.8, 89.8, 80.4, 70.9, 75.5, 71.6, 67.9, 78.3), f"{_TRAIN} --synthetic_records=D_Style"),
    Row(
        "M_DR+DStyle+masks",
        (91.6, 90.6, 80.8, 71.8, 77.7, 72.2, 68.8, 79.1),
        f"{_TRAIN} --synthetic_records=D_Style --masked_synthetic_loss",
    ),
    Row(
        "teacher_C",
        (91.7, 90.0, 80.9, 71.2, 77.1, 73.6, 67.7, 78.9),
        "teacher.train --grouping=camera_pitch --real_records=MPII --synthetic_records=D_S",
    ),
    Row(
        "teacher_mD",
        (91.5, 90.4, 80.5, 72.2, 75.8, 73.1, 67.6, 78.7),
        "teacher.train --grouping=min_distance --real_records=MPII --synthetic_records=D_S",
    ),
)
# Where the data of the commands come from.
DATA = {
    "MPII": "your copy of the MPII annotations and images, through openpose_tf.data.to_tfrecords --format=mpii",
    "D_S": "synth.render, then synth.to_tfrecords",
    "D_M": "synth.render --dataset=mixed on the MPII images, then synth.to_tfrecords",
    "D_Style": "synth.stylize of D_M, then synth.to_tfrecords",
}
MODELS = {row.model: row for row in _ROWS}
TABLES = {
    "Table 1: which data set generalises best": ("M_DR", "M_DS", "M_DR+DS", "M_DR+DM"),
    "Table 2: stylisation, and masking the loss of synthetic people": (
        "M_DR+DM",
        "M_DR+DM+masks",
        "M_DR+DStyle",
        "M_DR+DStyle+masks",
    ),
    "Table 3: adversarial teacher, grouped by camera pitch (C) and distance (mD)": (
        "M_DR",
        "M_DR+DS",
        "teacher_C",
        "teacher_mD",
    ),
}


def read_results(entries: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Returns the result of each model of NAME=FILE entries, or of the files NAME.json in one folder.

    Raises:
        UserError: a name that no table has, or a file that eval.mpii or eval.run did not write.
    """
    if len(entries) == 1 and Path(entries[0]).is_dir():
        found = {path.stem: path for path in sorted(Path(entries[0]).glob("*.json")) if path.stem in MODELS}
        if not found:
            raise UserError(
                f"{entries[0]} holds no file called after a model: {', '.join(f'{m}.json' for m in MODELS)}"
            )
    else:
        found = dict(_named(entry) for entry in entries)
    return {name: _read(path) for name, path in found.items()}


def _named(entry: str) -> tuple[str, Path]:
    name, separator, path = entry.partition("=")
    if not separator or name not in MODELS:
        raise UserError(f"--results: {entry!r} must read NAME=FILE with a NAME of {', '.join(MODELS)}")
    return name, Path(path)


def _read(path: Path) -> dict[str, Any]:
    what = "a result of eval.mpii or eval.run"
    value = files.read_json(path, what)
    table = value.get("table") if isinstance(value, dict) else None
    if not isinstance(table, dict) or set(table) != set(TABLE_COLUMNS) or "mAP" not in value:
        raise UserError(f"{path} is not {what}: it has no table of {', '.join(TABLE_COLUMNS)}")
    return dict(value)


def scores_of(result: Mapping[str, Any]) -> list[float | None]:
    """Returns the eight numbers of a result in the order of COLUMNS; None where undefined."""
    return [*(result["table"][name] for name in TABLE_COLUMNS), result["mAP"]]


def format_tables(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns the three tables as text: the paper's row, ours below it with its difference to the paper's mAP."""
    width = max(map(len, MODELS)) + 2
    header = f"{'model':{width}s}{'':7s}" + "".join(f"{name:>10s}" for name in COLUMNS)
    lines: list[str] = []
    for title, models in TABLES.items():
        lines += [title, header]
        for model in models:
            row = MODELS[model]
            lines.append(f"{model:{width}s}{'paper':7s}" + _cells(row.paper))
            lines.append(f"{'':{width}s}{'ours':7s}" + _ours(row, results.get(model)))
        lines.append("")
    splits = {(r.get("groups"), r.get("people")) for r in results.values()}
    lines += [f"ours: {groups} groups, {people} people" for groups, people in sorted(splits, key=str)]
    lines.append("paper: 343 groups, 880 people; its list is not public, and the standard error is about 1 mAP")
    if set(MODELS) - set(results):
        lines.append("each row further needs openpose_tf.export and eval.run; where the data come from:")
        lines += [f"  {name:9s}{source}" for name, source in DATA.items()]
    return "\n".join(lines).rstrip()


def _cells(values: Sequence[float | None]) -> str:
    return "".join(f"{'NaN' if value is None else f'{value:.1f}':>10s}" for value in values)


def _ours(row: Row, result: Mapping[str, Any] | None) -> str:
    if result is None:
        return f"not run; needs {row.needs}"
    scores = scores_of(result)
    gap = "" if scores[-1] is None else f"  ({scores[-1] - row.paper[-1]:+.1f})"
    empty = result.get("groups_without_predictions")
    return _cells(scores) + gap + (f"  {empty} groups without predictions" if empty else "")


def as_json(results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the tables as JSON values: per table and model `paper`, `ours` (null = not run) and `needs`."""
    return {
        title: {
            model: {
                "paper": dict(zip(COLUMNS, MODELS[model].paper)),
                "ours": dict(zip(COLUMNS, scores_of(results[model]))) if model in results else None,
                "needs": MODELS[model].needs,
            }
            for model in models
        }
        for title, models in TABLES.items()
    }


def define_flags() -> None:
    """Defines this command's flags."""
    names = ", ".join(MODELS)
    flags.DEFINE_list(
        "results",
        [],
        f"NAME=FILE of eval.mpii or eval.run, several with commas, or a folder of NAME.json; NAME: {names}.",
    )
    flags.DEFINE_string("output", None, "JSON file for the tables.")


def main(argv: Sequence[str]) -> None:
    """Prints the tables and writes them."""
    if len(argv) > 1:
        raise UserError(f"unexpected argument {argv[1]!r}: every option is --flag=value")
    results = read_results(flags.FLAGS.results)
    if flags.FLAGS.output:
        files.write_json(flags.FLAGS.output, as_json(results))
    print(format_tables(results))


if __name__ == "__main__":
    define_flags()
    cli.run(main)
