"""A network's layers as a table: the shapes of samples on their way, and the parameters."""

from __future__ import annotations

from collections.abc import Sequence

from .layers import Layer
from .layers.shapes import names_of, shapes_of
from .typing import Shape


def summary(layers: Sequence[Layer], shape: Shape) -> str:
    """Describe a network layer by layer.

    Parameters
    ----------
    layers : sequence of Layer
        The layers, in order.
    shape : tuple of int
        The shape of an input sample.

    Returns
    -------
    str
        A line for the input and for each layer, with the shape of a sample behind it and the
        number of the layer's parameters; last a line with the sum of these.

    Raises
    ------
    ValueError
        If a layer cannot take the samples that reach it.
    """
    shapes = shapes_of(layers, shape)
    sizes = [
        sum(parameter.size for parameter in layer.parameters(given))
        for layer, given in zip(layers, shapes, strict=False)
    ]
    rows = [("layer", "output", "parameters"), ("input", _text(shape), "")]
    for name, made, size in zip(names_of(layers), shapes[1:], sizes, strict=True):
        rows.append((name, _text(made), f"{size:,}" if size else ""))
    rows.append(("total", "", f"{sum(sizes):,}"))
    first, second, third = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = [f"{a:<{first}}  {b:<{second}}  {c:>{third}}" for a, b, c in rows]
    return "\n".join(map(str.rstrip, lines))


def _text(shape: Shape) -> str:
    return " × ".join(map(str, shape))
