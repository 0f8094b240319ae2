"""Runs a reader on mutated inputs and counts: accepted, refused in one line, fell short (anything else)."""

import dataclasses
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from absl import logging

from openpose_tf.common.errors import UserError

TIME_LIMIT_S = 20  # far above the milliseconds that a case takes on a busy machine


@dataclasses.dataclass(frozen=True)
class Target:
    """One format.

    Attributes:
        name: of the format.
        write: writes a mutated input into a folder, from a random generator.
        opens: whether the container (JSON, zip, MATLAB file, checked record) can be opened.
        read: reads it by all readers of the format; raises UserError where they refuse it, AssertionError where they
            accept it and differ.
    """

    name: str
    write: Callable[[np.random.Generator, Path], None]
    opens: Callable[[Path], bool]
    read: Callable[[Path], None]


@dataclasses.dataclass
class Figures:
    """Numbers of inputs, and those that fell short as (case, traceback)."""

    accepted: int = 0
    refused: int = 0
    past_container: int = 0
    fell_short: list[tuple[int, str]] = dataclasses.field(default_factory=list)

    @property
    def total(self) -> int:
        """All inputs."""
        return self.accepted + self.refused + len(self.fell_short)


class TooLongError(Exception):
    """A reader hangs."""


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raises TooLongError in the block after some seconds."""

    def stop(number: int, frame: object) -> None:
        del number, frame
        raise TooLongError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(target: Target, seed: int, cases: range, folder: Path) -> Figures:
    """Returns the figures of inputs `cases`; input k is a function of (seed, k) alone."""
    figures = Figures()
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.FATAL)  # readers tell of what they leave out
    try:
        for case in cases:
            target.write(np.random.default_rng([seed, case]), folder)
            _run_case(target, case, folder, figures)
    finally:
        logging.set_verbosity(verbosity)
    return figures


def _run_case(target: Target, case: int, folder: Path, figures: Figures) -> None:
    try:
        with time_limit(TIME_LIMIT_S), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            figures.past_container += target.opens(folder)
            target.read(folder)
        figures.accepted += 1
    except UserError as error:
        if "Traceback" in str(error) or not str(error):
            figures.fell_short.append((case, f"message: {error}"))
        else:
            figures.refused += 1
    except Exception:  # whatever it is, it would be a traceback for the user
        figures.fell_short.append((case, traceback.format_exc(limit=-4)))
