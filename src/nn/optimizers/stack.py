"""The optimizers of a stack of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..network import Network
from ..parameters import Layout
from ..speed.buffers import Memory
from ..typing import Array, Float64Array
from .optimizer import Optimizer
from .rule import Rule


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
    """

    def __init__(
        self, optimizers: Sequence[Optimizer], layout: Layout, dtype: np.dtype[np.floating]
    ) -> None:
        self.t = 0
        self.groups: list[tuple[slice, Rule]] = []
        self._dtype = np.dtype(dtype)
        memory = Memory(self._dtype)
        start = 0
        for _, group in groupby(optimizers, key=lambda o: o.variant()):
            members = list(group)
            rule = Rule(members, layout)
            rule.start(memory)
            self.groups.append((slice(start, start + len(members)), rule))
            start += len(members)
        # The arrays of the last step, and each group's views of them.
        self._parameters: Array | None = None
        self._gradients: Array | None = None
        self._parts: list[tuple[Array, Array]] = []

    @classmethod
    def of(cls, network: Network, optimizers: Optimizer | Sequence[Optimizer]) -> Self:
        """Create the optimizers of a network's runs.

        Parameters
        ----------
        network : Network
            The networks to train.
        optimizers : Optimizer or sequence of Optimizer
            One optimizer for all runs, or one for each run.

        Raises
        ------
        ValueError
            If the sequence does not have one optimizer for each run.
        """
        each = optimizers if isinstance(optimizers, Sequence) else [optimizers] * network.runs
        if len(each) != network.runs:
            raise ValueError(f"{len(each)} optimizers for {network.runs} runs")
        return cls(each, network.layout, network.dtype)

    def step(
        self,
        parameters: Array,
        gradients: Array,
        factor: Float64Array | None = None,
        momentum: Float64Array | None = None,
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
        """
        self.t += 1
        if parameters is not self._parameters or gradients is not self._gradients:
            self._parameters, self._gradients = parameters, gradients
            self._parts = [(parameters[rows], gradients[rows]) for rows, _ in self.groups]
        for (rows, rule), (theta, g) in zip(self.groups, self._parts, strict=True):
            rule.step(
                theta,
                g,
                self.t,
                None if factor is None else factor[rows],
                None if momentum is None else momentum[rows],
            )

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
        runs = self.groups[-1][0].stop
        diagonals = np.full((runs, parameters), np.nan)
        for rows, rule in self.groups if self.t else ():
            found = rule.preconditioner(self.t)
            if found is not None:
                diagonals[rows] = found
        return diagonals

    def state(self, run: int) -> dict[str, NDArray[Any]]:
        """Return views of one run's state: (P,) for each state array, (1,) for each product.

        A checkpoint needs these and :attr:`t`.
        """
        rule, row = self._place(run)
        return {name: array[row] for name, array in (rule.state | rule.running).items()}

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

    def _place(self, run: int) -> tuple[Rule, int]:
        """Return the group of a run, and the run's row in it."""
        for rows, rule in self.groups:
            if rows.start <= run < rows.stop:
                return rule, run - rows.start
        raise IndexError(run)

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
        groups: list[tuple[slice, Rule]] = []
        memory = Memory(self._dtype)
        start = 0
        for rows, rule in self.groups:
            own = [run - rows.start for run in runs if rows.start <= run < rows.stop]
            if own:
                rule.keep(own, memory)
                groups.append((slice(start, start + len(own)), rule))
                start += len(own)
        self.groups = groups
        self._parameters = self._gradients = None
