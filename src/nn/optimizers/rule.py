"""The update of runs that share an optimizer class, in one call for all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from ..parameters import Layout
from ..speed import compile as fusion
from ..speed.buffers import Memory, Workspace
from ..typing import Array, Float64Array
from .optimizer import Coefficients, Namespace, Optimizer, is_number

_BLOCK = 1 << 18
"""Number of elements in a block: small enough that parameters, gradients, state and scratch space
of a block stay in the cache while the rule passes over them, and large enough to make the overhead
of a dozen NumPy calls negligible."""

COMPILE_AFTER: float = 1 << 25
"""Number of updated elements after which a rule is compiled. NumPy has then taken as long as
compiling takes, so training costs at most twice the better choice, whenever it ends."""

FLUSH_EVERY = 256
"""Interval, in steps of the run, at which subnormal state is set to 0 (:meth:`Rule.flush`). It is
counted from the start of the run, so that results depend neither on stacks nor on interruptions."""

_ONE = np.ones((1, 1))

_updated: Counter[type[Optimizer]] = Counter()
"""Number of elements that this process has updated by each rule."""


class Rule:
    """The update of a group of runs by one optimizer class.

    Parameters
    ----------
    optimizers : sequence of Optimizer
        The optimizer of each run; all have the same :meth:`~Optimizer.variant`.
    layout : Layout
        Layout of the parameters.

    Attributes
    ----------
    state : dict of str to ndarray
        State arrays of shape (runs, P) by name. A checkpoint needs these and :attr:`running`.
    running : dict of str to ndarray
        Running products, float64 of shape (runs, 1).
    """

    def __init__(self, optimizers: Sequence[Optimizer], layout: Layout) -> None:
        self.optimizers = list(optimizers)
        self.layout = layout
        self.kind = optimizers[0]
        self.decays = self.kind.weight_decay > 0
        self.decouples = self.kind.decouples()
        self.decayed = layout.size if self.kind.decay_biases else layout.decayed
        self.state: dict[str, Array] = {}
        self.running = {
            name: np.array([[o.initial_state().get(name, 1.0)] for o in self.optimizers])
            for name in self.kind.running
        }
        self._hyperparameters = _columns(self.optimizers)
        self._options = self.kind.options()
        self._work: Array = np.empty((1, 0))
        self._compiled: list[tuple[slice, fusion.Loop]] | None = None
        self._compiled_for: list[str] = []  # names of the coefficients, in order
        # The loops bound to the arrays of the last step, and the coefficients that they read.
        self._bound: list[fusion.Bound] = []
        self._bound_to: tuple[Array | None, Array | None] = None, None
        self._numbers: list[Array] = []

    def start(self, memory: Memory) -> None:
        """Allocate the state at its initial values."""
        self._workspace = Workspace(memory.dtype)
        for name in self.kind.slots():
            self.state[name] = memory.zeros((len(self.optimizers), self.layout.size))
            for row, optimizer in enumerate(self.optimizers):
                self.state[name][row] = optimizer.initial_state().get(name, 0)

    def step(
        self,
        theta: Array,
        g: Array,
        t: int,
        factor: Float64Array | None = None,
        momentum: Float64Array | None = None,
    ) -> None:
        """Update parameters (runs, P) in place.

        Parameters
        ----------
        theta, g : ndarray of shape (runs, P)
            Parameters and gradients; both are changed.
        t : int
            The number of the step, from 1.
        factor : ndarray of shape (runs, 1), optional
            Factor of the schedule on each learning rate.
        momentum : ndarray of shape (runs, 1), optional
            Momentum instead of the optimizers' own, if they have one.
        """
        h = Namespace(**self._hyperparameters, **self.running)
        h.schedule = _ONE if factor is None else factor
        h.lr = h.lr * h.schedule
        if momentum is not None and hasattr(h, "momentum"):
            h.momentum = momentum
        coefficients = self.kind.coefficients(h, t)
        for name in self.running:
            self.running[name] = np.broadcast_to(getattr(h, name), (len(theta), 1)).copy()
        if self.decays:
            decay = 1 - h.lr * h.weight_decay if self.decouples else h.weight_decay
            coefficients["decay"] = decay
        self._apply(theta, g, coefficients)
        if t % FLUSH_EVERY == 0:
            self.flush()

    def flush(self) -> None:
        """Set subnormal numbers in the state to 0.

        If a gradient becomes 0, its decaying average ends at a subnormal number (below 1.2e-38 in
        float32) and stays there, because the smallest one times 0.9 rounds to itself. Such numbers
        are negligible compared with a parameter or ε, but many processors take a hundred times as
        long to compute with them.
        """
        for array in self.state.values():
            flat = array.reshape(-1)
            tiny = np.finfo(array.dtype).tiny
            for start in range(0, flat.size, _BLOCK):
                block = flat[start : start + _BLOCK]
                normal = self._scratch(1, block.size, block.dtype)[0][0]
                np.abs(block, out=normal)
                np.greater_equal(normal, tiny, out=normal)
                block *= normal

    def evaluated(self, theta: Array) -> Array | None:
        """Return :meth:`Optimizer.evaluated` after the last step."""
        h = Namespace(**self._hyperparameters, **self._options)
        return self.kind.evaluated(h, theta, Namespace(**self.state))

    def preconditioner(self, t: int) -> Float64Array | None:
        """Return :meth:`Optimizer.preconditioner` of the last step, `t`."""
        state = {name: array.astype(np.float64) for name, array in self.state.items()}
        h = Namespace(**self._hyperparameters, **self._options)
        return self.kind.preconditioner(h, Namespace(**state), t)

    def _apply(self, theta: Array, g: Array, coefficients: Coefficients) -> None:
        """Update in one compiled pass if possible, else in many passes of NumPy: the same bits."""
        if self.kind.whole_matrices:
            self._apply_to_matrices(theta, g, self._rounded(coefficients, theta.dtype))
            return
        loops = self._loops(theta, g, coefficients)
        if not loops:
            self._apply_in_blocks(theta, g, self._rounded(coefficients, theta.dtype))
            return
        for column, coefficient in zip(self._numbers, coefficients.values(), strict=True):
            column[...] = coefficient
        for loop in loops:
            loop()

    def _rounded(self, coefficients: Coefficients, dtype: np.dtype[Any]) -> Namespace:
        """Return the argument `c` of :meth:`Optimizer.update`."""
        return Namespace(
            **{name: value.astype(dtype) for name, value in coefficients.items()}, **self._options
        )

    def _apply_to_matrices(self, theta: Array, g: Array, c: Namespace) -> None:
        """Update each weight matrix by itself, then all other parameters in one call."""
        runs, size = theta.shape
        own = _mapped(c, lambda value: value[..., np.newaxis])
        for parameter in self.layout.parameters:
            if not parameter.decays:
                continue
            columns = self.layout.slices[parameter.name]
            views = {"theta": theta, "g": g, **self.state}
            views = {
                name: parameter.as_matrices(array[:, columns].reshape(runs, *parameter.shape))
                for name, array in views.items()
            }
            # NumPy cannot prove that a strided view does not overlap itself, so it would make a
            # copy in every operation that writes to one.
            matrices = {name: self._contiguous(name, view) for name, view in views.items()}
            weights, gradient = matrices["theta"], matrices["g"]
            state = Namespace(**{name: matrices[name] for name in self.state})
            if self.decays:
                spare = self._workspace.array("decay", weights.shape)
                self._decay(weights, gradient, state, own, [spare])
            self.kind.update_matrix(weights, gradient, state, own, self._workspace)
            for name, view in views.items():
                if matrices[name] is not view:
                    np.copyto(view, matrices[name])
        rest = slice(self.layout.decayed, size)
        if rest.start < rest.stop:
            work = self._scratch(runs, rest.stop - rest.start, theta.dtype)
            state = Namespace(**{name: array[:, rest] for name, array in self.state.items()})
            self.kind.update(theta[:, rest], g[:, rest], state, c, work)

    def _contiguous(self, name: str, view: Array) -> Array:
        """Return a contiguous copy of a view in a buffer, or the view if it is contiguous."""
        if view.flags.c_contiguous:
            return view
        copied = self._workspace.array(f"copy of {name}", view.shape)
        np.copyto(copied, view)
        return copied

    def _apply_in_blocks(self, theta: Array, g: Array, c: Namespace) -> None:
        """Update block by block: several whole rows, or pieces of a row that is too long."""
        runs, size = theta.shape
        rows, width = max(1, _BLOCK // size), min(size, _BLOCK)
        for first in range(0, runs, rows):
            block = slice(first, min(first + rows, runs))
            own = c if rows >= runs else _rows(c, block)
            for start in range(0, size, width):
                self._apply_block(theta, g, own, block, slice(start, min(start + width, size)))

    def _apply_block(
        self, theta: Array, g: Array, c: Namespace, rows: slice, columns: slice
    ) -> None:
        work = self._scratch(rows.stop - rows.start, columns.stop - columns.start, theta.dtype)
        if self.decays and columns.start < self.decayed:
            part = slice(columns.start, min(columns.stop, self.decayed))
            spare = [array[:, : part.stop - part.start] for array in work]
            self._decay(theta[rows, part], g[rows, part], self._state(rows, part), c, spare)
        self.kind.update(
            theta[rows, columns], g[rows, columns], self._state(rows, columns), c, work
        )

    def _state(self, rows: slice, columns: slice) -> Namespace:
        return Namespace(**{name: array[rows, columns] for name, array in self.state.items()})

    def _decay(
        self, theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]
    ) -> None:
        if self.decouples:
            self.kind.shrink(theta, g, s, c, work)
        else:
            g += np.multiply(theta, c.decay, out=work[0])

    def _loops(self, theta: Array, g: Array, coefficients: Coefficients) -> list[fusion.Bound]:
        """Return the rule compiled, for columns that decay and others, once that pays."""
        if self._compiled is None:
            kind = type(self.kind)
            _updated[kind] += theta.size
            if _updated[kind] < COMPILE_AFTER:
                return []
            split, size = self.decayed if self.decays else 0, theta.shape[1]
            parts = [
                part for part in (slice(0, split), slice(split, size)) if part.start < part.stop
            ]
            loops = [self._fuse(coefficients, theta.dtype, part.start < split) for part in parts]
            found = [(part, loop) for part, loop in zip(parts, loops, strict=True) if loop]
            self._compiled = found if len(found) == len(parts) else []
            self._compiled_for = list(coefficients)
        if not self._compiled or list(coefficients) != self._compiled_for:
            return []
        if theta is not self._bound_to[0] or g is not self._bound_to[1]:
            self._bind(theta, g)
        return self._bound

    def _bind(self, theta: Array, g: Array) -> None:
        """Bind the loops to these arrays, which rarely change from one step to the next."""
        arrays = [array[:, np.newaxis] for array in (theta, *self.state.values(), g)]
        numbers = np.empty((len(theta), len(self._compiled_for)), theta.dtype)
        self._numbers = [numbers[:, n : n + 1] for n in range(numbers.shape[1])]
        self._bound = []
        for part, loop in self._compiled or ():
            calls = loop.bind([array[..., part] for array in arrays], numbers)
            if calls is None:
                self._bound = []
                break
            self._bound += calls
        self._bound_to = theta, g

    def _fuse(
        self, coefficients: Coefficients, dtype: np.dtype[Any], decays: bool
    ) -> fusion.Loop | None:
        def update(
            changed: Sequence[Any], read: Sequence[Any], numbers: Sequence[Any], work: Sequence[Any]
        ) -> None:
            (theta, *state), (g,) = changed, read
            c = Namespace(**dict(zip(coefficients, numbers, strict=True)), **self._options)
            s = Namespace(**dict(zip(self.state, state, strict=True)))
            if decays:
                self._decay(theta, g, s, c, work)
            self.kind.update(theta, g, s, c, work)

        return fusion.fuse(
            update,
            changed=1 + len(self.state),
            read=1,
            numbers=len(coefficients),
            scratch=max(self.kind.scratch, 1),
            dtype=dtype,
        )

    def _scratch(self, runs: int, width: int, dtype: np.dtype[Any]) -> Sequence[Array]:
        """Return contiguous scratch arrays (runs, width)."""
        needed = max(self.kind.scratch, 1), runs * width
        if self._work.shape[1] < needed[1]:
            self._work = np.empty(needed, dtype)
        return [memory[: needed[1]].reshape(runs, width) for memory in self._work]

    def keep(self, rows: Sequence[int], memory: Memory) -> None:
        """Remove all runs but these rows from the group, and copy their state into `memory`."""
        self.optimizers = [self.optimizers[row] for row in rows]
        self.state = {name: memory.rows(array, rows) for name, array in self.state.items()}
        self.running = {name: array[rows] for name, array in self.running.items()}
        self._hyperparameters = _columns(self.optimizers)
        self._workspace = Workspace(memory.dtype)
        self._bound_to = None, None


def _rows(c: Namespace, rows: slice) -> Namespace:
    """Return the coefficients of some of the runs."""
    return _mapped(c, lambda value: value[rows] if len(value) > 1 else value)


def _mapped(c: Namespace, function: Callable[[Array], Array]) -> Namespace:
    """Apply a function to the coefficients, and keep the options unchanged."""
    return Namespace(
        **{k: function(v) if isinstance(v, np.ndarray) else v for k, v in vars(c).items()}
    )


def _columns(optimizers: Sequence[Optimizer]) -> Coefficients:
    """Return numeric hyperparameters as float64 columns: (runs, 1), or (1, 1) if all agree.

    Both shapes give the same bits, but with the small one NumPy treats a block as one long row.
    """
    columns = {}
    for field in fields(optimizers[0]):
        values = [getattr(optimizer, field.name) for optimizer in optimizers]
        if is_number(values[0]):
            column = np.array(values, np.float64).reshape(-1, 1)
            columns[field.name] = column[:1] if (column == column[0]).all() else column
    return columns
