"""The optimizers of a stack of runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby, pairwise
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..averaging import Averages, Averaging, NoAveraging
from ..network import Network
from ..parameters import Layout
from ..speed.buffers import Memory
from ..typing import Array, Float64Array
from .closure import Closure
from .lookahead import Lookahead
from .optimizer import Optimizer
from .parameter_group import assigned
from .rule import Rule
from .sam import SharpnessAware


class Group(NamedTuple):
    """Adjacent runs, and the columns of their parameters, that one rule updates in one call."""

    rows: slice
    columns: slice
    rule: Rule
    prefix: str  # of the names of its state: empty if it updates all columns


class OptimizerStack:
    """The optimizers of a stack of runs.

    Adjacent runs with the same rule are updated in one call, so a stack sorted by optimizer is
    fastest. The order does not affect the bits.

    Parameters
    ----------
    optimizers : sequence of Optimizer
        The optimizer of each run.
    layout : Layout
        Layout of the network's parameters.
    dtype : dtype
        Precision of the parameters.
    averagings : sequence of Averaging, optional
        The average of each run's weights; by default the weights are not averaged.
    per_epoch : int, default 1
        Number of steps of an epoch, for averages.
    epochs : sequence of int, optional
        Length of the training of each run, for averages; by default 1.

    Attributes
    ----------
    t : int
        The number of steps that were taken.
    extra : ndarray of int, shape (runs,)
        The number of gradients that each run has evaluated beyond one a step.
    reevaluates : bool
        Whether a step needs a :class:`~nn.optimizers.closure.Closure`.

    Raises
    ------
    ValueError
        If one of an optimizer's groups matches no parameter.
    """

    def __init__(
        self,
        optimizers: Sequence[Optimizer],
        layout: Layout,
        dtype: np.dtype[np.floating],
        averagings: Sequence[Averaging] | None = None,
        per_epoch: int = 1,
        epochs: Sequence[int] | None = None,
    ) -> None:
        self.t = 0
        self.groups: list[Group] = []
        self._dtype = np.dtype(dtype)
        memory = Memory(self._dtype)
        start = 0
        for _, group in groupby(optimizers, key=lambda o: o.variant()):
            members = list(group)
            rows = slice(start, start + len(members))
            self.groups += _groups(rows, members, layout)
            start += len(members)
        for each in self.groups:
            each.rule.start(memory)
        runs = len(optimizers)
        self.extra = np.zeros(runs, np.int64)
        self._sharpness_aware = SharpnessAware(optimizers, self._dtype)
        self._lookahead = Lookahead(optimizers, layout.size, memory)
        averagings, epochs = averagings or [NoAveraging()] * runs, epochs or [1] * runs
        self._averages = Averages(averagings, per_epoch, epochs, layout.size, memory)
        self._recalled = False  # whether the gradients of the coming step were recalled
        self._regroup()

    def _regroup(self) -> None:
        """Update the attributes that follow from the groups."""
        searches = [group.rule.kind.searches for group in self.groups]
        self.reevaluates = bool(self._sharpness_aware.rows) or any(searches)
        self._recalls = all(searches)
        # The arrays of the last step, and each group's views of them.
        self._parameters: Array | None = None
        self._gradients: Array | None = None
        self._parts: list[tuple[Group, Array, Array]] = []

    @property
    def evaluations(self) -> NDArray[np.int64]:
        """The number of gradients that each run has evaluated, (runs,)."""
        return self.t + self.extra

    def recall(self, gradients: Array) -> bool:
        """Fill in the gradients at the parameters, (runs, P), if the last step ended with them.

        Returns
        -------
        bool
            Whether the gradients were filled in, so that they need not be evaluated.
        """
        self._recalled = self.t > 0 and self._recalls
        if self._recalled:
            for rows, columns, rule, _ in self.groups:
                gradients[rows, columns] = rule.state["gradient"]
        return self._recalled

    @classmethod
    def of(
        cls,
        network: Network,
        optimizers: Optimizer | Sequence[Optimizer],
        averaging: Averaging | None = None,
        per_epoch: int = 1,
        epochs: int = 1,
    ) -> Self:
        """Create the optimizers of a network's runs.

        Parameters
        ----------
        network : Network
            The networks to train.
        optimizers : Optimizer or sequence of Optimizer
            One optimizer for all runs, or one for each run.
        averaging : Averaging, optional
            The average of the weights of all runs; by default the weights are not averaged.
        per_epoch, epochs : int, default 1
            Number of steps of an epoch, and of epochs, for the average.

        Raises
        ------
        ValueError
            If the sequence does not have one optimizer for each run, one of an optimizer's groups
            matches no parameter, or the average would begin after the last step.
        """
        each = optimizers if isinstance(optimizers, Sequence) else [optimizers] * network.runs
        if len(each) != network.runs:
            raise ValueError(f"{len(each)} optimizers for {network.runs} runs")
        averagings = None
        if averaging is not None:
            averaging.check(epochs * per_epoch, per_epoch, epochs)
            averagings = [averaging] * network.runs
        return cls(
            each, network.layout, network.dtype, averagings, per_epoch, [epochs] * network.runs
        )

    def step(
        self,
        parameters: Array,
        gradients: Array,
        factor: Float64Array | None = None,
        momentum: Float64Array | None = None,
        *,
        closure: Closure | None = None,
        box: tuple[Array, Array] | None = None,
    ) -> None:
        """Take one step of every run, in place.

        Parameters
        ----------
        parameters, gradients : ndarray of shape (runs, P)
            Both are changed; the gradients are no longer meaningful afterwards.
        factor : ndarray of shape (runs, 1), float64, optional
            Factors of the schedules on the learning rates; 1 by default.
        momentum : ndarray of shape (runs, 1), float64, optional
            Momenta instead of those of the optimizers that have one.
        closure : Closure, optional
            Evaluates the batch again; needed if the stack :attr:`reevaluates`.
        box : tuple of two ndarrays of shape (runs, 1), optional
            The ends of the interval to which parameters are clipped after the update.

        Raises
        ------
        ValueError
            If the closure is missing.
        """
        if self.reevaluates and closure is None:
            raise ValueError("these optimizers evaluate a batch again: step needs a closure")
        if closure is not None and self._sharpness_aware.rows:
            self._sharpness_aware.replace(parameters, gradients, closure)
            self.extra[self._sharpness_aware.rows] += 1
        if self.t == 0:
            self._lookahead.start(parameters)
        self.t += 1
        if self._recalled:
            self.extra -= 1
            self._recalled = False
        if parameters is not self._parameters or gradients is not self._gradients:
            self._parameters, self._gradients = parameters, gradients
            # Searches come last, because they overwrite the gradients of all runs.
            self._parts = [
                (group, parameters[group.rows, group.columns], gradients[group.rows, group.columns])
                for group in sorted(self.groups, key=lambda one: one.rule.kind.searches)
            ]
        for (rows, _, rule, _), theta, g in self._parts:
            own = None if factor is None else factor[rows]
            if closure is not None and rule.kind.searches:
                self.extra[rows] += rule.search(
                    theta, g, self.t, own, partial(_losses, closure, rows)
                )
            else:
                rule.step(theta, g, self.t, own, None if momentum is None else momentum[rows])
        if box is not None:
            np.clip(parameters, *box, out=parameters)
        if self._lookahead.rows:
            self._lookahead.follow(parameters, self.t)
        if self._averages.rows:
            self._averages.follow(parameters, self.t)

    def evaluated(self, parameters: Array) -> tuple[list[int], Array]:
        """Return the weights to evaluate, where they differ from those that are trained.

        Parameters
        ----------
        parameters : ndarray of shape (runs, P)
            The parameters after the last step.

        Returns
        -------
        rows : list of int
            The runs that have other weights, and those whose steps leave running statistics behind.
        weights : ndarray of shape (len(rows), P)
            The weights of these.
        """
        found: dict[int, Array] = {}
        for rows, columns, rule, _ in self.groups if self.t else ():
            part = rule.evaluated(parameters[rows, columns])
            if rule.kind.searches:
                part = parameters[rows]
            if part is not None:
                for run, weights in zip(range(rows.start, rows.stop), part, strict=True):
                    found.setdefault(run, parameters[run].copy())[columns] = weights
        if self.t:
            found |= zip(self._lookahead.rows, self._lookahead.weights, strict=True)
        averages = self._averages
        for row, n, average in zip(
            averages.rows, averages.counts(self.t), averages.weights, strict=True
        ):
            if n > 0:
                found[row] = average
        runs = sorted(found)
        return runs, np.array([found[run] for run in runs]).reshape(len(runs), parameters.shape[1])

    def preconditioner(self, parameters: int) -> Float64Array:
        """Return the diagonal by which each run's last step divided its direction.

        Parameters
        ----------
        parameters : int
            The number P of parameters.

        Returns
        -------
        ndarray of shape (runs, P), float64
            NaN for runs whose optimizer has no such diagonal, and before the first step.
        """
        diagonals = np.full((len(self.extra), parameters), np.nan)
        for rows, columns, rule, _ in self.groups if self.t else ():
            found = rule.preconditioner(self.t)
            if found is not None:
                diagonals[rows, columns] = found
        return diagonals

    def state(self, run: int) -> dict[str, NDArray[Any]]:
        """Return views of one run's state, by name.

        The state arrays have the shape of the parameters that a rule updates, and running products
        the shape (1,). A checkpoint needs these, :attr:`t` and :attr:`extra`.
        """
        if not 0 <= run < len(self.extra):
            raise IndexError(run)
        state = {
            prefix + name: array[run - rows.start]
            for rows, _, rule, prefix in self.groups
            if rows.start <= run < rows.stop
            for name, array in (rule.state | rule.running).items()
        }
        for name, kept in (("lookahead", self._lookahead), ("average", self._averages)):
            if run in kept.rows:
                state[f"{name}/weights"] = kept.weights[kept.rows.index(run)]
        return state

    def restore(self, run: int, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore a state that :meth:`state` returned.

        Raises
        ------
        ValueError
            If the state belongs to another rule or to other parameters.
        """
        own = self.state(run)
        shapes = [{k: v.shape for k, v in arrays.items()} for arrays in (own, state)]
        if shapes[0] != shapes[1]:
            raise ValueError(f"the optimizer's state is {shapes[0]}, not {shapes[1]}")
        for name, array in own.items():
            array[...] = state[name]

    def keep(self, runs: Sequence[int]) -> None:
        """Keep only some runs, with their state.

        Parameters
        ----------
        runs : sequence of int
            Positions of the runs to keep, in ascending order.

        Raises
        ------
        ValueError
            If the order is not ascending: state and parameters would no longer match.
        """
        if any(run >= following for run, following in pairwise(runs)):
            raise ValueError(f"runs that stay must be in ascending order, but are {list(runs)}")
        groups: list[Group] = []
        memory = Memory(self._dtype)
        for group in self.groups:
            rows = group.rows
            own = [run - rows.start for run in runs if rows.start <= run < rows.stop]
            if own:
                start = sum(run < rows.start for run in runs)
                group.rule.keep(own, memory)
                groups.append(group._replace(rows=slice(start, start + len(own))))
        self.groups = groups
        self._sharpness_aware.keep(runs)
        self._lookahead.keep(runs, memory)
        self._averages.keep(runs, memory)
        self.extra = self.extra[list(runs)]
        self._regroup()


def _groups(rows: slice, optimizers: Sequence[Optimizer], layout: Layout) -> Iterator[Group]:
    """Make the rules of runs of one variant: one for each part of the parameters' columns."""
    if not optimizers[0].groups:
        rule = optimizers[0].rule or Rule
        yield Group(rows, slice(0, layout.size), rule(optimizers, layout), "")
        return
    keys = assigned(optimizers[0].groups, layout)
    places = [None if key is None else optimizers[0].groups.index(key) for key in keys]
    parts = layout.parts(places)
    for columns, own, place in parts:
        within = [o.within(None if place is None else o.groups[place]) for o in optimizers]
        prefix = f"{columns.start}/" if len(parts) > 1 else ""
        yield Group(rows, columns, Rule(within, own), prefix)


def _losses(closure: Closure, rows: slice) -> Float64Array:
    """Evaluate the batch again, and return the losses of some runs."""
    return closure.losses()[rows]
