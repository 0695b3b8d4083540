"""The base class of optimizers, and the interface for writing a new one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, Literal, Self

from ..component import Component, Interval, NonNegative, Positive
from ..parameters import Layout, Parameter
from ..speed.buffers import Workspace
from ..typing import Array, Float64Array
from .parameter_group import ParameterGroup

Coefficients = dict[str, Float64Array]
Namespace = SimpleNamespace


@dataclass(frozen=True)
class Optimizer(Component):
    """Base of the optimizers: its fields are the hyperparameters, two functions are the rule.

    A rule is written once and updates any number of runs, each with its own hyperparameters:

    - :meth:`coefficients` is called once per step and turns hyperparameters into the numbers that
      the rule multiplies by: float64 arrays of shape (runs, 1), which are then rounded to the
      network's precision.
    - :meth:`update` changes parameters and state in place. It is elementwise and called for blocks
      of parameters that fit the cache, unless :meth:`reduces_over` says what it needs as a whole.

    Parameters
    ----------
    lr : float
        Learning rate, above 0, which a schedule multiplies.
    weight_decay : float, default 0.0
        Weight decay λ, at least 0. It is coupled (λθ is added to the gradient) unless
        :attr:`decoupled`.
    decay_biases : bool, default False
        Whether weight decay also acts on biases and normalization gains.
    sam : float, default 0.0
        Radius ρ of sharpness-aware minimization (:mod:`nn.optimizers.sam`), at least 0; 0 for none.
    lookahead : int, default 0
        Number of steps k after which the slow weights of :mod:`nn.optimizers.lookahead` follow; 0
        for none.
    lookahead_rate : float, default 0.5
        The share α of the way to the parameters that the slow weights go, in (0, 1].
    groups : list of ParameterGroup, default []
        Other settings for some of the parameters. Each parameter belongs to the first group that
        names it, if any does.

    Attributes
    ----------
    state : tuple of str
        Names of the state arrays, each of the shape of the parameters and initially 0.
    running : tuple of str
        Names of numbers that each run carries from step to step, float64 of shape (runs, 1) and
        initially 1, such as products of coefficients.
    scratch : int
        Number of scratch arrays that :meth:`update` needs.
    decoupled : bool
        Whether weight decay is θ ← θ(1 - ηλ) before the step (Loshchilov & Hutter 2019).
    decays_itself : bool
        Whether the rule applies weight decay itself, because it is neither coupled nor decoupled in
        this sense: to the entries `c.decayed`.
    whole_matrices : bool
        Whether :meth:`update_matrix` updates each of :meth:`updated_as_matrices`, and
        :meth:`update` all other parameters.
    full_batch : bool
        Whether the rule makes sense only if every step uses all rows of the training data.
    searches : bool
        Whether a step evaluates the loss repeatedly, which must then always be the same function.
    rule : type, optional
        The class of :class:`~nn.optimizers.rule.Rule` that takes the steps; by default that class.
    """

    state: ClassVar[tuple[str, ...]] = ()
    running: ClassVar[tuple[str, ...]] = ()
    scratch: ClassVar[int] = 1
    decoupled: ClassVar[bool] = False
    decays_itself: ClassVar[bool] = False
    whole_matrices: ClassVar[bool] = False
    full_batch: ClassVar[bool] = False
    searches: ClassVar[bool] = False
    rule: ClassVar[type[Any] | None] = None

    lr: Positive = 0.01
    weight_decay: NonNegative = 0.0
    decay_biases: bool = False
    sam: NonNegative = 0.0
    lookahead: Annotated[int, Interval(0)] = 0
    lookahead_rate: Annotated[float, Interval(0, 1, "right")] = 0.5
    groups: tuple[ParameterGroup, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "groups", tuple(self.groups))  # optimizers are hashed
        if self.lookahead and self.evaluates_elsewhere:
            raise ValueError(
                f"{type(self).__name__}: lookahead would move the weights away from the average "
                "that this optimizer makes itself; set lookahead to 0"
            )
        if self.groups and self.reduces_over() == "run":
            raise ValueError(
                f"{type(self).__name__}: groups would divide the parameters, which this optimizer "
                "needs all at once; leave groups empty"
            )

    @property
    def evaluates_elsewhere(self) -> bool:
        """Whether the weights to evaluate differ from those at which gradients are taken."""
        return type(self).evaluated is not Optimizer.evaluated

    @property
    def gradients_per_step(self) -> int:
        """The least number of gradients that a step takes."""
        return 2 if self.sam else 1

    def variant(self) -> tuple[Any, ...]:
        """Return the settings that runs must share to be updated in one call."""
        groups = ((group.parameters, self.within(group).variant()) for group in self.groups)
        options = self.options().values()
        return (type(self), self.weight_decay > 0, self.slots(), *options, *groups)

    def options(self) -> dict[str, Any]:
        """Return the settings that are not numbers, or that all runs of a call must share."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "groups"}
        return {k: v for k, v in values.items() if not is_number(v)}

    def within(self, group: ParameterGroup | None) -> Self:
        """Return the optimizer of the parameters of one of the :attr:`groups`, or of all others."""
        if group is None:
            return replace(self, groups=())
        own = replace(self, groups=(), lr=self.lr * group.lr_factor)
        if group.weight_decay is None:
            return own
        return replace(own, weight_decay=group.weight_decay, decay_biases=True)

    def slots(self) -> tuple[str, ...]:
        """Return the names of the state arrays that these settings need."""
        return self.state

    def decouples(self) -> bool:
        """Return whether these settings decouple weight decay."""
        return self.decoupled

    def reduces_over(self) -> Literal["tensor", "run"] | None:
        """Return the unit that :meth:`update` must get as a whole, for sums or norms over it.

        Returns
        -------
        {"tensor", "run"} or None
            A named array of a layer, all parameters of a run, or nothing: the rule is elementwise.
        """
        return None

    def updated_as_matrices(self, layout: Layout) -> list[Parameter]:
        """Return the parameters that :meth:`update_matrix` updates: by default all weights.

        Raises
        ------
        ValueError
            If the settings ask for matrices that the network does not have.
        """
        return [p for p in layout.parameters if p.decays] if self.whole_matrices else []

    def tensor_state(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Return the shapes of a tensor's state that is not of the shape of the parameters.

        Parameters
        ----------
        shape : tuple of int
            (fan_in, fan_out) of a matrix that :meth:`update_matrix` updates, (n,) of any other.

        Returns
        -------
        dict of str to tuple of int
            The shapes by name, without the run axis; the arrays are initially 0.
        """
        return {}

    @staticmethod
    @abstractmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        """Compute the coefficients of step `t`.

        Parameters
        ----------
        h : namespace
            Each hyperparameter by name as a float64 array of shape (runs, 1), or (1, 1) if all
            runs agree, and the fields that are not numbers. `h.lr` includes the factor of the
            schedule, `h.schedule`. The :attr:`running` numbers may be replaced.
        t : int
            The number of the step, from 1.

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
            Parameters: any block of them, or what :meth:`reduces_over` names.
        g : ndarray of shape (runs, n)
            Gradients, which may be overwritten.
        s : namespace of ndarrays of shape (runs, n)
            The :attr:`state`; with a tensor, its :meth:`tensor_state`; with a run, the
            :attr:`running` numbers, which may be changed in place.
        c : namespace of ndarrays of shape (runs, 1) or (1, 1)
            The :meth:`coefficients` in the network's precision, and the fields that are not
            numbers. Unless the rule is elementwise, `c.decayed` is the slice of the n entries on
            which weight decay acts if there is any.
        work : sequence of :attr:`scratch` ndarrays of shape (runs, n)
            Scratch space.
        """

    @staticmethod
    def update_matrix(theta: Array, g: Array, s: Namespace, c: Namespace, work: Workspace) -> None:
        """Take the step of one weight matrix, in place, if :attr:`whole_matrices`.

        Parameters
        ----------
        theta, g : ndarray of shape (runs, fan_in, fan_out)
            Weights, after their decay, and gradients, which may be overwritten. The kernels of a
            convolution are a matrix with a row for each number that a kernel sees, and a column
            for each channel.
        s : namespace of ndarrays of shape (runs, fan_in, fan_out)
            The :attr:`state`, and the :meth:`tensor_state` with its own shapes.
        c : namespace of ndarrays of shape (runs, 1, 1) or (1, 1, 1)
            The coefficients, as in :meth:`update` with one more axis; `c.decayed` is a slice of
            the rows.
        work : Workspace
            Buffers that persist between steps.
        """
        raise NotImplementedError

    @staticmethod
    def shrink(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        """Apply decoupled weight decay, in place, to parameters that decay, before the step.

        Parameters
        ----------
        theta, g, s, c, work
            The arguments of :meth:`update`; `c.decay` is 1 - ηλ.
        """
        theta *= c.decay

    @staticmethod
    def evaluated(h: Namespace, theta: Array, s: Namespace) -> Array | None:
        """Return the weights to evaluate, if they are not those at which gradients are taken.

        Parameters
        ----------
        h : namespace
            The hyperparameters as float64 arrays of shape (runs, 1), or (1, 1), and the fields
            that are not numbers.
        theta : ndarray of shape (runs, n)
            The parameters after the last step, which must not be changed.
        s : namespace of ndarrays of shape (runs, n)
            The :attr:`state`.

        Returns
        -------
        ndarray of shape (runs, n), or None
            None if they are `theta`.
        """
        return None

    @staticmethod
    def preconditioner(h: Namespace, s: Namespace, t: int) -> Float64Array | None:
        """Return the numbers by which step `t` divided the elements of its direction.

        Parameters
        ----------
        h : namespace
            The hyperparameters as float64 arrays of shape (runs, 1), or (1, 1), and the fields
            that are not numbers.
        s : namespace of float64 ndarrays of shape (runs, P)
            The :attr:`state` after the step.
        t : int
            The number of the step, from 1.

        Returns
        -------
        ndarray of shape (runs, P), or None
            None if the optimizer has no such diagonal.
        """
        return None

    def initial_state(self) -> dict[str, float]:
        """Return the initial values of :attr:`state` and :attr:`running` other than 0 and 1."""
        return {}


def is_number(value: object) -> bool:
    """Whether a hyperparameter is a number, and so may differ between runs that share a step."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
