"""Prints the paper's Tables 1 to 3 beside our results.

A row that was not run says so, and what it needs.

Example:
    python -m eval.tables --results=M_DR=runs/real/mpii.json,M_DR+DM+masks=runs/masks/mpii.json
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from eval.metrics.mpii import TABLE_COLUMNS
from eval.metrics.paper_tables import COLUMNS, DATA, MODELS, TABLES, PaperRow
from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError


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


def _ours(row: PaperRow, result: Mapping[str, Any] | None) -> str:
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
    flags.DEFINE_string("output_file", None, "JSON file for the tables.")
    flags.DEFINE_alias("output", "output_file")


def main() -> None:
    """Prints the tables and writes them."""
    results = read_results(flags.FLAGS.results)
    if flags.FLAGS.output_file:
        files.write_json(flags.FLAGS.output_file, as_json(results))
    print(format_tables(results))


if __name__ == "__main__":
    cli.run(main, define_flags)
