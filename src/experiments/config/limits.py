"""The largest networks and trainings that a configuration may describe.

A record may come from anybody, and a typing error may add zeros. What is larger is refused before
anything is allocated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Final

from nn.component import AtMost, Interval
from nn.layers import Layer

Units = Annotated[int, Interval(1, 1_000_000)]
"""Width of a layer."""

Depth: Final = AtMost(1_000)
"""Number of layers."""

Epochs = Annotated[int, Interval(1, 1_000_000)]
"""Number of epochs, each of which is a row in the table of metrics."""

PARAMETERS: Final = 1 << 28
"""Number of parameters. Twice as many numbers of 8 bytes fit the largest archive that is read."""


def too_large(layers: Iterable[Layer], inputs: int, most: int = PARAMETERS) -> str | None:
    """Describe what is wrong with the size of a network, without building it.

    Parameters
    ----------
    layers : iterable of Layer
        The layers of the network.
    inputs : int
        The width of its input.
    most : int, default PARAMETERS
        The largest number of parameters.

    Returns
    -------
    str or None
        The description; None if the network is not too large.
    """
    count, width = 0, inputs
    for layer in layers:
        count += sum(math.prod(p.shape) for p in layer.parameters(width))
        width = layer.width(width)
    if count <= most:
        return None
    return f"the network has {count:,} parameters, and at most {most:,} are possible here"
