"""One direction of time of a recurrent layer: its forward and its backward loop over the steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..speed.compile import Fused
from ..speed.replay import Call, bound
from ..typing import Array
from .layer import Binding, Carried


class Direction(ABC):
    """A recurrent layer's passes over the steps in time, in one direction.

    All arrays have the arrangement of samples with the batch axis last. One product gives what
    the inputs contribute to all steps; the state's contribution is a product for each step. The
    gates of all steps are kept in `z`, (runs, blocks · units, length, batch), where the backward
    pass replaces them by the gradients with respect to their sums, so that the gradients of the
    weights are again one product over all steps.

    If samples may end before the last step, the states keep their values in the steps after the
    end, whose gradients pass by the gates.

    Parameters
    ----------
    at : Binding
        The layer's place in a stack.
    units : int
        Number of numbers of the state.
    prefix : str
        Beginning of the parameters' names.
    reverse : bool
        Whether the last step in time is read first.

    Attributes
    ----------
    gates : int
        Number of gates, each with weights for the inputs and for the state.
    blocks : int
        Number of sums of a step that are kept, in blocks of `units`, each with a bias. The inputs
        contribute to the first `gates` of them, the state to the last `gates`.
    sigmoids : tuple of int
        The blocks whose activation is the sigmoid.
    states : tuple of str
        Names of the arrays that are passed from step to step; the first is the output.
    passes_on : bool
        Whether the gradient of a state reaches the state before it also past the gates.
    """

    gates: ClassVar[int]
    blocks: ClassVar[int]
    sigmoids: ClassVar[tuple[int, ...]] = ()
    states: ClassVar[tuple[str, ...]] = ("state",)
    passes_on: ClassVar[bool] = False

    def __init__(self, at: Binding, units: int, prefix: str, *, reverse: bool) -> None:
        self.at, self.units, self.prefix, self.reverse = at, units, prefix, reverse
        self.length = at.shape[1]
        steps = range(self.length)
        self.order = steps[::-1] if reverse else steps
        self._made: dict[int, tuple[list[Call], int]] = {}

    def buffer(self, key: str, shape: tuple[int, ...]) -> Array:
        """Return a buffer that belongs to this direction of the layer."""
        return self.at.workspace.array((self.at.name, self.prefix, key), shape)

    def fused(self, code: object, kind: str, scratch: int, changed: int) -> Fused:
        """Return elementwise code that is compiled when that pays."""
        return Fused(code, kind, scratch, self.at.workspace, changed)  # type: ignore[arg-type]

    @cached_property
    def _add(self) -> Fused:
        return self.fused(_add, "sums of a recurrent layer", 0, 1)

    @cached_property
    def _hold(self) -> Fused:
        return self.fused(_hold, "recurrent state after the end", 0, 1)

    @cached_property
    def _pass_by(self) -> Fused:
        return self.fused(_pass_by, "recurrent gradient after the end", 0, 2)

    @cached_property
    def _by_inputs(self) -> slice:
        """The rows of `z` to which the inputs contribute."""
        return slice(0, self.gates * self.units)

    @cached_property
    def _by_state(self) -> slice:
        """The rows of `z` to which the state contributes."""
        return slice((self.blocks - self.gates) * self.units, self.blocks * self.units)

    @cached_property
    def _scale(self) -> Array:
        """Half for the rows of sigmoids, σ(a) = tanh(a/2)/2 + 1/2, and 1 for others.

        Halving weights is exact, so that it does not matter that the sums are halved.
        """
        scale = np.ones((self.blocks, self.units), self.at.workspace.dtype)
        scale[list(self.sigmoids)] = 0.5
        return scale.reshape(-1)

    def _scaled(self, name: str, rows: slice) -> Array:
        """Return a parameter whose last axis belongs to these rows of `z`, scaled."""
        array = self.at.parameters[self.prefix + name]
        scaled = self.buffer(f"scaled {name}", array.shape)
        self.at.do(np.multiply, array, self._scale[rows], scaled)
        return scaled

    def _kept(self, state: str, batch: int) -> tuple[Array, Array]:
        """Return a state before and after each step, (runs, units, length, batch), as views.

        The state before the first step is zero, what the layer learns, or the last state of the
        batch before.
        """
        shape = (len(self.z), self.units, self.length + 1, batch)
        values = self.buffer(f"kept {state}", shape)
        views = values[:, :, :-1], values[:, :, 1:]
        before, after = views[::-1] if self.reverse else views
        first = before[:, :, self.order[0]]
        start = self.at.parameters.get(self.prefix + state)
        if self.carried:
            self.at.do(np.copyto, first, self.carried[state])
        elif start is None:
            self.at.do(first.fill, 0)
        else:
            self.at.do(np.copyto, first, start[..., np.newaxis])
        return before, after

    def _carry(self, state: str, batch: int, training: bool) -> Array:
        """Return the array, (runs, units, batch), in which a state goes from batch to batch."""
        assert self.at.carried is not None
        key = Carried(self.at.name, state, training)
        kept = self.at.carried.get(key)
        if kept is None or kept.shape[-1] < batch:
            shape = len(self.at.peers), self.units, batch
            kept = self.at.carried[key] = np.zeros(shape, self.at.workspace.dtype)
        return kept[..., :batch]

    def forward(self, x: Array, training: bool) -> Array:
        """Read a batch.

        Parameters
        ----------
        x : ndarray of shape (runs, channels, length, batch), or (1, ...)
            The inputs, contiguous.
        training : bool
            Whether the pass is one of training, whose states are carried apart from those of
            evaluation.

        Returns
        -------
        ndarray of shape (runs, units, length, batch)
            The state after each step.
        """
        do, batch = self.at.do, x.shape[-1]
        self.carried = {}
        if self.at.carried is not None:
            self.carried = {state: self._carry(state, batch, training) for state in self.states}
        self.x = x.reshape(*x.shape[:2], -1)
        weights = self._scaled("weights", self._by_inputs)
        recurrent = self._scaled("recurrent", self._by_state).swapaxes(1, 2)
        bias = self._scaled("bias", slice(None))[..., np.newaxis]
        rows = self.blocks * self.units
        self.z = self.buffer("z", (len(weights), rows, self.length, batch))
        flat, inputs = self._flat(self.z), self._by_inputs
        do(np.matmul, weights.swapaxes(1, 2), self.x, flat[:, inputs])
        do(np.add, flat[:, inputs], bias[:, inputs], flat[:, inputs])
        if self.blocks > self.gates:
            others = slice(inputs.stop, None)
            do(np.copyto, flat[:, others], bias[:, others])
        self.prepare(batch)
        for call in self._calls(recurrent, batch):
            do(call)
        for state, carried in self.carried.items():
            do(np.copyto, carried, self.kept[state][1][:, :, self.order[-1]])
        return self.after

    def _calls(self, recurrent: Array, batch: int) -> list[Call]:
        """Return the calls of all steps, which work on the same buffers for batches of one size."""
        calls, compilations = self._made.get(batch, ([], -1))
        if compilations == Fused.compilations:  # else newer loops may be missing
            return calls
        calls = []

        def do(function: Callable[..., object], *arguments: object) -> None:
            calls.extend(bound(function, *arguments))

        # NumPy's loops take a third of the time over a contiguous array that they take in `z`.
        sums = self.buffer("sums", (len(self.z), self.gates * self.units, batch))
        for step in self.order:
            do(np.matmul, recurrent, self.before[:, :, step], sums)
            do(self._add, sums, self.z[:, self._by_state, step])
            self.step(step, sums, do)
            if self.mask is not None:
                read = self.mask[:, np.newaxis, step]
                for before, after in self.kept.values():
                    do(self._hold, after[:, :, step], before[:, :, step], read)
        self._made[batch] = calls, Fused.compilations
        return calls

    def prepare(self, batch: int) -> None:
        """Make the arrays of a forward pass."""
        self.kept = {state: self._kept(state, batch) for state in self.states}
        self.before, self.after = self.kept["state"]
        self.mask = self.at.mask(batch)

    def backward(self, grad: Array) -> None:
        """Fill the gradients of the parameters.

        Parameters
        ----------
        grad : ndarray of shape (runs, units, length, batch), or (runs, units, batch)
            Gradient with respect to the states after all steps, or after the last.
        """
        do, gradients = self.at.do, self.at.gradients
        recurrent = self.at.parameters[f"{self.prefix}recurrent"]
        self.back = {
            state: self.buffer(f"back {state}", self.before[:, :, 0].shape) for state in self.states
        }
        back = self.back["state"]
        for array in self.back.values():
            do(array.fill, 0)
        if grad.ndim == back.ndim:
            do(np.copyto, back, grad)
        product = self.buffer("back product", back.shape) if self.passes_on else back
        passing: dict[str, Array] = {}  # the gradients of states that a step left as they were
        if self.mask is not None:
            passing = {state: self.buffer(f"passing {state}", back.shape) for state in self.states}
        for step in self.order[::-1]:
            if grad.ndim > back.ndim:
                do(np.add, back, grad[:, :, step], back)
            if self.mask is not None:
                for state, array in self.back.items():
                    do(self._pass_by, array, passing[state], self.mask[:, np.newaxis, step])
            self.step_back(step)
            do(np.matmul, recurrent, self.z[:, self._by_state, step], product)
            if self.passes_on:
                do(np.add, back, product, back)
            for state, array in passing.items():
                do(np.add, self.back[state], array, self.back[state])
        flat, prefix = self._flat(self.z), self.prefix
        turned = flat.swapaxes(1, 2)
        do(np.matmul, self.x, turned[:, :, self._by_inputs], gradients[f"{prefix}weights"])
        before = self._flat(self.before)
        do(np.matmul, before, turned[:, :, self._by_state], gradients[f"{prefix}recurrent"])
        self._sum(flat, gradients[f"{prefix}bias"])
        for state, array in self.back.items():
            if prefix + state in gradients:
                self._sum(array, gradients[prefix + state])

    def input_gradient(self) -> Array:
        """Return the gradient with respect to the inputs, after :meth:`backward`."""
        weights = self.at.parameters[f"{self.prefix}weights"]
        back = self.buffer("back inputs", (len(weights), *self.at.shape, self.z.shape[-1]))
        sums = self._flat(self.z)[:, self._by_inputs]
        self.at.do(np.matmul, weights, sums, self._flat(back))
        return back

    def _sum(self, array: Array, out: Array) -> None:
        """Sum an array (runs, rows, n) over its last axis."""
        ones = self.at.workspace.ones(array.shape[-1]).transpose()
        self.at.do(np.matmul, array, ones, out[..., np.newaxis])

    @staticmethod
    def _flat(array: Array) -> Array:
        """View (runs, rows, length, batch) as (runs, rows, length · batch)."""
        return array.reshape(*array.shape[:2], -1)

    def block(self, step: int, place: int) -> Array:
        """View a block of `z` at a step, (runs, units, batch)."""
        return self.z[:, place * self.units : (place + 1) * self.units, step]

    def part(self, sums: Array, first: int, count: int = 1) -> Array:
        """View the sums of some gates, (runs, count · units, batch)."""
        return sums[:, first * self.units : (first + count) * self.units]

    def contiguous(self, key: str) -> Array:
        """Return a buffer for the numbers of a step, (runs, units, batch)."""
        return self.buffer(key, (len(self.z), self.units, self.z.shape[-1]))

    @abstractmethod
    def step(self, step: int, sums: Array, do: Callable[..., None]) -> None:
        """Make the calls, by `do`, for the state after a step.

        Parameters
        ----------
        step : int
            The step in time.
        sums : ndarray of shape (runs, gates · units, batch)
            The sums of the blocks to which the state contributes, halved for sigmoids; contiguous.
            The next step overwrites them, so `z` must get what :meth:`step_back` needs.
        do : callable
            Makes a call.
        """

    @abstractmethod
    def step_back(self, step: int) -> None:
        """Replace `z` at a step by the gradients with respect to the sums.

        `self.back` holds the gradients with respect to the states after the step. The method
        leaves in it the part of the gradients with respect to the states before the step that does
        not pass through the sums.
        """


def _add(sums: Any, from_inputs: Any, _: Sequence[Any]) -> None:
    np.add(from_inputs, sums, out=sums)


def _hold(after: Any, before: Any, read: Any, _: Sequence[Any]) -> None:
    """Restore the state where a step is not read, which is where `read` is 0 and not 1."""
    np.copyto(after, before, where=np.equal(read, 0))


def _pass_by(back: Any, passing: Any, read: Any, _: Sequence[Any]) -> None:
    """Move the gradients of a step that is not read to `passing`."""
    np.subtract(1, read, out=passing)
    np.multiply(passing, back, out=passing)
    np.multiply(back, read, out=back)
