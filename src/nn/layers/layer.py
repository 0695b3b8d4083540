"""Layers: what a network is made of, forward and backward, for a stack of runs at once.

A layer is a dataclass of its settings. The network binds a copy of it to the stack: the views
of its parameters and gradients, ``(runs, ...)``, its random streams, and the *peers*, the
corresponding layer of every run, whose per-run settings (a dropout rate, an initializer) may
differ. What fixes shapes is the same in all peers.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from nn import activations, initializers
from nn.component import Component, Count, Decay, Positive, Probability
from nn.initializers import Initializer
from nn.parameters import Parameter
from nn.speed.buffers import Workspace
from nn.speed.compile import Fused
from nn.speed.replay import Tape, replayable

Array = NDArray[np.floating]


@dataclass
class Binding:
    """A layer's place in a stack of runs.

    Parameters
    ----------
    peers : sequence of Layer
        This layer of each run, with the run's own settings.
    parameters, gradients, statistics : dict of str to ndarray
        Views of shape (runs, *shape) by the parameter's local name.
    generators : sequence of numpy.random.Generator
        The layer's stream of each run.
    workspace : Workspace
        Buffers; shared by the network, so keys name the layer.
    name : str
        Of the layer, unique in the network.
    do : Tape
        Makes the calls of a training step, which are then made again by themselves.
    input_is_spare : bool
        Whether nobody else needs the layer's input, which then may be written over.
    """

    peers: Sequence[Layer]
    parameters: dict[str, Array]
    gradients: dict[str, Array]
    statistics: dict[str, Array]
    generators: Sequence[np.random.Generator]
    workspace: Workspace
    name: str
    do: Tape
    input_is_spare: bool


@dataclass
class Layer(Component):
    """Base of the layers.

    A pass that does its work through `self.at.do`, with buffers that are the same in every step,
    may be marked as :func:`~nn.speed.replay.replayable`: then a network of such layers is faster.

    Attributes
    ----------
    per_run : tuple of str
        Fields that may differ between the runs of a stack.
    random : bool
        Whether the layer draws random numbers in training.
    spares_output : bool
        Promise that what ``forward`` returns is a buffer that ``backward`` does without, so that
        the next layer may write over it. A subclass makes it anew.
    """

    per_run: ClassVar[tuple[str, ...]] = ()
    random: ClassVar[bool] = False
    spares_output: ClassVar[bool] = False

    def structure(self) -> tuple[Any, ...]:
        """Return what must be the same for layers to be peers in one stack."""
        fields = dataclasses.fields(self)
        shared = (getattr(self, f.name) for f in fields if f.init and f.name not in self.per_run)
        return (type(self), *shared)

    def width(self, fan_in: int) -> int:
        """Return the number of outputs for `fan_in` inputs."""
        return fan_in

    def parameters(self, fan_in: int) -> list[Parameter]:
        """Return the parameters, by local name, for `fan_in` inputs."""
        return []

    def statistics(self, fan_in: int) -> list[Parameter]:
        """Return the arrays that are kept with the parameters but not trained."""
        return []

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        """Fill one run's parameters and statistics, given by local name without run axis."""

    def bind(self, binding: Binding) -> Self:
        """Return a copy of the layer that works on a stack of runs."""
        bound = dataclasses.replace(self)
        bound.at = binding
        return bound

    def numbers(self, name: str) -> Array:
        """Return a per-run number as an array (runs, 1, 1) of the network's precision."""
        values = [getattr(peer, name) for peer in self.at.peers]
        return np.array(values, self.at.workspace.dtype).reshape(-1, 1, 1)

    def buffer(self, key: str, shape: tuple[int, ...]) -> Array:
        """Return a buffer of this layer's own."""
        return self.at.workspace.array((self.at.name, key), shape)

    at: Binding = field(init=False, repr=False, compare=False)

    @abstractmethod
    def forward(self, x: Array, training: bool) -> Array:
        """Compute the layer's output.

        Parameters
        ----------
        x : ndarray of shape (runs, batch, fan_in), or (1, batch, fan_in) if all runs share it
            Kept until ``backward``; not changed, unless that is allowed by
            :attr:`Binding.input_is_spare`.
        training : bool
            Whether to draw dropout masks and use the batch's statistics.

        Returns
        -------
        ndarray of shape (runs, batch, width)
            A buffer that the next call with this batch size overwrites.
        """

    @abstractmethod
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        """Fill the parameters' gradients and return that of the input.

        Parameters
        ----------
        grad : ndarray of shape (runs, batch, width)
            Gradient with respect to the output; may be overwritten.
        input_gradient : bool
            False if nobody needs the gradient with respect to the input (the first layer).

        Returns
        -------
        ndarray of shape (runs, batch, fan_in)
            With respect to the input of the last ``forward``; meaningless if not asked for.
        """


def _column(view: Array) -> Array:
    """Insert the batch axis: (runs, width) → (runs, 1, width)."""
    return view[:, np.newaxis, :]


@dataclass
class Dense(Layer):
    """Affine map z = x·W + b.

    Parameters
    ----------
    units : int
        Number of outputs.
    initializer : Initializer, default ScaledGaussian()
        Of the weights (fan_in, units).
    bias_initializer : Initializer, default Zeros()
        Of the bias (units,).
    """

    name: ClassVar[str] = "dense"
    spares_output: ClassVar[bool] = True
    per_run: ClassVar[tuple[str, ...]] = ("initializer", "bias_initializer")
    units: Count
    initializer: Initializer = initializers.ScaledGaussian()
    bias_initializer: Initializer = initializers.Zeros()

    def width(self, fan_in: int) -> int:
        return self.units

    def parameters(self, fan_in: int) -> list[Parameter]:
        return [
            Parameter("weights", (fan_in, self.units), decays=True),
            Parameter("bias", (self.units,)),
        ]

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        values["weights"][...] = self.initializer(rng, values["weights"].shape)
        values["bias"][...] = self.bias_initializer(rng, values["bias"].shape)

    @cached_property
    def bias(self) -> Array:
        """The bias, (runs, 1, units)."""
        return _column(self.at.parameters["bias"])

    @cached_property
    def bias_gradient(self) -> Array:
        """Its gradient."""
        return _column(self.at.gradients["bias"])

    @cached_property
    def add_bias(self) -> Fused:
        """Code for z ← z + b."""
        return Fused(lambda z, bias, _: np.add(z, bias, out=z), "bias", 0, self.at.workspace)

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        self.x = x
        weights = self.at.parameters["weights"]
        z = self.buffer("z", (len(weights), x.shape[1], self.units))
        self.at.do(np.matmul, x, weights, z)
        self.at.do(self.add_bias, z, self.bias)
        return z

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        do, weights = self.at.do, self.at.parameters["weights"]
        # A sum over the batch as a product, which is twice as fast; and while it is in the cache.
        do(np.matmul, self.at.workspace.ones(grad.shape[1]), grad, self.bias_gradient)
        do(np.matmul, self.x.transpose(0, 2, 1), grad, self.at.gradients["weights"])
        if not input_gradient:
            return grad
        back = self.buffer("back", (*grad.shape[:2], weights.shape[1]))
        do(np.matmul, grad, weights.transpose(0, 2, 1), back)
        return back


@dataclass
class Activation(Layer):
    """An activation function as a layer.

    Parameters
    ----------
    function : nn.activations.Activation
    """

    name: ClassVar[str] = "activation"
    function: activations.Activation

    @cached_property
    def in_place(self) -> bool:
        """Whether a is written over z."""
        return self.at.input_is_spare and self.function.declares("in_place")

    @cached_property
    def apply(self) -> Fused:
        """Code for a ← f(z)."""
        function = self.function
        return Fused(
            (lambda a, work: function.forward(a, a, work))
            if self.in_place
            else (lambda a, z, work: function.forward(z, a, work)),
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
        self.z = x
        if self.in_place:
            self.a = x
            self.at.do(self.apply, x)
        else:
            self.a = self.buffer("a", x.shape)
            self.at.do(self.apply, self.a, x)
        return self.a

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        self.at.do(self.apply_derivative, grad, self.z, self.a)
        return grad


@dataclass
class Dropout(Layer):
    """In training, drop each input with probability `rate` and scale the rest by 1/(1 - rate).

    "Inverted" dropout (Srivastava et al. 2014): the identity at prediction.

    Parameters
    ----------
    rate : float, default 0.5
        In [0, 1). May differ between runs, but be 0 in all or in none.
    """

    name: ClassVar[str] = "dropout"
    per_run: ClassVar[tuple[str, ...]] = ("rate",)
    random: ClassVar[bool] = True
    rate: Probability = 0.5

    def structure(self) -> tuple[Any, ...]:
        return (*super().structure(), self.rate > 0)

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        self.active = training and self.rate > 0
        if not self.active:
            return x
        shape = (len(self.at.peers), *x.shape[1:])
        # Drawn in float32 in any precision, so that precision does not change the masks.
        memory = self.buffer("draws", shape[1:]).reshape(-1).view(np.float32)
        draws = memory[: shape[1] * shape[2]].reshape(shape[1:])
        self.mask, out = self.buffer("mask", shape), self.buffer("out", shape)
        self.at.do(self._draw, self.mask, draws)
        self.at.do(np.multiply, x, self.mask, out)
        return out

    def _draw(self, masks: Array, draws: Array) -> None:
        for mask, rng, peer in zip(masks, self.at.generators, self.at.peers, strict=True):
            rate = cast(Dropout, peer).rate
            rng.random(dtype=np.float32, out=draws)
            np.greater_equal(draws, np.float32(rate), out=mask)
            mask *= 1 / (1 - rate)  # in double precision: a rate next to 1 rounds to 1

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        if self.active:
            self.at.do(np.multiply, grad, self.mask, grad)
        return grad


@dataclass
class BatchNorm(Layer):
    """Normalize each feature over the batch, then scale by γ and shift by β.

    Ioffe & Szegedy 2015, Algorithms 1 and 2: the batch's biased variance in training; at
    prediction running averages of the mean and of the unbiased variance (biased for a batch
    of one).

    Parameters
    ----------
    momentum : float, default 0.9
        Decay of the running averages, in [0, 1).
    eps : float, default 1e-5
        Added to the variance.
    """

    name: ClassVar[str] = "batchnorm"
    spares_output: ClassVar[bool] = True
    per_run: ClassVar[tuple[str, ...]] = ("momentum", "eps")
    momentum: Decay = 0.9
    eps: Positive = 1e-5

    def parameters(self, fan_in: int) -> list[Parameter]:
        return [Parameter("gain", (fan_in,)), Parameter("shift", (fan_in,))]

    def statistics(self, fan_in: int) -> list[Parameter]:
        return [Parameter("running_mean", (fan_in,)), Parameter("running_variance", (fan_in,))]

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        values["gain"].fill(1)
        values["running_variance"].fill(1)

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        shape = (len(self.at.peers), *x.shape[1:])
        self.normal, out = self.buffer("normal", shape), self.buffer("out", shape)
        self.at.do(self._normalize, x, self.normal, out, training)
        return out

    def _normalize(self, x: Array, normal: Array, out: Array, training: bool) -> None:
        gain, shift = (_column(self.at.parameters[k]) for k in ("gain", "shift"))
        running_mean, running_variance = (
            _column(self.at.statistics[k]) for k in ("running_mean", "running_variance")
        )
        if training:
            batch = x.shape[1]
            average = np.full((1, batch), 1 / batch, x.dtype)
            mean = np.matmul(average, x)
            np.subtract(x, mean, out=normal)
            np.multiply(normal, normal, out=out)
            variance = np.matmul(average, out)
            momentum = self.numbers("momentum")
            running_mean *= momentum
            running_mean += (1 - momentum) * mean
            running_variance *= momentum
            running_variance += (1 - momentum) * (variance * (batch / max(batch - 1, 1)))
        else:
            variance = running_variance
            np.subtract(x, running_mean, out=normal)
        self.scale = 1 / np.sqrt(variance + self.numbers("eps"))
        normal *= self.scale
        np.multiply(normal, gain, out=out)
        out += shift

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        batch = grad.shape[1]
        average = np.full((1, batch), 1 / batch, grad.dtype)
        self.at.do(
            _normalization_backward, self, grad, self.normal, input_gradient,
            lambda values: np.matmul(average, values),
        )  # fmt: skip
        return grad


@dataclass
class LayerNorm(Layer):
    """Normalize each sample over its features, then scale by γ and shift by β (Ba et al. 2016).

    Parameters
    ----------
    eps : float, default 1e-5
        Added to the variance.
    """

    name: ClassVar[str] = "layernorm"
    spares_output: ClassVar[bool] = True
    per_run: ClassVar[tuple[str, ...]] = ("eps",)
    eps: Positive = 1e-5

    def parameters(self, fan_in: int) -> list[Parameter]:
        return [Parameter("gain", (fan_in,)), Parameter("shift", (fan_in,))]

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        values["gain"].fill(1)

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        shape = (len(self.at.peers), *x.shape[1:])
        self.normal, out = self.buffer("normal", shape), self.buffer("out", shape)
        self.at.do(self._normalize, x, self.normal, out)
        return out

    def _normalize(self, x: Array, normal: Array, out: Array) -> None:
        gain, shift = (_column(self.at.parameters[k]) for k in ("gain", "shift"))
        average = np.full((x.shape[2], 1), 1 / x.shape[2], x.dtype)
        np.subtract(x, np.matmul(x, average), out=normal)
        np.multiply(normal, normal, out=out)
        self.scale = 1 / np.sqrt(np.matmul(out, average) + self.numbers("eps"))
        normal *= self.scale
        np.multiply(normal, gain, out=out)
        out += shift

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        average = np.full((grad.shape[2], 1), 1 / grad.shape[2], grad.dtype)
        self.at.do(
            _normalization_backward, self, grad, self.normal, input_gradient,
            lambda values: np.matmul(values, average),
        )  # fmt: skip
        return grad


def _normalization_backward(
    layer: BatchNorm | LayerNorm,
    grad: Array,
    normal: Array,
    input_gradient: bool,
    mean: Callable[[Array], Array],
) -> None:
    """Backward pass, in place, of a normalization over whatever axis `mean` averages.

    Gain and shift get the sums over the batch of grad·normal and of grad; the input gets
    scale · (δ - mean(δ) - normal · mean(δ·normal)), with δ = grad·gain.
    """
    ones = np.ones((1, grad.shape[1]), grad.dtype)
    product = np.multiply(grad, normal, out=layer.buffer("work", grad.shape))
    np.matmul(ones, product, out=_column(layer.at.gradients["gain"]))
    np.matmul(ones, grad, out=_column(layer.at.gradients["shift"]))
    if not input_gradient:
        return
    grad *= _column(layer.at.parameters["gain"])
    np.multiply(grad, normal, out=product)
    correlation = mean(product)
    grad -= mean(grad)
    grad -= np.multiply(normal, correlation, out=product)
    grad *= layer.scale
