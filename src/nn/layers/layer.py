"""The base class of layers, and its place in a stack of runs.

A layer is a dataclass of its settings. The network binds a copy of it to the stack: the views
of its parameters and gradients, ``(runs, ...)``, its random streams, and the *peers*, the
corresponding layer of every run, whose per-run settings (a dropout rate, an initializer) may
differ. What fixes shapes is the same in all peers.

A *shape* is that of one sample: ``(features,)``, ``(channels, length)`` or
``(channels, height, width)``. A batch of samples lies in memory in one of two arrangements:
``(runs, batch, *shape)``, or with the batch axis last, ``(runs, *shape, batch)``, in which layers
that work on neighbouring places are several times faster. A layer says which one it takes, and the
network copies from one to the other where neighbours differ.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from ..component import Component
from ..parameters import Parameter
from ..speed.buffers import Workspace
from ..speed.replay import Tape, is_replayable
from ..typing import Array, Shape


class Carried(NamedTuple):
    """The key of a state that a layer carries from batch to batch, in training or evaluation."""

    layer: str
    state: str
    training: bool


@dataclass
class RunningAverage:
    """How a network averages the statistics of its batches.

    Attributes
    ----------
    batches : int or None
        The number of batches of a plain mean, including the next one; None for the running averages
        of training.
    """

    batches: int | None = None


@dataclass
class Binding:
    """A layer's place in a stack of runs.

    Parameters
    ----------
    peers : sequence of Layer
        This layer of each run, with the run's own settings.
    shape : tuple of int
        Shape of an input sample.
    batch_last : bool
        Whether samples lie in memory with the batch axis last.
    parameters, gradients, statistics : dict of str to ndarray
        Views of shape (runs, *shape) by the parameter's local name.
    generators : sequence of numpy.random.Generator
        The layer's stream of each run.
    workspace : Workspace
        Buffers; shared by the network, so keys name the layer.
    name : str
        The layer's name, unique in the network.
    do : Tape
        The tape that makes, captures and replays the calls of a training step.
    padded : bool
        Whether samples may end before their last step; see :meth:`mask`.
    carried : dict of Carried to ndarray, optional
        The arrays that hold the states that the network's layers carry from batch to batch; None if
        each batch starts from the initial state.
    tied : bool
        Whether the network's last layer shares the weights of its embedding, and the layer is one
        of the two. The last layer has them, and their gradient, by the name "tied"; its backward
        pass writes that gradient, to which the embedding's adds.
    averaging : RunningAverage
        The averaging of statistics; shared by the network.
    """

    peers: Sequence[Layer]
    shape: Shape
    batch_last: bool
    parameters: dict[str, Array]
    gradients: dict[str, Array]
    statistics: dict[str, Array]
    generators: Sequence[np.random.Generator]
    workspace: Workspace
    name: str
    do: Tape
    averaging: RunningAverage
    padded: bool = False
    tied: bool = False
    carried: dict[Carried, Array] | None = None

    def mask(self, batch: int) -> Array | None:
        """Return which steps of the current batch belong to the samples.

        Returns
        -------
        ndarray of shape (runs, length, batch), or None
            1 up to the end of a sample and 0 after it; None if no sample ends early.
        """
        if not self.padded:
            return None
        return self.workspace.array("mask", (len(self.peers), self.shape[-1], batch))


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
    stepwise : bool
        Whether the layer regards the ends of samples that end early, along their last axis, so that
        the number of steps must not have changed before it.
    axes : tuple of str or None
        The names of the axes that a sample must have, such as ("channels", "length"); None if it
        may have any. Other samples are refused when the network is built.
    vocabulary : int
        Number of different tokens if samples consist of tokens, whole numbers from 0, which the
        layer gets with the batch axis last; 0 if samples are real numbers.
    tied : bool
        Whether the layer shares the weights of the network's embedding; only the last one may.
    takes_sparse : bool
        Whether the layer, as the first one, takes :class:`~nn.sparse_rows.SparseRows`.
    only_in_training : bool
        Whether the layer is the identity outside of training.
    looks_ahead : bool
        Whether what the layer gives at a step of a sequence may depend on later steps.
    """

    per_run: ClassVar[tuple[str, ...]] = ()
    random: ClassVar[bool] = False
    stepwise: ClassVar[bool] = False
    axes: ClassVar[tuple[str, ...] | None] = None
    vocabulary = 0
    tied = False
    takes_sparse: ClassVar[bool] = False
    only_in_training: ClassVar[bool] = False
    looks_ahead: ClassVar[bool] = False

    @property
    def inner(self) -> Sequence[Layer]:
        """The layers of which this one is made, if it is."""
        return ()

    def leaves(self, name: str, shape: Shape) -> Iterator[tuple[str, Layer, Shape]]:
        """Iterate over the layers of which this one is made, or itself if it is made of none.

        Parameters
        ----------
        name : str
            The layer's name.
        shape : tuple of int
            Shape of its input samples.

        Yields
        ------
        tuple
            The name of each, the layer, and the shape of its input samples.
        """
        yield name, self, shape

    def structure(self) -> tuple[Any, ...]:
        """Return the settings that layers must share to be peers in one stack."""
        fields = dataclasses.fields(self)
        shared = (getattr(self, f.name) for f in fields if f.init and f.name not in self.per_run)
        return (type(self), *shared)

    def carrying_fault(self) -> str | None:
        """Describe why the layer cannot carry its state from batch to batch; None if it can."""
        return None

    def without_noise(self) -> list[Layer]:
        """Return what remains of the layer without random numbers: itself, or nothing."""
        return [] if self.random else [self]

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of an output sample for input samples of this shape.

        Raises
        ------
        ValueError
            If the layer cannot take such samples.
        """
        return shape

    def batch_last(self, shape: Shape) -> bool | None:
        """Whether ``forward`` takes, and gives, (runs, *shape, batch); None if either will do."""
        return False

    def parameters(self, shape: Shape) -> list[Parameter]:
        """Return the parameters, by local name, for input samples of this shape."""
        return []

    def statistics(self, shape: Shape) -> list[Parameter]:
        """Return the arrays that are kept with the parameters but not trained."""
        return []

    def scratch(self, shape: Shape) -> int:
        """Return how many numbers the layer keeps for a sample, beside its output."""
        return 0

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        """Fill one run's parameters and statistics, given by local name without run axis."""

    def bind(self, binding: Binding) -> Self:
        """Return a copy of the layer that works on a stack of runs."""
        bound = dataclasses.replace(self)
        bound.at = binding
        return bound

    @property
    def replays(self) -> bool:
        """Whether all that the layer does in a training step goes through the tape."""
        return is_replayable(self.forward) and is_replayable(self.backward)

    def numbers(self, name: str) -> Array:
        """Return a per-run number as an array (runs, 1, 1) of the network's precision."""
        values = [getattr(peer, name) for peer in self.at.peers]
        return np.array(values, self.at.workspace.dtype).reshape(-1, 1, 1)

    def buffer(self, key: str, shape: tuple[int, ...]) -> Array:
        """Return a buffer that belongs to this layer.

        The contents last until the same key is requested in another shape, as for a batch of
        another size.
        """
        return self.at.workspace.array((self.at.name, key), shape)

    def contiguous(self, key: str, array: Array) -> Array:
        """Return an array itself if it is contiguous, or else a copy in a buffer."""
        if array.flags.c_contiguous:
            return array
        copy = self.buffer(f"contiguous {key}", array.shape)
        self.at.do(np.copyto, copy, array)
        return copy

    at: Binding = field(init=False, repr=False, compare=False)

    @abstractmethod
    def forward(self, x: Array, training: bool) -> Array:
        """Compute the layer's output.

        Parameters
        ----------
        x : ndarray of shape (runs, batch, *shape), or (1, batch, *shape) if all runs share it
            The input; (runs, *shape, batch) for a layer that takes the batch last. It is kept
            until ``backward`` and must not be changed.
        training : bool
            Whether to draw dropout masks and use the batch's statistics.

        Returns
        -------
        ndarray of shape (runs, batch, *output_shape)
            In the arrangement of `x`; a buffer that the next call overwrites.
        """

    @abstractmethod
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        """Fill the parameters' gradients and return that of the input.

        Parameters
        ----------
        grad : ndarray of shape (runs, batch, *output_shape)
            Gradient with respect to the output; may be overwritten.
        input_gradient : bool
            Whether the gradient with respect to the input is needed. It is not if no layer before
            this one has parameters.

        Returns
        -------
        ndarray of shape (runs, batch, *shape)
            The gradient with respect to the input of the last ``forward``, if requested.
        """


def with_batch_axis(view: Array) -> Array:
    """Insert the batch axis: (runs, width) → (runs, 1, width)."""
    return view[:, np.newaxis, :]
