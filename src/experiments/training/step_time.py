"""The time that a step takes."""

from __future__ import annotations

from itertools import islice
from time import perf_counter
from typing import Final

import numpy as np

from experiments.training.tile import Tile

_WARM_UP: Final = 3  # the first steps allocate, and bind the compiled loops
_FEWEST, _MOST = 3, 30
_SECONDS: Final = 0.05  # after which no more steps are timed than the fewest


def seconds_per_step(tile: Tile) -> float:
    """Measure how long a step takes: the passes and the update, without drawing the batch.

    Parameters
    ----------
    tile : Tile
        The run to train, alone in its tile. Its parameters change.

    Returns
    -------
    float
        The median time of 3 to 30 steps with whole batches, after 3 that are not counted.
    """
    times: list[float] = []
    while len(times) < _WARM_UP + _MOST:
        whole = tile.batches.last_full + 1
        for batch in islice(tile.batches.epoch(), min(whole, _WARM_UP + _MOST - len(times))):
            began = perf_counter()
            tile.step(batch)
            times.append(perf_counter() - began)
            if len(times) >= _WARM_UP + _FEWEST and sum(times[_WARM_UP:]) >= _SECONDS:
                return float(np.median(times[_WARM_UP:]))
    return float(np.median(times[_WARM_UP:]))
