"""The largest networks and trainings that a configuration may describe.

A record may come from anybody, and a typing error may add zeros. What is larger is refused before
anything is allocated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Final

from nn.component import AtMost, Interval
from nn.layers import Layer
from nn.layers.shapes import shapes_of
from nn.typing import Shape

Units = Annotated[int, Interval(1, 1_000_000)]
"""Width of a layer."""

Depth: Final = AtMost(1_000)
"""Number of layers."""

Epochs = Annotated[int, Interval(1, 1_000_000)]
"""Number of epochs, each of which is a row in the table of metrics."""

RUNS: Final = 100_000
"""Number of runs of a sweep, all of which are composed before one trains."""

PARAMETERS: Final = 1 << 28
"""Number of parameters. Twice as many numbers of 8 bytes fit the largest archive that is read."""


def too_large(layers: Sequence[Layer], shape: Shape, most: int = PARAMETERS) -> str | None:
    """Describe what is wrong with the size of a network, without building it.

    Parameters
    ----------
    layers : sequence of Layer
        The layers of the network.
    shape : tuple of int
        The shape of an input sample.
    most : int, default PARAMETERS
        The largest number of parameters.

    Returns
    -------
    str or None
        The description; None if the network is not too large.

    Raises
    ------
    ValueError
        If a layer cannot take the samples that reach it.
    """
    placed = list(zip(layers, shapes_of(layers, shape), strict=False))
    count = sum(p.size for layer, shape in placed for p in layer.parameters(shape))
    if count > most:
        return f"the network has {count:,} parameters, and at most {most:,} are possible here"
    largest = max(
        (math.prod(layer.output_shape(shape)) + layer.scratch(shape) for layer, shape in placed),
        default=0,
    )
    if largest > PARAMETERS:
        return (
            f"a layer computes {largest:,} numbers for a sample, and at most {PARAMETERS:,} are "
            "possible"
        )
    return None
