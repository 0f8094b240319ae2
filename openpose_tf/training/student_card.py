"""Writes the card of a student in one file: its network, and each run that led to it, back to the first.

What a run was is read from its model_dir: flags.txt, versions.json, metrics.jsonl. Scores and what the student fails at
are for a person to add.
"""

import io
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from openpose_tf.common import config_flags, file_names, files
from openpose_tf.common.errors import UserError
from openpose_tf.config import DataConfig, ModelConfig, TrainConfig
from openpose_tf.training.run_files import FLAGS_NAME, VERSIONS_NAME
from openpose_tf.weights import bundled

PATH_FLAGS = ("real_records", "synthetic_records", "init_checkpoint", "model_dir")
CURVE_POINTS = 200  # of the loss plot per run
MEAN_SHARE = 0.05  # of a run's rows that its first and last loss are the mean of


class Run(NamedTuple):
    """A training run.

    Attributes:
        folder: its model_dir.
        flag_values: value by name of each flag that differs from its default.
        versions: its versions.json.
        losses: [rows, 2] float64, step and loss.
    """

    folder: Path
    flag_values: dict[str, str]
    versions: dict[str, Any]
    losses: np.ndarray


def write_card(
    path: str | Path, student: str | Path, config: ModelConfig, source: str | Path, system_flags: Collection[str]
) -> None:
    """Writes the card, and the runs' loss curves beside it as NAME_loss.png.

    Args:
        path: the card, a Markdown file.
        student: the .npz file that it is about.
        config: of its network.
        source: model_dir or checkpoint that the file was made of.
        system_flags: names of flags that are not about training and are left out.

    Raises:
        UserError: the model_dir of a run lacks one of its files.
    """
    path, student = Path(path), Path(student)
    runs = read_runs(source, system_flags)
    curve = path.with_name(f"{path.stem}_loss.png")
    files.write_bytes(curve, _loss_curves(runs))
    with np.load(student) as arrays:
        count = sum(arrays[name].size for name in arrays.files if arrays[name].ndim)
    megabytes = student.stat().st_size / 1e6
    text = [
        f"# {student.name}",
        f"The paper's network at {config.width:g} of its widths with {config.num_stages} stages: {count:,} parameters, "
        f"in half precision ({megabytes:.1f} MB).",
        "## Runs",
        _table(runs),
        *(f"{_title(number, run)}\n\n```\n{_command(run)}\n```" for number, run in enumerate(runs, 1)),
        f"![Loss over the steps of all runs]({curve.name})",
    ]
    files.write_bytes(path, ("\n\n".join(text) + "\n").encode())


def read_runs(source: str | Path, system_flags: Collection[str]) -> list[Run]:
    """Returns the runs that led to a model_dir or checkpoint, the first one first.

    A run that began from a file or a folder without flags.txt is the first one.
    """
    return list(_backwards(Path(source), system_flags))[::-1]


def _backwards(source: Path, system_flags: Collection[str]) -> Iterator[Run]:
    seen: set[Path] = set()
    folder = source if source.is_dir() else source.parent
    while folder not in seen:
        seen.add(folder)
        yield (run := _read_run(folder, system_flags))
        start = run.flag_values.get("init_checkpoint")
        if start is None or start in bundled.FILES:
            return
        folder = Path(start) if Path(start).is_dir() else Path(start).parent
        if not (folder / FLAGS_NAME).is_file():
            return


def _read_run(folder: Path, system_flags: Collection[str]) -> Run:
    defaults = _defaults()
    usual = set(defaults.flags_into_string().splitlines())
    lines = files.read_lines(folder / FLAGS_NAME, "the flags of a training run")
    changed = {}
    for line in lines:
        name, _, value = line.removeprefix("--").partition("=")
        positive = name.removeprefix("no")
        is_system = not {name, positive} & set(defaults) and bool({name, positive} & set(system_flags))
        if line.startswith("--") and line not in usual and not is_system:
            changed[name] = value
    rows = files.read_jsonl(folder / file_names.METRICS, "the metrics of a training run")
    losses = np.array([(row["step"], row["loss"]) for row in rows], np.float64).reshape(-1, 2)
    if not len(losses):
        raise UserError(
            f"{folder / file_names.METRICS} is empty: no step was logged, so there is nothing to say of the run"
        )
    return Run(folder, changed, files.read_json(folder / VERSIONS_NAME, "the versions of a run"), losses)


def _table(runs: list[Run]) -> str:
    head = "| run | starts from | steps | batch | seed | learning rate | loss, first and last twentieth | commit |"
    rows = [
        f"| {number}. {run.folder.name} | {_last(run.flag_values.get('init_checkpoint', 'random initialization'))} | "
        f"{run.losses[-1, 0]:.0f} | {_value(run, 'batch_size')} | {_value(run, 'seed')} | "
        f"{_value(run, 'learning_rate')} | {_mean_loss(run.losses, 1):.1f}, {_mean_loss(run.losses, -1):.1f} | "
        f"{(run.versions.get('commit') or 'unknown')[:7]} |"
        for number, run in enumerate(runs, 1)
    ]
    return "\n".join([head, "|" + "---|" * 8, *rows])


def _title(number: int, run: Run) -> str:
    data = ", ".join(f"{key} {value}" for key, value in run.versions.get("data", {}).items() if value is not None)
    return f"{number}. {run.folder.name}: {data or 'data unknown'}"


def _command(run: Run) -> str:
    """Returns the command line; folders are named by their last part, as they lie elsewhere on another machine."""
    verb = "teacher.train" if (run.folder / file_names.GROUPS).exists() else "openpose_tf.train"
    parts = [
        f"--{name}={','.join(map(_last, value.split(','))) if name in PATH_FLAGS else value}" if value else f"--{name}"
        for name, value in run.flag_values.items()
    ]
    return " \\\n    ".join([f"python -m {verb}", *parts])


def _last(path: str) -> str:
    parts = Path(path).parts
    return "/".join(parts[-2:]) if parts and parts[-1].startswith("ckpt-") else "".join(parts[-1:])


def _value(run: Run, name: str) -> str:
    return run.flag_values.get(name) or str(_defaults()[name].default)


def _defaults() -> flags.FlagValues:
    """Returns the flags of a training command as they are when none is given."""
    values = flags.FlagValues()
    config_flags.define(TrainConfig, DataConfig, flag_values=values)
    return values


def _mean_loss(losses: np.ndarray, end: int) -> float:
    count = max(1, round(MEAN_SHARE * len(losses)))
    return float((losses[:count] if end > 0 else losses[-count:])[:, 1].mean())


def _loss_curves(runs: list[Run]) -> bytes:
    from openpose_tf.common.plotting import Figure

    figure = Figure(figsize=(8, 3.2), dpi=100, layout="constrained")
    axes, start = figure.subplots(), 0.0
    for run in runs:
        bins = np.array_split(run.losses, min(CURVE_POINTS, len(run.losses)))
        steps, losses = np.array([part.mean(0) for part in bins]).T
        axes.plot(start + steps, losses, label=run.folder.name)
        start += run.losses[-1, 0]
    axes.set(xlabel="steps of all runs", ylabel="loss per sample")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
