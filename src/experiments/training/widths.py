"""The number of runs in a stack, and in a tile of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from experiments import switches
from experiments.config.schema import Run
from experiments.datasets import Dataset
from experiments.training.length import batch_rows
from experiments.training.targets import encoding_for
from nn.layers.shapes import shapes_of

_NEAR_BYTES = 3 * 2**20
"""The working set of a step that stays in the caches of a core."""

_FAR_BYTES = 24 * 2**20
"""The working set of a step for a few runs, each of which is too large for those caches."""

_FEW = 8
"""The number of runs that share a step's overhead; twice as many would gain little."""

_TILE_BYTES = 2 * 2**20
"""The working set of a tile that stays in the cache while the batches stream through it."""


def stack_width(run: Run, dataset: Dataset) -> int:
    """Return the largest number of runs like this one in a stack.

    A stack holds many small networks, which fit the caches together, a few larger ones, or a
    single very large one.
    """
    touched = _touched(run, dataset)
    return max(1, _NEAR_BYTES // touched, min(_FEW, _FAR_BYTES // touched))


def tile_width(runs: Sequence[Run], dataset: Dataset) -> int:
    """Return the largest number of runs of a stack in one tile.

    A tile holds all runs if all of them fit the caches or not even one does; otherwise as many
    as fit. Layers that read samples step by step make hundreds of small calls, whose overhead a few
    runs share: an LSTM of 16 units and 100 steps takes 0.8 of the time in tiles of 7 that it takes
    in tiles of 1, though these fit.
    """
    if not switches.is_on("tiles"):
        return len(runs)
    # The runs of a stack differ only in the size of their optimizer's state.
    touched = _touched(max(runs, key=lambda run: len(run.optimizer.slots())), dataset)
    if touched * len(runs) <= _NEAR_BYTES or touched > _TILE_BYTES:
        return len(runs)
    fitting = _TILE_BYTES // touched
    outputs = encoding_for(dataset, runs[0].objective).outputs
    stepwise = any(layer.stepwise for layer in runs[0].model.layers(outputs, dataset.samples))
    return max(fitting, _FEW) if stepwise else fitting


def equal_parts(count: int, most: int) -> list[slice]:
    """Divide `count` items into as few near-equal slices as possible.

    Twenty items in slices of at most 16 become 10 and 10.
    """
    parts = max(1, -(-count // most))
    size = max(1, -(-count // parts))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def _touched(run: Run, dataset: Dataset) -> int:
    """Return the size in bytes of a run's parameters, gradients, state and activations."""
    samples = dataset.samples
    layers = run.model.layers(encoding_for(dataset, run.objective).outputs, samples)
    shapes = shapes_of(layers, run.model.input_shape(samples))
    placed = list(zip(layers, shapes, strict=False))
    parameters = sum(p.size for layer, shape in placed for p in layer.parameters(shape))
    # Of sparse rows there is little to read.
    units = sum(map(math.prod, shapes[dataset.is_sparse :]))
    scratch = sum(layer.scratch(shape) for layer, shape in placed)
    rows = batch_rows(run.training, len(dataset.train))
    state = 2 + len(run.optimizer.slots())
    numbers = parameters * (state + 1) + rows * (2 * units + scratch)
    return numbers * (8 if run.training.dtype == "float64" else 4)
