"""The shapes of samples on their way through layers, checked before anything is built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

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
        that it gets and the one that it needs. If an embedding is not the first layer, or cannot
        share its weights with the last one.
    """
    shapes, names = [shape], names_of(layers)
    for name, layer in zip(names, layers, strict=True):
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
    for position, (name, layer) in enumerate(zip(names, layers, strict=True)):
        if layer.vocabulary and position > 0:
            raise ValueError(f"{name} takes tokens, so it must be the first layer")
        if layer.tied:
            _check_tied(name, layers, shapes, last=layer is layers[-1])
    return shapes


def layout_of(
    layers: Sequence[Layer],
    shape: Shape,
    arrays: Literal["parameters", "statistics"] = "parameters",
) -> Layout:
    """Return the layout of the parameters, or of the statistics, of all layers by their names.

    Parameters
    ----------
    layers, shape
        The arguments of :func:`shapes_of`.
    arrays : {"parameters", "statistics"}
        The arrays to arrange.
    """
    placed = zip(names_of(layers), layers, shapes_of(layers, shape), strict=False)
    return Layout(
        replace(array, name=f"{name}/{array.name}")
        for name, layer, at in placed
        for array in getattr(layer, arrays)(at)
    )


def draws(layers: Sequence[Layer]) -> bool:
    """Whether one of the layers draws random numbers in training."""
    return tuple(layers) != tuple(kept for layer in layers for kept in layer.without_noise())


def _check_tied(name: str, layers: Sequence[Layer], shapes: Sequence[Shape], *, last: bool) -> None:
    """Check that a layer can share the weights of the network's embedding."""
    if not last or not layers[0].vocabulary:
        raise ValueError(
            f"{name} shares the weights of an embedding, so it must be the last layer of a network "
            "that begins with one"
        )
    channels, outputs = shapes[-2][0], shapes[-1][0]
    [weights] = layers[0].parameters(shapes[0])
    if weights.shape != (outputs, channels):
        raise ValueError(
            f"{name} shares the weights of an embedding, which has {weights.shape[0]} tokens of "
            f"{weights.shape[1]} units, but it has {outputs} outputs for {channels} channels; make "
            "both the same"
        )


def check_ends(layers: Sequence[Layer], shapes: Sequence[Shape]) -> None:
    """Check that layers that read samples step by step know where samples end.

    Parameters
    ----------
    layers : sequence of Layer
        The layers, in order.
    shapes : sequence of tuple of int
        A result of :func:`shapes_of`, for samples that may end before their last step.

    Raises
    ------
    ValueError
        If the number of steps has changed before such a layer, or if it sees samples with more
        axes, whose last one is not known to be that of time.
    """
    steps = shapes[0][-1]
    for name, layer, shape in _leaves(layers, shapes):
        if layer.stepwise and len(shape) > 2:
            raise ValueError(
                f"{name} sees samples of shape {shape}, but those of the data may end early, which "
                "only sequences, (channels, length), can"
            )
        if layer.stepwise and shape[-1] != steps:
            raise ValueError(
                f"{name} reads samples of {shape[-1]} steps, but those of the data have {steps} "
                f"and may end earlier, so that {name} does not know where they end"
            )


def _leaves(layers: Sequence[Layer], shapes: Sequence[Shape]) -> Iterator[tuple[str, Layer, Shape]]:
    """Iterate over the layers and those of which they are made; see :meth:`Layer.leaves`."""
    for name, layer, shape in zip(names_of(layers), layers, shapes, strict=False):
        yield from layer.leaves(name, shape)


def check_carrying(layers: Sequence[Layer]) -> None:
    """Raise a ValueError if a layer cannot carry its state from batch to batch."""
    for name, layer in zip(names_of(layers), layers, strict=True):
        fault = layer.carrying_fault()
        if fault is not None:
            raise ValueError(f"{name} cannot carry its state from batch to batch: {fault}")


def check_causal(layers: Sequence[Layer], shapes: Sequence[Shape]) -> None:
    """Check that what a network gives at a step of a sequence does not depend on later steps.

    Parameters
    ----------
    layers : sequence of Layer
        The layers, in order.
    shapes : sequence of tuple of int
        A result of :func:`shapes_of`.

    Raises
    ------
    ValueError
        If it does; the message names the layer that looks ahead.
    """
    for name, layer, _ in _leaves(layers, shapes):
        if layer.looks_ahead:
            raise ValueError(f"{name} ({type(layer).__name__}) looks at later steps")


def _listed(axes: Sequence[object]) -> str:
    return f"({', '.join(map(str, axes))}{',' if len(axes) == 1 else ''})"


def _cure(shape: Shape, axes: tuple[str, ...]) -> str:
    if len(axes) == 1:
        return "; put nn.layers.Flatten before it"
    if len(shape) == 1:
        return "; put nn.layers.Reshape before it, or choose a dataset of such samples"
    return ""
