"""What a run writes while it runs: metrics.jsonl, decisions.jsonl, TensorBoard events, summary.json."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import tensorflow as tf
from absl import logging

from openpose_tf.common import file_names, files
from openpose_tf.common.errors import UserError

LOSS_WINDOW_SHARE = 10  # first and last loss of the summary: means over a tenth of the rows


class RunLogs:
    """The log files of a run; rows of steps that a restored checkpoint does not know, and the run repeats, are deleted.

    Args:
        model_dir: the folder.
        step: steps done by the restored checkpoint, None for a new run.
        is_chief: only the chief of several workers writes.

    Raises:
        UserError: the folder holds the logs of a run whose checkpoints are gone.
    """

    def __init__(self, model_dir: Path, step: int | None, is_chief: bool = True) -> None:
        self._model_dir, self._is_chief = model_dir, is_chief
        if step is None and is_chief:
            _require_no_rows(model_dir)
        self._writer = tf.summary.create_file_writer(str(model_dir)) if is_chief else tf.summary.create_noop_writer()
        self._metrics = _open_rows(model_dir / file_names.METRICS, step or 0) if is_chief else None
        self._decisions = _open_rows(model_dir / file_names.DECISIONS, step or 0) if is_chief else None

    def metrics(self, step: int, row: Mapping[str, float]) -> None:
        """Writes one row of numbers; NaN (nothing measured) becomes null."""
        if self._metrics is not None:
            _write_row(self._metrics, {"step": step, **row})
        with self._writer.as_default():
            for name, value in row.items():
                if math.isfinite(value):
                    tf.summary.scalar(name.replace("__", "/"), value, step)

    def decision(self, row: Mapping[str, Any]) -> None:
        """Writes one decision of the teacher."""
        if self._decisions is not None:
            _write_row(self._decisions, row)

    def pictures(self, step: int, pictures: Mapping[str, np.ndarray]) -> None:
        """Writes images [N, H, W, 3] uint8 to TensorBoard."""
        with self._writer.as_default():
            for name, images in pictures.items():
                tf.summary.image(name, images, step, max_outputs=len(images))

    def flush(self) -> None:
        """Puts all rows on disk."""
        self._writer.flush()

    def write_summary(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Writes summary.json: `values` and the first and last losses, means over a tenth of metrics.jsonl each."""
        rows = _read_rows(self._model_dir / file_names.METRICS)
        summary = {**values, **_first_and_last(rows)}
        if self._is_chief:
            files.write_json(self._model_dir / file_names.SUMMARY, summary)
        return summary

    def __enter__(self) -> "RunLogs":
        return self

    def __exit__(self, *_: object) -> None:
        for rows in (self._metrics, self._decisions):
            if rows is not None:
                rows.close()
        self._writer.close()


def _read_rows(path: Path) -> list[dict[str, Any]]:
    """Returns the rows of a log, none where there is no file: damage to a log never stops a training run."""
    return files.read_jsonl(path, "a log of a run", skip_unreadable=True) if path.exists() else []


def _require_no_rows(model_dir: Path) -> None:
    """Raises UserError if there are rows: with no checkpoint, a run would begin again and delete them."""
    for name in (file_names.METRICS, file_names.DECISIONS):
        if rows := _read_rows(model_dir / name):
            raise UserError(
                f"{model_dir / name} has {len(rows)} rows of a run, but the folder holds no checkpoint: copy the files "
                "ckpt-* (.index and .data) there to resume it, or choose a different --model_dir"
            )


def _open_rows(path: Path, step: int) -> TextIO:
    """Returns the file opened for appending, after deleting rows beyond `step`."""
    rows = _read_rows(path)
    kept = [row for row in rows if row["step"] <= step]
    if len(kept) < len(rows):
        logging.info("%s: %d rows of steps after %d come again", path, len(rows) - len(kept), step)
    files.write_bytes(path, "".join(_line(row) for row in kept).encode())
    return path.open("a", encoding="utf-8", buffering=1)  # a row is in the file when the call returns


def _write_row(rows: TextIO, row: Mapping[str, Any]) -> None:
    rows.write(_line({key: _plain(value) for key, value in row.items()}))


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _first_and_last(rows: list[dict[str, Any]]) -> dict[str, Any]:
    if not rows:
        return {}
    window = max(1, len(rows) // LOSS_WINDOW_SHARE)
    result: dict[str, Any] = {"loss_window_rows": window}
    for name in ("loss", "loss_real", "loss_synthetic"):
        for place, part in (("first", rows[:window]), ("last", rows[-window:])):
            values = [row[name] for row in part if row.get(name) is not None]
            result[f"{name}_{place}"] = float(np.mean(values)) if values else None
    return result
