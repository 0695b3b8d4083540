"""An activation function as a layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from .. import activations
from ..speed.compile import Fused
from ..speed.replay import replayable
from ..typing import Array, Shape
from .layer import Layer


@dataclass
class ActivationLayer(Layer):
    """An activation function as a layer.

    Parameters
    ----------
    function : nn.activations.Activation
        The activation function.
    """

    name: ClassVar[str] = "activation"
    function: activations.Activation

    def batch_last(self, shape: Shape) -> bool | None:
        return None if self.function.elementwise else False

    @cached_property
    def apply(self) -> Fused:
        """Code for a ← f(z)."""
        function = self.function
        return Fused(
            lambda a, z, work: function.forward(z, a, work),
            f"{function} forward",
            function.scratch,
            self.at.workspace,
        )

    @cached_property
    def apply_derivative(self) -> Fused:
        """Code for δ ← δ·f'(z)."""
        function = self.function
        return Fused(
            lambda grad, z, a, work: function.backward(grad, z, a, grad, work),
            f"{function} backward",
            function.scratch,
            self.at.workspace,
        )

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        self.z, self.a = x, self.buffer("a", x.shape)
        self.at.do(self.apply, self.a, x)
        return self.a

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        self.at.do(self.apply_derivative, grad, self.z, self.a)
        return grad
