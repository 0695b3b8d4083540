"""How many runs share a stack, and how many of them take their steps together."""

from __future__ import annotations

from collections.abc import Sequence

from experiments import switches
from experiments.config.schema import Run
from experiments.datasets import Dataset
from experiments.training.targets import encoding_for

_NEAR_BYTES = 3 * 2**20
"""What runs may touch in a step, so that it stays in the caches of a core."""

_FAR_BYTES = 24 * 2**20
"""What a few runs may touch, each of which is too large for those caches anyway."""

_FEW = 8
"""Runs among which what a step costs beside arithmetic is divided; twice as many gain little."""

_TILE_BYTES = 2 * 2**20
"""What a tile may touch, so that it stays in the cache while a dataset goes through it."""


def stack_width(run: Run, dataset: Dataset) -> int:
    """Return how many runs like this one a stack holds at most.

    Many small networks, which fit the caches together; a few larger ones; or one very large one.
    """
    touched = _touched(run, dataset)
    return max(1, _NEAR_BYTES // touched, min(_FEW, _FAR_BYTES // touched))


def tile_width(runs: Sequence[Run], dataset: Dataset) -> int:
    """Return how many runs of a stack take their steps together at most.

    All of them, if the caches hold them all or not even one; else as many as they hold.
    """
    if not switches.is_on("tiles"):
        return len(runs)
    # The runs of a stack differ in their optimizer's state alone.
    touched = _touched(max(runs, key=lambda run: len(run.optimizer.slots())), dataset)
    if touched * len(runs) <= _NEAR_BYTES or touched > _TILE_BYTES:
        return len(runs)
    return _TILE_BYTES // touched


def equal_parts(count: int, most: int) -> list[slice]:
    """Divide so many into as few parts as possible: 20 in parts of 16 at most are 10 and 10."""
    parts = max(1, -(-count // most))
    size = max(1, -(-count // parts))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def _touched(run: Run, dataset: Dataset) -> int:
    """Return the bytes of a run's parameters, gradients, state and activations."""
    fan_in, parameters, units = dataset.features, 0, dataset.features
    outputs = encoding_for(dataset, run.objective).outputs
    for layer in run.model.layers(outputs):
        parameters += sum(p.size for p in layer.parameters(fan_in))
        fan_in = layer.width(fan_in)
        units += fan_in
    batch = run.training.batch_size
    rows = len(dataset.train) if batch == "full" else min(batch, len(dataset.train))
    state = 2 + len(run.optimizer.slots())
    numbers = parameters * (state + 1) + 2 * rows * units
    return numbers * (8 if run.training.dtype == "float64" else 4)
