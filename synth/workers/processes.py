"""Runs a function over many items in processes of this machine, the results in the order of the items."""

import concurrent.futures
import functools
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from openpose_tf.common.progress import track

Item = TypeVar("Item")
Result = TypeVar("Result")

_FEW = 3  # items that are done before processes have started
_AHEAD = 2  # results per process that may wait for the reader


def map_ordered(function: Callable[[Item], Result], items: Sequence[Item], title: str, unit: str) -> Iterator[Result]:
    """Yields `function(item)` of each item in order; the processes are as many as the CPUs of this one.

    Args:
        function: of a module (or a `functools.partial` of one), so that other processes can import it.
        items: few go without processes.
        title: what is being done, shown beside the progress.
        unit: name of an item.
    """
    workers = min(len(os.sched_getaffinity(0)), len(items))
    results = map(function, items) if workers < 2 or len(items) <= _FEW else _in_processes(function, items, workers)
    return track(results, len(items), title, unit)


def _in_processes(function: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    # Started anew, not forked: this process may run threads of other libraries.
    pool = concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
    waiting: deque[concurrent.futures.Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(functools.partial(function, item)))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
