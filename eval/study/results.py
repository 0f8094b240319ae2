"""The small file that each finished run of the study leaves: all that tables, figures and intervals need."""

import dataclasses
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.study import run_logs, score_files, scoring
from eval.study.plan import Run
from eval.study.scoring import SetScores
from eval.study.stages import Study, predictions_dir
from eval.study.validation import ValidationSet
from openpose_tf.common import file_names, files
from openpose_tf.common.errors import UserError

WHAT = "a result of eval.study"
FORMAT = 2
SUFFIX = ".json.gz"
REQUIRED = {"settings", "design_counts", "commit", "machine", "seconds", "curve", "teacher"}
MATRIX_UNITS = ("avx512_bf16", "amx_bf16")
OTHER_HINT = (
    "; --allow_other_settings, for precision and for record sets of the same names, lets both stand on one page, where "
    "rows are then compared within equal ones only"
)
MAY_DIFFER = ("precision", "real")  # settings that runs of one page may differ in, if asked for; never runs of one pair


@dataclasses.dataclass(frozen=True)
class StudyResult:
    """One finished run.

    Attributes:
        row: name of the row.
        count: N, photographs.
        seed: its seed.
        marks: steps after which it was scored, rising.
        sets: scores by validation set and mark.
        values: everything else in the file: `settings`, `design_counts` (the N of the design), `commit`, `machine`,
            `seconds`, `steps`, `curve`, `teacher` (or None).
    """

    row: str
    count: int
    seed: int
    marks: tuple[int, ...]
    sets: Mapping[str, Mapping[int, SetScores]]
    values: Mapping[str, Any]


def path_of(folder: Path, run: Run) -> Path:
    """Returns the path of a run's file."""
    return folder / f"{run.name}{SUFFIX}"


def settings(study: Study, sets: Sequence[ValidationSet]) -> dict[str, Any]:
    """Returns what all results of one page share."""
    return {
        "precision": study.precision,
        "size": dataclasses.asdict(study.size),
        "validation": {scored.name: scored.digest for scored in sets},
        **study.sources.describe(),
    }


def collect(
    study: Study, run: Run, sets: Sequence[ValidationSet], seconds: Mapping[str, float], shared: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the content of a finished run's file.

    Args:
        study: where it lies.
        run: all its stages done.
        sets: the validation sets.
        seconds: by stage.
        shared: `settings`.
    """
    model, marks = study.run_dir(run) / "model", run.row.marks(study.size)
    scored = {
        one.name: {mark: scoring.score(one, predictions_dir(study, run, mark) / one.name) for mark in marks}
        for one in sets
    }
    return {
        "format": FORMAT,
        "row": run.row.name,
        "count": run.count,
        "seed": run.seed,
        "settings": dict(shared),
        "design_counts": list(study.counts),
        "commit": files.read_json(model / "versions.json", "the versions of a training run")["commit"],
        "machine": f"{os.cpu_count()} CPU cores, {_processor()}, {platform.system()}",
        "seconds": dict(seconds),
        "steps": files.read_json(model / file_names.SUMMARY, "the summary of a training run")["steps"],
        "curve": run_logs.read_curve(model),
        "teacher": run_logs.read_teacher(model),
        "sets": {name: score_files.to_json(of_marks) for name, of_marks in scored.items()},
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


def read_result(path: Path) -> StudyResult:
    """Returns the result in a file.

    Raises:
        UserError: the file is missing or something else.
    """
    values = files.read_json(path, WHAT)
    try:
        if values["format"] != FORMAT:
            raise ValueError("format")
        if missing := REQUIRED - values.keys():
            raise ValueError(f"without {min(missing)}")
        sets = {name: score_files.from_json(one) for name, one in values["sets"].items()}
        marks = tuple(sorted({mark for of_marks in sets.values() for mark in of_marks}))
        rest = {key: value for key, value in values.items() if key != "sets"}
        return StudyResult(values["row"], int(values["count"]), int(values["seed"]), marks, sets, rest)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is not {WHAT} ({error})") from None


def read_results(folder: Path) -> list[StudyResult]:
    """Returns all results in a folder, in the order of their file names.

    Raises:
        UserError: a file is not one, or has the ending that results had before they were packed.
    """
    if older := sorted(folder.glob("*-seed*.json")):
        raise UserError(f"{older[0]}: results are packed now; keep them by `gzip {folder}/*.json`")
    return [read_result(path) for path in sorted(folder.glob(f"*-seed*{SUFFIX}"))]


def is_comparable(first: StudyResult, second: StudyResult) -> bool:
    """Returns whether two runs of one seed differ in nothing but their rows: equal precision, equal records."""
    ours, theirs = first.values["settings"], second.values["settings"]
    return all(ours.get(name) == theirs.get(name) for name in MAY_DIFFER)


def check_settings(
    results: Sequence[StudyResult], shared: Mapping[str, Any], folder: Path, allow_other: bool = False
) -> None:
    """Checks that new runs may stand on one page with those that are there.

    Args:
        results: those that are there.
        shared: of the new runs; only names that are in it are compared.
        folder: of the results, for the message.
        allow_other: precision and records, of record sets of the same names, may differ: rows are compared within
            equal ones only (`is_comparable`).

    Raises:
        UserError: a result of other data, size or precision.
    """
    for result in results:
        there = result.values["settings"]
        for name, value in sorted(shared.items(), key=lambda item: item[0] in MAY_DIFFER):  # what never may, first
            before = there.get(name)
            if allow_other and name in MAY_DIFFER and (name != "real" or _set_names(before) == _set_names(value)):
                continue
            if isinstance(value, dict) and isinstance(before, dict):  # JSON has lists for tuples
                before = {key: _plain(before.get(key)) for key in value}
                value = {key: _plain(one) for key, one in value.items()}
            if before != value:
                named = f"{result.row}-n{result.count}-seed{result.seed}{SUFFIX}"
                raise UserError(
                    f"{folder / named} was made with {name} {before}, these runs would be with {value}: give the same, "
                    f"or another --output_dir for a page of its own{OTHER_HINT if name in MAY_DIFFER else ''}"
                )


def _set_names(real: Any) -> list[Any]:
    """Returns the names of the record sets of photographs, or what stands for them."""
    return [real] if isinstance(real, str) or real is None else [name for name, _ in real]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
