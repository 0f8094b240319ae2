"""Compares teachers on simulated students of known truth; minutes on one core.

python -m teacher.simulate --output_dir=runs/study
python -m teacher.simulate --output_dir=runs/study --model_dirs=runs/uniform,runs/teacher_c   # students like yours
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError
from openpose_tf.common.progress import Progress
from teacher.curriculum.figures import plot_study, save_figure
from teacher.groups.group_files import GROUPS_NAME
from teacher.simulation import measured
from teacher.simulation.regret import STUDY_TEACHERS, ScenarioResult, study_scenario
from teacher.simulation.scenarios import SCENARIOS, Scenario


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("output_dir", None, "Folder for study.json, study.md and study.png.")
    flags.DEFINE_list("scenarios", [], f"Scenarios to run, of {', '.join(SCENARIOS)}; default: all, or --model_dirs.")
    flags.DEFINE_list(
        "model_dirs",
        [],
        "Runs of teacher.train of one grouping from one start: adds a student fitted to their window losses, and one "
        "whose groups learn as much apart as these losses allow.",
    )
    flags.DEFINE_list(
        "teachers",
        [],
        f"Teachers to compare, all by default: {', '.join(STUDY_TEACHERS)}. Write names without their comma.",
    )
    flags.DEFINE_integer("decisions", 1500, "Decisions per run (paper: 7,470 = 149,400 steps).", lower_bound=20)
    flags.DEFINE_integer("seeds", 10, "Runs per teacher and scenario.", lower_bound=1)


def main() -> int:
    """Runs the study and writes it."""
    values = flags.FLAGS
    if not values.output_dir:
        raise UserError("--output_dir is missing: name a folder for the table and the figure")
    teachers = _chosen({name.replace(",", ""): name for name in STUDY_TEACHERS}, values.teachers, "teacher")
    scenarios = {} if values.model_dirs and not values.scenarios else _scenarios(values.scenarios)
    scenarios |= measured_scenarios(values.model_dirs) if values.model_dirs else {}
    output = files.writable_dir(values.output_dir)
    results, best = {}, {}
    with Progress(len(scenarios), "study", "scenarios") as progress:
        for name, scenario in scenarios.items():
            chosen = {teacher: STUDY_TEACHERS[teacher] for teacher in teachers}
            results[name], best[name] = study_scenario(scenario, chosen, values.decisions, values.seeds)
            progress.update()
    table = markdown_table(results, best)
    _write(output, {"decisions": values.decisions, "seeds": values.seeds}, results, best, table)
    print(table)
    return cli.EXIT_OK


def measured_scenarios(model_dirs: Sequence[str]) -> dict[str, Scenario]:
    """Returns the students that are like those of finished runs; says what the fit found.

    Raises:
        UserError: runs without windows, too few of them, or of different groupings.
    """
    rules = [files.read_json(Path(folder) / GROUPS_NAME, "the groups of a run") for folder in model_dirs]
    counts = {len(rule.get("labels", [])) for rule in rules}
    if len(counts) != 1 or any(rule.get("grouping") != rules[0].get("grouping") for rule in rules):
        raise UserError("--model_dirs: these runs have different groups; give runs of one grouping of one record set")
    found = measured.fit([measured.read_windows(folder) for folder in model_dirs], counts.pop())
    print(
        f"fitted to {len(model_dirs)} runs: loss {found.levels.min():.3g} to {found.levels.max():.3g}, noise of a "
        f"window {found.noise:.3g}; a window lowers all groups by {found.fall:.2g}, its own by {found.own:.2g} "
        f"± {1.96 * found.own_error:.2g} more (95 %)"
    )
    return {
        "measured": measured.scenario_of(found, found.own),
        "measured_apart": measured.scenario_of(found, found.own_limit),
    }


def _scenarios(wanted: Sequence[str]) -> dict[str, Scenario]:
    names = _chosen({name: name for name in SCENARIOS}, wanted, "scenario")
    return {name: SCENARIOS[name]() for name in names}


def markdown_table(results: Mapping[str, Mapping[str, ScenarioResult]], best: Mapping[str, tuple[float, str]]) -> str:
    """Returns regret in percent and, in brackets, the share of picks of the hardest tenth; one row per teacher."""
    scenarios = list(results)
    rows = ["| teacher | " + " | ".join(scenarios) + " |", "|---" * (len(scenarios) + 1) + "|"]
    for teacher in results[scenarios[0]]:
        cells = [results[name][teacher] for name in scenarios]
        rows.append(
            f"| {teacher} | "
            + " | ".join(f"{_percent(c.regret)} ± {_percent(c.spread)[1:]} ({c.hardest_share:.2f})" for c in cells)
            + " |"
        )
    rows.append("| best fixed choice | " + " | ".join(best[name][1] for name in scenarios) + " |")
    return "\n".join(rows)


def _percent(value: float) -> str:
    """Two significant digits where whole percent would hide what there is."""
    return f"{value:+.0f}" if abs(value) >= 10 else f"{value:+.2g}"


def _chosen(known: Mapping[str, str], wanted: Sequence[str], what: str) -> list[str]:
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise UserError(f"unknown {what} {unknown[0]!r}: choose from {', '.join(known)}")
    return [known[name] for name in wanted] or list(known.values())


def _write(
    output: Path,
    settings: Mapping[str, int],
    results: Mapping[str, Mapping[str, ScenarioResult]],
    best: Mapping[str, Any],
    table: str,
) -> None:
    values = {
        name: {
            "best_fixed": {"test_loss": best[name][0], "choice": best[name][1]},
            "teachers": {teacher: dataclasses.asdict(result) for teacher, result in rows.items()},
        }
        for name, rows in results.items()
    }
    files.write_json(output / "study.json", {"settings": settings, "scenarios": values})
    files.write_bytes(output / "study.md", (table + "\n").encode())
    regrets = {name: {teacher: result.regret for teacher, result in rows.items()} for name, rows in results.items()}
    save_figure(plot_study(regrets), output / "study.png")


if __name__ == "__main__":
    cli.run(main, define_flags)
