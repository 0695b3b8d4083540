"""The time that a step takes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from time import get_clock_info, perf_counter, thread_time
from typing import Final

import numpy as np

from experiments.training.tile import Tile

_WARM_UP: Final = 3  # the first steps allocate, and bind the compiled loops
_FEWEST, _MOST = 3, 30
_SECONDS: Final = 0.05  # after which no more steps are timed than the fewest


def seconds_per_step(tile: Tile, threads: int = 1) -> float:
    """Measure how long a step takes: the passes and the update, without drawing the batch.

    Parameters
    ----------
    tile : Tile
        The run to train, alone in its tile. Its parameters change.
    threads : int, default 1
        Number of threads of the matrix products. The time of one thread is that of the processor,
        which does not depend on what else the machine does; that of several is elapsed time.

    Returns
    -------
    float
        The median time of 3 to 30 steps with whole batches, after 3 that are not counted.
    """
    now = _clock(threads)
    times: list[float] = []
    while len(times) < _WARM_UP + _MOST:
        whole = tile.batches.last_full + 1
        for batch in islice(tile.batches.epoch(), min(whole, _WARM_UP + _MOST - len(times))):
            began = now()
            tile.step(batch)
            times.append(now() - began)
            if len(times) >= _WARM_UP + _FEWEST and sum(times[_WARM_UP:]) >= _SECONDS:
                return float(np.median(times[_WARM_UP:]))
    return float(np.median(times[_WARM_UP:]))


def _clock(threads: int) -> Callable[[], float]:
    """Return the clock for steps on so many threads."""
    precise = get_clock_info("thread_time").resolution < 1e-6  # on Windows it ticks each 16 ms
    return thread_time if threads == 1 and precise else perf_counter
