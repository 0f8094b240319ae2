"""Progress of long work: a bar with time left on a terminal, plain log lines elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from absl import logging
from tqdm import tqdm

T = TypeVar("T")


class Progress:
    """Counts finished units of work and shows them.

    On a terminal a tqdm bar; otherwise one log line at most every `log_every_s` seconds and one at the end.

    Args:
        total: number of units of the whole work.
        title: short name of the work.
        unit: name of the units, a plural.
        initial: units already done by an earlier run.
        log_every_s: seconds between two log lines without a terminal.
    """

    def __init__(
        self, total: int | None, title: str, unit: str = "it", initial: int = 0, log_every_s: float = 15.0
    ) -> None:
        self._total, self._title, self._unit = total, title, unit
        self._initial = self._done = initial
        self._log_every_s = log_every_s
        self._start = self._last = time.monotonic()
        self._bar = (
            tqdm(total=total, desc=title, unit=unit, initial=initial, dynamic_ncols=True, smoothing=0.05)
            if sys.stderr.isatty()
            else None
        )

    def update(self, count: int = 1, note: str = "") -> None:
        """Adds `count` finished units; `note` is shown behind the numbers."""
        self._done += count
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(count)
        elif time.monotonic() - self._last >= self._log_every_s or self._done == self._total:
            self._last = time.monotonic()
            logging.info("%s", self._line(note))

    def _line(self, note: str) -> str:
        elapsed = time.monotonic() - self._start
        rate = (self._done - self._initial) / max(elapsed, 1e-9)
        line = f"{self._title}: {self._done}" + (f"/{self._total}" if self._total else "") + f" {self._unit}"
        line += f", {rate * 3600:.0f} {self._unit}/h" if rate < 0.5 else f", {rate:.1f} {self._unit}/s"
        if self._total and rate > 0:
            left = int((self._total - self._done) / rate)
            line += f", {left // 60}:{left % 60:02d} left"
        return f"{line}, {note}" if note else line

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def track(items: Iterable[T], total: int | None, title: str, unit: str = "it") -> Iterator[T]:
    """Yields `items` and shows the progress."""
    with Progress(total, title, unit) as bar:
        for item in items:
            yield item
            bar.update()
