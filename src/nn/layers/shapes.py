"""The shapes of samples on their way through layers, checked before anything is built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ..parameters import Layout
from ..typing import Shape
from .layer import Layer


def names_of(layers: Sequence[Layer]) -> list[str]:
    """Return the layers' names, unique among them: dense1, dense2, ..."""
    count: Counter[str] = Counter()
    names = []
    for layer in layers:
        kind = layer.name or type(layer).__name__.lower()
        count[kind] += 1
        names.append(f"{kind}{count[kind]}")
    return names


def shapes_of(layers: Sequence[Layer], shape: Shape) -> list[Shape]:
    """Return the shape of a sample before the first layer and after each.

    Parameters
    ----------
    layers : sequence of Layer
        The layers, in order.
    shape : tuple of int
        Shape of an input sample.

    Raises
    ------
    ValueError
        If a layer cannot take the samples that reach it; the message names the layer, the shape
        that it gets and the one that it needs.
    """
    shapes = [shape]
    for name, layer in zip(names_of(layers), layers, strict=True):
        if callable(getattr(type(layer), "width", None)):
            raise ValueError(
                f"{name}: {type(layer).__name__} has a method width(fan_in), which layers had "
                "before samples had shapes. Write output_shape(self, shape) instead, which "
                "gets (features,) and returns (units,); parameters and statistics get a shape too"
            )
        if layer.axes is not None and len(shape) != len(layer.axes):
            raise ValueError(
                f"{name} takes samples of shape {_listed(layer.axes)}, but gets "
                f"{_listed(shape)}{_cure(shape, layer.axes)}"
            )
        try:
            shape = layer.output_shape(shape)
        except ValueError as error:
            raise ValueError(f"{name} gets samples of shape {_listed(shape)}: {error}") from error
        shapes.append(shape)
    return shapes


def layout_of(layers: Sequence[Layer], shape: Shape) -> Layout:
    """Return the layout of a network's parameters, named after their layers.

    Parameters
    ----------
    layers : sequence of Layer
        The layers, in order.
    shape : tuple of int
        Shape of an input sample.

    Raises
    ------
    ValueError
        If a layer cannot take the samples that reach it.
    """
    placed = zip(names_of(layers), layers, shapes_of(layers, shape), strict=False)
    return Layout(
        replace(p, name=f"{name}/{p.name}")
        for name, layer, shape in placed
        for p in layer.parameters(shape)
    )


def _listed(axes: Sequence[object]) -> str:
    return f"({', '.join(map(str, axes))}{',' if len(axes) == 1 else ''})"


def _cure(shape: Shape, axes: tuple[str, ...]) -> str:
    if len(axes) == 1:
        return "; put nn.layers.Flatten before it"
    if len(shape) == 1:
        return "; put nn.layers.Reshape before it, or choose a dataset of such samples"
    return ""
