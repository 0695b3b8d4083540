"""The update of runs that share an optimizer class, in one call for all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..parameters import Layout, Parameter
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


@dataclass(frozen=True)
class Part:
    """Parameters that a rule gets as a whole.

    Parameters
    ----------
    columns : slice
        The place of these parameters among all.
    decayed : slice
        The entries of the part on which weight decay acts.
    matrix : Parameter, optional
        The weight matrix, if the part is one that :meth:`Optimizer.update_matrix` updates.
    state : dict of str to str
        The names of this part's state arrays in :attr:`Rule.state`, by their name in the rule.
    """

    columns: slice
    decayed: slice
    matrix: Parameter | None = None
    state: Mapping[str, str] = field(default_factory=dict)

    def view(self, array: Array) -> Array:
        """View the entries of an array (runs, P), as (runs, n) or (runs, fan_in, fan_out)."""
        own = array[:, self.columns]
        if self.matrix is None:
            return own
        return self.matrix.as_matrices(own.reshape(len(own), *self.matrix.shape))


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
        State arrays by name: (runs, P), or of one tensor. A checkpoint needs these and
        :attr:`running`.
    running : dict of str to ndarray
        Numbers of each run, float64 of shape (runs, 1).
    """

    def __init__(self, optimizers: Sequence[Optimizer], layout: Layout) -> None:
        self.optimizers = list(optimizers)
        self.layout = layout
        self.kind = optimizers[0]
        self.decouples = self.kind.decouples()
        self.decays = self.kind.weight_decay > 0 and not self.kind.decays_itself
        self.decayed = layout.size if self.kind.decay_biases else layout.decayed
        self._shapes: dict[str, tuple[int, ...]] = {}  # of the state of single tensors
        self.parts = self._parts()
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
        runs = len(self.optimizers)
        for name in self.kind.slots():
            self.state[name] = memory.zeros((runs, self.layout.size))
            for row, optimizer in enumerate(self.optimizers):
                self.state[name][row] = optimizer.initial_state().get(name, 0)
        for name, shape in self._shapes.items():
            self.state[name] = memory.zeros((runs, *shape))

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
        h = Namespace(**self._options | self._hyperparameters, **self.running)
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

    def search(
        self,
        theta: Array,
        g: Array,
        t: int,
        factor: Float64Array | None,
        evaluate: Callable[[], Float64Array],
    ) -> NDArray[np.int64]:
        """Update parameters (runs, P) in place, evaluating the loss along a line.

        This takes the place of :meth:`step` for optimizers that :attr:`~Optimizer.searches`. At the
        end, the state ``gradient`` holds the gradients at the new parameters.

        Parameters
        ----------
        theta, g : ndarray of shape (runs, P)
            Parameters and their gradients.
        t : int
            The number of the step, from 1.
        factor : ndarray of shape (runs, 1), optional
            Factor of the schedule on each learning rate, with which a search begins.
        evaluate : callable
            Fills `g` at the parameters as they are now, and returns the losses, (runs,).

        Returns
        -------
        ndarray of int, shape (runs,)
            The number of evaluations that each run needed.
        """
        raise NotImplementedError

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
        h = Namespace(**self._options | self._hyperparameters)
        return self.kind.evaluated(h, theta, Namespace(**self.state))

    def preconditioner(self, t: int) -> Float64Array | None:
        """Return :meth:`Optimizer.preconditioner` of the last step, `t`."""
        state = {name: array.astype(np.float64) for name, array in self.state.items()}
        h = Namespace(**self._options | self._hyperparameters)
        return self.kind.preconditioner(h, Namespace(**state), t)

    def _apply(self, theta: Array, g: Array, coefficients: Coefficients) -> None:
        """Update in one compiled pass if possible, else in many passes of NumPy: the same bits."""
        if self.parts:
            c = self._rounded(coefficients, theta.dtype)
            for part in self.parts:
                self._apply_to_part(part, theta, g, c)
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

    def _parts(self) -> list[Part]:
        """Return what the rule must get as a whole; nothing if it is elementwise."""
        kind, layout = self.kind, self.layout
        whole, matrices = kind.reduces_over(), kind.updated_as_matrices(layout)
        if whole == "run":
            return [Part(slice(0, layout.size), slice(0, self.decayed))]
        if whole is None and not kind.whole_matrices:
            return []
        parts: list[Part] = []
        for tensor in layout.parameters:
            columns = layout.slices[tensor.name]
            decayed = slice(None) if columns.start < self.decayed else slice(0)
            matrix = tensor if tensor in matrices else None
            shapes = kind.tensor_state(tensor.matrix if matrix else (tensor.size,))
            last = parts[-1] if parts else None
            stands_alone = whole is not None or matrix is not None or shapes
            if last and not (stands_alone or last.matrix) and last.decayed == decayed:
                # An elementwise rule takes adjacent tensors at once, which saves calls.
                parts[-1] = Part(slice(last.columns.start, columns.stop), decayed)
                continue
            names = {name: f"{name}/{tensor.name}" for name in shapes}
            self._shapes |= {names[name]: shape for name, shape in shapes.items()}
            parts.append(Part(columns, decayed, matrix, names))
        return parts

    def _apply_to_part(self, part: Part, theta: Array, g: Array, c: Namespace) -> None:
        """Update a matrix, a tensor, several tensors or all parameters."""
        c = c if part.matrix is None else _mapped(c, lambda value: value[..., np.newaxis])
        c.decayed = part.decayed
        views = {name: part.view(self.state[name]) for name in self.kind.slots()}
        views |= {"theta": part.view(theta), "g": part.view(g)}
        arrays = views
        if part.matrix is not None:
            # NumPy cannot prove that a strided view does not overlap itself, so it would make a
            # copy in every operation that writes to one.
            arrays = {name: self._contiguous(name, view) for name, view in views.items()}
        weights, gradient = arrays["theta"], arrays["g"]
        s = Namespace(**{name: arrays[name] for name in self.kind.slots()})
        vars(s).update({name: self.state[place] for name, place in part.state.items()})
        if self.decays:
            rows = part.decayed
            spare = self._workspace.array("decay", weights[:, rows].shape)
            self._decay(weights[:, rows], gradient[:, rows], s, c, [spare])
        if part.matrix is not None:
            self.kind.update_matrix(weights, gradient, s, c, self._workspace)
        else:
            vars(s).update(self.running)
            work = self._scratch(len(weights), weights.shape[1], weights.dtype)
            self.kind.update(weights, gradient, s, c, work)
        for name, view in views.items():
            if arrays[name] is not view:
                np.copyto(view, arrays[name])

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
    for name in (f.name for f in fields(optimizers[0])):
        values = [getattr(optimizer, name) for optimizer in optimizers]
        if is_number(values[0]):
            column = np.array(values, np.float64).reshape(-1, 1)
            columns[name] = column[:1] if (column == column[0]).all() else column
    return columns
