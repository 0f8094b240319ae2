"""Compares two models on one split: paired bootstrap, difference with its interval.

Example:
    python -m eval.compare --groundtruth=groundtruth.mat --first=M_DR/predictions.mat \
        --second=M_DM/predictions.mat --output_file=compare.json
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from absl import flags

from eval.formats.mpii_inputs import read_groups
from eval.formats.regions import RULES
from eval.metrics import bootstrap, mpii_summary
from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError


def compare_files(
    groundtruth: str,
    first: str,
    second: str,
    num_draws: int = bootstrap.NUM_DRAWS,
    seed: int = 0,
    mode: str = "toolkit",
    region: str = "openpose",
) -> dict[str, Any]:
    """Returns the comparison of two prediction files or folders as plain JSON values (NaN = null).

    Raises:
        UserError: as `mpii_inputs.read_groups`, or there is no group.
    """
    matches = [mpii_summary.match_groups(*read_groups(groundtruth, path, RULES[region])) for path in (first, second)]
    if not matches[0]:
        raise UserError(f"{groundtruth} holds no group: nothing to compare")
    result = bootstrap.compare(matches[0], matches[1], num_draws, seed, mpii_summary.EMPTY_GROUP_RULES[mode])
    return {
        "groups": len(matches[0]),
        "groups_without_predictions": [sum(len(m.assignment) == 0 for m in model) for model in matches],
        "draws": num_draws,
        "seed": seed,
        "mode": mode,
        "first": _plain(result.first),
        "second": _plain(result.second),
        "difference": _plain(result.difference),
        "share_of_draws_second_wins": None if np.isnan(result.wins) else result.wins,
    }


def _plain(row: Mapping[str, bootstrap.Estimate]) -> dict[str, Any]:
    return {
        name: {key: None if value != value else value for key, value in dataclasses.asdict(estimate).items()}
        for name, estimate in row.items()
    }


def format_table(result: Mapping[str, Any], names: tuple[str, str] = ("first", "second")) -> str:
    """Returns the comparison as text: columns of the paper's tables, difference, 95 % interval."""
    columns = list(result["difference"])
    empty = " and ".join(map(str, result["groups_without_predictions"]))
    lines = [
        f"groups {result['groups']}, without predictions {empty} ({result['mode']}); "
        f"{result['draws']} paired draws, seed {result['seed']}",
        f"{'':14s}" + "".join(f"{name:>14s}" for name in columns),
    ]
    for label, key in (*zip(names, ("first", "second")), ("difference", "difference")):
        lines.append(_line(label, [_value(result[key][name]["value"], key == "difference") for name in columns]))
    lines.append(_line("95 % interval", [_interval(result["difference"][name]) for name in columns]))
    lines.append(_line("std", [_value(result["difference"][name]["std"]) for name in columns]))
    wins = result["share_of_draws_second_wins"]
    lines.append(f"{names[1]} has the higher mAP in {'-' if wins is None else f'{100 * wins:.1f} %'} of the draws")
    return "\n".join(lines)


def _line(label: str, cells: Sequence[str]) -> str:
    return f"{label[:14]:14s}" + "".join(f"{cell:>14s}" for cell in cells)


def _value(value: float | None, sign: bool = False) -> str:
    return "NaN" if value is None else f"{value:{'+' if sign else ''}.1f}"


def _interval(row: Mapping[str, Any]) -> str:
    return f"[{_value(row['low'], True)}, {_value(row['high'], True)}]"


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("groundtruth", None, "Toolkit .mat or .json, or an image dataset folder.", required=True)
    flags.DEFINE_string("first", None, "Predictions of the first model (as --predictions of eval.mpii).", required=True)
    flags.DEFINE_string("second", None, "Predictions of the second model.", required=True)
    flags.DEFINE_string("output_file", None, "JSON file for the comparison.", required=True)
    flags.DEFINE_alias("output", "output_file")
    flags.DEFINE_integer("draws", bootstrap.NUM_DRAWS, "Bootstrap draws.", lower_bound=2)
    flags.DEFINE_integer("seed", 0, "Seed of the draws.", lower_bound=0)
    flags.DEFINE_enum(
        "empty_groups", "toolkit", list(mpii_summary.EMPTY_GROUP_RULES), "Groups without predictions, as in eval.mpii."
    )
    flags.DEFINE_enum("region", "openpose", list(RULES), "Which people of a prediction folder belong to a group.")


def main() -> None:
    """Compares, prints the table, writes the JSON."""
    f = flags.FLAGS
    result = compare_files(f.groundtruth, f.first, f.second, f.draws, f.seed, f.empty_groups, f.region)
    files.write_json(f.output_file, result)
    print(format_table(result))


if __name__ == "__main__":
    cli.run(main, define_flags)
