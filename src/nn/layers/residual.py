"""Residual blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from ..activations import Identity
from ..parameters import Parameter
from ..speed.replay import replayable
from ..typing import Array, Shape
from .activation import ActivationLayer
from .chain import Chain, arrangements
from .layer import Binding, Layer
from .shapes import names_of, shapes_of

_Layers = tuple[Layer, ...]


@dataclass
class Residual(Layer):
    """A block y = f(x) + s(x) of layers f and a shortcut s (He et al. 2016).

    The names of its parameters are those of the inner layers, behind the block's name and, in the
    shortcut, the word ``shortcut``.

    Parameters
    ----------
    layers : list of Layer
        The layers f.
    shortcut : list of Layer, default []
        The layers of the shortcut, such as a convolution with a kernel of 1 where f changes the
        number of channels or has a stride; the identity if the list is empty.
    """

    name: ClassVar[str] = "residual"
    layers: _Layers
    shortcut: _Layers = ()

    def __post_init__(self) -> None:
        self.layers, self.shortcut = tuple(self.layers), tuple(self.shortcut)
        super().__post_init__()
        if not self.layers:
            raise ValueError("Residual: layers must be a list of at least one layer")

    @property
    def axes(self) -> tuple[str, ...] | None:  # type: ignore[override]
        """The axes of the first layer that needs certain axes."""
        return next((layer.axes for layer in self.layers if layer.axes is not None), None)

    @property
    def stepwise(self) -> bool:  # type: ignore[override]
        """Whether one of the layers reads samples step by step."""
        return any(layer.stepwise for layer in (*self.layers, *self.shortcut))

    def carrying_fault(self) -> str | None:
        faults = (layer.carrying_fault() for layer in (*self.layers, *self.shortcut))
        return next((fault for fault in faults if fault is not None), None)

    def structure(self) -> tuple[Any, ...]:
        paths = self.layers, self.shortcut
        return (type(self), *(tuple(layer.structure() for layer in path) for path in paths))

    def without_noise(self) -> list[Layer]:
        layers, shortcut = (
            tuple(kept for layer in path for kept in layer.without_noise())
            for path in (self.layers, self.shortcut)
        )
        return [Residual(layers or (ActivationLayer(Identity()),), shortcut)]

    def output_shape(self, shape: Shape) -> Shape:
        given, beside = (shapes_of(path, shape)[-1] for path in (self.layers, self.shortcut))
        if given != beside:
            raise ValueError(
                f"its layers give {given} and its shortcut {beside}, which cannot be added; give a "
                "shortcut with the same number of channels and the same stride, such as "
                "[Conv2d(16, kernel=1, stride=2)]"
            )
        return given

    def batch_last(self, shape: Shape) -> bool | None:
        wishes = (
            layer.batch_last(at)
            for layer, at in zip(self.layers, shapes_of(self.layers, shape), strict=False)
        )
        return next((wish for wish in wishes if wish is not None), None)

    def _placed(self, shape: Shape) -> Iterator[tuple[str, Layer, Shape]]:
        """Iterate over the inner layers with their prefixes and the shapes of their inputs."""
        for prefix, path in (("", self.layers), ("shortcut/", self.shortcut)):
            shapes = shapes_of(path, shape)
            for name, layer, at in zip(names_of(path), path, shapes, strict=False):
                yield f"{prefix}{name}/", layer, at

    def leaves(self, name: str, shape: Shape) -> Iterator[tuple[str, Layer, Shape]]:
        for prefix, layer, at in self._placed(shape):
            yield from layer.leaves(f"{name}/{prefix.removesuffix('/')}", at)

    def parameters(self, shape: Shape) -> list[Parameter]:
        return [
            replace(p, name=prefix + p.name)
            for prefix, layer, at in self._placed(shape)
            for p in layer.parameters(at)
        ]

    def statistics(self, shape: Shape) -> list[Parameter]:
        return [
            replace(p, name=prefix + p.name)
            for prefix, layer, at in self._placed(shape)
            for p in layer.statistics(at)
        ]

    def scratch(self, shape: Shape) -> int:
        return sum(
            layer.scratch(at) + math.prod(layer.output_shape(at))
            for _, layer, at in self._placed(shape)
        )

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        for prefix, path in (("", self.layers), ("shortcut/", self.shortcut)):
            for name, layer in zip(names_of(path), path, strict=True):
                layer.initialize(rng, _within(values, f"{prefix}{name}/"))

    def bind(self, binding: Binding) -> Self:
        bound = super().bind(binding)
        peers = [[*peer.layers, *peer.shortcut] for peer in binding.peers]  # type: ignore[attr-defined]
        last = [
            one
            for path in (self.layers, self.shortcut)
            for one in arrangements(path, shapes_of(path, binding.shape), binding.batch_last)
        ]
        inner = [
            layer.bind(
                replace(
                    binding,
                    peers=[theirs[position] for theirs in peers],
                    shape=at,
                    batch_last=last[position],
                    parameters=_within(binding.parameters, prefix),
                    gradients=_within(binding.gradients, prefix),
                    statistics=_within(binding.statistics, prefix),
                    name=f"{binding.name}/{prefix}",
                )
            )
            for position, (prefix, layer, at) in enumerate(self._placed(binding.shape))
        ]
        count, ends = len(self.layers), {"takes": binding.batch_last, "gives": binding.batch_last}
        bound.chains = Chain(inner[:count], **ends), Chain(inner[count:], **ends)
        return bound

    chains: tuple[Chain, Chain] = field(init=False, repr=False, compare=False)

    @property
    def inner(self) -> Sequence[Layer]:
        return [layer for chain in self.chains for layer in chain.layers]

    @property
    def replays(self) -> bool:
        return super().replays and all(chain.replays for chain in self.chains)

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        given, beside = (chain.forward(x, training) for chain in self.chains)
        out = self.buffer("out", np.broadcast_shapes(given.shape, beside.shape))
        self.at.do(np.add, given, beside, out)
        return out

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        layers, shortcut = self.chains
        # Each path may overwrite its gradient.
        kept = self.buffer("kept", grad.shape)
        self.at.do(np.copyto, kept, grad)
        back, beside = (
            layers.backward(grad, input_gradient),
            shortcut.backward(kept, input_gradient),
        )
        if input_gradient:
            self.at.do(np.add, back, beside, back)
        return back


def _within(values: dict[str, Array], prefix: str) -> dict[str, Array]:
    """Return the arrays of an inner layer, by its own names."""
    return {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}
