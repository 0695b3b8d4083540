"""The base class of recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from .. import initializers
from ..component import Count
from ..initializers import Initializer
from ..parameters import Parameter
from ..speed.replay import replayable
from ..typing import Array, Shape
from .direction import Direction
from .layer import Layer


@dataclass
class Recurrent(Layer):
    """A layer that reads a sequence step by step and keeps a state of `units` numbers.

    A sample is (channels, length): the channels are the features of a step in time. Layers follow
    each other if all but the last one give all outputs. The state stays as it is after the end of
    a sample that ends before the last step.

    Parameters
    ----------
    units : int
        Number of numbers of the state, which are also the outputs of a step.
    bidirectional : bool, default False
        Whether a second set of weights reads the sequence from its end; its outputs follow those
        of the first as further channels.
    output : {"last", "all"}, default "last"
        The state after the last step that is read, (units,), or those after all steps,
        (units, length). In the other direction, the last step that is read is the first in time.
    learnt_state : bool, default False
        Whether the state before the first step is trained, from zero, or always zero.
    initializer : Initializer, default ScaledGaussian()
        Initializer of the weights of the inputs, (channels, units) for each gate.
    recurrent_initializer : Initializer, default Orthogonal()
        Initializer of the weights of the state, (units, units) for each gate.
    bias_initializer : Initializer, default Zeros()
        Initializer of the biases.

    Attributes
    ----------
    direction : type of Direction
        The class of the loops over time of this kind of layer.
    """

    per_run: ClassVar[tuple[str, ...]] = (
        "initializer",
        "recurrent_initializer",
        "bias_initializer",
    )
    stepwise: ClassVar[bool] = True
    axes: ClassVar[tuple[str, ...]] = ("channels", "length")
    direction: ClassVar[type[Direction]]
    units: Count
    bidirectional: bool = False
    output: Literal["last", "all"] = "last"
    learnt_state: bool = False
    initializer: Initializer = initializers.ScaledGaussian()
    recurrent_initializer: Initializer = initializers.Orthogonal()
    bias_initializer: Initializer = initializers.Zeros()

    def output_shape(self, shape: Shape) -> Shape:
        channels = len(self._prefixes) * self.units
        return (channels, *shape[1:]) if self.output == "all" else (channels,)

    def batch_last(self, shape: Shape) -> bool | None:
        return True

    @property
    def looks_ahead(self) -> bool:  # type: ignore[override]
        """Whether the layer reads sequences from their ends, too."""
        return self.bidirectional

    def carrying_fault(self) -> str | None:
        if self.bidirectional:
            return "it reads sequences from their ends, too"
        return "its state before the first step is learnt" if self.learnt_state else None

    @property
    def _prefixes(self) -> Sequence[str]:
        """The beginning of the parameters' names for each direction."""
        return ("", "reverse/") if self.bidirectional else ("",)

    def parameters(self, shape: Shape) -> list[Parameter]:
        width, kind = self.direction.gates * self.units, self.direction
        return [
            parameter
            for prefix in self._prefixes
            for parameter in (
                Parameter(f"{prefix}weights", (shape[0], width), decays=True),
                Parameter(f"{prefix}recurrent", (self.units, width), decays=True),
                Parameter(f"{prefix}bias", (kind.blocks * self.units,)),
                *(
                    Parameter(f"{prefix}{state}", (self.units,))
                    for state in kind.states
                    if self.learnt_state
                ),
            )
        ]

    def scratch(self, shape: Shape) -> int:
        kept = self.direction.blocks + len(self.direction.states)
        return len(self._prefixes) * self.units * (shape[1] + 1) * kept

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        for prefix in self._prefixes:
            for name, initializer in (
                ("weights", self.initializer),
                ("recurrent", self.recurrent_initializer),
            ):
                weights = values[prefix + name]
                for gate in np.split(weights, self.direction.gates, axis=1):
                    gate[...] = initializer(rng, gate.shape)
            bias = values[f"{prefix}bias"]
            bias[...] = self.bias_initializer.biases(rng, self.units, bias.size)

    @cached_property
    def _directions(self) -> list[Direction]:
        return [
            self.direction(self.at, self.units, prefix, reverse=bool(prefix))
            for prefix in self._prefixes
        ]

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        x = self.contiguous("input", x)
        runs = len(self.at.parameters["weights"])
        out = self.buffer("out", (runs, *self.output_shape(self.at.shape), x.shape[-1]))
        for part, direction in zip(self._parts(out), self._directions, strict=True):
            states = direction.forward(x, training)
            given = states if self.output == "all" else states[:, :, direction.order[-1]]
            self.at.do(np.copyto, part, given)
        return out

    def _parts(self, array: Array) -> list[Array]:
        """Divide outputs, or their gradients, among the directions."""
        return np.split(array, len(self._prefixes), axis=1)

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        back = grad
        for part, direction in zip(self._parts(grad), self._directions, strict=True):
            direction.backward(part)
            if not input_gradient:
                continue
            found = direction.input_gradient()
            if direction is not self._directions[0]:
                self.at.do(np.add, back, found, found)
            back = found
        return back
