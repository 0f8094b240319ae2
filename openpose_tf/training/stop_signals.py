"""SIGTERM and SIGINT as requests that a loop reads between two steps."""

import os
import signal
import threading
from types import FrameType

from absl import logging


class StopSignals:
    """Catches SIGTERM (clusters pre-empt) and SIGINT (Ctrl-C) while the block runs.

    The first signal is a request; a second Ctrl-C ends at once. Outside of the main thread nothing is caught, because
    Python allows it there only.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._previous: dict[int, object] = {}

    @property
    def requested(self) -> bool:
        """Whether a signal has come."""
        return self._received is not None

    def leave(self, message: str) -> None:
        """Logs `message`; raises KeyboardInterrupt if it was Ctrl-C, so that the exit code says so."""
        logging.info("%s", message)
        if self._received == signal.SIGINT:
            raise KeyboardInterrupt

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._previous[number] = signal.signal(number, self._catch)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._previous.clear()

    def _catch(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._received == signal.SIGINT and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._received = number
        name = signal.Signals(number).name
        os.write(2, f"\n{name}: finishing this step, then a checkpoint\n".encode())
