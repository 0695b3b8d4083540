"""The base class of optimizers: what an author of one reads."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from types import SimpleNamespace
from typing import Any, ClassVar

from ..component import Component, NonNegative, Positive
from ..speed.buffers import Workspace
from ..typing import Array, Float64Array

Coefficients = dict[str, Float64Array]
Namespace = SimpleNamespace


@dataclass(frozen=True)
class Optimizer(Component):
    """Base of the optimizers: hyperparameters as fields, the rule as two functions.

    A rule is written once and runs for any number of runs, each with its own hyperparameters:

    - :meth:`coefficients`, once a step, turns hyperparameters into the numbers that the rule
      multiplies with: arrays (runs, 1) in float64, rounded to the network's precision after.
    - :meth:`update`, elementwise, changes parameters and state in place. It is called for
      blocks of parameters that fit the cache.

    Parameters
    ----------
    lr : float
        Learning rate, above 0; a schedule multiplies it.
    weight_decay : float, default 0.0
        λ, at least 0. Coupled (λθ is added to the gradient) unless :attr:`decoupled`.
    decay_biases : bool, default False
        Whether decay acts on biases and normalization gains too.

    Attributes
    ----------
    state : tuple of str
        Names of the state arrays, each of the shape of the parameters, 0 at the start.
    running : tuple of str
        Names of running products of coefficients, (runs, 1) in float64, 1 at the start.
    scratch : int
        How many scratch arrays :meth:`update` needs.
    decoupled : bool
        Whether weight decay is θ ← θ(1 - ηλ) before the step (Loshchilov & Hutter 2019).
    whole_matrices : bool
        Whether each weight matrix is updated as a whole, by :meth:`update_matrix`; then
        :meth:`update` is for biases, gains and shifts only, and decays them itself.
    """

    state: ClassVar[tuple[str, ...]] = ()
    running: ClassVar[tuple[str, ...]] = ()
    scratch: ClassVar[int] = 1
    decoupled: ClassVar[bool] = False
    whole_matrices: ClassVar[bool] = False

    lr: Positive = 0.01
    weight_decay: NonNegative = 0.0
    decay_biases: bool = False

    def variant(self) -> tuple[Any, ...]:
        """Return what must be the same for runs to update in one call."""
        return (type(self), self.weight_decay > 0, self.slots(), *self.options().values())

    def options(self) -> dict[str, Any]:
        """Return the fields that are not numbers."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {k: v for k, v in values.items() if not is_number(v)}

    def slots(self) -> tuple[str, ...]:
        """Return the names of the state arrays that these settings need."""
        return self.state

    @staticmethod
    @abstractmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        """Compute the numbers of step `t`.

        Parameters
        ----------
        h : namespace
            Each hyperparameter by name as a float64 array (runs, 1), or (1, 1) where all runs
            agree; `h.lr` after the schedule, whose factor is `h.schedule`; the
            :attr:`running` products, to be updated.
        t : int
            The step, from 1.

        Returns
        -------
        dict of str to ndarray
        """

    @staticmethod
    @abstractmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        """Take the step, in place.

        Parameters
        ----------
        theta : ndarray of shape (runs, n)
            Parameters, or a block of them.
        g : ndarray of shape (runs, n)
            Gradients; may be overwritten.
        s : namespace of ndarrays of shape (runs, n)
            The :attr:`state`.
        c : namespace of ndarrays of shape (runs, 1) or (1, 1)
            The :meth:`coefficients`, in the network's precision, and the fields that are not
            numbers as they are.
        work : sequence of :attr:`scratch` ndarrays of shape (runs, n)
            Scratch space.
        """

    @staticmethod
    def update_matrix(theta: Array, g: Array, s: Namespace, c: Namespace, work: Workspace) -> None:
        """Take the step of one weight matrix, in place, if :attr:`whole_matrices`.

        Parameters
        ----------
        theta, g : ndarray of shape (runs, fan_in, fan_out)
            Weights, after their decay, and gradients, which may be overwritten.
        s : namespace of ndarrays of shape (runs, fan_in, fan_out)
            The :attr:`state`.
        c : namespace of ndarrays of shape (runs, 1, 1) or (1, 1, 1)
            The same as in :meth:`update`, with an axis more.
        work : Workspace
            Buffers that last from step to step.
        """
        raise NotImplementedError

    def initial_state(self) -> dict[str, float]:
        """Return the values that state arrays start from where that is not 0."""
        return {}


def is_number(value: object) -> bool:
    """Whether a hyperparameter is a number, and so may differ between runs that share a step."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
